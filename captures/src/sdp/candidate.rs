//! `a=candidate` (RFC 8839 §5.1, ICE-TCP by RFC 6544 §4.5), also as a string of its own in `RTCIceCandidate`.
//!
//! ```text
//! candidate:<foundation> <component> <transport> <priority> <address> <port> typ <type>
//!           [raddr <address>] [rport <port>] *(<extension name> <extension value>)
//! ```

use super::attribute::Attribute;
use super::scanner::{Malformed, Scanner, is_ice_char};
use std::fmt;
use std::net::IpAddr;

/// Longest foundation, in characters.
const FOUNDATION_MAX: usize = 32;
/// Highest component identifier.
const COMPONENT_MAX: u32 = 256;
/// Highest priority, RFC 8445 §5.1.2.
const PRIORITY_MAX: u64 = (1 << 31) - 1;

/// Where a candidate was learnt from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CandidateType {
    /// An address of the machine.
    Host,
    /// An address that a STUN server saw.
    ServerReflexive,
    /// An address that a peer saw.
    PeerReflexive,
    /// An address at a TURN server.
    Relay,
    /// Another type.
    Unknown(String),
}

impl CandidateType {
    fn of(text: &str) -> Self {
        match text {
            "host" => Self::Host,
            "srflx" => Self::ServerReflexive,
            "prflx" => Self::PeerReflexive,
            "relay" => Self::Relay,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// As in SDP.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relay => "relay",
            Self::Unknown(other) => other,
        }
    }
}

impl fmt::Display for CandidateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A `connection-address` of a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CandidateAddress {
    /// An address and the text that it was written as.
    Ip(IpAddr, String),
    /// A name under `.local` that hides an address (draft-ietf-mmusic-mdns-ice-candidates).
    Mdns(String),
    /// Another name.
    Name(String),
}

impl CandidateAddress {
    fn of(text: &str) -> Self {
        match text.parse() {
            Ok(ip) => Self::Ip(ip, text.to_owned()),
            Err(_) if text.to_ascii_lowercase().ends_with(".local") => Self::Mdns(text.to_owned()),
            Err(_) => Self::Name(text.to_owned()),
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ip(_, text) | Self::Mdns(text) | Self::Name(text) => text,
        }
    }

    /// The address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip, _) => Some(*ip),
            Self::Mdns(_) | Self::Name(_) => None,
        }
    }
}

impl fmt::Display for CandidateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An ICE candidate as signalled. Values out of range are kept as they are and remarked upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Equal for candidates of one type, base and server.
    pub foundation: String,
    /// 1 for RTP and everything multiplexed with it, 2 for RTCP.
    pub component: u32,
    /// `udp`, `tcp`, or another transport, in the case that it was written in.
    pub transport: String,
    /// The higher the better.
    pub priority: u64,
    /// Where it is reached.
    pub address: CandidateAddress,
    /// The port.
    pub port: u16,
    /// Where it was learnt from.
    pub kind: CandidateType,
    /// The related address: base or mapped address.
    pub related_address: Option<CandidateAddress>,
    /// The port of the related address.
    pub related_port: Option<u16>,
    /// Names and values of the extensions in order.
    pub extensions: Vec<(String, String)>,
}

impl Candidate {
    /// Reads the string of an `RTCIceCandidate`: with `candidate:` or `a=candidate:` before it, or without.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let value = text.strip_prefix("a=").unwrap_or(text);
        let skipped = text.len() - value.len();
        let value = value.strip_prefix("candidate:").unwrap_or(value);
        let skipped = skipped + (text.len() - skipped - value.len());
        Self::read("candidate", &mut Scanner::new(value))
            .map_err(|error| Malformed { at: error.at + skipped, ..error })
    }

    /// The faults in the string of an `RTCIceCandidate`; none if it fits the grammar.
    pub fn faults(text: &str) -> Vec<Malformed> {
        let value = text.strip_prefix("a=").unwrap_or(text);
        let mut scanner = Scanner::new(value.strip_prefix("candidate:").unwrap_or(value));
        let error = Self::read("candidate", &mut scanner).err();
        scanner.into_remarks().into_iter().chain(error).collect()
    }

    /// The value of an extension.
    pub fn extension(&self, name: &str) -> Option<&str> {
        self.extensions.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// `active`, `passive` or `so` of a TCP candidate, RFC 6544 §4.5.
    pub fn tcp_type(&self) -> Option<&str> {
        self.extension("tcptype")
    }

    /// The username fragment that it belongs to, if it says so (RFC 8838 §4.1.1 of the trickle usage).
    pub fn ufrag(&self) -> Option<&str> {
        self.extension("ufrag")
    }

    /// Whether its transport is UDP.
    pub fn is_udp(&self) -> bool {
        self.transport.eq_ignore_ascii_case("udp")
    }

    /// The type preference in its priority, if that follows the recommended formula (RFC 8445 §5.1.2.1).
    pub fn type_preference(&self) -> u64 {
        self.priority >> 24
    }
}

impl Attribute for Candidate {
    const NAMES: &'static [&'static str] = &["candidate"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let at = s.position();
        let foundation = s.word_of("a foundation of ice-chars", is_ice_char)?.to_owned();
        if foundation.len() > FOUNDATION_MAX {
            s.remark_at(at, "a foundation of at most 32 characters");
        }
        s.space()?;
        let at = s.position();
        let component = s.number("a component from 1 to 256")?;
        if !(1..=COMPONENT_MAX).contains(&component) {
            s.remark_at(at, "a component from 1 to 256");
        }
        s.space()?;
        let transport = s.token("a transport")?.to_owned();
        s.space()?;
        let at = s.position();
        let priority = s.number("a priority from 1 to 2147483647")?;
        if !(1..=PRIORITY_MAX).contains(&priority) {
            s.remark_at(at, "a priority from 1 to 2147483647");
        }
        s.space()?;
        let address = read_address(s)?;
        s.space()?;
        let port = s.number("a port")?;
        s.space()?;
        s.literal("typ ", "\"typ\" and a type")?;
        let kind = CandidateType::of(s.token("a candidate type")?);
        let mut candidate = Self {
            foundation,
            component,
            transport,
            priority,
            address,
            port,
            kind,
            related_address: None,
            related_port: None,
            extensions: Vec::new(),
        };
        while !s.is_at_end() {
            candidate.read_more(s)?;
        }
        Ok(candidate)
    }
}

