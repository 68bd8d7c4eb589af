//! How steps, conditions, rules and notes read. Every sentence about them is made here, and nothing reads one back but `earlier`,
//! of recordings that have only sentences.

use super::condition::{Condition, PeerState};
use super::loss::LossCause;
use super::note::Note;
use super::rule::{Rule, RuleAction};
use super::step::{Action, Expected, HarnessStep, Key, Lack, Seen, Step, StepOutcome};
use crate::event::PeerEvent;
use crate::server::{ServerEvent, ServerEventKind};
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::{self, Display, Formatter};

/// Most bytes of a peer's last event that are shown.
const MOST_OF_EVENT: usize = 200;

/// Most bytes of what a peer said in words of its own.
const MOST_OF_WORDS: usize = 1_000;

/// The beginning of what a peer said.
fn brief(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MOST_OF_WORDS)).unwrap_or(text)
}

/// The word by which serde names a variant without content, or the key of one that has some.
fn name(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        Ok(Value::Object(map)) => map.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

/// Most bytes of an argument that are shown.
const MOST_OF_ARGUMENT: usize = 300;

/// A value on one line, its end cut off if it is long.
fn short_json(value: &Value) -> String {
    let text = value.to_string();
    match text.get(..text.floor_char_boundary(MOST_OF_ARGUMENT)) {
        Some(begin) if begin.len() < text.len() => format!("{begin}… ({} bytes)", text.len()),
        _ => text,
    }
}

/// `1 packet`, `2 packets`.
fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A duration in milliseconds, as scenarios write it.
fn span(ms: u64) -> String {
    if ms.is_multiple_of(1000) { format!("{}s", ms / 1000) } else { format!("{ms}ms") }
}

/// `name word`, `name {"json":1}`, or the name alone if there are no arguments.
fn call(f: &mut Formatter<'_>, name: &str, args: &Value) -> fmt::Result {
    match args {
        Value::Object(none) if none.is_empty() => f.write_str(name),
        Value::String(word) => write!(f, "{name} {}", brief(word)),
        args => write!(f, "{name} {}", short_json(args)),
    }
}

/// `alice: createDataChannel {"label":"chat"}`.
impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(peer) = &self.peer {
            write!(f, "{peer}: ")?;
        }
        self.action.fmt(f)?;
        if let Some(within) = self.within_ms {
            write!(f, ", within {}", span(within))?;
        }
        if let Some(rejects) = &self.rejects {
            write!(f, ", rejects {rejects}")?;
        }
        if let Some(binds) = &self.binds {
            write!(f, ", as {binds}")?;
        }
        if let Some(answers) = &self.answers {
            f.write_str(", ")?;
            call(f, "answers", answers)?;
        }
        Ok(())
    }
}

impl Display for Action {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command { name, args } => call(f, name, args),
            Self::Await(condition) => call(f, "await", &serde_json::to_value(condition).unwrap_or_default()),
            Self::Never { event, for_ms } => {
                call(f, "never", &json!({ "event": event, "for": span(*for_ms) }))
            }
            Self::Harness { step, args } => match args {
                Value::Object(args) => {
                    step.fmt(f)?;
                    for (n, (name, value)) in args.iter().enumerate() {
                        f.write_str(if n == 0 { ": " } else { ", " })?;
                        call(f, name, value)?;
                    }
                    Ok(())
                }
                Value::String(word) => write!(f, "{step}: {}", brief(word)),
                args => write!(f, "{step}: {}", short_json(args)),
            },
        }
    }
}

impl Display for HarnessStep {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&name(self))
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match serde_json::to_value(self) {
            Ok(Value::String(word)) => f.write_str(&word),
            Ok(Value::Object(map)) => map.iter().try_for_each(|(name, value)| match value {
                Value::String(word) => write!(f, "{name} {}", brief(word)),
                value => write!(f, "{name} {}", short_json(value)),
            }),
            _ => Ok(()),
        }
    }
}

/// `connectionState connected`.
impl Display for PeerState {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignalingState(state) => write!(f, "signalingState {state}"),
            Self::IceGatheringState(state) => write!(f, "iceGatheringState {state}"),
            Self::IceConnectionState(state) => write!(f, "iceConnectionState {state}"),
            Self::ConnectionState(state) => write!(f, "connectionState {state}"),
            Self::IceTransportState(state) => write!(f, "iceTransportState {state}"),
            Self::DtlsState(state) => write!(f, "dtlsState {state}"),
            Self::SctpState(state) => write!(f, "sctpState {state}"),
        }
    }
}

impl Display for ServerEventKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&name(self))
    }
}

