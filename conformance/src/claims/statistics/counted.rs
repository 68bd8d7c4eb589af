//! Counters of transports and pairs: what they must have reached when packets had been there long before, and what of a dictionary fits the rest
//! of it.
//!
//! Only where all that a peer reports is its implementation's own.

use super::wire::{Count, Flow, Seen, Span};
use super::{Contradiction, Reading, Session, Stat};
use crate::api::PeerView;
use crate::case_file::{CasePeer, Runs};
use crate::verdict::Layer;
use peerproof_captures::event::{DtlsState, IceState, PeerEvent};

/// Fewer packets than these need not be counted.
const BEHIND: u64 = 20;
/// Which part of what was seen before must be counted at least: not all count STUN or the headers of DTLS.
const COUNTED: f64 = 0.5;
/// The same of a pair: what came before it was selected, such as a handshake, may have taken another way.
const COUNTED_OF_PAIR: f64 = 0.25;
/// Least bytes of a packet: the header of RTP (RFC 3550 §5.1).
const SHORTEST: f64 = 12.0;
/// Most bytes of a datagram.
const LONGEST: f64 = 65_535.0;
/// The states of a pair, `cancelled` and `inprogress` being those of implementations (webrtc-stats, `RTCStatsIceCandidatePairState`).
const STATES: [&str; 7] =
    ["frozen", "waiting", "in-progress", "inprogress", "failed", "succeeded", "cancelled"];

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    reading: &Reading<'_>,
    seen: Option<&Seen>,
    found: &mut Vec<Contradiction>,
) {
    if !session.reports_all(peer) {
        return;
    }
    for stat in reading.stats() {
        sizes(reading, &stat, found);
        round_trips(reading, &stat, found);
    }
    if peer.runs == Runs::Driven {
        reading.of_kind("candidate-pair").for_each(|stat| answers(reading, &stat, found));
    }
    let Some(view) = session.views.get(&peer.name) else { return };
    let is_over = session.ended_us(&peer.name).is_some_and(|ended| ended <= reading.answered_us);
    for stat in reading.of_kind("transport") {
        selected(reading, view, &stat, found);
        if !is_over {
            goes_back(reading, view, &stat, found);
        }
    }
    // Another transport begins to count anew.
    let handshakes = view.dtls.iter().filter(|at| at.is == DtlsState::Connected).count();
    let mut transports = reading.of_kind("transport");
    if let (Some(stat), None, Some(seen)) = (transports.next(), transports.next(), seen)
        && !is_over
        && handshakes == 1
        && !seen.faulted
    {
        reached(reading, &stat, (seen, COUNTED), "its only transport", &TRANSPORT, found);
        let selects = |event: &PeerEvent| matches!(event, PeerEvent::SelectedCandidatePairChange { .. });
        let is_only = session.events(&peer.name).filter(|(_, event)| selects(event)).count() == 1
            && stat.number("selectedCandidatePairChanges").is_none_or(|changes| changes == 1.0);
        let pair = stat.text("selectedCandidatePairId").and_then(|id| reading.by_id(id));
        if let Some(pair) = pair.filter(|_| is_only) {
            let which = "the only pair that was selected";
            reached(reading, &pair, (seen, COUNTED_OF_PAIR), which, &PAIR, found);
        }
    }
}

/// A counter of packets or bytes: claim, field, whether of what was sent, what is counted.
type Counter = (&'static str, &'static str, bool, fn(Count) -> u64);

const TRANSPORT: [Counter; 4] = [
    ("stat/transport.packetsSent", "packetsSent", true, |count| count.packets),
    ("stat/transport.packetsReceived", "packetsReceived", false, |count| count.packets),
    ("stat/transport.bytesSent", "bytesSent", true, |count| count.whole),
    ("stat/transport.bytesReceived", "bytesReceived", false, |count| count.whole),
];

const PAIR: [Counter; 4] = [
    ("stat/candidate-pair.packetsSent", "packetsSent", true, |count| count.packets),
    ("stat/candidate-pair.packetsReceived", "packetsReceived", false, |count| count.packets),
    ("stat/candidate-pair.bytesSent", "bytesSent", true, |count| count.whole),
    ("stat/candidate-pair.bytesReceived", "bytesReceived", false, |count| count.whole),
];

/// The only transport, and the only pair that was ever selected, carried all but STUN.
fn reached(
    reading: &Reading<'_>,
    stat: &Stat<'_>,
    (seen, share): (&Seen, f64),
    which: &str,
    counters: &[Counter],
    found: &mut Vec<Contradiction>,
) {
    for (claim, field, is_sent, of) in counters {
        let is_sent = *is_sent;
        let flow: Option<&Flow> = if is_sent { seen.sent(reading) } else { seen.received(reading) };
        let (Some(says), Some(flow)) = (stat.number(field), flow) else { continue };
        let Span { least, .. } = flow.payload;
        if least.packets > BEHIND && says < of(least) as f64 * share {
            let seen = format!("{} had been on the wire before it was asked, STUN aside", of(least));
            let claimed = format!("{field} {says} of {which}");
            found.push(reading.contradicts(claim, Layer::Checks, claimed, seen, None).of_less());
        }
    }
}

/// Whether packets of a stream may hold padding alone, as those that probe for bandwidth before the first frame: their headers, which
/// padding counts with, are longer than any header of RTP with extensions is here.
fn is_padded(stat: &Stat<'_>, packets: f64) -> bool {
    const LONGEST_HEADER: f64 = 64.0;
    let headers = ["headerBytesSent", "headerBytesReceived"].into_iter().find_map(|it| stat.number(it));
    headers.is_some_and(|bytes| bytes > packets * LONGEST_HEADER)
}

