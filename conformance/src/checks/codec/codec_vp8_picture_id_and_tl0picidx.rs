//! RFC 7741 §4.2: PictureID rises by one from frame to frame, and TL0PICIDX with each frame of the lowest layer.
//!
//! A sender may drop a frame that has its index already: for want of bandwidth, or of a pair to send it on. Where the timestamps leave room
//! for the frames that a skip leaves out, nothing is decided.

use super::carried;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::payload::{Format, vp8};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "codec-vp8-picture-id-and-tl0picidx",
    layer: Layer::Media,
    subject: "VP8 frames with PictureID",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for packets in carried(evidence, peer, Format::Vp8, tally).values() {
        let usual = usual_step(packets.iter().map(|it| it.rtp.header.timestamp.value));
        let mut newest: Option<i64> = None;
        let mut frame: Option<Frame> = None;
        for packet in packets {
            let whole = newest.is_some_and(|newest| newest + 1 == packet.number);
            newest = Some(packet.number);
            if !whole {
                frame = None;
            }
            let Ok(read) = vp8::view(packet.payload) else { continue };
            let timestamp = packet.rtp.header.timestamp.value;
            let place = Place::Frame(packet.packet.frame);
            let Some(id) = read.picture_id else { continue };
            let now = Frame {
                timestamp,
                id: id.value,
                is_long: id.range.len() == 2,
                layer: read.temporal_layer(),
                base: read.tl0_picture_index.map(|index| index.value),
            };
            let Some(before) = frame.replace(now).filter(|before| before.timestamp != timestamp) else {
                continue;
            };
            match now.fault(&before) {
                None => tally.pass(place),
                Some(_) if evidence.is_faulted(packet.packet.frame) => {}
                Some(_) if usual.is_some_and(|usual| now.has_room_after(&before, usual)) => {
                    tally.inconclusive("frames may have been dropped before they were packetized", [place]);
                }
                Some((fault, sentence)) => tally.fail(fault, sentence, [place]),
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Frame {
    timestamp: u32,
    id: u16,
    is_long: bool,
    layer: Option<u8>,
    base: Option<u8>,
}

/// The step between the timestamps of frames that occurs most often.
fn usual_step(timestamps: impl Iterator<Item = u32>) -> Option<u32> {
    let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
    let mut before = None;
    for timestamp in timestamps {
        let step = before.replace(timestamp).map(|before| timestamp.wrapping_sub(before));
        if let Some(step) = step.filter(|step| (1..0x8000_0000).contains(step)) {
            *counts.entry(step).or_default() += 1;
        }
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(step, _)| step)
}

impl Frame {
    /// Whether as many frames fit between two timestamps as the index, which goes ahead, leaves out.
    fn has_room_after(&self, before: &Self, usual: u32) -> bool {
        let mask = if self.is_long && before.is_long { 0x7fff } else { 0x7f };
        let ahead = u32::from(self.id.wrapping_sub(before.id) & mask);
        let step = self.timestamp.wrapping_sub(before.timestamp);
        // Steps are rounded to the clock of 90 kHz, and differ by the camera's jitter.
        (2..=u32::from(mask / 2)).contains(&ahead)
            && step.saturating_add(usual / 2) >= usual.saturating_mul(ahead)
    }

    fn fault(&self, before: &Self) -> Option<(Fault, String)> {
        let mask = if self.is_long && before.is_long { 0x7fff } else { 0x7f };
        if self.id & mask != before.id.wrapping_add(1) & mask {
            return Some((Fault("picture-id-skips"), format!("PictureID {} follows {}", self.id, before.id)));
        }
        let (base, then) = self.base.zip(before.base)?;
        let expected = if self.layer == Some(0) { then.wrapping_add(1) } else { then };
        (base != expected).then(|| {
            (Fault("tl0picidx-skips"), {
                format!(
                    "TL0PICIDX {base} follows {then} at a frame of layer {}",
                    self.layer.unwrap_or_default()
                )
            })
        })
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};
    use crate::evidence::{Evidence, Peer};

    /// As if nothing had been retransmitted.
    fn prepare(evidence: &mut Evidence) {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        packets.retain(|it| !(rtp::is(it) && rtp::payload_type(it) == rtp::RTX));
    }

    /// Adds three to PictureID from the third packet of Chrome's video on.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Video, prepare, |evidence| {
        let is = |it: &&mut crate::evidence::Packet| {
            rtp::is(it) && it.sender == Peer(0) && rtp::payload_type(it) == rtp::VP8
        };
        for packet in rtp::packets(evidence).filter(is).skip(2) {
            let bytes = &mut packet.clear[0].bytes;
            let at = peerproof_captures::wire::rtp::view(bytes).unwrap().payload.range.start as usize;
            assert_eq!(bytes[at..at + 2], [0x90, 0x80]);
            let id = u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]) + 3;
            bytes[at + 2..at + 4].copy_from_slice(&id.to_be_bytes());
        }
    })
    .and(&[Mutation::new(Recording::Video, "TL0PICIDX", |evidence| index(evidence, 3)).prepared(
        |evidence| {
            prepare(evidence);
            index(evidence, 0);
        },
    )]);

    /// Gives the frames of Chrome's video a TL0PICIDX, or adds to that of all but the first frame.
    fn index(evidence: &mut Evidence, more: u8) {
        let is = |it: &&mut crate::evidence::Packet| {
            rtp::is(it) && it.sender == Peer(0) && rtp::payload_type(it) == rtp::VP8
        };
        let mut timestamps = Vec::new();
        for packet in rtp::packets(evidence).filter(is) {
            let bytes = packet.clear[0].bytes.to_mut();
            let at = peerproof_captures::wire::rtp::view(bytes).unwrap().payload.range.start as usize;
            let timestamp: [u8; 4] = bytes[4..8].try_into().unwrap();
            if !timestamps.contains(&timestamp) {
                timestamps.push(timestamp);
            }
            let frame = timestamps.len() as u8;
            if more > 0 {
                bytes[at + 4] += if frame > 1 { more } else { 0 };
                continue;
            }
            assert_eq!(bytes[at..at + 2], [0x90, 0x80]);
            // The flags of the index and of the layer, which is 0 (RFC 7741 §4.2).
            bytes[at + 1] |= 0x60;
            bytes.splice(at + 4..at + 4, [frame, 0]);
            packet.bytes.to_mut().splice(at..at, [0, 0]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skip_is_possible_where_the_timestamps_leave_room_for_what_is_left_out() {
        assert_eq!(usual_step([0, 3_000, 3_000, 6_000, 15_000, 18_000].into_iter()), Some(3_000));
        let frame = |timestamp, id| Frame { timestamp, id, is_long: true, layer: None, base: None };
        let has_room = |timestamp, id| frame(timestamp, id).has_room_after(&frame(u32::MAX, 0x7fff), 3_000);
        assert!(has_room(8_990, 2) && has_room(7_600, 2));
        assert!(!has_room(5_999, 2) && !has_room(2_999, 2));
        // One that comes again leaves nothing out.
        assert!(!has_room(8_990, 0x7fff) && !has_room(8_990, 0x7ffe));
    }
}