/// A member of the value that a command answers with: `getState.sctp[0]`.
fn place(f: &mut Formatter<'_>, command: &str, path: &[Key]) -> fmt::Result {
    f.write_str(command)?;
    path.iter().try_for_each(|key| match key {
        Key::Name(name) => write!(f, ".{name}"),
        Key::Index(index) => write!(f, "[{index}]"),
    })
}

impl Display for Expected {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Condition { peer, condition } => write!(f, "{condition} at {peer}"),
            Self::NoCondition { peer, condition } => write!(f, "no {condition} at {peer}"),
            Self::Success { peer, command } => write!(f, "{peer}'s {command}() to succeed"),
            Self::Rejection { peer, command, exception } => {
                write!(f, "{peer}'s {command}() to fail with {exception}")
            }
            Self::Answer { peer } => write!(f, "an answer of {peer}"),
            Self::AnswerValue { command, path, value, .. } => {
                place(f, command, path)?;
                write!(f, " = {}", brief(&value.to_string()))
            }
            Self::ServerEvent { server, event, code, times, sockets } => {
                write!(f, "{event}")?;
                if let Some(code) = code {
                    write!(f, " {code}")?;
                }
                match (times, sockets) {
                    (Some(times), _) => write!(f, ", {}", counted(u64::from(*times), "time"))?,
                    (None, Some(sockets)) => write!(f, " of {}", counted(u64::from(*sockets), "socket"))?,
                    (None, None) => {}
                }
                write!(f, " at {server}")
            }
            Self::NoServerEvent { server, event } => write!(f, "no {event} at {server}"),
            Self::RuleActs { rule, times } => {
                write!(f, "a packet that the rule {rule} matches, {}", counted(u64::from(*times), "time"))
            }
            Self::Bitrate { from, over_ms, at_least_kbit, at_most_kbit } => {
                f.write_str("a rate of ")?;
                match (at_least_kbit, at_most_kbit) {
                    (Some(least), None) => write!(f, "at least {least}")?,
                    (Some(least), Some(most)) => write!(f, "{least} to {most}")?,
                    (None, most) => write!(f, "at most {}", most.unwrap_or(u64::MAX))?,
                }
                write!(f, " kbit/s of media from {from} over {}", span(*over_ms))
            }
            Self::Streams { from, rids } => write!(f, "media of the streams {} from {from}", rids.join(", ")),
            Self::Silence { for_ms } => write!(f, "{} without a packet", span(*for_ms)),
            Self::AllSteps => f.write_str("the end of all steps"),
        }
    }
}

impl Display for Seen {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(state) => state.fmt(f),
            Self::Occurred(condition) => condition.fmt(f),
            Self::Events { connection, dtls, last, nearest, counted } => {
                match nearest {
                    Some(event) if *counted => {
                        write!(f, "{}, which an earlier step counted; ", short(event))?;
                    }
                    Some(event) => write!(f, "{} came instead; ", short(event))?,
                    None => {}
                }
                match (connection.map(PeerState::ConnectionState), dtls.map(PeerState::DtlsState)) {
                    (Some(connection), Some(dtls)) => write!(f, "{connection}, {dtls}")?,
                    (Some(state), None) | (None, Some(state)) => state.fmt(f)?,
                    (None, None) => f.write_str("no connection yet")?,
                }
                f.write_str("; the last event was ")?;
                match last {
                    Some(event) => f.write_str(&short(event)),
                    None => f.write_str("none"),
                }
            }
            Self::Gone { peer, reason } => write!(f, "{peer} is gone: {}", brief(reason)),
            Self::Performed { command } => write!(f, "{command} is done"),
            Self::Exception { name, message } => write!(f, "{}: {}", brief(name), brief(message)),
            Self::AnswerValue { command, path, value } => {
                place(f, command, path)?;
                write!(f, " = {}", brief(&value.to_string()))
            }
            Self::ServerEvents { server, events } => match events.as_slice() {
                [] => write!(f, "nothing from {server}"),
                events => list(f, events.iter().map(server_event)),
            },
            Self::RuleActed { times, undecrypted } => {
                write!(f, "it matched {}", counted(u64::from(*times), "time"))?;
                match undecrypted {
                    0 => Ok(()),
                    unread => write!(
                        f,
                        "; {} could not be decrypted (no keys)",
                        counted(u64::from(*unread), "packet")
                    ),
                }
            }
            Self::Bitrate { kbit } => write!(f, "it was {kbit} kbit/s"),
            Self::Streams { rids } if rids.is_empty() => f.write_str("none of them"),
            Self::Streams { rids } => f.write_str(&rids.join(", ")),
            Self::Packets => f.write_str("packets"),
            Self::Running { step } => write!(f, "step {} still running", step + 1),
        }
    }
}

