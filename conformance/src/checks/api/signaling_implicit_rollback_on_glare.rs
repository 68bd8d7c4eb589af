//! webrtc-pc §4.4.2.2 (setRemoteDescription): an offer of the other side that comes while one's own is pending rolls that back and is taken.

use super::called::called;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{PeerEvent, SdpType, SignalingState as State};

pub(super) const CHECK: Check = Check {
    id: "signaling-implicit-rollback-on-glare",
    layer: Layer::Sdp,
    subject: "offers that meet an offer",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

const OPERATION: &str = "setRemoteDescription";

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for it in called(evidence, peer) {
        let meets = it.state == State::HaveLocalOffer && it.kind() == Some(SdpType::Offer);
        if it.call.name != OPERATION || !meets {
            continue;
        }
        let place = Place::Entry(it.call.answered);
        match it.error() {
            None if it.is_done() => tally.pass(place),
            None => {}
            // What is wrong with the offer itself is rejected otherwise.
            Some("InvalidStateError") => {
                tally.fail(Fault("refused"), "an offer that meets an offer is rejected", [place]);
            }
            Some(error) => {
                tally.inconclusive(format!("an offer that meets an offer is rejected with {error}"), [place]);
            }
        }
    }
    // The states show what a peer does by itself.
    let (mut state, mut before) = (State::Stable, State::Stable);
    let acts = evidence.calls(peer).iter().any(|call| call.name == "join");
    for happened in evidence.events(peer).into_iter().filter(|_| acts) {
        let PeerEvent::SignalingStateChange { state: now } = happened.event else { continue };
        let met = match now {
            State::HaveRemoteOffer if state == State::HaveLocalOffer => true,
            State::HaveRemoteOffer => state == State::Stable && before == State::HaveLocalOffer,
            _ => false,
        };
        if met && answered_between(evidence, peer, happened.entry) {
            tally.pass(Place::Entry(happened.entry));
        }
        (before, state) = (state, *now);
    }
}

/// Whether no answer ended the peer's own offer before an entry: then it was rolled back.
fn answered_between(evidence: &Evidence, peer: Peer, entry: u64) -> bool {
    let mut own = evidence.exchanges().into_iter().filter(|it| it.offer.by == peer);
    let last = evidence.made_by(peer).filter(|it| it.kind == SdpType::Offer && it.entry < entry).last();
    last.is_some_and(|offer| !own.any(|it| it.offer.entry == offer.entry && it.answer.entry < entry))
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, events};
    use crate::evidence::Evidence;
    use serde_json::json;

    /// As if each offerer had met an offer of the other side.
    fn meet(evidence: &mut Evidence) {
        let offer = json!({"description": {"type": "offer", "sdp": ""}});
        events::add_call(evidence, "alice", "setLocalDescription", offer.clone());
        events::add_call(evidence, "alice", "setRemoteDescription", offer);
    }

    /// Refuses the other's.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, meet, |evidence| {
        events::reject_last(evidence, "alice", "setRemoteDescription", "InvalidStateError");
    });
}
