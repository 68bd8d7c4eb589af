//! RFC 9260 §6.6: the messages of an ordered stream are delivered in the order of their numbers.

use super::received_messages::{Received, ordered};
use crate::api::message::Fingerprint;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::borrow::Cow;

pub(super) const CHECK: Check = Check {
    id: "sctp-ordered-and-unordered-delivery",
    layer: Layer::DataChannel,
    subject: "messages of ordered channels",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for Received { messages, events } in ordered(evidence, peer).into_values() {
        for (at, (message, (happened, stated))) in messages.iter().zip(&events).enumerate() {
            let Some(is_text) = message.protocol.is_text() else { continue };
            // The byte of an empty message is no part of it.
            let bytes = if message.protocol.is_empty() { Cow::default() } else { message.bytes() };
            let arrived = Fingerprint::of(&bytes, is_text);
            let same = arrived.is(&Fingerprint::received(stated));
            tally.judge(Fault("other-message"), same, Place::Entry(happened.entry), || {
                let (size, other) = (arrived.size, stated.size);
                format!("message {at} is of {size} bytes, and another, of {other}, is reported in its place")
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, events};
    use peerproof_captures::event::PeerEvent;

    /// Delivers another message.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        events::edit_each(evidence, "alice", |event| {
            if let PeerEvent::ChannelMessage { message, .. } = event {
                message.size = 5;
            }
        });
    });
}
