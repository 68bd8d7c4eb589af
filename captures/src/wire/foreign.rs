//! Protocols that are none of WebRTC's and share its ports, or its first bytes (RFC 7983), as far as a datagram itself proves which it is.
//!
//! What is recognised here is named as what it is; no requirement of WebRTC is held against it.

use super::demux::{self, Class};
use super::stun::{self, AttributeType, Method};
use std::fmt;

/// A protocol, as a datagram of it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Foreign {
    /// STUN of RFC 3489, without the magic cookie of its successors.
    ClassicStun,
    /// TURN with the cookie of its early drafts, as \[MS-TURN\] has it: Skype and Teams.
    MsTurn,
    /// STUN with a method that no registry has: messengers have their own.
    StunMethod(u16),
    /// Allocate without REQUESTED-TRANSPORT (RFC 8656 §7.1) and with attributes that no registry has: not TURN.
    StunAllocate,
    /// QUIC with a long header (RFC 9000 §17.2), by its version.
    Quic(u32),
    /// ZRTP (RFC 6189 §5).
    Zrtp,
}

/// The cookie in the first attribute of \[MS-TURN\] §2.2.2.8.
const MS_COOKIE: [u8; 8] = [0x00, 0x0f, 0x00, 0x04, 0x72, 0xc6, 0x4b, 0xc6];
/// Bytes of a STUN header.
const STUN_HEADER: usize = 20;
/// Where the magic cookie of ZRTP is, and what it is.
const ZRTP: (usize, &[u8]) = (4, b"ZRTP");
/// Comprehension-required attributes from here on are registered by nobody (RFC 8489 §18.3).
const UNREGISTERED: u16 = 0x4000;

/// What a datagram is that is none of WebRTC's. Nothing for what is, and for what nothing proves.
pub fn recognise(datagram: &[u8]) -> Option<Foreign> {
    match demux::class(datagram) {
        // The types of a dialect may be beyond those of the registry, and so beyond the first bytes of STUN.
        Class::Stun | Class::Unassigned if stun::looks_like_stun(datagram) => dialect(datagram),
        Class::Stun => without_cookie(datagram),
        Class::Zrtp => {
            let (at, cookie) = ZRTP;
            datagram.get(at..)?.starts_with(cookie).then_some(Foreign::Zrtp)
        }
        Class::Quic => quic(datagram),
        _ => None,
    }
}

/// STUN with the cookie and something that is no part of STUN or TURN.
fn dialect(datagram: &[u8]) -> Option<Foreign> {
    let message = stun::view(datagram).ok()?;
    match message.kind.value.method() {
        Method::Unknown(_) => Some(Foreign::StunMethod(message.kind.value.0)),
        Method::Allocate if message.kind.value.class() == stun::Class::Request => {
            let mut kinds = message.attributes().map_while(Result::ok).map(|it| it.kind.value);
            let own = |kind: AttributeType| (UNREGISTERED..0x8000).contains(&kind.raw());
            let lacks = message.attribute(AttributeType::RequestedTransport).is_none();
            (lacks && kinds.any(own)).then_some(Foreign::StunAllocate)
        }
        _ => None,
    }
}

/// A message of which type, length and attributes add up, and that has no magic cookie.
fn without_cookie(datagram: &[u8]) -> Option<Foreign> {
    let (head, attributes) = datagram.split_at_checked(STUN_HEADER)?;
    let [a, b, c, d, ..] = *head else { return None };
    let (kind, length) = (u16::from_be_bytes([a, b]), usize::from(u16::from_be_bytes([c, d])));
    if length != attributes.len() || !adds_up(attributes) {
        return None;
    }
    if attributes.starts_with(&MS_COOKIE) {
        return Some(Foreign::MsTurn);
    }
    // Binding and Shared Secret: RFC 3489 §11.1.
    matches!(kind, 0x0001 | 0x0101 | 0x0111 | 0x0002 | 0x0102 | 0x0112).then_some(Foreign::ClassicStun)
}

/// Whether attributes fill the message. Early versions did not pad them, so their lengths are multiples of four or the next one follows.
fn adds_up(mut rest: &[u8]) -> bool {
    while let Some(([_, _, high, low], after)) = rest.split_first_chunk::<4>() {
        let size = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((_, next)) = after.split_at_checked(size) else { return false };
        rest = next;
    }
    rest.is_empty()
}

