//! RFC 8831 §6.6: a message with the protocol identifier of an empty string or an empty binary is empty, whatever its one byte is.

use super::received_messages::{Received, ordered};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "dc-empty-message-received",
    layer: Layer::DataChannel,
    subject: "empty messages that arrived",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for Received { messages, events } in ordered(evidence, peer).into_values() {
        for (message, (happened, stated)) in messages.iter().zip(&events) {
            if message.protocol.is_empty() {
                let place = Place::Entry(happened.entry);
                tally.judge(Fault("not-empty"), stated.size == 0, place, || {
                    format!("an empty message is reported as one of {} bytes", stated.size)
                });
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, events, sctp};
    use crate::evidence::{Evidence, Peer};
    use peerproof_captures::event::PeerEvent;

    /// All that Alice sends is empty.
    fn empty(evidence: &mut Evidence) {
        sctp::edit_each_of(evidence, Peer(0), sctp::DATA, |packet| {
            if packet[27] == 51 {
                packet.truncate(28);
                packet.extend([0, 0, 0, 0]);
                (packet[15], packet[27]) = (17, 56);
            }
        });
        events::edit_each(evidence, "bob", |event| {
            if let PeerEvent::ChannelMessage { message, .. } = event {
                (message.size, message.crc32, message.value) = (0, 0, Some(String::new()));
            }
        });
    }

    /// Reports the byte that the chunk has.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Restart, empty, |evidence| {
        events::edit_each(evidence, "bob", |event| {
            if let PeerEvent::ChannelMessage { message, .. } = event {
                message.size = 1;
            }
        });
    })
    .also_breaks(&["sctp-ordered-and-unordered-delivery"]);
}
