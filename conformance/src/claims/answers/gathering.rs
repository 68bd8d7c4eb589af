//! Candidates and servers: what is gathered under a configuration, and that candidates of the other side are checked.

use super::{done, without_effect};
use crate::api::view::candidate_type;
use crate::case_file::CasePeer;
use crate::claims::observed::has_own_ufrag;
use crate::claims::session::Asked;
use crate::claims::{Contradiction, Session};
use crate::evidence::{Packet, Peer, Wire};
use crate::verdict::{Layer, Place};
use peerproof_captures::event::{IceCandidate, PeerEvent};
use peerproof_captures::timeline::{Answer, What};
use peerproof_captures::wire::stun::Class;
use serde::Deserialize;
use serde_json::Value;
use std::net::{IpAddr, SocketAddr};

/// How long a peer may take to begin its checks, in microseconds.
const BEGINS_US: u64 = 2_000_000;
/// How long a pair may wait for its turn, in microseconds: agents begin a check every 50 ms (RFC 8445 §14.2).
const TURN_US: u64 = 100_000;

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    asked: &[Asked<'_>],
    found: &mut Vec<Contradiction>,
) {
    configured(session, peer, asked, found);
    checked(session, peer, asked, found);
    rejected(session, peer, asked, found);
}

/// What is gathered after `setConfiguration` is what the new configuration allows (RFC 9429 §4.1.18): from the next restart on.
fn configured(session: &Session<'_>, peer: &CasePeer, asked: &[Asked<'_>], found: &mut Vec<Contradiction>) {
    for (command, n, _, _) in done(asked, "setConfiguration") {
        let configuration = command.args.get("configuration");
        let policy = configuration.and_then(|it| it.get("iceTransportPolicy")).and_then(Value::as_str);
        let next = asked
            .iter()
            .find(|it| it.name == "setConfiguration" && it.entry.n > n)
            .map_or(u64::MAX, |it| it.entry.n);
        let before = ufrags(asked, 0, n);
        let gathers = done(asked, "setLocalDescription").find(|(_, it, _, value)| {
            let known = |ufrag: &str| before.iter().any(|before| before == ufrag);
            (n..next).contains(it) && first_ufrag(value).is_some_and(|ufrag| !known(&ufrag))
        });
        let Some((_, gathering, gathers_us, value)) = gathers else { continue };
        let Some(ufrag) = first_ufrag(value) else { continue };
        let of_it =
            |candidate: &IceCandidate| candidate.username_fragment.as_deref().is_none_or(|of| of == ufrag);
        if policy == Some("relay") {
            let stray = session.events(&peer.name).find(|(entry, event)| match event {
                PeerEvent::IceCandidate { candidate: Some(candidate) } => {
                    entry.n > gathering
                        && entry.n < next
                        && of_it(candidate)
                        && candidate_type(&candidate.candidate).is_some_and(|kind| kind != "relay")
                }
                _ => false,
            });
            if let Some((entry, _)) = stray {
                let claimed = "setConfiguration with iceTransportPolicy relay".to_owned();
                let seen = "it gathered a candidate of another type afterwards".to_owned();
                let evidence = vec![Place::Entry(entry.n), Place::Entry(n)];
                let (claim, layer) = ("answer/setConfiguration", Layer::Gathering);
                found.push(without_effect(claim, layer, &peer.name, entry.t_us, claimed, seen, evidence));
                return;
            }
            if let Some(packet) = direct(session, peer, &ufrag) {
                let claimed = "setConfiguration with iceTransportPolicy relay".to_owned();
                let seen =
                    format!("after the restart it sends checks from {}, which is no relay", packet.from);
                let evidence = vec![Place::Frame(packet.frame), Place::Entry(n)];
                let (claim, layer) = ("answer/setConfiguration", Layer::Gathering);
                found.push(without_effect(claim, layer, &peer.name, packet.t_us, claimed, seen, evidence));
                return;
            }
        }
        unasked(session, peer, configuration, (n, gathers_us), found);
    }
}

/// The first check that a peer sends with a username fragment of its own, and not by a relay.
fn direct<'a>(session: &Session<'a>, peer: &CasePeer, ufrag: &str) -> Option<&'a Packet> {
    let (wire, place) = (session.record.packets()?, session.place_of(&peer.name)?);
    let mut checks = wire.stun(place).filter(|(packet, message)| {
        packet.sender == place
            && packet.tap == place
            && packet.via.is_none()
            && message.kind.value.class() == Class::Request
            && has_own_ufrag(message, ufrag)
    });
    checks.next().map(|(packet, _)| packet)
}

