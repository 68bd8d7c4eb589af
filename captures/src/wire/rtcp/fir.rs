//! FIR, full intra request: RFC 5104 §4.3.1.
//!
//! ```text
//! |                              SSRC                             |
//! | Seq nr.       |    Reserved                                   |
//! ```

use super::read_ssrc;
use crate::wire::field::Field;
use crate::wire::list::Unit;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// A request to one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirEntry {
    /// The source that shall send a key frame.
    pub ssrc: Field<u32>,
    /// The number of the request; repetitions bear the same.
    pub sequence: Field<u8>,
    /// Zero.
    pub reserved: Field<u32>,
}

impl<'a> Unit<'a> for FirEntry {
    const NAME: &'static str = "FIR entry";

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let ssrc = read_ssrc(r, "SSRC")?;
        let sequence = r.u8("sequence number")?;
        let reserved = r.u24("reserved")?;
        let entry = Self { ssrc, sequence, reserved };
        r.summary(|| entry.to_string());
        Ok(entry)
    }
}

impl fmt::Display for FirEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x} seq {}", self.ssrc.value, self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::super::compound::tests::check;

    #[test]
    fn requests_are_understood() {
        check(
            "84ce0004 00000001 00000000 00000002 07000000",
            "FIR from 0x00000001 for 0x00000000 [0x00000002 seq 7]",
        );
    }
}
