//! The lies that a peer can tell, as a control writes them: `alter: { event: datachannel, fields: { channel.label: flip } }`.

use super::change::{Change, Fields};
use super::paths::has;
use crate::peers::protocol::Command;
use peerproof_captures::any_of::AnyOf;
use peerproof_captures::event::PeerEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// One lie of a peer. Everything else that it says and does is as it would be without.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Lie {
    /// Events that happened are not reported.
    Swallow(OfEvents),
    /// Events are reported twice, the second time with changed `fields`, if any are given.
    Double(OfEvents),
    /// Events are reported after the one that follows them.
    Delay(OfEvents),
    /// Events are reported with changed `fields`.
    Alter(OfEvents),
    /// Events are reported that never happened.
    Invent(Invented),
    /// Commands are not done, but answered with success.
    Ignore(OfCommands),
    /// Commands are done twice; the first answer counts.
    Repeat(OfCommands),
    /// Commands are done with changed arguments, `fields`.
    Misdo(OfCommands),
    /// Commands are done, and their results are answered with changed `fields`.
    Misanswer(OfCommands),
    /// Commands are done, and answered with an exception.
    Reject(OfCommands),
    /// All answers to a command are the first one again, but for these keys of each of its members (`timestamp`).
    Stale(Stale),
    /// Statistics are answered with changed fields.
    Statistics(Statistics),
    /// Local descriptions are others than those that the peer uses.
    Misdescribe(Misdescribed),
    /// The peer says of itself what is not so: `version`, `features`, `unreported`.
    Misgreet(Fields),
    /// The secrets that the peer reports (`keylog`) are others: this is done to each line.
    Keys(Change),
    /// The peer's clock is wrong.
    Clock(WrongClock),
    /// Several lies at once: an adapter (`misgreet` without `w3c-api`) that loses an event.
    Several(Vec<Lie>),
}

/// Events of a peer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfEvents {
    /// Their name in the peer protocol, or a list of names.
    pub event: AnyOf<String>,
    /// Only events that have these values, each named by the path to it: `{ state: connected }`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub with: Map<String, Value>,
    /// Only the nth of them, from one; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u32>,
    /// What is changed, each named by the path to it: `{ channel.label: flip }`.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub fields: Fields,
}

/// Events that never happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Invented {
    /// The event after which they are reported.
    pub after: OfEvents,
    /// The events, as in the peer protocol: `{ event: trackmute, data: { id: x } }`.
    pub events: Vec<PeerEvent>,
}

/// Commands to a peer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfCommands {
    /// Their name in the peer protocol, or a list of names.
    pub command: AnyOf<String>,
    /// Only those with these arguments, each named by the path to it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub with: Map<String, Value>,
    /// Only the nth of them, from one; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u32>,
    /// What is changed, each named by the path to it.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub fields: Fields,
    /// What is answered to a command that is ignored, instead of what would be likely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Value>,
    /// The name of the exception with which a command is rejected; default `OperationError`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
}

/// Answers that are out of date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stale {
    /// The command's name.
    pub command: String,
    /// Keys of each member of the answer that are up to date.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub but: Vec<String>,
}

/// Statistics that are wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statistics {
    /// The type of the objects (`RTCStats.type`), such as `inbound-rtp`.
    pub of: String,
    /// Only objects with these values.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub with: Map<String, Value>,
    /// What is changed in them.
    pub fields: Fields,
}

/// Local descriptions that are not those that the peer uses: in the answers of `createOffer`, `createAnswer`,
/// `setLocalDescription` and `getState`. To `setLocalDescription` with such a description it sets its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Misdescribed {
    /// What is changed in the text.
    pub sdp: Change,
    /// Only from the nth description that it creates on, from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u32>,
}

/// A clock that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct WrongClock {
    /// How many milliseconds the times of its events are ahead of those of its answers.
    pub ahead_ms: f64,
    /// How many milliseconds the times of its answers are ahead of those of its events.
    pub answers_ahead_ms: f64,
    /// How much faster it runs than it should: `0.2` is a fifth.
    pub drift: f64,
    /// Only from this event on, from zero.
    pub from: u64,
    /// Answers have no time.
    pub silent: bool,
}

impl Default for WrongClock {
    fn default() -> Self {
        Self { ahead_ms: 0.0, answers_ahead_ms: 0.0, drift: 0.0, from: 0, silent: false }
    }
}

