//! Edits of handshake messages that are in clear and in one fragment.

use crate::evidence::{Clear, Evidence, Kind, Packet, Peer};
use std::ops::Range;

pub(in crate::checks) const CLIENT_HELLO: u8 = 1;
pub(in crate::checks) const SERVER_HELLO: u8 = 2;
pub(in crate::checks) const CERTIFICATE: u8 = 11;
pub(in crate::checks) const SERVER_KEY_EXCHANGE: u8 = 12;
pub(in crate::checks) const CERTIFICATE_REQUEST: u8 = 13;
pub(in crate::checks) const CERTIFICATE_VERIFY: u8 = 15;
pub(in crate::checks) const CLIENT_KEY_EXCHANGE: u8 = 16;

const HANDSHAKE: u8 = 22;

/// Edits the body of each message of a type; it is dropped where `edit` says `false`.
pub(in crate::checks) fn edit_messages(
    evidence: &mut Evidence,
    kind: u8,
    edit: impl Fn(&mut Vec<u8>) -> bool,
) {
    edit_messages_of(evidence, None, kind, edit);
}

/// The same, of those that a peer sent.
pub(in crate::checks) fn edit_messages_of(
    evidence: &mut Evidence,
    sender: Option<Peer>,
    kind: u8,
    edit: impl Fn(&mut Vec<u8>) -> bool,
) {
    let mut edited = 0;
    for packet in dtls(evidence).filter(|packet| sender.is_none_or(|sender| packet.sender == sender)) {
        let mut datagram = Vec::new();
        let mut rest = packet.bytes.as_slice();
        while rest.len() >= 13 && rest[0] < 32 {
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
            // Nobody sends a record without anything in it.
            if !content.is_empty() {
                datagram.extend_from_slice(&record[..11]);
                datagram.extend_from_slice(&(content.len() as u16).to_be_bytes());
                datagram.extend_from_slice(&content);
            }
        }
        datagram.extend_from_slice(rest);
        packet.bytes = datagram.into();
    }
    assert!(edited > 0, "no message of type {kind} is in the recording");
}

/// Edits in place what the first fragment of each message of a type has of its body, where that begins a record: a ClientHello of several
/// fragments keeps its lengths.
pub(in crate::checks) fn edit_first_fragments(evidence: &mut Evidence, kind: u8, edit: impl Fn(&mut [u8])) {
    let mut edited = 0;
    for packet in dtls(evidence) {
        let mut datagram = packet.bytes.to_vec();
        let begins =
            |it: &[u8]| it[0] == HANDSHAKE && it[3..5] == [0, 0] && it[13] == kind && it[19..22] == [0; 3];
        if datagram.len() > 25 && begins(&datagram) {
            edited += 1;
            edit(&mut datagram[25..]);
            packet.bytes = datagram.into();
        }
    }
    assert!(edited > 0, "no message of type {kind} is in the recording");
}

/// Edits each record with a full header that is wanted, its content or its header; its length is set anew.
pub(in crate::checks) fn edit_records(
    evidence: &mut Evidence,
    wanted: impl Fn(&Packet, &[u8]) -> bool,
    edit: impl Fn(&mut Vec<u8>),
) {
    let mut edited = 0;
    for packet in dtls(evidence) {
        let mut datagram = Vec::new();
        let mut rest = packet.bytes.as_slice();
        while rest.len() >= 13 && rest[0] < 32 {
            let end = 13 + usize::from(u16::from_be_bytes([rest[11], rest[12]]));
            let (record, after) = rest.split_at(end);
            rest = after;
            let mut record = record.to_vec();
            if wanted(packet, &record) {
                edited += 1;
                edit(&mut record);
                let length = (record.len() - 13) as u16;
                record[11..13].copy_from_slice(&length.to_be_bytes());
            }
            datagram.extend_from_slice(&record);
        }
        datagram.extend_from_slice(rest);
        packet.bytes = datagram.into();
    }
    assert!(edited > 0, "no such record is in the recording");
}

