//! Data channels: `a=sctp-port` and `a=max-message-size` (RFC 8841 §5 and §6), and the obsolete `a=sctpmap`.

use super::Attribute;
use crate::sdp::scanner::{Malformed, Scanner};
use std::fmt;

/// `a=sctp-port`, RFC 8841 §5: 0 closes the association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SctpPort(pub u16);

/// `a=max-message-size`, RFC 8841 §6: in bytes, 0 for any size; 65536 holds where it is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxMessageSize(pub u64);

impl Attribute for SctpPort {
    const NAMES: &'static [&'static str] = &["sctp-port"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let port = s.number("a port")?;
        s.end();
        Ok(Self(port))
    }
}

impl Attribute for MaxMessageSize {
    const NAMES: &'static [&'static str] = &["max-message-size"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let size = s.number("a number of bytes")?;
        s.end();
        Ok(Self(size))
    }
}

impl fmt::Display for SctpPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for MaxMessageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `a=sctpmap:<port> <application> [<streams>]` of draft-ietf-mmusic-sctp-sdp before its 12th version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SctpMap {
    /// The port.
    pub port: u16,
    /// `webrtc-datachannel`.
    pub application: String,
    /// The number of streams.
    pub streams: Option<u32>,
}

impl Attribute for SctpMap {
    const NAMES: &'static [&'static str] = &["sctpmap"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let port = s.number("a port")?;
        s.space()?;
        let application = s.token("an application")?.to_owned();
        let streams = if s.is_at_end() {
            None
        } else {
            s.space()?;
            Some(s.number("a number of streams")?)
        };
        s.end();
        Ok(Self { port, application, streams })
    }
}

impl fmt::Display for SctpMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.port, self.application)?;
        self.streams.iter().try_for_each(|streams| write!(f, " {streams}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, round_trip};
    use super::*;

    #[test]
    fn data_channel_attributes_are_read_and_printed() {
        assert_eq!(round_trip::<SctpPort>("5000"), SctpPort(5000));
        assert_eq!(round_trip::<MaxMessageSize>("1073741823"), MaxMessageSize(1_073_741_823));
        assert_eq!(round_trip::<SctpMap>("5000 webrtc-datachannel 1024").streams, Some(1024));
        assert_eq!(places::<SctpPort>("65536"), [0]);
        assert_eq!(places::<SctpPort>("5000 6"), [4]);
        assert_eq!(places::<MaxMessageSize>("many"), [0]);
    }
}
