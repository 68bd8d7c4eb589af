//! webrtc-pc §4.3.2, §5.6: iceGatheringState goes new, gathering, complete, and back to gathering alone.

use crate::api::{is_rollback, rejects_all};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{IceGatheringState as State, PeerEvent};

pub(super) const CHECK: Check = Check {
    id: "gathering-state-sequence",
    layer: Layer::Gathering,
    subject: "changes of iceGatheringState",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let calls = evidence.calls(peer);
    let created = calls.iter().filter(|call| call.name == "createPeerConnection").count();
    if created > 1 {
        tally.inconclusive("the peer has several connections; their events cannot be distinguished", []);
        return;
    }
    // What a peer does on its own, without being asked, it reports.
    let acted = evidence.events(peer).into_iter().filter(|happened| {
        matches!(happened.event, PeerEvent::Acted { operation, .. } if operation.ends_with("Description"))
    });
    let stated = calls.iter().filter(|call| call.name.ends_with("Description"));
    let renegotiated = stated.count() + acted.count() > 2;
    let rolls_back = calls.iter().any(|call| is_rollback(call.args));
    // "new": one transport may have finished while another has not begun, and none gathers (§4.3.2).
    let has_several = evidence.made_by(peer).any(|made| made.sdp.media().len() > 1);
    let mut before = State::New;
    for happened in evidence.events(peer) {
        let PeerEvent::IceGatheringStateChange { state } = *happened.event else { continue };
        let place = Place::Entry(happened.entry);
        let allowed = matches!(
            (before, state),
            (State::New | State::Complete, State::Gathering) | (State::Gathering, State::Complete)
        );
        if state == State::New && rejects_all(&evidence.timeline, evidence.name(peer), happened.entry) {
            // The answer rejects every section, and without a transport the state is new.
            tally.pass(place);
        } else if state == State::New
            && (renegotiated || rolls_back || before == State::Gathering && has_several)
        {
            // A rollback takes transports away, and another media section may bring one that is new.
            tally.inconclusive(
                format!("iceGatheringState went from {before} to new: a transport may not have begun"),
                [place],
            );
        } else {
            tally.judge(Fault("order-of-states"), allowed, place, || {
                format!("iceGatheringState went from {before} to {state}")
            });
        }
        before = state;
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, events};
    use peerproof_captures::event::{IceGatheringState, PeerEvent};

    /// Inserts a transition from complete to new.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let complete = PeerEvent::IceGatheringStateChange { state: IceGatheringState::Complete };
        let at = events::find(evidence, "bob", |event| *event == complete);
        events::insert_after(
            evidence,
            at,
            PeerEvent::IceGatheringStateChange { state: IceGatheringState::New },
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::checks::controls::{Recording, events};
    use peerproof_captures::timeline::{Entry, What};

    /// Its transports are gone, and without any the state is new (webrtc-pc §4.3.2).
    #[test]
    fn a_rollback_makes_the_state_new() {
        let result = |kind: &str| {
            let mut evidence = Recording::Descriptions.evidence();
            // The negotiation that follows in the recording would excuse it too.
            let is_set = |what: &What| matches!(what, What::Command { peer, name, .. } if peer == "bob" && name.ends_with("Description"));
            evidence.timeline.retain(|entry| !is_set(&entry.what));
            let complete = PeerEvent::IceGatheringStateChange { state: State::Complete };
            let at = events::find(&evidence, "bob", |event| *event == complete);
            events::insert_after(&mut evidence, at, PeerEvent::IceGatheringStateChange { state: State::New });
            events::add_call(
                &mut evidence,
                "bob",
                "setLocalDescription",
                serde_json::json!({"description": {"type": kind, "sdp": ""}}),
            );
            CHECK.run(&evidence)[1].result
        };
        assert_eq!(["offer", "rollback"].map(result), [Status::Fail, Status::Inconclusive]);
    }

    /// Its only transport is discarded (webrtc-pc §4.3.2).
    #[test]
    fn an_answer_that_rejects_every_section_makes_the_state_new() {
        use crate::checks::controls::events::{evidence, stated};
        use serde_json::json;
        let answered = |port: u16| {
            let state = |seq, state: &str| stated(seq, "icegatheringstatechange", json!({"state": state}));
            let sdp = format!("v=0\r\nm=video {port} UDP/TLS/RTP/SAVPF 96\r\n");
            let args = json!({"description": {"type": "answer", "sdp": sdp}});
            let set =
                json!({"command": {"peer": "alice", "id": 1, "name": "setRemoteDescription", "args": args}});
            let all = [state(0, "gathering"), state(1, "complete"), set, state(2, "new")];
            CHECK.run(&evidence(all))[0].result
        };
        assert_eq!([0, 9].map(answered), [Status::Pass, Status::Fail]);
    }

    #[test]
    fn a_peer_that_rolls_back_on_its_own_may_begin_again() {
        let events = [
            r#"{"event":"icegatheringstatechange","data":{"state":"gathering"}}"#,
            r#"{"event":"icegatheringstatechange","data":{"state":"new"}}"#,
        ];
        let acted = r#"{"event":"acted","data":{"operation":"setLocalDescription"}}"#;
        for (acts, result) in [(0, Status::Fail), (3, Status::Inconclusive)] {
            let all = std::iter::repeat_n(acted, acts).chain(events);
            let timeline = all.enumerate().map(|(n, event)| {
                let what = What::Event {
                    peer: "bob".to_owned(),
                    seq: n as u64,
                    event: serde_json::from_str(event).unwrap(),
                };
                Entry { n: n as u64, t_us: n as u64, what }
            });
            let evidence = Evidence::new(vec!["bob".to_owned()], timeline.collect(), None);
            assert_eq!(CHECK.run(&evidence)[0].result, result);
        }
    }
}
