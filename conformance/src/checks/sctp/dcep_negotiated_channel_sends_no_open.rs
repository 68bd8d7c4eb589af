//! webrtc-pc §6.2.3: a channel that the application negotiated uses the id that it gave, without DCEP and without an event.

use super::pieces::first_sent;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::Answer;
use peerproof_captures::wire::sctp::PayloadProtocol;
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "dcep-negotiated-channel-sends-no-open",
    layer: Layer::DataChannel,
    subject: "messages on negotiated channels",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let calls = evidence.calls(peer);
    let negotiated: BTreeSet<u64> = calls
        .iter()
        .filter(|call| call.name == "createDataChannel" && matches!(call.answer, Answer::Ok(_)))
        .filter(|call| call.args.get("negotiated").and_then(Value::as_bool) == Some(true))
        .filter_map(|call| call.args.get("id").and_then(Value::as_u64))
        .collect();
    if negotiated.is_empty() {
        return;
    }
    for piece in first_sent(evidence, peer).values().filter(|it| negotiated.contains(&it.stream.into())) {
        let dcep = piece.protocol == Some(PayloadProtocol::Dcep);
        tally.judge(Fault("dcep-on-negotiated-stream"), !dcep, Place::Frame(piece.packet.frame), || {
            format!("a message of DCEP is sent on the negotiated stream {}", piece.stream)
        });
    }
    for happened in evidence.events(peer) {
        let PeerEvent::DataChannel { channel } = happened.event else { continue };
        if channel.id.is_some_and(|id| negotiated.contains(&id.into())) {
            tally.fail(
                Fault("event-of-negotiated-channel"),
                format!("a datachannel event fires for the negotiated channel {:?}", channel.label),
                [Place::Entry(happened.entry)],
            );
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events, sctp};
    use crate::evidence::Peer;
    use peerproof_captures::event::PeerEvent;

    /// Makes the first message an ACK, which is what DCEP may send on a stream of either parity.
    pub(super) const CONTROL: Control = Control::new(Recording::Negotiated, |evidence| {
        sctp::replace_first_message(evidence, Peer(0), 50, &[2]);
    })
    .and(&[Mutation::new(
        Recording::Negotiated,
        "a datachannel event fires for the negotiated channel",
        |evidence| {
            let open =
                events::find(evidence, "alice", |event| matches!(event, PeerEvent::ChannelOpen { .. }));
            let PeerEvent::ChannelOpen { channel } = events::event(evidence, open).clone() else {
                unreachable!()
            };
            events::push(evidence, "alice", PeerEvent::DataChannel { channel });
        },
    )]);
}
