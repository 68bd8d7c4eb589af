//! What an explanation works on: the packets, and, where there is one, what the peers' APIs reported.

use super::sctp::INITS;
use crate::api::{PeerView, Views};
use crate::evidence::{Peer, Wire};
use indexmap::IndexMap;
use peerproof_captures::event::{PeerEvent, SdpType};
use peerproof_captures::observe::{StunClass, Unit};
use peerproof_captures::timeline::{Entry, What};
use peerproof_captures::trace::{At, Side, Trace};
use peerproof_captures::wire::dtls::alert::Level;
use peerproof_captures::wire::sctp::{Body as Chunk, ChunkType};
use peerproof_captures::wire::stun::Method;
use serde_json::Value;

/// What the peers' APIs reported, sorted by peer.
#[derive(Debug, Clone)]
pub struct Reported<'a> {
    views: Views,
    timeline: &'a [Entry],
}

impl<'a> Reported<'a> {
    /// Sorts a timeline by the peers of the case, offerer first.
    #[must_use]
    pub fn of<'n>(peers: impl IntoIterator<Item = &'n str>, timeline: &'a [Entry]) -> Self {
        let views = peers.into_iter().map(|peer| (peer.to_owned(), PeerView::of(timeline, peer))).collect();
        Self { views, timeline }
    }
}

/// A session to be explained: of a case, or in a capture of a stranger.
#[derive(Debug, Clone, Copy, Default)]
pub struct Session<'a> {
    pub(super) trace: Option<&'a Trace>,
    recorded: Option<Recorded<'a>>,
}

/// What stands in a recording of ours beside the capture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recorded<'a> {
    /// The peers, offerer first.
    pub(crate) views: &'a Views,
    /// `timeline.jsonl`.
    pub(crate) timeline: &'a [Entry],
    /// The last statistics report of each peer.
    pub(crate) stats: Option<&'a IndexMap<String, Value>>,
    /// The packets, where they are recorded at the peers' taps and not traced.
    pub(crate) wire: Option<&'a Wire>,
}

impl<'a> Session<'a> {
    /// A session of which there are packets alone.
    #[must_use]
    pub const fn of_packets(trace: &'a Trace) -> Self {
        Self { trace: Some(trace), recorded: None }
    }

    /// A recorded case.
    pub(crate) const fn of_case(recorded: Recorded<'a>) -> Self {
        Self { trace: None, recorded: Some(recorded) }
    }

    /// The same, with what the peers' APIs reported while the packets were recorded.
    #[must_use]
    pub const fn with_reported(self, reported: &'a Reported<'a>) -> Self {
        let Reported { views, timeline } = reported;
        Self { recorded: Some(Recorded { views, timeline, stats: None, wire: None }), ..self }
    }

    /// What the APIs of the two peers reported. `None` without a timeline, and where there are not two peers.
    pub(super) fn api(&self) -> Option<Api<'a>> {
        let Recorded { views, timeline, stats, wire } = self.recorded?;
        let mut peers = views.iter().map(|(name, view)| (name.as_str(), view));
        let wire = wire.filter(|wire| wire.seen > 0);
        Some(Api { peers: [peers.next()?, peers.next()?], timeline, stats, wire, trace: self.trace })
    }
}

/// Two peers and all that is known of them.
pub(super) struct Api<'a> {
    /// Offerer and answerer.
    pub(super) peers: [(&'a str, &'a PeerView); 2],
    pub(super) timeline: &'a [Entry],
    stats: Option<&'a IndexMap<String, Value>>,
    wire: Option<&'a Wire>,
    trace: Option<&'a Trace>,
}

