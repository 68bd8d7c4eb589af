//! Identification and grouping of media sections (RFC 5888, RFC 9143) and of media streams (RFC 8830).

use super::Attribute;
use crate::sdp::scanner::{Malformed, Scanner};
use std::fmt;

/// `a=mid`, RFC 5888 §4.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mid(pub String);

impl Attribute for Mid {
    const NAMES: &'static [&'static str] = &["mid"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let tag = s.token("a MID")?.to_owned();
        s.end();
        Ok(Self(tag))
    }
}

impl fmt::Display for Mid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// `a=group:<semantics> <tag> …`, RFC 5888 §5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// `BUNDLE`, `LS`, or another.
    pub semantics: String,
    /// The MIDs of its sections in order.
    pub tags: Vec<String>,
}

impl Group {
    /// Whether its sections share a transport, RFC 9143.
    pub fn is_bundle(&self) -> bool {
        self.semantics == "BUNDLE"
    }
}

impl Attribute for Group {
    const NAMES: &'static [&'static str] = &["group"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let semantics = s.token("the semantics of the group")?.to_owned();
        let mut tags = Vec::new();
        while !s.is_at_end() {
            s.space()?;
            tags.push(s.token("a MID")?.to_owned());
        }
        Ok(Self { semantics, tags })
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.semantics)?;
        self.tags.iter().try_for_each(|tag| write!(f, " {tag}"))
    }
}

/// `a=msid:<stream> [<appdata>]`, RFC 8830 §2; in WebRTC the second is the track's id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Msid {
    /// The stream, `-` for none.
    pub stream: String,
    /// The application's data: the track.
    pub track: Option<String>,
}

impl Attribute for Msid {
    const NAMES: &'static [&'static str] = &["msid"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        const EXPECTED: &str = "1 to 64 token characters";
        let read_id = |s: &mut Scanner<'_>| {
            let at = s.position();
            let id = s.token(EXPECTED)?.to_owned();
            if id.len() > 64 {
                s.remark_at(at, EXPECTED);
            }
            Ok(id)
        };
        let stream = read_id(s)?;
        let track = if s.is_at_end() {
            None
        } else {
            s.space()?;
            Some(read_id(s)?)
        };
        s.end();
        Ok(Self { stream, track })
    }
}

impl fmt::Display for Msid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.stream)?;
        self.track.iter().try_for_each(|track| write!(f, " {track}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, round_trip};
    use super::*;

    #[test]
    fn a_group_keeps_its_tags_in_order() {
        let group = round_trip::<Group>("BUNDLE 2 0 1");
        assert!(group.is_bundle());
        assert_eq!(group.tags, ["2", "0", "1"]);
        assert!(round_trip::<Group>("BUNDLE").tags.is_empty());
        assert!(!round_trip::<Group>("LS a b").is_bundle());
    }

    #[test]
    fn an_msid_may_name_a_track() {
        assert_eq!(round_trip::<Msid>("- 6f2e").track.as_deref(), Some("6f2e"));
        assert_eq!(round_trip::<Msid>("stream").track, None);
        assert_eq!(places::<Msid>("a b c"), [3]);
        assert_eq!(places::<Msid>(&format!("a {}", "t".repeat(65))), [2]);
    }

    #[test]
    fn a_mid_is_one_token() {
        round_trip::<Mid>("video-1");
        assert_eq!(places::<Mid>(""), [0]);
        assert_eq!(places::<Mid>("a b"), [1]);
    }
}
