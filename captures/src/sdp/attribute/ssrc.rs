//! `a=ssrc` and `a=ssrc-group`: attributes and groups of synchronisation sources, RFC 5576 §4.

use super::Attribute;
use crate::sdp::scanner::{Malformed, Scanner};
use std::fmt;

/// `a=ssrc:<ssrc> <attribute>[:<value>]`, RFC 5576 §4.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ssrc {
    /// The source.
    pub ssrc: u32,
    /// `cname`, `msid`, or another attribute.
    pub attribute: String,
    /// Its value.
    pub value: Option<String>,
}

impl Attribute for Ssrc {
    const NAMES: &'static [&'static str] = &["ssrc"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let ssrc = s.number("an SSRC")?;
        s.space()?;
        let attribute = s.some("an attribute of the source", |c| c != ':' && c != ' ')?.to_owned();
        let value = s.eat(":").then(|| s.rest().to_owned());
        s.end();
        Ok(Self { ssrc, attribute, value })
    }
}

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.ssrc, self.attribute)?;
        self.value.iter().try_for_each(|value| write!(f, ":{value}"))
    }
}

/// `a=ssrc-group:<semantics> <ssrc> …`, RFC 5576 §4.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SsrcGroup {
    /// `FID`, `FEC-FR`, `SIM`, or another.
    pub semantics: String,
    /// The sources in order.
    pub ssrcs: Vec<u32>,
}

impl Attribute for SsrcGroup {
    const NAMES: &'static [&'static str] = &["ssrc-group"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let semantics = s.token("the semantics of the group")?.to_owned();
        let mut ssrcs = Vec::new();
        while !s.is_at_end() {
            s.space()?;
            ssrcs.push(s.number("an SSRC")?);
        }
        Ok(Self { semantics, ssrcs })
    }
}

impl fmt::Display for SsrcGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.semantics)?;
        self.ssrcs.iter().try_for_each(|ssrc| write!(f, " {ssrc}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, round_trip};
    use super::*;

    #[test]
    fn sources_and_their_groups_are_read_and_printed() {
        let ssrc = round_trip::<Ssrc>("314159 cname:user@example.com");
        assert_eq!((ssrc.ssrc, ssrc.value.as_deref()), (314_159, Some("user@example.com")));
        assert_eq!(round_trip::<Ssrc>("1 msid:a b").value.as_deref(), Some("a b"));
        assert_eq!(round_trip::<SsrcGroup>("FID 1 4294967295").ssrcs, [1, u32::MAX]);
        assert_eq!(places::<Ssrc>("4294967296 cname:x"), [0]);
        assert_eq!(places::<SsrcGroup>("FID x"), [4]);
    }
}
