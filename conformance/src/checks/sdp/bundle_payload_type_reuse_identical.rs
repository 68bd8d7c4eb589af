//! RFC 9143 §9.1.1: a payload type that several sections of a BUNDLE group use stands for the same codec in all of them.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::Codec;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "bundle-payload-type-reuse-identical",
    layer: Layer::Sdp,
    subject: "payload types in BUNDLE groups",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        let mut meant: BTreeMap<(usize, u8), (String, Codec, usize)> = BTreeMap::new();
        let mut sections: BTreeMap<usize, usize> = BTreeMap::new();
        for (index, section) in made.sdp.media().enumerate() {
            let Some(media) = look::media(&section).filter(|it| it.is_rtp() && !section.is_rejected()) else {
                continue;
            };
            let tag = look::transport_of(&made.sdp, index);
            *sections.entry(tag).or_default() += 1;
            for (payload_type, codec) in look::codecs(&section) {
                let entry = meant.entry((tag, payload_type));
                let (kind, was, first) = entry.or_insert_with(|| (media.media.clone(), codec.clone(), index));
                if (&*kind, &*was) != (&media.media, &codec) {
                    let sentence = format!(
                        "in one BUNDLE group payload type {payload_type} is {kind} {was} (section {first}) \
                         and {} {codec} (section {index})",
                        media.media
                    );
                    tally.fail(
                        Fault("payload-type-of-two-codecs"),
                        sentence,
                        [look::media_line(made, &section)],
                    );
                }
            }
        }
        if sections.values().any(|count| *count > 1) {
            tally.pass(Place::Entry(made.entry));
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Gives VP8 the payload type of Opus.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let offer = &mut evidence.descriptions[0].sdp;
        replace(offer, "SAVPF 96 97 ", "SAVPF 111 97 ");
        replace(offer, "a=rtpmap:96 VP8", "a=rtpmap:111 VP8");
        replace(offer, "a=fmtp:97 apt=96", "a=fmtp:97 apt=111");
    });
}
