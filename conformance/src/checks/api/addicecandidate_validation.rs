//! webrtc-pc §4.4.2.2 (addIceCandidate): without a description of the other side a candidate is rejected with an InvalidStateError; one that
//! names no section with a TypeError.

use super::called::{Called, called};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SignalingState as State;

pub(super) const CHECK: Check = Check {
    id: "addicecandidate-validation",
    layer: Layer::Gathering,
    subject: "candidates that cannot be added",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for it in called(evidence, peer).iter().filter(|it| it.call.name == "addIceCandidate") {
        let Some((due, why)) = due(it) else { continue };
        let place = Place::Entry(it.call.answered);
        match it.error() {
            Some(error) if error == due => tally.pass(place),
            Some(error) => tally.warn(
                Fault("other-error"),
                format!("a candidate {why} is rejected with {error}, not with {due}"),
                [place],
            ),
            None if it.is_done() => {
                tally.fail(Fault("taken"), format!("a candidate {why} is taken"), [place]);
            }
            None => {}
        }
    }
}

/// The error with which a candidate has to be rejected, and what is wrong with it.
fn due(it: &Called<'_>) -> Option<(&'static str, &'static str)> {
    let candidate = it.call.args.get("candidate").filter(|it| it.is_object())?;
    let said = |name: &str| candidate.get(name).is_some_and(|it| !it.is_null());
    let text = candidate.get("candidate")?.as_str()?;
    if it.state == State::Closed {
        None
    } else if !text.is_empty() && !said("sdpMid") && !said("sdpMLineIndex") {
        Some(("TypeError", "of no section"))
    } else if !it.has_remote {
        Some(("InvalidStateError", "without a remote description"))
    } else {
        None
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};
    use crate::evidence::Evidence;
    use peerproof_captures::timeline::{Answer, What};
    use serde_json::{Value, json};

    fn early(evidence: &mut Evidence) {
        let candidate = json!({"candidate": {"candidate": "candidate:1 1 udp 1 192.0.2.7 9 typ host"}});
        events::add_rejected(evidence, "alice", "addIceCandidate", candidate, "TypeError");
    }

    /// Takes it.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, early, |evidence| {
        *events::last_answer(evidence, "alice", "addIceCandidate") = Answer::Ok(Value::Null);
    })
    .and(&[
        Mutation::new(Recording::Descriptions, "is rejected with OperationError", |evidence| {
            events::reject_last(evidence, "alice", "addIceCandidate", "OperationError");
        })
        .prepared(early),
        Mutation::new(Recording::Descriptions, "without a remote description is taken", |evidence| {
            *first_answer(evidence) = Answer::Ok(Value::Null);
        })
        .prepared(first),
    ]);

    /// The first of all calls is one of these.
    fn first(evidence: &mut Evidence) {
        let asked = evidence.timeline.iter_mut().find_map(|entry| match &mut entry.what {
            What::Command { peer, name, args, .. } if peer == "alice" => Some((name, args)),
            _ => None,
        });
        let (name, args) = asked.unwrap();
        *name = "addIceCandidate".to_owned();
        let text = "candidate:1 1 udp 1 192.0.2.7 9 typ host";
        *args = json!({"candidate": {"candidate": text, "sdpMid": "0"}});
        *first_answer(evidence) =
            Answer::Rejected { name: "InvalidStateError".to_owned(), message: String::new() };
    }

    fn first_answer(evidence: &mut Evidence) -> &mut Answer {
        let answers = evidence.timeline.iter_mut().filter_map(|entry| match &mut entry.what {
            What::Answer { peer, answer, .. } if peer == "alice" => Some(answer),
            _ => None,
        });
        answers.into_iter().next().unwrap()
    }
}
