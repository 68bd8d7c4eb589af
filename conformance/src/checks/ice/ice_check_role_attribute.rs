//! RFC 8445 §7.1.3, §7.3.1.1: a connectivity check says by one attribute which role its sender has, and the role changes only
//! with a role conflict.

use super::{checks, has, is_binding};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Packet, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::{AttributeType, Class, Message};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "ice-check-role-attribute",
    layer: Layer::Checks,
    subject: "connectivity checks",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut roles: BTreeMap<Option<&str>, bool> = BTreeMap::new();
    for (packet, message) in checks(evidence, peer) {
        let place = Place::Frame(packet.frame);
        let now =
            match (has(&message, AttributeType::IceControlling), has(&message, AttributeType::IceControlled))
            {
                (true, false) => true,
                (false, true) => false,
                (true, true) => {
                    tally.fail(
                        Fault("both-roles"),
                        "a connectivity check has both ICE-CONTROLLING and ICE-CONTROLLED",
                        [place],
                    );
                    continue;
                }
                (false, false) => {
                    tally.fail(
                        Fault("no-role"),
                        "a connectivity check has neither ICE-CONTROLLING nor ICE-CONTROLLED",
                        [place],
                    );
                    continue;
                }
            };
        // What a restart does to roles is another requirement.
        let username = message.text(AttributeType::Username).map(|username| username.value);
        let before = roles.insert(username, now).filter(|before| *before != now);
        match before {
            Some(before) if !conflict_seen(evidence, peer, packet, before) && !evidence.whole => {
                tally.inconclusive("what changed the role may be missing in the capture", [place]);
            }
            Some(before) if !conflict_seen(evidence, peer, packet, before) => {
                tally.fail(Fault("role-changed"), "the role changed without a role conflict", [place]);
            }
            _ => tally.pass(place),
        }
    }
}

/// Whether a peer had learned, before a packet of its, that the other has the same role: a 487, or a check that says so.
fn conflict_seen(evidence: &Evidence, peer: Peer, packet: &Packet, controlling: bool) -> bool {
    let same = if controlling { AttributeType::IceControlling } else { AttributeType::IceControlled };
    let tells = |message: &Message<'_>| {
        is_binding(message, Class::Error) || (is_binding(message, Class::Request) && has(message, same))
    };
    evidence
        .wire
        .iter()
        .flat_map(|wire| wire.stun(peer))
        .any(|(earlier, message)| earlier.frame < packet.frame && earlier.sender != peer && tells(&message))
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, stun};
    use crate::evidence::{Evidence, Peer};

    /// When a peer sent its first check.
    fn first_check(evidence: &Evidence, peer: Peer) -> u64 {
        let mut packets = evidence.wire.iter().flat_map(|wire| wire.sent(peer));
        packets.find(|it| it.bytes[..2] == [0, 1]).unwrap().t_us
    }

    /// Takes the role out of one check and signs it again.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        stun::edit_first_check(evidence, |attributes| {
            attributes.retain(|(kind, _)| !matches!(*kind, 0x8029 | 0x802a));
        });
    })
    .and(&[
        Mutation::new(Recording::Data, "has both ICE-CONTROLLING and ICE-CONTROLLED", |evidence| {
            stun::edit_first_check(evidence, |attributes| {
                let (kind, tiebreaker) =
                    attributes.iter().find(|(kind, _)| matches!(kind, 0x8029 | 0x802a)).unwrap().clone();
                attributes.push((kind ^ 3, tiebreaker));
            });
        }),
        Mutation::new(Recording::Data, "the role changed without a role conflict", |evidence| {
            let first = first_check(evidence, Peer(0));
            stun::edit_checks_after(evidence, Peer(0), first, stun::swap_role);
        })
        .also_breaks(&["ice-role-conflict-detected"]),
    ]);
}
