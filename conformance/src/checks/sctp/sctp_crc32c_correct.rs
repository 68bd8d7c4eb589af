//! RFC 9260 §6.8, RFC 9653 §5: the checksum of a packet is its CRC32c, or zero where the receiver announced that it takes that
//! (and never with INIT or COOKIE ECHO).

use super::packets;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::sctp::{Body, Checksum, Packet, ParameterType};

pub(super) const CHECK: Check = Check {
    id: "sctp-crc32c-correct",
    layer: Layer::Sctp,
    subject: "SCTP packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// The parameter Zero Checksum Acceptable, RFC 9653 §4.
const ZERO_CHECKSUM_ACCEPTABLE: u16 = 0x8001;

/// The method that makes up for the checksum: DTLS (RFC 9653 §4).
const BY_DTLS: [u8; 4] = [0, 0, 0, 1];

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut receiver_takes_zero = false;
    for (packet, sctp) in packets(evidence, peer) {
        if packet.sender != peer {
            receiver_takes_zero |= announces_zero(&sctp);
            continue;
        }
        let place = Place::Frame(packet.frame);
        match sctp.verify_checksum() {
            Checksum::Correct => tally.pass(place),
            Checksum::Zero if receiver_takes_zero && !needs_checksum(&sctp) => tally.pass(place),
            Checksum::Zero if !receiver_takes_zero && !evidence.whole => {
                tally.inconclusive("what the receiver announced may be missing in the capture", [place]);
            }
            Checksum::Zero => {
                tally.fail(
                    Fault("zero-not-announced"),
                    "the checksum is zero, which the receiver did not announce to accept here",
                    [place],
                );
            }
            Checksum::Wrong { expected } => tally.fail(
                Fault("wrong-crc"),
                format!("the checksum is {:#010x}, the CRC32c is {expected:#010x}", sctp.checksum.value),
                [place],
            ),
        }
    }
}

fn announces_zero(packet: &Packet<'_>) -> bool {
    packet.chunks.iter().any(|chunk| match chunk.body {
        Some(Body::Init(init) | Body::InitAck(init)) => {
            let parameter = init.parameter(ParameterType::from(ZERO_CHECKSUM_ACCEPTABLE));
            parameter.is_some_and(|it| it.value.value == BY_DTLS)
        }
        _ => false,
    })
}

fn needs_checksum(packet: &Packet<'_>) -> bool {
    packet.chunks.iter().any(|chunk| matches!(chunk.body, Some(Body::Init(_) | Body::CookieEcho(_))))
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, sctp};

    /// Zeroes the checksum of a SACK.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        sctp::edit_raw(evidence, sctp::INIT, |packet| packet[8..12].fill(0));
    })
    .and(&[Mutation::new(Recording::Data, "the CRC32c is", |evidence| {
        sctp::edit_raw(evidence, sctp::INIT, |packet| packet[8] ^= 1);
    })]);
}
