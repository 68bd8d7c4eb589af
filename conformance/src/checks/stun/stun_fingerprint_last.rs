//! RFC 8489 §14.7: FINGERPRINT, where there is one, is the last attribute, and the CRC-32 of what is before it.

use super::{sent, speaks_ms_ice};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::stun::AttributeType;

pub(super) const CHECK: Check = Check {
    id: "stun-fingerprint-last",
    layer: Layer::Checks,
    subject: "STUN messages with FINGERPRINT",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    // Its table of the CRC may be another one.
    let is_dialect = speaks_ms_ice(evidence, peer);
    for sent in sent(evidence, peer) {
        let Some(message) = sent.message() else { continue };
        let Some(right) = message.fingerprint_matches() else { continue };
        let place = Place::Frame(sent.frame);
        let last = message.attributes().filter_map(Result::ok).last();
        if !right && is_dialect {
            continue;
        }
        if !right {
            tally.fail(Fault("wrong-crc"), "FINGERPRINT is not the CRC of the message", [place]);
        } else if last.is_none_or(|last| last.kind.value != AttributeType::Fingerprint) {
            tally.fail(Fault("not-last"), "an attribute follows FINGERPRINT", [place]);
        } else {
            tally.pass(place);
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, stun};

    /// Puts FINGERPRINT before MESSAGE-INTEGRITY in a check, both of them right.
    pub(super) const CONTROL: Control =
        Control::new(Recording::Data, stun::swap_fingerprint).and(&[Mutation::new(
            Recording::Data,
            "is not the CRC",
            |evidence| {
                let packets = &mut evidence.wire.as_mut().unwrap().packets;
                let bytes = &mut packets.iter_mut().find(|it| it.bytes[..2] == [0, 1]).unwrap().bytes;
                *bytes.last_mut().unwrap() ^= 1;
            },
        )
        .also_breaks(&["ice-check-has-fingerprint"])]);
}