impl<'a> Api<'a> {
    pub(super) fn peers(&self) -> impl Iterator<Item = (&'a str, &'a PeerView)> + use<'a> {
        self.peers.into_iter()
    }

    /// Each peer with the other.
    pub(super) fn both(
        &self,
    ) -> impl Iterator<Item = (&'a str, &'a PeerView, &'a str, &'a PeerView)> + use<'a> {
        let [(a, va), (b, vb)] = self.peers;
        [(a, va, b, vb), (b, vb, a, va)].into_iter()
    }

    /// What was seen on the wire, if anything was.
    pub(super) fn wire(&self) -> Option<&'a Wire> {
        self.wire
    }

    pub(super) fn view(&self, name: &str) -> Option<&'a PeerView> {
        self.peers().find(|(peer, _)| *peer == name).map(|(_, view)| view)
    }

    /// Both descriptions of one exchange were set on both sides: from here on the transports are on their own.
    pub(super) fn negotiated(&self) -> bool {
        self.peers().all(|(_, view)| !view.remote.is_empty() && !view.local.is_empty())
    }

    /// Whether an answer takes a media section of that kind.
    pub(super) fn has_section(&self, kind: &str) -> bool {
        let has = |sdp: &str| {
            let mut media = sdp.lines().filter_map(|line| line.strip_prefix("m=")?.strip_prefix(kind));
            media.any(|rest| !rest.starts_with(" 0 "))
        };
        let mut answers = self.peers().flat_map(|(_, view)| view.local.iter().chain(&view.remote));
        answers.any(|at| at.is.kind == SdpType::Answer && has(&at.is.sdp))
    }

    /// The largest value of a member over all dictionaries of a type in the statistics of a peer.
    pub(super) fn stat(&self, name: &str, kind: &str, member: &str) -> Option<f64> {
        let report = self.stats?.get(name)?.as_object()?;
        let those =
            report.values().filter(|dictionary| dictionary.get("type").and_then(Value::as_str) == Some(kind));
        those.filter_map(|dictionary| dictionary.get(member)?.as_f64()).max_by(f64::total_cmp)
    }

    /// Whether a peer reports that one of its remote tracks is unmuted.
    pub(super) fn unmutes(&self, name: &str) -> bool {
        self.timeline.iter().any(|entry| match &entry.what {
            What::Event { peer, event, .. } => peer == name && matches!(event, PeerEvent::TrackUnmute { .. }),
            _ => false,
        })
    }

    /// Who answered none of the INITs that came repeatedly from the other side, and the frame of the last one.
    pub(super) fn silent_to_init(&self) -> Option<(&'a str, u64)> {
        let wire = self.wire?;
        self.peers().zip([Peer(0), Peer(1)]).find_map(|((name, _), peer)| {
            let (mut inits, mut last) = (0, 0);
            for (packet, read) in wire.sctp(peer) {
                for chunk in read.chunks.iter() {
                    match (chunk.body, packet.sender == peer) {
                        (Some(Chunk::Init(_)), false) => (inits, last) = (inits + 1, packet.frame),
                        (Some(Chunk::InitAck(_)), true) => return None,
                        _ => {}
                    }
                }
            }
            (inits >= INITS).then_some((name, last))
        })
    }

    /// Whether the packets show that an association was established.
    pub(super) fn is_associated(&self) -> bool {
        self.wire.is_some_and(|wire| {
            let mut packets = wire.sctp(Peer(0));
            packets.any(|(_, read)| read.chunks.iter().any(|chunk| chunk.kind.value == ChunkType::CookieAck))
        })
    }

    /// The first frame in which a peer sent what only a complete handshake protects: SRTP, or SCTP that was decrypted.
    pub(super) fn first_protected(&self, name: &'a str, other: &'a str) -> Option<u64> {
        let peer = self.peers().position(|(peer, _)| peer == name).map(Peer);
        let sctp = self.wire.zip(peer).and_then(|(wire, peer)| {
            wire.sctp(peer).find(|(packet, _)| packet.sender == peer).map(|(packet, _)| packet.frame)
        });
        let srtp = self.sent(name, other).and_then(|sent| sent.first_srtp);
        sctp.into_iter().chain(srtp).min()
    }

    /// What one peer sent to the other. `None` if the packets between them were not seen.
    pub(super) fn sent(&self, from: &'a str, to: &'a str) -> Option<Sent> {
        let place = |name| self.peers().position(|(peer, _)| peer == name).map(Peer);
        let recorded = || {
            let (wire, from, to) = (self.wire?, place(from)?, place(to)?);
            (wire.sees(from) || wire.sees(to)).then(|| Sent::of_wire(wire, from, to))
        };
        recorded().or_else(|| self.trace.and_then(|trace| Sent::of_trace(trace, from, to)))
    }

    /// The packets at the taps, and which of them are those of two peers.
    pub(super) fn taps(&self, from: &str, to: &str) -> Option<(&'a Wire, Peer, Peer)> {
        let place = |name| self.peers().position(|(peer, _)| peer == name).map(Peer);
        Some((self.wire?, place(from)?, place(to)?))
    }
}

