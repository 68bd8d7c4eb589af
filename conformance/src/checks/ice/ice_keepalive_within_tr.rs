//! RFC 8445 §11: whoever uses a pair sends something on it at least every Tr. "Agents SHOULD use a Tr value of 15 seconds. Agents MAY use a
//! bigger value": so a longer pause is to be warned of.

use super::is_binding;
use super::nomination::{Path, is_data, path};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer, Wire};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::Class;

pub(super) const CHECK: Check = Check {
    id: "ice-keepalive-within-tr",
    layer: Layer::Nomination,
    subject: "pauses on the pair in use",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Tr and what a timer may be late by itself, in microseconds: the catalogue's choice.
const LONGEST_US: u64 = 16_000_000;

/// How long consent lasts (RFC 7675 §5.1), in microseconds.
const EXPIRY_US: u64 = 30_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("no pair was in use for 15 seconds");
    let Some(wire) = &evidence.wire else { return };
    let complete = evidence.sees_all_sent_by(peer);
    let Some(used) = wire.sent(peer).filter(|packet| is_data(packet)).last().map(path) else { return };
    let elsewhere = wire.sent(peer).filter(|packet| is_data(packet) && path(packet) != used);
    let elsewhere: Vec<u64> = elsewhere.map(|packet| packet.t_us).collect();
    let consented: Vec<u64> = consented(wire, peer, used).collect();
    let mut sent = wire.sent(peer).filter(|packet| path(packet) == used);
    let mut first_us = None;
    let Some(mut before) = sent.find(|packet| is_data(packet)) else { return };
    for packet in sent {
        let begun = *first_us.get_or_insert(before.t_us);
        let pause = packet.t_us.saturating_sub(before.t_us);
        let place = Place::Frame(packet.frame);
        // Without consent nothing may be sent (RFC 7675 §5.1).
        let asked = consented.get(..consented.partition_point(|at| *at <= packet.t_us)).unwrap_or_default();
        let expires_us = asked.last().map_or(u64::MAX, |at| at.saturating_add(EXPIRY_US));
        let until_us = packet.t_us.min(expires_us.max(before.t_us));
        let other = elsewhere.get(elsewhere.partition_point(|at| *at < before.t_us));
        let is_in_use = other.is_none_or(|at| *at > packet.t_us);
        let off = Off::late(before.t_us, LONGEST_US, until_us).filter(|_| is_in_use);
        if off.is_some() && !complete {
            tally.inconclusive("packets may be missing in the pause", [place, Place::Frame(before.frame)]);
        } else if let Some(off) = off {
            let text = format!("nothing is sent on the pair in use for {} s", pause / 1_000_000);
            tally.off(Fault("silence"), evidence, off, text, [place, Place::Frame(before.frame)]);
        } else if packet.t_us.saturating_sub(begun) > LONGEST_US {
            tally.pass(place);
        }
        before = packet;
    }
}

/// When a check of a peer on a pair was answered with success, in order.
fn consented(wire: &Wire, peer: Peer, used: Path) -> impl Iterator<Item = u64> {
    let answers = wire.stun(peer).filter(move |(packet, message)| {
        packet.sender != peer && path(packet) == used && is_binding(message, Class::Success)
    });
    answers.map(|(packet, _)| packet.t_us)
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use crate::evidence::{Evidence, Packet, Peer};

    /// Has Bob's last packets come twenty seconds later. That the session lasts long enough had to be brought about.
    pub(super) const CONTROL: Control = Control::prepared(
        Recording::Conflict,
        |evidence| (0..4).for_each(|_| postpone(evidence, 10_000_000)),
        |evidence| postpone(evidence, 20_000_000),
    );

    /// Appends the last packet of Bob's again, and an answer to a check of his just before.
    fn postpone(evidence: &mut Evidence, by_us: u64) {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let last = packets.iter().rev().find(|packet| packet.sender == Peer(1) && packet.tap == Peer(1));
        let mut again = last.unwrap().clone();
        let is_answer = |it: &&Packet| {
            it.sender == Peer(0) && it.tap == Peer(1) && it.bytes[..2] == [1, 1] && it.shares_path(&again)
        };
        let mut answer = packets.iter().rfind(is_answer).unwrap().clone();
        (again.t_us, answer.t_us) = (again.t_us + by_us, again.t_us);
        packets.extend([answer, again]);
    }
}
