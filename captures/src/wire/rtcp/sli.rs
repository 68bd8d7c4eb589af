//! SLI, slice loss indication: RFC 4585 §6.3.2.
//!
//! ```text
//! |            First        |        Number           | PictureID |
//! ```

use crate::wire::field::Field;
use crate::wire::list::Unit;
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// A run of lost macroblocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliEntry(pub Field<u32>);

impl SliEntry {
    /// The first lost macroblock.
    pub const fn first(&self) -> u32 {
        self.0.value >> 19
    }

    /// How many are lost.
    pub const fn number(&self) -> u32 {
        self.0.value >> 6 & 0x1fff
    }

    /// The low six bits of the picture's identifier.
    pub const fn picture_id(&self) -> u32 {
        self.0.value & 0x3f
    }
}

impl<'a> Unit<'a> for SliEntry {
    const NAME: &'static str = "SLI entry";

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let word = r.u32("first, number, picture ID")?;
        r.meaning(|| Value::Hex(word.value.into(), 4));
        r.part("first", 0xfff8_0000, word.value);
        r.part("number", 0x0007_ffc0, word.value);
        r.part("picture ID", 0x0000_003f, word.value);
        let entry = Self(word);
        r.summary(|| entry.to_string());
        Ok(entry)
    }
}

impl fmt::Display for SliEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "macroblocks {}+{} of picture {}", self.first(), self.number(), self.picture_id())
    }
}

#[cfg(test)]
mod tests {
    use super::super::compound::tests::check;

    #[test]
    fn lost_slices_are_understood() {
        check(
            "82ce0003 00000001 00000002 00080085",
            "SLI from 0x00000001 for 0x00000002 [macroblocks 1+2 of picture 5]",
        );
    }
}
