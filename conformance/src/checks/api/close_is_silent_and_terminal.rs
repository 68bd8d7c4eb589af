//! webrtc-pc §4.4.2.2 (close): no event says that the connection is closed, and what is called afterwards is rejected with an
//! InvalidStateError.

use super::called::called;
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{PeerEvent, SignalingState as State};

pub(super) const CHECK: Check = Check {
    id: "close-is-silent-and-terminal",
    layer: Layer::Sdp,
    subject: "what follows close",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Operations that begin with "if the connection is closed".
const OPERATIONS: [&str; 8] = [
    "createOffer",
    "createAnswer",
    "createDataChannel",
    "setLocalDescription",
    "setRemoteDescription",
    "addTrack",
    "addTransceiver",
    "removeTrack",
];

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let all = called(evidence, peer);
    let Some(close) = all.iter().find(|it| it.call.name == "close" && it.is_done()) else { return };
    let closed = Place::Entry(close.call.answered);
    let mut silent = true;
    for happened in evidence.events(peer).iter().filter(|it| it.entry > close.call.entry) {
        let what = match happened.event {
            PeerEvent::SignalingStateChange { .. } => "signalingstatechange",
            PeerEvent::ConnectionStateChange { .. } => "connectionstatechange",
            PeerEvent::IceConnectionStateChange { .. } => "iceconnectionstatechange",
            PeerEvent::IceGatheringStateChange { .. } => "icegatheringstatechange",
            _ => continue,
        };
        // What happened before may be reported only afterwards.
        if let Some(off) = Off::late(close.call.answered_us, 0, happened.t_us) {
            silent = false;
            let off = off.by_clock_of(evidence, peer);
            let text = format!("{what} is fired after close");
            tally.off(
                Fault("event-after-close"),
                evidence,
                off,
                text,
                [Place::Entry(happened.entry), closed],
            );
        }
    }
    if silent {
        tally.pass(closed);
    }
    for it in all.iter().filter(|it| it.state == State::Closed && OPERATIONS.contains(&it.call.name)) {
        let (name, place) = (it.call.name, Place::Entry(it.call.answered));
        match it.error() {
            Some("InvalidStateError") => tally.pass(place),
            Some(error) => tally.warn(
                Fault("other-error"),
                format!("{name} after close is rejected with {error}, not with InvalidStateError"),
                [place, closed],
            ),
            None if it.is_done() => {
                tally.fail(Fault("done"), format!("{name} is done after close"), [place, closed]);
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};
    use crate::evidence::Evidence;
    use peerproof_captures::event::{ConnectionState, PeerEvent};
    use peerproof_captures::timeline::Answer;
    use serde_json::{Value, json};

    fn close(evidence: &mut Evidence) {
        events::add_call(evidence, "bob", "close", json!({}));
        events::add_rejected(evidence, "bob", "createOffer", json!({}), "InvalidStateError");
    }

    /// Makes an offer nevertheless.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Descriptions, close, |evidence| {
        *events::last_answer(evidence, "bob", "createOffer") = Answer::Ok(Value::Null);
    })
    .and(&[
        Mutation::new(Recording::Descriptions, "not with InvalidStateError", |evidence| {
            events::reject_last(evidence, "bob", "createOffer", "TypeError");
        })
        .prepared(close),
        Mutation::new(Recording::Descriptions, "connectionstatechange is fired after close", |evidence| {
            let state = ConnectionState::Closed;
            events::push(evidence, "bob", PeerEvent::ConnectionStateChange { state });
            evidence.timeline.last_mut().unwrap().t_us += 1_000_000;
        })
        .prepared(close),
    ]);
}
