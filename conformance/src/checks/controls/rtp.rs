//! Edits of RTP packets: of their plaintext, which is what checks read.

use crate::evidence::{Evidence, Kind, Packet, Peer};
use peerproof_captures::wire::rtp;

/// Payload types in the recordings.
pub(in crate::checks) const OPUS: u8 = 111;
pub(in crate::checks) const FIREFOX_RTX: u8 = 124;

/// The plaintext of the first RTP packet with header extensions.
pub(in crate::checks) fn first(evidence: &mut Evidence) -> &mut Vec<u8> {
    let packets = &mut evidence.wire.as_mut().unwrap().packets;
    let mut clear = packets.iter_mut().flat_map(|packet| &mut packet.clear);
    &mut clear.find(|clear| clear.kind == Kind::Rtp && clear.bytes[0] & 0x10 != 0).unwrap().bytes
}

/// All packets.
pub(in crate::checks) fn packets(evidence: &mut Evidence) -> impl Iterator<Item = &mut Packet> {
    evidence.wire.as_mut().unwrap().packets.iter_mut()
}

/// Whether a packet is RTP that could be opened.
pub(in crate::checks) fn is(packet: &Packet) -> bool {
    packet.clear.iter().any(|clear| clear.kind == Kind::Rtp)
}

/// The payload type of an opened packet.
pub(in crate::checks) fn payload_type(packet: &Packet) -> u8 {
    packet.clear[0].bytes[1] & 0x7f
}

/// Edits the value of each header extension with that identifier that a peer sent.
pub(in crate::checks) fn edit_elements(
    evidence: &mut Evidence,
    sender: Peer,
    id: u8,
    mut edit: impl FnMut(&mut [u8]),
) {
    for packet in packets(evidence).filter(|packet| is(packet) && packet.sender == sender) {
        let bytes = &mut packet.clear[0].bytes;
        let header = rtp::view(bytes).unwrap().header;
        let found = header.elements().find(|element| element.id == id).map(|element| element.value.range);
        if let Some(range) = found {
            edit(&mut bytes[range.range()]);
        }
    }
}
