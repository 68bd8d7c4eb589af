//! RFC 7675 §5.1, RFC 8827 §6.3: nothing but STUN goes to an address before it has answered a check.

use super::is_binding;
use super::nomination::is_data;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::demux;
use peerproof_captures::wire::stun::{self, Class};
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "consent-no-data-before",
    layer: Layer::Nomination,
    subject: "pairs with data",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let (Some(wire), Some(other)) = (&evidence.wire, evidence.other(peer)) else { return };
    if evidence.made_by(peer).any(Description::is_lite) {
        tally.not_applicable("a lite agent sends no checks");
        return;
    }
    let passwords = evidence.credentials(other);
    let (mut consented, mut used) = (BTreeSet::new(), BTreeSet::new());
    for packet in wire.at(peer) {
        if packet.sender != peer {
            if demux::class(&packet.bytes) == demux::Class::Stun
                && let Ok(message) = stun::view(&packet.bytes)
                && is_binding(&message, Class::Success)
                && (passwords.is_empty()
                    || passwords
                        .iter()
                        .any(|it| message.integrity_matches(it.password.as_bytes()) == Some(true)))
            {
                consented.insert((packet.to, packet.from));
            }
        } else if is_data(packet) && used.insert((packet.from, packet.to)) {
            let place = Place::Frame(packet.frame);
            if consented.contains(&(packet.from, packet.to)) {
                tally.pass(place);
            } else if !evidence.whole {
                tally.inconclusive("the check may have been answered before the capture", [place]);
            } else if !wire.is_tapped(peer) {
                tally.inconclusive(
                    "the peer's own tap was not recorded: the answer may have arrived meanwhile",
                    [place],
                );
            } else {
                tally.fail(
                    Fault("data-before-answer"),
                    format!("something is sent to {} before that has answered a check", packet.to),
                    [place],
                );
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use crate::checks::ice::nomination::is_data;

    /// Moves the first ClientHello before the first answer.
    pub(super) const CONTROL: Control = Control::new(Recording::Restart, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let at = packets.iter().position(|packet| is_data(packet) && packet.tap == packet.sender).unwrap();
        let first = packets.remove(at);
        packets.insert(0, first);
    });
}
