//! webrtc-pc §4.4.1.4, RFC 9429 §5.7: an offer that is not answered can be rolled back, and the next one is taken.

use super::called::{Called, called};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{SdpType, SignalingState as State};

pub(super) const CHECK: Check = Check {
    id: "signaling-rollback-to-stable",
    layer: Layer::Sdp,
    subject: "rollbacks",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let all = called(evidence, peer);
    for (at, it) in all.iter().enumerate() {
        let pending = matches!(it.state, State::HaveLocalOffer | State::HaveRemoteOffer);
        if !it.sets() || it.kind() != Some(SdpType::Rollback) || !pending || !is_of_its_side(it) {
            continue;
        }
        let place = Place::Entry(it.call.answered);
        if let Some(error) = it.error() {
            tally.fail(
                Fault("refused"),
                format!("a rollback in the state {} is rejected with {error}", it.state),
                [place],
            );
            continue;
        }
        let mut later = all.iter().skip(at + 1).filter(|it| it.sets() || it.call.name == "close");
        let next = later.next().filter(|it| it.kind() == Some(SdpType::Offer));
        match next.map(|next| (next, next.error())) {
            Some((next, Some(error))) => tally.fail(
                Fault("next-offer-refused"),
                format!("the offer after the rollback is rejected with {error}"),
                [Place::Entry(next.call.answered), place],
            ),
            _ if it.is_done() => tally.pass(place),
            _ => {}
        }
    }
}

/// Whether the peer rolls back what it set itself by setLocalDescription, and what the other side did by setRemoteDescription. The other
/// way round is not distinguished by the standard.
fn is_of_its_side(it: &Called<'_>) -> bool {
    (it.call.name == "setLocalDescription") == (it.state == State::HaveLocalOffer)
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};
    use crate::evidence::Evidence;
    use serde_json::json;

    const SET: &str = "setLocalDescription";

    /// As if the offerer had offered once more and thought better of it.
    fn roll_back(evidence: &mut Evidence) {
        events::add_call(evidence, "alice", SET, json!({"description": {"type": "offer", "sdp": ""}}));
        events::add_call(evidence, "alice", SET, json!({"description": {"type": "rollback", "sdp": ""}}));
    }

    /// Refuses it.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, roll_back, |evidence| {
        events::reject_last(evidence, "alice", SET, "InvalidStateError");
    })
    .and(&[Mutation::new(Recording::Descriptions, "the offer after the rollback", |evidence| {
        let offer = json!({"description": {"type": "offer", "sdp": ""}});
        events::add_rejected(evidence, "alice", SET, offer, "InvalidStateError");
    })
    .prepared(roll_back)]);
}
