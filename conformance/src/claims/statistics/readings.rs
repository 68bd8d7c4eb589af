//! One reading against the next: counters never decrease, and time goes on.

use super::wire::{Flow, Seen, Span};
use super::{Contradiction, Reading, Session, Stat};
use crate::case_file::CasePeer;
use crate::verdict::{Layer, Place};
use serde_json::Value;

/// Counters, which never decrease as long as what they count is there (webrtc-stats §8).
const COUNTERS: [(&str, &str, &str, Layer); 16] = [
    ("outbound-rtp", "stat/outbound-rtp.packetsSent", "packetsSent", Layer::Media),
    ("outbound-rtp", "stat/outbound-rtp.bytesSent", "bytesSent", Layer::Media),
    ("outbound-rtp", "stat/outbound-rtp.framesSent", "framesSent", Layer::Media),
    ("inbound-rtp", "stat/inbound-rtp.packetsReceived", "packetsReceived", Layer::Media),
    ("inbound-rtp", "stat/inbound-rtp.bytesReceived", "bytesReceived", Layer::Media),
    ("inbound-rtp", "stat/inbound-rtp.framesReceived", "framesReceived", Layer::Media),
    ("inbound-rtp", "stat/inbound-rtp.framesDecoded", "framesDecoded", Layer::Media),
    ("transport", "stat/transport.packetsSent", "packetsSent", Layer::Checks),
    ("transport", "stat/transport.packetsReceived", "packetsReceived", Layer::Checks),
    ("transport", "stat/transport.bytesSent", "bytesSent", Layer::Checks),
    ("transport", "stat/transport.bytesReceived", "bytesReceived", Layer::Checks),
    ("data-channel", "stat/data-channel.messagesSent", "messagesSent", Layer::DataChannel),
    ("data-channel", "stat/data-channel.messagesReceived", "messagesReceived", Layer::DataChannel),
    ("data-channel", "stat/data-channel.bytesSent", "bytesSent", Layer::DataChannel),
    ("data-channel", "stat/data-channel.bytesReceived", "bytesReceived", Layer::DataChannel),
    ("peer-connection", "stat/peer-connection.dataChannelsOpened", "dataChannelsOpened", Layer::DataChannel),
];

/// A report that is as old as that when the next is asked for cannot be given again, in microseconds: implementations keep one for 50 ms.
const KEPT_US: u64 = 500_000;

/// With as many packets between two readings, a counter of them must have grown.
const GROWS: u64 = 10;

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    readings: &[Reading<'_>],
    seen: Option<&Seen>,
    found: &mut Vec<Contradiction>,
) {
    for pair in readings.windows(2) {
        let [before, after] = pair else { continue };
        // Of two that were asked for at once, either may be the older one.
        if after.asked_us < before.answered_us {
            continue;
        }
        for (id, value) in after.report {
            let (Some(now), Some(was)) = (Stat::of(value), before.by_id(id)) else { continue };
            if now.kind != was.kind {
                continue;
            }
            for (kind, claim, field, layer) in COUNTERS {
                let (Some(first), Some(second)) = (was.number(field), now.number(field)) else { continue };
                if kind == now.kind && second < first {
                    let seen = format!("it was {first} in the reading before");
                    let place = Some(Place::Entry(before.n));
                    found.push(after.contradicts(claim, layer, format!("{field} {second}"), seen, place));
                }
            }
        }
        timestamps(peer, before, after, found);
        let is_closed = session.closed_us(&peer.name).is_some_and(|closed| closed <= after.answered_us);
        if let Some(seen) = seen.filter(|seen| !seen.faulted && !is_closed && !peer.is_translated()) {
            stands(before, after, seen, found);
        }
    }
}

/// Counters that stand still between two readings, while what they count goes on. Not all implementations count STUN in those of a
/// transport.
fn stands(before: &Reading<'_>, after: &Reading<'_>, seen: &Seen, found: &mut Vec<Contradiction>) {
    const COUNTED: [(&str, &str, &str, bool, Layer); 4] = [
        ("transport", "stat/transport.packetsSent", "packetsSent", true, Layer::Checks),
        ("transport", "stat/transport.packetsReceived", "packetsReceived", false, Layer::Checks),
        ("outbound-rtp", "stat/outbound-rtp.packetsSent", "packetsSent", true, Layer::Media),
        ("inbound-rtp", "stat/inbound-rtp.packetsReceived", "packetsReceived", false, Layer::Media),
    ];
    for (id, value) in after.report {
        let (Some(now), Some(was)) = (Stat::of(value), before.by_id(id)) else { continue };
        for (kind, claim, field, is_sent, layer) in COUNTED {
            let same = now.number(field).filter(|number| was.number(field) == Some(*number));
            let Some(number) = same.filter(|number| *number > 0.0 && now.kind == kind && was.kind == kind)
            else {
                continue;
            };
            // The packets on the wire are those of all transports.
            if kind == "transport" && after.of_kind(kind).count() != 1 {
                continue;
            }
            let flow = |reading| if is_sent { seen.sent(reading) } else { seen.received(reading) };
            let (Some(first), Some(second)) = (flow(before), flow(after)) else { continue };
            let ssrc = now.fields.get("ssrc").and_then(Value::as_u64).and_then(|it| u32::try_from(it).ok());
            let span = |flow: &Flow| match ssrc {
                _ if kind == "transport" => flow.payload,
                Some(ssrc) => flow.streams.get(&ssrc).copied().unwrap_or_default(),
                None => Span::default(),
            };
            let more = span(second).least.packets.saturating_sub(span(first).most.packets);
            if more >= GROWS {
                let claimed = format!("{field} {number} in two readings, one after the other");
                let seen = format!("{more} packets were on the wire between them");
                let place = Some(Place::Entry(before.n));
                found.push(after.contradicts(claim, layer, claimed, seen, place));
            }
        }
    }
}

/// The time of a report (webrtc-stats §4.1): of those that the connection itself has, not of what the other side sent.
fn timestamps(peer: &CasePeer, before: &Reading<'_>, after: &Reading<'_>, found: &mut Vec<Contradiction>) {
    const CLAIM: &str = "stat/timestamp";
    let of = |reading: &Reading<'_>| {
        let local = reading.stats().filter(|stat| !stat.kind.starts_with("remote-"));
        local.filter_map(|stat| stat.number("timestamp")).max_by(f64::total_cmp)
    };
    let (Some(first), Some(second)) = (of(before), of(after)) else { return };
    let apart = after.asked_us.saturating_sub(before.answered_us);
    if second < first || (second <= first && apart > KEPT_US && !peer.is_translated()) {
        let claimed = format!("statistics of {second}");
        let seen = format!("the reading before, {} ms earlier, was of {first}", apart / 1000);
        found.push(after.contradicts(CLAIM, Layer::Media, claimed, seen, Some(Place::Entry(before.n))));
    }
}
