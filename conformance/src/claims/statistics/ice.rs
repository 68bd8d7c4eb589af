//! Candidates at addresses that were gathered or received, the pair in use, and what went over it.

use super::wire::{Count, Seen};
use super::{Contradiction, Reading, Session, Stat};
use crate::api::view::candidate_type;
use crate::case_file::CasePeer;
use crate::evidence::Peer;
use crate::verdict::Layer;
use peerproof_captures::event::{IceCandidate, PeerEvent};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Packets by which a counter may be ahead of the capture.
const AHEAD: f64 = 5.0;
/// How many times more of all it may be: some implementations count headers of lower layers, and packets of or to addresses that belong to
/// neither peer.
const HEADERS: f64 = 1.5;

/// Bytes of a packet, and of a short one.
const LONGEST: f64 = 1_500.0;
const SHORT: f64 = 200.0;

/// What the names end in that browsers give instead of addresses (RFC 8828 §5.2).
const MDNS: &str = ".local";

/// Where a candidate is: address, port and type.
type At = (String, u16, String);

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    (reading, others): (&Reading<'_>, &[Reading<'_>]),
    seen: Option<&Seen>,
    found: &mut Vec<Contradiction>,
) {
    let place = session.record.file.peers.iter().position(|it| it.name == peer.name).map(Peer);
    let (mut own, mut remote) = (own(session, &peer.name), remote(session, &peer.name));
    if peer.is_translated() {
        // Some implementations take one for the other, which is none of an adapter's business.
        own.append(&mut remote.clone());
        remote.append(&mut own.clone());
    }
    let is_exact = session.reports_all(peer);
    let hides = session.is_relay_only(&peer.name);
    // What goes through a server may be counted with its own packets; packets to addresses behind a NAT, where nobody is, are not between
    // the peers.
    let relayed = own.iter().chain(&remote).any(|at| at.2 == "relay");
    let translated = session.record.file.peers.iter().any(|peer| peer.nat.is_some());
    let tapped =
        place.is_some_and(|place| session.record.packets().is_some_and(|wire| wire.is_tapped(place)));
    // Where the sender has no tap its packets are seen as they arrive: at a peer that is gone none is.
    let gone = session
        .views
        .iter()
        .any(|(name, view)| *name != peer.name && (view.closed.is_some() || view.lost.is_some()));
    let seen = seen.filter(|_| !translated && (tapped || !(relayed || gone)));
    // Behind a name there is an address that no description shows: what goes there may be counted for neither peer.
    let is_named = own.iter().chain(&remote).any(|at| at.0.to_ascii_lowercase().ends_with(MDNS));
    let factor = match (relayed, is_exact) {
        (true, _) => 2.0 * HEADERS,
        (false, true) if !is_named => 1.0,
        (false, _) => HEADERS,
    };
    for stat in reading.of_kind("local-candidate") {
        // With this policy the others are never reported (RFC 9429 §3.5.3).
        let address = stat.text("address").or_else(|| stat.text("ip")).map(same);
        let reported = own
            .iter()
            .any(|at| Some(&at.0) == address.as_ref() && Some(f64::from(at.1)) == stat.number("port"));
        if !hides || reported || stat.text("candidateType") == Some("relay") {
            candidate(reading, &stat, (&own, is_exact), ("gathered", "stat/local-candidate.address"), found);
        }
    }
    for stat in reading.of_kind("remote-candidate") {
        candidate(reading, &stat, (&remote, is_exact), ("received", "stat/remote-candidate.address"), found);
    }
    for stat in reading.of_kind("transport") {
        selected(session, place, reading, &stat, found);
        if let Some(seen) = seen {
            counters((reading, others), &stat, (seen, factor), TRANSPORT, found);
        }
    }
    if let Some(seen) = seen {
        for stat in reading.of_kind("candidate-pair") {
            counters((reading, others), &stat, (seen, factor), PAIR, found);
        }
    }
}

