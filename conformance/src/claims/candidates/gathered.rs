//! Candidates against the peer's sockets, its servers' responses and its descriptions.

use super::super::observed::{Tap, against};
use super::super::{Contradiction, Session};
use super::{Gathered, Reported, reported, urls};
use crate::case_file::CasePeer;
use crate::evidence::Packet;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::{IceGatheringState, PeerEvent};
use peerproof_captures::sdp::{CandidateAddress, CandidateType};
use peerproof_captures::timeline::{LossCause, What};
use peerproof_captures::wire::demux::Class as First;
use peerproof_captures::wire::stun;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

pub(in crate::claims) const EVENT: (&str, Layer) = ("event/icecandidate", Layer::Gathering);
pub(super) const TEXT: (&str, Layer) = ("event/icecandidate.candidate.candidate", Layer::Gathering);

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    gathered: &Gathered<'_>,
    found: &mut Vec<Contradiction>,
) {
    if peer.never_reports("icecandidate", "") {
        return;
    }
    doubled(session, peer, found);
    if session.reports_all(peer) {
        ended_twice(session, peer, found);
    }
    if let Some(tap) = session.tap(&peer.name) {
        sockets(session, peer, gathered, tap, found);
        servers(session, peer, gathered, tap, found);
        nobody(session, peer, gathered, tap, found);
        invented(session, peer, tap, found);
    }
}

pub(super) fn places(candidate: &Reported<'_>, frame: Option<u64>) -> Vec<Place> {
    std::iter::once(Place::Entry(candidate.n)).chain(frame.map(Place::Frame)).collect()
}

/// One candidate is reported once for each time that is gathered.
fn doubled(session: &Session<'_>, peer: &CasePeer, found: &mut Vec<Contradiction>) {
    let mut seen: BTreeMap<(&str, Option<&str>, Option<&str>), u64> = BTreeMap::new();
    for (entry, event) in session.events(&peer.name) {
        match event {
            PeerEvent::IceGatheringStateChange { state } if *state != IceGatheringState::Complete => {
                seen.clear();
            }
            PeerEvent::IceCandidate { candidate: Some(stated) } => {
                let key = (
                    stated.candidate.as_str(),
                    stated.sdp_mid.as_deref(),
                    stated.username_fragment.as_deref(),
                );
                if let Some(before) = seen.insert(key, entry.n) {
                    let what =
                        if stated.candidate.is_empty() { "an end of candidates" } else { &stated.candidate };
                    let claimed = format!("{} reports {what}", peer.name);
                    let evidence = [Place::Entry(entry.n), Place::Entry(before)];
                    let seen = "it had reported the same before";
                    found.push(against(&peer.name, EVENT, entry.t_us, claimed, seen, evidence));
                    return;
                }
            }
            _ => {}
        }
    }
}

/// Gathering ends once for each time that it begins, which a description may make it do (RFC 9429 §5.9).
fn ended_twice(session: &Session<'_>, peer: &CasePeer, found: &mut Vec<Contradiction>) {
    let asked = session.asked(&peer.name);
    let was_described = |from: u64, to: u64| {
        asked.iter().any(|it| (from..to).contains(&it.entry.n) && it.name.ends_with("Description"))
    };
    let mut ended: Option<u64> = None;
    for (entry, event) in session.events(&peer.name) {
        match event {
            PeerEvent::IceGatheringStateChange { state } if *state != IceGatheringState::Complete => {
                ended = None;
            }
            PeerEvent::Acted { operation, .. } if operation.ends_with("Description") => ended = None,
            PeerEvent::IceCandidate { candidate: None } => {
                let before = ended.replace(entry.n);
                if let Some(before) = before.filter(|before| !was_described(*before, entry.n)) {
                    let claimed = format!("{} reports the end of candidates", peer.name);
                    let evidence = [Place::Entry(entry.n), Place::Entry(before)];
                    let seen = "it had reported it before, and did not gather since";
                    found.push(against(&peer.name, EVENT, entry.t_us, claimed, seen, evidence));
                    return;
                }
            }
            _ => {}
        }
    }
}

/// Whether a datagram is a request of STUN.
pub(super) fn is_request(packet: &Packet) -> bool {
    stun::view(&packet.bytes).is_ok_and(|it| it.kind.value.class() == stun::Class::Request)
}

