//! RED, redundant data: RFC 2198 §3.
//!
//! ```text
//! |1|   block PT  |  timestamp offset         |   block length    |   for each redundant block
//! |0|   block PT  |                                                   for the primary block, the last
//! ```

use crate::wire::field::{Field, Span};
use crate::wire::node::{self, Dissected};
use crate::wire::reader::{Reader, Silent, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// A block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block<'a> {
    /// Its payload type.
    pub payload_type: u8,
    /// How much older than the packet's its timestamp is; zero for the primary block.
    pub timestamp_offset: u16,
    /// Its data.
    pub data: Field<&'a [u8]>,
}

/// A payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Red<'a> {
    /// The headers of the redundant blocks, four bytes each.
    pub redundant_headers: Field<&'a [u8]>,
    /// The header of the primary block.
    pub primary_header: Field<u8>,
    /// The data of all blocks, the primary last.
    pub data: Field<&'a [u8]>,
}

impl<'a> Red<'a> {
    /// Reads a payload, which is all that is left.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let (start, bytes) = (r.offset(), r.peek());
        let mut lengths = 0;
        while r.peek().first().is_some_and(|first| first & 0x80 != 0) {
            let header = r.u32("F, block PT, timestamp offset, block length")?;
            r.part("follows", 0x8000_0000, header.value);
            r.part("block PT", 0x7f00_0000, header.value);
            r.part("timestamp offset", 0x00ff_fc00, header.value);
            r.part("block length", 0x0000_03ff, header.value);
            lengths += header.value as usize & 0x3ff;
        }
        let headers = r.offset() - start;
        let redundant_headers =
            Field::new(Span::new(start, start + headers), bytes.get(..headers).unwrap_or_default());
        let primary_header = r.u8("F, block PT")?;
        r.part("block PT", 0x7f, primary_header.value);
        let data = Field::new(Span::new(r.offset(), r.offset() + r.remaining()), r.peek());
        let payload = Self { redundant_headers, primary_header, data };
        if lengths > r.remaining() {
            return Err(r.short(lengths));
        }
        if r.records() {
            for block in payload.blocks() {
                let primary = block.data.range.end == data.range.end && block.timestamp_offset == 0;
                let name = if primary { "primary block" } else { "redundant block" };
                if !block.data.value.is_empty() {
                    r.bytes(name, block.data.value.len())?;
                }
            }
        }
        r.rest("primary block");
        r.summary(|| payload.to_string());
        Ok(payload)
    }

    /// The blocks in order, the primary last.
    pub fn blocks(&self) -> impl Iterator<Item = Block<'a>> + use<'a> {
        let mut headers = Reader::new("RED", self.redundant_headers.value);
        let mut data: Reader<'a, Silent> = Reader::at("RED", self.data.value, self.data.range.start as usize);
        let mut primary = Some(self.primary_header.value & 0x7f);
        std::iter::from_fn(move || {
            if headers.is_empty() {
                let payload_type = primary.take()?;
                return Some(Block { payload_type, timestamp_offset: 0, data: data.rest("block") });
            }
            let header = headers.u32("header").ok()?.value;
            Some(Block {
                payload_type: (header >> 24) as u8 & 0x7f,
                timestamp_offset: (header >> 10) as u16 & 0x3fff,
                data: data.bytes("block", header as usize & 0x3ff).ok()?,
            })
        })
    }
}

/// Reads a payload.
pub fn view(bytes: &[u8]) -> Read<Red<'_>> {
    Red::read(&mut Reader::new("RED", bytes))
}

/// The tree of a payload.
pub fn tree(bytes: &[u8]) -> Dissected<Red<'_>> {
    node::record("RED", bytes, Red::read)
}

impl fmt::Display for Red<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RED")?;
        for block in self.blocks() {
            write!(f, " [PT {}", block.payload_type)?;
            if block.timestamp_offset != 0 {
                write!(f, " ts -{}", block.timestamp_offset)?;
            }
            write!(f, " length {}]", block.data.value.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::{check_all, check_robust, hex};

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let bytes = hex(text);
        assert_eq!(view(&bytes).unwrap().to_string(), expected);
        check_all(&bytes, |b| tree(b).outcome());
    }

    #[test]
    fn redundant_blocks_precede_the_primary_one() {
        check("ef0f0002 6f aabb ccddee", "RED [PT 111 ts -960 length 2] [PT 111 length 3]");
        check("60 aabb", "RED [PT 96 length 2]");
        check(
            "ef1e0001 ef0f0001 6f aa bb",
            "RED [PT 111 ts -1920 length 1] [PT 111 ts -960 length 1] [PT 111 length 0]",
        );
    }

    #[test]
    fn blocks_longer_than_the_payload_stop() {
        let bytes = hex("ef0f0009 6f aabb");
        let stop = view(&bytes).unwrap_err();
        assert_eq!((stop.offset, stop.needed, stop.available), (5, 9, 2));
        check_robust(&bytes, |b| tree(b).outcome());
    }
}
