//! Edits of SCTP packets, with the checksum made right again unless it is what is edited.

use crate::evidence::Evidence;
use peerproof_captures::wire::sctp::{Checksum, checksum};

pub(in crate::checks) const INIT: u8 = 1;
pub(in crate::checks) const COOKIE_ECHO: u8 = 10;
/// Types of DCEP messages.
pub(in crate::checks) const OPEN: u8 = 3;
pub(in crate::checks) const ACK: u8 = 2;

const DATA: u8 = 0;
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

fn packets(evidence: &mut Evidence) -> impl Iterator<Item = &mut Vec<u8>> {
    let packets = &mut evidence.wire.as_mut().unwrap().packets;
    let clear = packets.iter_mut().flat_map(|packet| &mut packet.clear);
    clear.filter(|clear| clear.is_application_data()).map(|clear| &mut clear.bytes)
}

fn correct(packet: &mut [u8]) {
    // A zero would be taken for an agreed one.
    packet[8..12].fill(0xff);
    if let Checksum::Wrong { expected } = checksum(packet) {
        packet[8..12].copy_from_slice(&expected.to_be_bytes());
    }
}