/// A check goes from the base of a candidate (RFC 8445 §7.2.4), and bases are host candidates.
fn sockets(
    session: &Session<'_>,
    peer: &CasePeer,
    gathered: &Gathered<'_>,
    tap: Tap<'_>,
    found: &mut Vec<Contradiction>,
) {
    let Some(ended) = gathered.ended.filter(|_| !session.is_relay_only(&peer.name)) else { return };
    let mut looked_at = BTreeSet::new();
    for packet in tap.sent().filter(|it| it.class() == First::Stun && it.via.is_none() && !it.tcp) {
        if !looked_at.insert(packet.from) || gathered.has_socket(packet.from) {
            continue;
        }
        if is_request(packet) {
            let claimed = format!("{} reports that it has gathered all its candidates", peer.name);
            let seen = format!("it sends checks from {}, which is in none of them", packet.from);
            let evidence = [Place::Entry(ended), Place::Frame(packet.frame)];
            found.push(against(&peer.name, EVENT, packet.t_us, claimed, seen, evidence));
            return;
        }
    }
}

/// Addresses that servers reported according to a peer, against those that they did report.
fn servers(
    session: &Session<'_>,
    peer: &CasePeer,
    gathered: &Gathered<'_>,
    tap: Tap<'_>,
    found: &mut Vec<Contradiction>,
) {
    let stated = tap.wire.stated.get(&tap.peer);
    let mapped: BTreeSet<SocketAddr> =
        stated.into_iter().flat_map(|it| it.mapped.iter().map(|it| it.1)).collect();
    let relayed: BTreeSet<SocketAddr> =
        stated.into_iter().flat_map(|it| it.relayed.iter().copied()).collect();
    // What servers say over TLS cannot be read.
    let readable = |url: &&str| !url.starts_with("turns:") && !url.contains("transport=tcp");
    let reads_all = urls(session, &peer.name).iter().all(readable);
    let own: BTreeSet<IpAddr> = own_addresses(tap);
    let unanswered = unanswered(session, tap);
    for it in gathered.all() {
        let Some(address) = it.address().filter(|_| it.candidate.is_udp()) else { continue };
        let known = match it.candidate.kind {
            CandidateType::ServerReflexive => &mapped,
            CandidateType::Relay => &relayed,
            CandidateType::Host => {
                let by_server = mapped.contains(&address) || relayed.contains(&address);
                if by_server && !own.contains(&address.ip()) && !own.is_empty() {
                    let claimed = format!("{} reports {address} as an address of its machine", peer.name);
                    let seen = "a server reported that address to it";
                    found.push(against(&peer.name, TEXT, it.t_us, claimed, seen, places(it, None)));
                    return;
                }
                continue;
            }
            _ => continue,
        };
        // Its own response may be what the capture lacks. The related address of a relayed one is another than that from which it was asked for.
        let base = it
            .candidate
            .related_address
            .as_ref()
            .and_then(CandidateAddress::ip)
            .zip(it.candidate.related_port);
        let base = base.filter(|(ip, port)| {
            it.candidate.kind == CandidateType::ServerReflexive && !ip.is_unspecified() && *port != 0
        });
        let may_lack =
            base.map(SocketAddr::from).map_or(!unanswered.is_empty(), |base| unanswered.contains(&base));
        if reads_all && !may_lack && !known.contains(&address) {
            let claimed = format!("{} reports the {} candidate {address}", peer.name, it.candidate.kind);
            let seen = match known.iter().next() {
                Some(other) => format!("no server reported that address to it; one reported {other}"),
                None => "no server reported that address to it, or any".to_owned(),
            };
            found.push(against(&peer.name, TEXT, it.t_us, claimed, seen, places(it, None)));
            return;
        }
    }
}

/// The addresses from which requests went to servers whose responses are not in the capture, though the network lost neither.
fn unanswered(session: &Session<'_>, tap: Tap<'_>) -> BTreeSet<SocketAddr> {
    let lost = session.disturbed();
    let mut asked = BTreeMap::new();
    let mut answered = BTreeSet::new();
    for (at, message) in tap.wire.with_servers(tap.peer) {
        let transaction = message.transaction.value;
        match message.kind.value.class() {
            stun::Class::Request if at.sent && !lost.contains(&at.frame) => {
                asked.insert(transaction.0, at.client);
            }
            stun::Class::Success | stun::Class::Error if !at.sent => {
                answered.insert(transaction.0);
            }
            _ => {}
        }
    }
    asked
        .into_iter()
        .filter(|(transaction, _)| !answered.contains(transaction))
        .map(|(_, from)| from)
        .collect()
}

