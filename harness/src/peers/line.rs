//! A peer at the far end of a line of JSON messages: a browser's WebSocket, an adapter's standard input and output.
//!
//! Pairs answers with commands, checks that no event is missing, translates the peer's clock to the case's, and turns
//! whatever breaks into one [`PeerEvent::Lost`].

use super::clock::{self, Estimate, PeerClock, ReportedTime};
use super::protocol::Command;
use super::{CaseClock, Reported};
use crate::input::unmarked;
use crate::machine::within;
use futures::{Stream, StreamExt};
use peerproof_captures::event::{Message, PeerEvent};
use peerproof_captures::timeline::Answer;
use peerproof_stack::tap::SecretSink;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

/// What a peer says: an answer (`id`, `answer`) or an event (`seq`, `event`, `data`).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    id: Option<u64>,
    answer: Option<Answer>,
    seq: Option<u64>,
    event: Option<String>,
    data: Option<Value>,
    /// Milliseconds on the peer's clock.
    t: Option<f64>,
}

/// A command without an answer yet.
struct Asked {
    /// When it was given, on the case's clock.
    at_us: u64,
    answer: oneshot::Sender<Answer>,
}

struct Exchange {
    next_id: u64,
    pending: BTreeMap<u64, Asked>,
    next_seq: u64,
    /// How much of the peer's messages is kept until the case is judged.
    heard: Heard,
    /// Events that were passed on.
    reported: u64,
    /// What the peer's messages reveal of its clock.
    clock: PeerClock,
    newest_us: u64,
    /// Closed (`None`) when the peer has ended or is lost.
    events: Option<UnboundedSender<Reported>>,
    outgoing: Option<UnboundedSender<String>>,
    /// Why it is over.
    over: Option<String>,
    /// Events that the peer said it never reports, by their names or with a state (`dtlsstatechange:connecting`).
    unreported: BTreeSet<String>,
}

/// Why no message of a peer comes any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoMessage {
    /// Why, in a sentence.
    pub reason: String,
    /// Whether the peer broke the protocol.
    pub violates: bool,
}

/// The harness's end of the line.
#[derive(Clone)]
pub struct Line {
    state: Arc<Mutex<Exchange>>,
    clock: CaseClock,
    deadline: Duration,
    secrets: Option<Arc<dyn SecretSink>>,
}

impl Line {
    /// A line whose incoming messages are `incoming` (an error is why there are no more), to a peer that must answer within `deadline`.
    /// What it reports of its keys (`keylog`) goes to `secrets`; without one the event is malformed. Returns the line with the messages to
    /// send to the peer (that stream's end is the order to close) and its events.
    pub fn new(
        clock: CaseClock,
        deadline: Duration,
        incoming: impl Stream<Item = Result<String, NoMessage>> + Send + Unpin + 'static,
        secrets: Option<Arc<dyn SecretSink>>,
    ) -> (Self, UnboundedReceiver<String>, UnboundedReceiver<Reported>) {
        let (outgoing, to_send) = unbounded_channel();
        let (events, reported) = unbounded_channel();
        let state = Exchange {
            next_id: 0,
            pending: BTreeMap::new(),
            next_seq: 0,
            heard: Heard::default(),
            reported: 0,
            clock: PeerClock::default(),
            newest_us: 0,
            events: Some(events),
            outgoing: Some(outgoing),
            over: None,
            unreported: BTreeSet::new(),
        };
        let line = Self { state: Arc::new(Mutex::new(state)), clock, deadline, secrets };
        let reading = line.clone();
        tokio::spawn(async move { reading.read(incoming).await });
        (line, to_send, reported)
    }

    fn state(&self) -> MutexGuard<'_, Exchange> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a command and waits for its answer. A peer that does not answer in time is lost.
    pub async fn call(&self, command: &Command) -> Answer {
        self.call_within(command, self.deadline).await
    }

    /// The same with a deadline of its own.
    pub async fn call_within(&self, command: &Command, deadline: Duration) -> Answer {
        let name = command.name();
        let answered = {
            let mut state = self.state();
            if let Some(reason) = &state.over {
                return Answer::Lost { reason: reason.clone() };
            }
            let id = state.next_id;
            state.next_id += 1;
            let (answer, answered) = oneshot::channel();
            state.pending.insert(id, Asked { at_us: self.clock.now_us(), answer });
            if let Some(outgoing) = &state.outgoing {
                let mut message = json!({ "id": id });
                if let (Value::Object(message), Ok(Value::Object(answer))) =
                    (&mut message, serde_json::to_value(command))
                {
                    message.extend(answer);
                }
                // When nobody takes it any more the reader is about to find the line closed, and says so.
                let _ = outgoing.send(message.to_string());
            }
            answered
        };
        match within(deadline, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Answer::Lost { reason: self.over().unwrap_or_default() },
            Err(_) => {
                let reason = format!("no answer to {name} after {} s", deadline.as_secs());
                self.lose_for(&reason, true);
                Answer::Lost { reason }
            }
        }
    }

