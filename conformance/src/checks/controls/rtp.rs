//! Edits of RTP packets.

use crate::evidence::{Evidence, Kind};

/// The plaintext of the first RTP packet with header extensions.
pub(in crate::checks) fn first(evidence: &mut Evidence) -> &mut Vec<u8> {
    let packets = &mut evidence.wire.as_mut().unwrap().packets;
    let mut clear = packets.iter_mut().flat_map(|packet| &mut packet.clear);
    &mut clear.find(|clear| clear.kind == Kind::Rtp && clear.bytes[0] & 0x10 != 0).unwrap().bytes
}
