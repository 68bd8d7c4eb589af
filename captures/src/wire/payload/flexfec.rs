//! FlexFEC with a flexible mask: RFC 8627 §4.2.2.1, and its third draft, which browsers have (`flexfec-03`).
//!
//! ```text
//! |R|F|P|X|  CC   |M| PT recovery |        length recovery        |
//! |                          TS recovery                          |
//! |   SSRCCount   |                    reserved                   |   draft 03 only
//! |                             SSRC_i                            |   draft 03 only
//! |           SN base_i           |k|          Mask [0-14]        |
//! |k|                   Mask [15-45] (optional)                   |
//! |                   Mask [46-109] (optional)                    |   draft 03: k and Mask [46-108]
//! ```
//!
//! In the draft a k bit of one ends the mask; in the RFC one of zero does, and the protected sources stand in the CSRC list of
//! the RTP header.

use super::ulpfec::masked;
use crate::wire::field::{Field, Span};
use crate::wire::node::{self, Dissected, Value};
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// The packets of one source that are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protected {
    /// The source; in the draft only.
    pub ssrc: Option<Field<u32>>,
    /// The sequence number that the mask counts from.
    pub base: Field<u16>,
    /// The bytes of the mask.
    pub mask_range: Span,
    /// The mask without its k bits: the first packet in the highest bit of the first number.
    pub mask: (u64, u64),
}

impl Protected {
    /// The sequence numbers.
    pub fn sequences(&self) -> impl Iterator<Item = u16> + use<> {
        let (first, second) = self.mask;
        masked(self.base.value, first, 64).chain(masked(self.base.value.wrapping_add(64), second, 46))
    }
}

/// A payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flexfec<'a> {
    /// R, F, P, X, CC, M and PT recovery.
    pub recovery: Field<u16>,
    /// Recovers the length.
    pub length_recovery: Field<u16>,
    /// Recovers the timestamp.
    pub timestamp_recovery: Field<u32>,
    /// What is protected of the first source; `None` for retransmissions (R) and fixed masks (F), of which no more is read.
    pub protected: Option<Protected>,
    /// The parity, after further sources if there are any.
    pub data: Field<&'a [u8]>,
}

impl<'a> Flexfec<'a> {
    /// Reads a payload of RFC 8627, which is all that is left.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        Self::read_version(r, false)
    }

    /// Reads a payload of the third draft, which is all that is left.
    pub fn read_03<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        Self::read_version(r, true)
    }

    fn read_version<S: Sink>(r: &mut Reader<'a, S>, draft: bool) -> Read<Self> {
        let recovery = r.u16("R, F, P, X, CC, M, PT recovery")?;
        r.part("retransmission", 0x8000, recovery.value);
        r.part("fixed mask", 0x4000, recovery.value);
        let length_recovery = r.u16("length recovery")?;
        let timestamp_recovery = r.u32("TS recovery")?;
        let protected = if recovery.value & 0xc000 != 0 { None } else { Some(read_protected(r, draft)?) };
        let data = r.rest("parity");
        let payload = Self { recovery, length_recovery, timestamp_recovery, protected, data };
        r.summary(|| payload.to_string());
        Ok(payload)
    }
}

fn read_protected<S: Sink>(r: &mut Reader<'_, S>, draft: bool) -> Read<Protected> {
    let ssrc = if draft {
        r.u8("SSRC count")?;
        r.u24("reserved")?;
        let ssrc = r.u32("SSRC")?;
        r.meaning(|| Value::Hex(ssrc.value.into(), 4));
        Some(ssrc)
    } else {
        None
    };
    let base = r.u16("SN base")?;
    let start = r.offset();
    let ends = |k_bit: bool| k_bit == draft;
    let first = read_mask(r.u16("k, mask 0 to 14")?.map(u64::from), r, 2);
    let mut bits = u128::from(first & 0x7fff) << (128 - 15);
    if !ends(first & 0x8000 != 0) {
        let second = read_mask(r.u32("k, mask 15 to 45")?.map(u64::from), r, 4);
        bits |= u128::from(second & 0x7fff_ffff) << (128 - 46);
        if !ends(second & 0x8000_0000 != 0) {
            let third = read_mask(r.u64("mask from 46")?, r, 8);
            let (third, width) = if draft { (third & (u64::MAX >> 1), 63) } else { (third, 64) };
            bits |= u128::from(third) << (128 - 46 - width);
        }
    }
    let mask = ((bits >> 64) as u64, bits as u64);
    Ok(Protected { ssrc, base, mask_range: Span::new(start, r.offset()), mask })
}

