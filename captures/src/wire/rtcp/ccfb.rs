//! Congestion control feedback: RFC 8888 §3.1.
//!
//! ```text
//! |                 SSRC of RTCP packet sender                    |
//! |                   SSRC of 1st RTP Stream                      |
//! |          begin_seq            |          num_reports          |
//! |R|ECN|  Arrival time offset    | ...                           .
//! .                                                               .
//! |                        Report Timestamp                       |
//! ```

use super::read_ssrc;
use crate::wire::field::{Field, Span};
use crate::wire::list::{List, Unit};
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// The feedback about all streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ccfb<'a> {
    /// A report for each stream.
    pub streams: List<'a, MetricBlocks<'a>>,
    /// When the report was made: the middle 32 bits of an NTP timestamp.
    pub timestamp: Field<u32>,
}

impl<'a> Ccfb<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let length = r.remaining().checked_sub(4).ok_or_else(|| r.short(4))?;
        let streams = List::read(r, length, Span::default())?;
        let timestamp = r.u32("report timestamp")?;
        r.meaning(|| Value::Hex(timestamp.value.into(), 4));
        Ok(Self { streams, timestamp })
    }
}

impl fmt::Display for Ccfb<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, stream) in self.streams.iter().enumerate() {
            write!(f, "{}[{stream}]", if i == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

/// The packets of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricBlocks<'a> {
    /// The stream.
    pub ssrc: Field<u32>,
    /// The first sequence number.
    pub begin_sequence: Field<u16>,
    /// How many packets.
    pub report_count: Field<u16>,
    /// One report for each packet.
    pub blocks: List<'a, MetricBlock>,
}

impl<'a> Unit<'a> for MetricBlocks<'a> {
    const NAME: &'static str = "CCFB stream report";

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let ssrc = read_ssrc(r, "SSRC of stream")?;
        let begin_sequence = r.u16("begin_seq")?;
        let report_count = r.u16("num_reports")?;
        let length = usize::from(report_count.value) * 2;
        let blocks = List::read(r, length, report_count.range)?;
        if length % 4 != 0 {
            r.u16("padding")?;
        }
        let stream = Self { ssrc, begin_sequence, report_count, blocks };
        r.summary(|| stream.to_string());
        Ok(stream)
    }
}

impl fmt::Display for MetricBlocks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let received = self.blocks.iter().filter(MetricBlock::is_received).count();
        let (ssrc, base, count) = (self.ssrc.value, self.begin_sequence.value, self.report_count.value);
        write!(f, "{ssrc:#010x} base {base} received {received} of {count}")
    }
}

/// What is said of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricBlock(pub Field<u16>);

impl MetricBlock {
    /// Whether it arrived.
    pub const fn is_received(&self) -> bool {
        self.0.value & 0x8000 != 0
    }

    /// The ECN mark with which it arrived.
    pub const fn ecn(&self) -> u8 {
        (self.0.value >> 13 & 3) as u8
    }

    /// How long before the report it arrived, in units of 1/1024 s; 0x1FFE for longer, 0x1FFF for not known.
    pub const fn arrival_time_offset(&self) -> u16 {
        self.0.value & 0x1fff
    }
}

impl<'a> Unit<'a> for MetricBlock {
    const NAME: &'static str = "metric block";
    const IS_NODE: bool = false;

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let word = r.u16("R, ECN, ATO")?;
        r.part("received", 0x8000, word.value);
        r.part("ECN", 0x6000, word.value);
        r.part("arrival time offset", 0x1fff, word.value);
        Ok(Self(word))
    }
}

#[cfg(test)]
mod tests {
    use super::super::compound::tests::check;

    #[test]
    fn streams_and_packets_are_understood() {
        check(
            "8bcd0009 00000001 00000002 00640003 8010 0000 a00f 0000 00000003 00070002 8001 8002 12345678",
            "CCFB from 0x00000001 [0x00000002 base 100 received 2 of 3] [0x00000003 base 7 received 2 of 2]",
        );
    }
}
