//! Why a call failed, and the first layer that diverged: of a case, and of a stranger's capture alike.
//!
//! A [`Diagnosis`] names the layer, the side and the deciding place, says what was seen, why that happens, and what to look at
//! next. There is one file for each layer. It looks at the packets of a connection, and, where there is a recording of ours, at
//! what the peers' APIs reported: a capture alone does not show whether a description arrived.

mod checks;
mod cut;
mod data_channel;
mod direction;
mod dtls;
mod dump;
mod gathering;
mod media;
mod nomination;
mod sctp;
mod session;
mod signalling;
mod srtp;
#[cfg(test)]
mod testing;
mod unreported;

use cut::{Cut, cut, cut_of_setup, cut_of_user_data};
pub(crate) use data_channel::never_negotiated;
pub use dump::{explain_beside, explain_dump, pair};
pub(crate) use session::Recorded;
pub use session::{Reported, Session};

use crate::verdict::{Layer, NETWORK, Place};
use peerproof_captures::trace::{At, Connection, Side};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most diagnoses given; a session with more trouble is explained by the first.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
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
    SctpChecksum,
    SctpUnanswered,
    SctpAbort,
    ChannelRefused,
    ChannelUnacknowledged,
    OneWayMedia,
    MediaStopped,
    Loss,
    NoKeyFrame,
    RtpVersion,
    MalformedRtcp,
    OneDirection,
    ConsentLost,
    DescriptionRefused,
    OfferNotDelivered,
    AnswerNotDelivered,
    CandidatesWithheld,
    NoCandidates,
    CandidateUnreported,
    IceNotConnected,
    ConnectionLost,
    DtlsNotConnected,
    SctpNotConnected,
    ChannelNotOpened,
    ChannelNotAnnounced,
    SrtpNotAccepted,
    NoMedia,
}

impl Kind {
    /// Whether it is recognised in what the peers' APIs reported: a capture alone never shows it.
    #[must_use]
    pub const fn is_of_api(self) -> bool {
        matches!(
            self,
            Self::DescriptionRefused
                | Self::OfferNotDelivered
                | Self::AnswerNotDelivered
                | Self::CandidatesWithheld
                | Self::NoCandidates
                | Self::CandidateUnreported
                | Self::IceNotConnected
                | Self::ConnectionLost
                | Self::DtlsNotConnected
                | Self::SctpNotConnected
                | Self::ChannelNotOpened
                | Self::ChannelNotAnnounced
                | Self::SrtpNotAccepted
                | Self::NoMedia
        )
    }
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
    /// The connection, an index into [`Trace::connections`](peerproof_captures::trace::Trace::connections); none for what
    /// concerns a server, and for what the peers' APIs reported.
    pub connection: Option<usize>,
    /// The side at which to look, by its name.
    pub side: Option<String>,
    /// The deciding frame.
    pub frame: Option<u64>,
    /// What decided it in a recording of ours: entries of its timeline, frames of its capture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Place>,
    /// What was seen.
    pub what: String,
    /// Why that happens.
    pub why: String,
    /// What to look at next.
    pub next: String,
}

