//! What a liar makes of the events, commands and answers that pass it. Pure: it is given all that it needs to know.

use super::change::has;
use super::lie::{Invented, Lie, Misdescribed, OfCommands, OfEvents, Stale, Statistics, WrongClock};
use crate::peers::clock::{Estimate, PeerClock, ReportedTime};
use crate::peers::protocol::Command;
use crate::peers::{PeerInfo, Reported};
use peerproof_captures::event::{ChannelInfo, Description, PeerEvent};
use peerproof_captures::timeline::Answer;
use serde_json::{Map, Value, json};

/// What becomes of a command.
#[derive(Debug, PartialEq)]
pub(super) enum Action {
    /// It is done.
    Once(Command),
    /// It is done twice.
    Twice(Command),
    /// It is not done, and this is the answer.
    Not(Value),
}

/// A liar's memory of one case.
#[derive(Debug)]
pub(super) struct Teller {
    lie: Lie,
    /// How many events or commands came to which the lie applies.
    matched: u32,
    /// Events that were passed on.
    passed: u64,
    /// Events that came.
    came: u64,
    /// An event that waits for the next one.
    held: Option<Reported>,
    /// The first answer to a command whose answers are out of date.
    first: Option<Value>,
    /// Descriptions that were created so far, and of those that were changed: as they were answered, and as they are.
    created: u32,
    described: Vec<(String, String)>,
    clock: Option<(WrongClock, PeerClock)>,
    newest_us: u64,
}

/// Most descriptions of which a liar remembers what they truly were.
const MOST_DESCRIBED: usize = 64;

impl Teller {
    pub(super) fn new(lie: Lie) -> Self {
        let clock = match &lie {
            Lie::Clock(wrong) => Some((*wrong, PeerClock::default())),
            _ => None,
        };
        Self {
            lie,
            matched: 0,
            passed: 0,
            came: 0,
            held: None,
            first: None,
            created: 0,
            described: Vec::new(),
            clock,
            newest_us: 0,
        }
    }

    /// How many events were passed on.
    pub(super) fn passed(&self) -> u64 {
        self.passed
    }

    /// What is known of the clock that lies, if it does.
    pub(super) fn estimate(&self) -> Option<Estimate> {
        self.clock.as_ref().map(|(_, clock)| clock.estimate())
    }

    /// What is reported instead of an event. `now_us` is the time on the case's clock.
    pub(super) fn event(&mut self, reported: Reported, now_us: u64) -> Vec<Reported> {
        self.came += 1;
        let stated = self.stated(&reported);
        let mut passed = Vec::new();
        let mut held = self.held.take();
        if matches!(reported.event, PeerEvent::Lost { .. }) {
            // Nothing follows that.
            passed.extend(held.take());
        }
        match stated {
            Stated::This(events) => {
                for event in events {
                    passed.push(Reported { event, ..reported.clone() });
                }
            }
            Stated::Later => self.held = Some(reported.clone()),
        }
        if let Some(held) = held {
            // It is reported when the one that overtook it is.
            passed.push(Reported { at_us: reported.at_us, time: reported.time, ..held });
        }
        passed.into_iter().map(|one| self.numbered(one, now_us)).collect()
    }

    /// What is still to be reported when no event follows.
    pub(super) fn rest(&mut self, now_us: u64) -> Option<Reported> {
        self.held.take().map(|held| self.numbered(held, now_us))
    }

    fn stated(&mut self, reported: &Reported) -> Stated {
        let event = &reported.event;
        let itself = || Stated::This(vec![event.clone()]);
        // What comes last is true.
        if matches!(event, PeerEvent::Lost { .. }) {
            return itself();
        }
        let whole = serde_json::to_value(event).unwrap_or_default();
        let matched = &mut self.matched;
        let mut is = |of: &OfEvents| of.is(&whole, matched);
        match &self.lie {
            Lie::Swallow(of) if is(of) => Stated::This(Vec::new()),
            Lie::Delay(of) if is(of) => Stated::Later,
            Lie::Alter(of) if is(of) => Stated::This(vec![altered(&whole, of, event)]),
            Lie::Double(of) if is(of) => Stated::This(vec![event.clone(), altered(&whole, of, event)]),
            Lie::Invent(Invented { after, events }) if is(after) => {
                Stated::This(std::iter::once(event).chain(events).cloned().collect())
            }
            _ => itself(),
        }
    }

