//! Fields of packets by name, for rules that change one bit of them.

use super::super::class::{Class, Seen};
use peerproof_captures::wire::rtp;
use peerproof_captures::wire::stun::{self, AttributeType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A field of a packet. The lowest bit of its last byte is changed, of `payload` and `body` that of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// Of RTP (RFC 3550 §5.1), and the packet type of RTCP.
    PayloadType,
    /// The sequence number of RTP or of the first DTLS record.
    Sequence,
    /// Of RTP.
    Timestamp,
    /// Of RTP, and the sender of RTCP.
    Ssrc,
    /// What follows the header of SRTP, encrypted.
    Payload,
    /// The authentication tag of SRTP, which is last, or of the last DTLS record if that is protected by an AEAD.
    Tag,
    /// The epoch of the first DTLS record.
    Epoch,
    /// The length of the first DTLS record.
    Length,
    /// What the first DTLS record holds.
    Body,
    /// The transaction ID of STUN (RFC 8489 §5).
    Transaction,
    /// MESSAGE-INTEGRITY of STUN (RFC 8489 §14.5).
    MessageIntegrity,
    /// FINGERPRINT of STUN (RFC 8489 §14.7).
    Fingerprint,
}

impl Field {
    /// Whether packets of this class may have it.
    #[must_use]
    pub fn is_of(self, class: Class) -> bool {
        match class {
            Class::Stun => matches!(self, Self::Transaction | Self::MessageIntegrity | Self::Fingerprint),
            Class::Dtls => {
                matches!(self, Self::Sequence | Self::Epoch | Self::Length | Self::Body | Self::Tag)
            }
            Class::Srtp => matches!(
                self,
                Self::PayloadType | Self::Sequence | Self::Timestamp | Self::Ssrc | Self::Payload | Self::Tag
            ),
            Class::Srtcp => matches!(self, Self::PayloadType | Self::Ssrc),
            Class::TurnChannel | Class::Other => false,
        }
    }

    /// Which byte of the packet is to be changed; nothing if it has no such field.
    #[must_use]
    pub fn byte_in(self, bytes: &[u8], seen: &Seen) -> Option<usize> {
        let class = seen.class.filter(|class| self.is_of(*class))?;
        let at = match class {
            Class::Stun => self.in_stun(bytes)?,
            Class::Dtls => self.in_dtls(bytes)?,
            Class::Srtp => match self {
                Self::PayloadType => 1,
                Self::Sequence => 3,
                Self::Timestamp => 7,
                Self::Ssrc => 11,
                Self::Payload => rtp::view(bytes).ok()?.payload.range.start as usize,
                _ => bytes.len().checked_sub(1)?,
            },
            Class::Srtcp => match self {
                Self::PayloadType => 1,
                _ => 7,
            },
            Class::TurnChannel | Class::Other => return None,
        };
        (at < bytes.len()).then_some(at)
    }

    fn in_stun(self, bytes: &[u8]) -> Option<usize> {
        let kind = match self {
            Self::MessageIntegrity => AttributeType::MessageIntegrity,
            Self::Fingerprint => AttributeType::Fingerprint,
            _ => return Some(19),
        };
        let attribute = stun::view(bytes).ok()?.attribute(kind)?;
        (attribute.value.range.end as usize).checked_sub(1)
    }

    fn in_dtls(self, bytes: &[u8]) -> Option<usize> {
        let plaintext_header = bytes.first().is_some_and(|first| *first < 32);
        match self {
            Self::Tag => bytes.len().checked_sub(1),
            // The unified header of DTLS 1.3 has neither in one place, and protects the number.
            _ if !plaintext_header => None,
            Self::Epoch => Some(4),
            Self::Sequence => Some(10),
            Self::Length => Some(12),
            _ => Some(13),
        }
    }
}
