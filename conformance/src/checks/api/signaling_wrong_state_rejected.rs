//! webrtc-pc §4.4.1.4, §4.4.2.2: createAnswer without an offer of the other side, an answer of the other side without an offer of one's own, and
//! a rollback in the state stable are rejected with an InvalidStateError.

use super::called::{Called, called};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{SdpType, SignalingState as State};

pub(super) const CHECK: Check = Check {
    id: "signaling-wrong-state-rejected",
    layer: Layer::Sdp,
    subject: "operations in a state that forbids them",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for it in called(evidence, peer).iter().filter(|it| is_wrong(it)) {
        let place = Place::Entry(it.call.answered);
        let (name, state) = (it.call.name, it.state);
        match it.error() {
            Some("InvalidStateError") => tally.pass(place),
            Some(error) => tally.warn(
                Fault("other-error"),
                format!("{name} in the state {state} is rejected with {error}, not with InvalidStateError"),
                [place],
            ),
            None if it.is_done() => {
                tally.fail(Fault("done"), format!("{name} is done in the state {state}"), [place]);
            }
            None => {}
        }
    }
}

/// Whether the state does not allow a call.
fn is_wrong(it: &Called<'_>) -> bool {
    match (it.call.name, it.kind(), it.state) {
        (_, _, State::Closed) => false,
        ("createAnswer", _, state) => !matches!(state, State::HaveRemoteOffer | State::HaveLocalPranswer),
        ("setRemoteDescription", Some(SdpType::Answer | SdpType::Pranswer), state) => {
            !matches!(state, State::HaveLocalOffer | State::HaveRemotePranswer)
        }
        ("setLocalDescription" | "setRemoteDescription", Some(SdpType::Rollback), state) => {
            state == State::Stable
        }
        _ => false,
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};
    use crate::evidence::Evidence;
    use peerproof_captures::timeline::Answer;
    use serde_json::{Value, json};

    fn ask(evidence: &mut Evidence) {
        events::add_rejected(evidence, "alice", "createAnswer", json!({}), "InvalidStateError");
    }

    /// Makes an answer without an offer.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, ask, |evidence| {
        *events::last_answer(evidence, "alice", "createAnswer") = Answer::Ok(Value::Null);
    })
    .and(&[Mutation::new(Recording::Descriptions, "not with InvalidStateError", |evidence| {
        events::reject_last(evidence, "alice", "createAnswer", "OperationError");
    })
    .prepared(ask)]);
}
