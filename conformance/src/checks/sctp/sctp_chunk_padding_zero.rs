//! RFC 9260 §3.2: a chunk is filled up to a multiple of four bytes with zeros.

use super::packets;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "sctp-chunk-padding-zero",
    layer: Layer::Sctp,
    subject: "chunks with padding",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for (packet, sctp) in packets(evidence, peer).filter(|(packet, _)| packet.sender == peer) {
        let place = Place::Frame(packet.frame);
        for chunk in sctp.chunks.iter().filter(|chunk| !chunk.padding.value.is_empty()) {
            tally.judge(
                Fault("padding-not-zero"),
                chunk.padding.value.iter().all(|byte| *byte == 0),
                place,
                || format!("the padding of {} is not zero", chunk.kind.value),
            );
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sctp};
    use crate::evidence::Peer;

    /// Fills it up with a one.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        sctp::edit_last_of(evidence, Peer(0), sctp::DATA, |packet| *packet.last_mut().unwrap() = 1);
    });
}
