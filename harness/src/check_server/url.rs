//! URLs of STUN and TURN servers (RFC 7064, RFC 7065).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// How a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        })
    }
}

/// A server as a configuration of `RTCPeerConnection` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// As it was given.
    pub text: String,
    /// Whether it is to relay.
    pub turn: bool,
    /// A name or an address, without brackets.
    pub host: String,
    /// The port, 3478 or 5349 where none is given.
    pub port: u16,
    /// How it is reached.
    pub transport: Transport,
}

/// Why a text is no URL of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// None of the schemes.
    #[error("`{0}` begins with none of stun:, stuns:, turn:, turns:")]
    Scheme(String),
    /// No host.
    #[error("`{0}` has no host, or one that is neither a name nor an address")]
    Host(String),
    /// No port.
    #[error("`{0}`: the port is not a number from 1 to 65535")]
    Port(String),
    /// An unknown query.
    #[error("`{0}`: after `?` only transport=udp or transport=tcp may follow, and only in turn: and turns:")]
    Query(String),
    /// TURN over DTLS.
    #[error(
        "`{0}` means TURN over DTLS (RFC 7350), which neither browsers nor Peerproof speak; use turns:HOST?transport=tcp"
    )]
    Dtls(String),
}

impl FromStr for ServerUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once(':').ok_or_else(|| UrlError::Scheme(text.to_owned()))?;
        let (turn, secure) = match scheme.to_ascii_lowercase().as_str() {
            "stun" => (false, false),
            "stuns" => (false, true),
            "turn" => (true, false),
            "turns" => (true, true),
            _ => return Err(UrlError::Scheme(text.to_owned())),
        };
        let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
        let transport = match (query, secure) {
            (None, false) => Transport::Udp,
            (None, true) => Transport::Tls,
            (Some("transport=udp"), true) if turn => return Err(UrlError::Dtls(text.to_owned())),
            (Some("transport=udp"), false) if turn => Transport::Udp,
            (Some("transport=tcp"), false) if turn => Transport::Tcp,
            (Some("transport=tcp"), true) if turn => Transport::Tls,
            _ => return Err(UrlError::Query(text.to_owned())),
        };
        let no_host = || UrlError::Host(text.to_owned());
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']').ok_or_else(no_host)?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| no_host())?;
                let port = match after {
                    "" => None,
                    after => Some(after.strip_prefix(':').ok_or_else(no_host)?),
                };
                (host, port)
            }
            None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if host.is_empty() || (host.parse::<IpAddr>().is_err() && !host.chars().all(is_name)) {
            return Err(no_host());
        }
        let port = match port {
            None => {
                if secure {
                    5349
                } else {
                    3478
                }
            }
            Some(port) => {
                port.parse().ok().filter(|port| *port != 0).ok_or_else(|| UrlError::Port(text.to_owned()))?
            }
        };
        Ok(Self { text: text.to_owned(), turn, host: host.to_owned(), port, transport })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_the_rfcs_write_them() {
        for (text, turn, host, port, transport) in [
            ("stun:stun.example.org", false, "stun.example.org", 3478, Transport::Udp),
            ("STUN:192.0.2.1:19302", false, "192.0.2.1", 19302, Transport::Udp),
            ("stuns:example.org", false, "example.org", 5349, Transport::Tls),
            ("turn:[2001:db8::1]:3479", true, "2001:db8::1", 3479, Transport::Udp),
            ("turn:[2001:db8::1]?transport=tcp", true, "2001:db8::1", 3478, Transport::Tcp),
            ("turns:example.org:443?transport=tcp", true, "example.org", 443, Transport::Tls),
        ] {
            let url: ServerUrl = text.parse().unwrap();
            assert_eq!((url.turn, url.host.as_str(), url.port, url.transport), (turn, host, port, transport));
        }
    }

    #[test]
    fn what_is_none_is_refused_with_the_reason() {
        let refused = |text: &str| text.parse::<ServerUrl>().unwrap_err();
        assert!(matches!(refused("http://example.org"), UrlError::Scheme(_)));
        assert!(matches!(refused("example.org"), UrlError::Scheme(_)));
        for text in ["turn:", "turn::3478", "turn://example.org", "turn:[::1", "turn:[name]:1", "turn:a b"] {
            assert!(matches!(refused(text), UrlError::Host(_)), "{text}");
        }
        for text in ["turn:a:0", "turn:a:65536", "turn:a:b", "stun:a:"] {
            assert!(matches!(refused(text), UrlError::Port(_)), "{text}");
        }
        assert!(matches!(refused("stun:a?transport=tcp"), UrlError::Query(_)));
        assert!(matches!(refused("turn:a?x=y"), UrlError::Query(_)));
        assert!(matches!(refused("turns:a?transport=udp"), UrlError::Dtls(_)));
    }
}
