//! `close`: nothing leaves the peer afterwards, beyond what closing itself sends.

use super::{succeeded, without_effect};
use crate::case_file::CasePeer;
use crate::claims::session::Asked;
use crate::claims::{Contradiction, Session};
use crate::verdict::{Layer, Place};
use peerproof_captures::wire::demux::Class;

/// How long a peer may take to stop, in microseconds.
const STOPS_US: u64 = 1_000_000;

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    asked: &[Asked<'_>],
    found: &mut Vec<Contradiction>,
) {
    let closes = asked.iter().filter(|asked| asked.name == "close");
    let Some((n, t_us)) = closes.filter_map(|it| succeeded(it)).map(|(n, t_us, _)| (n, t_us)).next() else {
        return;
    };
    // Another connection begins anew.
    if asked.iter().any(|asked| asked.name == "createPeerConnection" && asked.entry.n > n) {
        return;
    }
    let (Some(wire), Some(place)) = (session.record.packets(), session.place_of(&peer.name)) else { return };
    if !wire.is_tapped(place) {
        return;
    }
    let by = |at: u64| t_us.saturating_add(STOPS_US).saturating_add(session.stalled(t_us, at));
    let Some(packet) =
        wire.sent(place).filter(|packet| packet.tap == place).find(|packet| packet.t_us > by(packet.t_us))
    else {
        return;
    };
    let (layer, what) = match packet.class() {
        Class::Stun => (Layer::Checks, "a STUN message"),
        Class::Dtls => (Layer::Dtls, "a DTLS record"),
        Class::Rtp | Class::Rtcp => (Layer::Media, "media"),
        _ => (Layer::Nomination, "a packet"),
    };
    let seen = format!("it sent {what} {} ms later", (packet.t_us - t_us) / 1000);
    let evidence = vec![Place::Frame(packet.frame), Place::Entry(n)];
    found.push(without_effect(
        "answer/close",
        layer,
        &peer.name,
        packet.t_us,
        "close".to_owned(),
        seen,
        evidence,
    ));
}