    /// What the peer's messages reveal of its clock so far.
    #[must_use]
    pub fn peer_clock(&self) -> Estimate {
        self.state().clock.estimate()
    }

    /// How many events have come.
    #[must_use]
    pub fn reported(&self) -> u64 {
        self.state().reported
    }

    /// Takes the peer's word that it never reports events of these names, or with these states (`dtlsstatechange:connecting`): one of
    /// them ends the line.
    pub fn never_reports(&self, unreported: &[String]) {
        self.state().unreported = unreported.iter().cloned().collect();
    }

    /// Why the line is over, if it is.
    #[must_use]
    pub fn over(&self) -> Option<String> {
        self.state().over.clone()
    }

    /// The peer is gone: reports it once, fails everything that waits.
    pub fn lose(&self, reason: &str) {
        self.lose_for(reason, false);
    }

    /// The same; `violates` if the peer broke the protocol.
    fn lose_for(&self, reason: &str, violates: bool) {
        let mut state = self.state();
        if state.over.is_none() {
            let at_us = self.clock.now_us().max(state.newest_us);
            let seq = state.reported;
            if let Some(events) = &state.events {
                let _ = events.send(Reported {
                    seq,
                    at_us,
                    time: None,
                    event: PeerEvent::Lost { reason: reason.to_owned(), violates },
                });
                state.reported += 1;
            }
            state.finish(reason);
        }
    }

    /// The case needs the peer no more. No event follows.
    pub fn end(&self) {
        self.state().finish("the peer has ended");
    }

    async fn read(&self, mut incoming: impl Stream<Item = Result<String, NoMessage>> + Unpin) {
        while let Some(heard) = incoming.next().await {
            let text = match heard {
                Ok(text) => text,
                Err(NoMessage { reason, violates }) => return self.lose_for(&reason, violates),
            };
            if let Err(reason) = self.take(&text) {
                return self.lose_for(&reason, true);
            }
        }
        self.lose("the connection to the peer is closed");
    }

    fn take(&self, text: &str) -> Result<(), String> {
        // Some runtimes begin their output with a byte order mark.
        let text = unmarked(text);
        self.state().heard.add(text)?;
        let said: Said = serde_json::from_str(text).map_err(|error| {
            let error = quote(&error.to_string());
            format!("the peer sent a message that the protocol does not define: {error}: {}", quote(text))
        })?;
        let heard_us = self.clock.now_us();
        let mut state = self.state();
        let time = said.t.and_then(clock::valid_us);
        match said {
            Said { id: Some(id), answer: Some(answer), .. } => {
                let asked = state
                    .pending
                    .remove(&id)
                    .ok_or(format!("the peer answered command {id}, which was not sent"))?;
                if let Some(t_us) = time {
                    state.clock.answered(t_us, asked.at_us, heard_us);
                }
                // Whoever asked may have given up.
                let _ = asked.answer.send(answer);
                Ok(())
            }
            Said { seq: Some(seq), event: Some(name), data, .. } => {
                if state.next_seq >= MOST_EVENTS {
                    return Err(format!("the peer reported more than {MOST_EVENTS} events"));
                }
                if seq != state.next_seq {
                    return Err(format!("event {} of the peer is missing: received {seq}", state.next_seq));
                }
                if let Some(unreported) = state.unreported_name(&name, data.as_ref()) {
                    return Err(format!("the peer reported {unreported}, which it said it never reports"));
                }
                if let Some(secrets) = self.secrets.as_ref().filter(|_| name == KEY_LOG) {
                    state.next_seq += 1;
                    drop(state);
                    secrets.key_log(key_log_line(data.as_ref())?);
                    return Ok(());
                }
                let mut whole = json!({ "event": name });
                if let (Some(data), Value::Object(map)) = (data, &mut whole) {
                    map.insert("data".to_owned(), data);
                }
                let event: PeerEvent = serde_json::from_value(whole).map_err(|error| {
                    let (name, error) = (quote(&name), quote(&error.to_string()));
                    format!("event {name} of the peer is malformed: {error}")
                })?;
                if let PeerEvent::ChannelMessage { message, .. } = &event {
                    agrees(message)?;
                }
                state.next_seq += 1;
                let time = time.map(|t_us| ReportedTime { t_us, heard_us });
                let placed = time.and_then(|ReportedTime { t_us, .. }| {
                    state.clock.heard(t_us, heard_us);
                    state.clock.place(t_us)
                });
                // Not after it was heard of, and never before the one ahead of it.
                let at_us = placed.map_or(heard_us, |placed| placed.round().max(0.0) as u64);
                let at_us = at_us.min(heard_us).max(state.newest_us);
                state.newest_us = at_us;
                if let Some(events) = &state.events {
                    // The timeline does not hold the secrets, and misses no number.
                    let _ = events.send(Reported { seq: state.reported, at_us, time, event });
                    state.reported += 1;
                }
                Ok(())
            }
            Said { .. } => Err(format!("the peer sent neither an answer nor an event: {}", quote(text))),
        }
    }
}

