//! The lines other than attributes: `o=`, `c=`, `b=`, `t=` and `m=` (RFC 8866 §5).

use super::scanner::{Malformed, Scanner};
use std::fmt;
use std::net::IpAddr;

/// `o=<username> <sess-id> <sess-version> <nettype> <addrtype> <unicast-address>`, RFC 8866 §5.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The user's login, or `-`.
    pub username: String,
    /// The session's identifier: digits, of any length by the grammar.
    pub session_id: String,
    /// The version of this description: digits, of any length by the grammar.
    pub session_version: String,
    /// Network and address of the originator.
    pub connection: Connection,
}

impl Origin {
    pub(super) fn read(s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let username = s.word("a user name")?.to_owned();
        s.space()?;
        let session_id = s.word_of("a numeric session id", |c| c.is_ascii_digit())?.to_owned();
        s.space()?;
        let session_version = s.word_of("a numeric session version", |c| c.is_ascii_digit())?.to_owned();
        s.space()?;
        Ok(Self { username, session_id, session_version, connection: Connection::read(s)? })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.username, self.session_id, self.session_version, self.connection)
    }
}

/// `<nettype> <addrtype> <connection-address>`, RFC 8866 §5.7.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// `IN`, or another network.
    pub network: String,
    /// `IP4`, `IP6`, or another type.
    pub address_type: String,
    /// The address or name, with the `/ttl` and `/count` of multicast if they are there.
    pub address: String,
}

impl Connection {
    pub(super) fn read(s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let network = s.token("a network type")?.to_owned();
        s.space()?;
        let address_type = s.token("an address type")?.to_owned();
        s.space()?;
        let at = s.position();
        let address = s.word("an address")?.to_owned();
        let found = Self { network, address_type, address };
        let expected = match (found.address_type.as_str(), found.ip()) {
            ("IP4", Some(IpAddr::V6(_))) => Some("an IPv4 address or a name"),
            ("IP6", Some(IpAddr::V4(_))) => Some("an IPv6 address or a name"),
            ("IP4" | "IP6", None) if !is_fqdn(&found.address) => Some("an address or a name"),
            _ => None,
        };
        if let Some(expected) = expected {
            s.remark_at(at, expected);
        }
        s.end();
        Ok(found)
    }

    /// The address as a number, without what follows a slash.
    pub fn ip(&self) -> Option<IpAddr> {
        self.address.split('/').next()?.parse().ok()
    }
}

/// `FQDN` of RFC 8866 §9, which has no underscore.
fn is_fqdn(text: &str) -> bool {
    text.len() >= 4 && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.network, self.address_type, self.address)
    }
}

/// `t=<start-time> <stop-time>` in seconds of NTP, RFC 8866 §5.9. Zero: not bounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// When the session begins.
    pub start: u64,
    /// When it ends.
    pub stop: u64,
}

impl Timing {
    pub(super) fn read(s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let start = s.number("a start time")?;
        s.space()?;
        let stop = s.number("a stop time")?;
        s.end();
        Ok(Self { start, stop })
    }
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.start, self.stop)
    }
}

/// `m=<media> <port>[/<number of ports>] <proto> <fmt> …`, RFC 8866 §5.14.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaLine {
    /// `audio`, `video`, `application`, or another medium.
    pub media: String,
    /// The port.
    pub port: u16,
    /// How many ports, if that is given.
    pub port_count: Option<u32>,
    /// The transport protocol, such as `UDP/TLS/RTP/SAVPF`.
    pub proto: String,
    /// The formats: payload types for RTP.
    pub formats: Vec<String>,
}

impl MediaLine {
    /// Whether the transport protocol is one over DTLS (RFC 5764 §8, RFC 8841 §4.1).
    pub fn is_dtls(&self) -> bool {
        let mut parts = self.proto.split('/');
        parts.clone().any(|part| part == "DTLS")
            || (parts.next() == Some("UDP") && parts.next() == Some("TLS"))
    }

