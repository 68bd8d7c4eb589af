//! AV1: the aggregation header of the AV1 RTP specification §4.4 and OBU headers (AV1 bitstream specification §5.3.2).
//!
//! ```text
//!  0 1 2 3 4 5 6 7
//! +-+-+-+-+-+-+-+-+
//! |Z|Y| W |N|-|-|-|   aggregation header
//! +-+-+-+-+-+-+-+-+
//! OBU elements: each but the last of W (all, if W is 0) with its length as leb128
//! ```

use crate::wire::field::{Field, Span};
use crate::wire::node::{self, Dissected, Value};
use crate::wire::reader::{Reader, Silent, Sink};
use crate::wire::stop::Read;
use std::fmt;

code_points! {
    /// OBU types.
    pub enum ObuType(u8) {
        SequenceHeader = 1 => "sequence header",
        TemporalDelimiter = 2 => "temporal delimiter",
        FrameHeader = 3 => "frame header",
        TileGroup = 4 => "tile group",
        Metadata = 5 => "metadata",
        Frame = 6 => "frame",
        RedundantFrameHeader = 7 => "redundant frame header",
        TileList = 8 => "tile list",
        Padding = 15 => "padding",
    }
}

/// An OBU or a fragment of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its bytes.
    pub bytes: Field<&'a [u8]>,
    /// Whether it continues one of the packet before, so that it has no header.
    pub is_continuation: bool,
}

impl Element<'_> {
    /// The type of the OBU, if its header is here.
    pub fn kind(&self) -> Option<ObuType> {
        let first = self.bytes.value.first().filter(|_| !self.is_continuation)?;
        Some(ObuType::from(first >> 3 & 15))
    }

    /// The temporal and the spatial layer, if the OBU has them.
    pub fn layers(&self) -> Option<(u8, u8)> {
        match self.bytes.value {
            [first, extension, ..] if !self.is_continuation && first & 4 != 0 => {
                Some((extension >> 5, extension >> 3 & 3))
            }
            _ => None,
        }
    }
}

/// A payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Av1<'a> {
    /// Z, Y, W and N.
    pub header: Field<u8>,
    /// The OBU elements.
    pub data: Field<&'a [u8]>,
}

impl<'a> Av1<'a> {
    /// Reads a payload, which is all that is left.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let header = r.u8("Z, Y, W, N")?;
        r.part("continues an OBU", 0x80, header.value);
        r.part("continues in the next packet", 0x40, header.value);
        r.part("elements", 0x30, header.value);
        r.part("starts a coded video sequence", 0x08, header.value);
        let data = Field::new(Span::new(r.offset(), r.offset() + r.remaining()), r.peek());
        let payload = Self { header, data };
        if r.records() {
            let mut count = 0;
            while !r.is_empty() {
                let outcome = r.node("OBU element", |r| {
                    let outcome = payload.read_element(r, count).map(|element| record_obu(r, &element));
                    if let Err(stop) = &outcome {
                        r.undissected(stop);
                    }
                    outcome
                });
                count += 1;
                if outcome.is_err() {
                    break;
                }
            }
        } else {
            r.rest("OBU elements");
        }
        r.summary(|| payload.to_string());
        Ok(payload)
    }

    /// Reads the length of the next element and looks at its bytes.
    fn read_element<S: Sink>(&self, r: &mut Reader<'a, S>, index: usize) -> Read<Element<'a>> {
        let last = usize::from(self.header.value >> 4 & 3);
        let length = if last != 0 && index + 1 >= last { r.remaining() } else { read_leb128(r)? };
        let start = r.offset();
        let bytes = r.peek().get(..length).ok_or_else(|| r.short(length))?;
        let is_continuation = index == 0 && self.header.value & 0x80 != 0;
        Ok(Element { bytes: Field::new(Span::new(start, start + length), bytes), is_continuation })
    }

    /// The elements in order; ends early at one that overruns the payload.
    pub fn elements(&self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        let payload = *self;
        let mut reader: Reader<'a, Silent> =
            Reader::at("AV1", self.data.value, self.data.range.start as usize);
        let mut index = 0;
        std::iter::from_fn(move || {
            if reader.is_empty() {
                return None;
            }
            let element = payload.read_element(&mut reader, index).ok()?;
            index += 1;
            reader.bytes("OBU", element.bytes.value.len()).ok()?;
            Some(element)
        })
    }

    /// Whether this packet is the first of a coded video sequence, and so of a key frame (N).
    pub const fn begins_key_frame(&self) -> bool {
        self.header.value & 0x08 != 0
    }
}

