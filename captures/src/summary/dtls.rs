//! DTLS records and the handshake messages in them that are in clear (RFC 6347 §4, RFC 9147 §4).

use super::Kind;
use super::classify::u16_at;
use crate::wire::dtls::handshake::{Body, Fragment, Fragments, HELLO_RETRY_REQUEST, HandshakeType};
use crate::wire::dtls::record::{self, ContentType, Record};
use crate::wire::dtls::{self, Version};
use crate::wire::{Field, Reader};

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
pub(super) fn records(bytes: &[u8]) -> Vec<Kind> {
    let (mut seen, mut end) = (Vec::new(), 0);
    for record in dtls::view(bytes).records() {
        let first = bytes.get(end).copied().unwrap_or_default();
        end = record.as_ref().map_or(bytes.len(), |record| record.range().end as usize);
        match record {
            Ok(Record::Unified(_)) => seen.push(Kind::Record13),
            Ok(Record::Plain(plain)) => match (plain.kind.value, plain.epoch.value) {
                (ContentType::Handshake, 0) => messages(plain.fragment, &mut seen),
                (kind, epoch) => seen.push(of(kind, epoch, plain.fragment.value)),
            },
            Err(stop) if record::lacks_cid_length(&stop) && first >= 0x20 => seen.push(Kind::Record13),
            Err(_) => seen.push(Kind::Unknown(first)),
        }
    }
    seen
}

fn of(kind: ContentType, epoch: u16, content: &[u8]) -> Kind {
    match (kind, epoch) {
        (ContentType::ChangeCipherSpec, _) => Kind::ChangeCipherSpec,
        (ContentType::Alert, 0) => {
            Kind::Alert { level: content.first().copied(), description: content.get(1).copied() }
        }
        (ContentType::Alert, _) => Kind::Alert { level: None, description: None },
        (ContentType::Handshake, _) => Kind::EncryptedHandshake,
        (ContentType::ApplicationData, _) => Kind::ApplicationData,
        (ContentType::Ack, _) => Kind::Ack,
        (other, _) => Kind::Unknown(other.raw()),
    }
}

/// Messages are told at their first fragment.
fn messages(content: Field<&[u8]>, seen: &mut Vec<Kind>) {
    for fragment in Fragments::new(content).map_while(Result::ok) {
        if fragment.fragment_offset.value == 0 {
            let kind = fragment.kind.value;
            let server = kind == HandshakeType::ServerHello;
            let (version, retry) = if server { server_hello(&fragment) } else { (None, false) };
            seen.push(Kind::Handshake { kind: kind.raw(), seq: fragment.message_seq.value, version, retry });
        }
    }
}

/// The version chosen, and whether this is a HelloRetryRequest, as far as the first fragment tells.
fn server_hello(fragment: &Fragment<'_>) -> (Option<u16>, bool) {
    let bytes = fragment.bytes.value;
    let mut reader = Reader::new("DTLS handshake", bytes);
    match Body::read(&mut reader, HandshakeType::ServerHello, Version::Dtls12) {
        Ok(Body::ServerHello(hello)) => (Some(hello.version().value.raw()), hello.is_hello_retry_request()),
        _ => (u16_at(bytes, 0), fragment.hello_random() == Some(&HELLO_RETRY_REQUEST)),
    }
}
