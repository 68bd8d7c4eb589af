//! `a=extmap`: RTP header extensions by name, RFC 8285 §5.

use super::Attribute;
use super::Direction;
use crate::sdp::scanner::{Malformed, Scanner};
use std::fmt;

/// `a=extmap:<id>[/<direction>] <URI> [<attributes>]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtMap {
    /// The identifier on the wire: 1 to 14 for one-byte headers, to 255 for two-byte ones, 4096 and more when only offered.
    pub id: u16,
    /// In which direction it is used, if not in both.
    pub direction: Option<Direction>,
    /// The name of the extension.
    pub uri: String,
    /// What the extension adds.
    pub attributes: Option<String>,
}

impl Attribute for ExtMap {
    const NAMES: &'static [&'static str] = &["extmap"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        const EXPECTED: &str = "an identifier from 1 to 255 or from 4096 to 4351";
        let id = s.number(EXPECTED)?;
        if !matches!(id, 1..=255 | 4096..=4351) {
            s.remark_at(0, EXPECTED);
        }
        let direction = if s.eat("/") {
            let at = s.position();
            let name = s.word("a direction")?;
            Some(
                Direction::read(name, &mut Scanner::new(""))
                    .map_err(|_| s.malformed_at(at, "a direction"))?,
            )
        } else {
            None
        };
        s.space()?;
        let uri = s.word("a URI")?.to_owned();
        let attributes = if s.is_at_end() {
            None
        } else {
            s.space()?;
            Some(s.some("attributes of the extension", |_| true)?.to_owned())
        };
        Ok(Self { id, direction, uri, attributes })
    }
}

impl fmt::Display for ExtMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)?;
        self.direction.iter().try_for_each(|direction| write!(f, "/{direction}"))?;
        write!(f, " {}", self.uri)?;
        self.attributes.iter().try_for_each(|attributes| write!(f, " {attributes}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, round_trip};
    use super::*;

    #[test]
    fn an_extmap_is_read_and_printed() {
        assert_eq!(round_trip::<ExtMap>("4 urn:ietf:params:rtp-hdrext:sdes:mid").id, 4);
        let full = round_trip::<ExtMap>("1/recvonly URI-A a b");
        assert_eq!((full.direction, full.attributes.as_deref()), (Some(Direction::RecvOnly), Some("a b")));
        assert_eq!(places::<ExtMap>("0 URI-A"), [0]);
        assert_eq!(places::<ExtMap>("256 URI-A"), [0]);
        assert_eq!(places::<ExtMap>("1/both URI-A"), [2]);
        assert_eq!(places::<ExtMap>("1"), [1]);
    }
}
