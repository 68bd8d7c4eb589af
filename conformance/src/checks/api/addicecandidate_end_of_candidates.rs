//! webrtc-pc §4.4.2.2 (addIceCandidate): null and a candidate that is empty say that no more will come; both are taken.

use super::called::called;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SignalingState as State;
use serde_json::Value;

pub(super) const CHECK: Check = Check {
    id: "addicecandidate-end-of-candidates",
    layer: Layer::Gathering,
    subject: "ends of candidates",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for it in called(evidence, peer) {
        let ends = it.call.name == "addIceCandidate" && ends(&it.call.args["candidate"]);
        if !ends || !it.has_remote || it.state == State::Closed {
            continue;
        }
        let place = Place::Entry(it.call.answered);
        match it.error() {
            None if it.is_done() => tally.pass(place),
            None => {}
            // One of a section or a generation that is no longer there may be rejected.
            Some(_) if names_a_section(&it.call.args["candidate"]) => {}
            Some(error) => {
                tally.fail(
                    Fault("refused"),
                    format!("the end of candidates is rejected with {error}"),
                    [place],
                );
            }
        }
    }
}

fn names_a_section(candidate: &Value) -> bool {
    ["sdpMid", "sdpMLineIndex", "usernameFragment"]
        .iter()
        .any(|name| candidate.get(name).is_some_and(|it| !it.is_null()))
}

/// Whether a candidate says that there are no more.
fn ends(candidate: &Value) -> bool {
    candidate.is_null() || candidate.get("candidate").is_some_and(|it| it.as_str() == Some(""))
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, events};

    /// Rejects it.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        events::reject_last(evidence, "bob", "addIceCandidate", "OperationError");
    });
}
