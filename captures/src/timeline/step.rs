//! A step of a scenario, and how it ended.

use super::condition::{Condition, PeerState};
use crate::any_of::AnyOf;
use crate::event::{ConnectionState, DtlsState, PeerEvent};
use crate::server::{ServerEvent, ServerEventKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A step of a scenario: who acts, and what is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The peer that acts; absent for a step of the harness.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// What is done.
    pub action: Action,
    /// Deadline in milliseconds, if the step gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_ms: Option<u64>,
    /// Name of the exception with which the command must be rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejects: Option<String>,
    /// Name under which later steps refer to the result.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub binds: Option<String>,
    /// What the answer must contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Value>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// The peer is given a command of the peer protocol.
    Command {
        /// Its name (`createOffer`).
        name: String,
        /// Its arguments as the scenario writes them.
        args: Value,
    },
    /// A state or an event of the peer is awaited.
    Await(Condition),
    /// A state or an event of the peer must not occur for a time.
    Never {
        /// What must not occur.
        event: Condition,
        /// For how long, in milliseconds.
        for_ms: u64,
    },
    /// The harness itself acts.
    Harness {
        /// What it does.
        step: HarnessStep,
        /// The arguments as the scenario writes them.
        args: Value,
    },
}

/// The steps that have no peer as their actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HarnessStep {
    /// Offer, answer and candidates are exchanged, and the connection is awaited.
    Connect,
    /// Offer, answer and candidates are exchanged.
    Negotiate,
    /// The carrying of candidates changes.
    Candidates,
    /// The network or the rules on packets change, or something is awaited of them.
    Network,
    /// The signalling server stops or starts.
    Signalling,
    /// Something is done to a STUN or TURN server, or awaited at it.
    Server,
    /// No packet passes for a time.
    Quiet,
    /// Statistics of both peers are taken.
    Stats,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StepOutcome {
    /// As the scenario wants it.
    Done,
    /// What was awaited did not come in time.
    TimedOut {
        /// What was awaited.
        awaited: Expected,
        /// The deadline in milliseconds.
        within_ms: u64,
        /// What was there at the deadline.
        seen: Seen,
    },
    /// Something else came than the scenario wants.
    Wrong {
        /// What the scenario wants.
        expected: Expected,
        /// What came.
        seen: Seen,
    },
    /// A peer cannot do this.
    Unsupported {
        /// The peer.
        peer: String,
        /// Why.
        reason: Lack,
    },
    /// The harness broke.
    Broken {
        /// The error.
        cause: String,
    },
}

/// What a step expects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Expected {
    /// A state or an event at a peer.
    Condition {
        /// The peer.
        peer: String,
        /// The state or event.
        condition: Condition,
    },
    /// That a state or an event does not occur at a peer.
    NoCondition {
        /// The peer.
        peer: String,
        /// The state or event.
        condition: Condition,
    },
    /// That a peer performs a command.
    Success {
        /// The peer.
        peer: String,
        /// Name of the command.
        command: String,
    },
    /// That a peer rejects a command.
    Rejection {
        /// The peer.
        peer: String,
        /// Name of the command.
        command: String,
        /// Name of the exception.
        exception: String,
    },
    /// That a peer answers a command at all.
    Answer {
        /// The peer.
        peer: String,
    },
    /// That an answer contains a value.
    AnswerValue {
        /// The peer.
        peer: String,
        /// Name of the command.
        command: String,
        /// Where in the answer.
        path: Vec<Key>,
        /// The value.
        value: Value,
    },
    /// Events at a STUN or TURN server.
    ServerEvent {
        /// The server's name in the scenario.
        server: String,
        /// The event, or several of which any does.
        event: AnyOf<ServerEventKind>,
        /// The error code of a refusal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<u16>,
        /// How many events, if that was given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        times: Option<u32>,
        /// One event each of how many sockets of clients, if that was given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sockets: Option<u32>,
    },
    /// That an event does not occur at a STUN or TURN server.
    NoServerEvent {
        /// The server's name in the scenario.
        server: String,
        /// The event.
        event: ServerEventKind,
    },
    /// That a rule on packets acts.
    RuleActs {
        /// The rule's name.
        rule: String,
        /// How often.
        times: u32,
    },
    /// That a peer sends media at a rate.
    Bitrate {
        /// The peer.
        from: String,
        /// Over how long a time, in milliseconds.
        over_ms: u64,
        /// The lower bound in kilobits per second.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_least_kbit: Option<u64>,
        /// The upper bound in kilobits per second.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_most_kbit: Option<u64>,
    },
    /// That a peer sends each of these streams of a simulcast.
    Streams {
        /// The peer.
        from: String,
        /// Their identifiers (RtpStreamId, RFC 8852).
        rids: Vec<String>,
    },
    /// That no packet passes for a time.
    Silence {
        /// How long, in milliseconds.
        for_ms: u64,
    },
    /// That all steps of the scenario end.
    AllSteps,
}

/// A step into a JSON value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Key {
    /// The element of an array, from zero.
    Index(usize),
    /// The member of an object.
    Name(String),
}

/// What was seen instead of what a step expects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Seen {
    /// The peer's state of the kind that was awaited.
    State(PeerState),
    /// The condition that must not occur.
    Occurred(Condition),
    /// Events of a peer, but not the one that was awaited.
    Events {
        /// The peer's last `connectionState`, if it reported any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connection: Option<ConnectionState>,
        /// The peer's last DTLS state, if it reported any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dtls: Option<DtlsState>,
        /// The peer's last event.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last: Option<Box<PeerEvent>>,
        /// The last event of the kind that was awaited, if that is another one: a message of the same channel, another track, the message on
        /// another channel.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        nearest: Option<Box<PeerEvent>>,
        /// An earlier step counted `nearest`, which is what was awaited.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        counted: bool,
    },
    /// The peer is gone.
    Gone {
        /// The peer.
        peer: String,
        /// What is known of the cause.
        reason: String,
    },
    /// The command was performed.
    Performed {
        /// Its name.
        command: String,
    },
    /// The command was rejected.
    Exception {
        /// Name of the exception.
        name: String,
        /// Its message.
        message: String,
    },
    /// The answer contains another value.
    AnswerValue {
        /// Name of the command.
        command: String,
        /// Where in the answer.
        path: Vec<Key>,
        /// The value; `null` if there is none.
        value: Value,
    },
    /// The last few events of a STUN or TURN server.
    ServerEvents {
        /// The server's name in the scenario.
        server: String,
        /// The events, the newest last.
        events: Vec<ServerEvent>,
    },
    /// How often a rule on packets acted.
    RuleActed {
        /// The number of packets.
        times: u32,
        /// Number of packets that could not be matched because they could not be decrypted.
        #[serde(default, skip_serializing_if = "is_zero")]
        undecrypted: u32,
    },
    /// The rate at which the peer sent media.
    Bitrate {
        /// Kilobits per second.
        kbit: u64,
    },
    /// The streams that the peer sent, of those that were awaited.
    Streams {
        /// Their identifiers (RtpStreamId, RFC 8852).
        rids: Vec<String>,
    },
    /// Packets passed.
    Packets,
    /// A step was still running.
    Running {
        /// Index into the scenario's steps, from zero.
        step: usize,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Why a peer cannot do a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Lack {
    /// The peer answered `unsupported`, with this reason.
    Answered(String),
    /// The implementation never reports the event, or never the states that are awaited.
    Unreported {
        /// The implementation.
        implementation: String,
        /// The state or event.
        condition: Condition,
    },
}
