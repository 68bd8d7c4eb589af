//! What the payload types stand for: `rtpmap`, `fmtp` (RFC 8866 §6) and `rtcp-fb` (RFC 4585 §4.2).

use super::Attribute;
use crate::sdp::scanner::{Malformed, Scanner};
use std::fmt;

/// `a=rtpmap:<payload type> <encoding>/<clock rate>[/<parameters>]`, RFC 8866 §6.6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpMap {
    /// The payload type.
    pub payload_type: u8,
    /// The name of the encoding as it was written.
    pub encoding: String,
    /// The clock rate of the timestamps in hertz.
    pub clock_rate: u32,
    /// The number of channels of audio.
    pub channels: Option<u32>,
}

impl RtpMap {
    /// Whether this is the encoding, whatever the case (RFC 4855 §3).
    pub fn is(&self, encoding: &str) -> bool {
        self.encoding.eq_ignore_ascii_case(encoding)
    }
}

impl Attribute for RtpMap {
    const NAMES: &'static [&'static str] = &["rtpmap"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let payload_type = read_payload_type(s)?;
        s.space()?;
        let encoding = s.some("the name of an encoding", |c| c != '/' && c != ' ')?.to_owned();
        s.literal("/", "a slash and a clock rate")?;
        let clock_rate = s.number("a clock rate")?;
        let channels = if s.eat("/") { Some(s.number("a number of channels")?) } else { None };
        s.end();
        Ok(Self { payload_type, encoding, clock_rate, channels })
    }
}

fn read_payload_type(s: &mut Scanner<'_>) -> Result<u8, Malformed> {
    const EXPECTED: &str = "a payload type from 0 to 127";
    let at = s.position();
    let payload_type = s.number(EXPECTED)?;
    if payload_type > 127 { Err(s.malformed_at(at, EXPECTED)) } else { Ok(payload_type) }
}

impl fmt::Display for RtpMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.payload_type, self.encoding, self.clock_rate)?;
        self.channels.iter().try_for_each(|channels| write!(f, "/{channels}"))
    }
}

/// `a=fmtp:<format> <parameters>`, RFC 8866 §6.15.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fmtp {
    /// The format: a payload type for RTP.
    pub format: String,
    /// The parameters as they were written.
    pub parameters: String,
}

impl Fmtp {
    /// The payload type.
    pub fn payload_type(&self) -> Option<u8> {
        self.format.parse().ok()
    }

    /// The parameters in order: name and value. One without equals sign (`0-15` of telephone-event, `111/111` of RED) has
    /// no name.
    pub fn pairs(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        let parts = self.parameters.split(';').map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| match part.split_once('=') {
            Some((name, value)) => (Some(name.trim()), value.trim()),
            None => (None, part),
        })
    }

    /// The value of a parameter; names are compared without regard to case (RFC 6838 §4.3).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs().find(|(n, _)| n.is_some_and(|n| n.eq_ignore_ascii_case(name))).map(|(_, value)| value)
    }
}

impl Attribute for Fmtp {
    const NAMES: &'static [&'static str] = &["fmtp"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let format = s.token("a format")?.to_owned();
        s.literal(" ", "a space")?;
        let parameters = s.some("format parameters", |_| true)?.to_owned();
        Ok(Self { format, parameters })
    }
}

impl fmt::Display for Fmtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.format, self.parameters)
    }
}

/// `a=rtcp-fb:<payload type or *> <id> [<parameters>]`, RFC 4585 §4.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtcpFb {
    /// The payload type; `None` for all (`*`).
    pub payload_type: Option<u8>,
    /// `nack`, `ccm`, `goog-remb`, `transport-cc`, or another.
    pub id: String,
    /// `pli`, `fir`, or others.
    pub parameters: Option<String>,
}

impl RtcpFb {
    /// Whether it is this kind of feedback, with these parameters.
    pub fn is(&self, id: &str, parameters: Option<&str>) -> bool {
        self.id == id && self.parameters.as_deref() == parameters
    }

