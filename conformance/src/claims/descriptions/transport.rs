//! What a description says of its transports: which sections share one (RFC 9143), and that another DTLS association begins (RFC 8842 §4).

use crate::api::At;
use crate::case_file::CasePeer;
use crate::claims::observed::against;
use crate::claims::{Contradiction, Session};
use crate::evidence::Peer;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::{Description, SdpType};
use peerproof_captures::observe::Unit;
use peerproof_captures::sdp::{SctpPort, Section, SessionDescription};
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::handshake::HandshakeType;
use peerproof_captures::wire::rtp;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

const GROUP: (&str, Layer) = ("description/group", Layer::Sdp);
const SCTP_PORT: (&str, Layer) = ("description/sctp-port", Layer::Sctp);
const TLS_ID: (&str, Layer) = ("description/tls-id", Layer::Dtls);

/// With as many packets from one address to another, a section uses that path.
const SHOWN: usize = 5;
/// How long a peer has to begin another handshake, in microseconds.
const HANDSHAKE_US: u64 = 1_000_000;

pub(super) fn check(session: &Session<'_>, peer: &CasePeer, place: Peer, found: &mut Vec<Contradiction>) {
    group(session, peer, place, found);
    tls_id(session, peer, place, found);
    sctp_port(session, peer, place, found);
}

fn payload_types(section: &Section<'_>) -> BTreeSet<u8> {
    section.codecs().into_iter().map(|(payload_type, _)| payload_type).collect()
}

/// A section that an answer leaves out of its BUNDLE group has a transport of its own (RFC 9143 §7.3.1).
fn group(session: &Session<'_>, peer: &CasePeer, place: Peer, found: &mut Vec<Contradiction>) {
    let Some(view) = session.views.get(&peer.name) else { return };
    let Some(wire) = session.record.packets().filter(|wire| !wire.cut && wire.is_tapped(place)) else {
        return;
    };
    // Of one negotiation only: another may change what belongs together.
    let Some(at) = view.local.first() else { return };
    let sdp = SessionDescription::parse(at.is.sdp.as_str());
    let groups = sdp.groups();
    let is_same = |it: &At<Description>| {
        it.is.kind == SdpType::Answer && SessionDescription::parse(it.is.sdp.as_str()).groups() == groups
    };
    if !view.local.iter().all(is_same) {
        return;
    }
    let bundles = groups.iter().filter(|group| group.is_bundle());
    let grouped: BTreeSet<&str> = bundles.flat_map(|group| &group.tags).map(String::as_str).collect();
    let accepted = || sdp.media().filter(|section| !section.is_rejected());
    let is_in = |section: &Section<'_>| section.mid().is_some_and(|mid| grouped.contains(mid.as_str()));
    let types = |within: bool| -> BTreeSet<u8> {
        accepted().filter(|it| is_in(it) == within).flat_map(|it| payload_types(&it)).collect()
    };
    let (inside, outside) = (types(true), types(false));
    if grouped.is_empty() || inside.is_empty() || outside.is_empty() || !inside.is_disjoint(&outside) {
        return;
    }
    let mut ways: BTreeMap<(SocketAddr, SocketAddr), [usize; 2]> = BTreeMap::new();
    for packet in wire.sent(place).filter(|it| it.class() == Class::Rtp && it.tap == place) {
        let Ok(read) = rtp::view(&packet.bytes) else { continue };
        let of = ways.entry((packet.from, packet.to)).or_default();
        let [one, other] = of;
        *one += usize::from(inside.contains(&read.header.payload_type()));
        *other += usize::from(outside.contains(&read.header.payload_type()));
        if *one >= SHOWN && *other >= SHOWN {
            let claimed = format!("the answer of {} leaves a section out of its BUNDLE group", peer.name);
            let seen = format!("it sends the RTP of both from {} to {}", packet.from, packet.to);
            let evidence = [Place::Entry(at.n), Place::Frame(packet.frame)];
            found.push(against(&peer.name, GROUP, at.t_us, claimed, seen, evidence));
            return;
        }
    }
}

/// Another `a=tls-id` begins another association, with a handshake of its own.
fn tls_id(session: &Session<'_>, peer: &CasePeer, place: Peer, found: &mut Vec<Contradiction>) {
    let (Some(view), Some(wire)) = (session.views.get(&peer.name), session.record.packets()) else { return };
    let ids = |sdp: &str| -> BTreeMap<String, String> {
        let sdp = SessionDescription::parse(sdp);
        let id = |index: usize, section: &Section<'_>| {
            Some((section.mid()?, sdp.effective_value(index, "tls-id")?.to_owned()))
        };
        sdp.media().enumerate().filter_map(|(index, section)| id(index, &section)).collect()
    };
    for pair in view.local.windows(2) {
        let [before, after] = pair else { continue };
        let known = ids(&before.is.sdp);
        let other =
            ids(&after.is.sdp).into_iter().find(|(mid, id)| known.get(mid).is_some_and(|was| was != id));
        let Some((mid, id)) = other.filter(|_| wire.is_tapped(place) && !wire.cut) else { continue };
        let is_hello =
            |unit: &Unit<'_>| matches!(unit, Unit::Handshake { kind: HandshakeType::ClientHello, .. });
        let shakes = wire.units().any(|seen| seen.t_us >= after.t_us && is_hello(&seen.unit));
        if !shakes && session.had_time(&peer.name, after.t_us, HANDSHAKE_US) {
            let claimed =
                format!("{} begins another DTLS association for section {mid} by a=tls-id:{id}", peer.name);
            let seen = "no handshake follows";
            let evidence = [Place::Entry(after.n), Place::Entry(before.n)];
            found.push(against(&peer.name, TLS_ID, after.t_us, claimed, seen, evidence));
            return;
        }
    }
}

/// `a=sctp-port` is the port from which the peer sends (RFC 8841 §5.1).
fn sctp_port(session: &Session<'_>, peer: &CasePeer, place: Peer, found: &mut Vec<Contradiction>) {
    let (Some(view), Some(wire)) = (session.views.get(&peer.name), session.record.packets()) else { return };
    let mut announced: BTreeMap<u16, (u64, u64)> = BTreeMap::new();
    for at in &view.local {
        for section in SessionDescription::parse(at.is.sdp.as_str()).media() {
            if let Some(SctpPort(port)) = section.first::<SctpPort>() {
                announced.entry(port).or_insert((at.n, at.t_us));
            }
        }
    }
    let disturbed = session.disturbed();
    let mut sent = wire.sctp(place).filter(|(packet, _)| packet.sender == place && packet.tap == place);
    let other = sent.find(|(packet, read)| {
        !disturbed.contains(&packet.frame) && !announced.contains_key(&read.source_port.value)
    });
    let (Some((packet, read)), Some((port, (entry, t_us)))) = (other, announced.first_key_value()) else {
        return;
    };
    let claimed = format!("{} announces a=sctp-port:{port}", peer.name);
    let seen = format!("it sends from port {}", read.source_port.value);
    let evidence = [Place::Entry(*entry), Place::Frame(packet.frame)];
    found.push(against(&peer.name, SCTP_PORT, *t_us, claimed, seen, evidence));
}
