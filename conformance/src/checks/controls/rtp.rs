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

/// Gives the VP8 of both peers another name and other payloads, and takes the retransmissions away. `payload` gets the payload, whether its
/// packet is the first and the last of its frame, and the number of the frame.
fn as_codec(evidence: &mut Evidence, name: &str, payload: impl Fn(&[u8], bool, bool, u16) -> Vec<u8>) {
    for made in &mut evidence.descriptions {
        super::replace_all(&mut made.sdp, "a=rtpmap:96 VP8/90000", &format!("a=rtpmap:96 {name}/90000"));
    }
    evidence.wire.as_mut().unwrap().packets.retain(|it| !(is(it) && payload_type(it) == RTX));
    let mut frames: std::collections::BTreeMap<(Peer, Vec<u8>), (Vec<u8>, u16)> = Default::default();
    for packet in packets(evidence).filter(|it| is(it) && payload_type(it) == VP8) {
        let (sender, clear) = (packet.sender, packet.clear[0].bytes.as_slice());
        let (marker, timestamp, source) = (clear[1] & 0x80 != 0, clear[4..8].to_vec(), clear[8..12].to_vec());
        let frame = frames.entry((sender, source)).or_insert_with(|| (Vec::new(), 0));
        let first = frame.0 != timestamp;
        if first {
            *frame = (timestamp, frame.1 + 1);
        }
        let number = frame.1;
        let edited = payload(payload_of(packet), first, marker, number);
        let bytes = packet.clear[0].bytes.to_mut();
        let at = rtp::view(bytes).unwrap().payload.range.start as usize;
        let before = bytes.len() - at;
        bytes.truncate(at);
        bytes.extend_from_slice(&edited);
        let cipher = packet.bytes.to_mut();
        match edited.len().checked_sub(before) {
            Some(more) => drop(cipher.splice(at..at, iter::repeat_n(0, more))),
            None => drop(cipher.drain(at..at + before - edited.len())),
        }
    }
}

/// VP9 instead of VP8: two bytes of picture identifier, no layers.
pub(in crate::checks) fn as_vp9(evidence: &mut Evidence) {
    as_codec(evidence, "VP9", |payload, first, last, number| {
        let flags = 0xc0 | u8::from(first) << 3 | u8::from(last) << 2;
        let id = (0x8000 | number).to_be_bytes();
        [&[flags, id[0], id[1]], &payload[payload.len() / 2..]].concat()
    });
}

/// AV1 instead of VP8: one element in each packet, a frame.
pub(in crate::checks) fn as_av1(evidence: &mut Evidence) {
    as_codec(evidence, "AV1", |payload, first, last, _| {
        let header = 0x10 | u8::from(!first) << 7 | u8::from(!last) << 6;
        let data = &payload[payload.len() / 2..];
        if first { [&[header, 6 << 3], data].concat() } else { [&[header], data].concat() }
    });
}

/// Edits the payload of the packet of that number among those of a sender and a payload type.
pub(in crate::checks) fn edit_nth(
    evidence: &mut Evidence,
    sender: Peer,
    kind: u8,
    nth: usize,
    edit: impl FnOnce(&mut [u8]),
) {
    let mut own = packets(evidence).filter(|it| is(it) && it.sender == sender && payload_type(it) == kind);
    edit(payload_mut(own.nth(nth).unwrap()));
}
