//! RFC 6386 §9.1: behind its tag a key frame has the start code 9d 01 2a and its size, neither side of which is zero.

use super::carried;
use super::recognise::START_CODE;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::payload::{Format, vp8};

pub(super) const CHECK: Check = Check {
    id: "codec-vp8-key-frame-header",
    layer: Layer::Media,
    subject: "key frames of VP8",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// The size has fourteen bits; two are of the scale.
const SIZE: u16 = 0x3fff;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for packet in carried(evidence, peer, Format::Vp8, tally).values().flatten() {
        let Ok(read) = vp8::view(packet.payload) else { continue };
        let Some(frame) = read.frame.filter(|frame| frame.is_key_frame()) else { continue };
        let place = Place::Frame(packet.packet.frame);
        let code = packet.payload.get(frame.tag.range.end as usize..).and_then(<[u8]>::first_chunk::<3>);
        let (Some(code), Some((width, height))) = (code, frame.resolution) else {
            tally.inconclusive("the header of the key frame goes on in the next packet", [place]);
            continue;
        };
        if evidence.is_faulted(packet.packet.frame) {
            continue;
        }
        if *code != START_CODE {
            tally.fail(
                Fault("other-start-code"),
                format!("a key frame begins with {:02x} {:02x} {:02x}", code[0], code[1], code[2]),
                [place],
            );
        } else {
            let [width, height] = [width.value & SIZE, height.value & SIZE];
            tally.judge(Fault("no-size"), width != 0 && height != 0, place, || {
                format!("a key frame is {width} pixels wide and {height} high")
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};
    use crate::evidence::{Evidence, Packet};
    use peerproof_captures::wire::payload::vp8;

    /// Edits the first key frame of Alice's, behind its tag.
    fn edit(evidence: &mut Evidence, edit: impl FnOnce(&mut [u8])) {
        let is = |it: &&mut Packet| {
            let begins = |payload: &[u8]| vp8::view(payload).is_ok_and(|it| it.begins_key_frame());
            rtp::is(it) && rtp::payload_type(it) == rtp::VP8 && begins(rtp::payload_of(it))
        };
        let packet = rtp::packets(evidence).find(is).unwrap();
        let at = vp8::view(rtp::payload_of(packet)).unwrap().frame.unwrap().tag.range.end as usize;
        edit(&mut rtp::payload_mut(packet)[at..]);
    }

    /// Changes the start code.
    pub(super) const CONTROL: Control = Control::new(Recording::Video, |evidence| {
        edit(evidence, |behind| behind[0] = 0);
    })
    .and(&[Mutation::new(Recording::Video, "pixels wide", |evidence| {
        edit(evidence, |behind| behind[3..5].fill(0));
    })]);
}
