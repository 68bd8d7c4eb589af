//! Edits of handshake messages that are in clear and in one fragment.

use crate::evidence::Evidence;

pub(in crate::checks) const CLIENT_HELLO: u8 = 1;
pub(in crate::checks) const SERVER_HELLO: u8 = 2;
pub(in crate::checks) const CERTIFICATE_REQUEST: u8 = 13;

const HANDSHAKE: u8 = 22;

/// Edits the body of each message of a type; it is dropped where `edit` says `false`.
pub(in crate::checks) fn edit_messages(
    evidence: &mut Evidence,
    kind: u8,
    edit: impl Fn(&mut Vec<u8>) -> bool,
) {
    let mut edited = 0;
    for packet in &mut evidence.wire.as_mut().unwrap().packets {
        if !(20..64).contains(&packet.bytes[0]) {
            continue;
        }
        let mut datagram = Vec::new();
        let mut rest = packet.bytes.as_slice();
        while rest.len() >= 13 {
            let end = 13 + usize::from(u16::from_be_bytes([rest[11], rest[12]]));
            let (record, after) = rest.split_at(end);
            rest = after;
            if record[0] != HANDSHAKE || record[3..5] != [0, 0] {
                datagram.extend_from_slice(record);
                continue;
            }
            let mut content = Vec::new();
            let mut messages = &record[13..];
            while messages.len() >= 12 {
                let number =
                    |at: usize| u32::from_be_bytes([0, messages[at], messages[at + 1], messages[at + 2]]);
                let end = 12 + number(9) as usize;
                let (message, after) = messages.split_at(end);
                if message[0] == kind && number(1) == number(9) {
                    edited += 1;
                    let mut body = message[12..].to_vec();
                    if edit(&mut body) {
                        let length = &(body.len() as u32).to_be_bytes()[1..];
                        content.extend_from_slice(&[&[kind], length, &message[4..9], length, &body].concat());
                    }
                } else {
                    content.extend_from_slice(message);
                }
                messages = after;
            }
            datagram.extend_from_slice(&record[..11]);
            datagram.extend_from_slice(&(content.len() as u16).to_be_bytes());
            datagram.extend_from_slice(&content);
        }
        datagram.extend_from_slice(rest);
        packet.bytes = datagram;
    }
    assert!(edited > 0, "no message of type {kind} is in the recording");
}