/// A candidate that was rejected, and to which the peer sends although nothing came from there: it was taken (webrtc-pc §4.4.2).
fn rejected(session: &Session<'_>, peer: &CasePeer, asked: &[Asked<'_>], found: &mut Vec<Contradiction>) {
    let Some(tap) = session.tap(&peer.name) else { return };
    let candidate = |it: &Asked<'_>| Option::<IceCandidate>::deserialize(it.args.get("candidate")?).ok()?;
    let described = asked.iter().filter(|it| it.name == "setRemoteDescription");
    let described: Vec<String> = described.map(|it| it.args.to_string()).collect();
    let taken: Vec<SocketAddr> =
        done(asked, "addIceCandidate").filter_map(|(command, ..)| target(&candidate(command)?)).collect();
    let closes: Vec<u64> = asked.iter().filter(|it| it.name == "close").map(|it| it.entry.n).collect();
    for command in asked.iter().filter(|it| it.name == "addIceCandidate") {
        let Some((answer, Answer::Rejected { .. })) = command.answer else { continue };
        // What a close overtakes is rejected by it, and may have had its effect before.
        if closes.iter().any(|n| (command.entry.n..answer.n).contains(n)) {
            continue;
        }
        let Some(address) = candidate(command).as_ref().and_then(target) else { continue };
        let is_known = taken.contains(&address)
            || described.iter().any(|it| it.contains(&format!(" {} {} ", address.ip(), address.port())));
        let first = tap.wire.at(tap.peer).find(|it| it.to == address || it.from == address);
        let first = first.filter(|it| !is_known && it.sender == tap.peer && it.to == address);
        if let Some(packet) = first.filter(|it| it.t_us >= command.entry.t_us) {
            let claimed = format!("addIceCandidate of {address} with a rejection");
            let seen = "it goes on to send checks there, before anything comes from there".to_owned();
            let evidence = vec![Place::Entry(answer.n), Place::Frame(packet.frame)];
            let (claim, layer) = ("answer/addIceCandidate", Layer::Checks);
            found.push(without_effect(claim, layer, &peer.name, answer.t_us, claimed, seen, evidence));
            return;
        }
    }
}

/// Servers of a new configuration that were not asked although gathering has ended.
fn unasked(
    session: &Session<'_>,
    peer: &CasePeer,
    configuration: Option<&Value>,
    (n, gathers_us): (u64, u64),
    found: &mut Vec<Contradiction>,
) {
    let (Some(wire), Some(place)) = (session.record.packets(), session.place_of(&peer.name)) else { return };
    let complete = session.events(&peer.name).find(|(entry, event)| {
        entry.t_us > gathers_us && matches!(event, PeerEvent::IceCandidate { candidate: None })
    });
    let servers: Vec<SocketAddr> = configuration.map(addresses).unwrap_or_default();
    let Some((entry, _)) = complete.filter(|_| wire.is_tapped(place) && !wire.cut) else { return };
    let asked = |address: &SocketAddr| {
        wire.servers.iter().any(|it| it.peer == place && it.sent && it.server == *address)
    };
    // One whose messages were never recorded may be reached by TCP.
    if servers.is_empty() || servers.iter().any(asked) {
        return;
    }
    let claimed = "setConfiguration with other servers".to_owned();
    let seen = format!("it gathered without a message to {}", servers[0]);
    let evidence = vec![Place::Entry(entry.n), Place::Entry(n)];
    let (claim, layer) = ("answer/setConfiguration", Layer::Gathering);
    found.push(without_effect(claim, layer, &peer.name, entry.t_us, claimed, seen, evidence));
}

/// The addresses of the servers of a configuration that are asked over UDP.
fn addresses(configuration: &Value) -> Vec<SocketAddr> {
    let servers = configuration.get("iceServers").and_then(Value::as_array);
    let urls = servers.into_iter().flatten().filter_map(|server| server.get("urls")?.as_array()).flatten();
    let udp = urls.filter_map(Value::as_str).filter(|url| !url.contains("transport=tcp"));
    let hosts = udp.filter_map(|url| url.strip_prefix("stun:").or_else(|| url.strip_prefix("turn:")));
    hosts.filter_map(|host| host.split('?').next()?.parse().ok()).collect()
}

