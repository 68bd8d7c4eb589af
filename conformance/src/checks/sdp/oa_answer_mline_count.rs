//! RFC 3264 §6: an answer has as many media sections as its offer.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Exchange, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "oa-answer-mline-count",
    layer: Layer::Sdp,
    subject: "answers",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for Exchange { offer, answer } in evidence.answered_by(peer) {
        let (offered, answered) = (offer.received().media().len(), answer.sdp.media().len());
        tally.judge(Fault("count"), offered == answered, Place::Entry(answer.entry), || {
            format!("the offer has {offered} media sections, the answer {answered}")
        });
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use peerproof_captures::sdp::SessionDescription;

    /// Deletes the last media section of the answer.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let answer = &mut evidence.descriptions[1].sdp;
        let last = answer.as_str().rfind("m=").unwrap();
        *answer = SessionDescription::parse(&answer.as_str()[..last]);
    });
}
