//! Handshake messages: RFC 9147 §5.2 (and RFC 6347 §4.2.2), each kind in a file of its own.

mod body;
mod certificate;
mod certificate_request;
mod certificate_verify;
mod client_hello;
mod connection_ids;
mod fragment;
mod key_exchange;
mod reassembly;
mod server_hello;
mod ticket;

pub use body::Body;
pub use certificate::{Certificate, CertificateEntry, CompressedCertificate};
pub use certificate_request::{CertificateRequest, CertificateType};
pub use certificate_verify::CertificateVerify;
pub use client_hello::ClientHello;
pub use connection_ids::{NewConnectionId, RequestConnectionId, Usage};
pub use fragment::{Fragment, Fragments, HandshakeType};
pub use key_exchange::{ClientKeyExchange, CurveType, KeyUpdate, ServerKeyExchange, UpdateRequest};
pub use reassembly::{Limits, Message, Pushed, Reassembly, Refused};
pub use server_hello::{HELLO_RETRY_REQUEST, HelloVerifyRequest, ServerHello};
pub use ticket::{NewSessionTicket, Resumption};

pub(super) use fragment::walk_all;

use super::version::Version;
use crate::wire::node::{self, Dissected};
use crate::wire::reader::Reader;
use crate::wire::stop::Read;
use std::fmt;

/// A handshake message, whole: its header and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handshake<'a> {
    /// The header, with all of the body.
    pub header: Fragment<'a>,
    /// What it says.
    pub body: Body<'a>,
}

/// Reads a whole message with its header of 12 bytes, as it came in one fragment, was reassembled, or decrypted.
///
/// `version` decides between the forms of 1.2 and 1.3 that some messages have.
pub fn view(bytes: &[u8], version: Version) -> Read<Handshake<'_>> {
    let header = Fragment::read(&mut Reader::new("DTLS handshake", bytes))?;
    let body = header.body(version)?;
    Ok(Handshake { header, body })
}

/// Dissects handshake messages or fragments of them, one after the other as a record holds them.
pub fn tree(bytes: &[u8], version: Version) -> Dissected<()> {
    node::record("DTLS handshake", bytes, |r| walk_all(r, version))
}

impl fmt::Display for Handshake<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.header.kind.value, self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::{check_all, hex};

    /// A whole message of that type.
    fn message(kind: u8, body: &str) -> Vec<u8> {
        let body = hex(body);
        let [_, length @ ..] = (body.len() as u32).to_be_bytes();
        [&[kind], length.as_slice(), &[0, 7], &[0; 3], &length, &body].concat()
    }

    fn check(version: Version, kind: u8, body: &str, shown: &str) {
        let bytes = message(kind, body);
        assert_eq!(view(&bytes, version).unwrap().to_string(), shown);
        check_all(&bytes, |bytes| tree(bytes, version).outcome());
    }

    const RANDOM: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    #[test]
    fn messages_of_1_3_are_read() {
        let v = Version::Dtls13;
        let retry = "fefd cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c 00 1301 00
                     000c 002b 0002 fefc 0033 0002 0017";
        let shown = "ServerHello (HelloRetryRequest) DTLS 1.3, TLS_AES_128_GCM_SHA256, [supported_versions,key_share]";
        check(v, 2, retry, shown);
        check(v, 8, "0009 000e 0005 0002 0007 00", "EncryptedExtensions [use_srtp]");
        check(
            v,
            11,
            "00 000014 000003 308201 0000 000003 308202 0004 0005 0000",
            "Certificate 2 certificates",
        );
        check(v, 13, "02 aabb 0008 000d 0004 0002 0403", "CertificateRequest [signature_algorithms]");
        check(v, 15, "0403 0003 304502", "CertificateVerify ecdsa_secp256r1_sha256");
        check(v, 20, "00112233445566778899aabb", "Finished (12 bytes)");
        let ticket = "00000e10 01020304 02 0001 0003 aabbcc 0008 002a 0004 00000400";
        check(v, 4, ticket, "NewSessionTicket 3 bytes for 3600 s");
        check(v, 24, "01", "KeyUpdate update_requested");
        check(v, 9, "03", "RequestConnectionId 3");
        check(v, 10, "0005 01 aa 02 bbcc 00", "NewConnectionId cid_immediate aa,bbcc");
        check(v, 25, "0002 000400 000003 010203", "CompressedCertificate algorithm 2, 1024 bytes");
        check(v, 5, "", "EndOfEarlyData");
        check(v, 200, "0102", "0xc8 (2 bytes)");
    }

    #[test]
    fn messages_of_1_2_are_read() {
        let v = Version::Dtls12;
        let hello = format!("fefd {RANDOM} 00 02 c00c 0004 c02b 00ff 01 00");
        check(v, 1, &hello, "ClientHello DTLS 1.2, 2 suites, cookie, no extensions");
        let shown = "ServerHello DTLS 1.2, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, no extensions";
        check(v, 2, &format!("fefd {RANDOM} 00 c02b 00"), shown);
        check(v, 3, "feff 04 01020304", "HelloVerifyRequest DTLS 1.0, cookie of 4 bytes");
        check(v, 4, "0000012c 0002 beef", "NewSessionTicket 2 bytes for 300 s");
        check(v, 11, "00000c 000003 308201 000003 308202", "Certificate 2 certificates");
        check(v, 12, "03 001d 02 aabb 0403 0001 30", "ServerKeyExchange x25519, ecdsa_secp256r1_sha256");
        check(v, 12, "03 0017 02 aabb", "ServerKeyExchange secp256r1");
        check(v, 12, "0100 aabb", "ServerKeyExchange (4 bytes)");
        check(v, 13, "01 40 0002 0403 0004 0002 3000", "CertificateRequest ecdsa_sign");
        check(v, 16, "02 aabb", "ClientKeyExchange point of 2 bytes");
        check(v, 16, "0003 aabbcc", "ClientKeyExchange (3 bytes)");
        check(v, 16, "0909", "ClientKeyExchange (2 bytes)");
        check(v, 14, "", "ServerHelloDone");
        check(Version::Dtls10, 15, "0002 3000", "CertificateVerify signature of 2 bytes");
        check(Version::Dtls10, 13, "01 40 0000", "CertificateRequest ecdsa_sign");
    }

    #[test]
    fn a_client_offers_what_its_extension_says_and_not_its_legacy_version() {
        let hello =
            |extensions: &str| message(1, &format!("fefd {RANDOM} 00 00 0002 1301 01 00 {extensions}"));
        let offers = |bytes: &[u8], version| match view(bytes, Version::Dtls12).unwrap().body {
            Body::ClientHello(hello) => hello.offers(version),
            body => panic!("{body:?}"),
        };
        let only_13 = hello("0007 002b 0003 02 fefc");
        assert!(offers(&only_13, Version::Dtls13) && !offers(&only_13, Version::Dtls12));
        let none = hello("");
        assert!(!offers(&none, Version::Dtls13) && offers(&none, Version::Dtls12));
    }

    #[test]
    fn bytes_after_a_message_are_remarked() {
        let bytes = message(24, "01 99");
        let (node, stop) = tree(&bytes, Version::Dtls13).outcome();
        assert_eq!(stop, None);
        assert_eq!(node.children[0].anomalies[0].what, "bytes after the end of the unit");
    }
}
