//! `a=rid` (RFC 8851) and `a=simulcast` (RFC 8853).

use super::Attribute;
use crate::sdp::scanner::{Malformed, Scanner, is_rid_char};
use std::fmt;

/// In which direction a restriction applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RidDirection {
    /// From the describer.
    Send,
    /// To the describer.
    Recv,
}

impl RidDirection {
    /// As in SDP.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Recv => "recv",
        }
    }

    fn read(s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let at = s.position();
        match s.word("send or recv")? {
            "send" => Ok(Self::Send),
            "recv" => Ok(Self::Recv),
            _ => Err(s.malformed_at(at, "send or recv")),
        }
    }
}

impl fmt::Display for RidDirection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// `a=rid:<id> <direction> [pt=<fmt>,…;][<restriction>=<value>;…]`, RFC 8851 §4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rid {
    /// The restriction identifier.
    pub id: String,
    /// The direction.
    pub direction: RidDirection,
    /// Restrictions in order, the formats (`pt`) among them: name and value.
    pub restrictions: Vec<(String, Option<String>)>,
}

impl Rid {
    /// The formats that it is restricted to; none if it is not.
    pub fn formats(&self) -> impl Iterator<Item = &str> {
        let formats =
            self.restrictions.iter().find(|(name, _)| name == "pt").and_then(|(_, value)| value.as_deref());
        formats.into_iter().flat_map(|formats| formats.split(','))
    }
}

impl Attribute for Rid {
    const NAMES: &'static [&'static str] = &["rid"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let id = s.word_of("a restriction identifier", is_rid_char)?.to_owned();
        s.space()?;
        let direction = RidDirection::read(s)?;
        let mut restrictions = Vec::new();
        if !s.is_at_end() {
            s.space()?;
            loop {
                let name = s.some("the name of a restriction", |c| !matches!(c, '=' | ';' | ' '))?.to_owned();
                let value = s.eat("=").then(|| s.take_while(|c| c != ';').to_owned());
                restrictions.push((name, value));
                if !s.eat(";") {
                    break;
                }
            }
        }
        s.end();
        Ok(Self { id, direction, restrictions })
    }
}

impl fmt::Display for Rid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.direction)?;
        for (i, (name, value)) in self.restrictions.iter().enumerate() {
            write!(f, "{}{name}", if i == 0 { " " } else { ";" })?;
            value.iter().try_for_each(|value| write!(f, "={value}"))?;
        }
        Ok(())
    }
}

/// One stream of a simulcast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulcastId {
    /// The restriction identifier.
    pub rid: String,
    /// Whether it is paused (`~`).
    pub paused: bool,
}

/// `a=simulcast`, RFC 8853 §5.1: streams in order, each with its alternatives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulcast {
    /// The directions in the order written, with their streams.
    pub directions: Vec<(RidDirection, Vec<Vec<SimulcastId>>)>,
}

impl Simulcast {
    /// The streams of one direction.
    pub fn streams(&self, direction: RidDirection) -> &[Vec<SimulcastId>] {
        self.directions
            .iter()
            .find(|(d, _)| *d == direction)
            .map(|(_, streams)| streams.as_slice())
            .unwrap_or_default()
    }
}

impl Attribute for Simulcast {
    const NAMES: &'static [&'static str] = &["simulcast"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let mut directions: Vec<(RidDirection, _)> = Vec::new();
        loop {
            let at = s.position();
            let direction = RidDirection::read(s)?;
            if directions.iter().any(|(d, _)| *d == direction) {
                return Err(s.malformed_at(at, "each direction once"));
            }
            s.space()?;
            directions.push((direction, read_streams(s)?));
            if s.is_at_end() {
                return Ok(Self { directions });
            }
            s.space()?;
        }
    }
}

fn read_streams(s: &mut Scanner<'_>) -> Result<Vec<Vec<SimulcastId>>, Malformed> {
    let mut streams = Vec::new();
    let mut alternatives = Vec::new();
    loop {
        let paused = s.eat("~");
        let rid = s.some("a restriction identifier", is_rid_char)?.to_owned();
        alternatives.push(SimulcastId { rid, paused });
        if s.eat(",") {
            continue;
        }
        streams.push(std::mem::take(&mut alternatives));
        if !s.eat(";") {
            return Ok(streams);
        }
    }
}

impl fmt::Display for Simulcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (direction, streams)) in self.directions.iter().enumerate() {
            write!(f, "{}{direction} ", if i == 0 { "" } else { " " })?;
            for (i, alternatives) in streams.iter().enumerate() {
                f.write_str(if i == 0 { "" } else { ";" })?;
                for (i, SimulcastId { rid, paused }) in alternatives.iter().enumerate() {
                    write!(f, "{}{}{rid}", if i == 0 { "" } else { "," }, if *paused { "~" } else { "" })?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, round_trip};
    use super::*;

    #[test]
    fn a_rid_is_read_and_printed() {
        let rid = round_trip::<Rid>("hi send pt=96,97;max-width=1280;max-fps=30");
        assert_eq!(rid.formats().collect::<Vec<_>>(), ["96", "97"]);
        assert_eq!(rid.restrictions.len(), 3);
        assert_eq!(round_trip::<Rid>("lo recv").direction, RidDirection::Recv);
        assert_eq!(places::<Rid>("hi both"), [3]);
        assert_eq!(places::<Rid>("h.i send"), [1]);
        assert_eq!(places::<Rid>("hi"), [2]);
    }

    #[test]
    fn a_simulcast_has_streams_with_alternatives_which_may_be_paused() {
        let simulcast = round_trip::<Simulcast>("send 1,~4;2;3 recv 6");
        let streams = simulcast.streams(RidDirection::Send);
        assert_eq!(streams.len(), 3);
        assert_eq!(streams[0][1], SimulcastId { rid: "4".into(), paused: true });
        assert_eq!(simulcast.streams(RidDirection::Recv).len(), 1);
        assert_eq!(places::<Simulcast>("send 1 send 2"), [7]);
        assert_eq!(places::<Simulcast>("send 1;;2"), [7]);
        assert_eq!(places::<Simulcast>("send"), [4]);
    }
}
