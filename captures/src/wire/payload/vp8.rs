//! VP8: the payload descriptor of RFC 7741 §4.2, the payload header of §4.3 and the key frame header of RFC 6386 §9.1.
//!
//! ```text
//!      0 1 2 3 4 5 6 7
//!     +-+-+-+-+-+-+-+-+
//!     |X|R|N|S|R| PID | (REQUIRED)
//!     +-+-+-+-+-+-+-+-+
//! X:  |I|L|T|K| RSV   | (OPTIONAL)
//!     +-+-+-+-+-+-+-+-+
//! I:  |M| PictureID   | (OPTIONAL)
//!     |   PictureID   |
//!     +-+-+-+-+-+-+-+-+
//! L:  |   TL0PICIDX   | (OPTIONAL)
//!     +-+-+-+-+-+-+-+-+
//! T/K:|TID|Y| KEYIDX  | (OPTIONAL)
//!     +-+-+-+-+-+-+-+-+
//!     |Size0|H| VER |P|  payload header, at the start of a frame
//!     |     Size1     |
//!     |     Size2     |
//! ```

use crate::wire::field::Field;
use crate::wire::node::{self, Dissected, Value};
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// The beginning of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Size0, H, VER and P; the size is of three bytes, least significant first.
    pub tag: Field<[u8; 3]>,
    /// The size in pixels that a key frame contains: width and height.
    pub resolution: Option<(Field<u16>, Field<u16>)>,
}

impl FrameHeader {
    /// Whether it is a key frame (P is zero).
    pub const fn is_key_frame(&self) -> bool {
        self.tag.value[0] & 1 == 0
    }

    /// Whether it is shown.
    pub const fn is_shown(&self) -> bool {
        self.tag.value[0] & 0x10 != 0
    }
}

/// A payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp8<'a> {
    /// X, R, N, S, R and PID.
    pub required: Field<u8>,
    /// I, L, T and K.
    pub extension: Option<Field<u8>>,
    /// The picture identifier, of 7 or 15 bits.
    pub picture_id: Option<Field<u16>>,
    /// The running index of frames in the lowest temporal layer.
    pub tl0_picture_index: Option<Field<u8>>,
    /// TID, Y and KEYIDX.
    pub layer: Option<Field<u8>>,
    /// The header of the frame that begins here.
    pub frame: Option<FrameHeader>,
    /// The rest of the frame.
    pub data: Field<&'a [u8]>,
}

impl<'a> Vp8<'a> {
    /// Reads a payload, which is all that is left.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let required = r.u8("X, R, N, S, R, PID")?;
        r.part("extended", 0x80, required.value);
        r.part("non-reference frame", 0x20, required.value);
        r.part("start of partition", 0x10, required.value);
        r.part("partition index", 0x07, required.value);
        let extension = if required.value & 0x80 != 0 {
            let extension = r.u8("I, L, T, K")?;
            r.part("picture ID present", 0x80, extension.value);
            r.part("TL0PICIDX present", 0x40, extension.value);
            r.part("TID present", 0x20, extension.value);
            r.part("KEYIDX present", 0x10, extension.value);
            Some(extension)
        } else {
            None
        };
        let flags = extension.map_or(0, |extension| extension.value);
        let picture_id = if flags & 0x80 != 0 { Some(read_picture_id(r)?) } else { None };
        let tl0_picture_index = if flags & 0x40 != 0 { Some(r.u8("TL0PICIDX")?) } else { None };
        let layer = if flags & 0x30 != 0 {
            let layer = r.u8("TID, Y, KEYIDX")?;
            r.part("temporal layer", 0xc0, layer.value);
            r.part("layer sync", 0x20, layer.value);
            r.part("key frame index", 0x1f, layer.value);
            Some(layer)
        } else {
            None
        };
        let frame = if required.value & 0x17 == 0x10 { Some(read_frame(r)?) } else { None };
        let data = r.rest("VP8 data");
        let payload = Self { required, extension, picture_id, tl0_picture_index, layer, frame, data };
        r.summary(|| payload.to_string());
        Ok(payload)
    }

    /// Whether a partition begins here.
    pub const fn is_start(&self) -> bool {
        self.required.value & 0x10 != 0
    }

    /// The partition.
    pub const fn partition(&self) -> u8 {
        self.required.value & 7
    }

    /// The temporal layer, if it is present.
    pub fn temporal_layer(&self) -> Option<u8> {
        let present = self.extension.is_some_and(|extension| extension.value & 0x20 != 0);
        self.layer.filter(|_| present).map(|layer| layer.value >> 6)
    }

    /// The key frame index, if it is present.
    pub fn key_index(&self) -> Option<u8> {
        let present = self.extension.is_some_and(|extension| extension.value & 0x10 != 0);
        self.layer.filter(|_| present).map(|layer| layer.value & 0x1f)
    }

    /// Whether a key frame begins here.
    pub fn begins_key_frame(&self) -> bool {
        self.frame.is_some_and(|frame| frame.is_key_frame())
    }
}