/// The addresses from which the peer's packets leave.
fn own_addresses(tap: Tap<'_>) -> BTreeSet<IpAddr> {
    let direct = tap.sent().filter(|it| it.via.is_none()).map(|it| it.from.ip());
    let own = tap.wire.servers.iter().filter(|it| it.peer == tap.peer);
    direct.chain(own.map(|it| it.client.ip())).collect()
}

/// A host candidate at an address to which the lab knows no way, and from which nothing of the peer ever came.
fn nobody(
    session: &Session<'_>,
    peer: &CasePeer,
    gathered: &Gathered<'_>,
    tap: Tap<'_>,
    found: &mut Vec<Contradiction>,
) {
    let no_route = |what: &What| match what {
        What::Lost { frame, cause: LossCause::NoRoute, .. } => *frame,
        _ => None,
    };
    let lost: BTreeSet<u64> = session.record.timeline.iter().filter_map(|it| no_route(&it.what)).collect();
    let own = own_addresses(tap);
    // Behind a NAT an address is one where nobody else knows it: what leaves from one of the peer's arrives from another.
    let is_translated = |it: &Packet| {
        it.sender == tap.peer && it.tap != tap.peer && it.via.is_none() && !own.contains(&it.from.ip())
    };
    let has_nat = session.record.file.peers.iter().any(|it| it.nat.is_some())
        || tap.wire.packets.iter().any(is_translated);
    if lost.is_empty() || has_nat || session.network_changes() {
        return;
    }
    let others = tap.wire.packets.iter().filter(|it| it.sender != tap.peer && it.tap == it.sender);
    let to: BTreeMap<SocketAddr, u64> =
        others.filter(|it| lost.contains(&it.frame)).map(|it| (it.to, it.frame)).collect();
    for it in gathered.events.iter().filter(|it| it.candidate.kind == CandidateType::Host) {
        let Some(address) = it.address().filter(|address| !own.contains(&address.ip())) else { continue };
        if let Some(frame) = to.get(&address) {
            let claimed = format!("{} reports the host candidate {address}", peer.name);
            let seen = "nobody in the network has that address";
            found.push(against(&peer.name, TEXT, it.t_us, claimed, seen, places(it, Some(*frame))));
            return;
        }
    }
}

/// An agent has one socket for a component at an address (RFC 8445 §5.1.1.1). Of two host candidates there, the one from which nothing
/// is ever sent is none.
fn invented(session: &Session<'_>, peer: &CasePeer, tap: Tap<'_>, found: &mut Vec<Contradiction>) {
    // An address that goes and comes back is gathered again.
    if session.network_changes() {
        return;
    }
    let direct = tap.sent().filter(|it| it.via.is_none()).map(|it| it.from);
    let to_servers = tap.wire.servers.iter().filter(|it| it.peer == tap.peer && it.sent).map(|it| it.client);
    let used: BTreeSet<SocketAddr> = direct.chain(to_servers).collect();
    // By section, component, ufrag and address.
    let mut sockets: BTreeMap<(&str, u32, &str, IpAddr), Vec<Reported<'_>>> = BTreeMap::new();
    for (entry, event) in session.events(&peer.name) {
        match event {
            PeerEvent::IceGatheringStateChange { state } if *state != IceGatheringState::Complete => {
                sockets.clear();
            }
            PeerEvent::IceCandidate { candidate: Some(stated) } => {
                let (Some(mid), Some(ufrag)) = (&stated.sdp_mid, &stated.username_fragment) else { continue };
                let Some(it) = reported(entry.n, entry.t_us, &stated.candidate) else { continue };
                let Some(address) = it.address().filter(|_| it.candidate.is_udp()) else { continue };
                if it.candidate.kind != CandidateType::Host {
                    continue;
                }
                let same = sockets.entry((mid, it.candidate.component, ufrag, address.ip())).or_default();
                same.push(it);
                let is_used =
                    |it: &&Reported<'_>| it.address().is_some_and(|address| used.contains(&address));
                let (real, unused) = (same.iter().find(is_used), same.iter().find(|it| !is_used(it)));
                if let (Some(real), Some(unused)) = (real, unused) {
                    let claimed = format!("{} reports {}", peer.name, unused.text);
                    let seen = format!("its socket at that address is that of port {}", real.candidate.port);
                    let evidence = [Place::Entry(unused.n), Place::Entry(real.n)];
                    found.push(against(&peer.name, TEXT, unused.t_us, claimed, seen, evidence));
                    return;
                }
            }
            _ => {}
        }
    }
}
