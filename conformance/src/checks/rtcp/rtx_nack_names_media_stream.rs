//! RFC 4588 §6.3: NACKs ask for packets of the media, never of what repairs it.

use super::nacks;
use crate::checks::media::{codecs, headers};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "rtx-nack-names-media-stream",
    layer: Layer::Media,
    subject: "NACKs",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(other) = evidence.other(peer) else { return };
    let codecs = codecs(evidence, other);
    let sent = headers(evidence, other).filter(|(packet, header)| {
        codecs.of(packet).get(&header.payload_type()).is_some_and(|codec| codec.is_rtx())
    });
    let repairs: BTreeSet<u32> = sent.map(|(_, header)| header.ssrc.value).collect();
    for (packet, media, _) in nacks(evidence, peer) {
        tally.judge(
            Fault("nack-of-retransmissions"),
            !repairs.contains(&media),
            Place::Frame(packet.frame),
            || format!("a NACK asks for packets of source {media:#010x}, which sends retransmissions"),
        );
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, rtcp};
    use crate::evidence::{Evidence, Peer};

    /// Asks for a packet of the video, none of which is lost in the recording.
    fn prepare(evidence: &mut Evidence) {
        rtcp::append(
            evidence,
            Peer(1),
            &[0x81, 205, 0, 3, 0, 0, 0, 1, 0xe8, 0x05, 0x27, 0x41, 0x67, 0xa0, 0, 0],
        );
    }

    /// Asks for one of the source of retransmissions.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Call, prepare, |evidence| {
        rtcp::edit_last(evidence, Peer(1), |bytes| {
            let at = bytes.len() - 8;
            bytes[at..at + 4].copy_from_slice(&0x04fc_151f_u32.to_be_bytes());
        });
    });
}
