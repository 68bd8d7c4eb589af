//! A step: one actor, one action, perhaps a deadline.

use super::condition::Condition;
use super::rewrite::Rewrite;
use super::server::ServerStep;
use super::span::Span;
use crate::network::fabric::link::LinkQuality;
use crate::network::rule::RuleSpec;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// Longest wait for an event that a step awaits, unless it says otherwise.
pub const DEFAULT_WITHIN: Span = Span::seconds(10);

/// One step of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Who does what.
    pub action: Action,
    /// Deadline of what is awaited.
    pub within: Option<Span>,
    /// The command must be rejected with an exception of this name.
    pub rejects: Option<String>,
    /// Name under which later steps refer to the result.
    pub binds: Option<String>,
    /// The answer must hold this: each key given must be there with the same value.
    pub answers: Option<Value>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A peer is given a command of the peer protocol. The arguments may name results of earlier steps.
    Command {
        /// The peer.
        peer: String,
        /// The command as the protocol names it.
        name: String,
        /// Its arguments as the scenario writes them.
        args: Value,
    },
    /// An event or state of a peer is awaited.
    Await {
        /// The peer.
        peer: String,
        /// What is awaited.
        condition: Condition,
    },
    /// For a while something must not happen at a peer.
    Never {
        /// The peer.
        peer: String,
        /// What must not happen, and for how long.
        never: Never,
    },
    /// Offer and answer are exchanged, candidates are carried from now on, and the connection is awaited.
    Connect(Connect),
    /// Offer and answer are exchanged and candidates are carried from now on; nothing is awaited.
    Negotiate(Negotiate),
    /// The carrying of candidates changes.
    Candidates(Candidates),
    /// Rules on packets begin or end.
    Network(NetworkStep),
    /// The reference signalling server is stopped or started.
    Signalling(SignallingStep),
    /// Something is done to a STUN or TURN server, or awaited at it.
    Server(ServerStep),
    /// No packet of a kind passes the stack's sockets for a while.
    Quiet(Quiet),
    /// The statistics of both peers are taken.
    Stats(Stats),
}

/// For a while something must not happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Never {
    /// What must not happen.
    pub event: Condition,
    /// For how long it is watched for. The observation is the step's purpose; it is no pause.
    #[serde(rename = "for")]
    pub span: Span,
}

/// Arguments of `connect`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Connect {
    /// Candidates travel one by one as they are found (RFC 8838); otherwise within the descriptions, after gathering.
    #[serde(default = "yes")]
    pub trickle: bool,
    /// Who makes the offer, if not the offerer of the scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offerer: Option<String>,
    /// What both peers must reach. Default: `connectionState: connected`.
    #[serde(default, rename = "await", skip_serializing_if = "Option::is_none")]
    pub until: Option<Condition>,
    /// Deadline of the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
    /// What is changed on the way.
    #[serde(default, skip_serializing_if = "Rewrite::is_empty")]
    pub rewrite: Rewrite,
    /// `createOffer({iceRestart})`.
    #[serde(default)]
    pub ice_restart: bool,
}

impl Default for Connect {
    fn default() -> Self {
        Self {
            trickle: true,
            offerer: None,
            until: None,
            within: None,
            rewrite: Rewrite::default(),
            ice_restart: false,
        }
    }
}

/// Arguments of `negotiate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Negotiate {
    /// Candidates travel one by one as they are found.
    #[serde(default = "yes")]
    pub trickle: bool,
    /// Who makes the offer, if not the offerer of the scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offerer: Option<String>,
    /// What is changed on the way.
    #[serde(default, skip_serializing_if = "Rewrite::is_empty")]
    pub rewrite: Rewrite,
    /// `createOffer({iceRestart})`.
    #[serde(default)]
    pub ice_restart: bool,
    /// Deadline of the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
}

fn yes() -> bool {
    true
}

