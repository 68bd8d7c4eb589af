//! Transport-wide congestion control feedback: draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1.
//!
//! ```text
//! |      base sequence number     |      packet status count      |
//! |                 reference time                | fb pkt. count |
//! |          packet chunk         |         packet chunk          |
//! |         recv delta            |  recv delta   | zero padding  |
//!
//! Run length chunk:    |0| S |       Run Length        |
//! Status vector chunk: |1|S|       symbol list         |
//! ```

use crate::wire::field::{Field, Span};
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// Microseconds in a tick of the deltas.
const TICK_US: i64 = 250;
/// Microseconds in a tick of the reference time.
const REFERENCE_US: i64 = 64_000;

/// What the feedback says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportCc<'a> {
    /// The first transport-wide sequence number.
    pub base_sequence: Field<u16>,
    /// How many packets it is about.
    pub status_count: Field<u16>,
    /// The time from which the deltas count, in units of 64 ms of an unknown clock.
    pub reference_time: Field<i32>,
    /// The number of this feedback.
    pub feedback_count: Field<u8>,
    /// The packet chunks.
    pub chunks: Field<&'a [u8]>,
    /// The deltas of the packets received.
    pub deltas: Field<&'a [u8]>,
}

/// What is said of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketStatus {
    /// The transport-wide sequence number.
    pub sequence: u16,
    /// When it arrived, in microseconds of the receiver's clock; `None` if it did not.
    pub arrival_us: Option<i64>,
}

/// A run of equal symbols or up to fourteen symbols one by one.
#[derive(Debug, Clone, Copy)]
enum Chunk {
    Run { symbol: u8, length: u16 },
    Vector { word: u16, width: u16 },
}

impl Chunk {
    const fn of(word: u16) -> Self {
        match word >> 14 {
            0 | 1 => Self::Run { symbol: (word >> 13 & 3) as u8, length: word & 0x1fff },
            2 => Self::Vector { word, width: 1 },
            _ => Self::Vector { word, width: 2 },
        }
    }

    const fn length(self) -> u16 {
        match self {
            Self::Run { length, .. } => length,
            Self::Vector { width, .. } => 14 / width,
        }
    }

    /// The symbol at a place within the length: 0 not received, 1 small delta, 2 large delta, 3 reserved.
    const fn symbol(self, at: u16) -> u8 {
        match self {
            Self::Run { symbol, .. } => symbol,
            Self::Vector { word, width } => (word >> (14 - width * (at + 1)) & ((1 << width) - 1)) as u8,
        }
    }

    /// Bytes of the deltas of the first symbols.
    fn delta_bytes(self, symbols: u16) -> usize {
        match self {
            Self::Run { symbol, .. } => usize::from(symbols) * delta_width(symbol),
            Self::Vector { .. } => (0..symbols).map(|at| delta_width(self.symbol(at))).sum(),
        }
    }
}

const fn delta_width(symbol: u8) -> usize {
    match symbol {
        1 => 1,
        2 => 2,
        _ => 0,
    }
}

fn chunks(bytes: &[u8]) -> impl Iterator<Item = Chunk> + '_ {
    bytes.as_chunks::<2>().0.iter().map(|word| Chunk::of(u16::from_be_bytes(*word)))
}

/// Bytes of the chunks for `count` packets at the beginning of `bytes`, and of the deltas that belong to them.
fn lengths(bytes: &[u8], count: u16) -> (usize, usize) {
    let (mut left, mut chunk_bytes, mut delta_bytes) = (count, 0, 0);
    for chunk in chunks(bytes) {
        if left == 0 {
            break;
        }
        let symbols = chunk.length().min(left);
        left -= symbols;
        chunk_bytes += 2;
        delta_bytes += chunk.delta_bytes(symbols);
    }
    // Chunks that are not there are missed by the read that follows.
    (if left > 0 { chunk_bytes + 2 } else { chunk_bytes }, delta_bytes)
}

impl<'a> TransportCc<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let base_sequence = r.u16("base sequence number")?;
        let status_count = r.u16("packet status count")?;
        let reference_time = r.u24("reference time")?.map(|raw| ((raw << 8) as i32) >> 8);
        r.meaning(|| Value::Signed(reference_time.value.into()));
        let feedback_count = r.u8("feedback packet count")?;
        let (chunk_bytes, delta_bytes) = lengths(r.peek(), status_count.value);
        let chunks = take(r, chunk_bytes, |r| read_chunks(r, chunk_bytes))?;
        let symbols = symbols(chunks.value, status_count.value);
        let deltas = take(r, delta_bytes, |r| read_deltas(r, symbols))?;
        r.rest("zero padding");
        Ok(Self { base_sequence, status_count, reference_time, feedback_count, chunks, deltas })
    }

    /// What is said of each packet in order.
    pub fn statuses(&self) -> impl Iterator<Item = PacketStatus> + use<'a> {
        let mut sequence = self.base_sequence.value;
        let mut clock = i64::from(self.reference_time.value) * REFERENCE_US;
        let mut deltas = Reader::new("deltas", self.deltas.value);
        symbols(self.chunks.value, self.status_count.value).map(move |symbol| {
            let ticks = match symbol {
                1 => deltas.u8("delta").ok().map(|delta| i64::from(delta.value)),
                2 => deltas.u16("delta").ok().map(|delta| i64::from(delta.value as i16)),
                _ => None,
            };
            let arrival_us = ticks.map(|ticks| {
                clock += ticks * TICK_US;
                clock
            });
            let status = PacketStatus { sequence, arrival_us };
            sequence = sequence.wrapping_add(1);
            status
        })
    }

    /// How many packets arrived and how many did not.
    pub fn received_and_lost(&self) -> (usize, usize) {
        let received = self.statuses().filter(|status| status.arrival_us.is_some()).count();
        (received, usize::from(self.status_count.value).saturating_sub(received))
    }
}

