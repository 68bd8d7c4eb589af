//! webrtc-pc §4.4.1.4 and §4.4.2.1: a description is pending only during an exchange; the final answer makes it the
//! current one. What is reported is `localDescription` and `remoteDescription`: the pending one if there is one, else the
//! current one. While the state is `stable` the two are therefore an offer and its answer.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{SdpType, SignalingState as State};
use peerproof_captures::timeline::Answer;
use serde_json::Value;

pub(super) const CHECK: Check = Check {
    id: "signaling-pending-current-descriptions",
    layer: Layer::Sdp,
    subject: "snapshots of the descriptions",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for call in evidence.calls(peer).iter().filter(|call| call.name == "getState") {
        let Answer::Ok(snapshot) = call.answer else { continue };
        let Some(state) = read::<State>(snapshot.get("signaling")) else { continue };
        let stated = ["localDescription", "remoteDescription"].map(|name| snapshot.get(name));
        let [Some(local), Some(remote)] = stated else { continue };
        let of = |description: &Value| read::<SdpType>(description.get("type"));
        let (local, remote) = (of(local), of(remote));
        let Some(as_due) = is_due(state, local, remote) else { continue };
        tally.judge(Fault("descriptions-of-other-state"), as_due, Place::Entry(call.answered), || {
            let name = |kind: Option<SdpType>| kind.map_or("null", SdpType::as_str);
            format!(
                "in the state {state} localDescription is {}, remoteDescription {}",
                name(local),
                name(remote)
            )
        });
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Option<&Value>) -> Option<T> {
    serde_json::from_value(value?.clone()).ok()
}

/// Whether descriptions of those types may be there in a state; not reported of a closed connection.
fn is_due(state: State, local: Option<SdpType>, remote: Option<SdpType>) -> Option<bool> {
    use SdpType::{Answer, Offer, Pranswer};
    Some(match state {
        State::Stable => matches!(
            (local, remote),
            (None, None) | (Some(Offer), Some(Answer)) | (Some(Answer), Some(Offer))
        ),
        State::HaveLocalOffer => local == Some(Offer),
        State::HaveRemoteOffer => remote == Some(Offer),
        State::HaveLocalPranswer => (local, remote) == (Some(Pranswer), Some(Offer)),
        State::HaveRemotePranswer => (local, remote) == (Some(Offer), Some(Pranswer)),
        State::Closed => return None,
    })
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, events};

    /// Keeps an offer of the peer pending in `stable`: then that is its local description.
    pub(super) const CONTROL: Control = Control::new(Recording::Lost, |evidence| {
        events::edit_result(evidence, "bob", "getState", |snapshot| {
            assert_eq!(snapshot["signaling"], "stable");
            snapshot["localDescription"]["type"] = "offer".into();
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_stable_there_is_an_offer_and_its_answer_or_nothing() {
        use SdpType::{Answer, Offer};
        let stable = |local, remote| is_due(State::Stable, local, remote);
        assert_eq!(stable(None, None), Some(true));
        assert_eq!(stable(Some(Answer), Some(Offer)), Some(true));
        assert_eq!(stable(Some(Offer), Some(Offer)), Some(false));
        assert_eq!(stable(Some(Offer), None), Some(false));
        // A first exchange may have gone before: its current descriptions stay.
        assert_eq!(is_due(State::HaveLocalOffer, Some(Offer), Some(Answer)), Some(true));
        assert_eq!(is_due(State::HaveLocalOffer, Some(Answer), Some(Offer)), Some(false));
        assert_eq!(is_due(State::Closed, None, None), None);
    }
}
