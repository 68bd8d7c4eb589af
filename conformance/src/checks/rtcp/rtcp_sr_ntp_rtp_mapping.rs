//! RFC 3550 §6.4.1: the two timestamps of an SR are of the same moment, by wall clock and by the clock of the media.

use super::packets;
use crate::checks::media::{codecs, headers};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::Packet;
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::Codec;
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

/// How far apart a peer may read the two clocks, in microseconds: media is captured in blocks and frames, and what it knows of its clock is
/// as old as the last of them.
const BLOCK_US: u64 = 100_000;

/// SRs nearer to each other than this, in seconds, are not compared: what timestamps are rounded by would count.
const FAR_ENOUGH: f64 = 1.0;

/// How far an SR may be behind the packets beside it, in seconds.
const BEHIND: f64 = 1.0;

/// How far it may be ahead of them: libwebrtc's pacer holds packets back for up to two seconds.
const AHEAD: f64 = 2.0;

/// How far it may be ahead of the packets that were held back least: where the rate falls, the pacer holds others back for longer.
const AHEAD_OF_ALL: f64 = 1.0;

/// How far in time a packet may be from the SR, in microseconds.
const NEAR_US: u64 = 1_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let codecs = codecs(evidence, peer);
    let complete = evidence.sees_all_sent_by(peer);
    let mut sources: BTreeMap<u32, Source<'_>> = BTreeMap::new();
    for (packet, header) in headers(evidence, peer) {
        let Some(codec) = codecs.of(packet).get(&header.payload_type()) else { continue };
        let source =
            sources.entry(header.ssrc.value).or_insert_with(|| Source { codec, packets: Vec::new() });
        source.packets.push((packet.t_us, header.timestamp.value));
    }
    let mut newest: BTreeMap<u32, Report<'_>> = BTreeMap::new();
    for (packet, _, body) in packets(evidence, peer) {
        let Body::SenderReport(report) = body else { continue };
        let Some(source) = sources.get(&report.ssrc.value) else { continue };
        let (ntp, timestamp) = (report.ntp.value, report.rtp_timestamp.value);
        let place = Place::Frame(packet.frame);
        if let Some((ahead, off)) = source.off(packet, timestamp) {
            if complete {
                let text = format!(
                    "the SR's RTP timestamp is {ahead:.1} s away from those of the packets beside it"
                );
                tally.off(Fault("timestamp-off"), evidence, off, text, [place]);
            } else {
                tally.inconclusive("when the packets were sent is not recorded", [place]);
            }
        }
        let now = Report { packet, ntp, timestamp };
        let Some(before) = newest.get(&report.ssrc.value).copied() else {
            newest.insert(report.ssrc.value, now);
            continue;
        };
        // 32 bits of seconds and 32 of their fraction.
        let seconds = ntp.wrapping_sub(before.ntp) as i64 as f64 / f64::from(1_u32 << 31) / 2.0;
        if seconds < FAR_ENOUGH {
            continue;
        }
        newest.insert(report.ssrc.value, now);
        let rate = f64::from(timestamp.wrapping_sub(before.timestamp) as i32) / seconds;
        let expected = f64::from(source.codec.clock_rate);
        let differs = (rate - expected).abs() / expected * seconds;
        let [differs_us, tolerance_us] = [differs, TOLERANCE * seconds].map(|it| (it * 1e6) as u64);
        let text = || format!("from SR to SR the media's clock runs at {rate:.0} Hz, not {expected:.0}");
        let places = [place, Place::Frame(before.packet.frame)];
        if differs_us <= tolerance_us {
            tally.pass(place);
        } else if let Some(off) = Off::between(differs_us, BLOCK_US, before.packet.t_us, packet.t_us) {
            tally.off(Fault("rate-off"), evidence, off, text(), places);
        } else {
            tally.inconclusive(format!("{}: its last block may have been old", text()), places);
        }
    }
}

/// An SR of a source.
#[derive(Clone, Copy)]
struct Report<'a> {
    packet: &'a Packet,
    ntp: u64,
    timestamp: u32,
}

