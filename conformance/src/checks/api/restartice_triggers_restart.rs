//! webrtc-pc §4.4.2.2 (restartIce), RFC 9429 §5.2.3.1: the next offer of a peer that was asked to restart ICE has new credentials.

use crate::checks::sdp::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SdpType;
use peerproof_captures::timeline::Answer;

pub(super) const CHECK: Check = Check {
    id: "restartice-triggers-restart",
    layer: Layer::Sdp,
    subject: "calls of restartIce",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let calls = evidence.calls(peer);
    let restarts: Vec<_> =
        calls.iter().filter(|it| it.name == "restartIce" && matches!(it.answer, Answer::Ok(_))).collect();
    if restarts.is_empty() || !look::is_one_connection(evidence, peer, tally) {
        return;
    }
    let later = look::later(evidence, peer);
    for call in restarts {
        // An offer that was made before it was set may be older than the call.
        let made = calls.iter().find(|it| it.name == "createOffer" && it.entry > call.answered);
        let Some(next) = made.and_then(|made| {
            later.iter().find(|it| it.made.kind == SdpType::Offer && it.made.entry > made.answered)
        }) else {
            continue;
        };
        let place = Place::Entry(next.made.entry);
        for (index, [was, now]) in look::credentials_before_and_now(next) {
            let both_new = was.0 != now.0 && was.1 != now.1;
            if both_new {
                tally.pass(place);
            } else {
                tally.fail(
                    Fault("same-credentials"),
                    format!("section {index} of the offer after restartIce has the credentials of before"),
                    [place, Place::Entry(call.entry)],
                );
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, replace_all};
    use crate::evidence::Evidence;
    use peerproof_captures::timeline::{Entry, What};
    use serde_json::json;

    /// As if the restart of the recording had been asked for by restartIce: that call stands in the place of the last one before the offer.
    fn ask(evidence: &mut Evidence) {
        let is =
            |entry: &Entry, wanted: &str| matches!(&entry.what, What::Command { name, .. } if name == wanted);
        let made = evidence.timeline.iter().rposition(|entry| is(entry, "createOffer")).unwrap();
        let What::Command { peer, .. } = evidence.timeline[made].what.clone() else { unreachable!() };
        let own = |entry: &Entry| matches!(&entry.what, What::Command { peer: by, name, .. } if *by == peer && name == "send");
        let at = evidence.timeline[..made].iter().rposition(own).unwrap();
        let What::Command { name, args, .. } = &mut evidence.timeline[at].what else { unreachable!() };
        *name = "restartIce".to_owned();
        *args = json!({});
    }

    /// Offers the credentials of before.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Restart, ask, |evidence| {
        let by = evidence.descriptions[2].by;
        let was = evidence.descriptions.iter().find(|it| it.by == by).unwrap().sdp.clone();
        let now = &mut evidence.descriptions[2].sdp;
        for name in ["ice-ufrag", "ice-pwd"] {
            let before = was.effective_value(0, name).unwrap().to_owned();
            let after = now.effective_value(0, name).unwrap().to_owned();
            replace_all(now, &after, &before);
        }
    })
    .also_breaks(&[
        "candidate-event-contents",
        "consent-no-data-before",
        "ice-check-credentials",
        "ice-restart-changes-both-credentials",
        "jsep-creds-stable-without-restart",
    ]);
}
