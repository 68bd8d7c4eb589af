//! RTP and RTCP headers (RFC 3550 §5.1, §6.4), which SRTP leaves in clear.

use super::Kind;
use super::classify::{u16_at, u32_at};

/// Name of an RTCP packet: type, and format of feedback (RFC 4585 §6.1).
pub(super) fn rtcp_name(packet_type: u8, format: u8) -> Option<&'static str> {
    Some(match (packet_type, format) {
        (200, _) => "SR",
        (201, _) => "RR",
        (202, _) => "SDES",
        (203, _) => "BYE",
        (204, _) => "APP",
        (205, 1) => "NACK",
        (205, 15) => "TWCC",
        (206, 1) => "PLI",
        (206, 4) => "FIR",
        (206, 15) => "REMB",
        (207, _) => "XR",
        _ => return None,
    })
}

/// SRTP or SRTCP, told apart by the second byte (RFC 5761 §4).
pub(super) fn protected(bytes: &[u8]) -> Option<Kind> {
    match *bytes {
        [first, packet_type @ 192..=223, ..] => Some(Kind::Srtcp { packet_type, format: first & 0x1F }),
        [_, second, ..] => Some(Kind::Srtp {
            payload_type: second & 0x7F,
            ssrc: u32_at(bytes, 8)?,
            length: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        }),
        _ => None,
    }
}

/// An RTP packet in the clear.
pub(super) fn clear_rtp(bytes: &[u8]) -> Option<Kind> {
    let second = bytes.get(1)?;
    Some(Kind::Rtp { payload_type: second & 0x7F, ssrc: u32_at(bytes, 8)? })
}

/// Each packet of a compound.
pub(super) fn clear_rtcp(mut bytes: &[u8]) -> Vec<Kind> {
    let mut seen = Vec::new();
    while let (&[first, packet_type, ..], Some(words)) = (bytes, u16_at(bytes, 2)) {
        seen.push(Kind::Rtcp { packet_type, format: first & 0x1F });
        bytes = bytes.get((usize::from(words) + 1) * 4..).unwrap_or_default();
    }
    seen
}