/// Whether a record in a datagram is of that content type and epoch.
pub(in crate::checks) fn is_record(record: &[u8], kind: u8, epoch: u16) -> bool {
    record[0] == kind && record[3..5] == epoch.to_be_bytes()
}

/// Has a peer send one more record, opened, so long after everything else: of 1.2, with the next number of its epoch.
pub(in crate::checks) fn say(evidence: &mut Evidence, sender: Peer, kind: u8, content: &[u8], after_us: u64) {
    const EPOCH: u16 = 1;
    let wire = evidence.wire.as_mut().unwrap();
    let end_us = wire.packets.iter().map(|it| it.t_us).max().unwrap();
    let frame = wire.packets.iter().map(|it| it.frame).max().unwrap() + 1;
    let own = |it: &&Packet| it.sender == sender && !it.clear.is_empty() && (20..32).contains(&it.bytes[0]);
    let last = wire.packets.iter().rfind(own).unwrap().clone();
    let numbers = wire.packets.iter().filter(|it| it.sender == sender && (20..32).contains(&it.bytes[0]));
    let numbers = numbers.flat_map(|it| it.records().map_while(Result::ok).collect::<Vec<_>>());
    let number = |record| match record {
        peerproof_captures::wire::dtls::Record::Plain(plain) if plain.epoch.value == EPOCH => {
            Some(plain.sequence.value)
        }
        _ => None,
    };
    let sequence = numbers.filter_map(number).max().unwrap() + 1;
    let length = content.len() as u16 + 24;
    let head = [&[kind, 0xfe, 0xfd][..], &EPOCH.to_be_bytes(), &sequence.to_be_bytes()[2..]].concat();
    let bytes = [&head[..], &length.to_be_bytes(), &vec![0x5a; usize::from(length)]].concat();
    let clear = Clear {
        kind: Kind::Record { content_type: kind, epoch: EPOCH.into(), sequence },
        key_of: last.clear[0].key_of,
        bytes: content.to_vec().into(),
    };
    let packet = Packet { frame, t_us: end_us + after_us, bytes: bytes.into(), clear: vec![clear], ..last };
    wire.packets.push(packet);
}

fn dtls(evidence: &mut Evidence) -> impl Iterator<Item = &mut Packet> {
    let packets = &mut evidence.wire.as_mut().unwrap().packets;
    packets.iter_mut().filter(|packet| (20..64).contains(&packet.bytes[0]))
}

/// Edits the header of each fragment in clear of a message of a type, as long as the record that begins its datagram.
pub(in crate::checks) fn edit_headers(evidence: &mut Evidence, kind: u8, edit: impl Fn(&mut [u8])) {
    each_fragment(evidence, kind, |fragment| edit(&mut fragment[..12]));
}

/// Writes bytes over those at a place of each message of a type, in whichever fragment they are.
pub(in crate::checks) fn overwrite(evidence: &mut Evidence, kind: u8, at: usize, bytes: &[u8]) {
    each_fragment(evidence, kind, |fragment| {
        let begin = usize::from(u16::from_be_bytes([fragment[7], fragment[8]]));
        for (n, byte) in bytes.iter().enumerate() {
            if let Some(place) = (at + n).checked_sub(begin).and_then(|at| fragment.get_mut(12 + at)) {
                *place = *byte;
            }
        }
    });
}

fn each_fragment(evidence: &mut Evidence, kind: u8, edit: impl Fn(&mut [u8])) {
    let mut edited = 0;
    for packet in dtls(evidence) {
        let mut rest = packet.bytes.to_mut().as_mut_slice();
        while rest.len() >= 13 && rest[0] < 32 {
            let end = 13 + usize::from(u16::from_be_bytes([rest[11], rest[12]]));
            let (record, after) = std::mem::take(&mut rest).split_at_mut(end);
            rest = after;
            if record[0] != HANDSHAKE || record[3..5] != [0, 0] {
                continue;
            }
            let mut messages = &mut record[13..];
            while messages.len() >= 12 {
                let end = 12 + usize::from(u16::from_be_bytes([messages[10], messages[11]]));
                let (message, after) = std::mem::take(&mut messages).split_at_mut(end);
                messages = after;
                if message[0] == kind {
                    edited += 1;
                    edit(message);
                }
            }
        }
    }
    assert!(edited > 0, "no message of type {kind} is in the recording");
}

