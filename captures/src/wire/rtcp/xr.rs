//! XR, extended reports: RFC 3611 §2 to §4.
//!
//! ```text
//! |V=2|P|reserved |   PT=XR=207   |             length            |
//! |                              SSRC                             |
//! :                         report blocks                         :
//!
//! |      BT       | type-specific |         block length          |
//! :             type-specific block contents                      :
//! ```

use super::read_ssrc;
use crate::wire::field::{Field, Span};
use crate::wire::list::{List, Unit};
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

code_points! {
    /// XR block types.
    pub enum XrBlockType(u8) {
        LossRle = 1 => "loss RLE",
        DuplicateRle = 2 => "duplicate RLE",
        ReceiptTimes = 3 => "packet receipt times",
        ReceiverReferenceTime = 4 => "RRTR",
        Dlrr = 5 => "DLRR",
        StatisticsSummary = 6 => "statistics summary",
        VoipMetrics = 7 => "VoIP metrics",
        TargetBitrate = 42 => "target bitrate",
    }
}

/// The body of an XR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtendedReport<'a> {
    /// Who sends it.
    pub ssrc: Field<u32>,
    /// The blocks.
    pub blocks: List<'a, XrBlock<'a>>,
}

impl<'a> ExtendedReport<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let ssrc = read_ssrc(r, "SSRC")?;
        Ok(Self { ssrc, blocks: List::rest(r) })
    }
}

impl fmt::Display for ExtendedReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "XR from {:#010x}", self.ssrc.value)?;
        self.blocks.iter().try_for_each(|block| write!(f, " [{block}]"))
    }
}

/// A report block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XrBlock<'a> {
    /// Its type.
    pub kind: Field<XrBlockType>,
    /// Bits whose meaning depends on the type.
    pub specific: Field<u8>,
    /// What it says; `None` if that cannot be read.
    pub content: Option<XrContent<'a>>,
}

/// What a report block says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XrContent<'a> {
    /// Packets lost or duplicated, or times of receipt, of one source: from the first sequence number up to, not including, the
    /// last (§4.1 to §4.3).
    Packets {
        /// The source.
        ssrc: Field<u32>,
        /// The first sequence number.
        begin: Field<u16>,
        /// One past the last.
        end: Field<u16>,
        /// Chunks or times.
        chunks: Field<&'a [u8]>,
    },
    /// When the block was sent, as NTP timestamp (§4.4).
    ReceiverReferenceTime(Field<u64>),
    /// Answers to reference times (§4.5).
    Dlrr(List<'a, DlrrEntry>),
    /// Anything else.
    Other(Field<&'a [u8]>),
}

impl<'a> Unit<'a> for XrBlock<'a> {
    const NAME: &'static str = "XR block";

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let kind = r.code::<XrBlockType>("block type")?;
        let specific = r.u8("type-specific")?;
        let length = r.u16("block length in words")?;
        let content =
            r.attempt(usize::from(length.value) * 4, length.range, |r| XrContent::read(r, kind.value))?;
        let block = Self { kind, specific, content };
        r.summary(|| block.to_string());
        Ok(block)
    }
}

impl<'a> XrContent<'a> {
    fn read<S: Sink>(r: &mut Reader<'a, S>, kind: XrBlockType) -> Read<Self> {
        Ok(match kind {
            XrBlockType::LossRle | XrBlockType::DuplicateRle | XrBlockType::ReceiptTimes => Self::Packets {
                ssrc: read_ssrc(r, "SSRC of source")?,
                begin: r.u16("begin_seq")?,
                end: r.u16("end_seq")?,
                chunks: r.rest("chunks"),
            },
            XrBlockType::ReceiverReferenceTime => {
                let ntp = r.u64("NTP timestamp")?;
                r.meaning(|| Value::Hex(ntp.value, 8));
                Self::ReceiverReferenceTime(ntp)
            }
            XrBlockType::Dlrr => Self::Dlrr(List::rest(r)),
            XrBlockType::StatisticsSummary => read_known(r, STATISTICS_SUMMARY)?,
            XrBlockType::VoipMetrics => read_known(r, VOIP_METRICS)?,
            _ => Self::Other(r.rest("content")),
        })
    }
}