/// An event in the words in which a scenario awaits it, its end cut off if it is long.
fn short(event: &PeerEvent) -> String {
    if let Some(state) = PeerState::of(event) {
        return state.to_string();
    }
    let mut text = match event {
        PeerEvent::ChannelMessage { message, .. } => match &message.value {
            Some(value) => format!("the message {value:?} of channel {:?}", message.channel),
            None => {
                let size = counted(message.size, "byte");
                format!("a message of {size} of channel {:?}", message.channel)
            }
        },
        PeerEvent::DataChannel { channel } => format!("datachannel {:?}", channel.label),
        PeerEvent::ChannelOpen { channel } => format!("open {:?}", channel.label),
        PeerEvent::ChannelClosing { channel, .. } => format!("closing {channel:?}"),
        PeerEvent::ChannelClose { channel, .. } => format!("close {channel:?}"),
        PeerEvent::ChannelError { channel, error } => format!("error {channel:?} ({error:?})"),
        PeerEvent::BufferedAmountLow { channel } => format!("bufferedamountlow {channel:?}"),
        PeerEvent::NegotiationNeeded => "negotiationneeded".to_owned(),
        PeerEvent::SelectedCandidatePairChange { .. } => "selectedcandidatepairchange".to_owned(),
        PeerEvent::IceCandidate { candidate: None } => "the end of the icecandidates".to_owned(),
        PeerEvent::IceCandidate { candidate: Some(candidate) } => {
            let kind = candidate.candidate.split(' ').skip_while(|word| *word != "typ").nth(1);
            format!("icecandidate of type {:?}", kind.unwrap_or_default())
        }
        PeerEvent::IceCandidateError { error_code, url, .. } => {
            format!("icecandidateerror {error_code} of {url:?}")
        }
        PeerEvent::Track { kind, mid: Some(mid), .. } => format!("track of {kind} with MID {mid:?}"),
        PeerEvent::Track { kind, mid: None, .. } => format!("track of {kind}"),
        PeerEvent::MediaSeen { kind, frames, .. } => {
            format!("media of {kind}, {}", counted(*frames, "frame"))
        }
        PeerEvent::Acted { operation, error: None, .. } => format!("acted {operation:?}"),
        event => short_json(&serde_json::to_value(event).unwrap_or_default()),
    };
    text.truncate(text.floor_char_boundary(MOST_OF_EVENT));
    text
}

fn list(f: &mut Formatter<'_>, items: impl IntoIterator<Item = String>) -> fmt::Result {
    items.into_iter().enumerate().try_for_each(|(n, item)| {
        f.write_str(if n == 0 { "" } else { ", " })?;
        f.write_str(&item)
    })
}

/// An event of a server by its name, a refusal by its request and code.
fn server_event(event: &ServerEvent) -> String {
    match event {
        ServerEvent::Refused { method, code, .. } => format!("{method} refused {code}"),
        ServerEvent::Ignored { method, .. } => format!("{method} ignored"),
        event => name(event),
    }
}

impl Display for Lack {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(reason) => f.write_str(brief(reason)),
            Self::Unreported { implementation, condition } => {
                write!(f, "{implementation} never reports {condition}")
            }
        }
    }
}

/// How a step ended, after the step's number: `step 3 succeeded`.
impl Display for StepOutcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("succeeded"),
            Self::TimedOut { awaited, within_ms, seen } => {
                write!(f, "awaited {awaited} for {within_ms} ms; seen: {seen}")
            }
            Self::Wrong { expected, seen } => write!(f, "expected {expected}; seen: {seen}"),
            Self::Unsupported { peer, reason } => write!(f, "unsupported by {peer}: {reason}"),
            Self::Broken { cause } => write!(f, "broke: {cause}"),
        }
    }
}

