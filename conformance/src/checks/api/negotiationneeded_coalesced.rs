//! webrtc-pc §4.7.3: negotiationneeded fires in the state stable alone, and not again before a negotiation ended.

use super::signaling_state_transitions::kind;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Call, Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{PeerEvent, SdpType, SignalingState as State};

pub(super) const CHECK: Check = Check {
    id: "negotiationneeded-coalesced",
    layer: Layer::Sdp,
    subject: "negotiationneeded events",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Operations after which a negotiation may no longer be needed, so that it can become so again.
const UNDO: [&str; 3] = ["removeTrack", "stopTransceiver", "setDirection"];
/// What ends a negotiation.
const ENDS: [Option<SdpType>; 2] = [Some(SdpType::Answer), Some(SdpType::Rollback)];

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let calls = evidence.calls(peer);
    if calls.iter().filter(|call| call.name == "createPeerConnection").count() > 1 {
        tally.inconclusive("the peer has several connections; their events cannot be distinguished", []);
        return;
    }
    let undone = calls.iter().any(|call| UNDO.contains(&call.name));
    let acts = calls.iter().any(|call| call.name == "join");
    let (mut state, mut since, mut pending) = (State::Stable, 0, None);
    for happened in evidence.events(peer) {
        let place = Place::Entry(happened.entry);
        match happened.event {
            PeerEvent::SignalingStateChange { state: now } => {
                (state, since) = (*now, happened.entry);
                pending = pending.filter(|_| state != State::Stable);
            }
            PeerEvent::NegotiationNeeded => {
                let before = pending.replace(place).filter(|_| !undone);
                // The state may be stable already: its event comes by another task.
                let ends = |call: &Call<'_>| {
                    (since..happened.entry).contains(&call.entry)
                        && ENDS.contains(&kind(&call.args["description"]))
                };
                if state != State::Stable && (acts || calls.iter().any(ends)) {
                    tally.inconclusive("it fires while the state becomes stable", [place]);
                } else if state != State::Stable {
                    tally.fail(
                        Fault("not-stable"),
                        format!("negotiationneeded fires in the state {state}"),
                        [place],
                    );
                } else if let Some(before) = before {
                    tally.fail(
                        Fault("again"),
                        "negotiationneeded fires again before a negotiation has ended",
                        [place, before],
                    );
                } else {
                    tally.pass(place);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};
    use peerproof_captures::event::{PeerEvent, SignalingState};

    /// Fires it after the offer was set.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let offer = PeerEvent::SignalingStateChange { state: SignalingState::HaveLocalOffer };
        let state = events::find(evidence, "alice", |event| *event == offer);
        let needed = events::find(evidence, "alice", |event| *event == PeerEvent::NegotiationNeeded);
        events::swap(evidence, state, needed);
    })
    .and(&[Mutation::new(Recording::Descriptions, "fires again before", |evidence| {
        let needed = events::find(evidence, "alice", |event| *event == PeerEvent::NegotiationNeeded);
        events::insert_after(evidence, needed, PeerEvent::NegotiationNeeded);
    })]);
}
