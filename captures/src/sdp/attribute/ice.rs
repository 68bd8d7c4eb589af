//! ICE credentials and options, RFC 8839 §5.

use super::Attribute;
use crate::sdp::scanner::{Malformed, Scanner, is_ice_char};
use std::fmt;

/// `a=ice-ufrag`, RFC 8839 §5.4: 4 to 256 ice-chars.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IceUfrag(pub String);

/// `a=ice-pwd`, RFC 8839 §5.4: 22 to 256 ice-chars.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IcePwd(pub String);

fn read_credential(
    s: &mut Scanner<'_>,
    lengths: std::ops::RangeInclusive<usize>,
    expected: &'static str,
) -> Result<String, Malformed> {
    let at = s.position();
    let credential = s.word_of(expected, is_ice_char)?;
    if !lengths.contains(&credential.len()) {
        s.remark_at(at, expected);
    }
    s.end();
    Ok(credential.to_owned())
}

impl Attribute for IceUfrag {
    const NAMES: &'static [&'static str] = &["ice-ufrag"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        read_credential(s, 4..=256, "4 to 256 ice-chars").map(Self)
    }
}

impl Attribute for IcePwd {
    const NAMES: &'static [&'static str] = &["ice-pwd"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        read_credential(s, 22..=256, "22 to 256 ice-chars").map(Self)
    }
}

impl fmt::Display for IceUfrag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for IcePwd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// `a=ice-options`, RFC 8839 §5.6: tags such as `trickle`, `ice2`, `renomination`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IceOptions(pub Vec<String>);

impl IceOptions {
    /// Whether a tag is among them.
    pub fn has(&self, tag: &str) -> bool {
        self.0.iter().any(|option| option == tag)
    }
}

impl Attribute for IceOptions {
    const NAMES: &'static [&'static str] = &["ice-options"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        // Tags are ice-chars by the grammar, yet "rtp+ecn" and "ice-dual-stack" alike have been registered: token it is.
        let mut tags = vec![s.token("an option tag")?.to_owned()];
        while !s.is_at_end() {
            s.space()?;
            tags.push(s.token("an option tag")?.to_owned());
        }
        Ok(Self(tags))
    }
}

impl fmt::Display for IceOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// `a=ice-pacing`, RFC 8839 §5.5: the interval between checks that an agent asks for, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcePacing(pub u64);

impl Attribute for IcePacing {
    const NAMES: &'static [&'static str] = &["ice-pacing"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        const EXPECTED: &str = "1 to 10 digits";
        let at = s.position();
        let digits = s.some(EXPECTED, |c| c.is_ascii_digit())?;
        let pacing = digits.parse().ok().filter(|_| digits.len() <= 10);
        s.end();
        pacing.map(Self).ok_or_else(|| s.malformed_at(at, EXPECTED))
    }
}

impl fmt::Display for IcePacing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One of [`RemoteCandidates`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteCandidate {
    /// The component.
    pub component: u32,
    /// The address.
    pub address: String,
    /// The port.
    pub port: u16,
}

/// `a=remote-candidates`, RFC 8839 §5.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteCandidates(pub Vec<RemoteCandidate>);

impl Attribute for RemoteCandidates {
    const NAMES: &'static [&'static str] = &["remote-candidates"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let mut candidates = Vec::new();
        loop {
            let component = s.number("a component")?;
            s.space()?;
            let address = s.word("an address")?.to_owned();
            s.space()?;
            candidates.push(RemoteCandidate { component, address, port: s.number("a port")? });
            if s.is_at_end() {
                return Ok(Self(candidates));
            }
            s.space()?;
        }
    }
}

impl fmt::Display for RemoteCandidates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, RemoteCandidate { component, address, port }) in self.0.iter().enumerate() {
            write!(f, "{}{component} {address} {port}", if i == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, round_trip};
    use super::*;

    #[test]
    fn credentials_have_the_lengths_of_the_grammar() {
        round_trip::<IceUfrag>("8hhY");
        round_trip::<IceUfrag>(&"a".repeat(256));
        round_trip::<IcePwd>("asd88fgpdd777uzjYhagZg");
        assert_eq!(places::<IceUfrag>("8hh"), [0]);
        assert_eq!(places::<IceUfrag>(&"a".repeat(257)), [0]);
        assert_eq!(places::<IcePwd>("asd88fgpdd777uzjYhagZ"), [0]);
        assert_eq!(places::<IceUfrag>("8hh=Y"), [3]);
    }

    #[test]
    fn options_and_remote_candidates_are_read_and_printed() {
        assert!(round_trip::<IceOptions>("trickle renomination").has("trickle"));
        assert_eq!(round_trip::<RemoteCandidates>("1 192.0.2.3 45664 2 192.0.2.3 45665").0.len(), 2);
        assert_eq!(places::<RemoteCandidates>("1 192.0.2.3"), [11]);
    }

    #[test]
    fn pacing_is_a_number_of_milliseconds() {
        assert_eq!(round_trip::<IcePacing>("50").0, 50);
        round_trip::<IcePacing>("4294967296");
        assert_eq!(places::<IcePacing>("fast"), [0]);
        assert_eq!(places::<IcePacing>("12345678901"), [0]);
        assert_eq!(places::<IcePacing>("50 ms"), [2]);
    }
}
