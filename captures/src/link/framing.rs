//! Cutting a TCP stream into messages: RFC 4571 frames, or STUN messages and ChannelData (RFC 8489 §6.2.2, RFC 8656 §12.5).

use crate::wire::demux::{self, Class};
use crate::wire::{stun, turn};
use std::ops::Range;

const MAGIC_COOKIE: [u8; 4] = stun::COOKIE.to_be_bytes();

/// How messages stand in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// A length of two bytes before each packet.
    Rfc4571,
    /// STUN messages and ChannelData one after the other.
    Turn,
    /// Neither: nothing of WebRTC.
    Foreign,
}

impl Framing {
    /// Recognises the framing by the beginning of a message; nothing while that is too short to decide.
    pub(super) fn recognise(stream: &[u8]) -> Option<Self> {
        let class = demux::class(stream);
        if stream.len() < 8 && matches!(class, Class::Stun) {
            return None;
        }
        if class == Class::Stun && stream.get(4..8) == Some(&MAGIC_COOKIE) {
            return Some(Self::Turn);
        }
        let (length, packet) = stream.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let plausible = match demux::class(packet) {
            Class::Stun if packet.len() < 8 => return None,
            Class::Stun => length >= 20 && packet.get(4..8) == Some(&MAGIC_COOKIE),
            Class::Dtls if packet.len() < 2 => return None,
            // A version that begins with 0xfe, or the unified header of 1.3.
            Class::Dtls => length >= 13 && (packet.get(1) == Some(&0xfe) || packet.first() >= Some(&0x20)),
            Class::Rtp | Class::Rtcp => length >= 8,
            Class::Empty => return None,
            _ => false,
        };
        if plausible {
            return Some(Self::Rfc4571);
        }
        // ChannelData in a stream whose beginning was not captured.
        let channel = class == Class::TurnChannel
            && turn::length_in_stream(stream).is_some_and(|length| length > 4 && length <= stream.len());
        Some(if channel { Self::Turn } else { Self::Foreign })
    }

    /// The next message: its place in `stream`, and where the one after it begins. Nothing while it is not whole.
    pub(super) fn next(self, stream: &[u8]) -> Option<Result<(Range<usize>, usize), Lost>> {
        match self {
            Self::Rfc4571 => {
                let length = usize::from(u16::from_be_bytes(*stream.first_chunk()?));
                let end = 2 + length;
                (end <= stream.len()).then_some(Ok((2..end, end)))
            }
            Self::Turn => {
                stream.first_chunk::<4>()?;
                let Some(length) = turn::length_in_stream(stream) else { return Some(Err(Lost)) };
                (length <= stream.len()).then_some(Ok((0..length, length)))
            }
            Self::Foreign => Some(Err(Lost)),
        }
    }
}

/// Where messages begin is not known any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost;