    /// Reads what follows the kind. Spaces at the end of the line, which Pion writes after a kind without parameters, are a
    /// fault of the syntax, but leave no doubt about what is meant.
    fn read_parameters(s: &mut Scanner<'_>) -> Result<Option<String>, Malformed> {
        if s.is_at_end() {
            return Ok(None);
        }
        let at = s.position();
        let parameters = s.remaining().trim_matches(' ');
        if parameters.is_empty() {
            s.remark_at(at, "the end of the line");
            s.rest();
            return Ok(None);
        }
        s.space()?;
        let end = s.position() + parameters.len();
        if s.rest().len() > parameters.len() {
            s.remark_at(end, "the end of the line");
        }
        Ok(Some(parameters.to_owned()))
    }
}

impl Attribute for RtcpFb {
    const NAMES: &'static [&'static str] = &["rtcp-fb"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let payload_type = if s.eat("*") { None } else { Some(read_payload_type(s)?) };
        s.space()?;
        let id = s.token("a kind of feedback")?.to_owned();
        let parameters = Self::read_parameters(s)?;
        Ok(Self { payload_type, id, parameters })
    }
}

impl fmt::Display for RtcpFb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.payload_type {
            Some(payload_type) => write!(f, "{payload_type} {}", self.id)?,
            None => write!(f, "* {}", self.id)?,
        }
        self.parameters.iter().try_for_each(|parameters| write!(f, " {parameters}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, round_trip};
    use super::*;

    #[test]
    fn an_rtpmap_is_read_and_printed() {
        let map = round_trip::<RtpMap>("111 opus/48000/2");
        assert!(map.is("OPUS"));
        assert_eq!((map.clock_rate, map.channels), (48_000, Some(2)));
        assert_eq!(places::<RtpMap>("128 opus/48000"), [0]);
        assert_eq!(places::<RtpMap>("96 VP8"), [6]);
        assert_eq!(places::<RtpMap>("96 VP8/90000 x"), [12]);
    }

    #[test]
    fn format_parameters_are_found_by_name_whatever_the_case() {
        let fmtp =
            round_trip::<Fmtp>("102 level-asymmetry-allowed=1;packetization-mode=1; profile-level-id=42001f");
        assert_eq!(fmtp.get("Profile-Level-ID"), Some("42001f"));
        assert_eq!(fmtp.get("level"), None);
        assert_eq!(fmtp.payload_type(), Some(102));
        assert_eq!(round_trip::<Fmtp>("110 0-16").pairs().collect::<Vec<_>>(), [(None, "0-16")]);
        assert_eq!(places::<Fmtp>("96"), [2]);
        assert_eq!(places::<Fmtp>("96 "), [3]);
    }

    #[test]
    fn feedback_is_for_one_payload_type_or_for_all() {
        assert!(round_trip::<RtcpFb>("96 nack pli").is("nack", Some("pli")));
        assert!(round_trip::<RtcpFb>("96 nack").is("nack", None));
        assert_eq!(round_trip::<RtcpFb>("* ccm fir").payload_type, None);
        assert_eq!(places::<RtcpFb>("96"), [2]);
    }

    #[test]
    fn feedback_with_spaces_at_its_end_is_understood_and_at_fault() {
        let read = |value| RtcpFb::read("rtcp-fb", &mut Scanner::new(value)).unwrap();
        assert!(read("96 goog-remb ").is("goog-remb", None));
        assert_eq!(places::<RtcpFb>("96 goog-remb "), [12]);
        assert!(read("96 nack pli  ").is("nack", Some("pli")));
        assert_eq!(places::<RtcpFb>("96 nack pli  "), [11]);
        assert!(read("96 nack  pli").is("nack", Some("pli")));
        assert_eq!(places::<RtcpFb>("96 nack  pli"), [8]);
    }
}
