//! RFC 8831 §6.6: each message of the application is one user message of SCTP, as it is, in the order of the calls.

use super::pieces::{reads_all_sent_by, user_messages};
use super::sent_calls::sent_on;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "dc-one-application-message-per-sctp-message",
    layer: Layer::DataChannel,
    subject: "messages",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let complete = reads_all_sent_by(evidence, peer);
    for (stream, messages) in user_messages(evidence, peer) {
        let Some(calls) = sent_on(evidence, peer, stream) else { continue };
        for (message, call) in messages.iter().zip(&calls) {
            let place = Place::Frame(message.first.packet.frame);
            // An empty message is one byte (§6.6).
            let bytes = message.bytes();
            let size = if message.protocol.is_empty() { 0 } else { bytes.len() as u64 };
            let same = size == call.size && call.bytes.as_ref().is_none_or(|it| size == 0 || **it == *bytes);
            if same {
                tally.pass(place);
            } else if complete {
                tally.fail(
                    Fault("size-differs"),
                    format!("a message of {size} bytes goes where one of {} was sent", call.size),
                    [place, Place::Entry(call.entry)],
                );
            } else {
                tally.inconclusive("messages may have been lost before the recording", [place]);
            }
        }
        if let (true, Some(more)) = (complete, messages.get(calls.len())) {
            tally.fail(
                Fault("more-messages-than-sent"),
                format!("{} messages go on stream {stream}, {} were sent", messages.len(), calls.len()),
                [Place::Frame(more.first.packet.frame)],
            );
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, sctp};
    use crate::evidence::Peer;

    /// Sends another, longer message than the application did: the only one, so that there are no two to be joined.
    pub(super) const CONTROL: Control = Control::new(Recording::Negotiated, |evidence| {
        sctp::replace_first_message(evidence, Peer(0), 51, b"from alicefrom alice");
    })
    .and(&[Mutation::new(Recording::Negotiated, "messages go on stream", |evidence| {
        sctp::repeat_last(evidence, Peer(0));
    })]);
}
