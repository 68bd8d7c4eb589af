//! RFC 8489 §14.2, RFC 8445 §7.3.1.2: XOR-MAPPED-ADDRESS of a response is the address that the request came from.

use super::is_binding;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::{AttributeType, Class};

pub(super) const CHECK: Check = Check {
    id: "stun-xor-mapped-address-correct",
    layer: Layer::Checks,
    subject: "STUN success responses",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(wire) = &evidence.wire else { return };
    let own_tap = wire.is_tapped(peer);
    let mut asked = Vec::new();
    for (packet, message) in wire.stun(peer) {
        let transaction = message.transaction.value;
        if packet.sender != peer && is_binding(&message, Class::Request) {
            asked.push((transaction, packet.from, packet.knows_its_ends()));
        }
        if packet.sender != peer || !is_binding(&message, Class::Success) {
            continue;
        }
        let place = Place::Frame(packet.frame);
        let Some((_, source, known)) = asked.iter().rev().find(|(id, ..)| *id == transaction) else {
            continue;
        };
        if !known || !packet.knows_its_ends() {
            tally.inconclusive("the allocation is not in the capture", [place]);
            continue;
        }
        if !own_tap {
            tally.inconclusive(
                "the responder's own tap was not recorded: an address may have been translated before it",
                [place],
            );
            continue;
        }
        match message.address(AttributeType::XorMappedAddress) {
            Some(stated) => tally.judge(Fault("other-address"), stated.value == *source, place, || {
                format!("XOR-MAPPED-ADDRESS is {}, but the request came from {source}", stated.value)
            }),
            None => tally.fail(Fault("no-address"), "a success response has no XOR-MAPPED-ADDRESS", [place]),
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, stun};

    /// Changes the port of one response by one, and signs it again.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        stun::edit_success_of_tapped(evidence, |attributes| {
            let (_, address) = attributes.iter_mut().find(|(kind, _)| *kind == 0x0020).unwrap();
            address[3] ^= 1;
        });
    })
    .and(&[Mutation::new(Recording::Data, "has no XOR-MAPPED-ADDRESS", |evidence| {
        stun::edit_success_of_tapped(evidence, |attributes| attributes.retain(|(kind, _)| *kind != 0x0020));
    })]);
}
