//! Edits of SCTP packets, with the checksum made right again unless it is what is edited.

use crate::evidence::{Evidence, Packet, Peer};
use peerproof_captures::wire::sctp::{Checksum, checksum};

pub(in crate::checks) const DATA: u8 = 0;
pub(in crate::checks) const INIT: u8 = 1;
pub(in crate::checks) const INIT_ACK: u8 = 2;
pub(in crate::checks) const SACK: u8 = 3;
pub(in crate::checks) const HEARTBEAT: u8 = 4;
pub(in crate::checks) const ABORT: u8 = 6;
pub(in crate::checks) const RE_CONFIG: u8 = 130;
pub(in crate::checks) const COOKIE_ECHO: u8 = 10;
/// Types of DCEP messages.
pub(in crate::checks) const OPEN: u8 = 3;
pub(in crate::checks) const ACK: u8 = 2;

const I_DATA: u8 = 64;
const DCEP: [u8; 4] = [0, 0, 0, 50];

/// Edits the first packet that begins with a chunk of that type.
pub(in crate::checks) fn edit_first(evidence: &mut Evidence, kind: u8, edit: impl Fn(&mut Vec<u8>)) {
    edit_raw(evidence, kind, |packet| {
        edit(packet);
        correct(packet);
    });
}

/// The same, and leaves the checksum alone.
pub(in crate::checks) fn edit_raw(evidence: &mut Evidence, kind: u8, edit: impl Fn(&mut Vec<u8>)) {
    edit(packets(evidence).find(|packet| packet[12] == kind).unwrap());
}

/// Edits each DATA chunk; `edit` gets its user data and the chunk.
pub(in crate::checks) fn edit_data(evidence: &mut Evidence, edit: impl Fn(&[u8], &mut [u8])) {
    for packet in packets(evidence) {
        let mut at = 12;
        while at + 4 <= packet.len() {
            let length = usize::from(u16::from_be_bytes([packet[at + 2], packet[at + 3]]));
            if packet[at] == DATA {
                let data = packet[at + 16..at + length].to_vec();
                edit(&data, &mut packet[at..at + length]);
            }
            at += length.next_multiple_of(4);
        }
        correct(packet);
    }
}

/// Edits the chunks with a DCEP message of that type.
pub(in crate::checks) fn edit_dcep(evidence: &mut Evidence, kind: u8, edit: impl Fn(&mut [u8])) {
    edit_data(evidence, |data, chunk| {
        if chunk[12..16] == DCEP && data.first() == Some(&kind) {
            edit(chunk);
        }
    });
}

/// Edits each DATA chunk that a peer sent.
pub(in crate::checks) fn edit_data_of(evidence: &mut Evidence, sender: Peer, edit: impl Fn(&mut [u8])) {
    edit_chunks_of(evidence, sender, DATA, edit);
}

/// Edits each chunk of a type that a peer sent.
pub(in crate::checks) fn edit_chunks_of(
    evidence: &mut Evidence,
    sender: Peer,
    kind: u8,
    edit: impl Fn(&mut [u8]),
) {
    for packet in packets_of(evidence, sender) {
        let mut at = 12;
        while at + 4 <= packet.len() {
            let length = usize::from(u16::from_be_bytes([packet[at + 2], packet[at + 3]]));
            if packet[at] == kind {
                edit(&mut packet[at..at + length]);
            }
            at += length.next_multiple_of(4);
        }
        correct(packet);
    }
}

/// Edits each packet of a peer that begins with a chunk of that type.
pub(in crate::checks) fn edit_each_of(
    evidence: &mut Evidence,
    sender: Peer,
    kind: u8,
    edit: impl Fn(&mut Vec<u8>),
) {
    for packet in packets_of(evidence, sender).filter(|packet| packet[12] == kind) {
        edit(packet);
        correct(packet);
    }
}

/// Edits the last packet of a peer that begins with a chunk of that type.
pub(in crate::checks) fn edit_last_of(
    evidence: &mut Evidence,
    sender: Peer,
    kind: u8,
    edit: impl Fn(&mut Vec<u8>),
) {
    let packet = packets_of(evidence, sender).filter(|packet| packet[12] == kind).last().unwrap();
    edit(packet);
    correct(packet);
}

/// Replaces the first message of a peer that is no DCEP, which is alone in its packet.
pub(in crate::checks) fn replace_first_message(
    evidence: &mut Evidence,
    sender: Peer,
    protocol: u8,
    message: &[u8],
) {
    let is = |packet: &&mut Vec<u8>| packet[12] == DATA && packet[24..28] != DCEP;
    let packet = packets_of(evidence, sender).find(is).unwrap();
    packet.truncate(28);
    packet[27] = protocol;
    packet.extend_from_slice(message);
    packet[14..16].copy_from_slice(&(16 + message.len() as u16).to_be_bytes());
    packet.resize(packet.len().next_multiple_of(4), 0);
    correct(packet);
}