/// Names and widths of the fields of a statistics summary, §4.6.
const STATISTICS_SUMMARY: &[(&str, u8)] = &[
    ("SSRC of source", 4),
    ("begin_seq", 2),
    ("end_seq", 2),
    ("lost packets", 4),
    ("duplicate packets", 4),
    ("min jitter", 4),
    ("max jitter", 4),
    ("mean jitter", 4),
    ("dev jitter", 4),
    ("min TTL or HL", 1),
    ("max TTL or HL", 1),
    ("mean TTL or HL", 1),
    ("dev TTL or HL", 1),
];

/// Names and widths of the fields of VoIP metrics, §4.7.
const VOIP_METRICS: &[(&str, u8)] = &[
    ("SSRC of source", 4),
    ("loss rate", 1),
    ("discard rate", 1),
    ("burst density", 1),
    ("gap density", 1),
    ("burst duration", 2),
    ("gap duration", 2),
    ("round trip delay", 2),
    ("end system delay", 2),
    ("signal level", 1),
    ("noise level", 1),
    ("RERL", 1),
    ("Gmin", 1),
    ("R factor", 1),
    ("ext. R factor", 1),
    ("MOS-LQ", 1),
    ("MOS-CQ", 1),
    ("RX config", 1),
    ("reserved", 1),
    ("JB nominal", 2),
    ("JB maximum", 2),
    ("JB abs max", 2),
];

/// Reads fields that matter to the record only.
fn read_known<'a, S: Sink>(r: &mut Reader<'a, S>, fields: &[(&'static str, u8)]) -> Read<XrContent<'a>> {
    let (start, bytes) = (r.offset(), r.peek());
    for (name, width) in fields {
        match width {
            1 => drop(r.u8(name)?),
            2 => drop(r.u16(name)?),
            _ => drop(r.u32(name)?),
        }
    }
    r.rest("content");
    Ok(XrContent::Other(Field::new(Span::new(start, start + bytes.len()), bytes)))
}

/// The answer to a receiver's reference time, as LSR and DLSR answer an SR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DlrrEntry {
    /// The receiver.
    pub ssrc: Field<u32>,
    /// The middle 32 bits of its last reference time.
    pub last_rr: Field<u32>,
    /// Time since then in units of 1/65536 s.
    pub delay_since_last_rr: Field<u32>,
}

impl<'a> Unit<'a> for DlrrEntry {
    const NAME: &'static str = "DLRR entry";

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let ssrc = read_ssrc(r, "SSRC of receiver")?;
        let last_rr = r.u32("last RR")?;
        r.meaning(|| Value::Hex(last_rr.value.into(), 4));
        let delay_since_last_rr = r.u32("delay since last RR")?;
        Ok(Self { ssrc, last_rr, delay_since_last_rr })
    }
}

impl fmt::Display for XrBlock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind.value)?;
        match &self.content {
            None => f.write_str(" malformed"),
            Some(XrContent::Packets { ssrc, begin, end, .. }) => {
                write!(f, " {:#010x} {begin} to {end}", ssrc.value)
            }
            Some(XrContent::ReceiverReferenceTime(ntp)) => write!(f, " {:#018x}", ntp.value),
            Some(XrContent::Dlrr(entries)) => entries
                .iter()
                .try_for_each(|e| write!(f, " {:#010x} delay {}", e.ssrc.value, e.delay_since_last_rr)),
            Some(XrContent::Other(content)) => write!(f, " length {}", content.value.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::compound::tests::check;

    #[test]
    fn reference_times_and_their_answers_are_understood() {
        check(
            "80cf0008 00000001 04000002 e4c70f4e 80000000 05000003 00000002 0f4e8000 00010000",
            "XR from 0x00000001 [RRTR 0xe4c70f4e80000000] [DLRR 0x00000002 delay 65536]",
        );
    }

    #[test]
    fn run_length_blocks_and_summaries_are_understood() {
        check(
            "80cf0005 00000001 01000003 00000002 00010020 80014000",
            "XR from 0x00000001 [loss RLE 0x00000002 1 to 32]",
        );
        check(
            "80cf000b 00000001 06e00009 00000002 00010020 00000001 00000000 00000001 00000002 00000003 00000004 \
             40404000",
            "XR from 0x00000001 [statistics summary length 36]",
        );
        check(
            "80cf000a 00000001 07000008 00000002 01020304 00050006 00070008 090a0b10 0c0d0e0f 10000011 00120013",
            "XR from 0x00000001 [VoIP metrics length 32]",
        );
    }

    #[test]
    fn a_block_too_short_for_its_type_does_not_hide_the_next() {
        check("80cf0003 00000001 04000000 63000000", "XR from 0x00000001 [RRTR malformed] [0x63 length 0]");
    }
}
