//! Which protocol a datagram is, by its first byte (RFC 7983 §7 and RFC 9443).

use super::{Kind, dtls, rtp, sctp, stun};
use crate::recording::Content;

/// Everything that is in a packet.
pub(super) fn classify(content: Content<'_>) -> Vec<Kind> {
    match content {
        // Whoever has whole packets gives their payload too; it would count twice.
        Content::Ip(_) => Vec::new(),
        Content::Udp(bytes) | Content::Framed(bytes) | Content::Tcp(bytes) => datagram(bytes),
        Content::Rtp(bytes) => rtp::clear_rtp(bytes).into_iter().collect(),
        Content::Rtcp(bytes) => rtp::clear_rtcp(bytes),
        Content::Sctp(bytes) => sctp::chunks(bytes),
    }
}

fn datagram(bytes: &[u8]) -> Vec<Kind> {
    match bytes.first().copied() {
        None => Vec::new(),
        Some(first @ 0..=3) => vec![stun::message(bytes).unwrap_or(Kind::Unknown(first))],
        Some(20..=63) => dtls::records(bytes),
        Some(64..=79) => vec![Kind::ChannelData],
        Some(first @ 128..=191) => vec![rtp::protected(bytes).unwrap_or(Kind::Unknown(first))],
        Some(first) => vec![Kind::Unknown(first)],
    }
}

/// A big-endian number of two bytes at `at`.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(pair.try_into().ok()?))
}

/// A big-endian number of four bytes at `at`.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}
