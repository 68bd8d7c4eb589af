//! RFC 3264 §8.2, RFC 9143 §6: a section offered with port zero, and not as bundle-only of a BUNDLE group, is answered with port zero.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Exchange, Peer};
use crate::verdict::Layer;
use std::collections::BTreeSet;

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
        let groups = offer.received().groups().into_iter().filter(|it| it.is_bundle());
        let bundled: BTreeSet<String> = groups.flat_map(|it| it.tags).collect();
        for (offered, answered) in offer.received().media().zip(answer.sdp.media()) {
            // Of bundle-only "in a non-bundled "m=" section, the offerer or answerer MUST discard the attribute" (RFC 9143 §6).
            let is_bundled = offered.mid().is_some_and(|mid| bundled.contains(&mid));
            let is_unused = offered.is_rejected() || look::has_port_zero(&offered) && !is_bundled;
            let Some(media) = look::media(&answered).filter(|_| is_unused) else { continue };
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
    })
    .also_breaks(&["ice-credentials-per-transport"]);
}
