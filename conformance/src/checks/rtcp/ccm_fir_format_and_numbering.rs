//! RFC 5104 §4.3.1: a FIR has entries of two words, no media source in its header, and a number that rises with each new request.

use super::packets;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::rtcp::{Body, PayloadFeedbackControl};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "ccm-fir-format-and-numbering",
    layer: Layer::Media,
    subject: "FIRs",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let complete = evidence.sees_all_sent_by(peer);
    let mut newest: BTreeMap<(u32, u32), u8> = BTreeMap::new();
    for (packet, rtcp, body) in packets(evidence, peer) {
        let Body::PayloadFeedback(feedback) = body else { continue };
        let PayloadFeedbackControl::Fir(entries) = feedback.control else { continue };
        let place = Place::Frame(packet.frame);
        let (count, length) = (entries.iter().count(), rtcp.header.length.value);
        if count == 0 || usize::from(length) != 2 + 2 * count {
            tally.fail(
                Fault("length"),
                format!("a FIR with {count} entries has the length {length}"),
                [place],
            );
            continue;
        }
        if feedback.media.value != 0 {
            tally.fail(
                Fault("media-source-not-zero"),
                format!("a FIR names the media source {:#010x}, not 0", feedback.media.value),
                [place],
            );
            continue;
        }
        for entry in entries.iter() {
            let (target, number) = (entry.ssrc.value, entry.sequence.value);
            let before = newest.insert((feedback.sender.value, target), number);
            let step = before.map_or(1, |before| number.wrapping_sub(before));
            if entry.reserved.value != 0 {
                tally.fail(Fault("reserved-bits"), "the reserved bits of a FIR are not zero", [place]);
            } else if step > 1 && !complete {
                tally.inconclusive("FIRs may have been lost before the recording", [place]);
            } else {
                tally.judge(Fault("numbers-skip"), step <= 1, place, || {
                    let before = before.unwrap_or_default();
                    format!("FIR {number} for source {target:#010x} follows {before}")
                });
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtcp};
    use crate::evidence::{Evidence, Peer};

    /// Asks for a picture, which nobody does in the recordings.
    fn prepare(evidence: &mut Evidence) {
        let fir = [0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0xe8, 0x05, 0x27, 0x41, 7, 0, 0, 0];
        rtcp::append(evidence, Peer(1), &fir);
    }

    /// Names the source in the header too.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Call, prepare, |evidence| {
        rtcp::edit_last(evidence, Peer(1), |bytes| {
            let at = bytes.len() - 20;
            bytes.copy_within(at + 12..at + 16, at + 8);
        });
    })
    .and(&[
        Mutation::new(Recording::Call, "a FIR with 1 entries has the length 5", |evidence| {
            rtcp::edit_last(evidence, Peer(1), |bytes| {
                let at = bytes.len() - 20;
                bytes[at + 3] = 5;
                bytes.extend([0; 4]);
            });
        })
        .prepared(prepare),
        Mutation::new(Recording::Call, "the reserved bits of a FIR", |evidence| {
            rtcp::edit_last(evidence, Peer(1), |bytes| {
                let at = bytes.len() - 1;
                bytes[at] = 1;
            });
        })
        .prepared(prepare),
        Mutation::new(Recording::Call, "FIR 9 for source", |evidence| {
            rtcp::append(
                evidence,
                Peer(1),
                &[0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0xe8, 0x05, 0x27, 0x41, 9, 0, 0, 0],
            );
        })
        .prepared(prepare),
    ]);
}
