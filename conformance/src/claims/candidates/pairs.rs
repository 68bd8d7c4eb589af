//! Selected pairs against the candidates and the packets.

use super::super::observed::{Tap, against};
use super::super::{Contradiction, Session};
use super::Gathered;
use crate::case_file::CasePeer;
use crate::evidence::Packet;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::{ConnectionState, PeerEvent};
use peerproof_captures::sdp::{Candidate, CandidateAddress, CandidateType};
use peerproof_captures::timeline::Entry;
use std::net::SocketAddr;

const LOCAL: (&str, Layer) = ("event/selectedcandidatepairchange.local", Layer::Nomination);
const REMOTE: (&str, Layer) = ("event/selectedcandidatepairchange.remote", Layer::Nomination);

/// How long after its first data a peer may take to report the pair, in microseconds: some read it from their statistics.
const PATIENCE_US: u64 = 500_000;

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    gathered: &Gathered<'_>,
    found: &mut Vec<Contradiction>,
) {
    let mut before: Option<(&Entry, &str, &str)> = None;
    for (entry, event) in session.events(&peer.name) {
        let PeerEvent::SelectedCandidatePairChange { local, remote } = event else { continue };
        if let Some((earlier, ..)) = before.filter(|it| (it.1, it.2) == (local.as_str(), remote.as_str())) {
            let claimed = format!("{} reports that another pair is in use", peer.name);
            let evidence = [Place::Entry(entry.n), Place::Entry(earlier.n)];
            let seen = "it is the one that it had reported before";
            found.push(against(&peer.name, LOCAL, entry.t_us, claimed, seen, evidence));
        }
        before = Some((entry, local.as_str(), remote.as_str()));
        let (Ok(local), Ok(remote)) = (Candidate::parse(local), Candidate::parse(remote)) else { continue };
        known(session, peer, gathered, entry, (&local, &remote), found);
        if let Some(tap) = session.tap(&peer.name) {
            used(peer, tap, entry, (&local, &remote), found);
        }
    }
    if before.is_none() && session.reports_all(peer) && !peer.never_reports("selectedcandidatepairchange", "")
    {
        missing(session, peer, found);
    }
}

fn address(candidate: &Candidate) -> Option<SocketAddr> {
    Some(SocketAddr::new(candidate.address.ip()?, candidate.port))
}

fn is_name(candidate: &Candidate) -> bool {
    !matches!(candidate.address, CandidateAddress::Ip(..))
}

/// Both candidates of a pair were signalled, unless checks brought them up (RFC 8445 §7.3.1.3).
fn known(
    session: &Session<'_>,
    peer: &CasePeer,
    gathered: &Gathered<'_>,
    entry: &Entry,
    (local, remote): (&Candidate, &Candidate),
    found: &mut Vec<Contradiction>,
) {
    let same = |one: &Candidate, other: &Candidate| {
        one.port == other.port
            && one.kind == other.kind
            && (one.address == other.address || is_name(one) || is_name(other))
    };
    let other = session.record.other(&peer.name);
    let theirs = other.map(|other| Gathered::of(session, other));
    let sides = [(LOCAL, local, Some(gathered)), (REMOTE, remote, theirs.as_ref())];
    for (claim, candidate, all) in sides {
        let Some(all) = all else { continue };
        let is_signalled = matches!(
            candidate.kind,
            CandidateType::Host | CandidateType::ServerReflexive | CandidateType::Relay
        );
        let was_rewritten = claim == REMOTE && is_rewritten(session, &peer.name);
        if !is_signalled || was_rewritten || all.all().next().is_none() {
            continue;
        }
        if !all.all().any(|it| same(&it.candidate, candidate)) {
            let text = format!("{} {} {}", candidate.kind, candidate.address, candidate.port);
            let claimed = format!("{} reports that its pair has {text}", peer.name);
            let seen = "nobody ever signalled that candidate";
            found.push(against(&peer.name, claim, entry.t_us, claimed, seen, [Place::Entry(entry.n)]));
        }
    }
}

/// Whether the other side's candidates arrived otherwise than they were sent.
fn is_rewritten(session: &Session<'_>, name: &str) -> bool {
    use peerproof_captures::timeline::What;
    session.record.timeline.iter().any(|entry| match &entry.what {
        What::CarriedCandidate { to, sent, delivered, .. } => {
            to == name && delivered.is_some() && sent != delivered
        }
        What::Carried { to, delivered, .. } => to == name && delivered.is_some(),
        _ => false,
    })
}

/// Something goes from the local candidate to the remote one.
fn used(
    peer: &CasePeer,
    tap: Tap<'_>,
    entry: &Entry,
    (local, remote): (&Candidate, &Candidate),
    found: &mut Vec<Contradiction>,
) {
    if !local.is_udp() || !remote.is_udp() || is_name(remote) {
        return;
    }
    let Some(remote) = address(remote) else { return };
    let to_remote = |packet: &&Packet| packet.to == remote;
    let from_local = |packet: &&Packet| match local.kind {
        CandidateType::Relay => packet.via.is_some() && address(local) == Some(packet.from),
        CandidateType::Host => {
            packet.via.is_none()
                && packet.from.port() == local.port
                && (is_name(local) || local.address.ip() == Some(packet.from.ip()))
        }
        // The base from which it goes is told by the related address, or not at all.
        _ => {
            packet.via.is_none()
                && local.related_port.is_none_or(|port| port == 0 || port == packet.from.port())
        }
    };
    let claimed = format!(
        "{} reports that the pair of {} {} and {remote} is in use",
        peer.name, local.address, local.port
    );
    let mut to = tap.sent().filter(to_remote).peekable();
    if to.peek().is_none() {
        let seen = format!("it never sends anything to {remote}");
        found.push(against(&peer.name, REMOTE, entry.t_us, claimed, seen, [Place::Entry(entry.n)]));
    } else if !to.any(|packet| from_local(&packet)) {
        let seen = "nothing goes from there to there";
        found.push(against(&peer.name, LOCAL, entry.t_us, claimed, seen, [Place::Entry(entry.n)]));
    }
}

/// Data came, so there is a pair, and it was never reported.
fn missing(session: &Session<'_>, peer: &CasePeer, found: &mut Vec<Contradiction>) {
    let connected = PeerEvent::ConnectionStateChange { state: ConnectionState::Connected };
    let Some((at, _)) = session.events(&peer.name).find(|(_, event)| **event == connected) else { return };
    let data = |event: &PeerEvent| {
        matches!(
            event,
            PeerEvent::ChannelMessage { .. } | PeerEvent::MediaSeen { .. } | PeerEvent::ChannelOpen { .. }
        )
    };
    let Some((first, _)) = session.events(&peer.name).find(|(_, event)| data(event)) else { return };
    let since_us = first.t_us.max(at.t_us);
    if session.had_time(&peer.name, since_us, PATIENCE_US) {
        let claimed = format!("{} reports that it is connected and receives data", peer.name);
        let seen = "it never reports which pair is in use";
        let evidence = [Place::Entry(at.n), Place::Entry(first.n)];
        found.push(against(&peer.name, LOCAL, at.t_us, claimed, seen, evidence));
    }
}
