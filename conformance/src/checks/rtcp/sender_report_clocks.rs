//! RFC 3550 §6.4.1: the two timestamps of an SR tell the same moment, by wall clock and by the clock of the media.

use super::packets;
use crate::checks::media::{Codec, codecs, headers};
use crate::checks::{Check, Place, Tally};
use crate::evidence::Packet;
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::rtcp::Body;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "rtcp-sr-ntp-rtp-mapping",
    layer: Layer::Media,
    subject: "SRs",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How far the rate between two SRs may be off.
const TOLERANCE: f64 = 0.01;

/// How long a busy machine may wait between reading one clock and the other, in seconds.
const BUSY: f64 = 0.3;

/// SRs nearer to each other than this, in seconds, are not compared: what timestamps are rounded by would count.
const FAR_ENOUGH: f64 = 1.0;

/// How far an SR may be behind the packets beside it, in seconds.
const BEHIND: f64 = 1.0;

/// How far it may be ahead of them: libwebrtc's pacer holds packets back for up to two seconds.
const AHEAD: f64 = 2.0;

/// How far in time a packet may be from the SR, in microseconds.
const NEAR_US: u64 = 1_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let codecs = codecs(evidence, peer);
    let complete = evidence.sees_all_sent_by(peer);
    let mut sources: BTreeMap<u32, Source<'_>> = BTreeMap::new();
    for (packet, header) in headers(evidence, peer) {
        let Some(codec) = codecs.get(&header.payload_type()) else { continue };
        let source =
            sources.entry(header.ssrc.value).or_insert_with(|| Source { codec, packets: Vec::new() });
        source.packets.push((packet.t_us, header.timestamp.value));
    }
    let mut newest: BTreeMap<u32, (u64, u64, u32)> = BTreeMap::new();
    for (packet, _, body) in packets(evidence, peer) {
        let Body::SenderReport(report) = body else { continue };
        let Some(source) = sources.get(&report.ssrc.value) else { continue };
        let (ntp, timestamp) = (report.ntp.value, report.rtp_timestamp.value);
        let place = Place::Frame(packet.frame);
        if let Some(off) = source.ahead(packet, timestamp).filter(|off| !(-BEHIND..=AHEAD).contains(off)) {
            if complete {
                tally.fault(
                    format!("the SR's RTP timestamp is {off:.1} s away from those of the packets beside it"),
                    [place],
                );
            } else {
                tally.doubt("when the packets were sent is not recorded", [place]);
            }
        }
        let Some((frame, before, then)) = newest.get(&report.ssrc.value).copied() else {
            newest.insert(report.ssrc.value, (packet.frame, ntp, timestamp));
            continue;
        };
        // 32 bits of seconds and 32 of their fraction.
        let seconds = ntp.wrapping_sub(before) as i64 as f64 / f64::from(1_u32 << 31) / 2.0;
        if seconds < FAR_ENOUGH {
            continue;
        }
        newest.insert(report.ssrc.value, (packet.frame, ntp, timestamp));
        let rate = f64::from(timestamp.wrapping_sub(then) as i32) / seconds;
        let expected = f64::from(source.codec.clock_rate);
        tally_rate(rate, expected, seconds, [place, Place::Frame(frame)], tally);
    }
}

fn tally_rate(rate: f64, expected: f64, seconds: f64, places: [Place; 2], tally: &mut Tally) {
    let off = (rate - expected).abs() / expected;
    let text = || format!("from SR to SR the media's clock runs at {rate:.0} Hz, not {expected:.0}");
    if off <= TOLERANCE {
        tally.good(places[0]);
    } else if off * seconds <= BUSY {
        tally.doubt(format!("{}, as it may on a busy machine", text()), places);
    } else {
        tally.fault(text(), places);
    }
}

/// A source of media.
struct Source<'a> {
    codec: &'a Codec,
    /// Time and timestamp of its packets.
    packets: Vec<(u64, u32)>,
}

impl Source<'_> {
    /// By how many seconds an SR's timestamp is ahead of what the packet nearest to it tells, if one is near.
    fn ahead(&self, report: &Packet, timestamp: u32) -> Option<f64> {
        let at = self.packets.partition_point(|(t_us, _)| *t_us <= report.t_us);
        let around = self.packets.get(at.saturating_sub(1)..(at + 1).min(self.packets.len()))?;
        let (t_us, live) = around.iter().min_by_key(|(t_us, _)| t_us.abs_diff(report.t_us))?;
        if t_us.abs_diff(report.t_us) > NEAR_US {
            return None;
        }
        let passed = (report.t_us as f64 - *t_us as f64) / 1e6;
        let ticks = f64::from(timestamp.wrapping_sub(*live) as i32);
        Some(ticks / f64::from(self.codec.clock_rate) - passed)
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, rtcp};
    use crate::evidence::Peer;

    /// Adds two seconds to the RTP timestamp of an SR.
    pub(super) const CONTROL: Control = Control::new(Recording::Call, |evidence| {
        let found = rtcp::find_all(evidence, Peer(0), rtcp::SR).last().unwrap();
        rtcp::edit(evidence, found, |packet| {
            let timestamp = u32::from_be_bytes(*packet[16..].first_chunk().unwrap()).wrapping_add(180_000);
            packet[16..20].copy_from_slice(&timestamp.to_be_bytes());
        });
    });
}
