//! RFC 8489 §6.3.1.1: a response has the transaction of a request that came before it, and goes back where that came from.

use super::is_binding;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::Class;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "stun-response-matches-request",
    layer: Layer::Checks,
    subject: "STUN responses",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let (mut asked, mut ids) = (BTreeSet::new(), BTreeMap::new());
    for (packet, message) in evidence.wire.iter().flat_map(|wire| wire.stun(peer)) {
        let transaction = message.transaction.value;
        if packet.sender != peer {
            if is_binding(&message, Class::Request) {
                asked.insert((transaction, (packet.from, packet.to)));
                ids.insert(transaction, packet.knows_its_ends());
            }
        } else if is_binding(&message, Class::Success) || is_binding(&message, Class::Error) {
            let mirrored = asked.contains(&(transaction, (packet.to, packet.from)));
            let elsewhere = mirrored || ids.contains_key(&transaction);
            if !elsewhere && !evidence.whole {
                tally.inconclusive(
                    "the request may have come before the capture",
                    [Place::Frame(packet.frame)],
                );
                continue;
            }
            let known = packet.knows_its_ends() && ids.get(&transaction).is_none_or(|known| *known);
            if !mirrored && !known {
                tally.inconclusive("the allocation is not in the capture", [Place::Frame(packet.frame)]);
                continue;
            }
            tally.judge(Fault("no-such-request"), mirrored, Place::Frame(packet.frame), || match elsewhere {
                true => "a response takes another path than its request".to_owned(),
                false => "a response has a transaction that no request had".to_owned(),
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, stun};

    /// Flips a bit of the transaction of one response, and signs it again.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        stun::edit_response(evidence, |packet| packet[19] ^= 1);
    })
    .and(&[Mutation::new(Recording::Data, "takes another path", |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        packets.iter_mut().find(|it| it.bytes[..2] == [1, 1]).unwrap().to.set_port(9);
    })]);
}
