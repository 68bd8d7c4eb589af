//! Candidates that a peer must have had, since it is connected or sends from there, and that it never reported.

use super::super::observed::against;
use super::super::{Contradiction, Session};
use super::Gathered;
use super::gathered::{EVENT, is_request};
use crate::case_file::CasePeer;
use crate::verdict::Place;
use peerproof_captures::event::{ConnectionState, PeerEvent};
use peerproof_captures::wire::demux::Class as First;
use std::collections::BTreeSet;
use std::net::IpAddr;

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    gathered: &Gathered<'_>,
    found: &mut Vec<Contradiction>,
) {
    // Who gathers relayed candidates alone may still be reached where it has none.
    if peer.never_reports("icecandidate", "") || session.is_relay_only(&peer.name) {
        return;
    }
    none(session, peer, gathered, found);
    from_elsewhere(session, peer, gathered, found);
}

/// What a peer sends leaves by the base of a candidate (RFC 8445 §5.1.1.2), and a candidate is reported (webrtc-pc §4.8.2).
fn none(session: &Session<'_>, peer: &CasePeer, gathered: &Gathered<'_>, found: &mut Vec<Contradiction>) {
    let connected = PeerEvent::ConnectionStateChange { state: ConnectionState::Connected };
    let connected = session.events(&peer.name).find(|(_, event)| **event == connected);
    let Some((entry, _)) = connected.filter(|_| gathered.all().next().is_none()) else { return };
    let claimed = format!("{} reports that connectionState became connected", peer.name);
    let seen = "it never reports a candidate, and its descriptions contain none";
    found.push(against(&peer.name, EVENT, entry.t_us, claimed, seen, [Place::Entry(entry.n)]));
}

/// Where nothing is recorded at the peer itself, its checks are as they arrive: from the sockets of its candidates, unless a NAT changes them.
fn from_elsewhere(
    session: &Session<'_>,
    peer: &CasePeer,
    gathered: &Gathered<'_>,
    found: &mut Vec<Contradiction>,
) {
    let has_nat = session.record.file.peers.iter().any(|it| it.nat.is_some());
    if session.tap(&peer.name).is_some() || has_nat || session.network_changes() || gathered.hides_addresses()
    {
        return;
    }
    let tap = session.record.other(&peer.name).and_then(|other| session.tap(other));
    let (Some(tap), Some(ended)) = (tap, gathered.ended) else { return };
    let own: BTreeSet<IpAddr> = gathered.all().filter_map(|it| it.candidate.address.ip()).collect();
    let direct = tap.received().filter(|it| it.class() == First::Stun && it.via.is_none() && !it.tcp);
    let mut strange = direct.filter(|it| own.contains(&it.from.ip()) && !gathered.has_socket(it.from));
    if let Some(packet) = strange.find(|packet| is_request(packet)) {
        let claimed = format!("{} reports that it has gathered all its candidates", peer.name);
        let seen = format!("checks arrive from {}, which is in none of them", packet.from);
        let evidence = [Place::Entry(ended), Place::Frame(packet.frame)];
        found.push(against(&peer.name, EVENT, packet.t_us, claimed, seen, evidence));
    }
}
