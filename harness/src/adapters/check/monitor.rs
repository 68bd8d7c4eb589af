//! What a program writes, line by line: whether each is a message, whether events are numbered and answers were asked for, and whether
//! its clock is one.
//!
//! This is a reader of its own, stricter than the one that plays cases: that one gives the peer up at the first trouble, this one names it
//! and goes on.

use super::outcome::shortened;
use crate::peers::line::key_log_line;
use crate::peers::protocol::VERSION;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::Answer;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Milliseconds by which times may contradict each other: a clock of whole milliseconds is allowed.
const SLACK_MS: f64 = 3.0;
/// How much two good clocks may drift apart, as a part of the time that passed.
const DRIFT: f64 = 500e-6;
/// Milliseconds by which events may be out of order: two threads of a program may take the time and report in different orders.
const DISORDER_MS: f64 = 5.0;

/// A rule of the line that a program can break at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rule {
    Message,
    Answers,
    Events,
    Numbers,
    Time,
    Order,
    Clock,
    Keys,
    Secrets,
}

impl Rule {
    /// All of them, in the order in which they are shown.
    pub(super) const ALL: [Self; 9] = [
        Self::Message,
        Self::Answers,
        Self::Events,
        Self::Numbers,
        Self::Time,
        Self::Order,
        Self::Clock,
        Self::Keys,
        Self::Secrets,
    ];

    /// What holds if it is kept.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Message => "every line is an answer or an event",
            Self::Answers => "each command is answered exactly once",
            Self::Events => "events are those of the protocol",
            Self::Numbers => "events are numbered from 0 without gaps",
            Self::Time => "every event has its time",
            Self::Order => "the times of events do not run backwards",
            Self::Clock => "times fit the harness's clock",
            Self::Keys => "keylog events hold lines of a key log",
            Self::Secrets => "both ends report the same secret of a handshake",
        }
    }

    /// What the protocol asks for.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Message => "{id, t, answer} or {seq, t, event, data}",
            Self::Answers => {
                "{ok}, {rejected: {name, message}} or {unsupported: {reason}}, once for each command"
            }
            Self::Events => "an event with its data",
            Self::Numbers => "the next number",
            Self::Time => "`t` in milliseconds",
            Self::Order => "a time not before the last event's",
            Self::Clock => "a time between the command and the arrival of the line",
            Self::Keys => "label, client random and secret",
            Self::Secrets => "one secret for a label and a client random",
        }
    }
}

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) rule: Rule,
    /// What was found.
    pub(super) found: String,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    /// An answer to a command that was given.
    Answer { id: u64, answer: Answer },
    /// An event.
    Event(PeerEvent),
    /// A secret, as a line of a key log.
    Key(String),
    /// Nothing that could be used.
    Nothing,
}

/// A message's members; any other makes it none, as for the reader that plays cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    id: Option<u64>,
    answer: Option<Value>,
    seq: Option<u64>,
    event: Option<String>,
    data: Option<Value>,
    t: Option<f64>,
}

/// A line, the time that it contains, and when it was heard on our clock.
struct Heard<'a> {
    line: &'a str,
    t: Option<f64>,
    now: f64,
}

/// Follows what one process writes in one case.
#[derive(Debug, Default)]
pub(super) struct Monitor {
    /// Commands without an answer: name, and when they were given.
    pending: BTreeMap<u64, (String, f64)>,
    answered: BTreeSet<u64>,
    next_seq: u64,
    newest: Option<f64>,
    /// The peer's clock shows at least `t − latest` and at most `t − earliest` on ours: the bounds that its messages leave.
    earliest: Option<f64>,
    latest: Option<f64>,
    /// The first message with a time: ours and the peer's.
    first: Option<(f64, f64)>,
    /// Answers without a time.
    pub(super) timeless: u64,
    /// The command that ends the case.
    last: Option<u64>,
}

