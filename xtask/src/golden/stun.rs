//! STUN messages (RFC 8489 §5).

use hmac::{Hmac, Mac};
use sha1::Sha1;
use std::net::{IpAddr, SocketAddr};

/// Message types.
pub(super) const BINDING_REQUEST: u16 = 0x0001;
pub(super) const BINDING_INDICATION: u16 = 0x0011;
pub(super) const BINDING_SUCCESS: u16 = 0x0101;
pub(super) const BINDING_ERROR: u16 = 0x0111;
pub(super) const ALLOCATE_REQUEST: u16 = 0x0003;
pub(super) const ALLOCATE_SUCCESS: u16 = 0x0103;
pub(super) const ALLOCATE_ERROR: u16 = 0x0113;
pub(super) const REFRESH_REQUEST: u16 = 0x0004;
pub(super) const REFRESH_SUCCESS: u16 = 0x0104;
pub(super) const SEND_INDICATION: u16 = 0x0016;
pub(super) const DATA_INDICATION: u16 = 0x0017;
pub(super) const CREATE_PERMISSION_REQUEST: u16 = 0x0008;
pub(super) const CREATE_PERMISSION_SUCCESS: u16 = 0x0108;
pub(super) const CREATE_PERMISSION_ERROR: u16 = 0x0118;
pub(super) const CHANNEL_BIND_REQUEST: u16 = 0x0009;
pub(super) const CHANNEL_BIND_SUCCESS: u16 = 0x0109;

/// Attribute types.
pub(super) const MAPPED_ADDRESS: u16 = 0x0001;
pub(super) const USERNAME: u16 = 0x0006;
pub(super) const ERROR_CODE: u16 = 0x0009;
pub(super) const CHANNEL_NUMBER: u16 = 0x000c;
pub(super) const LIFETIME: u16 = 0x000d;
pub(super) const XOR_PEER_ADDRESS: u16 = 0x0012;
pub(super) const DATA: u16 = 0x0013;
pub(super) const REALM: u16 = 0x0014;
pub(super) const NONCE: u16 = 0x0015;
pub(super) const XOR_RELAYED_ADDRESS: u16 = 0x0016;
pub(super) const REQUESTED_TRANSPORT: u16 = 0x0019;
pub(super) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
pub(super) const PRIORITY: u16 = 0x0024;
pub(super) const USE_CANDIDATE: u16 = 0x0025;
pub(super) const SOFTWARE: u16 = 0x8022;
pub(super) const ICE_CONTROLLED: u16 = 0x8029;
pub(super) const ICE_CONTROLLING: u16 = 0x802a;

const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const MESSAGE_INTEGRITY: u16 = 0x0008;
const FINGERPRINT: u16 = 0x8028;

/// A message in the making.
pub(super) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// A message whose transaction ID ends with this number.
    pub(super) fn new(kind: u16, id: u32) -> Self {
        let mut bytes = kind.to_be_bytes().to_vec();
        bytes.extend([0, 0]);
        bytes.extend(COOKIE);
        bytes.extend(b"peerproo");
        bytes.extend(id.to_be_bytes());
        Self { bytes }
    }

    pub(super) fn with(mut self, kind: u16, value: &[u8]) -> Self {
        self.bytes.extend(kind.to_be_bytes());
        self.bytes.extend((value.len() as u16).to_be_bytes());
        self.bytes.extend(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.set_length(0);
        self
    }

    pub(super) fn with_address(self, kind: u16, address: SocketAddr) -> Self {
        let value = self.address(kind, address);
        self.with(kind, &value)
    }

    /// An address, xored unless it is the attribute that is not.
    fn address(&self, kind: u16, address: SocketAddr) -> Vec<u8> {
        let mut value = match address.ip() {
            IpAddr::V4(ip) => [&[0, 1], &address.port().to_be_bytes()[..], &ip.octets()].concat(),
            IpAddr::V6(ip) => [&[0, 2], &address.port().to_be_bytes()[..], &ip.octets()].concat(),
        };
        if kind != MAPPED_ADDRESS {
            let mask: Vec<u8> = self.bytes.iter().skip(4).take(16).copied().collect();
            let port = value.iter_mut().skip(2).take(2);
            port.zip(&mask).for_each(|(byte, mask)| *byte ^= mask);
            let ip = value.iter_mut().skip(4);
            ip.zip(&mask).for_each(|(byte, mask)| *byte ^= mask);
        }
        value
    }

    pub(super) fn with_error(self, code: u16, reason: &str) -> Self {
        let value = [&[0, 0, (code / 100) as u8, (code % 100) as u8], reason.as_bytes()].concat();
        self.with(ERROR_CODE, &value)
    }

    /// The message with the length of its body, counting `more` bytes that will follow.
    fn set_length(&mut self, more: usize) {
        let length = (self.bytes.len() - 20 + more) as u16;
        if let Some(place) = self.bytes.get_mut(2..4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }

    /// Ends it with MESSAGE-INTEGRITY under `key` and FINGERPRINT.
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    pub(super) fn signed(mut self, key: &[u8]) -> Vec<u8> {
        self.set_length(24);
        let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("a key");
        mac.update(&self.bytes);
        let digest = mac.finalize().into_bytes();
        self.with(MESSAGE_INTEGRITY, &digest).with_fingerprint()
    }

    /// Ends it with FINGERPRINT.
    pub(super) fn with_fingerprint(mut self) -> Vec<u8> {
        self.set_length(8);
        let checksum = crc32fast::hash(&self.bytes) ^ 0x5354_554e;
        self.with(FINGERPRINT, &checksum.to_be_bytes()).bytes
    }

    /// Ends it without any of both.
    pub(super) fn bare(self) -> Vec<u8> {
        self.bytes
    }
}