/// Makes sure that a message that is reported in full has the size and the checksum that are reported of it.
fn agrees(message: &Message) -> Result<(), String> {
    let Some(value) = &message.value else { return Ok(()) };
    let whole = value.as_bytes();
    let same = message.text && message.size == whole.len() as u64 && message.crc32 == crc32fast::hash(whole);
    let wrong = || format!("a message on {:?} does not match its size and CRC-32", message.channel);
    same.then_some(()).ok_or_else(wrong)
}

/// The most events that a peer reports in one case: all of them are kept until it is judged, and the timeline of a case must hold those of
/// both peers ([`peerproof_captures::timeline::MOST_ENTRIES`]).
const MOST_EVENTS: u64 = 50_000;

/// The most bytes of a peer's messages in one case.
const MOST_BYTES: usize = 24 << 20;

/// The most values of JSON, counted by their commas and brackets: a value takes more memory than its text.
const MOST_VALUES: usize = 1_000_000;

/// How much was heard of a peer.
#[derive(Debug, Default)]
struct Heard {
    bytes: usize,
    values: usize,
}

impl Heard {
    /// Counts a message before it is read.
    fn add(&mut self, text: &str) -> Result<(), String> {
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > MOST_BYTES {
            return Err(format!("the peer sent more than {} MiB of messages", MOST_BYTES >> 20));
        }
        let values = text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
        self.values = self.values.saturating_add(values);
        if self.values > MOST_VALUES {
            return Err(format!("the peer sent messages of more than {MOST_VALUES} values"));
        }
        Ok(())
    }
}

/// Longest part of what a peer said that stands in a reason.
const LONGEST_QUOTE: usize = 200;

/// The beginning of what a peer said.
pub(crate) fn quote(text: &str) -> String {
    text.chars().take(LONGEST_QUOTE).collect()
}

/// The event by which a peer reports a secret: `{line}`.
const KEY_LOG: &str = "keylog";

/// Longest line of a key log: a label, 32 bytes and a secret of 64 at most.
const LONGEST_KEY_LOG_LINE: usize = 512;

/// The line of a `keylog` event, if it is one: label, client random and secret.
pub(crate) fn key_log_line(data: Option<&Value>) -> Result<&str, String> {
    let line = data.and_then(|data| data.get("line")).and_then(Value::as_str).unwrap_or_default();
    let hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts: Vec<&str> = line.split(' ').collect();
    match parts.as_slice() {
        [label, random, secret]
            if line.len() <= LONGEST_KEY_LOG_LINE
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
                && random.len() == 64
                && hex(random)
                && hex(secret) =>
        {
            Ok(line)
        }
        _ => Err("event keylog of the peer is not a key log line".to_owned()),
    }
}

impl Exchange {
    /// By which of the names that the peer said it never reports it would report this event.
    fn unreported_name(&self, name: &str, data: Option<&Value>) -> Option<&str> {
        let state = data.and_then(|data| data.get("state")?.as_str());
        let whole = state.map(|state| format!("{name}:{state}"));
        self.unreported.get(name).or_else(|| self.unreported.get(&whole?)).map(String::as_str)
    }

