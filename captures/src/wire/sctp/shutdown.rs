//! SHUTDOWN: RFC 9260 §3.3.8. SHUTDOWN-ACK and SHUTDOWN-COMPLETE (§3.3.9, §3.3.13) have no value.
//!
//! ```text
//! |   Type = 7    |  Chunk Flags  |          Length = 8           |
//! |                      Cumulative TSN Ack                       |
//! ```

use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// The beginning of the graceful end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shutdown {
    /// Everything up to this TSN has been received.
    pub cumulative_tsn: Field<u32>,
}

impl Shutdown {
    pub(super) fn read<S: Sink>(r: &mut Reader<'_, S>) -> Read<Self> {
        Ok(Self { cumulative_tsn: r.u32("cumulative TSN ack")? })
    }
}

impl fmt::Display for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tsn {}", self.cumulative_tsn)
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::tests::check;

    #[test]
    fn the_three_steps_are_distinguished() {
        check("07000008 00000009 08000004 0e000004", "SHUTDOWN tsn 9, SHUTDOWN-ACK, SHUTDOWN-COMPLETE");
    }
}
