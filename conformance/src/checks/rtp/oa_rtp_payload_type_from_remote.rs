//! RFC 3264 §6.1, RFC 9429 §5.11: a packet for a section has a payload type that the receiver's description lists for that section.

use crate::checks::media::headers;
use crate::checks::negotiated_state::Sections;
use crate::checks::sdp::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "oa-rtp-payload-type-from-remote",
    layer: Layer::Media,
    subject: "RTP packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(other) = evidence.other(peer) else { return };
    let mut listed: BTreeMap<String, BTreeSet<u8>> = BTreeMap::new();
    for section in evidence.made_by(other).flat_map(|made| made.received().media()) {
        if let (Some(mid), Some(media)) = (section.mid(), look::media(&section)) {
            listed.entry(mid).or_default().extend(media.payload_types());
        }
    }
    let sections = Sections::of(evidence, peer);
    for (packet, header) in headers(evidence, peer) {
        let Some(mid) = sections.mid(packet, &header) else { continue };
        let place = Place::Frame(packet.frame);
        let payload_type = header.payload_type();
        match listed.get(&mid) {
            None => tally.inconclusive("the receiver's description is not in the recording", [place]),
            Some(known) => {
                tally.judge(Fault("of-another-section"), known.contains(&payload_type), place, || {
                    format!("payload type {payload_type} is sent for section {mid:?}, where it is not listed")
                });
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Has the receiver list what is sent as audio for video.
    pub(super) const CONTROL: Control = Control::new(Recording::Video, |evidence| {
        let answer = &mut evidence.descriptions[1];
        let mut delivered = answer.sdp.clone();
        replace(&mut delivered, "SAVPF 111\r\n", "SAVPF 63\r\n");
        replace(&mut delivered, "SAVPF 96 97\r\n", "SAVPF 96 97 111\r\n");
        answer.delivered = Some(delivered);
    });
}
