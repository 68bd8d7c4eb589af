//! Edits of RTP packets: of their plaintext, which is what checks read.

use crate::evidence::{Evidence, Kind, Packet, Peer};
use peerproof_captures::wire::rtp;
use std::iter;

/// Payload types in the recordings.
pub(in crate::checks) const OPUS: u8 = 111;
pub(in crate::checks) const VP8: u8 = 96;
pub(in crate::checks) const H264: u8 = 108;
pub(in crate::checks) const RTX: u8 = 97;
pub(in crate::checks) const FIREFOX_RTX: u8 = 124;

/// The plaintext of the first RTP packet with header extensions.
pub(in crate::checks) fn first(evidence: &mut Evidence) -> &mut Vec<u8> {
    let packets = &mut evidence.wire.as_mut().unwrap().packets;
    let mut clear = packets.iter_mut().flat_map(|packet| &mut packet.clear);
    clear.find(|clear| clear.kind == Kind::Rtp && clear.bytes[0] & 0x10 != 0).unwrap().bytes.to_mut()
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
        let bytes = packet.clear[0].bytes.to_mut();
        let header = rtp::view(bytes).unwrap().header;
        let found = header.elements().find(|element| element.id == id).map(|element| element.value.range);
        if let Some(range) = found {
            edit(&mut bytes[range.range()]);
        }
    }
}

/// Takes each header extension with that identifier that a peer sent for padding (RFC 8285 §4.2).
pub(in crate::checks) fn erase_elements(evidence: &mut Evidence, sender: Peer, id: u8) {
    for packet in packets(evidence).filter(|packet| is(packet) && packet.sender == sender) {
        let bytes = &mut packet.clear[0].bytes;
        let header = rtp::view(bytes).unwrap().header;
        let found = header.elements().find(|element| element.id == id).map(|element| element.value.range);
        if let Some(range) = found.map(|range| range.range()) {
            // With the byte before it, which has the identifier and the length.
            bytes[range.start - 1..range.end].fill(0);
        }
    }
}

/// Edits the payload of the first packet.
pub(in crate::checks) fn edit_payload(evidence: &mut Evidence, edit: impl FnOnce(&mut Vec<u8>)) {
    edit_payload_where(evidence, |_| true, edit);
}

/// Edits the payload of the first packet of a payload type.
pub(in crate::checks) fn edit_payload_of(evidence: &mut Evidence, kind: u8, edit: impl FnOnce(&mut Vec<u8>)) {
    edit_payload_where(evidence, |packet| payload_type(packet) == kind, edit);
}

/// The payload of an opened packet.
pub(in crate::checks) fn payload_of(packet: &Packet) -> &[u8] {
    rtp::view(&packet.clear[0].bytes).unwrap().payload.value
}

/// The same, to be changed.
pub(in crate::checks) fn payload_mut(packet: &mut Packet) -> &mut [u8] {
    let bytes = packet.clear[0].bytes.to_mut();
    let range = rtp::view(bytes).unwrap().payload.range;
    &mut bytes[range.range()]
}

/// Edits a payload, and makes the datagram as much longer or shorter.
pub(in crate::checks) fn edit_payload_where(
    evidence: &mut Evidence,
    wanted: impl Fn(&Packet) -> bool,
    edit: impl FnOnce(&mut Vec<u8>),
) {
    let packet = packets(evidence).find(|packet| is(packet) && wanted(packet)).unwrap();
    let bytes = packet.clear[0].bytes.to_mut();
    let at = rtp::view(bytes).unwrap().payload.range.start as usize;
    let mut payload = bytes.split_off(at);
    let before = payload.len();
    edit(&mut payload);
    let after = payload.len();
    bytes.extend(payload);
    if after > before {
        packet.bytes.to_mut().splice(at..at, iter::repeat_n(0, after - before));
    } else {
        packet.bytes.to_mut().drain(at..at + before - after);
    }
}
