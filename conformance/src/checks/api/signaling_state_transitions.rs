//! webrtc-pc §4.3.1, RFC 9429 §3.2: signalingState follows the descriptions that are set, with one event for each change.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{PeerEvent, SdpType, SignalingState as State};
use peerproof_captures::timeline::Answer;
use serde_json::Value;

pub(super) const CHECK: Check = Check {
    id: "signaling-state-transitions",
    layer: Layer::Sdp,
    subject: "changes of signalingState",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let calls = evidence.calls(peer);
    let created = calls.iter().filter(|call| call.name == "createPeerConnection").count();
    let observed: Vec<_> = evidence
        .events(peer)
        .into_iter()
        .filter_map(|happened| match happened.event {
            PeerEvent::SignalingStateChange { state } => Some((*state, Place::Entry(happened.entry))),
            _ => None,
        })
        .collect();
    if created > 1 {
        tally.inconclusive("the peer has several connections; their events cannot be distinguished", []);
        return;
    }
    let (mut state, mut expected) = (State::Stable, Vec::new());
    for call in &calls {
        let local = match call.name {
            "setLocalDescription" => true,
            "setRemoteDescription" => false,
            _ => continue,
        };
        let Answer::Ok(result) = call.answer else { continue };
        let Some(kind) = kind(&call.args["description"]).or_else(|| kind(result)) else {
            tally.inconclusive("a description of unknown type was set", [Place::Entry(call.entry)]);
            return;
        };
        for next in transitions(state, local, kind) {
            expected.push((next, Place::Entry(call.answered)));
            state = next;
        }
    }
    if expected.is_empty() {
        tally.not_applicable("no description was set by a command");
        return;
    }
    let mut steps = expected.iter();
    for (seen, place) in &observed {
        match steps.next() {
            Some((state, _)) if state == seen => tally.pass(*place),
            Some((state, call)) => {
                tally.fail(
                    Fault("other-state-than-due"),
                    format!("signalingState became {seen} where {state} is due"),
                    [*place, *call],
                );
                return;
            }
            // Where a connection is closed without an event, or with one that the standard does not have, is not reported here.
            None if *seen == State::Closed => {}
            None if evidence.awaits_result(peer, &["setLocalDescription", "setRemoteDescription"]) => {
                tally.inconclusive(
                    "the recording ends before the result of a description that was set",
                    [*place],
                );
                return;
            }
            None => {
                tally.fail(
                    Fault("state-without-description"),
                    format!("signalingState became {seen} without a description being set"),
                    [*place],
                );
                return;
            }
        }
    }
    if let Some((state, call)) = steps.next() {
        tally.inconclusive(format!("the recording ends before the event for {state}"), [*call]);
    }
}

/// The type of a description.
pub(super) fn kind(description: &Value) -> Option<SdpType> {
    serde_json::from_value(description.get("type")?.clone()).ok()
}

/// The states that setting a description leads through.
pub(super) fn transitions(from: State, local: bool, kind: SdpType) -> Vec<State> {
    let to = match (kind, local) {
        (SdpType::Offer, true) => State::HaveLocalOffer,
        (SdpType::Offer, false) => State::HaveRemoteOffer,
        (SdpType::Pranswer, true) => State::HaveLocalPranswer,
        (SdpType::Pranswer, false) => State::HaveRemotePranswer,
        (SdpType::Answer | SdpType::Rollback, _) => State::Stable,
    };
    // An offer that meets one of the other side rolls that back first (RFC 9429 §4.1.8.2).
    let implicit = matches!(
        (from, to),
        (State::HaveLocalOffer, State::HaveRemoteOffer) | (State::HaveRemoteOffer, State::HaveLocalOffer)
    );
    let rolled_back = implicit.then_some(State::Stable);
    rolled_back.into_iter().chain((from != to).then_some(to)).collect()
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};
    use peerproof_captures::event::{PeerEvent, SignalingState};

    /// Reports `stable` after the offer was set.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let offer = PeerEvent::SignalingStateChange { state: SignalingState::HaveRemoteOffer };
        let at = events::find(evidence, "bob", |event| *event == offer);
        *events::event(evidence, at) = PeerEvent::SignalingStateChange { state: SignalingState::Stable };
    })
    .also_breaks(&["signaling-event-order"])
    .and(&[Mutation::new(Recording::Descriptions, "without a description being set", |evidence| {
        events::push(
            evidence,
            "bob",
            PeerEvent::SignalingStateChange { state: SignalingState::HaveLocalOffer },
        );
    })]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::checks::controls::{Recording, events};
    use peerproof_captures::timeline::{Entry, What};

    #[test]
    fn a_description_whose_result_is_not_recorded_may_have_been_set() {
        let judged = |is_asked: bool| {
            let mut evidence = Recording::Descriptions.evidence();
            if is_asked {
                let last = evidence.timeline.last().unwrap();
                let (peer, name) = ("bob".to_owned(), "setLocalDescription".to_owned());
                let what = What::Command { peer, id: 1_000, name, args: Value::Null };
                let entry = Entry { n: last.n + 1, t_us: last.t_us, what };
                evidence.timeline.push(entry);
            }
            events::push(
                &mut evidence,
                "bob",
                PeerEvent::SignalingStateChange { state: State::HaveLocalOffer },
            );
            let mut tally = Tally::default();
            evaluate(&evidence, Peer(1), &mut tally);
            tally.finish(&CHECK, "bob", true).result
        };
        assert_eq!(judged(false), Status::Fail);
        assert_eq!(judged(true), Status::Inconclusive);
    }
}
