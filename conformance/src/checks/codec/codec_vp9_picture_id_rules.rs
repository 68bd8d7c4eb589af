//! RFC 9628 §4.2: all packets of a picture have the same picture identifier, and that of the next one is one more. In flexible mode (F) there is
//! always one.

use super::carried;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::payload::{Format, vp9};

pub(super) const CHECK: Check = Check {
    id: "codec-vp9-picture-id-rules",
    layer: Layer::Media,
    subject: "pictures of VP9",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

const HAS_ID: u8 = 0x80;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for packets in carried(evidence, peer, Format::Vp9, tally).values() {
        // The packet before, if nothing is missing between: its number, its time and its identifier.
        let mut before: Option<(i64, u32, u16, u64)> = None;
        for packet in packets {
            let Ok(read) = vp9::view(packet.payload) else {
                before = before.map(|it| (packet.number, it.1, it.2, it.3));
                continue;
            };
            let place = Place::Frame(packet.packet.frame);
            if read.flags.value & HAS_ID == 0 && read.is_flexible() {
                tally.fail(
                    Fault("flexible-without-id"),
                    "F is set and there is no picture identifier",
                    [place],
                );
            }
            let Some(id) = read.picture_id else {
                before = None;
                continue;
            };
            let width = if id.range.end - id.range.start > 1 { 0x7fff } else { 0x7f };
            let time = packet.rtp.header.timestamp.value;
            let last = before.replace((packet.number, time, id.value, packet.packet.frame));
            let Some((_, then, earlier, frame)) = last.filter(|last| last.0 + 1 == packet.number) else {
                continue;
            };
            if evidence.is_faulted(packet.packet.frame) || evidence.is_faulted(frame) {
                continue;
            }
            let places = [place, Place::Frame(frame)];
            if then == time && earlier != id.value {
                tally.fail(
                    Fault("two-ids-in-picture"),
                    format!("a picture has the identifiers {earlier} and {}", id.value),
                    places,
                );
            } else if then != time && (earlier + 1) & width != id.value & width {
                tally.fail(
                    Fault("id-skips"),
                    format!("picture identifier {} follows {earlier}", id.value),
                    places,
                );
            } else {
                tally.pass(place);
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};
    use crate::evidence::{Packet, Peer};

    const BOB: Peer = Peer(1);

    /// Numbers the second picture on as if one had been left out.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Video, rtp::as_vp9, |evidence| {
        let own = |it: &&mut Packet| rtp::is(it) && it.sender == BOB && rtp::payload_type(it) == rtp::VP8;
        for packet in rtp::packets(evidence).filter(own) {
            let payload = rtp::payload_mut(packet);
            let id = u16::from_be_bytes([payload[1], payload[2]]);
            let later = if id > 0x8001 { id + 1 } else { id };
            payload[1..3].copy_from_slice(&later.to_be_bytes());
        }
    })
    .and(&[
        Mutation::new(Recording::Video, "a picture has the identifiers", |evidence| {
            let own = |it: &&mut Packet| rtp::is(it) && it.sender == BOB && rtp::payload_type(it) == rtp::VP8;
            let inside = |it: &&mut Packet| rtp::payload_of(it)[0] & 12 == 4;
            rtp::payload_mut(rtp::packets(evidence).filter(own).find(inside).unwrap())[2] ^= 0x40;
        })
        .prepared(rtp::as_vp9),
        Mutation::new(Recording::Video, "F is set and there is no picture", |evidence| {
            rtp::edit_nth(evidence, BOB, rtp::VP8, 0, |payload| payload[0] = payload[0] & 0x3f | 0x10);
        })
        .prepared(rtp::as_vp9),
    ]);
}