fn read_mask<S: Sink>(field: Field<u64>, r: &mut Reader<'_, S>, width: u8) -> u64 {
    r.meaning(|| Value::Hex(field.value, width));
    field.value
}

/// Reads a payload of RFC 8627.
pub fn view(bytes: &[u8]) -> Read<Flexfec<'_>> {
    Flexfec::read(&mut Reader::new("FlexFEC", bytes))
}

/// The tree of a payload of RFC 8627.
pub fn tree(bytes: &[u8]) -> Dissected<Flexfec<'_>> {
    node::record("FlexFEC", bytes, Flexfec::read)
}

/// Reads a payload of the third draft.
pub fn view_03(bytes: &[u8]) -> Read<Flexfec<'_>> {
    Flexfec::read_03(&mut Reader::new("FlexFEC", bytes))
}

/// The tree of a payload of the third draft.
pub fn tree_03(bytes: &[u8]) -> Dissected<Flexfec<'_>> {
    node::record("FlexFEC", bytes, Flexfec::read_03)
}

impl fmt::Display for Flexfec<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.protected {
            None if self.recovery.value & 0x8000 != 0 => f.write_str("FlexFEC retransmission"),
            None => f.write_str("FlexFEC fixed mask"),
            Some(protected) => {
                f.write_str("FlexFEC protects")?;
                protected.ssrc.iter().try_for_each(|ssrc| write!(f, " {:#010x}", ssrc.value))?;
                protected.sequences().try_for_each(|sequence| write!(f, " {sequence}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::{check_all, hex};

    #[track_caller]
    fn check(draft: bool, text: &str, expected: &str) {
        let bytes = hex(text);
        let payload = if draft { view_03(&bytes) } else { view(&bytes) };
        assert_eq!(payload.unwrap().to_string(), expected);
        check_all(&bytes, |b| if draft { tree_03(b) } else { tree(b) }.outcome());
    }

    #[test]
    fn a_k_bit_of_one_ends_the_mask_in_the_draft() {
        check(
            true,
            "0060 0002 00000001 01000000 00000007 0064 c001 aabb",
            "FlexFEC protects 0x00000007 100 114",
        );
        check(
            true,
            "0060 0002 00000001 01000000 00000007 0064 0001 c0000001 aabb",
            "FlexFEC protects 0x00000007 114 115 145",
        );
        check(
            true,
            "0060 0002 00000001 01000000 00000007 0000 4000 00000001 c000000000000001 aabb",
            "FlexFEC protects 0x00000007 0 45 46 108",
        );
    }

    #[test]
    fn a_k_bit_of_zero_ends_the_mask_in_the_rfc() {
        check(false, "0060 0002 00000001 0064 4001 aabb", "FlexFEC protects 100 114");
        check(false, "0060 0002 00000001 0064 8001 40000001 aabb", "FlexFEC protects 114 115 145");
        check(
            false,
            "0060 0002 00000001 0000 c000 80000001 8000000000000001 aabb",
            "FlexFEC protects 0 45 46 109",
        );
    }

    #[test]
    fn other_kinds_are_named_only() {
        check(false, "8060 0002 00000001 aabb", "FlexFEC retransmission");
        check(false, "4060 0002 00000001 aabb", "FlexFEC fixed mask");
    }
}
