//! RFC 8831 §6.6: text and binary messages have protocol identifiers of their own, and so do empty ones, which are a byte of zero.

use super::pieces::user_messages;
use super::sent_calls::{Sent, sent_on};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::sctp::PayloadProtocol;

pub(super) const CHECK: Check = Check {
    id: "dc-ppid-matches-payload-kind",
    layer: Layer::DataChannel,
    subject: "messages",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for (stream, messages) in user_messages(evidence, peer) {
        // Distinguished by their order; so only if as many were sent as came to be.
        let calls = sent_on(evidence, peer, stream).filter(|calls| calls.len() == messages.len());
        for (n, message) in messages.iter().enumerate() {
            let place = Place::Frame(message.first.packet.frame);
            let call = calls.as_ref().and_then(|calls| calls.get(n));
            match fault(message.protocol, &message.bytes(), call) {
                None => tally.pass(place),
                Some((fault, sentence)) => {
                    let entry = call.map(|call| Place::Entry(call.entry));
                    tally.fail(fault, sentence, [place].into_iter().chain(entry));
                }
            }
        }
    }
}

fn fault(protocol: PayloadProtocol, bytes: &[u8], call: Option<&Sent>) -> Option<(Fault, String)> {
    use PayloadProtocol as Protocol;
    let is_text = match protocol {
        Protocol::String | Protocol::StringEmpty => true,
        Protocol::Binary | Protocol::BinaryEmpty => false,
        other => {
            return Some((
                Fault("other-ppid"),
                format!("a message has the protocol identifier {}", other.raw()),
            ));
        }
    };
    if let Some(call) = call.filter(|call| call.is_text != is_text || (call.size == 0) != protocol.is_empty())
    {
        let kind = if call.is_text { "text" } else { "binary" };
        return Some((
            Fault("ppid-differs"),
            format!("a message of {} bytes of {kind} goes as {protocol}", call.size),
        ));
    }
    if protocol.is_empty() && bytes != [0] {
        return Some((
            Fault("empty-not-one-zero"),
            format!("an empty message has {} bytes, not one zero", bytes.len()),
        ));
    }
    if protocol == Protocol::String && std::str::from_utf8(bytes).is_err() {
        return Some((Fault("not-utf-8"), "a text message is not UTF-8".to_owned()));
    }
    None
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, sctp};
    use crate::evidence::Peer;

    /// Sends a text as binary.
    pub(super) const CONTROL: Control = Control::new(Recording::Negotiated, |evidence| {
        sctp::edit_data_of(evidence, Peer(0), |chunk| {
            if chunk[15] == 51 {
                chunk[15] = 53;
            }
        });
    })
    .and(&[
        Mutation::new(Recording::Negotiated, "has the protocol identifier 60", |evidence| {
            sctp::edit_data_of(evidence, Peer(0), |chunk| {
                if chunk[15] == 51 {
                    chunk[15] = 60;
                }
            });
        }),
        Mutation::new(Recording::Data, "an empty message has", |evidence| {
            sctp::edit_data_of(evidence, Peer(1), |chunk| {
                if chunk[15] == 51 {
                    chunk[15] = 56;
                }
            });
        })
        .also_breaks(&["sctp-ordered-and-unordered-delivery", "dc-empty-message-received"]),
        Mutation::new(Recording::Data, "a text message is not UTF-8", |evidence| {
            sctp::edit_data_of(evidence, Peer(1), |chunk| {
                if chunk[15] == 51 {
                    chunk[16] = 0xff;
                }
            });
        })
        .also_breaks(&["sctp-ordered-and-unordered-delivery"]),
    ]);
}
