//! ULPFEC: RFC 5109 §7.
//!
//! ```text
//! |E|L|P|X|  CC   |M| PT recovery |            SN base            |
//! |                          TS recovery                          |
//! |        length recovery        |
//!
//! |       Protection Length       |             mask              |   for each level
//! |              mask cont. (present only when L = 1)             |
//! ```

use crate::wire::field::Field;
use crate::wire::list::{List, Unit};
use crate::wire::node::{self, Dissected, Value};
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// One level of protection, with a mask of 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortLevel<'a>(pub Level<'a>);

/// One level of protection, with a mask of 48 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LongLevel<'a>(pub Level<'a>);

/// What one level protects, and with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level<'a> {
    /// Bytes of each packet that are protected.
    pub length: Field<u16>,
    /// Which packets, counted from the base: the first in bit 47.
    pub mask: Field<u64>,
    /// The parity.
    pub data: Field<&'a [u8]>,
}

impl<'a> Level<'a> {
    fn read<S: Sink>(r: &mut Reader<'a, S>, long: bool) -> Read<Self> {
        let length = r.u16("protection length")?;
        let mask = if long { r.u48("mask")? } else { r.u16("mask")?.map(|mask| u64::from(mask) << 32) };
        r.meaning(|| if long { Value::Hex(mask.value, 6) } else { Value::Hex(mask.value >> 32, 2) });
        let data = r.bytes("parity", length.value.into())?;
        Ok(Self { length, mask, data })
    }
}

impl<'a> Unit<'a> for ShortLevel<'a> {
    const NAME: &'static str = "FEC level";

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        Level::read(r, false).map(Self)
    }
}

impl<'a> Unit<'a> for LongLevel<'a> {
    const NAME: &'static str = "FEC level";

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        Level::read(r, true).map(Self)
    }
}

/// The levels, by the width of their masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Levels<'a> {
    /// Masks of 16 bits.
    Short(List<'a, ShortLevel<'a>>),
    /// Masks of 48 bits.
    Long(List<'a, LongLevel<'a>>),
}

/// A payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ulpfec<'a> {
    /// E, L, P, X, CC, M and PT recovery.
    pub recovery: Field<u16>,
    /// The sequence number that the masks count from.
    pub base: Field<u16>,
    /// Recovers the timestamp.
    pub timestamp_recovery: Field<u32>,
    /// Recovers the length.
    pub length_recovery: Field<u16>,
    /// The levels.
    pub levels: Levels<'a>,
}

impl<'a> Ulpfec<'a> {
    /// Reads a payload, which is all that is left.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let recovery = r.u16("E, L, P, X, CC, M, PT recovery")?;
        r.part("extension", 0x8000, recovery.value);
        r.part("long mask", 0x4000, recovery.value);
        let base = r.u16("SN base")?;
        let timestamp_recovery = r.u32("TS recovery")?;
        let length_recovery = r.u16("length recovery")?;
        let levels = match recovery.value & 0x4000 != 0 {
            true => Levels::Long(List::rest(r)),
            false => Levels::Short(List::rest(r)),
        };
        let payload = Self { recovery, base, timestamp_recovery, length_recovery, levels };
        r.summary(|| payload.to_string());
        Ok(payload)
    }

    /// The levels in order.
    pub fn levels(&self) -> impl Iterator<Item = Level<'a>> + use<'a> {
        let (short, long) = match self.levels {
            Levels::Short(levels) => (Some(levels), None),
            Levels::Long(levels) => (None, Some(levels)),
        };
        let short = short.into_iter().flatten().map(|level| level.0);
        short.chain(long.into_iter().flatten().map(|level| level.0))
    }

    /// The sequence numbers of the packets that the first level protects.
    pub fn protected(&self) -> impl Iterator<Item = u16> + use<> {
        let mask = self.levels().next().map_or(0, |level| level.mask.value);
        masked(self.base.value, mask << 16, 48)
    }
}

/// The sequence numbers of the bits of a mask, the highest bit standing for the base.
pub(super) fn masked(base: u16, mask: u64, bits: u16) -> impl Iterator<Item = u16> {
    (0..bits).filter(move |bit| mask >> (63 - bit) & 1 == 1).map(move |bit| base.wrapping_add(bit))
}

/// Reads a payload.
pub fn view(bytes: &[u8]) -> Read<Ulpfec<'_>> {
    Ulpfec::read(&mut Reader::new("ULPFEC", bytes))
}

/// The tree of a payload.
pub fn tree(bytes: &[u8]) -> Dissected<Ulpfec<'_>> {
    node::record("ULPFEC", bytes, Ulpfec::read)
}

impl fmt::Display for Ulpfec<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ULPFEC protects")?;
        self.protected().try_for_each(|sequence| write!(f, " {sequence}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::{check_all, hex};

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let bytes = hex(text);
        assert_eq!(view(&bytes).unwrap().to_string(), expected);
        check_all(&bytes, |b| tree(b).outcome());
    }

    #[test]
    fn short_and_long_masks_are_understood() {
        check("0060 ffff 00000001 0002 0002 a001 aabb", "ULPFEC protects 65535 1 14");
        check("4060 0000 00000001 0002 0002 800000000001 aabb", "ULPFEC protects 0 47");
    }

    #[test]
    fn several_levels_are_read() {
        let bytes = hex("0060 0000 00000001 0002 0001 8000 aa 0002 c000 bbcc");
        let lengths: Vec<_> = view(&bytes).unwrap().levels().map(|level| level.data.value.len()).collect();
        assert_eq!(lengths, [1, 2]);
    }
}
