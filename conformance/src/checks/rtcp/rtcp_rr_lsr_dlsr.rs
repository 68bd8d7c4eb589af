//! RFC 3550 §6.4.1: a report block reports the last SR that came from the source, and how long ago that was.

use super::blocks;
use crate::checks::media::{Wrong, tell};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
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

/// How far the delay may be from what was recorded, in microseconds, as a peer takes time to read an SR and to send a report: the
/// catalogue's choice.
const TOLERANCE_US: u64 = 20_000;

/// How soon after an SR a report may not know of it yet, in microseconds: it may have been put together before.
const UNNOTICED_US: u64 = 50_000;

const UNKNOWN: Fault = Fault("lsr-of-no-recent-sr");

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
                let stated = (block.last_sr.value, block.delay_since_last_sr.value);
                let place = Place::Frame(packet.frame);
                let wrong = fault(evidence, known, stated, packet.t_us);
                tell(wrong, tapped, "what the peer received, and when, is not recorded", place, tally);
            }
        }
    }
}

/// What is wrong with the last SR and the delay of a block that was sent at `t_us`.
fn fault(evidence: &Evidence, came: &[(u32, u64)], (last_sr, delay): (u32, u32), t_us: u64) -> Option<Wrong> {
    if last_sr == 0 {
        let off = Off::late(came.first()?.1, UNNOTICED_US, t_us)?;
        let text = "a report block has no LSR, although an SR had arrived".to_owned();
        return Some(Wrong::by(Fault("no-lsr"), evidence, off, text));
    }
    let at = came.iter().rposition(|(middle, _)| *middle == last_sr);
    let text = || {
        format!(
            "a report block has the LSR {last_sr:#010x}, which is of none of the last two SRs that arrived"
        )
    };
    let Some((at, (_, came_us))) = at.and_then(|at| Some((at, came.get(at)?))) else {
        return Some(Wrong::Surely(UNKNOWN, text()));
    };
    if let Some((_, second_us)) = came.get(at + 2) {
        // The two that came since were not noticed.
        return Off::late(*second_us, 0, t_us).map(|off| Wrong::by(UNKNOWN, evidence, off, text()));
    }
    // In units of 1/65536 s.
    let told_us = (u64::from(delay) * 1_000_000) >> 16;
    let passed_us = t_us.saturating_sub(*came_us);
    let off = Off::between(told_us.abs_diff(passed_us), TOLERANCE_US, *came_us, t_us)?;
    let text = format!(
        "the SR is {} ms old by the report block, and {} ms in truth",
        told_us / 1_000,
        passed_us / 1_000
    );
    Some(Wrong::by(Fault("delay-off"), evidence, off, text))
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtcp};
    use crate::evidence::{Evidence, Peer};

    /// Reports no SR of the source of retransmissions, which sends none: Chrome reports that of the media there.
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
    })
    .and(&[Mutation::new(Recording::Call, "has no LSR", |evidence| {
        let found = rtcp::find_all(evidence, Peer(1), rtcp::RR).last().unwrap();
        rtcp::edit(evidence, found, |packet| {
            packet[8..].chunks_mut(24).for_each(|block| block[16..24].fill(0));
        });
    })
    .prepared(prepare)]);
}
