//! RFC 9429 §5.3.1: the transport protocol of each answered section is that of the offered one, to the letter.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Exchange, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "jsep-answer-echoes-profile",
    layer: Layer::Sdp,
    subject: "answered media sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for Exchange { offer, answer } in evidence.answered_by(peer) {
        for (offered, answered) in offer.received().media().zip(answer.sdp.media()) {
            let (Some(asked), Some(given)) = (look::media(&offered), look::media(&answered)) else {
                continue;
            };
            let place: Place = look::media_line(answer, &answered);
            tally.judge(Fault("other-protocol"), asked.proto == given.proto, place, || {
                format!("a section is offered with {} and answered with {}", asked.proto, given.proto)
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// Answers one section with the profile without feedback.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        replace(&mut evidence.descriptions[1].sdp, "UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP");
    });
}
