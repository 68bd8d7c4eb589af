//! Which protocol a datagram holds, by its first byte: RFC 7983 §7 as updated by RFC 9443 §3.
//!
//! ```text
//!              +----------------+
//!              |        [0..3] -+--> forward to STUN
//!              |       [4..15] -+--> DROP
//!              |      [16..19] -+--> forward to ZRTP
//!  packet -->  |      [20..63] -+--> forward to DTLS
//!              |      [64..79] -+--> forward to TURN Channel
//!              |     [80..127] -+--> forward to QUIC
//!              |    [128..191] -+--> forward to RTP/RTCP
//!              |    [192..255] -+--> forward to QUIC
//!              +----------------+
//! ```
//!
//! RTP and RTCP are distinguished by the second byte, RFC 5761 §4. A datagram on a port without WebRTC falls into a class all the
//! same: the class says what it would be, not what it is.

use std::fmt;

/// The class of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// STUN, and TURN's control messages.
    Stun,
    /// ZRTP (RFC 6189).
    Zrtp,
    /// DTLS; first bytes of 32 and more are the unified header of DTLS 1.3.
    Dtls,
    /// TURN ChannelData.
    TurnChannel,
    /// RTP or SRTP.
    Rtp,
    /// RTCP or SRTCP.
    Rtcp,
    /// QUIC.
    Quic,
    /// A first byte assigned to nothing.
    Unassigned,
    /// No byte at all.
    Empty,
}

/// The class of `datagram`.
#[inline]
pub fn class(datagram: &[u8]) -> Class {
    match datagram {
        [] => Class::Empty,
        [0..=3, ..] => Class::Stun,
        [16..=19, ..] => Class::Zrtp,
        [20..=63, ..] => Class::Dtls,
        [64..=79, ..] => Class::TurnChannel,
        [128..=191, second, ..] if is_rtcp(*second) => Class::Rtcp,
        [128..=191, ..] => Class::Rtp,
        [80..=127 | 192..=255, ..] => Class::Quic,
        [4..=15, ..] => Class::Unassigned,
    }
}

/// Whether a second byte is an RTCP packet type rather than marker and payload type of RTP (RFC 5761 §4).
///
/// RTP payload types 64 to 95 are not used where both are multiplexed, which are packet types 192 to 223 with the marker bit.
#[inline]
pub const fn is_rtcp(second: u8) -> bool {
    matches!(second, 192..=223)
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Stun => "STUN",
            Self::Zrtp => "ZRTP",
            Self::Dtls => "DTLS",
            Self::TurnChannel => "TURN ChannelData",
            Self::Rtp => "RTP",
            Self::Rtcp => "RTCP",
            Self::Quic => "QUIC",
            Self::Unassigned => "unassigned",
            Self::Empty => "empty",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_change_at_the_bounds_of_the_figure() {
        let changes: Vec<(u8, Class)> = (0..=255u8)
            .map(|first| (first, class(&[first, 96])))
            .scan(None, |last, (first, class)| {
                let changed = last.replace(class) != Some(class);
                Some(changed.then_some((first, class)))
            })
            .flatten()
            .collect();
        let expected = [
            (0, Class::Stun),
            (4, Class::Unassigned),
            (16, Class::Zrtp),
            (20, Class::Dtls),
            (64, Class::TurnChannel),
            (80, Class::Quic),
            (128, Class::Rtp),
            (192, Class::Quic),
        ];
        assert_eq!(changes, expected);
        assert_eq!(class(&[]), Class::Empty);
    }

    #[test]
    fn packet_types_of_rtcp_are_no_payload_types() {
        assert_eq!(class(&[0x80, 191]), Class::Rtp);
        assert_eq!(class(&[0x80, 192]), Class::Rtcp);
        assert_eq!(class(&[0x81, 200]), Class::Rtcp);
        assert_eq!(class(&[0x8f, 207]), Class::Rtcp);
        assert_eq!(class(&[0x80, 224]), Class::Rtp);
        assert_eq!(class(&[0x80]), Class::Rtp);
    }
}
