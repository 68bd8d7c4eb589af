//! RFC 8445 §11: whoever uses a pair sends something on it at least every 15 seconds.

use super::nomination::{is_data, path};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

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

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("no pair was in use for 15 seconds");
    let Some(wire) = &evidence.wire else { return };
    let Some(used) = wire.sent(peer).filter(|packet| is_data(packet)).last().map(path) else { return };
    let mut sent = wire.sent(peer).filter(|packet| path(packet) == used);
    let mut first_us = None;
    let Some(mut before) = sent.find(|packet| is_data(packet)) else { return };
    for packet in sent {
        let begun = *first_us.get_or_insert(before.t_us);
        let pause = packet.t_us.saturating_sub(before.t_us);
        let place = Place::Frame(packet.frame);
        if let Some(off) = Off::late(before.t_us, LONGEST_US, packet.t_us) {
            let text = format!("nothing is sent on the pair in use for {} s", pause / 1_000_000);
            tally.off(Fault("silence"), evidence, off, text, [place, Place::Frame(before.frame)]);
        } else if packet.t_us.saturating_sub(begun) > LONGEST_US {
            tally.pass(place);
        }
        before = packet;
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use crate::evidence::{Evidence, Peer};

    /// Has Bob's last packets come twenty seconds later. That the session lasts long enough had to be brought about.
    pub(super) const CONTROL: Control = Control::prepared(
        Recording::Conflict,
        |evidence| (0..4).for_each(|_| postpone(evidence, 10_000_000)),
        |evidence| postpone(evidence, 20_000_000),
    );

    /// Appends the last packet of Bob's again.
    fn postpone(evidence: &mut Evidence, by_us: u64) {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let last = packets.iter().rev().find(|packet| packet.sender == Peer(1) && packet.tap == Peer(1));
        let mut again = last.unwrap().clone();
        again.t_us += by_us;
        packets.push(again);
    }
}
