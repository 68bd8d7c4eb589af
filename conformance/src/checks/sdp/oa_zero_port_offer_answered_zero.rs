//! RFC 3264 §8.2, RFC 9143 §6: a section offered with port zero, and not as bundle-only, is answered with port zero.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Exchange, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "oa-zero-port-offer-answered-zero",
    layer: Layer::Sdp,
    subject: "sections offered with port zero",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for Exchange { offer, answer } in evidence.answered_by(peer) {
        for (offered, answered) in offer.received().media().zip(answer.sdp.media()) {
            let Some(media) = look::media(&answered).filter(|_| offered.is_rejected()) else { continue };
            let place: Place = look::media_line(answer, &answered);
            tally.judge(Fault("port-not-zero"), media.port == 0, place, || {
                format!("a section offered with port 0 was answered with port {}", media.port)
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace};

    /// As if the video had been stopped.
    fn stop_video(evidence: &mut crate::evidence::Evidence) {
        for made in &mut evidence.descriptions {
            replace(&mut made.sdp, "m=video 9 ", "m=video 0 ");
            replace(&mut made.sdp, "a=group:BUNDLE 0 1", "a=group:BUNDLE 0");
        }
    }

    /// Answers the stopped section with port 9.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, stop_video, |evidence| {
        replace(&mut evidence.descriptions[1].sdp, "m=video 0 ", "m=video 9 ");
    });
}