    /// The next event that is passed on, with the time that the peer's clock shows.
    fn numbered(&mut self, mut reported: Reported, now_us: u64) -> Reported {
        reported.seq = self.passed;
        self.passed += 1;
        if let Some((wrong, clock)) = &mut self.clock {
            let heard_us = reported.time.map_or(now_us, |time| time.heard_us).max(reported.at_us);
            let t_us = shown_us(*wrong, reported.at_us, reported.seq, true);
            clock.heard(t_us, heard_us);
            reported.time = Some(ReportedTime { t_us, heard_us });
            let placed = clock.place(t_us).map_or(heard_us, |placed| placed.round().max(0.0) as u64);
            reported.at_us = placed.min(heard_us);
        }
        reported.at_us = reported.at_us.max(self.newest_us);
        self.newest_us = reported.at_us;
        reported
    }

    /// What becomes of a command.
    pub(super) fn command(&mut self, command: Command) -> Action {
        let (name, args) = command.to_json();
        let matched = &mut self.matched;
        let mut is = |of: &OfCommands| of.is(&name, &args, matched);
        match &self.lie {
            Lie::Ignore(of) if is(of) => Action::Not(of.answer.clone().unwrap_or_else(|| likely(&command))),
            Lie::Repeat(of) if is(of) => Action::Twice(command),
            Lie::Misdo(of) if is(of) => {
                let mut args = args;
                of.fields.apply(&mut args);
                // What is no command any more is done as it was given.
                let changed = serde_json::from_value(json!({ "command": name, "args": args }));
                Action::Once(changed.unwrap_or(command))
            }
            Lie::Misdescribe(_) => Action::Once(self.as_described(command)),
            _ => Action::Once(command),
        }
    }

    /// A command with the description that is truly the peer's.
    fn as_described(&self, command: Command) -> Command {
        match command {
            Command::SetLocalDescription { description: Some(Description { kind, sdp }), as_type } => {
                let meant = self.described.iter().rev().find(|(answered, _)| *answered == sdp);
                let sdp = meant.map_or(sdp, |(_, own)| own.clone());
                Command::SetLocalDescription { description: Some(Description { kind, sdp }), as_type }
            }
            command => command,
        }
    }

    /// What is answered instead of the answer to a command, as it was given to the liar. The command was given at `asked_us` on the case's clock, and it is
    /// `now_us`.
    pub(super) fn answer(
        &mut self,
        command: &Command,
        answer: Answer,
        (asked_us, now_us): (u64, u64),
    ) -> Answer {
        let came = self.came;
        if let Some((wrong, clock)) = &mut self.clock
            && !wrong.silent
        {
            clock.answered(shown_us(*wrong, now_us, came, false), asked_us, now_us);
        }
        let Answer::Ok(mut value) = answer else { return answer };
        let (name, args) = command.to_json();
        match &self.lie {
            Lie::Reject(of) if of.is(&name, &args, &mut self.matched) => {
                let name = of.exception.clone().unwrap_or_else(|| "OperationError".to_owned());
                return Answer::Rejected { name, message: "it cannot be done".to_owned() };
            }
            Lie::Misanswer(of) if of.is(&name, &args, &mut self.matched) => of.fields.apply(&mut value),
            Lie::Stale(stale) if stale.command == name => value = outdated(stale, &mut self.first, value),
            Lie::Statistics(statistics) if name == "getStats" => statistics.apply(&mut value),
            Lie::Misdescribe(lie) => {
                let lie = lie.clone();
                self.describe(&lie, &name, &mut value);
            }
            _ => {}
        }
        Answer::Ok(value)
    }

    fn describe(&mut self, lie: &Misdescribed, name: &str, value: &mut Value) {
        let created = matches!(name, "createOffer" | "createAnswer");
        let text = match name {
            "createOffer" | "createAnswer" | "setLocalDescription" => value.get_mut("sdp"),
            "getState" => value.pointer_mut("/localDescription/sdp"),
            _ => None,
        };
        self.created += u32::from(created);
        if self.created < lie.nth.unwrap_or(0) {
            return;
        }
        let Some(Value::String(text)) = text else { return };
        let changed = lie.sdp.text(text);
        if created && changed != *text && self.described.len() < MOST_DESCRIBED {
            self.described.push((changed.clone(), text.clone()));
        }
        *text = changed;
    }
}

