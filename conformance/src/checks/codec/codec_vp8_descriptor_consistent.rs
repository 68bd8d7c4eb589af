//! RFC 7741 §4.2: the payload descriptor of VP8 has the octets that its flags announce, reserved bits are zero, and L comes with T.

use super::carried;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::payload::{Format, vp8};

pub(super) const CHECK: Check = Check {
    id: "codec-vp8-descriptor-consistent",
    layer: Layer::Media,
    subject: "VP8 payloads",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for carried in carried(evidence, peer, Format::Vp8, tally).values().flatten() {
        if carried.payload.is_empty() {
            continue;
        }
        let place = Place::Frame(carried.packet.frame);
        match fault(carried.payload) {
            None => tally.pass(place),
            Some(_) if evidence.is_faulted(carried.packet.frame) => {}
            Some((fault, sentence)) => tally.fail(fault, sentence, [place]),
        }
    }
}

fn fault(payload: &[u8]) -> Option<(Fault, String)> {
    let read = match vp8::view(payload) {
        Ok(read) => read,
        Err(stop) => {
            return Some((
                Fault("descriptor-does-not-fit"),
                format!("the descriptor does not fit the payload: {stop}"),
            ));
        }
    };
    let extension = read.extension.map_or(0, |extension| extension.value);
    if read.required.value & 0x48 != 0 || extension & 0x0f != 0 {
        Some((Fault("reserved-bit"), "a reserved bit of the descriptor is set".to_owned()))
    } else if extension & 0x60 == 0x40 {
        Some((
            Fault("tl0picidx-without-layer"),
            "the descriptor has TL0PICIDX (L) without a temporal layer (T)".to_owned(),
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};
    use crate::evidence::Evidence;

    /// As if one packet reported its temporal layer: no recording has one that does.
    fn prepare(evidence: &mut Evidence) {
        rtp::edit_payload_of(evidence, rtp::VP8, |payload| {
            assert_eq!(payload[..2], [0x90, 0x80]);
            payload[1] = 0xe0;
            // Behind the PictureID of 15 bits.
            payload.splice(4..4, [1, 0]);
        });
    }

    /// Clears T.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Video, prepare, |evidence| {
        rtp::edit_payload_of(evidence, rtp::VP8, |payload| payload[1] &= !0x20);
    })
    .also_breaks(&["codec-vp8-key-frame-header"])
    .and(&[
        Mutation::new(Recording::Video, "the descriptor does not fit the payload", |evidence| {
            rtp::edit_payload_of(evidence, rtp::VP8, |payload| payload.truncate(1));
        })
        .prepared(prepare),
        Mutation::new(Recording::Video, "a reserved bit of the descriptor is set", |evidence| {
            rtp::edit_payload_of(evidence, rtp::VP8, |payload| payload[0] |= 0x40);
        })
        .prepared(prepare),
    ]);
}