/// The candidates that a peer reported of its own.
fn own(session: &Session<'_>, name: &str) -> BTreeSet<At> {
    let Some(view) = session.views.get(name) else { return BTreeSet::new() };
    let mut own: BTreeSet<At> = view.own_candidates().iter().filter_map(|at| place(&at.is)).collect();
    if let Some(state) = &view.get_state {
        own.extend(of_description(state.is.get("localDescription")));
    }
    own
}

/// The candidates that a peer may have received: those that it was given, and those of the other side as it reported them.
fn remote(session: &Session<'_>, name: &str) -> BTreeSet<At> {
    let mut all = BTreeSet::new();
    for asked in session.asked(name) {
        match asked.name {
            "setRemoteDescription" => all.extend(of_description(asked.args.get("description"))),
            "addIceCandidate" => {
                let candidate = asked.args.get("candidate").map(Option::<IceCandidate>::deserialize);
                if let Some(Ok(Some(candidate))) = candidate {
                    all.extend(place(&candidate.candidate));
                }
            }
            _ => {}
        }
    }
    for (other, view) in session.peers().filter(|(other, _)| other.name != name) {
        all.extend(view.own_candidates().iter().filter_map(|at| place(&at.is)));
        for at in &view.local {
            all.extend(of_text(&at.is.sdp));
        }
        // Both sides of a call by themselves.
        for (_, event) in session.events(&other.name) {
            if let PeerEvent::Acted { description: Some(description), .. } = event {
                all.extend(of_text(&description.sdp));
            }
        }
    }
    all
}

fn of_description(description: Option<&serde_json::Value>) -> Vec<At> {
    description.and_then(|it| it.get("sdp")?.as_str()).map(of_text).unwrap_or_default()
}

fn of_text(sdp: &str) -> Vec<At> {
    let lines = sdp.lines().filter_map(|line| line.trim_end().strip_prefix("a="));
    lines.filter(|line| line.starts_with("candidate:")).filter_map(place).collect()
}

/// Address, port and type of a candidate-attribute. An active TCP candidate has no port of its own (RFC 6544 §4.5).
fn place(candidate: &str) -> Option<At> {
    let mut words = candidate.split_ascii_whitespace().skip(4);
    let (address, port) = (words.next()?, words.next()?.parse().ok()?);
    let active = candidate.split_ascii_whitespace().any(|word| word == "active");
    Some((same(address), if active { 9 } else { port }, candidate_type(candidate)?.to_owned()))
}

/// An address in one way of writing it.
fn same(address: &str) -> String {
    address.parse::<IpAddr>().map_or_else(|_| address.to_ascii_lowercase(), |address| address.to_string())
}

fn is_unspecified(address: &str) -> bool {
    address.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified())
}