    pub(super) fn read(s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let media = s.token("a medium")?.to_owned();
        s.space()?;
        let port = s.number("a port")?;
        let port_count = if s.eat("/") { Some(s.number("a number of ports")?) } else { None };
        s.space()?;
        let at = s.position();
        let proto = s.word("a transport protocol")?.to_owned();
        if proto.split('/').any(|part| part.is_empty() || !part.chars().all(super::scanner::is_token_char)) {
            s.remark_at(at, "a transport protocol");
        }
        let mut formats = Vec::new();
        while !s.is_at_end() {
            s.space()?;
            formats.push(s.token("a format")?.to_owned());
        }
        if formats.is_empty() {
            s.remark_at(s.position(), "a format");
        }
        Ok(Self { media, port, port_count, proto, formats })
    }

    /// Whether the section carries RTP.
    pub fn is_rtp(&self) -> bool {
        self.proto.split('/').any(|part| part == "RTP")
    }

    /// Whether the section carries SCTP (RFC 8841), and so data channels.
    pub fn is_sctp(&self) -> bool {
        self.proto.split('/').any(|part| part == "SCTP")
    }

    /// The formats that are RTP payload types.
    pub fn payload_types(&self) -> impl Iterator<Item = u8> + '_ {
        self.formats.iter().filter_map(|format| format.parse().ok()).filter(|pt| *pt < 128)
    }
}

impl fmt::Display for MediaLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.media, self.port)?;
        if let Some(count) = self.port_count {
            write!(f, "/{count}")?;
        }
        write!(f, " {}", self.proto)?;
        self.formats.iter().try_for_each(|format| write!(f, " {format}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn round_trip<T: fmt::Display>(
        value: &str,
        read: impl Fn(&mut Scanner<'_>) -> Result<T, Malformed>,
    ) -> T {
        let mut s = Scanner::new(value);
        let found = read(&mut s).unwrap();
        assert_eq!(s.into_remarks(), []);
        assert_eq!(found.to_string(), value);
        found
    }

    #[track_caller]
    fn remarks<T: fmt::Debug>(
        value: &str,
        read: impl Fn(&mut Scanner<'_>) -> Result<T, Malformed>,
    ) -> Vec<usize> {
        let mut s = Scanner::new(value);
        read(&mut s).unwrap();
        s.into_remarks().iter().map(|remark| remark.at).collect()
    }

    #[test]
    fn an_origin_is_read_and_printed() {
        let origin = round_trip("- 4611731400430051336 2 IN IP4 127.0.0.1", Origin::read);
        assert_eq!(origin.session_id, "4611731400430051336");
        assert_eq!(remarks("- x9 2 IN IP4 127.0.0.1", Origin::read), [2]);
        assert_eq!(Origin::read(&mut Scanner::new("- 1 2 IN IP4")).unwrap_err().expected, "a space");
    }

    #[test]
    fn an_address_has_to_be_of_its_type() {
        assert_eq!(round_trip("IN IP6 ::1", Connection::read).ip(), Some("::1".parse().unwrap()));
        assert_eq!(
            round_trip("IN IP4 224.2.1.1/127/3", Connection::read).ip(),
            Some("224.2.1.1".parse().unwrap())
        );
        assert_eq!(remarks("IN IP4 ::1", Connection::read), [7]);
        assert_eq!(remarks("IN IP4 1.2.3.4 5", Connection::read), [14]);
    }

    #[test]
    fn a_media_line_is_read_and_printed() {
        let line = round_trip("audio 49170/2 RTP/AVP 0 8 97", MediaLine::read);
        assert_eq!((line.port, line.port_count), (49170, Some(2)));
        assert!(line.is_rtp() && !line.is_sctp());
        assert_eq!(line.payload_types().collect::<Vec<_>>(), [0, 8, 97]);
        assert!(round_trip("application 9 UDP/DTLS/SCTP webrtc-datachannel", MediaLine::read).is_sctp());
        assert_eq!(remarks("audio 9 UDP//RTP 0", MediaLine::read), [8]);
        assert_eq!(MediaLine::read(&mut Scanner::new("audio 65536 RTP/AVP 0")).unwrap_err().at, 6);
    }

    #[test]
    fn timing_is_read_and_printed() {
        assert_eq!(round_trip("2873397496 2873404696", Timing::read).start, 2_873_397_496);
        assert!(Timing::read(&mut Scanner::new("0")).is_err());
    }
}
