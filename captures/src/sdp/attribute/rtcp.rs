//! `a=rtcp`: where RTCP goes, RFC 3605 §2.1.

use super::Attribute;
use crate::sdp::fields::Connection;
use crate::sdp::scanner::{Malformed, Scanner};
use std::fmt;

/// `a=rtcp:<port> [<nettype> <addrtype> <address>]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rtcp {
    /// The port.
    pub port: u16,
    /// The address, if it is not that of the `c=` line.
    pub connection: Option<Connection>,
}

impl Attribute for Rtcp {
    const NAMES: &'static [&'static str] = &["rtcp"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let port = s.number("a port")?;
        let connection = if s.is_at_end() {
            None
        } else {
            s.space()?;
            Some(Connection::read(s)?)
        };
        Ok(Self { port, connection })
    }
}

impl fmt::Display for Rtcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.port)?;
        self.connection.iter().try_for_each(|connection| write!(f, " {connection}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, round_trip};
    use super::*;

    #[test]
    fn the_address_of_rtcp_may_be_left_out() {
        assert_eq!(round_trip::<Rtcp>("53020").connection, None);
        assert_eq!(round_trip::<Rtcp>("9 IN IP4 0.0.0.0").port, 9);
        assert_eq!(places::<Rtcp>("9 IN IP4"), [8]);
        assert_eq!(places::<Rtcp>(""), [0]);
    }
}