/// A picture identifier of 7 or 15 bits, as VP9 has it too.
pub(super) fn read_picture_id<S: Sink>(r: &mut Reader<'_, S>) -> Read<Field<u16>> {
    if r.peek().first().is_some_and(|first| first & 0x80 != 0) {
        let id = r.u16("M, picture ID")?;
        r.part("two bytes", 0x8000, id.value);
        r.part("picture ID", 0x7fff, id.value);
        Ok(id.map(|id| id & 0x7fff))
    } else {
        let id = r.u8("M, picture ID")?;
        r.part("two bytes", 0x80, id.value);
        r.part("picture ID", 0x7f, id.value);
        Ok(id.map(u16::from))
    }
}

fn read_frame<S: Sink>(r: &mut Reader<'_, S>) -> Read<FrameHeader> {
    let tag = r.array::<3>("frame tag")?;
    r.meaning(|| Value::Hex(tag.value.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)), 3));
    let number = u32::from_be_bytes([0, tag.value[0], tag.value[1], tag.value[2]]);
    r.part("inter frame", 0x01_0000, number);
    r.part("version", 0x0e_0000, number);
    r.part("shown", 0x10_0000, number);
    r.part_meaning("first partition size", 0xe0_ffff, || {
        let size = u32::from_le_bytes([tag.value[0], tag.value[1], tag.value[2], 0]) >> 5;
        Value::Unsigned(size.into())
    });
    let mut frame = FrameHeader { tag, resolution: None };
    // A payload may end before the rest of the header, which is of no matter to what the descriptor says.
    if frame.is_key_frame() && r.remaining() >= 7 {
        r.array::<3>("start code")?;
        frame.resolution = Some((read_dimension(r, "width")?, read_dimension(r, "height")?));
    }
    Ok(frame)
}

/// Fourteen bits of size and two of scale, least significant byte first.
fn read_dimension<S: Sink>(r: &mut Reader<'_, S>, name: &'static str) -> Read<Field<u16>> {
    let raw = r.array::<2>(name)?.map(u16::from_le_bytes);
    r.meaning(|| Value::Unsigned(u64::from(raw.value & 0x3fff)));
    Ok(raw.map(|raw| raw & 0x3fff))
}

/// Reads a payload.
pub fn view(bytes: &[u8]) -> Read<Vp8<'_>> {
    Vp8::read(&mut Reader::new("VP8", bytes))
}

/// The tree of a payload.
pub fn tree(bytes: &[u8]) -> Dissected<Vp8<'_>> {
    node::record("VP8", bytes, Vp8::read)
}

impl fmt::Display for Vp8<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VP8")?;
        match &self.frame {
            Some(frame) if frame.is_key_frame() => f.write_str(" key frame")?,
            Some(_) => f.write_str(" inter frame")?,
            None => f.write_str(" continued")?,
        }
        if let Some((width, height)) = self.frame.and_then(|frame| frame.resolution) {
            write!(f, " {width}x{height}")?;
        }
        self.picture_id.iter().try_for_each(|id| write!(f, " picture {id}"))?;
        self.tl0_picture_index.iter().try_for_each(|index| write!(f, " tl0 {index}"))?;
        self.temporal_layer().iter().try_for_each(|layer| write!(f, " tid {layer}"))
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
    fn a_key_frame_has_its_size() {
        check(
            "90e0 9234 05 00 10 02 00 9d012a 8002 e001 0035",
            "VP8 key frame 640x480 picture 4660 tl0 5 tid 0",
        );
        let bytes = hex("10 10 02 00 9d012a 0045 d042");
        assert_eq!(view(&bytes).unwrap().to_string(), "VP8 key frame 1280x720");
        assert!(view(&bytes).unwrap().begins_key_frame());
    }

    #[test]
    fn other_frames_and_their_continuations_are_distinguished() {
        check("9080 01 11 02 00 aabb", "VP8 inter frame picture 1");
        check("80f0 01 07 c3 aabb", "VP8 continued picture 1 tl0 7 tid 3");
        check("11 aabb", "VP8 continued");
    }

    #[test]
    fn the_layer_byte_holds_only_what_is_flagged() {
        let bytes = hex("8010 e7 aa");
        let payload = view(&bytes).unwrap();
        assert_eq!((payload.temporal_layer(), payload.key_index()), (None, Some(7)));
    }

    #[test]
    fn a_key_frame_cut_after_its_tag_is_a_key_frame_without_size() {
        let bytes = hex("10 10 02 00 9d01");
        let frame = view(&bytes).unwrap().frame.unwrap();
        assert!(frame.is_key_frame() && frame.is_shown() && frame.resolution.is_none());
    }
}
