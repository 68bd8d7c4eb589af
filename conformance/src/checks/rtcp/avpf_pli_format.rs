//! RFC 4585 §6.3.1.2: a PLI is of payload-specific feedback, type 1, and has nothing after the two sources.

use super::packets;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::rtcp::{Body, PayloadFeedbackType};

pub(super) const CHECK: Check = Check {
    id: "avpf-pli-format",
    layer: Layer::Media,
    subject: "PLIs",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for (packet, rtcp, body) in packets(evidence, peer) {
        let Body::PayloadFeedback(feedback) = body else { continue };
        if feedback.kind != PayloadFeedbackType::Pli {
            continue;
        }
        let length = rtcp.header.length.value;
        tally.judge(Fault("length"), length == 2, Place::Frame(packet.frame), || {
            format!("a PLI has the length {length}, not 2")
        });
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, rtcp};
    use crate::evidence::{Evidence, Peer};

    /// Asks for a picture, which nobody does in the recordings.
    fn prepare(evidence: &mut Evidence) {
        rtcp::append(evidence, Peer(1), &[0x81, 206, 0, 2, 0, 0, 0, 1, 0xe8, 0x05, 0x27, 0x41]);
    }

    /// Appends a word.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Call, prepare, |evidence| {
        rtcp::edit_last(evidence, Peer(1), |bytes| {
            let at = bytes.len() - 12;
            bytes[at + 3] = 3;
            bytes.extend([0; 4]);
        });
    });
}