fn candidate(
    reading: &Reading<'_>,
    stat: &Stat<'_>,
    (known, is_exact): (&BTreeSet<At>, bool),
    (how, claim): (&str, &'static str),
    found: &mut Vec<Contradiction>,
) {
    let address = stat.text("address").or_else(|| stat.text("ip"));
    let (Some(address), Some(port), Some(kind)) = (address, stat.number("port"), stat.text("candidateType"))
    else {
        return;
    };
    // Peer-reflexive ones are found by checks, and a name may stand for any address.
    if address.parse::<IpAddr>().is_err() {
        let is_signalled = known.iter().any(|at| at.0 == same(address));
        if is_exact && !is_signalled && !address.to_ascii_lowercase().ends_with(MDNS) {
            let claimed = format!("a candidate at {address:?}");
            let seen = "that is neither an address nor a name that was signalled".to_owned();
            found.push(reading.contradicts(claim, Layer::Gathering, claimed, seen, None));
        }
        return;
    }
    if kind == "prflx" || known.is_empty() {
        return;
    }
    if stat.text("tcpType") == Some("active") && is_unspecified(address) {
        // Such a candidate listens nowhere (RFC 6544 §4.5), so an agent that is bound to no interface has no address to report for it.
        return;
    }
    let address = same(address);
    let at_address = |at: &&At| at.0 == address;
    let tcp = stat.text("protocol").is_some_and(|it| it.eq_ignore_ascii_case("tcp"));
    let fits = |at: &At| at.0 == address && at.2 == kind && (f64::from(at.1) == port || tcp);
    // Behind a name of its own, a remote candidate has an address that nobody reported (RFC 8828 §5.2).
    let hidden = known.iter().any(|at| at.0.parse::<IpAddr>().is_err());
    if known.iter().any(fits) || hidden {
        return;
    }
    let seen = match known.iter().find(at_address) {
        Some((_, other, of)) => format!("what it {how} there was a {of} candidate with the port {other}"),
        None => format!("it {how} none at that address"),
    };
    let claimed = format!("a {kind} candidate at {address} port {port}");
    found.push(reading.contradicts(claim, Layer::Gathering, claimed, seen, None));
}

/// The selected pair is in the report, and its socket sent packets.
fn selected(
    session: &Session<'_>,
    place: Option<Peer>,
    reading: &Reading<'_>,
    stat: &Stat<'_>,
    found: &mut Vec<Contradiction>,
) {
    const CLAIM: &str = "stat/transport.selectedCandidatePairId";
    let Some(id) = stat.text("selectedCandidatePairId") else { return };
    let Some(pair) = reading.by_id(id) else {
        let seen = "the report has no such pair".to_owned();
        let claimed = format!("that the pair {id} is selected");
        found.push(reading.contradicts(CLAIM, Layer::Nomination, claimed, seen, None));
        return;
    };
    goes_to(session, place, reading, &pair, found);
    let local = pair.text("localCandidateId").and_then(|id| reading.by_id(id));
    let Some(local) = local.filter(|it| it.text("candidateType") == Some("host")) else { return };
    let (Some(wire), Some(place)) = (session.record.packets(), place) else { return };
    let address = local.text("address").or_else(|| local.text("ip")).and_then(|it| it.parse::<IpAddr>().ok());
    let (Some(address), Some(port)) = (address, local.number("port")) else { return };
    // Over TCP a socket has a port of its own.
    if !wire.is_tapped(place)
        || wire.cut
        || local.text("protocol").is_some_and(|it| it.eq_ignore_ascii_case("tcp"))
    {
        return;
    }
    let sent =
        wire.sent(place).any(|packet| packet.from.ip() == address && f64::from(packet.from.port()) == port);
    if !sent {
        let claimed = format!("that the selected pair has its candidate at {address} port {port}");
        let seen = "no packet between the peers left it there".to_owned();
        found.push(reading.contradicts(CLAIM, Layer::Nomination, claimed, seen, None));
    }
}

/// Packets go to the remote candidate of the selected pair.
fn goes_to(
    session: &Session<'_>,
    place: Option<Peer>,
    reading: &Reading<'_>,
    pair: &Stat<'_>,
    found: &mut Vec<Contradiction>,
) {
    let candidate = |field| pair.text(field).and_then(|id| reading.by_id(id));
    let Some(remote) = candidate("remoteCandidateId") else { return };
    let is_tcp = |stat: &Stat<'_>| stat.text("protocol").is_some_and(|it| it.eq_ignore_ascii_case("tcp"));
    let address = remote.text("address").or_else(|| remote.text("ip"));
    let address = address.and_then(|it| it.parse::<IpAddr>().ok());
    let (Some(address), Some(port), Some(place)) = (address, remote.number("port"), place) else { return };
    let wire = session.record.packets().filter(|wire| wire.is_tapped(place) && !wire.cut && !wire.hidden);
    let Some(wire) = wire.filter(|_| !is_tcp(&remote) && !session.may_use_tls(reading.peer)) else { return };
    let goes = wire.sent(place).any(|it| it.to.ip() == address && f64::from(it.to.port()) == port);
    if !goes {
        let claimed = format!("that the selected pair has the remote candidate at {address} port {port}");
        let seen = "it sent no packet there".to_owned();
        let claim = "stat/transport.selectedCandidatePairId";
        found.push(reading.contradicts(claim, Layer::Nomination, claimed, seen, None));
    }
}

/// What a counter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Packets,
    Bytes,
    Requests,
    Responses,
}

/// A counter: claim, field, whether of what was sent, what it counts.
type Counter = (&'static str, &'static str, bool, Of);

