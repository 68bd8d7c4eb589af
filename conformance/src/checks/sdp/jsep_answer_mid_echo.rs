//! RFC 9429 §5.3.1, RFC 8840 §4.1.3: each section of an answer has the MID of the offered one, rejected sections too. The answer to one that was
//! not in use may leave it out: RFC 3264 §8.2, "the answer MAY omit all attributes present previously".

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Exchange, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "jsep-answer-mid-echo",
    layer: Layer::Sdp,
    subject: "answered media sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for Exchange { offer, answer } in evidence.answered_by(peer) {
        for (offered, answered) in offer.received().media().zip(answer.sdp.media()) {
            let Some(expected) = offered.mid() else { continue };
            let line = answered.named("mid").next().or_else(|| answered.attributes().next());
            let place = match line {
                Some(attribute) => Place::Line { entry: answer.entry, line: attribute.line },
                None => Place::Entry(answer.entry),
            };
            let found = answered.mid();
            if found.is_none() && offered.is_rejected() && answered.is_rejected() {
                continue;
            }
            tally.judge(Fault("other-mid"), found.as_ref() == Some(&expected), place, || {
                let found = found.as_deref().unwrap_or("none");
                format!("a section was offered with mid {expected} and answered with {found}")
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, events, replace};
    use peerproof_captures::event::PeerEvent;

    /// Swaps the two tags in the answer, and in the candidates that name them.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let answer = &mut evidence.descriptions[1].sdp;
        replace(answer, "a=mid:0", "a=mid:was-0");
        replace(answer, "a=mid:1", "a=mid:0");
        replace(answer, "a=mid:was-0", "a=mid:1");
        events::edit_each(evidence, "bob", |event| {
            if let PeerEvent::IceCandidate { candidate: Some(candidate) } = event {
                candidate.sdp_mid = Some("1".to_owned());
            }
        });
    })
    .also_breaks(&["msid-reflected-in-track-event"]);
}
