//! Why a call failed: explanations of what a [`Trace`] shows, for someone who holds a capture.
//!
//! A [`Diagnosis`] names the layer, the side and the frame, says what was seen, why that happens, and what to look at next.

mod datachannel;
mod dtls;
mod ice;
mod media;
mod turn;

use crate::verdict::Layer;
use peerproof_captures::trace::{At, Connection, Side, Trace};
use schemars::JsonSchema;
use serde::Serialize;

/// Most diagnoses given; a capture with more trouble is explained by the first.
pub const MOST: usize = 1_000;

/// How bad it is for the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The layer does not work.
    Broken,
    /// It works badly.
    Degraded,
    /// It may be meant so.
    Notice,
}

/// What was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the diagnosis itself says in words what each stands for")]
pub enum Kind {
    StunServerSilent,
    TurnServerSilent,
    TurnWrongCredentials,
    TurnStaleNonceLoop,
    TurnForbidden,
    TurnQuota,
    TurnCapacity,
    ChecksUnanswered,
    ChecksFromOneSideOnly,
    AnsweredFromElsewhere,
    RoleConflict,
    WrongPassword,
    NoNomination,
    NominationUnanswered,
    NoClientHello,
    ClientHelloUnanswered,
    SameDtlsRole,
    HandshakeTimeout,
    FingerprintMismatch,
    FatalAlert,
    NoSrtpProfile,
    NoMediaAfterHandshake,
    SrtpNotAuthentic,
    SctpUnanswered,
    SctpAbort,
    ChannelRefused,
    ChannelUnacknowledged,
    OneWayMedia,
    MediaStopped,
    Loss,
    NoKeyFrame,
    ConsentLost,
}

/// An explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Diagnosis {
    /// How bad it is.
    pub severity: Severity,
    /// Where it went wrong.
    pub layer: Layer,
    /// What was recognised.
    pub kind: Kind,
    /// The connection, an index into [`Trace::connections`]; none for what concerns a server.
    pub connection: Option<usize>,
    /// The side at which to look, by its name.
    pub side: Option<String>,
    /// The deciding frame.
    pub frame: Option<u64>,
    /// What was seen.
    pub what: String,
    /// Why that happens.
    pub why: String,
    /// What to look at next.
    pub next: String,
}

/// Explains a trace: connection by connection, in each the first layer that broke first.
pub fn diagnose(trace: &Trace) -> Vec<Diagnosis> {
    let mut found = Found { all: Vec::new(), connection: None };
    turn::diagnose(trace, &mut found);
    for (index, connection) in trace.connections.iter().enumerate() {
        let from = found.all.len();
        found.connection = Some(index);
        ice::diagnose(trace, connection, &mut found);
        dtls::diagnose(connection, &mut found);
        datachannel::diagnose(connection, &mut found);
        media::diagnose(trace, connection, &mut found);
        if let Some(new) = found.all.get_mut(from..) {
            new.sort_by_key(|diagnosis| {
                (diagnosis.severity == Severity::Notice, diagnosis.layer, diagnosis.frame)
            });
        }
        if found.all.len() >= MOST {
            break;
        }
    }
    found.all.truncate(MOST);
    found.all
}

/// Diagnoses in the making.
struct Found {
    all: Vec<Diagnosis>,
    connection: Option<usize>,
}

/// What a diagnosis says.
struct Says {
    severity: Severity,
    layer: Layer,
    kind: Kind,
    side: Option<String>,
    at: Option<At>,
    what: String,
    why: &'static str,
    next: &'static str,
}

impl Found {
    fn add(&mut self, says: Says) {
        let Says { severity, layer, kind, side, at, what, why, next } = says;
        self.all.push(Diagnosis {
            severity,
            layer,
            kind,
            connection: self.connection,
            side,
            frame: at.map(|at| at.frame),
            what,
            why: why.to_owned(),
            next: next.to_owned(),
        });
    }
}

/// A side of a connection in words.
fn side_of(connection: &Connection, side: Side) -> String {
    connection.name(side)
}

/// A time in words.
fn time(ns: u64) -> String {
    match ns {
        0..1_000_000 => format!("{} µs", ns / 1_000),
        1_000_000..1_000_000_000 => format!("{} ms", ns / 1_000_000),
        _ => format!("{:.1} s", ns as f64 / 1e9),
    }
}

const SECOND: u64 = 1_000_000_000;
