//! RFC 3550 §6.4.1: a report block tells the last SR that came from the source, and how long ago that was.

use super::blocks;
use crate::checks::media::{Wrong, tell};
use crate::checks::{Check, Place, Tally};
use crate::evidence::{Evidence, Kind, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::rtcp::{self, Body};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "rtcp-rr-lsr-dlsr",
    layer: Layer::Media,
    subject: "report blocks",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How far the delay may be from what was recorded, in microseconds.
const TOLERANCE_US: i64 = 20_000;

/// How soon after an SR a report may not know of it yet, in microseconds.
const UNNOTICED_US: u64 = 50_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if blocks(evidence, peer).next().is_none() {
        return;
    }
    let tapped =
        evidence.whole && evidence.wire.as_ref().is_some_and(|wire| wire.is_tapped(peer) && !wire.cut);
    // What came from each source: the middle of its NTP timestamp, and when.
    let mut came: BTreeMap<u32, Vec<(u32, u64)>> = BTreeMap::new();
    for packet in evidence.wire.iter().flat_map(|wire| wire.at(peer)) {
        let compounds = packet.clear.iter().filter(|clear| clear.kind == Kind::Rtcp);
        for rtcp in compounds.flat_map(|clear| rtcp::view(&clear.bytes).packets.iter()) {
            let blocks = match rtcp.body {
                Some(Body::SenderReport(report)) if packet.sender != peer => {
                    came.entry(report.ssrc.value).or_default().push((report.middle_ntp(), packet.t_us));
                    continue;
                }
                Some(Body::SenderReport(report)) => report.blocks,
                Some(Body::ReceiverReport(report)) if packet.sender == peer => report.blocks,
                _ => continue,
            };
            for block in blocks.iter() {
                let known = came.get(&block.ssrc.value).map_or(&[][..], Vec::as_slice);
                let told = (block.last_sr.value, block.delay_since_last_sr.value);
                let place = Place::Frame(packet.frame);
                let wrong = fault(known, told, packet.t_us);
                tell(wrong, tapped, "what came at the peer, and when, is not recorded", place, tally);
            }
        }
    }
}

/// What is wrong with the last SR and the delay of a block that was sent at `t_us`.
fn fault(came: &[(u32, u64)], (last_sr, delay): (u32, u32), t_us: u64) -> Option<Wrong> {
    if last_sr == 0 {
        let first = came.first()?;
        let since_us = t_us.saturating_sub(first.1);
        let text = || "a report block tells of no SR, although one had come".to_owned();
        return (since_us > UNNOTICED_US).then(|| Wrong::by(since_us, text()));
    }
    let latest = came.get(came.len().saturating_sub(2)..).unwrap_or_default();
    let Some((_, came_us)) = latest.iter().rev().find(|(middle, _)| *middle == last_sr) else {
        return Some(Wrong::Surely(format!(
            "a report block tells of the SR {last_sr:#010x}, which is none of the last two that came"
        )));
    };
    // In units of 1/65536 s.
    let told_us = ((u64::from(delay) * 1_000_000) >> 16) as i64;
    let passed_us = t_us.saturating_sub(*came_us) as i64;
    let off = (told_us - passed_us).abs();
    (off > TOLERANCE_US).then(|| {
        let text = format!(
            "the SR is {} ms old by the report block, and {} ms in truth",
            told_us / 1_000,
            passed_us / 1_000
        );
        Wrong::by(off.unsigned_abs(), text)
    })
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, rtcp};
    use crate::evidence::{Evidence, Peer};

    /// Tells of no SR of the source of retransmissions, which sends none: Chrome tells there of that of the media.
    fn prepare(evidence: &mut Evidence) {
        for found in rtcp::find_all(evidence, Peer(1), rtcp::RR) {
            rtcp::edit(evidence, found, |packet| {
                let repairs = |block: &&mut [u8]| block[..4] == 0x04fc_151f_u32.to_be_bytes();
                packet[8..].chunks_mut(24).filter(repairs).for_each(|block| block[16..24].fill(0));
            });
        }
    }

    /// Swaps LSR and DLSR in the last RR.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Call, prepare, |evidence| {
        let found = rtcp::find_all(evidence, Peer(1), rtcp::RR).last().unwrap();
        rtcp::edit(evidence, found, |packet| {
            packet[8..].chunks_mut(24).for_each(|block| block[16..24].rotate_left(4));
        });
    });
}