impl Monitor {
    /// A command is given, at a time of our clock in milliseconds.
    pub(super) fn asked(&mut self, id: u64, name: &str, now: f64) {
        self.pending.insert(id, (name.to_owned(), now));
        if name == "end" {
            self.last = Some(id);
        }
    }

    /// A line came, at a time of our clock in milliseconds. What breaks a rule goes to `faults`.
    pub(super) fn take(&mut self, line: &str, now: f64, faults: &mut Vec<Fault>) -> Said {
        let mut fault = |rule, found: String| faults.push(Fault { rule, found });
        let members: Members = match serde_json::from_str(line) {
            Ok(members) => members,
            Err(error) => {
                fault(Rule::Message, format!("{error}: {}", shortened(line)));
                return Said::Nothing;
            }
        };
        match members {
            Members { id: Some(id), answer: Some(answer), seq: None, event: None, data: None, t } => {
                self.answer(&Heard { line, t, now }, id, answer, &mut fault)
            }
            Members { id: None, answer: None, seq: Some(seq), event: Some(event), data, t } => {
                self.event(&Heard { line, t, now }, seq, &event, data, &mut fault)
            }
            _ => {
                fault(Rule::Message, format!("neither an answer nor an event: {}", shortened(line)));
                Said::Nothing
            }
        }
    }

    fn answer(
        &mut self,
        heard: &Heard<'_>,
        id: u64,
        answer: Value,
        fault: &mut impl FnMut(Rule, String),
    ) -> Said {
        let line = heard.line;
        let Some((_, asked)) = self.pending.remove(&id) else {
            let what =
                if self.answered.contains(&id) { "answered twice" } else { "no such command was sent" };
            fault(Rule::Answers, format!("command {id}, {what}: {}", shortened(line)));
            return Said::Nothing;
        };
        self.answered.insert(id);
        match heard.t {
            Some(t) => {
                self.clock(heard, t, Some(asked), fault);
            }
            None => self.timeless += 1,
        }
        let answer = match serde_json::from_value(answer) {
            Ok(Answer::Lost { .. }) => {
                fault(Rule::Answers, format!("`lost` is reserved for the harness: {}", shortened(line)));
                Answer::Lost { reason: shortened(line) }
            }
            Ok(answer) => answer,
            Err(error) => {
                fault(Rule::Answers, format!("a malformed answer, {error}: {}", shortened(line)));
                Answer::Lost { reason: shortened(line) }
            }
        };
        if self.last == Some(id) && matches!(answer, Answer::Ok(_)) {
            // The next case begins: numbers start anew, the clock may.
            *self = Self { timeless: self.timeless, ..Self::default() };
        }
        Said::Answer { id, answer }
    }

    fn event(
        &mut self,
        heard: &Heard<'_>,
        seq: u64,
        name: &str,
        data: Option<Value>,
        fault: &mut impl FnMut(Rule, String),
    ) -> Said {
        let line = heard.line;
        if seq != self.next_seq {
            let what = if seq < self.next_seq { "duplicate" } else { "arrived; an earlier one is missing" };
            fault(Rule::Numbers, format!("{} was next, {seq} {what}: {}", self.next_seq, shortened(line)));
        }
        // After a gap the numbers count from there, or each later event would be one more fault.
        self.next_seq = self.next_seq.max(seq.saturating_add(1));
        match heard.t {
            None => fault(Rule::Time, format!("no `t`: {}", shortened(line))),
            Some(t) => {
                if let Some(newest) = self.newest.filter(|newest| t < newest - DISORDER_MS) {
                    let back = newest - t;
                    fault(Rule::Order, format!("{back:.3} ms before the last event: {}", shortened(line)));
                }
                if self.clock(heard, t, None, fault) {
                    self.newest = Some(self.newest.map_or(t, |newest| newest.max(t)));
                }
            }
        }
        if name == "keylog" {
            return match key_log_line(data.as_ref()) {
                Ok(line) => Said::Key(line.to_owned()),
                Err(_) => {
                    fault(Rule::Keys, shortened(line));
                    Said::Nothing
                }
            };
        }
        let mut whole = json!({ "event": name });
        if let (Some(data), Value::Object(whole)) = (data, &mut whole) {
            whole.insert("data".to_owned(), data);
        }
        match serde_json::from_value(whole) {
            Ok(PeerEvent::Lost { .. }) => {
                fault(Rule::Events, format!("`lost` is reserved for the harness: {}", shortened(line)));
                Said::Nothing
            }
            Ok(event) => Said::Event(event),
            Err(error) => {
                let known = format!("not an event of version {VERSION}");
                let error = error.to_string();
                let error = if error.starts_with("unknown variant `") && error.contains(&format!("`{name}`"))
                {
                    known
                } else {
                    error
                };
                fault(Rule::Events, format!("{}: {}", shortened(&error), shortened(line)));
                Said::Nothing
            }
        }
    }