    fn finish(&mut self, reason: &str) {
        if self.over.is_none() {
            self.over = Some(reason.to_owned());
        }
        self.events = None;
        self.outgoing = None;
        self.pending.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::channel::mpsc;

    fn line() -> (Line, UnboundedReceiver<String>, UnboundedReceiver<Reported>, mpsc::UnboundedSender<String>)
    {
        let (say, incoming) = mpsc::unbounded();
        let incoming = incoming.map(Ok);
        let (line, to_send, events) = Line::new(CaseClock::start(), Duration::from_secs(20), incoming, None);
        (line, to_send, events, say)
    }

    #[tokio::test]
    async fn answers_find_their_commands_in_any_order() {
        let (line, mut to_send, _events, say) = line();
        let both = async { tokio::join!(line.call(&Command::CreateAnswer), line.call(&Command::GetState)) };
        let far = async {
            assert_eq!(to_send.recv().await.unwrap(), r#"{"id":0,"command":"createAnswer"}"#);
            assert_eq!(to_send.recv().await.unwrap(), r#"{"id":1,"command":"getState"}"#);
            say.unbounded_send(r#"{"id":1,"t":5.0,"answer":{"ok":"state"}}"#.into()).unwrap();
            say.unbounded_send(
                r#"{"id":0,"answer":{"rejected":{"name":"InvalidStateError","message":"no"}}}"#.into(),
            )
            .unwrap();
        };
        let ((first, second), ()) = tokio::join!(both, far);
        assert_eq!(first, Answer::Rejected { name: "InvalidStateError".into(), message: "no".into() });
        assert_eq!(second, Answer::Ok(json!("state")));
    }

    #[tokio::test]
    async fn events_come_in_order_without_going_back_in_time() {
        let (line, _to_send, mut events, say) = line();
        line.state().clock.answered(0.0, 0, 0);
        say.unbounded_send(r#"{"seq":0,"t":0.002,"event":"negotiationneeded"}"#.into()).unwrap();
        say.unbounded_send(r#"{"seq":1,"t":0.001,"event":"icecandidate","data":{"candidate":null}}"#.into())
            .unwrap();
        let first = events.recv().await.unwrap();
        assert_eq!((first.seq, first.at_us, first.event), (0, 3, PeerEvent::NegotiationNeeded));
        let second = events.recv().await.unwrap();
        assert_eq!((second.at_us, second.event), (3, PeerEvent::IceCandidate { candidate: None }));
    }

    #[tokio::test]
    async fn every_answer_bounds_the_clock() {
        let (line, mut to_send, mut events, say) = line();
        let far = async {
            to_send.recv().await.unwrap();
            say.unbounded_send(r#"{"id":0,"t":7000.0,"answer":{"ok":null}}"#.into()).unwrap();
        };
        tokio::join!(line.call(&Command::Hello), far);
        let first = line.peer_clock();
        assert!(first.doubt.is_none() && first.error_us < 1_000_000, "{first:?}");
        // The peer's clock shows 7 s when the case begins.
        assert!((first.offset_us() + 7_000_000).unsigned_abs() <= line.clock.now_us());
        say.unbounded_send(r#"{"seq":0,"t":7000.0,"event":"negotiationneeded"}"#.into()).unwrap();
        let event = events.recv().await.unwrap();
        let time = event.time.unwrap();
        assert_eq!(time.t_us, 7_000_000.0);
        assert!(event.at_us <= time.heard_us);
        assert!(line.peer_clock().error_us <= first.error_us);
        assert_eq!(line.peer_clock().place(time), event.at_us);
    }

    #[tokio::test]
    async fn a_peer_that_reports_without_end_is_lost() {
        let (line, _to_send, mut events, say) = line();
        line.state().next_seq = MOST_EVENTS - 1;
        for seq in [MOST_EVENTS - 1, MOST_EVENTS] {
            say.unbounded_send(format!(r#"{{"seq":{seq},"t":1.0,"event":"negotiationneeded"}}"#)).unwrap();
        }
        assert_eq!(events.recv().await.unwrap().event, PeerEvent::NegotiationNeeded);
        let lost =
            PeerEvent::Lost { reason: "the peer reported more than 50000 events".into(), violates: true };
        assert_eq!(events.recv().await.unwrap().event, lost);
    }

    #[tokio::test]
    async fn a_peer_whose_messages_are_too_many_or_too_large_is_lost() {
        let answer = |size: usize| format!(r#"{{"id":0,"answer":{{"ok":"{}"}}}}"#, "x".repeat(size));
        let values = format!(r#"{{"id":0,"answer":{{"ok":[0{}]}}}}"#, ",0".repeat(MOST_VALUES));
        for (hostile, reason) in [
            (answer(MOST_BYTES), "the peer sent more than 24 MiB of messages"),
            (values, "the peer sent messages of more than 1000000 values"),
        ] {
            let (_line, _to_send, mut events, say) = line();
            say.unbounded_send(hostile).unwrap();
            let lost = PeerEvent::Lost { reason: reason.into(), violates: true };
            assert_eq!(events.recv().await.unwrap().event, lost);
        }
    }

    #[tokio::test]
    async fn the_reason_of_a_loss_is_short_whatever_the_peer_sent() {
        let long = "x".repeat(1 << 20);
        for nonsense in [
            long.clone(),
            format!(r#"{{"{long}":0}}"#),
            format!(r#"{{"seq":0,"event":"{long}"}}"#),
            format!(r#"{{"seq":0,"event":"signalingstatechange","data":{{"state":"{long}"}}}}"#),
        ] {
            let (_line, _to_send, mut events, say) = line();
            say.unbounded_send(nonsense).unwrap();
            let PeerEvent::Lost { reason, violates: true } = events.recv().await.unwrap().event else {
                panic!("it is lost")
            };
            assert!(reason.len() < 1000, "{} bytes", reason.len());
        }
    }

    #[tokio::test]
    async fn a_missing_event_loses_the_peer() {
        let (line, _to_send, mut events, say) = line();
        say.unbounded_send(r#"{"seq":1,"t":1.0,"event":"negotiationneeded"}"#.into()).unwrap();
        let lost = events.recv().await.unwrap();
        assert_eq!(
            lost.event,
            PeerEvent::Lost { reason: "event 0 of the peer is missing: received 1".into(), violates: true }
        );
        assert_eq!(events.recv().await, None);
        assert!(matches!(line.call(&Command::GetState).await, Answer::Lost { .. }));
    }

    #[tokio::test]
    async fn what_the_protocol_does_not_know_loses_the_peer() {
        for nonsense in ["{}", "[", r#"{"seq":0,"event":"nosuch"}"#, r#"{"id":9,"answer":{"ok":null}}"#] {
            let (_line, _to_send, mut events, say) = line();
            say.unbounded_send(nonsense.into()).unwrap();
            assert!(
                matches!(events.recv().await.unwrap().event, PeerEvent::Lost { violates: true, .. }),
                "{nonsense}"
            );
        }
    }

    #[tokio::test]
    async fn an_event_with_a_state_that_the_peer_said_it_never_reports_loses_it() {
        let (line, _to_send, mut events, say) = line();
        line.never_reports(&["dtlsstatechange:connecting".to_owned()]);
        let report = |seq: u64, state: &str| {
            format!(r#"{{"seq":{seq},"t":1.0,"event":"dtlsstatechange","data":{{"state":"{state}"}}}}"#)
        };
        say.unbounded_send(report(0, "connected")).unwrap();
        assert!(matches!(events.recv().await.unwrap().event, PeerEvent::DtlsStateChange { .. }));
        say.unbounded_send(report(1, "connecting")).unwrap();
        let reason =
            "the peer reported dtlsstatechange:connecting, which it said it never reports".to_owned();
        assert_eq!(events.recv().await.unwrap().event, PeerEvent::Lost { reason, violates: true });
    }

    #[tokio::test]
    async fn a_closed_line_answers_lost_and_reports_it_once() {
        let (line, mut to_send, mut events, say) = line();
        let call = line.call(&Command::GetStats);
        let close = async {
            to_send.recv().await.unwrap();
            drop(say);
        };
        let (answer, ()) = tokio::join!(call, close);
        assert_eq!(answer, Answer::Lost { reason: "the connection to the peer is closed".into() });
        assert!(matches!(events.recv().await.unwrap().event, PeerEvent::Lost { violates: false, .. }));
        assert_eq!(events.recv().await, None);
    }

    #[tokio::test]
    async fn a_peer_that_does_not_answer_in_time_is_lost() {
        let (mut line, _to_send, mut events, _say) = line();
        line.deadline = Duration::from_millis(1);
        let answer = line.call(&Command::GetStats).await;
        assert_eq!(answer, Answer::Lost { reason: "no answer to getStats after 0 s".into() });
        assert!(matches!(events.recv().await.unwrap().event, PeerEvent::Lost { violates: true, .. }));
    }

    #[tokio::test]
    async fn after_the_end_no_loss_is_reported() {
        let (line, _to_send, mut events, say) = line();
        line.end();
        drop(say);
        assert_eq!(events.recv().await, None);
    }

    #[tokio::test]
    async fn why_no_message_comes_says_whether_the_protocol_was_broken() {
        for violates in [false, true] {
            let why = NoMessage { reason: "there is no more".to_owned(), violates };
            let incoming = futures::stream::iter([Err(why)]);
            let (_line, _to_send, mut events) =
                Line::new(CaseClock::start(), Duration::from_secs(20), incoming, None);
            let lost = PeerEvent::Lost { reason: "there is no more".to_owned(), violates };
            assert_eq!(events.recv().await.unwrap().event, lost);
        }
    }
}