/// Cuts the last DATA chunk that a peer sent, which is alone in its packet, into two fragments in the same packet.
pub(in crate::checks) fn split_last(evidence: &mut Evidence, sender: Peer) {
    let packet = packets_of(evidence, sender).filter(|packet| packet[12] == DATA).last().unwrap();
    let length = usize::from(u16::from_be_bytes([packet[14], packet[15]]));
    let data = packet[28..12 + length].to_vec();
    let (first, second) = data.split_at(data.len() / 2);
    let header = packet[12..28].to_vec();
    packet.truncate(12);
    for (n, (flag, part)) in [(2, first), (1, second)].into_iter().enumerate() {
        let mut chunk = header.clone();
        chunk[1] = chunk[1] & !3 | flag;
        chunk[2..4].copy_from_slice(&(16 + part.len() as u16).to_be_bytes());
        let tsn = u32::from_be_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]) + n as u32;
        chunk[4..8].copy_from_slice(&tsn.to_be_bytes());
        chunk.extend_from_slice(part);
        chunk.resize(chunk.len().next_multiple_of(4), 0);
        packet.extend(chunk);
    }
    correct(packet);
}

/// The same into two fragments of I-DATA: the flag B or E, the TSN, the stream, the message, and the protocol or the fragment's number.
pub(in crate::checks) fn split_last_interleaved(evidence: &mut Evidence, sender: Peer) {
    let packet = packets_of(evidence, sender).filter(|packet| packet[12] == DATA).last().unwrap();
    let length = usize::from(u16::from_be_bytes([packet[14], packet[15]]));
    let header = packet[12..28].to_vec();
    let data = packet[28..12 + length].to_vec();
    let (first, second) = data.split_at(data.len() / 2);
    packet.truncate(12);
    let fragments = [(2, first, [0, 0, 0, header[15]]), (1, second, [0, 0, 0, 1])];
    for (n, (flag, part, last)) in fragments.into_iter().enumerate() {
        let tsn = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) + n as u32;
        packet.extend([I_DATA, flag]);
        packet.extend((20 + part.len() as u16).to_be_bytes());
        packet.extend(tsn.to_be_bytes());
        packet.extend([header[8], header[9], 0, 0, 0, 0, header[10], header[11]]);
        packet.extend(last);
        packet.extend(part);
        packet.resize(packet.len().next_multiple_of(4), 0);
    }
    correct(packet);
}

/// Edits the last chunk of [`split_last_interleaved`].
pub(in crate::checks) fn edit_interleaved(evidence: &mut Evidence, sender: Peer, edit: impl Fn(&mut [u8])) {
    let packet = packets_of(evidence, sender).find(|packet| packet[12] == I_DATA).unwrap();
    let first = usize::from(u16::from_be_bytes([packet[14], packet[15]])).next_multiple_of(4);
    edit(&mut packet[12 + first..]);
    correct(packet);
}

/// Sends the last message of a peer, which is alone in its packet, once more, as the next one.
pub(in crate::checks) fn repeat_last(evidence: &mut Evidence, sender: Peer) {
    let packet = packets_of(evidence, sender).filter(|packet| packet[12] == DATA).last().unwrap();
    let mut again = packet[12..].to_vec();
    again[7] = again[7].wrapping_add(1);
    again[11] += 1;
    packet.extend(again);
    correct(packet);
}

/// Sends the last packet of a peer that begins with DATA once more, in another datagram.
pub(in crate::checks) fn send_again(evidence: &mut Evidence, sender: Peer) {
    let packets = &mut evidence.wire.as_mut().unwrap().packets;
    let is_data = |it: &Packet| {
        let mut clear = it.clear.iter().filter(|clear| clear.is_application_data());
        it.sender == sender && it.tap == sender && clear.any(|clear| clear.bytes.get(12) == Some(&DATA))
    };
    let mut again = packets.iter().rfind(|it| is_data(it)).unwrap().clone();
    let last = packets.last().unwrap();
    (again.frame, again.t_us) = (last.frame + 1, last.t_us + 1);
    *again.bytes.to_mut().last_mut().unwrap() ^= 1;
    packets.push(again);
}

/// Puts a chunk in front of the others in the last packet of a peer that begins with a chunk of that type.
pub(in crate::checks) fn prepend(evidence: &mut Evidence, sender: Peer, kind: u8, chunk: &[u8]) {
    edit_last_of(evidence, sender, kind, |packet| drop(packet.splice(12..12, chunk.iter().copied())));
}

/// Has the last packet of a peer end the association: ABORT stands behind what it holds.
pub(in crate::checks) fn abort(evidence: &mut Evidence, sender: Peer) {
    let packet = packets_of(evidence, sender).last().unwrap();
    packet.extend([ABORT, 0, 0, 4]);
    correct(packet);
}

fn packets_of(evidence: &mut Evidence, sender: Peer) -> impl Iterator<Item = &mut Vec<u8>> {
    let packets = &mut evidence.wire.as_mut().unwrap().packets;
    let own = packets.iter_mut().filter(move |packet: &&mut Packet| packet.sender == sender);
    let clear = own.flat_map(|packet| &mut packet.clear);
    clear.filter(|clear| clear.is_application_data()).map(|clear| clear.bytes.to_mut())
}

fn packets(evidence: &mut Evidence) -> impl Iterator<Item = &mut Vec<u8>> {
    let packets = &mut evidence.wire.as_mut().unwrap().packets;
    let clear = packets.iter_mut().flat_map(|packet| &mut packet.clear);
    clear.filter(|clear| clear.is_application_data()).map(|clear| clear.bytes.to_mut())
}

fn correct(packet: &mut [u8]) {
    // A zero would be taken for an agreed one.
    packet[8..12].fill(0xff);
    if let Checksum::Wrong { expected } = checksum(packet) {
        packet[8..12].copy_from_slice(&expected.to_be_bytes());
    }
}