fn read_leb128<S: Sink>(r: &mut Reader<'_, S>) -> Read<usize> {
    let length = r.peek().iter().take(8).take_while(|byte| *byte & 0x80 != 0).count() + 1;
    let bytes = r.bytes("length (leb128)", length.min(8))?;
    let size = bytes.value.iter().rev().fold(0u64, |size, byte| size << 7 | u64::from(byte & 0x7f));
    r.meaning(|| Value::Unsigned(size));
    Ok(usize::try_from(size).unwrap_or(usize::MAX))
}

/// Reads an element that has been looked at.
fn record_obu<S: Sink>(r: &mut Reader<'_, S>, element: &Element<'_>) {
    let (mut left, kind) = (element.bytes.value.len(), element.kind());
    if let Some(kind) = kind
        && let Ok(header) = r.u8("OBU header")
    {
        left -= 1;
        r.part_meaning("type", 0x78, || Value::Code(kind.raw().into(), kind.name()));
        r.part("extension", 0x04, header.value);
        r.part("has size", 0x02, header.value);
        if element.layers().is_some()
            && let Ok(extension) = r.u8("OBU extension header")
        {
            left -= 1;
            r.part("temporal layer", 0xe0, extension.value);
            r.part("spatial layer", 0x18, extension.value);
        }
    }
    if left > 0 {
        // It is there: the element was looked at before.
        let _ = r.bytes("OBU data", left);
    }
    r.summary(|| kind.map(|kind| kind.to_string()).unwrap_or_else(|| "continued".to_owned()));
}

/// Reads a payload.
pub fn view(bytes: &[u8]) -> Read<Av1<'_>> {
    Av1::read(&mut Reader::new("AV1", bytes))
}

/// The tree of a payload.
pub fn tree(bytes: &[u8]) -> Dissected<Av1<'_>> {
    node::record("AV1", bytes, Av1::read)
}

impl fmt::Display for Av1<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.begins_key_frame() { "AV1 new sequence" } else { "AV1" })?;
        for (i, element) in self.elements().enumerate() {
            f.write_str(if i == 0 { " " } else { ", " })?;
            match element.kind() {
                Some(kind) => kind.fmt(f)?,
                None => f.write_str("continued")?,
            }
        }
        if self.header.value & 0x40 != 0 {
            f.write_str(" …")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::{check_all, hex};

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let bytes = hex(text);
        assert_eq!(view(&bytes).unwrap().to_string(), expected);
        check_all(&bytes, |b| tree(b).outcome());
    }

    #[test]
    fn elements_are_counted_or_have_their_lengths() {
        check("28 03 08aabb 30cc", "AV1 new sequence sequence header, frame");
        check("00 03 08aabb 02 30cc", "AV1 sequence header, frame");
        check("10 30aabb", "AV1 frame");
    }

    #[test]
    fn fragments_and_layers_are_understood() {
        check("d0 aabbcc", "AV1 continued …");
        let text = "50 3428 aabb";
        check(text, "AV1 frame …");
        let bytes = hex(text);
        assert_eq!(view(&bytes).unwrap().elements().next().unwrap().layers(), Some((1, 1)));
        assert!(!view(&bytes).unwrap().begins_key_frame());
    }

    #[test]
    fn an_element_that_overruns_the_payload_ends_the_list() {
        let bytes = hex("00 02 30aa 8001 30");
        assert_eq!(view(&bytes).unwrap().elements().count(), 1);
        check_all(&bytes, |b| tree(b).outcome());
    }
}