/// What a peer sent to the other, as far as explanations ask for it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sent {
    /// Binding requests.
    pub(super) checks: u64,
    /// The frame of the first.
    pub(super) first_check: Option<u64>,
    /// The frame of the last.
    pub(super) last_check: Option<u64>,
    /// Whether the first of them claims the controlling role, and whether the last does, where that is known.
    pub(super) roles: [Option<bool>; 2],
    /// Success responses to Binding requests of the other.
    pub(super) successes: u64,
    /// Error responses 487 (Role Conflict) to Binding requests of the other.
    pub(super) conflicts: u64,
    /// The frame of the first.
    pub(super) first_conflict: Option<u64>,
    /// The first fatal alert: its frame, and its description unless it is encrypted.
    pub(super) fatal_alert: Option<(u64, Option<String>)>,
    /// SRTP packets.
    pub(super) srtp: u64,
    /// The frame of the first.
    pub(super) first_srtp: Option<u64>,
}

impl Sent {
    fn of_wire(wire: &Wire, from: Peer, to: Peer) -> Self {
        let mut sent = Self::default();
        for seen in wire.units_sent(from, to) {
            match seen.unit {
                Unit::Stun { class: StunClass::Request, method: Method::Binding, controlling, .. } => {
                    sent.checks += 1;
                    sent.first_check.get_or_insert(seen.frame);
                    sent.last_check = Some(seen.frame);
                    sent.roles = [sent.roles[0].or(controlling), controlling.or(sent.roles[1])];
                }
                Unit::Stun { method: Method::Binding, error: Some(487), .. } => {
                    sent.conflicts += 1;
                    sent.first_conflict.get_or_insert(seen.frame);
                }
                Unit::Stun { class: StunClass::Success, method: Method::Binding, .. } => sent.successes += 1,
                Unit::Alert { level: Some(Level::Fatal), description } => {
                    let description = description.map(|code| code.raw().to_string());
                    sent.fatal_alert.get_or_insert((seen.frame, description));
                }
                Unit::Srtp { .. } => {
                    sent.srtp += 1;
                    sent.first_srtp.get_or_insert(seen.frame);
                }
                _ => {}
            }
        }
        sent
    }

    /// A connection may be several of the trace where nothing shows that they are one: what each saw counts, and nothing twice.
    fn of_trace(trace: &Trace, from: &str, to: &str) -> Option<Self> {
        let sees = trace.connections.iter().filter_map(|connection| {
            let side = Side::BOTH.into_iter().find(|side| connection.name(*side) == from)?;
            (connection.name(side.other()) == to).then_some((connection, side))
        });
        let all = sees.map(|(connection, side)| {
            let first = |all: &mut dyn Iterator<Item = Option<At>>| all.flatten().min().map(|at| at.frame);
            let own = || connection.pairs.iter().map(move |pair| pair.checks.of(side));
            let others = connection.pairs.iter().map(|pair| pair.checks.of(side.other()));
            let streams = || connection.streams.values().filter(move |stream| stream.from == side);
            let alerts = connection.handshakes.iter().flat_map(|handshake| &handshake.alerts);
            let mut fatal = alerts.filter(|alert| alert.from == side && alert.is_fatal());
            Self {
                checks: own().map(|checks| checks.sent + checks.retransmissions).sum(),
                first_check: first(&mut own().map(|checks| checks.first)),
                successes: others.map(|checks| checks.succeeded).sum(),
                // The explainer of packets reports conflicts.
                last_check: None,
                roles: [None; 2],
                conflicts: 0,
                first_conflict: None,
                fatal_alert: fatal.next().map(|alert| (alert.at.frame, alert.description.clone())),
                srtp: streams().map(|stream| stream.packets).sum(),
                first_srtp: first(&mut streams().map(|stream| Some(stream.first))),
            }
        });
        all.reduce(|one, other| Self {
            checks: one.checks.max(other.checks),
            first_check: one.first_check.or(other.first_check),
            successes: one.successes.max(other.successes),
            last_check: None,
            roles: [None; 2],
            conflicts: 0,
            first_conflict: None,
            fatal_alert: one.fatal_alert.or(other.fatal_alert),
            srtp: one.srtp.max(other.srtp),
            first_srtp: one.first_srtp.or(other.first_srtp),
        })
    }
}
