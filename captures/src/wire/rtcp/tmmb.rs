//! TMMBR and TMMBN, temporary maximum media bitrate: RFC 5104 §4.2.1 and §4.2.2.
//!
//! ```text
//! |                              SSRC                             |
//! | MxTBR Exp |  MxTBR Mantissa                 |Measured Overhead|
//! ```

use super::read_ssrc;
use crate::wire::field::Field;
use crate::wire::list::Unit;
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// A bitrate of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TmmbEntry {
    /// The source.
    pub ssrc: Field<u32>,
    /// Exponent (6 bits), mantissa (17) and overhead (9).
    pub rate: Field<u32>,
}

impl TmmbEntry {
    /// The bitrate in bit/s; saturates.
    pub fn bitrate(&self) -> u64 {
        scaled(u64::from(self.rate.value >> 9 & 0x1_ffff), self.rate.value >> 26)
    }

    /// Bytes of headers below RTP for each packet.
    pub const fn overhead(&self) -> u32 {
        self.rate.value & 0x1ff
    }
}

/// `mantissa * 2^exponent`, saturating.
pub(super) fn scaled(mantissa: u64, exponent: u32) -> u64 {
    match mantissa {
        0 => 0,
        _ if exponent > mantissa.leading_zeros() => u64::MAX,
        _ => mantissa << exponent,
    }
}

impl<'a> Unit<'a> for TmmbEntry {
    const NAME: &'static str = "TMMBR entry";

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let ssrc = read_ssrc(r, "SSRC")?;
        let rate = r.u32("MxTBR, overhead")?;
        let entry = Self { ssrc, rate };
        r.meaning(|| Value::Hex(rate.value.into(), 4));
        r.part("MxTBR Exp", 0xfc00_0000, rate.value);
        r.part("MxTBR Mantissa", 0x03ff_fe00, rate.value);
        r.part("Measured Overhead", 0x0000_01ff, rate.value);
        r.summary(|| entry.to_string());
        Ok(entry)
    }
}

impl fmt::Display for TmmbEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x} {} bit/s overhead {}", self.ssrc.value, self.bitrate(), self.overhead())
    }
}

#[cfg(test)]
mod tests {
    use super::super::compound::tests::check;
    use super::*;

    #[test]
    fn bitrates_are_understood() {
        check(
            "83cd0004 00000001 00000000 00000002 0800fa28",
            "TMMBR from 0x00000001 for 0x00000000 [0x00000002 500 bit/s overhead 40]",
        );
        check("84cd0002 00000001 00000000", "TMMBN from 0x00000001 for 0x00000000");
    }

    #[test]
    fn a_bitrate_beyond_all_numbers_saturates() {
        assert_eq!(scaled(1, 63), 1 << 63);
        assert_eq!(scaled(2, 63), u64::MAX);
        assert_eq!(scaled(0, 63), 0);
    }
}
