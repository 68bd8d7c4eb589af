//! Direction (RFC 8866 §6.7), packet time (§6.4) and bandwidth (§5.8).

use super::Attribute;
use crate::sdp::scanner::{Malformed, Scanner, is_token_char};
use std::fmt;

/// `a=sendrecv`, `a=sendonly`, `a=recvonly`, `a=inactive`, RFC 8866 §6.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// From the describer only.
    SendOnly,
    /// To the describer only.
    RecvOnly,
    /// No media.
    Inactive,
}

impl Direction {
    /// As in SDP.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// Whether the describer may send.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the describer is ready to receive.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

impl Attribute for Direction {
    const NAMES: &'static [&'static str] = &["sendrecv", "sendonly", "recvonly", "inactive"];

    fn read(name: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        s.end();
        let all = [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive];
        let found = all.into_iter().find(|direction| direction.as_str() == name);
        found.ok_or_else(|| s.malformed_at(0, "a direction"))
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// `a=ptime`, RFC 8866 §6.4: the length of media in a packet in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ptime(pub String);

/// `a=maxptime`, RFC 8866 §6.5: the longest length of media in a packet in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaxPtime(pub String);

/// `non-zero-int-or-real`: kept as text, since it may have decimals.
fn read_milliseconds(s: &mut Scanner<'_>) -> Result<String, Malformed> {
    const EXPECTED: &str = "milliseconds above zero";
    let at = s.position();
    let text = s.word_of(EXPECTED, |c| c.is_ascii_digit() || c == '.')?;
    if !text.parse::<f64>().is_ok_and(|ms| ms > 0.0) {
        return Err(s.malformed_at(at, EXPECTED));
    }
    s.end();
    Ok(text.to_owned())
}

impl Attribute for Ptime {
    const NAMES: &'static [&'static str] = &["ptime"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        read_milliseconds(s).map(Self)
    }
}

impl Attribute for MaxPtime {
    const NAMES: &'static [&'static str] = &["maxptime"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        read_milliseconds(s).map(Self)
    }
}

impl fmt::Display for Ptime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for MaxPtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// `b=<bwtype>:<bandwidth>`, RFC 8866 §5.8: kilobits a second for `CT` and `AS`, bits a second for `TIAS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bandwidth {
    /// `CT`, `AS`, `TIAS`, `RR`, `RS`, or another.
    pub kind: String,
    /// The figure in the unit of its kind.
    pub value: u64,
}

impl Bandwidth {
    /// Reads the value of a `b=` line.
    pub fn read(s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let kind = s.some("a kind of bandwidth", is_token_char)?.to_owned();
        s.literal(":", "a colon and a bandwidth")?;
        let value = s.number("a bandwidth")?;
        s.end();
        Ok(Self { kind, value })
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, round_trip};
    use super::*;

    #[test]
    fn a_direction_is_known_by_its_name() {
        for name in Direction::NAMES {
            let direction = Direction::read(name, &mut Scanner::new("")).unwrap();
            assert_eq!(direction.to_string(), *name);
        }
        assert!(Direction::SendOnly.sends() && !Direction::SendOnly.receives());
        assert!(!Direction::Inactive.sends() && !Direction::Inactive.receives());
    }

    #[test]
    fn packet_time_may_have_decimals_but_is_never_zero() {
        round_trip::<Ptime>("2.5");
        round_trip::<MaxPtime>("120");
        assert_eq!(places::<Ptime>("0"), [0]);
        assert_eq!(places::<Ptime>("20 ms"), [2]);
    }

    #[test]
    fn bandwidth_has_a_kind_and_a_figure() {
        let mut s = Scanner::new("X-YZ:128");
        assert_eq!(Bandwidth::read(&mut s).unwrap().to_string(), "X-YZ:128");
        assert!(Bandwidth::read(&mut Scanner::new("AS:-1")).is_err());
    }
}