/// What becomes of candidates from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Candidates {
    /// They are carried as they come, and those held back at once.
    Carry,
    /// They are held back.
    Hold,
    /// They are lost, those held back too.
    Drop,
}

/// What happens on the network. Rules on packets are tried in the order in which they were installed; the first that
/// matches acts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NetworkStep {
    /// The packet is lost.
    Drop(RuleSpec),
    /// It arrives later, by `by`.
    Delay(RuleSpec),
    /// It arrives twice.
    Duplicate(RuleSpec),
    /// One of its bytes is changed.
    Corrupt(RuleSpec),
    /// It changes places with the next one in its direction.
    Reorder(RuleSpec),
    /// It arrives, and a second time later, by `by`.
    Replay(RuleSpec),
    /// It arrives, and after it the datagram `bytes`.
    Inject(RuleSpec),
    /// The handshake messages of DTLS 1.2 in it are cut into pieces, each in a record and a datagram of its own.
    Fragment(RuleSpec),
    /// Waits until a rule has acted.
    Acts(ActsStep),
    /// Waits until a peer sends so much media, or so little.
    Bitrate(BitrateStep),
    /// Waits until a peer has sent these streams of a simulcast.
    Streams(StreamsStep),
    /// All rules end.
    Clear,
    /// A link becomes another one (lab only).
    Link(Box<LinkStep>),
    /// Nothing passes this interface or uplink any more, and nobody is told (lab only).
    Cut(String),
    /// What was cut carries packets again (lab only).
    Mend(String),
    /// This interface (`alice/wifi`) goes down, as its host notices (lab only).
    Down(String),
    /// It comes up again (lab only).
    Up(String),
    /// This segment's translator forgets its mappings and gives out other ports (lab only).
    Rebind(String),
}

impl NetworkStep {
    /// The rule that this step installs, under its key.
    #[must_use]
    pub fn rule(&self) -> Option<(&'static str, &RuleSpec)> {
        Some(match self {
            Self::Drop(rule) => ("drop", rule),
            Self::Delay(rule) => ("delay", rule),
            Self::Duplicate(rule) => ("duplicate", rule),
            Self::Corrupt(rule) => ("corrupt", rule),
            Self::Reorder(rule) => ("reorder", rule),
            Self::Replay(rule) => ("replay", rule),
            Self::Inject(rule) => ("inject", rule),
            Self::Fragment(rule) => ("fragment", rule),
            _ => return None,
        })
    }
}

/// Rules of a name have acted so often, counted from the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActsStep {
    /// Their name.
    pub rule: String,
    /// How often. Default 1.
    #[serde(default = "once")]
    pub times: u32,
    /// Deadline. Default 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
}

fn once() -> u32 {
    1
}

/// A peer sends media at a rate within these bounds, on average over a time from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BitrateStep {
    /// The peer.
    pub from: String,
    /// Over how long a time.
    pub over: Span,
    /// At least so many kilobits per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least_kbit: Option<u64>,
    /// At most so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most_kbit: Option<u64>,
    /// Deadline. Default 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
}

/// A peer has sent each of these streams, from a source of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamsStep {
    /// The peer.
    pub from: String,
    /// Their identifiers (RtpStreamId, RFC 8852).
    pub rids: Vec<String>,
    /// Deadline. Default 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
}

/// How a link changes. Directions that are not given stay as they are; what is not given of a direction is perfect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkStep {
    /// A name, for what is expected of the time from now until a link changes again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A peer (its only interface), an interface (`alice/wifi`) or a segment (its uplink).
    pub of: String,
    /// Both directions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub both: Option<LinkQuality>,
    /// From the host, or from the segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<LinkQuality>,
    /// To it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<LinkQuality>,
}

/// What becomes of the signalling server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignallingStep {
    /// It ends; connections to it break.
    Stop,
    /// It starts again at the same address.
    Start,
}

