//! RFC 9429 §5.9, §5.10: a description that cannot be applied changes nothing, so that what was allowed before it is allowed still.

use super::called::called;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{SdpType, SignalingState as State};

pub(super) const CHECK: Check = Check {
    id: "jsep-failed-apply-restores-state",
    layer: Layer::Sdp,
    subject: "descriptions that were rejected",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let all = called(evidence, peer);
    for (at, it) in all.iter().enumerate().filter(|(_, it)| it.sets() && it.error().is_some()) {
        let rejected = Place::Entry(it.call.answered);
        let Some(next) = all.iter().skip(at + 1).find(|it| it.sets() || it.call.name == "close") else {
            continue;
        };
        let place = Place::Entry(next.call.answered);
        let allowed = match (next.kind(), next.call.name == "setLocalDescription", it.state) {
            (Some(SdpType::Offer), true, State::Stable | State::HaveLocalOffer)
            | (Some(SdpType::Offer), false, State::Stable | State::HaveRemoteOffer)
            | (Some(SdpType::Answer), true, State::HaveRemoteOffer)
            | (Some(SdpType::Answer), false, State::HaveLocalOffer) => true,
            _ => continue,
        };
        match next.error() {
            Some("InvalidStateError") if allowed => tally.fail(
                Fault("state-changed"),
                format!("after the rejected description the state is no longer {}", it.state),
                [place, rejected],
            ),
            None if next.is_done() => tally.pass(place),
            _ => {}
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, events};
    use crate::evidence::Evidence;
    use serde_json::json;

    const SET: &str = "setRemoteDescription";

    /// As if the answerer had rejected something and then taken another offer.
    fn fail(evidence: &mut Evidence) {
        let args = json!({"description": {"type": "offer", "sdp": "v=0\r\n"}});
        events::add_rejected(evidence, "bob", SET, args.clone(), "OperationError");
        events::add_call(evidence, "bob", SET, args);
    }

    /// Believes to have an offer.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, fail, |evidence| {
        events::reject_last(evidence, "bob", SET, "InvalidStateError");
    });
}
