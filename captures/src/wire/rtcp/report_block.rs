//! Report blocks of SR and RR: RFC 3550 §6.4.1.
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                 SSRC_1 (SSRC of first source)                 |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! | fraction lost |       cumulative number of packets lost       |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |           extended highest sequence number received           |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                      interarrival jitter                      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                         last SR (LSR)                         |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                   delay since last SR (DLSR)                  |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use super::read_ssrc;
use crate::wire::field::Field;
use crate::wire::list::Unit;
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// What a receiver says about one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source.
    pub ssrc: Field<u32>,
    /// Lost since the last report, in 256ths.
    pub fraction_lost: Field<u8>,
    /// Lost since the beginning; negative when there were duplicates.
    pub lost: Field<i32>,
    /// The highest sequence number with its cycles in the upper half.
    pub highest_sequence: Field<u32>,
    /// The jitter in units of the clock.
    pub jitter: Field<u32>,
    /// The middle 32 bits of the NTP timestamp of the last SR; zero if there was none.
    pub last_sr: Field<u32>,
    /// Time since that SR in units of 1/65536 s.
    pub delay_since_last_sr: Field<u32>,
}

impl ReportBlock {
    /// Its length in bytes.
    pub const LENGTH: usize = 24;
}

impl<'a> Unit<'a> for ReportBlock {
    const NAME: &'static str = "report block";

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let ssrc = read_ssrc(r, "SSRC of source")?;
        let fraction_lost = r.u8("fraction lost")?;
        let lost = r.u24("cumulative number of packets lost")?.map(|raw| ((raw << 8) as i32) >> 8);
        r.meaning(|| Value::Signed(lost.value.into()));
        let highest_sequence = r.u32("extended highest sequence number received")?;
        r.part("cycles", 0xffff_0000, highest_sequence.value);
        r.part("sequence number", 0x0000_ffff, highest_sequence.value);
        let jitter = r.u32("interarrival jitter")?;
        let last_sr = r.u32("last SR")?;
        r.meaning(|| Value::Hex(last_sr.value.into(), 4));
        let delay_since_last_sr = r.u32("delay since last SR")?;
        let block =
            Self { ssrc, fraction_lost, lost, highest_sequence, jitter, last_sr, delay_since_last_sr };
        r.summary(|| block.to_string());
        Ok(block)
    }
}

impl fmt::Display for ReportBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ssrc, fraction_lost, lost, highest_sequence, jitter, .. } = self;
        write!(
            f,
            "{:#010x} lost {lost} ({fraction_lost}/256) highest {highest_sequence} jitter {jitter}",
            ssrc.value
        )
    }
}