/// What becomes of an event.
enum Stated {
    /// These are reported.
    This(Vec<PeerEvent>),
    /// It is reported after the next one.
    Later,
}

/// An event with changed fields; itself if that is no event.
fn altered(whole: &Value, of: &OfEvents, event: &PeerEvent) -> PeerEvent {
    let mut whole = whole.clone();
    if let Some(data) = whole.get_mut("data") {
        of.fields.apply(data);
    }
    serde_json::from_value(whole).unwrap_or_else(|_| event.clone())
}

/// What the peer's clock shows.
fn shown_us(wrong: WrongClock, at_us: u64, event: u64, is_event: bool) -> f64 {
    let at = at_us as f64;
    if event < wrong.from {
        return at;
    }
    let ahead = if is_event { wrong.ahead_ms } else { wrong.answers_ahead_ms } * 1000.0;
    at * (1.0 + wrong.drift) + ahead
}

/// What a peer that had done this would have answered.
fn likely(command: &Command) -> Value {
    match command {
        Command::CreateDataChannel(options) => {
            let info = ChannelInfo {
                label: options.label.clone(),
                id: options.id,
                ordered: Some(options.ordered.unwrap_or(true)),
                max_retransmits: options.max_retransmits,
                max_packet_life_time: options.max_packet_life_time,
                protocol: options.protocol.clone().unwrap_or_default(),
                negotiated: options.negotiated.unwrap_or(false),
            };
            serde_json::to_value(info).unwrap_or_default()
        }
        Command::SetLocalDescription { description: Some(description), .. } => {
            serde_json::to_value(description).unwrap_or_default()
        }
        Command::AddTrack { .. } => json!({ "mid": null }),
        Command::AddTransceiver { .. } => json!({ "transceiver": 0, "mid": null }),
        Command::GetStats => json!({}),
        Command::GetTransceivers => json!([]),
        _ => Value::Null,
    }
}

/// The first answer again.
fn outdated(stale: &Stale, first: &mut Option<Value>, value: Value) -> Value {
    let Some(before) = first else {
        *first = Some(value.clone());
        return value;
    };
    let mut before = before.clone();
    if let (Value::Object(before), Value::Object(now)) = (&mut before, &value) {
        for (key, member) in before.iter_mut() {
            let (Value::Object(member), Some(Value::Object(now))) = (member, now.get(key)) else { continue };
            for key in &stale.but {
                if let Some(value) = now.get(key) {
                    member.insert(key.clone(), value.clone());
                }
            }
        }
    }
    before
}

impl Lie {
    /// What the peer says of itself. Its name is the scenario's.
    pub(super) fn greeting(&self, info: &PeerInfo) -> PeerInfo {
        let Self::Misgreet(fields) = self else { return info.clone() };
        let mut whole = serde_json::to_value(info).unwrap_or_default();
        fields.apply(&mut whole);
        let changed = serde_json::from_value(whole).unwrap_or_else(|_| info.clone());
        PeerInfo { name: info.name.clone(), ..changed }
    }
}

impl Statistics {
    fn apply(&self, report: &mut Value) {
        let Value::Object(report) = report else { return };
        let members = report.values_mut().filter(|one| one["type"] == *self.of && has(one, &self.with));
        members.for_each(|one| self.fields.apply(one));
    }
}

impl OfEvents {
    /// Whether an event is one of these; `matched` counts those that might be.
    fn is(&self, whole: &Value, matched: &mut u32) -> bool {
        let none = Value::Object(Map::new());
        let name = whole["event"].as_str().unwrap_or_default();
        let of = self.event.0.iter().any(|event| event == name)
            && has(whole.get("data").unwrap_or(&none), &self.with);
        of && counted(self.nth, matched)
    }
}

impl OfCommands {
    /// Whether a command is one of these; `matched` counts those that might be.
    fn is(&self, name: &str, args: &Value, matched: &mut u32) -> bool {
        let of = self.command.0.iter().any(|command| command == name) && has(args, &self.with);
        of && counted(self.nth, matched)
    }
}

fn counted(nth: Option<u32>, matched: &mut u32) -> bool {
    *matched = matched.saturating_add(1);
    nth.is_none_or(|nth| nth == *matched)
}
