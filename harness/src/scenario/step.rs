//! A step: one actor, one action, perhaps a deadline.

mod written;

pub use written::{HARNESS_STEPS, STEP_OPTIONS};

use super::condition::Condition;
use super::rewrite::Rewrite;
use super::server::ServerStep;
use crate::network::fabric::link::LinkQuality;
use crate::network::rule::RuleSpec;
use crate::span::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// Where it stands, once it was read from a file: family, file and line (`data/echo.yaml:12`).
    pub place: Option<Box<str>>,
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
#[serde(rename_all = "kebab-case")]
pub enum Candidates {
    /// They are carried as they come, and those held back at once.
    Carry,
    /// The same, and each names its media section by `sdpMLineIndex` alone: for descriptions whose MIDs were changed on the way.
    CarryByIndex,
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
    /// Waits until the bit rate of a peer's media is within bounds.
    Bitrate(BitrateStep),
    /// Waits until a peer has sent these streams of a simulcast.
    Streams(StreamsStep),
    /// All rules end.
    Clear,
    /// A link becomes another one (lab only).
    Link(Box<LinkStep>),
    /// Nothing passes this interface or uplink any more, and no host notices (lab only).
    Cut(String),
    /// What was cut carries packets again (lab only).
    Mend(String),
    /// This interface (`alice/wifi`) goes down, as its host notices (lab only).
    Down(String),
    /// It comes up again (lab only).
    Up(String),
    /// This segment's NAT forgets its mappings and gives out other ports (lab only).
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

    /// The same, to change it.
    pub fn rule_mut(&mut self) -> Option<&mut RuleSpec> {
        match self {
            Self::Drop(rule)
            | Self::Delay(rule)
            | Self::Duplicate(rule)
            | Self::Corrupt(rule)
            | Self::Reorder(rule)
            | Self::Replay(rule)
            | Self::Inject(rule)
            | Self::Fragment(rule) => Some(rule),
            _ => None,
        }
    }

    /// Whether it changes the network of a lab.
    #[must_use]
    pub fn is_of_a_lab(&self) -> bool {
        matches!(
            self,
            Self::Link(_) | Self::Cut(_) | Self::Mend(_) | Self::Down(_) | Self::Up(_) | Self::Rebind(_)
        )
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
    /// The least kilobits per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least_kbit: Option<u64>,
    /// The most kilobits per second.
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
