//! webrtc-pc §4.4.1.4: setting a description fires signalingstatechange first, then track.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{PeerEvent, SignalingState as State};

pub(super) const CHECK: Check = Check {
    id: "signaling-event-order",
    layer: Layer::Sdp,
    subject: "track events",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if evidence.calls(peer).iter().filter(|call| call.name == "createPeerConnection").count() > 1 {
        tally.inconclusive("the peer has several connections; their events cannot be distinguished", []);
        return;
    }
    let (mut state, mut before) = (State::Stable, State::Stable);
    for happened in evidence.events(peer) {
        match happened.event {
            PeerEvent::SignalingStateChange { state: now } => (before, state) = (state, *now),
            PeerEvent::Track { mid, .. } => {
                let remote = match state {
                    State::HaveRemoteOffer | State::HaveRemotePranswer => true,
                    State::Stable => matches!(before, State::HaveLocalOffer | State::HaveRemotePranswer),
                    _ => false,
                };
                let mid = mid.as_deref().unwrap_or_default();
                tally.judge(Fault("track-before-state"), remote, Place::Entry(happened.entry), || {
                    format!("the track event of section {mid:?} comes in {state} after {before}")
                });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, events};
    use peerproof_captures::event::{PeerEvent, SignalingState};

    /// Reports the track before the state.
    pub(super) const CONTROL: Control = Control::new(Recording::Call, |evidence| {
        let offer = PeerEvent::SignalingStateChange { state: SignalingState::HaveRemoteOffer };
        let state = events::find(evidence, "bob", |event| *event == offer);
        let track = events::find(evidence, "bob", |event| matches!(event, PeerEvent::Track { .. }));
        events::swap(evidence, state, track);
    });
}
