//! RFC 8445 §7.1, RFC 8489 §7.1: requests and responses between ICE agents carry a valid FINGERPRINT.

use super::is_binding;
use crate::checks::stun::speaks_ms_ice;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::Class;

pub(super) const CHECK: Check = Check {
    id: "ice-check-has-fingerprint",
    layer: Layer::Checks,
    subject: "STUN messages",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if speaks_ms_ice(evidence, peer) {
        tally.not_applicable(
            "its checks are of [MS-ICE2] (Skype, Teams), whose FINGERPRINT is not that of RFC 8489",
        );
        return;
    }
    for (packet, message) in evidence.wire.iter().flat_map(|wire| wire.stun(peer)) {
        let one_of = [Class::Request, Class::Success, Class::Error];
        if packet.sender != peer || !one_of.iter().any(|class| is_binding(&message, *class)) {
            continue;
        }
        let place = Place::Frame(packet.frame);
        match message.fingerprint_matches() {
            Some(true) => tally.pass(place),
            Some(false) => {
                tally.fail(Fault("wrong-crc"), "FINGERPRINT is not the CRC of the message", [place]);
            }
            None => tally.fail(
                Fault("no-fingerprint"),
                "a STUN message between the peers has no FINGERPRINT",
                [place],
            ),
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, stun};

    /// Strips FINGERPRINT off one check.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        stun::strip_fingerprint_of_first_check(evidence);
    })
    .and(&[Mutation::new(Recording::Data, "is not the CRC", |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let bytes = &mut packets.iter_mut().find(|it| it.bytes[..2] == [0, 1]).unwrap().bytes;
        *bytes.last_mut().unwrap() ^= 1;
    })
    .also_breaks(&["stun-fingerprint-last"])]);
}

#[cfg(test)]
mod tests {
    use crate::checks::controls::{Recording, stun};
    use crate::checks::{Status, of};

    /// What is found of a check without FINGERPRINT, with or without CANDIDATE-IDENTIFIER in all checks.
    fn found(has_identifier: bool) -> Vec<Status> {
        let mut evidence = Recording::Data.evidence();
        if has_identifier {
            stun::edit_each(&mut evidence, |attributes| attributes.insert(0, (0x8054, vec![0; 4])));
        }
        stun::strip_fingerprint_of_first_check(&mut evidence);
        let findings = of("ice-check-has-fingerprint").unwrap().run(&evidence);
        findings.into_iter().map(|finding| finding.result).collect()
    }

    #[test]
    fn the_dialect_of_skype_and_teams_is_not_judged_by_rfc_8489() {
        assert!(found(false).contains(&Status::Fail), "{:?}", found(false));
        assert!(found(true).iter().all(|it| *it == Status::NotApplicable), "{:?}", found(true));
    }
}
