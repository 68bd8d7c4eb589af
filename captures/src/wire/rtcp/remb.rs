//! REMB, receiver estimated maximum bitrate: draft-alvestrand-rmcat-remb-03 §2.2.
//!
//! ```text
//! |  Unique identifier 'R' 'E' 'M' 'B'                            |
//! |  Num SSRC     | BR Exp    |  BR Mantissa                      |
//! |   SSRC feedback                                               |
//! |  ...                                                          |
//! ```

use super::Ssrc;
use super::tmmb::scaled;
use crate::wire::field::Field;
use crate::wire::list::List;
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// An estimate for all sources that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remb<'a> {
    /// How many sources.
    pub count: Field<u8>,
    /// Exponent (6 bits) and mantissa (18).
    pub rate: Field<u32>,
    /// The sources.
    pub sources: List<'a, Ssrc>,
}

impl<'a> Remb<'a> {
    pub(super) const IDENTIFIER: [u8; 4] = *b"REMB";

    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        r.rename(|| "RTCP REMB".into());
        r.text("unique identifier", Self::IDENTIFIER.len())?;
        let count = r.u8("number of SSRCs")?;
        let rate = r.u24("BR exponent, mantissa")?;
        let remb = Self { count, rate, sources: List::rest(&mut Reader::new("REMB", &[])) };
        r.meaning(|| Value::Unsigned(remb.bitrate()));
        r.part("BR Exp", 0xfc_0000, rate.value);
        r.part("BR Mantissa", 0x03_ffff, rate.value);
        let sources = List::read(r, usize::from(count.value) * 4, count.range)?;
        Ok(Self { sources, ..remb })
    }

    /// The bitrate in bit/s; saturates.
    pub fn bitrate(&self) -> u64 {
        scaled(u64::from(self.rate.value & 0x3_ffff), self.rate.value >> 18)
    }
}

impl fmt::Display for Remb<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bit/s", self.bitrate())?;
        self.sources.iter().try_for_each(|source| write!(f, " {:#010x}", source.0.value))
    }
}

#[cfg(test)]
mod tests {
    use super::super::compound::tests::check;

    #[test]
    fn an_estimate_is_understood() {
        check(
            "8fce0006 00000001 00000000 52454d42 020bd090 00000002 00000003",
            "REMB from 0x00000001 1000000 bit/s 0x00000002 0x00000003",
        );
    }
}
