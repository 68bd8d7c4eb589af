//! RFC 8489 §6.3.1.1: a response has the transaction of a request that came before it, and goes back where that came from.

use super::is_binding;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::Class;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "stun-response-matches-request",
    layer: Layer::Checks,
    subject: "STUN responses",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    // Of packets of one time the order in the capture says nothing.
    let (mut asked, mut ids) = (BTreeMap::new(), BTreeMap::new());
    let all = || evidence.wire.iter().flat_map(|wire| wire.stun(peer));
    for (packet, message) in
        all().filter(|(packet, message)| packet.sender != peer && is_binding(message, Class::Request))
    {
        let transaction = message.transaction.value;
        let first: &mut u64 = asked.entry((transaction, (packet.from, packet.to))).or_insert(packet.t_us);
        *first = packet.t_us.min(*first);
        let (first, known) = ids.entry(transaction).or_insert((packet.t_us, true));
        (*first, *known) = (packet.t_us.min(*first), *known && packet.knows_its_ends());
    }
    for (packet, message) in all().filter(|(packet, _)| packet.sender == peer) {
        let transaction = message.transaction.value;
        let ids = ids.get(&transaction).filter(|(first, _)| *first <= packet.t_us);
        if is_binding(&message, Class::Success) || is_binding(&message, Class::Error) {
            let mirrored = asked
                .get(&(transaction, (packet.to, packet.from)))
                .is_some_and(|first| *first <= packet.t_us);
            let elsewhere = mirrored || ids.is_some();
            if !elsewhere && !evidence.whole {
                tally.inconclusive(
                    "the request may have come before the capture",
                    [Place::Frame(packet.frame)],
                );
                continue;
            }
            let known = packet.knows_its_ends() && ids.is_none_or(|(_, known)| *known);
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
mod tests {
    use super::*;
    use crate::checks::controls::Recording;

    /// What is of one time stands in any order.
    #[test]
    fn a_response_may_stand_before_a_request_of_the_same_time() {
        let faults = |same_time: bool| {
            let mut evidence = Recording::Data.evidence();
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let is = |kind: u8| move |it: &crate::evidence::Packet| it.bytes[..2] == [kind, 1];
            let at = packets.iter().position(is(1)).unwrap();
            let (transaction, sender) = (packets[at].bytes[8..20].to_vec(), packets[at].sender);
            let of = packets.iter().position(|it| it.bytes[..2] == [0, 1] && it.bytes[8..20] == transaction);
            let of = of.unwrap();
            if same_time {
                packets[of].t_us = packets[at].t_us;
            }
            packets.swap(of, at);
            let mut tally = Tally::default();
            evaluate(&evidence, sender, &mut tally);
            format!("{tally:?}").contains("that no request had")
        };
        assert_eq!([true, false].map(faults), [false, false], "the times say which came first");
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
