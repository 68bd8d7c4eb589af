//! RFC 9260 §6.8, RFC 9653 §5: the checksum of a packet is its CRC32c, or zero where the receiver announced that it takes that
//! (and never with INIT or COOKIE ECHO).

use super::packets;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::sctp::{Body, Checksum, Packet, ParameterType};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "sctp-crc32c-correct",
    layer: Layer::Sctp,
    subject: "SCTP packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Most tags of a receiver that are kept.
const MOST_TAGS: usize = 64;

/// The method that makes up for the checksum: DTLS (RFC 9653 §4).
const BY_DTLS: [u8; 4] = [0, 0, 0, 1];

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut receiver_takes_zero = false;
    // What the receiver announced, by the tag that it chose with it: that of the packets that it receives (RFC 9260 §8.5).
    let mut announced: BTreeMap<u32, bool> = BTreeMap::new();
    for (packet, sctp) in packets(evidence, peer) {
        if packet.sender != peer {
            if let Some((tag, takes_zero)) = announces(&sctp) {
                receiver_takes_zero |= takes_zero;
                if announced.len() < MOST_TAGS {
                    announced.insert(tag, takes_zero);
                }
            }
            continue;
        }
        let place = Place::Frame(packet.frame);
        let known = announced.get(&sctp.verification_tag.value).copied();
        match sctp.verify_checksum() {
            Checksum::Correct => tally.pass(place),
            Checksum::Zero if known.unwrap_or(receiver_takes_zero) && !needs_checksum(&sctp) => {
                tally.pass(place);
            }
            Checksum::Zero if known.is_none() && !needs_checksum(&sctp) && !evidence.whole => {
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

/// The tag that an INIT or INIT ACK chooses, and whether it announces that zero is taken.
fn announces(packet: &Packet<'_>) -> Option<(u32, bool)> {
    packet.chunks.iter().find_map(|chunk| match chunk.body? {
        Body::Init(init) | Body::InitAck(init) => {
            let parameter = init.parameter(ParameterType::ZeroChecksumAcceptable);
            let takes_zero = parameter.is_some_and(|it| it.value.value == BY_DTLS);
            Some((init.initiate_tag.value, takes_zero))
        }
        _ => None,
    })
}

fn needs_checksum(packet: &Packet<'_>) -> bool {
    packet.chunks.iter().any(|chunk| matches!(chunk.body, Some(Body::Init(_) | Body::CookieEcho(_))))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::controls::{Recording, sctp};
    use crate::checks::{Evidence, Finding, Status};

    /// Two sides of a capture that may lack packets, in which SACKs have no checksum.
    fn without_checksums() -> Evidence {
        let mut evidence = Recording::Data.evidence();
        evidence.whole = false;
        sctp::edit_raw(&mut evidence, sctp::SACK, |packet| packet[8..12].fill(0));
        evidence
    }

    fn failing(evidence: &Evidence) -> Vec<Finding> {
        CHECK.run(evidence).into_iter().filter(|it| it.result == Status::Fail).collect()
    }

    #[test]
    fn what_the_receiver_announced_counts_if_it_is_in_the_capture() {
        let mut evidence = without_checksums();
        let found = failing(&evidence);
        assert!(!found.is_empty() && found.iter().all(|it| it.faults == ["zero-not-announced"]), "{found:?}");
        // Without the beginning nobody knows.
        for packet in &mut evidence.wire.as_mut().unwrap().packets {
            packet.clear.retain(|it| !matches!(it.bytes.get(12), Some(&sctp::INIT | &sctp::INIT_ACK)));
        }
        assert_eq!(failing(&evidence), []);
    }
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
