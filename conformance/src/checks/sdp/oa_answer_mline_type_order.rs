//! RFC 3264 §6: each section of an answer has the media type of the offered one in the same place.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Exchange, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "oa-answer-mline-type-order",
    layer: Layer::Sdp,
    subject: "answered media sections",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for Exchange { offer, answer } in evidence.answered_by(peer) {
        for (offered, answered) in offer.received().media().zip(answer.sdp.media()) {
            let (Some(expected), Some(found)) = (look::media(&offered), look::media(&answered)) else {
                continue;
            };
            let place: Place = look::media_line(answer, &answered);
            tally.judge(Fault("other-media"), expected.media == found.media, place, || {
                format!("{} was offered in this place and answered with {}", expected.media, found.media)
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use peerproof_captures::sdp::SessionDescription;

    /// Swaps the audio and the video section of the answer, with all that is in them: their tags too, then.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let answer = &mut evidence.descriptions[1].sdp;
        let text = answer.as_str();
        let (audio, video) = (text.find("m=audio").unwrap(), text.find("m=video").unwrap());
        let swapped = format!("{}{}{}", &text[..audio], &text[video..], &text[audio..video]);
        *answer = SessionDescription::parse(swapped);
    })
    .also_breaks(&["candidate-event-contents", "jsep-answer-mid-echo", "oa-answer-has-common-format"]);
}