/// The username fragments of the descriptions that were set between two entries.
fn ufrags(asked: &[Asked<'_>], from: u64, by: u64) -> Vec<String> {
    let set = done(asked, "setLocalDescription").filter(|(_, n, ..)| (from..by).contains(n));
    set.filter_map(|(_, _, _, value)| first_ufrag(value)).collect()
}

fn first_ufrag(description: &Value) -> Option<String> {
    let sdp = description.get("sdp")?.as_str()?;
    sdp.lines().find_map(|line| line.trim_end().strip_prefix("a=ice-ufrag:")).map(str::to_owned)
}

/// A candidate that was added is checked, if there is time for it before a pair works.
fn checked(session: &Session<'_>, peer: &CasePeer, asked: &[Asked<'_>], found: &mut Vec<Contradiction>) {
    let (Some(wire), Some(place)) = (session.record.packets(), session.place_of(&peer.name)) else { return };
    let Some(view) = session.views.get(&peer.name) else { return };
    // Packets that a rule held back are not in its capture in every case, and a lite agent checks nothing.
    let lite =
        |at: &&crate::api::At<peerproof_captures::event::Description>| at.is.sdp.contains("a=ice-lite");
    let faulted =
        session.record.timeline.iter().any(|entry| matches!(entry.what, What::Faulted { frame: None, .. }));
    if !wire.is_tapped(place) || wire.cut || wire.hidden || faulted || view.local.iter().any(|at| lite(&at)) {
        return;
    }
    // Checks begin when both descriptions are there.
    let set = |name| done(asked, name).next().map(|(_, _, t_us, _)| t_us);
    let (Some(local), Some(remote)) = (set("setLocalDescription"), set("setRemoteDescription")) else {
        return;
    };
    let both_us = local.max(remote);
    let added: Vec<(u64, u64, IceCandidate)> = done(asked, "addIceCandidate")
        .filter_map(|(command, n, t_us, _)| {
            let candidate = Option::<IceCandidate>::deserialize(command.args.get("candidate")?).ok()??;
            Some((n, t_us, candidate))
        })
        .collect();
    let ended = ended(session, peer, asked);
    for (n, t_us, candidate) in &added {
        let Some(address) = target(candidate).filter(|address| reachable(session, peer, *address)) else {
            continue;
        };
        let begins = (*t_us).max(both_us);
        let waits = BEGINS_US.saturating_add(TURN_US.saturating_mul(added.len() as u64 * 8));
        let due = begins.saturating_add(waits).saturating_add(session.stalled(begins, ended));
        if due >= ended || is_sent(wire, place, address) {
            continue;
        }
        let claimed = format!("addIceCandidate of {address}");
        let seen = format!("it sent nothing there in {} ms, and had no other path", (ended - begins) / 1000);
        let evidence = vec![Place::Entry(*n)];
        let (claim, layer) = ("answer/addIceCandidate", Layer::Checks);
        found.push(without_effect(claim, layer, &peer.name, due, claimed, seen, evidence));
        return;
    }
}

/// When a peer's checks had an end: a pair worked, it gave up, was closed, or the recording ends.
fn ended(session: &Session<'_>, peer: &CasePeer, asked: &[Asked<'_>]) -> u64 {
    use peerproof_captures::event::IceState;
    let states = session.events(&peer.name).filter_map(|(entry, event)| match event {
        PeerEvent::IceConnectionStateChange { state } | PeerEvent::IceTransportStateChange { state } => {
            (!matches!(state, IceState::New | IceState::Checking)).then_some(entry.t_us)
        }
        PeerEvent::Lost { .. } => Some(entry.t_us),
        _ => None,
    });
    let again = ["close", "createPeerConnection", "restartIce"];
    let begun = asked.iter().filter(|it| again.contains(&it.name)).skip(1).map(|it| it.entry.t_us);
    let closed = asked.iter().filter(|it| it.name == "close").map(|it| it.entry.t_us);
    let last = session.record.timeline.iter().map(|entry| entry.t_us).max();
    states.chain(begun).chain(closed).chain(last).min().unwrap_or(0)
}

/// The address of a candidate that is checked over UDP.
fn target(candidate: &IceCandidate) -> Option<SocketAddr> {
    let mut words = candidate.candidate.split_ascii_whitespace().skip(1);
    let (component, protocol) = (words.next()?, words.next()?);
    let (address, port) = (words.nth(1)?.parse::<IpAddr>().ok()?, words.next()?.parse::<u16>().ok()?);
    (component == "1" && protocol.eq_ignore_ascii_case("udp") && port > 9)
        .then(|| SocketAddr::new(address, port))
}

/// Whether a peer has a candidate from which that address can be checked, and the check would be recorded.
fn reachable(session: &Session<'_>, peer: &CasePeer, address: SocketAddr) -> bool {
    if address.ip().is_loopback() && session.may_check_loopback(&peer.name) {
        return false;
    }
    let Some(view) = session.views.get(&peer.name) else { return false };
    let relay_only = session.is_relay_only(&peer.name);
    view.own_candidates().iter().any(|at| {
        let own = crate::api::view::candidate_address(&at.is).and_then(|it| it.parse::<IpAddr>().ok());
        let is_udp = at.is.split_ascii_whitespace().nth(2).is_some_and(|it| it.eq_ignore_ascii_case("udp"));
        let kind = candidate_type(&at.is);
        let usable = kind == Some("relay") || (kind == Some("host") && !relay_only);
        usable && is_udp && own.is_some_and(|own| own.is_ipv4() == address.is_ipv4())
    })
}

/// Whether a peer sent anything to an address, by itself or over a relay.
fn is_sent(wire: &Wire, place: Peer, address: SocketAddr) -> bool {
    wire.packets.iter().any(|packet| packet.sender == place && packet.to == address)
}