/// Commands that belong to no case: with them a peer is opened, and let go.
const HONEST: [&str; 2] = ["hello", "end"];

impl Lie {
    /// What is wrong with the lie itself, if something is.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        match self {
            Self::Swallow(of) | Self::Delay(of) => of.trouble(false, false),
            Self::Double(of) => of.trouble(true, false),
            Self::Alter(of) => of.trouble(true, true),
            Self::Invent(Invented { after, events }) if events.is_empty() => {
                after.trouble(false, false).or_else(|| Some("no event is invented".to_owned()))
            }
            Self::Invent(Invented { after, .. }) => after.trouble(false, false),
            Self::Ignore(of) | Self::Repeat(of) | Self::Reject(of) => of.trouble(false),
            Self::Misdo(of) | Self::Misanswer(of) => of.trouble(true),
            Self::Stale(Stale { command, .. }) => unknown_command(command),
            Self::Statistics(Statistics { fields, .. }) | Self::Misgreet(fields) => fields.trouble(true),
            Self::Misdescribe(Misdescribed { sdp, nth }) => none_is_zero(*nth).or_else(|| sdp.trouble()),
            Self::Keys(change) => change.trouble(),
            Self::Several(lies) if lies.len() < 2 => Some("several lies are two or more".to_owned()),
            // Where the peer is opened, its keys are given by the first lie alone.
            Self::Several(lies) if lies.iter().any(|lie| matches!(lie, Self::Several(_) | Self::Keys(_))) => {
                Some("neither `several` nor `keys` is one of several lies".to_owned())
            }
            Self::Several(lies) => lies.iter().find_map(Self::trouble),
            Self::Clock(WrongClock { silent: true, .. }) => None,
            Self::Clock(WrongClock { ahead_ms, answers_ahead_ms, drift, .. }) => {
                let is_wrong = *ahead_ms != 0.0 || *answers_ahead_ms != 0.0 || *drift != 0.0;
                let sane =
                    ahead_ms.abs().max(answers_ahead_ms.abs()) <= 3.6e6 && drift.abs() < 1.0 && is_wrong;
                (!sane).then(|| "the clock is right, or wrong beyond measure".to_owned())
            }
        }
    }
}

fn none_is_zero(nth: Option<u32>) -> Option<String> {
    (nth == Some(0)).then(|| "`nth` counts from one".to_owned())
}

fn unknown_command(name: &str) -> Option<String> {
    if HONEST.contains(&name) {
        return Some(format!("no peer lies about `{name}`"));
    }
    (!command_names().iter().any(|known| known == name)).then(|| format!("unknown command `{name}`"))
}

impl OfEvents {
    fn trouble(&self, may_change: bool, must_change: bool) -> Option<String> {
        let known = event_names();
        let unknown = self.event.0.iter().find(|name| !known.contains(name));
        unknown
            .map(|name| format!("unknown event `{name}`"))
            .or_else(|| none_is_zero(self.nth))
            .or_else(|| {
                (!may_change && !self.fields.is_empty()).then(|| "nothing is changed by it".to_owned())
            })
            .or_else(|| self.fields.trouble(must_change))
            .or_else(|| {
                let absent =
                    self.fields.paths().chain(self.with.keys()).find(|path| !has(&self.event.0, path))?;
                Some(format!("no event {} has a `{absent}`", self.event.0.join(" or ")))
            })
    }
}

impl OfCommands {
    fn trouble(&self, must_change: bool) -> Option<String> {
        let unknown = self.command.0.iter().find_map(|name| unknown_command(name));
        unknown
            .or_else(|| none_is_zero(self.nth))
            .or_else(|| {
                (!must_change && !self.fields.is_empty()).then(|| "nothing is changed by it".to_owned())
            })
            .or_else(|| self.fields.trouble(must_change))
    }
}

/// The names of all events of the peer protocol.
#[must_use]
pub fn event_names() -> Vec<String> {
    names(&schemars::schema_for!(PeerEvent).to_value(), "/properties/event/const")
}

/// The names of all commands of the peer protocol about which a peer can lie.
#[must_use]
pub fn command_names() -> Vec<String> {
    let all = names(&schemars::schema_for!(Command).to_value(), "/properties/command/const");
    all.into_iter().filter(|name| !HONEST.contains(&name.as_str())).collect()
}