impl Candidate {
    /// Reads one more pair of name and value after the type.
    fn read_more(&mut self, s: &mut Scanner<'_>) -> Result<(), Malformed> {
        s.space()?;
        let at = s.position();
        let name = s.token("the name of an extension")?;
        s.space()?;
        let late = !self.extensions.is_empty();
        match name {
            "raddr" if self.related_address.is_none() && self.related_port.is_none() && !late => {
                self.related_address = Some(read_address(s)?);
            }
            "rport" if self.related_port.is_none() && !late => self.related_port = Some(s.number("a port")?),
            _ => {
                if matches!(name, "raddr" | "rport") {
                    s.remark_at(at, "the related address before the extensions, once");
                }
                // The grammar lets an extension's value be empty.
                let value = s.take_while(|c| c != ' ');
                self.extensions.push((name.to_owned(), value.to_owned()));
            }
        }
        Ok(())
    }
}

fn read_address(s: &mut Scanner<'_>) -> Result<CandidateAddress, Malformed> {
    let at = s.position();
    let address = CandidateAddress::of(s.word("an address")?);
    if matches!(address, CandidateAddress::Name(_)) {
        s.remark_at(at, "an IP address or a name under .local");
    }
    Ok(address)
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { foundation, component, transport, priority, address, port, kind, .. } = self;
        write!(f, "{foundation} {component} {transport} {priority} {address} {port} typ {kind}")?;
        if let Some(address) = &self.related_address {
            write!(f, " raddr {address}")?;
        }
        if let Some(port) = self.related_port {
            write!(f, " rport {port}")?;
        }
        self.extensions.iter().try_for_each(|(name, value)| write!(f, " {name} {value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELAY: &str = "3745641921 1 udp 41885695 192.0.2.15 49152 typ relay raddr 203.0.113.9 rport 50000 \
        generation 0 ufrag 8hhY network-id 1 network-cost 10";

    #[test]
    fn a_candidate_is_read_and_printed() {
        let candidate = Candidate::parse(&format!("candidate:{RELAY}")).unwrap();
        assert_eq!(candidate.to_string(), RELAY);
        assert_eq!(candidate.kind, CandidateType::Relay);
        assert_eq!(candidate.related_address.as_ref().unwrap().ip(), Some("203.0.113.9".parse().unwrap()));
        assert_eq!(candidate.ufrag(), Some("8hhY"));
        assert_eq!(candidate.type_preference(), 2);
        assert_eq!(Candidate::faults(RELAY), []);
    }

    #[test]
    fn a_tcp_candidate_has_its_type() {
        let text = "candidate:1 1 tcp 1518280447 192.0.2.2 9 typ host tcptype active generation 0";
        let candidate = Candidate::parse(text).unwrap();
        assert_eq!((candidate.tcp_type(), candidate.is_udp()), (Some("active"), false));
    }

    #[test]
    fn a_name_under_local_is_a_hidden_address() {
        let text = "a=candidate:0 1 UDP 2122252543 6e2f1f6e-4bd8-4d6c-9d4e-2a5a1d6c2e11.local 54400 typ host";
        let candidate = Candidate::parse(text).unwrap();
        assert!(matches!(candidate.address, CandidateAddress::Mdns(_)));
        assert!(candidate.is_udp());
        assert_eq!(Candidate::faults(text), []);
    }

    #[track_caller]
    fn fault(text: &str, at: usize, expected: &str) {
        let faults: Vec<_> =
            Candidate::faults(text).into_iter().map(|fault| (fault.at, fault.expected)).collect();
        assert_eq!(faults, [(at, expected)], "{text}");
    }

    #[test]
    fn each_fault_is_reported_with_its_place() {
        fault("1 1 udp 2147483648 192.0.2.1 9 typ host", 8, "a priority from 1 to 2147483647");
        fault("1 0 udp 1 192.0.2.1 9 typ host", 2, "a component from 1 to 256");
        fault("1 257 udp 1 192.0.2.1 9 typ host", 2, "a component from 1 to 256");
        fault("a-b 1 udp 1 192.0.2.1 9 typ host", 1, "a foundation of ice-chars");
        fault("1 1 udp 1 turn.example.org 9 typ host", 10, "an IP address or a name under .local");
        fault("1 1 udp 1 192.0.2.1 65536 typ host", 20, "a port");
        fault("1 1 udp 1 192.0.2.1 9 host", 22, "\"typ\" and a type");
        fault("1 1 udp 1 192.0.2.1 9 typ host generation", 41, "a space");
        let long = format!("{} 1 udp 1 192.0.2.1 9 typ host", "f".repeat(33));
        fault(&long, 0, "a foundation of at most 32 characters");
        assert_eq!(Candidate::faults("1 256 udp 2147483647 ::1 9 typ host"), []);
    }

    #[test]
    fn every_truncation_is_either_read_or_reported_where_it_ends() {
        for length in 0..RELAY.len() {
            if let Err(error) = Candidate::parse(&RELAY[..length]) {
                assert!(error.at <= length);
            }
        }
    }
}