/// A long header of a version that is known: 1 and 2, and the drafts of version 1.
fn quic(datagram: &[u8]) -> Option<Foreign> {
    let [first, a, b, c, d, identifier, ..] = *datagram.first_chunk::<6>()?;
    let version = u32::from_be_bytes([a, b, c, d]);
    let known = matches!(version, 1 | 0x6b33_43cf) || (0xff00_0000..=0xff00_00ff).contains(&version);
    (first & 0xc0 == 0xc0 && known && identifier <= 20).then_some(Foreign::Quic(version))
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClassicStun => f.write_str("STUN of RFC 3489, without the magic cookie"),
            Self::MsTurn => f.write_str("TURN as [MS-TURN] has it (Skype, Teams)"),
            Self::StunMethod(kind) => {
                write!(f, "STUN with a message type of its own ({kind:#06x}), as messengers have it")
            }
            Self::StunAllocate => f.write_str(
                "STUN with Allocate requests of its own (no REQUESTED-TRANSPORT, unregistered attributes), as messengers have it",
            ),
            Self::Quic(1) => f.write_str("QUIC version 1"),
            Self::Quic(0x6b33_43cf) => f.write_str("QUIC version 2"),
            Self::Quic(version) => write!(f, "QUIC draft {}", version & 0xff),
            Self::Zrtp => f.write_str("ZRTP"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, cookie: [u8; 4], attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (name, value) in attributes {
            body.extend(name.to_be_bytes());
            body.extend((value.len() as u16).to_be_bytes());
            body.extend(*value);
        }
        let mut bytes = kind.to_be_bytes().to_vec();
        bytes.extend((body.len() as u16).to_be_bytes());
        bytes.extend(cookie);
        bytes.extend([7; 12]);
        bytes.extend(body);
        bytes
    }

    const COOKIE: [u8; 4] = stun::COOKIE.to_be_bytes();
    const OTHER: [u8; 4] = [1, 2, 3, 4];

    #[test]
    fn each_protocol_is_recognised_and_what_nearly_is_one_is_not() {
        let cookie: (u16, &[u8]) = (0x000f, &[0x72, 0xc6, 0x4b, 0xc6]);
        for (bytes, expected) in [
            (message(0x0001, OTHER, &[]), Some(Foreign::ClassicStun)),
            (message(0x0101, OTHER, &[(1, &[0, 1, 0, 80, 192, 0, 2, 1])]), Some(Foreign::ClassicStun)),
            (message(0x0003, OTHER, &[cookie, (0x0006, b"user")]), Some(Foreign::MsTurn)),
            (message(0x0801, COOKIE, &[]), Some(Foreign::StunMethod(0x0801))),
            (message(0x0003, COOKIE, &[(0x4000, &[1; 8])]), Some(Foreign::StunAllocate)),
            (vec![0xc3, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8], Some(Foreign::Quic(1))),
            (b"\x10\x00\x00\x01ZRTP\x00\x00\x00\x01".to_vec(), Some(Foreign::Zrtp)),
            // Real STUN, real TURN, and what has the first byte alone.
            (message(0x0001, COOKIE, &[]), None),
            (message(0x0003, COOKIE, &[(0x0019, &[17, 0, 0, 0]), (0x4000, &[1; 8])]), None),
            (message(0x0003, COOKIE, &[(0x8022, b"name")]), None),
            (message(0x0003, OTHER, &[(0x0006, b"user"), cookie]), None),
            (message(0x0001, OTHER, &[(1, &[0; 4])])[..27].to_vec(), None),
            (vec![0x00; 40], None),
            (vec![0xc3, 1, 2, 3, 4, 8, 1, 2], None),
            (vec![0x43, 0, 0, 0, 1, 8, 1, 2], None),
            (b"\x10\x00\x00\x01ZRT".to_vec(), None),
            (Vec::new(), None),
        ] {
            assert_eq!(recognise(&bytes), expected, "{bytes:02x?}");
        }
    }

    #[test]
    fn every_truncation_and_every_changed_byte_is_borne() {
        let whole = message(0x0003, OTHER, &[(0x000f, &[0x72, 0xc6, 0x4b, 0xc6])]);
        for cut in 0..whole.len() {
            assert_eq!(recognise(&whole[..cut]), None, "{cut}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0xff;
            let _ = recognise(&changed);
        }
    }
}
