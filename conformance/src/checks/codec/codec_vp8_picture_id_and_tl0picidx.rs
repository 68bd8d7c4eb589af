//! RFC 7741 §4.2: PictureID rises by one from frame to frame, and TL0PICIDX with each frame of the lowest layer.

use super::carried;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::payload::{Format, vp8};

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

impl Frame {
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
    use crate::checks::controls::{Control, Recording, rtp};
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
    });
}
