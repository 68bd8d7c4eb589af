//! SACK: RFC 9260 §3.3.4.
//!
//! ```text
//! |   Type = 3    |  Chunk Flags  |         Chunk Length          |
//! |                      Cumulative TSN Ack                       |
//! |          Advertised Receiver Window Credit (a_rwnd)           |
//! | Number of Gap Ack Blocks = N  |  Number of Duplicate TSNs = M |
//! |    Gap Ack Block #1 Start     |     Gap Ack Block #1 End      |
//! |                       Duplicate TSN 1                         |
//! ```

use super::Tsn;
use crate::wire::field::Field;
use crate::wire::list::{List, Unit};
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// TSNs received beyond the cumulative one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapBlock {
    /// Offset of the first from the cumulative TSN.
    pub start: Field<u16>,
    /// Offset of the last.
    pub end: Field<u16>,
}

impl<'a> Unit<'a> for GapBlock {
    const NAME: &'static str = "gap ack block";

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        Ok(Self { start: r.u16("start")?, end: r.u16("end")? })
    }
}

/// An acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sack<'a> {
    /// Everything up to this TSN has been received.
    pub cumulative_tsn: Field<u32>,
    /// Bytes that can still be buffered.
    pub receiver_window: Field<u32>,
    /// How many gap ack blocks.
    pub gap_count: Field<u16>,
    /// How many duplicates.
    pub duplicate_count: Field<u16>,
    /// What was received beyond.
    pub gaps: List<'a, GapBlock>,
    /// What was received again.
    pub duplicates: List<'a, Tsn>,
}

impl<'a> Sack<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let cumulative_tsn = r.u32("cumulative TSN ack")?;
        let receiver_window = r.u32("a_rwnd")?;
        let gap_count = r.u16("number of gap ack blocks")?;
        let duplicate_count = r.u16("number of duplicate TSNs")?;
        let gaps = List::read(r, usize::from(gap_count.value) * 4, gap_count.range)?;
        let duplicates = List::read(r, usize::from(duplicate_count.value) * 4, duplicate_count.range)?;
        Ok(Self { cumulative_tsn, receiver_window, gap_count, duplicate_count, gaps, duplicates })
    }

    /// Whether a TSN is acknowledged, cumulatively or by a block.
    pub fn acknowledges(&self, tsn: u32) -> bool {
        let beyond = tsn.wrapping_sub(self.cumulative_tsn.value);
        let within = |gap: GapBlock| (u32::from(gap.start.value)..=gap.end.value.into()).contains(&beyond);
        beyond == 0 || beyond > u32::MAX / 2 || self.gaps.iter().any(within)
    }
}

impl fmt::Display for Sack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tsn {} window {}", self.cumulative_tsn, self.receiver_window)?;
        self.gaps.iter().try_for_each(|gap| write!(f, " gap +{}-{}", gap.start, gap.end))?;
        self.duplicates.iter().try_for_each(|tsn| write!(f, " duplicate {}", tsn.0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Body;
    use super::super::packet::tests::{body, check, packet_of};

    #[test]
    fn gaps_and_duplicates_are_understood() {
        let text = "0300001c ffffffff 00010000 0002 0001 00020003 00050005 00000007";
        check(text, "SACK tsn 4294967295 window 65536 gap +2-3 gap +5-5 duplicate 7");
        let bytes = packet_of(text);
        let Body::Sack(sack) = body(&bytes) else { panic!() };
        let acknowledged = [0xffff_fffe, 0xffff_ffff, 0, 1, 2, 3, 4, 5].map(|tsn| sack.acknowledges(tsn));
        assert_eq!(acknowledged, [true, true, false, true, true, false, true, false]);
    }

    #[test]
    fn more_blocks_than_the_chunk_holds_is_malformed() {
        check("03000010 00000001 00010000 0001 0000", "SACK malformed");
    }
}
