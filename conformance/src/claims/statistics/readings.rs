//! One reading against the next: counters never decrease, and time goes on.

use super::{Contradiction, Reading};
use crate::case_file::CasePeer;
use crate::verdict::{Layer, Place};

/// Counters, which never decrease as long as what they count is there (webrtc-stats §8).
const COUNTERS: [(&str, &str, &str, Layer); 14] = [
    ("outbound-rtp", "stat/outbound-rtp.packetsSent", "packetsSent", Layer::Media),
    ("outbound-rtp", "stat/outbound-rtp.bytesSent", "bytesSent", Layer::Media),
    ("outbound-rtp", "stat/outbound-rtp.framesSent", "framesSent", Layer::Media),
    ("inbound-rtp", "stat/inbound-rtp.packetsReceived", "packetsReceived", Layer::Media),
    ("inbound-rtp", "stat/inbound-rtp.bytesReceived", "bytesReceived", Layer::Media),
    ("inbound-rtp", "stat/inbound-rtp.framesReceived", "framesReceived", Layer::Media),
    ("inbound-rtp", "stat/inbound-rtp.framesDecoded", "framesDecoded", Layer::Media),
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

pub(super) fn check(peer: &CasePeer, readings: &[Reading<'_>], found: &mut Vec<Contradiction>) {
    for pair in readings.windows(2) {
        let [before, after] = pair else { continue };
        for (id, value) in after.report {
            let (Some(now), Some(was)) = (super::Stat::of(value), before.by_id(id)) else { continue };
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