const TRANSPORT: &[Counter] = &[
    ("stat/transport.packetsSent", "packetsSent", true, Of::Packets),
    ("stat/transport.packetsReceived", "packetsReceived", false, Of::Packets),
    ("stat/transport.bytesSent", "bytesSent", true, Of::Bytes),
    ("stat/transport.bytesReceived", "bytesReceived", false, Of::Bytes),
];

const PAIR: &[Counter] = &[
    ("stat/candidate-pair.packetsSent", "packetsSent", true, Of::Packets),
    ("stat/candidate-pair.packetsReceived", "packetsReceived", false, Of::Packets),
    ("stat/candidate-pair.bytesSent", "bytesSent", true, Of::Bytes),
    ("stat/candidate-pair.bytesReceived", "bytesReceived", false, Of::Bytes),
    ("stat/candidate-pair.requestsSent", "requestsSent", true, Of::Requests),
    ("stat/candidate-pair.requestsReceived", "requestsReceived", false, Of::Requests),
    ("stat/candidate-pair.responsesSent", "responsesSent", true, Of::Responses),
    ("stat/candidate-pair.responsesReceived", "responsesReceived", false, Of::Responses),
    ("stat/candidate-pair.consentRequestsSent", "consentRequestsSent", true, Of::Requests),
];

/// Whether a pair is of a loopback address and of another host's: no packet can leave there, but libwebrtc counts each request that it
/// tried to send.
fn has_no_way(reading: &Reading<'_>, pair: &Stat<'_>) -> bool {
    let is_loopback = |field| {
        let candidate = pair.text(field).and_then(|id| reading.by_id(id))?;
        let address = candidate.text("address").or_else(|| candidate.text("ip"))?;
        Some(address.parse::<IpAddr>().ok()?.is_loopback())
    };
    (is_loopback("localCandidateId"), is_loopback("remoteCandidateId")) == (Some(true), Some(false))
}

/// No pair and no transport carried more than there was in all.
fn counters(
    (reading, others): (&Reading<'_>, &[Reading<'_>]),
    stat: &Stat<'_>,
    (seen, factor): (&Seen, f64),
    counters: &[Counter],
    found: &mut Vec<Contradiction>,
) {
    for (claim, field, sent, of) in counters {
        let flow = if *sent { seen.sent(reading) } else { seen.received(reading) };
        let (Some(claimed), Some(flow)) = (stat.number(field), flow) else { continue };
        if *sent && *of == Of::Requests && has_no_way(reading, stat) {
            continue;
        }
        let all = flow.all.most;
        let (count, noun) = match of {
            Of::Packets => (all.packets, "packets"),
            Of::Bytes => (all.whole, "bytes"),
            Of::Requests => (flow.requests, "requests"),
            Of::Responses => (flow.responses, "responses"),
        };
        let (factor, ahead) = match of {
            Of::Bytes => (factor, (AHEAD + seen.acted) * of_one(all, factor)),
            Of::Packets | Of::Requests | Of::Responses => (factor, AHEAD + seen.acted),
        };
        let most = count as f64 * factor;
        if claimed > most * flow.factor + ahead {
            let seen = format!("there were no more than {count} {noun} on the wire by then");
            let contradiction =
                reading.contradicts(claim, Layer::Checks, format!("{field} {claimed}"), seen, None);
            // The other side reports as much: then the capture lacks it.
            let mirror = field.replace("Sent", "…").replace("Received", "Sent").replace('…', "Received");
            let mirrored = reading.by_then(others).flat_map(Reading::stats).any(|it| {
                it.kind == stat.kind && it.number(&mirror).is_some_and(|value| value > most + ahead)
            });
            found.push(if mirrored { contradiction.of_the_recording() } else { contradiction });
        }
    }
}

/// How many bytes a packet may have by which a counter is ahead: where nothing else is counted than what is on the wire, those of one of it.
fn of_one(all: Count, factor: f64) -> f64 {
    if factor > 1.0 || all.packets == 0 {
        return LONGEST;
    }
    (all.whole as f64 / all.packets as f64).clamp(SHORT, LONGEST)
}