/// What stands at a place in each alternative of a schema.
fn names(schema: &Value, at: &str) -> Vec<String> {
    let alternatives = schema.get("oneOf").and_then(Value::as_array);
    let name = |one: &Value| Some(one.pointer(at)?.as_str()?.to_owned());
    alternatives.into_iter().flatten().filter_map(name).collect()
}

/// What a peer that tells this lie does: `never reports datachannel`.
impl fmt::Display for Lie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Swallow(of) => write!(f, "never reports {of}"),
            Self::Double(of) if of.fields.is_empty() => write!(f, "reports {of} twice"),
            Self::Double(of) => write!(f, "reports {of} twice, the second time with {}", of.fields),
            Self::Delay(of) => write!(f, "reports {of} after the event that follows"),
            Self::Alter(of) => write!(f, "reports {of} with {}", of.fields),
            Self::Invent(Invented { after, events }) => {
                f.write_str("invents ")?;
                for (n, event) in events.iter().enumerate() {
                    let whole = serde_json::to_value(event).unwrap_or_default();
                    let comma = if n > 0 { ", " } else { "" };
                    write!(f, "{comma}{}", whole["event"].as_str().unwrap_or_default())?;
                    if let Some(state) = whole.pointer("/data/state").and_then(Value::as_str) {
                        write!(f, " ({state})")?;
                    }
                }
                write!(f, " after {after}")
            }
            Self::Ignore(of) => write!(f, "ignores {of} and answers `ok`"),
            Self::Repeat(of) => write!(f, "does {of} twice"),
            Self::Misdo(of) => write!(f, "does {of} with {}", of.fields),
            Self::Misanswer(of) => write!(f, "answers {of} with {}", of.fields),
            Self::Reject(of) => write!(f, "does {of} and says that it failed"),
            Self::Stale(Stale { command, but }) if but.is_empty() => {
                write!(f, "answers {command} as it did the first time")
            }
            Self::Stale(Stale { command, but }) => {
                write!(f, "answers {command} as it did the first time, but for {}", but.join(", "))
            }
            Self::Statistics(Statistics { of, with, fields }) => {
                write!(f, "answers getStats with {fields} in {of}{}", Shown(with))
            }
            Self::Misgreet(fields) => write!(f, "greets with {fields}"),
            Self::Keys(change) => write!(f, "reports its secrets with {}", change.of("line")),
            Self::Several(lies) => {
                for (n, lie) in lies.iter().enumerate() {
                    write!(f, "{}{lie}", if n > 0 { " and " } else { "" })?;
                }
                Ok(())
            }
            Self::Misdescribe(Misdescribed { sdp, nth: None }) => {
                write!(f, "describes itself with {}", sdp.of("sdp"))
            }
            Self::Misdescribe(Misdescribed { sdp, nth: Some(nth) }) => {
                write!(f, "describes itself from description {nth} on with {}", sdp.of("sdp"))
            }
            Self::Clock(WrongClock { silent: true, .. }) => f.write_str("gives no time in its answers"),
            Self::Clock(WrongClock { ahead_ms, answers_ahead_ms, drift, from, .. }) => {
                if *ahead_ms != 0.0 {
                    write!(f, "is {ahead_ms} ms ahead in the times of its events")?;
                }
                if *answers_ahead_ms != 0.0 {
                    write!(f, "is {answers_ahead_ms} ms ahead in the times of its answers")?;
                }
                if *drift != 0.0 {
                    write!(f, "has a clock that runs {} % too fast", drift * 100.0)?;
                }
                if *from > 0 { write!(f, " from event {from} on") } else { Ok(()) }
            }
        }
    }
}

/// Conditions after what they belong to.
struct Shown<'a>(&'a Map<String, Value>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (key, value)) in self.0.iter().enumerate() {
            let before = if n == 0 { " with" } else { "," };
            write!(f, "{before} {key} {value}")?;
        }
        Ok(())
    }
}

impl fmt::Display for OfEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(f, &self.event, &self.with, self.nth)
    }
}

impl fmt::Display for OfCommands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(f, &self.command, &self.with, self.nth)
    }
}

fn shown(
    f: &mut fmt::Formatter<'_>,
    names: &AnyOf<String>,
    with: &Map<String, Value>,
    nth: Option<u32>,
) -> fmt::Result {
    if let Some(nth) = nth {
        write!(f, "number {nth} of ")?;
    }
    write!(f, "{names}{}", Shown(with))
}