/// Explains a session: what the peers' APIs reported first, then connection by connection what its packets show, in each the
/// first layer that broke first.
#[must_use]
pub fn explain(session: &Session<'_>) -> Vec<Diagnosis> {
    let mut found = Found { all: Vec::new(), connection: None };
    found.all.extend(first_diverged(session, Layer::Media));
    let Some(trace) = session.trace else { return found.all };
    gathering::of_packets(trace, &mut found);
    for (index, connection) in trace.connections.iter().enumerate() {
        let from = found.all.len();
        found.connection = Some(index);
        checks::of_packets(connection, &mut found);
        nomination::of_packets(trace, connection, &mut found);
        dtls::of_packets(connection, &mut found);
        srtp::of_packets(connection, &mut found);
        sctp::of_packets(connection, &mut found);
        data_channel::of_packets(connection, &mut found);
        media::of_packets(connection, &mut found);
        direction::of_packets(connection, from, &mut found);
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

/// The first layer up to `top` at which the peers' APIs and the packets between them show that something did not come about.
///
/// A failing case says what it missed; why is often further down: no message came since no channel opened since DTLS failed.
pub(crate) fn first_diverged(session: &Session<'_>, top: Layer) -> Option<Diagnosis> {
    type OfApi = fn(&session::Api<'_>) -> Option<Missed>;
    // SRTP is looked at when the channels are: that no packet was taken shows in the media.
    const LAYERS: [(Layer, OfApi); 10] = [
        (Layer::Sdp, signalling::refused),
        (Layer::Signalling, signalling::of_api),
        (Layer::Gathering, gathering::of_api),
        (Layer::Checks, checks::of_api),
        (Layer::Nomination, nomination::of_api),
        (Layer::Dtls, dtls::of_api),
        (Layer::Sctp, sctp::of_api),
        (Layer::DataChannel, data_channel::of_api),
        (Layer::Srtp, srtp::of_api),
        (Layer::Media, media::of_api),
    ];
    let api = session.api()?;
    let missed = LAYERS.iter().filter(|(layer, _)| *layer <= top).find_map(|(_, of_api)| of_api(&api))?;
    Some(unless_cut(missed, &api).into())
}

/// The same; but if all that one peer sent at that layer left it and nothing of it arrived, neither peer is to blame.
fn unless_cut(missed: Missed, api: &session::Api<'_>) -> Missed {
    let cut = |from, to| {
        let of_setup = || cut_of_setup(api, missed.layer, from, to);
        cut(api, missed.layer, from, to).or_else(of_setup)
    };
    let found = api.both().find_map(|(from, _, to, _)| Some((from, to, cut(from, to)?)));
    let Some((from, to, cut)) = found else { return missed };
    let unreported = [to, from].into_iter().find_map(|name| unreported::unreported(api, name));
    if let Some(unreported) = unreported.filter(|_| missed.layer == Layer::Checks) {
        return unreported;
    }
    let mut evidence = missed.evidence;
    if !evidence.contains(&Place::Frame(cut.first)) {
        evidence.push(Place::Frame(cut.first));
    }
    Missed {
        side: NETWORK.to_owned(),
        seen: format!("{}; {}", missed.seen, tell(&cut, from, to)),
        evidence,
        why: "the network between the peers lost them",
        next: if cut.lost.is_empty() {
            "look for what drops them between the two interfaces"
        } else {
            "look at that part of the lab's network, or at the rules of the scenario"
        },
        ..missed
    }
}

/// What the network let nothing through of, on the way to a peer that waits for something of a layer: in words, and its first frame. What
/// was to be sent on a data channel is `sent_us`, the moment of the last command to send it.
pub(crate) fn cut_off(
    session: &Session<'_>,
    layer: Layer,
    to: &str,
    sent_us: Option<u64>,
) -> Option<(String, Place)> {
    let api = session.api()?;
    let (from, ..) = api.both().find(|(_, _, other, _)| *other == to)?;
    let of_user_data = || cut_of_user_data(&api, from, to, sent_us?);
    let cut = cut(&api, layer, from, to).or_else(of_user_data)?;
    Some((tell(&cut, from, to), Place::Frame(cut.first)))
}

fn tell(Cut { left, lost, what, .. }: &Cut, from: &str, to: &str) -> String {
    let left = u64::try_from(*left).unwrap_or(u64::MAX);
    let mut stated = format!("of {} that left {from} none arrived at {to}", counted(left, what));
    for (n, (lost, times)) in lost.iter().enumerate() {
        stated += &format!("{} {times} {lost}", if n == 0 { ":" } else { "," });
    }
    stated
}

/// What should have come about by what the peers' APIs reported, and did not.
struct Missed {
    layer: Layer,
    kind: Kind,
    side: String,
    expected: String,
    seen: String,
    evidence: Vec<Place>,
    why: &'static str,
    next: &'static str,
}

impl From<Missed> for Diagnosis {
    fn from(missed: Missed) -> Self {
        let Missed { layer, kind, side, expected, seen, evidence, why, next } = missed;
        let frame = evidence.iter().find_map(|place| match place {
            Place::Frame(frame) => Some(*frame),
            _ => None,
        });
        Self {
            severity: Severity::Broken,
            layer,
            kind,
            connection: None,
            side: Some(side),
            frame,
            evidence,
            what: format!("{expected}, but {seen}"),
            why: why.to_owned(),
            next: next.to_owned(),
        }
    }
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
            evidence: Vec::new(),
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

/// `1 check`, `2 checks`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
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