/// A condition that a step waited for and what was seen, as the two halves of a sentence: "… should …", "but …".
#[must_use]
pub fn mismatch(expected: &Expected, within_ms: Option<u64>, seen: &Seen) -> (String, String) {
    let within = within_ms.map_or_else(String::new, |ms| format!(" within {ms} ms"));
    let should = match expected {
        Expected::NoCondition { peer, condition } => format!("{peer} should not report {condition}"),
        Expected::Success { peer, command } => format!("{peer}'s {command}() should succeed"),
        Expected::Rejection { peer, command, exception } => {
            format!("{peer}'s {command}() should fail with {exception}")
        }
        Expected::Answer { peer } => format!("{peer} should answer{within}"),
        Expected::AnswerValue { command, path, value, .. } => {
            format!("{} should be {}", At(command, path), brief(&value.to_string()))
        }
        Expected::NoServerEvent { server, event } => format!("{server} should not report {event}"),
        Expected::AllSteps => format!("all steps should end{within}"),
        expected => format!("{expected} should come{within}"),
    };
    let but = match (expected, seen) {
        (Expected::NoCondition { .. }, Seen::State(_) | Seen::Occurred(_)) => "it did".to_owned(),
        (Expected::Rejection { .. }, Seen::Performed { .. }) => "it succeeded".to_owned(),
        (Expected::Success { .. } | Expected::Rejection { .. }, Seen::Exception { name, message }) => {
            format!("it failed with {}: {}", brief(name), brief(message))
        }
        (Expected::AnswerValue { .. }, Seen::AnswerValue { value, .. }) => {
            format!("it is {}", brief(&value.to_string()))
        }
        (_, seen) => seen.to_string(),
    };
    (should, but)
}

/// A member of the value that a command answers with.
struct At<'a>(&'a str, &'a [Key]);

impl Display for At<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        place(f, self.0, self.1)
    }
}

/// `drop {"from":"alice","first":1}`.
impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.action {
            RuleAction::CorruptField { .. } => write!(f, "corrupt {}", self.matches),
            action => write!(f, "{action} {}", self.matches),
        }
    }
}

impl Display for RuleAction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drop => f.write_str("drop"),
            Self::Delay { by_ms } => write!(f, "delay {by_ms} ms"),
            Self::Duplicate => f.write_str("duplicate"),
            Self::Replay { by_ms } => write!(f, "replay after {by_ms} ms"),
            Self::Corrupt { byte } => write!(f, "corrupt byte {byte}"),
            Self::CorruptField { field } => write!(f, "corrupt {field}"),
            Self::Reorder => f.write_str("reorder"),
            Self::Inject { bytes } => write!(f, "inject {bytes} bytes"),
            Self::Fragment { pieces } => write!(f, "fragment into {pieces}"),
            Self::Split { datagrams } => write!(f, "fragment, over {datagrams} datagrams"),
            Self::Renumber => f.write_str("renumber"),
        }
    }
}

/// Why a packet was changed: the rule, or that records of its sender are renumbered since a rule cut some.
#[must_use]
pub fn rule(rule: Option<&Rule>) -> String {
    let renumbered =
        || "its records are renumbered because earlier records of the sender were fragmented".to_owned();
    rule.map_or_else(renumbered, ToString::to_string)
}

impl Display for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::VirtualTime { seed } => write!(f, "in virtual time, by the run's seed {seed}"),
            Self::Interrupted => f.write_str("stopped by the user"),
            Self::ClockUnknown { peer } => {
                write!(f, "the clock of {peer} is unknown: its answers carry no time")
            }
            Self::ClockContradicts { peer, by_us } => {
                write!(
                    f,
                    "the clock of {peer} cannot be right: its times contradict each other by {by_us} µs"
                )
            }
            Self::CaptureIncomplete { error } => write!(f, "the capture is incomplete: {error}"),
            Self::NoKeys => f.write_str("no keys came in time: rules cannot match what is encrypted"),
            Self::NoSignalling { error } => f.write_str(error),
            Self::NotRewritten { error } => write!(f, "a candidate could not be rewritten: {error}"),
            Self::FilesNotKept { peer, error } => write!(f, "output of {peer} could not be saved: {error}"),
            Self::DiagnosticsNotKept { peer, error } => {
                write!(f, "diagnostics of {peer} could not be saved: {error}")
            }
            Self::PeerDidNotEnd { peer } => write!(f, "{peer} did not end in time"),
        }
    }
}

/// `no route`.
impl Display for LossCause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LinkDown => "link down",
            Self::Chance => "loss of the link",
            Self::QueueFull => "queue full",
            Self::TooLong { mtu } => return write!(f, "longer than the MTU of {mtu} bytes"),
            Self::NoMapping => "NAT: no mapping",
            Self::Filtered => "NAT: filtered",
            Self::NoPorts => "NAT: no ports",
            Self::NoHairpinning => "NAT: no hairpinning",
            Self::NoPortFree => "NAT: no port free",
            Self::Firewall => "firewall",
            Self::NoRoute => "no route",
            Self::HopLimit => "hop limit",
        })
    }
}

/// Where a packet was lost and why: `lost at internet: no route`.
#[must_use]
pub fn loss(place: &str, cause: LossCause) -> String {
    format!("lost at {place}: {cause}")
}
