//! RFC 8853 §5.5, RFC 8852 §4.3: the RtpStreamId in their packets identifies the streams of a simulcast, so an answer that takes a simulcast
//! negotiates its header extension.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Exchange, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::Section;
use peerproof_captures::wire::rtp::ExtensionKind;

pub(super) const CHECK: Check = Check {
    id: "simulcast-rid-extension-mapped",
    layer: Layer::Sdp,
    subject: "answers that take simulcast",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for Exchange { offer, answer } in evidence.answered_by(peer) {
        for (offered, answered) in offer.received().media().zip(answer.sdp.media()) {
            let takes = |section: &Section<'_>| section.has("simulcast") && section.has("rid");
            if answered.is_rejected() || !takes(&offered) || !takes(&answered) {
                continue;
            }
            let place: Place = look::attribute(answer, &answered, "simulcast");
            if maps_rid(&answered) {
                tally.pass(place);
            } else if maps_rid(&offered) {
                tally.fail(
                    Fault("extension-not-taken"),
                    "the simulcast is taken, and the extension for RtpStreamId that was offered is not",
                    [place],
                );
            } else {
                tally.fail(
                    Fault("extension-not-offered"),
                    "the simulcast is taken, and no extension for RtpStreamId was offered",
                    [place],
                );
            }
        }
    }
}

fn maps_rid(section: &Section<'_>) -> bool {
    section.extmaps().iter().any(|map| ExtensionKind::from_uri(&map.uri) == ExtensionKind::Rid)
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace_all};
    use crate::evidence::Evidence;

    /// Takes the extension out of a description.
    fn unmap(evidence: &mut Evidence, at: usize) {
        let rid = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
        replace_all(&mut evidence.descriptions[at].sdp, rid, "urn:x-another");
    }

    /// Takes it out of the answer.
    pub(super) const CONTROL: Control = Control::new(Recording::Simulcast, |evidence| unmap(evidence, 1))
        .also_breaks(&["extmap-answer-same-id"])
        .and(&[Mutation::new(Recording::Simulcast, "was offered", |evidence| {
            unmap(evidence, 0);
            unmap(evidence, 1);
        })
        .also_breaks(&[])]);
}