/// Packets have bytes, and no more than a datagram holds.
fn sizes(reading: &Reading<'_>, stat: &Stat<'_>, found: &mut Vec<Contradiction>) {
    // Of a stream of RTP the bytes are those of payloads, which may be empty.
    const ALL: [(&str, &str, &str, &str, f64, Layer); 6] = [
        ("transport", "stat/transport.bytesSent", "bytesSent", "packetsSent", SHORTEST, Layer::Checks),
        (
            "transport",
            "stat/transport.bytesReceived",
            "bytesReceived",
            "packetsReceived",
            SHORTEST,
            Layer::Checks,
        ),
        (
            "candidate-pair",
            "stat/candidate-pair.bytesSent",
            "bytesSent",
            "packetsSent",
            SHORTEST,
            Layer::Checks,
        ),
        (
            "candidate-pair",
            "stat/candidate-pair.bytesReceived",
            "bytesReceived",
            "packetsReceived",
            SHORTEST,
            Layer::Checks,
        ),
        ("outbound-rtp", "stat/outbound-rtp.bytesSent", "bytesSent", "packetsSent", 0.25, Layer::Media),
        (
            "inbound-rtp",
            "stat/inbound-rtp.bytesReceived",
            "bytesReceived",
            "packetsReceived",
            0.25,
            Layer::Media,
        ),
    ];
    for (kind, claim, bytes, packets, shortest, layer) in ALL {
        let (Some(says), Some(count)) = (stat.number(bytes), stat.number(packets)) else { continue };
        let shortest = if is_padded(stat, count) { 0.0 } else { shortest };
        if stat.kind == kind && count >= 4.0 && !(count * shortest..=count * LONGEST).contains(&says) {
            let seen = format!("its {packets} is {count}");
            found.push(reading.contradicts(claim, layer, format!("{bytes} {says}"), seen, None));
        }
    }
}

/// A round trip takes time, and less than the session has lasted.
fn round_trips(reading: &Reading<'_>, stat: &Stat<'_>, found: &mut Vec<Contradiction>) {
    const ALL: [(&str, &str, &str, &str, Layer); 3] = [
        (
            "candidate-pair",
            "stat/candidate-pair.currentRoundTripTime",
            "currentRoundTripTime",
            "",
            Layer::Checks,
        ),
        (
            "candidate-pair",
            "stat/candidate-pair.totalRoundTripTime",
            "totalRoundTripTime",
            "responsesReceived",
            Layer::Checks,
        ),
        ("remote-inbound-rtp", "stat/remote-inbound-rtp.roundTripTime", "roundTripTime", "", Layer::Media),
    ];
    for (kind, claim, field, times, layer) in ALL {
        let Some(says) = stat.number(field).filter(|_| stat.kind == kind) else { continue };
        let most = reading.answered_us as f64 / 1e6 * stat.number(times).unwrap_or(1.0).max(1.0);
        if !(0.0..=most).contains(&says) {
            let seen = format!("the session had lasted {} ms", reading.answered_us / 1_000);
            found.push(reading.contradicts(claim, layer, format!("{field} {says} s"), seen, None));
        }
    }
}

/// Each answer is one to a request. The webrtc crate does not count the requests that it retransmits.
fn answers(reading: &Reading<'_>, stat: &Stat<'_>, found: &mut Vec<Contradiction>) {
    let (Some(answers), Some(requests)) = (stat.number("responsesReceived"), stat.number("requestsSent"))
    else {
        return;
    };
    if answers > requests {
        let claim = "stat/candidate-pair.responsesReceived";
        let seen = format!("its requestsSent is {requests}");
        let claimed = format!("responsesReceived {answers}");
        found.push(reading.contradicts(claim, Layer::Checks, claimed, seen, None));
    }
}

/// Whether ICE was connected by its last event before a report.
fn is_up(reading: &Reading<'_>, view: &PeerView) -> bool {
    let late = reading.answered_us.saturating_add(super::wire::OLDEST_US);
    let last = view.ice.iter().rfind(|at| at.t_us <= late).map(|at| at.is);
    matches!(last, Some(IceState::Connected | IceState::Completed))
}

/// A transport that is connected has no state of ICE from before or after that. Where there are several one may be another's.
fn goes_back(reading: &Reading<'_>, view: &PeerView, stat: &Stat<'_>, found: &mut Vec<Contradiction>) {
    let Some(says) = stat.text("iceState").filter(|says| ["new", "failed", "closed"].contains(says)) else {
        return;
    };
    let is_only = reading.of_kind("transport").count() == 1;
    if is_only && is_up(reading, view) && stat.text("dtlsState") == Some("connected") {
        let seen = "its last iceconnectionstatechange was connected or completed".to_owned();
        let claim = "stat/transport.iceState";
        found.push(reading.contradicts(claim, Layer::Checks, format!("iceState {says}"), seen, None));
    }
}

/// The selected pair of a transport that is connected has not failed.
fn selected(reading: &Reading<'_>, view: &PeerView, stat: &Stat<'_>, found: &mut Vec<Contradiction>) {
    let pair = stat.text("selectedCandidatePairId").and_then(|id| reading.by_id(id));
    let Some(says) = pair.and_then(|pair| pair.text("state")) else { return };
    let is_up = is_up(reading, view);
    let seen = if !STATES.contains(&says) {
        "a pair has no such state".to_owned()
    } else if says == "failed" && is_up && stat.text("dtlsState") == Some("connected") {
        "its last iceconnectionstatechange was connected or completed".to_owned()
    } else {
        return;
    };
    let claim = "stat/candidate-pair.state";
    let claimed = format!("the state {says:?} of the selected pair");
    found.push(reading.contradicts(claim, Layer::Checks, claimed, seen, None));
}