    /// Compares the peer's time with ours: what is reported happened before it was heard, an answer after its command. Returns whether it
    /// can be so; what cannot bounds nothing.
    fn clock(
        &mut self,
        &Heard { line, now, .. }: &Heard<'_>,
        t: f64,
        asked: Option<f64>,
        fault: &mut impl FnMut(Rule, String),
    ) -> bool {
        let (first_now, first_t) = *self.first.get_or_insert((now, t));
        let slack = SLACK_MS + (now - first_now) * DRIFT;
        let ran = format!(
            "since its first message: {:.0} ms by its clock, {:.0} ms by the harness's",
            t - first_t,
            now - first_now
        );
        let heard = now - t;
        if let Some(late) = self.earliest.map(|earliest| earliest - heard).filter(|late| *late > slack) {
            fault(Rule::Clock, format!("{late:.1} ms in the future ({ran}): {}", shortened(line)));
            return false;
        }
        let asked = asked.map(|asked| asked - t);
        if let Some(early) = asked.zip(self.latest).map(|(asked, latest)| asked - latest)
            && early > slack
        {
            let what = "before the command that it answers";
            fault(Rule::Clock, format!("{early:.1} ms {what} ({ran}): {}", shortened(line)));
            return false;
        }
        self.latest = Some(self.latest.map_or(heard, |latest| latest.min(heard)));
        if let Some(asked) = asked {
            self.earliest = Some(self.earliest.map_or(asked, |earliest| earliest.max(asked)));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each line breaks, given commands 0 and 1 at the time 0, each line a millisecond after the last.
    fn faults(lines: &[&str]) -> Vec<Rule> {
        let mut monitor = Monitor::default();
        monitor.asked(0, "hello", 0.0);
        monitor.asked(1, "getState", 0.0);
        let mut faults = Vec::new();
        for (n, line) in lines.iter().enumerate() {
            monitor.take(line, n as f64 + 1.0, &mut faults);
        }
        faults.into_iter().map(|fault| fault.rule).collect()
    }

    #[test]
    fn what_is_right_breaks_nothing() {
        let answer = r#"{"id":0,"t":500.5,"answer":{"ok":null}}"#;
        let event = r#"{"seq":0,"t":501.0,"event":"negotiationneeded"}"#;
        let other = r#"{"id":1,"t":501.5,"answer":{"unsupported":{"reason":"no"}}}"#;
        assert_eq!(faults(&[answer, event, other]), []);
    }

    #[test]
    fn what_is_no_message_is_reported() {
        let nested = "[".repeat(1000);
        for line in ["hello", "[]", "{}", r#"{"id":0}"#, r#"{"id":0,"answer":{"ok":1},"more":1}"#, &nested] {
            assert_eq!(faults(&[line]), [Rule::Message], "{line}");
        }
    }

    #[test]
    fn answers_are_asked_for_and_of_the_known_kinds() {
        let ok = r#"{"id":0,"answer":{"ok":null}}"#;
        assert_eq!(faults(&[ok, ok]), [Rule::Answers]);
        assert_eq!(faults(&[r#"{"id":7,"answer":{"ok":null}}"#]), [Rule::Answers]);
        assert_eq!(faults(&[r#"{"id":0,"answer":{"fine":null}}"#]), [Rule::Answers]);
        assert_eq!(faults(&[r#"{"id":0,"answer":{"lost":{"reason":"x"}}}"#]), [Rule::Answers]);
    }

    #[test]
    fn numbers_have_no_gaps_and_no_doubles() {
        let event = |seq: u64| format!(r#"{{"seq":{seq},"t":1.0,"event":"negotiationneeded"}}"#);
        let [zero, one, three, four] = [0, 1, 3, 4].map(event);
        assert_eq!(faults(&[&zero, &one, &one, &three, &four]), [Rule::Numbers, Rule::Numbers]);
        assert_eq!(faults(&[&one]), [Rule::Numbers]);
    }

    #[test]
    fn events_are_known_and_whole() {
        assert_eq!(faults(&[r#"{"seq":0,"t":1,"event":"nosuch"}"#]), [Rule::Events]);
        assert_eq!(faults(&[r#"{"seq":0,"t":1,"event":"lost","data":{"reason":"x"}}"#]), [Rule::Events]);
        let state = r#"{"seq":0,"t":1,"event":"connectionstatechange","data":{"state":"on"}}"#;
        assert_eq!(faults(&[state]), [Rule::Events]);
        assert_eq!(faults(&[r#"{"seq":0,"t":1,"event":"keylog","data":{"line":"x"}}"#]), [Rule::Keys]);
        assert_eq!(faults(&[r#"{"seq":0,"event":"negotiationneeded"}"#]), [Rule::Time]);
        assert_eq!(faults(&[r#"{"seq":0,"t":1e999,"event":"negotiationneeded"}"#]), [Rule::Message]);
    }

    #[test]
    fn a_clock_is_bounded_by_commands_and_their_answers() {
        let answer = r#"{"id":0,"t":100.5,"answer":{"ok":null}}"#;
        let future = r#"{"seq":0,"t":1100.0,"event":"negotiationneeded"}"#;
        let other = r#"{"id":1,"t":101.0,"answer":{"ok":null}}"#;
        assert_eq!(faults(&[answer, future, other]), [Rule::Clock]);
        let back = r#"{"seq":1,"t":20.0,"event":"negotiationneeded"}"#;
        let good = r#"{"seq":0,"t":101.0,"event":"negotiationneeded"}"#;
        assert_eq!(faults(&[answer, good, back]), [Rule::Order]);
        // A clock that counts seconds is found out after a while.
        let mut monitor = Monitor::default();
        let mut found = Vec::new();
        for n in 0..10_u32 {
            let now = f64::from(n) * 10.0;
            monitor.asked(n.into(), "getState", now);
            let line = format!(r#"{{"id":{n},"t":{},"answer":{{"ok":null}}}}"#, now / 1000.0);
            monitor.take(&line, now + 0.5, &mut found);
        }
        assert!(found.iter().any(|fault| fault.rule == Rule::Clock), "{found:?}");
    }

    #[test]
    fn after_the_end_all_begins_anew() {
        let mut monitor = Monitor::default();
        let mut found = Vec::new();
        monitor.asked(0, "hello", 0.0);
        monitor.asked(1, "end", 0.0);
        monitor.take(r#"{"id":0,"t":5000,"answer":{"ok":null}}"#, 1.0, &mut found);
        monitor.take(r#"{"seq":0,"t":5001,"event":"negotiationneeded"}"#, 2.0, &mut found);
        monitor.take(r#"{"id":1,"t":5002,"answer":{"ok":null}}"#, 3.0, &mut found);
        monitor.asked(0, "hello", 4.0);
        monitor.take(r#"{"id":0,"t":1,"answer":{"ok":null}}"#, 5.0, &mut found);
        monitor.take(r#"{"seq":0,"t":2,"event":"negotiationneeded"}"#, 6.0, &mut found);
        assert_eq!(found, []);
    }
}
