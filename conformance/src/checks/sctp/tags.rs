//! RFC 9260 §8.5: INIT and INIT ACK stand alone and choose a tag that is not zero; INIT goes with tag zero, and every later
//! packet with the tag that its receiver chose.

use super::packets;
use crate::checks::{Check, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::sctp::{Body, ChunkType, Packet};

pub(super) const CHECK: Check = Check {
    id: "sctp-init-tag-rules",
    layer: Layer::Sctp,
    subject: "SCTP packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// The flag of ABORT and SHUTDOWN COMPLETE that says that the tag is the sender's own.
const T: u8 = 1;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut receivers: Option<u32> = None;
    for (packet, sctp) in packets(evidence, peer) {
        let place = Place::Frame(packet.frame);
        let begins = initiates(&sctp);
        if packet.sender != peer {
            receivers = begins.map(|(tag, _)| tag).or(receivers);
            continue;
        }
        let tag = sctp.verification_tag.value;
        match begins {
            Some((0, _)) => tally.fault("the initiate tag is zero", [place]),
            Some(_) if sctp.chunks.iter().count() > 1 => {
                tally.fault("INIT or INIT ACK is bundled with another chunk", [place]);
            }
            Some((_, true)) => tally.judge(tag == 0, place, || format!("an INIT has tag {tag:#x}, not zero")),
            _ if reflects(&sctp) => tally.good(place),
            _ => match receivers {
                Some(expected) => tally.judge(tag == expected, place, || {
                    format!("the tag is {tag:#x}, the receiver chose {expected:#x}")
                }),
                None => tally.doubt("the receiver's choice of tag is not in the recording", [place]),
            },
        }
    }
}

/// The initiate tag of an INIT (`true`) or INIT ACK.
fn initiates(packet: &Packet<'_>) -> Option<(u32, bool)> {
    packet.chunks.iter().find_map(|chunk| match chunk.body? {
        Body::Init(init) => Some((init.initiate_tag.value, true)),
        Body::InitAck(init) => Some((init.initiate_tag.value, false)),
        _ => None,
    })
}

/// Whether the packet reflects the tag of what it answers.
fn reflects(packet: &Packet<'_>) -> bool {
    packet.chunks.iter().any(|chunk| {
        matches!(chunk.kind.value, ChunkType::Abort | ChunkType::ShutdownComplete)
            && chunk.flags.value & T != 0
    })
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sctp};

    /// Bundles a SACK behind the INIT.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        sctp::edit_first(evidence, sctp::INIT, |packet| {
            packet.extend_from_slice(&[3, 0, 0, 16, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
        });
    });
}
