//! webrtc-pc §6.1 (createDataChannel): with both maxPacketLifeTime and maxRetransmits the call throws a TypeError.

use super::called::called;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SignalingState as State;

pub(super) const CHECK: Check = Check {
    id: "dc-both-limits-refused",
    layer: Layer::DataChannel,
    subject: "channels with two limits",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

const LIMITS: [&str; 2] = ["maxPacketLifeTime", "maxRetransmits"];

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for it in called(evidence, peer).iter().filter(|it| it.call.name == "createDataChannel") {
        let both = LIMITS.iter().all(|limit| it.call.args.get(limit).is_some_and(|it| !it.is_null()));
        if !both || it.state == State::Closed {
            continue;
        }
        let place = Place::Entry(it.call.answered);
        match it.error() {
            Some("TypeError") => tally.pass(place),
            Some(error) => tally.warn(
                Fault("other-error"),
                format!("a channel with two limits is refused with {error}, not with TypeError"),
                [place],
            ),
            None if it.is_done() => tally.fail(Fault("made"), "a channel with two limits is made", [place]),
            None => {}
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};
    use crate::evidence::Evidence;
    use peerproof_captures::timeline::Answer;
    use serde_json::{Value, json};

    fn ask(evidence: &mut Evidence) {
        let args = json!({"label": "both", "maxRetransmits": 1, "maxPacketLifeTime": 1});
        events::add_rejected(evidence, "alice", "createDataChannel", args, "TypeError");
    }

    /// Makes it.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, ask, |evidence| {
        *events::last_answer(evidence, "alice", "createDataChannel") = Answer::Ok(Value::Null);
    })
    .and(&[Mutation::new(Recording::Descriptions, "not with TypeError", |evidence| {
        events::reject_last(evidence, "alice", "createDataChannel", "OperationError");
    })
    .prepared(ask)]);
}