/// No packet of a kind passes for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quiet {
    /// How long it must be quiet without a break.
    #[serde(rename = "for")]
    pub span: Span,
    /// Which packets are meant; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<crate::network::class::Class>,
    /// Deadline of the whole. Default 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
}

/// Arguments of `stats`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stats {}

/// The steps that have no peer as their actor.
pub const HARNESS_STEPS: [&str; 8] =
    ["connect", "negotiate", "candidates", "network", "signalling", "server", "quiet", "stats"];
/// The keys that may stand beside the action.
pub const STEP_OPTIONS: [&str; 4] = ["within", "rejects", "as", "answers"];

/// What a peer's key holds: its action, and the options beside it.
#[derive(Default)]
struct PeerPart {
    action: Option<PeerAction>,
    within: Option<Span>,
    rejects: Option<String>,
    binds: Option<String>,
    answers: Option<Value>,
}

/// A command, or something awaited.
enum PeerAction {
    Command(String, Value),
    Await(Condition),
    Never(Never),
}

impl<'de> Deserialize<'de> for PeerPart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = PeerPart;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one command such as `{ createOffer: {} }`, or `{ await: … }`")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<PeerPart, E> {
                let action = PeerAction::Command(name.to_owned(), Value::Object(serde_json::Map::new()));
                Ok(PeerPart { action: Some(action), ..PeerPart::default() })
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PeerPart, A::Error> {
                let mut part = PeerPart::default();
                while let Some(key) = map.next_key::<String>()? {
                    let action = match key.as_str() {
                        "within" => {
                            part.within = Some(map.next_value()?);
                            continue;
                        }
                        "rejects" => {
                            part.rejects = Some(map.next_value()?);
                            continue;
                        }
                        "as" => {
                            part.binds = Some(map.next_value()?);
                            continue;
                        }
                        "answers" => {
                            part.answers = Some(map.next_value()?);
                            continue;
                        }
                        "await" => PeerAction::Await(map.next_value()?),
                        "never" => PeerAction::Never(map.next_value()?),
                        _ => PeerAction::Command(key.clone(), map.next_value()?),
                    };
                    if part.action.replace(action).is_some() {
                        return Err(de::Error::custom(format!(
                            "a step has one action: `{key}` belongs into a step of its own"
                        )));
                    }
                }
                Ok(part)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Step;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a step: an actor and its action")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Step, A::Error> {
                let Some(key) = map.next_key::<String>()? else {
                    return Err(de::Error::custom("this step has no actor"));
                };
                let action = match key.as_str() {
                    "connect" => Action::Connect(map.next_value()?),
                    "negotiate" => Action::Negotiate(map.next_value()?),
                    "candidates" => Action::Candidates(map.next_value()?),
                    "network" => Action::Network(map.next_value()?),
                    "signalling" => Action::Signalling(map.next_value()?),
                    "server" => Action::Server(map.next_value()?),
                    "quiet" => Action::Quiet(map.next_value()?),
                    "stats" => Action::Stats(map.next_value()?),
                    _ => return peer_step(key, map),
                };
                only(map, Step { action, within: None, rejects: None, binds: None, answers: None })
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

fn peer_step<'de, A: MapAccess<'de>>(peer: String, mut map: A) -> Result<Step, A::Error> {
    let PeerPart { action, within, rejects, binds, answers } = map.next_value()?;
    let action =
        match action.ok_or_else(|| de::Error::custom(format!("{peer} has nothing to do in this step")))? {
            PeerAction::Command(name, args) => Action::Command { peer, name, args },
            PeerAction::Await(condition) => Action::Await { peer, condition },
            PeerAction::Never(never) => Action::Never { peer, never },
        };
    only(map, Step { action, within, rejects, binds, answers })
}

/// Refuses a second actor.
fn only<'de, A: MapAccess<'de>>(mut map: A, step: Step) -> Result<Step, A::Error> {
    match map.next_key::<String>()? {
        None => Ok(step),
        Some(key) if STEP_OPTIONS.contains(&key.as_str()) => {
            Err(de::Error::custom(format!("`{key}` belongs beside the action: `alice: {{ …, {key}: … }}`")))
        }
        Some(key) => {
            Err(de::Error::custom(format!("a step has one actor: `{key}` belongs into a step of its own")))
        }
    }
}

impl Step {
    /// The key under which the step stands: the peer that acts, or the harness's own step.
    #[must_use]
    pub fn actor(&self) -> &str {
        match &self.action {
            Action::Command { peer, .. } | Action::Await { peer, .. } | Action::Never { peer, .. } => peer,
            Action::Connect(_) => "connect",
            Action::Negotiate(_) => "negotiate",
            Action::Candidates(_) => "candidates",
            Action::Network(_) => "network",
            Action::Signalling(_) => "signalling",
            Action::Server(_) => "server",
            Action::Quiet(_) => "quiet",
            Action::Stats(_) => "stats",
        }
    }

    /// The step as the value that a scenario would hold.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let json = |value: serde_json::Result<Value>| value.unwrap_or(Value::Null);
        let one = |key: &str, value: Value| {
            let mut map = serde_json::Map::new();
            map.insert(key.to_owned(), value);
            Value::Object(map)
        };
        let (key, value) = match &self.action {
            Action::Command { peer, name, args } => (peer.as_str(), one(name, args.clone())),
            Action::Await { peer, condition } => {
                (peer.as_str(), one("await", json(serde_json::to_value(condition))))
            }
            Action::Never { peer, never } => (peer.as_str(), one("never", json(serde_json::to_value(never)))),
            Action::Connect(connect) => ("connect", json(serde_json::to_value(connect))),
            Action::Negotiate(negotiate) => ("negotiate", json(serde_json::to_value(negotiate))),
            Action::Candidates(candidates) => ("candidates", json(serde_json::to_value(candidates))),
            Action::Network(network) => ("network", json(serde_json::to_value(network))),
            Action::Signalling(signalling) => ("signalling", json(serde_json::to_value(signalling))),
            Action::Server(server) => ("server", json(serde_json::to_value(server))),
            Action::Quiet(quiet) => ("quiet", json(serde_json::to_value(quiet))),
            Action::Stats(stats) => ("stats", json(serde_json::to_value(stats))),
        };
        let mut value = value;
        if let Value::Object(map) = &mut value {
            if let Some(within) = self.within {
                map.insert("within".to_owned(), Value::String(within.to_string()));
            }
            if let Some(rejects) = &self.rejects {
                map.insert("rejects".to_owned(), Value::String(rejects.clone()));
            }
            if let Some(binds) = &self.binds {
                map.insert("as".to_owned(), Value::String(binds.clone()));
            }
            if let Some(answers) = &self.answers {
                map.insert("answers".to_owned(), answers.clone());
            }
        }
        one(key, value)
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

/// The step on one line, as the timeline shows it: `alice: createDataChannel {"label":"chat"}`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::recorded::step(self).fmt(f)
    }
}

impl JsonSchema for Step {
    fn schema_name() -> Cow<'static, str> {
        "Step".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let peer = super::command::action_schema(generator);
        json_schema!({
            "type": "object",
            "description": "One actor with one action.",
            "properties": {
                "connect": generator.subschema_for::<Connect>(),
                "negotiate": generator.subschema_for::<Negotiate>(),
                "candidates": generator.subschema_for::<Candidates>(),
                "network": generator.subschema_for::<NetworkStep>(),
                "signalling": generator.subschema_for::<SignallingStep>(),
                "server": generator.subschema_for::<ServerStep>(),
                "quiet": generator.subschema_for::<Quiet>(),
                "stats": generator.subschema_for::<Stats>(),
            },
            "additionalProperties": peer,
            "minProperties": 1,
            "maxProperties": 1,
        })
    }
}
