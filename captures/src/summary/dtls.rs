//! DTLS records and the handshake messages in them that are in clear (RFC 6347 §4, RFC 9147 §4).

use super::Kind;
use super::classify::u16_at;

/// Name of a `HandshakeType` (RFC 5246 §7.4, RFC 6347 §4.3.2, RFC 8446 §4).
pub(super) fn handshake_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0 => "HelloRequest",
        1 => "ClientHello",
        2 => "ServerHello",
        3 => "HelloVerifyRequest",
        4 => "NewSessionTicket",
        8 => "EncryptedExtensions",
        11 => "Certificate",
        12 => "ServerKeyExchange",
        13 => "CertificateRequest",
        14 => "ServerHelloDone",
        15 => "CertificateVerify",
        16 => "ClientKeyExchange",
        20 => "Finished",
        _ => return None,
    })
}

/// All records of a datagram, as far as it can be read.
pub(super) fn records(mut bytes: &[u8]) -> Vec<Kind> {
    let mut seen = Vec::new();
    while let Some(&first) = bytes.first() {
        let rest = if first & 0b1110_0000 == 0b0010_0000 {
            seen.push(Kind::Record13);
            after_unified(bytes, first)
        } else {
            after_record(bytes, first, &mut seen)
        };
        match rest {
            Some(rest) => bytes = rest,
            None => break,
        }
    }
    seen
}

/// The unified header of RFC 9147 §4: C, S, L bits, then the length if L is set.
fn after_unified(bytes: &[u8], first: u8) -> Option<&[u8]> {
    if first & 0b0001_0000 != 0 {
        return None; // A connection id has a length that only the peers know; WebRTC uses none.
    }
    let sequence = if first & 0b1000 != 0 { 2 } else { 1 };
    if first & 0b0100 == 0 {
        return None; // Without a length the record fills the datagram.
    }
    let length = usize::from(u16_at(bytes, 1 + sequence)?);
    bytes.get(1 + sequence + 2 + length..)
}

fn after_record<'a>(bytes: &'a [u8], kind: u8, seen: &mut Vec<Kind>) -> Option<&'a [u8]> {
    let (Some(epoch), Some(length)) = (u16_at(bytes, 3), u16_at(bytes, 11)) else {
        seen.push(Kind::Unknown(kind));
        return None;
    };
    let end = 13 + usize::from(length);
    let body = bytes.get(13..end.min(bytes.len())).unwrap_or_default();
    match (kind, epoch) {
        (20, _) => seen.push(Kind::ChangeCipherSpec),
        (21, 0) => seen.push(Kind::Alert { level: body.first().copied(), description: body.get(1).copied() }),
        (21, _) => seen.push(Kind::Alert { level: None, description: None }),
        (22, 0) => handshake(body, seen),
        (22, _) => seen.push(Kind::EncryptedHandshake),
        (23, _) => seen.push(Kind::ApplicationData),
        (26, _) => seen.push(Kind::Ack),
        (other, _) => seen.push(Kind::Unknown(other)),
    }
    bytes.get(end..)
}

fn handshake(mut body: &[u8], seen: &mut Vec<Kind>) {
    while let &[kind, _, _, _, seq_high, seq_low, o1, o2, o3, l1, l2, l3, ref rest @ ..] = body {
        let offset = u32::from_be_bytes([0, o1, o2, o3]);
        let length = u32::from_be_bytes([0, l1, l2, l3]) as usize;
        let fragment = rest.get(..length.min(rest.len())).unwrap_or_default();
        if offset == 0 {
            let (version, retry) = if kind == 2 { server_hello(fragment) } else { (None, false) };
            let seq = u16::from_be_bytes([seq_high, seq_low]);
            seen.push(Kind::Handshake { kind, seq, version, retry });
        }
        body = rest.get(length..).unwrap_or_default();
    }
}

/// SHA-256 of "HelloRetryRequest", RFC 8446 §4.1.3.
const RETRY: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2,
    0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];
const SUPPORTED_VERSIONS: u16 = 43;

/// The version chosen, and whether this is a HelloRetryRequest.
fn server_hello(body: &[u8]) -> (Option<u16>, bool) {
    let legacy = u16_at(body, 0);
    let retry = body.get(2..34).is_some_and(|random| random == RETRY);
    let session = body.get(34).map_or(0, |&length| usize::from(length));
    let mut extensions = body.get(35 + session + 5..).unwrap_or_default();
    while let (Some(extension), Some(length)) = (u16_at(extensions, 0), u16_at(extensions, 2)) {
        if extension == SUPPORTED_VERSIONS {
            return (u16_at(extensions, 4), retry);
        }
        extensions = extensions.get(4 + usize::from(length)..).unwrap_or_default();
    }
    (legacy, retry)
}
