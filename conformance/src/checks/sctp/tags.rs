//! Verification tags: what INIT and INIT ACK choose, and the packets that reflect the tag of what they answer (RFC 9260 §8.5).

use peerproof_captures::wire::sctp::{Body, ChunkType, Packet};

/// The flag of ABORT and SHUTDOWN COMPLETE that says that the tag is reflected (RFC 9260 §3.3.7, §3.3.13).
pub(super) const T: u8 = 1;

/// Most tags of a peer that are kept. With more of them a tag that is not among them decides nothing.
pub(super) const MOST_TAGS: usize = 64;

/// The initiate tag of an INIT (`true`) or INIT ACK.
pub(super) fn initiates(packet: &Packet<'_>) -> Option<(u32, bool)> {
    packet.chunks.iter().find_map(|chunk| match chunk.body? {
        Body::Init(init) => Some((init.initiate_tag.value, true)),
        Body::InitAck(init) => Some((init.initiate_tag.value, false)),
        _ => None,
    })
}

/// Whether a packet says that its tag is the one of what it answers.
pub(super) fn reflects(packet: &Packet<'_>) -> bool {
    packet.chunks.iter().any(|chunk| {
        matches!(chunk.kind.value, ChunkType::Abort | ChunkType::ShutdownComplete)
            && chunk.flags.value & T != 0
    })
}