/// Appends a record to each datagram that begins with a message of a type.
pub(in crate::checks) fn append_record(evidence: &mut Evidence, kind: u8, record: &[u8]) {
    let begins = |packet: &&mut Packet| packet.bytes[0] == HANDSHAKE && packet.bytes[13] == kind;
    let mut appended = 0;
    for packet in dtls(evidence).filter(begins) {
        packet.bytes.to_mut().extend_from_slice(record);
        appended += 1;
    }
    assert!(appended > 0, "no datagram begins with a message of type {kind}");
}

/// Where the cipher suites of a ClientHello are.
pub(in crate::checks) fn suites(body: &[u8]) -> Range<usize> {
    let mut at = 34; // The version and the random come first.
    at += 1 + usize::from(body[at]);
    at += 1 + usize::from(body[at]);
    let length = usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
    at + 2..at + 2 + length
}

/// Where the length of all extensions of a hello is. A ServerHello, which has one suite, is known by its length.
fn extensions(body: &[u8]) -> usize {
    let server = 34 + 1 + usize::from(body[34]) + 3;
    let length = |at: usize| usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
    if body.len() >= server + 2 && server + 2 + length(server) == body.len() {
        return server;
    }
    let methods = suites(body).end;
    methods + 1 + usize::from(body[methods])
}

/// Where an extension of a hello begins.
pub(in crate::checks) fn extension(body: &[u8], kind: u16) -> Option<usize> {
    let mut at = extensions(body) + 2;
    while at + 4 <= body.len() {
        if body[at..at + 2] == kind.to_be_bytes() {
            return Some(at);
        }
        at += 4 + usize::from(u16::from_be_bytes([body[at + 2], body[at + 3]]));
    }
    None
}

/// Takes an extension out of each hello of a type that has it.
pub(in crate::checks) fn remove_extension(evidence: &mut Evidence, hello: u8, kind: u16) {
    edit_messages(evidence, hello, |body| {
        if let Some(at) = extension(body, kind) {
            let length = 4 + usize::from(u16::from_be_bytes([body[at + 2], body[at + 3]]));
            let all = extensions(body);
            add(body, all, -(length as i32));
            body.drain(at..at + length);
        }
        true
    });
}

/// Appends an extension to a hello.
pub(in crate::checks) fn append_extension(body: &mut Vec<u8>, bytes: &[u8]) {
    let all = extensions(body);
    add(body, all, bytes.len() as i32);
    body.extend_from_slice(bytes);
}

/// Inserts bytes into an extension of a hello that begins at a place.
pub(in crate::checks) fn insert(body: &mut Vec<u8>, extension: usize, at: usize, bytes: &[u8]) {
    let all = extensions(body);
    add(body, all, bytes.len() as i32);
    add(body, extension + 2, bytes.len() as i32);
    body.splice(at..at, bytes.iter().copied());
}

fn add(body: &mut [u8], at: usize, difference: i32) {
    let length = i32::from(u16::from_be_bytes([body[at], body[at + 1]])) + difference;
    body[at..at + 2].copy_from_slice(&(length as u16).to_be_bytes());
}

/// Replaces an SRTP profile in `use_srtp` of each hello of a type.
pub(in crate::checks) fn replace_profile(evidence: &mut Evidence, hello: u8, from: u8, to: u8) {
    edit_messages(evidence, hello, |body| {
        let at = extension(body, 14).unwrap();
        let end = at + 6 + usize::from(body[at + 5]);
        body[at + 6..end].chunks_mut(2).filter(|it| **it == [0, from]).for_each(|it| it[1] = to);
        true
    });
}
