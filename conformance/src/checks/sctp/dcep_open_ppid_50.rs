//! RFC 8832 §5: messages of DCEP go with payload protocol identifier 50, and what goes with it is a well-formed OPEN or ACK,
//! sent in order.

use super::data;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dcep::{self, Message};
use peerproof_captures::wire::sctp::PayloadProtocol;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "dcep-open-ppid-50",
    layer: Layer::DataChannel,
    subject: "messages of DCEP",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut used: BTreeSet<u16> = BTreeSet::new();
    for piece in data(evidence, peer) {
        let first_on_stream = used.insert(piece.stream);
        // The later pieces of I-DATA do not say what they are.
        let Some(protocol) = piece.protocol.filter(|_| piece.packet.sender == peer) else { continue };
        let place = Place::Frame(piece.packet.frame);
        let whole = piece.is_beginning && piece.is_ending;
        let message = dcep::view(piece.data);
        match protocol {
            PayloadProtocol::Dcep if piece.is_unordered => {
                let is_ack = matches!(message, Ok(Message::Ack));
                let fault = if is_ack { Fault("ack-unordered") } else { Fault("unordered") };
                tally.fail(fault, "a message of DCEP is unordered", [place]);
            }
            PayloadProtocol::Dcep if !whole => {
                tally.inconclusive("a message of DCEP comes in pieces", [place]);
            }
            PayloadProtocol::Dcep => match message {
                Ok(Message::Open(open)) => {
                    let length = 12 + open.label.value.len() + open.protocol.value.len();
                    tally.judge(Fault("lengths-differ"), length == piece.data.len(), place, || {
                        format!("an OPEN has {} bytes, its lengths add up to {length}", piece.data.len())
                    });
                }
                Ok(Message::Ack) => tally.pass(place),
                Ok(Message::Unknown(kind, _)) => {
                    tally.fail(
                        Fault("unknown-type"),
                        format!("a message of DCEP has the type {:#04x}", kind.value.raw()),
                        [place],
                    );
                }
                Err(stop) => {
                    tally.fail(
                        Fault("malformed"),
                        format!("a message of DCEP is malformed: {stop}"),
                        [place],
                    );
                }
            },
            other if first_on_stream && whole && opens(piece.data) => {
                tally.fail(
                    Fault("other-ppid"),
                    format!("an OPEN goes with payload protocol identifier {}, not 50", other.raw()),
                    [place],
                );
            }
            _ => {}
        }
    }
}

/// Whether bytes are an OPEN, to the last one.
pub(super) fn opens(bytes: &[u8]) -> bool {
    match dcep::view(bytes) {
        Ok(Message::Open(open)) => 12 + open.label.value.len() + open.protocol.value.len() == bytes.len(),
        _ => false,
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, sctp};

    /// Sends the OPEN as a string.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        sctp::edit_dcep(evidence, sctp::OPEN, |chunk| chunk[15] = 51);
    })
    .and(&[
        Mutation::new(Recording::Data, "a message of DCEP is unordered", |evidence| {
            sctp::edit_dcep(evidence, sctp::OPEN, |chunk| chunk[1] |= 4);
        })
        .also_breaks(&["sctp-tsn-ssn-progression"]),
        Mutation::new(Recording::Data, "its lengths add up to", |evidence| {
            sctp::edit_dcep(evidence, sctp::OPEN, |chunk| chunk[25] -= 1);
        })
        .also_breaks(&["dcep-open-reflects-options", "dc-remote-channel-announced-correctly"]),
        Mutation::new(Recording::Data, "has the type 0x07", |evidence| {
            sctp::edit_dcep(evidence, sctp::ACK, |chunk| chunk[16] = 7);
        }),
        Mutation::new(Recording::Data, "a message of DCEP is malformed", |evidence| {
            sctp::edit_dcep(evidence, sctp::OPEN, |chunk| chunk[24] = 0xff);
        }),
    ]);
}
