//! webrtc-pc §4.4.2.2 (setLocalDescription): without a description the peer sets an offer in the states stable, have-local-offer and
//! have-remote-pranswer, and an answer otherwise.

use super::called::called;
use super::signaling_state_transitions::kind;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{PeerEvent, SdpType, SignalingState as State};
use peerproof_captures::timeline::Answer;

pub(super) const CHECK: Check = Check {
    id: "signaling-implicit-description-type",
    layer: Layer::Sdp,
    subject: "descriptions that are set without naming them",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

const OPERATION: &str = "setLocalDescription";

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for it in called(evidence, peer).iter().filter(|it| it.call.name == OPERATION && it.kind().is_none()) {
        let Answer::Ok(result) = it.call.answer else { continue };
        let asked = it.call.args.get("asType").is_some() || it.call.args.get("description").is_some();
        if let Some(set) = kind(result).filter(|_| !asked) {
            judge(it.state, set, Place::Entry(it.call.answered), tally);
        }
    }
    // What joins a room sets its descriptions without naming them.
    if !evidence.calls(peer).iter().any(|call| call.name == "join") {
        return;
    }
    let (mut state, mut before) = (State::Stable, State::Stable);
    for happened in evidence.events(peer) {
        match happened.event {
            PeerEvent::SignalingStateChange { state: now } => (before, state) = (state, *now),
            PeerEvent::Acted { operation, description: Some(set), .. } if operation == OPERATION => {
                // Its own event comes by another task, perhaps later.
                let stated = match set.kind {
                    SdpType::Offer => state == State::HaveLocalOffer,
                    _ => state == State::Stable && before != State::Stable,
                };
                if stated {
                    judge(before, set.kind, Place::Entry(happened.entry), tally);
                }
            }
            _ => {}
        }
    }
}

fn judge(state: State, set: SdpType, place: Place, tally: &mut Tally) {
    let offers = matches!(state, State::Stable | State::HaveLocalOffer | State::HaveRemotePranswer);
    let due = if offers { SdpType::Offer } else { SdpType::Answer };
    tally.judge(Fault("other-type"), set == due, place, || {
        format!("setLocalDescription in the state {state} sets an {set}, not an {due}")
    });
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, events};
    use crate::evidence::Evidence;
    use serde_json::json;

    /// As if the offer had been set without naming it.
    fn unnamed(evidence: &mut Evidence) {
        events::edit_args(evidence, "alice", "setLocalDescription", |args| *args = json!({}));
    }

    /// Sets an answer.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, unnamed, |evidence| {
        events::edit_result(evidence, "alice", "setLocalDescription", |set| set["type"] = "answer".into());
    })
    .also_breaks(&["signaling-wrong-state-rejected"]);
}