fn symbols(bytes: &[u8], count: u16) -> impl Iterator<Item = u8> + '_ {
    let each = chunks(bytes).flat_map(|chunk| (0..chunk.length()).map(move |at| chunk.symbol(at)));
    each.take(count.into())
}

/// Takes bytes as a whole; with a recorder `walk` reads them one by one.
fn take<'a, S: Sink>(
    r: &mut Reader<'a, S>,
    length: usize,
    walk: impl FnOnce(&mut Reader<'a, S>) -> Read<()>,
) -> Read<Field<&'a [u8]>> {
    let start = r.offset();
    let bytes = r.peek().get(..length).ok_or_else(|| r.short(length))?;
    if r.records() {
        walk(r)?;
    } else {
        r.bytes("values", length)?;
    }
    Ok(Field::new(Span::new(start, start + length), bytes))
}

fn read_chunks<S: Sink>(r: &mut Reader<'_, S>, length: usize) -> Read<()> {
    for _ in 0..length / 2 {
        let word = r.u16("packet chunk")?.value;
        r.meaning(|| Value::Hex(word.into(), 2));
        match Chunk::of(word) {
            Chunk::Run { .. } => {
                r.part("status symbol", 0x6000, word);
                r.part("run length", 0x1fff, word);
            }
            Chunk::Vector { .. } => {
                r.part("two-bit symbols", 0x4000, word);
                r.part("symbol list", 0x3fff, word);
            }
        }
    }
    Ok(())
}

fn read_deltas<S: Sink>(r: &mut Reader<'_, S>, symbols: impl Iterator<Item = u8>) -> Read<()> {
    for symbol in symbols {
        match symbol {
            1 => drop(r.u8("receive delta")?),
            2 => {
                let delta = r.u16("receive delta")?.value as i16;
                r.meaning(|| Value::Signed(delta.into()));
            }
            _ => {}
        }
    }
    Ok(())
}

impl fmt::Display for TransportCc<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (received, lost) = self.received_and_lost();
        write!(
            f,
            "number {} base {} received {received} lost {lost}",
            self.feedback_count, self.base_sequence
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::compound::tests::{body, check};
    use super::super::{Body, TransportFeedbackControl};
    use crate::wire::testing::hex;

    #[track_caller]
    fn arrivals(text: &str) -> Vec<(u16, Option<i64>)> {
        let bytes = hex(text);
        let Body::TransportFeedback(feedback) = body(&bytes) else { panic!() };
        let TransportFeedbackControl::TransportCc(cc) = feedback.control else { panic!() };
        cc.statuses().map(|status| (status.sequence, status.arrival_us)).collect()
    }

    /// Three packets received in a run, with padding.
    const RUN: &str = "8fcd0006 00000001 00000002 ffff0003 00000101 2003 04 08 0c 000000";
    /// Two-bit symbols: received with a small delta, lost, received with a large negative one; one of one-bit symbols.
    const VECTORS: &str = "8fcd0006 00000001 00000002 00010009 00000202 d200 a000 04 fffc 08";

    #[test]
    fn runs_of_packets_are_understood() {
        check(RUN, "TWCC from 0x00000001 for 0x00000002 number 1 base 65535 received 3 lost 0");
        assert_eq!(arrivals(RUN), [(65535, Some(65_000)), (0, Some(67_000)), (1, Some(70_000))]);
    }

    #[test]
    fn status_vectors_are_understood() {
        check(VECTORS, "TWCC from 0x00000001 for 0x00000002 number 2 base 1 received 3 lost 6");
        let arrived: Vec<_> = arrivals(VECTORS).into_iter().filter(|(_, at)| at.is_some()).collect();
        assert_eq!(arrived, [(1, Some(129_000)), (3, Some(128_000)), (8, Some(130_000))]);
    }

    #[test]
    fn a_count_beyond_the_chunks_stops() {
        let bytes = hex("8fcd0005 00000001 00000002 00010009 00000202 20010400");
        assert!(super::super::view(&bytes).packets.iter().next().unwrap().body.is_none());
    }
}
