//! RFC 3264 §6.1, RFC 8834 §4.3: a packet has a payload type that the receiver's description lists.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "rtp-only-negotiated-payload-types",
    layer: Layer::Media,
    subject: "RTP packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(other) = evidence.other(peer) else { return };
    let listed: BTreeSet<u8> = evidence
        .made_by(other)
        .flat_map(|made| made.received().media())
        .filter(|section| !section.is_rejected())
        .filter_map(|section| section.media_line()?.value.ok())
        .filter(|line| line.is_rtp())
        .flat_map(|line| line.payload_types().collect::<Vec<_>>())
        .collect();
    for (packet, rtp) in evidence.wire.iter().flat_map(|wire| wire.rtp_read(peer)) {
        let place = Place::Frame(packet.frame);
        let payload_type = rtp.header.payload_type();
        if listed.is_empty() {
            tally.inconclusive("the receiver's description is not in the recording", [place]);
        } else {
            tally.judge(Fault("payload-type-unknown"), listed.contains(&payload_type), place, || {
                format!("payload type {payload_type} is in no description of the receiver")
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, rtp};

    /// Gives a packet a payload type that is in neither description.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        let bytes = rtp::first(evidence);
        bytes[1] = bytes[1] & 0x80 | 35;
    })
    .also_breaks(&["oa-rtp-payload-type-from-remote"]);
}
