//! ECNE and CWR, explicit congestion notification: RFC 4960 Appendix A (RFC 9260 §3.2 keeps the types reserved).
//!
//! ```text
//! | Type = 12, 13 |  Chunk Flags  |          Length = 8           |
//! |                          Lowest TSN Number                    |
//! ```

use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// Congestion was met (ECNE), or was answered (CWR).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ecn {
    /// The lowest TSN concerned.
    pub lowest_tsn: Field<u32>,
}

impl Ecn {
    pub(super) fn read<S: Sink>(r: &mut Reader<'_, S>) -> Read<Self> {
        Ok(Self { lowest_tsn: r.u32("lowest TSN number")? })
    }
}

impl fmt::Display for Ecn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tsn {}", self.lowest_tsn)
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::tests::check;

    #[test]
    fn both_chunks_name_a_tsn() {
        check("0c000008 00000003 0d000008 00000003", "ECNE tsn 3, CWR tsn 3");
    }
}