/// A source of media.
struct Source<'a> {
    codec: &'a Codec,
    /// Time and timestamp of its packets.
    packets: Vec<(u64, u32)>,
}

impl Source<'_> {
    /// By how many seconds an SR's timestamp is ahead of what the packet nearest to it shows, if one is near and it should not be so far.
    fn off(&self, report: &Packet, timestamp: u32) -> Option<(f64, Off)> {
        let at = self.packets.partition_point(|(t_us, _)| *t_us <= report.t_us);
        let around = self.packets.get(at.saturating_sub(1)..(at + 1).min(self.packets.len()))?;
        let (t_us, live) = around.iter().min_by_key(|(t_us, _)| t_us.abs_diff(report.t_us))?;
        if t_us.abs_diff(report.t_us) > NEAR_US {
            return None;
        }
        let ahead_of = |(t_us, live): &(u64, u32)| {
            let passed = (report.t_us as f64 - *t_us as f64) / 1e6;
            let ticks = f64::from(timestamp.wrapping_sub(*live) as i32);
            ticks / f64::from(self.codec.clock_rate) - passed
        };
        let (mut ahead, mut tolerance) = (ahead_of(&(*t_us, *live)), BEHIND);
        if ahead > AHEAD {
            ahead = self.packets.iter().map(ahead_of).fold(ahead, f64::min).max(0.0);
            tolerance = AHEAD_OF_ALL;
        } else if ahead > 0.0 {
            tolerance = AHEAD;
        }
        let [differs_us, tolerance_us] = [ahead.abs(), tolerance].map(|it| (it * 1e6) as u64);
        let (first, last) = (report.t_us.min(*t_us), report.t_us.max(*t_us));
        Some((ahead, Off::between(differs_us, tolerance_us, first, last)?))
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtcp};
    use crate::evidence::Peer;

    /// Adds two seconds to the RTP timestamp of an SR.
    pub(super) const CONTROL: Control = Control::new(Recording::Call, |evidence| {
        let found = rtcp::find_all(evidence, Peer(0), rtcp::SR).last().unwrap();
        rtcp::edit(evidence, found, |packet| {
            let timestamp = u32::from_be_bytes(*packet[16..].first_chunk().unwrap()).wrapping_add(180_000);
            packet[16..20].copy_from_slice(&timestamp.to_be_bytes());
        });
    })
    .and(&[Mutation::new(Recording::Call, "from SR to SR", |evidence| {
        let found = rtcp::find_all(evidence, Peer(0), rtcp::SR).last().unwrap();
        rtcp::edit(evidence, found, |packet| packet[11] = packet[11].wrapping_add(3));
    })]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::checks::controls::{Recording, rtcp, rtp};
    use crate::evidence::Kind;

    const ALICE: Peer = Peer(0);

    /// What alice's SRs are said to be after her packets of all that time before and after the last of them were held back for 2.7 seconds.
    fn held_back(within_us: u64) -> Status {
        let mut evidence = Recording::Call.evidence();
        let (n, _) = rtcp::find_all(&evidence, ALICE, rtcp::SR).last().unwrap();
        let report_us = evidence.wire.as_ref().unwrap().packets[n].t_us;
        for packet in rtp::packets(&mut evidence).filter(|it| it.sender == ALICE) {
            if packet.t_us.abs_diff(report_us) > within_us {
                continue;
            }
            let clear = packet.clear.iter_mut().find(|it| it.kind == Kind::Rtp);
            let bytes = clear.map_or(&mut packet.bytes, |it| &mut it.bytes).to_mut();
            let timestamp = u32::from_be_bytes(bytes[4..8].try_into().unwrap()).wrapping_sub(243_000);
            bytes[4..8].copy_from_slice(&timestamp.to_be_bytes());
        }
        CHECK.run(&evidence).iter().find(|it| it.endpoint == "alice").unwrap().result
    }

    #[test]
    fn packets_beside_a_report_may_be_old() {
        assert_eq!(held_back(1_500_000), Status::Pass);
        assert_eq!(held_back(u64::MAX), Status::Fail, "no packet agrees with the report");
    }
}
