//! VP9: the payload descriptor of RFC 9628 §4.2.
//!
//! ```text
//!      0 1 2 3 4 5 6 7
//!     +-+-+-+-+-+-+-+-+
//!     |I|P|L|F|B|E|V|Z| (REQUIRED)
//!     +-+-+-+-+-+-+-+-+
//! I:  |M| PICTURE ID  | (REQUIRED in flexible mode)
//! M:  | EXTENDED PID  |
//! L:  | TID |U| SID |D| (CONDITIONALLY RECOMMENDED)
//!     |   TL0PICIDX   | (in non-flexible mode)
//! P,F:| P_DIFF      |N| (up to 3 times, in flexible mode)
//! V:  | SS            |
//!
//!     | N_S |Y|G|-|-|-|
//! Y:  |     WIDTH     | HEIGHT, two bytes each, N_S + 1 times
//! G:  |      N_G      |
//! N_G:| TID |U| R |-|-| (N_G times)
//!     |    P_DIFF     | (R times)
//! ```

use super::vp8::read_picture_id;
use crate::wire::field::{Field, Span};
use crate::wire::list::{List, Unit};
use crate::wire::node::{self, Dissected};
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// The size of a spatial layer in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerSize {
    /// Its width.
    pub width: Field<u16>,
    /// Its height.
    pub height: Field<u16>,
}

impl<'a> Unit<'a> for LayerSize {
    const NAME: &'static str = "spatial layer";

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        Ok(Self { width: r.u16("width")?, height: r.u16("height")? })
    }
}

/// The scalability structure, §4.2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScalabilityStructure<'a> {
    /// N_S, Y and G.
    pub flags: Field<u8>,
    /// The sizes of the spatial layers, if they are present.
    pub sizes: Option<List<'a, LayerSize>>,
    /// The pictures of a picture group, if they are present.
    pub pictures: Option<Field<&'a [u8]>>,
}

impl<'a> ScalabilityStructure<'a> {
    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let flags = r.u8("N_S, Y, G")?;
        r.part("spatial layers - 1", 0xe0, flags.value);
        r.part("sizes present", 0x10, flags.value);
        r.part("picture group present", 0x08, flags.value);
        let layers = usize::from(flags.value >> 5) + 1;
        let sizes =
            if flags.value & 0x10 != 0 { Some(List::read(r, layers * 4, flags.range)?) } else { None };
        let pictures = if flags.value & 0x08 != 0 {
            let count = r.u8("N_G")?.value;
            let (start, bytes) = (r.offset(), r.peek());
            for _ in 0..count {
                let picture = r.u8("TID, U, R")?;
                r.part("temporal layer", 0xe0, picture.value);
                r.part("switching up point", 0x10, picture.value);
                r.part("references", 0x0c, picture.value);
                r.bytes("P_DIFF", usize::from(picture.value >> 2 & 3))?;
            }
            let length = r.offset() - start;
            Some(Field::new(Span::new(start, start + length), bytes.get(..length).unwrap_or_default()))
        } else {
            None
        };
        Ok(Self { flags, sizes, pictures })
    }

    /// How many spatial layers there are.
    pub const fn spatial_layers(&self) -> u8 {
        (self.flags.value >> 5) + 1
    }
}

/// A payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp9<'a> {
    /// I, P, L, F, B, E, V and Z.
    pub flags: Field<u8>,
    /// The picture identifier, of 7 or 15 bits.
    pub picture_id: Option<Field<u16>>,
    /// TID, U, SID and D.
    pub layer: Option<Field<u8>>,
    /// The running index of frames in the lowest temporal layer.
    pub tl0_picture_index: Option<Field<u8>>,
    /// Up to three reference indexes, each with its N bit.
    pub references: Field<&'a [u8]>,
    /// The scalability structure.
    pub structure: Option<ScalabilityStructure<'a>>,
    /// The frame or a part of it.
    pub data: Field<&'a [u8]>,
}

impl<'a> Vp9<'a> {
    /// Reads a payload, which is all that is left.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let flags = r.u8("I, P, L, F, B, E, V, Z")?;
        let names = [
            ("picture ID present", 0x80),
            ("inter-picture predicted", 0x40),
            ("layer indices present", 0x20),
            ("flexible mode", 0x10),
            ("start of frame", 0x08),
            ("end of frame", 0x04),
            ("scalability structure present", 0x02),
            ("not a reference for upper layers", 0x01),
        ];
        for (name, mask) in names {
            r.part(name, mask, flags.value);
        }
        let is = |mask: u8| flags.value & mask != 0;
        let picture_id = if is(0x80) { Some(read_picture_id(r)?) } else { None };
        let layer = if is(0x20) {
            let layer = r.u8("TID, U, SID, D")?;
            r.part("temporal layer", 0xe0, layer.value);
            r.part("switching up point", 0x10, layer.value);
            r.part("spatial layer", 0x0e, layer.value);
            r.part("depends on lower layer", 0x01, layer.value);
            Some(layer)
        } else {
            None
        };
        let tl0_picture_index = if is(0x20) && !is(0x10) { Some(r.u8("TL0PICIDX")?) } else { None };
        let references = if is(0x10) && is(0x40) {
            // The list ends with the first byte without N bit, or with the third.
            let more = r.peek().iter().take(2).take_while(|byte| *byte & 1 == 1).count();
            r.bytes("P_DIFF, N", more + 1)?
        } else {
            Field::new(Span::new(r.offset(), r.offset()), &[][..])
        };
        let structure = match is(0x02) {
            true => Some(r.node("scalability structure", ScalabilityStructure::read)?),
            false => None,
        };
        let data = r.rest("VP9 data");
        let payload = Self { flags, picture_id, layer, tl0_picture_index, references, structure, data };
        r.summary(|| payload.to_string());
        Ok(payload)
    }

    /// Whether the frame is predicted from earlier pictures.
    pub const fn is_predicted(&self) -> bool {
        self.flags.value & 0x40 != 0
    }

    /// Whether reference indexes are sent packet by packet.
    pub const fn is_flexible(&self) -> bool {
        self.flags.value & 0x10 != 0
    }

    /// Whether a frame begins here.
    pub const fn is_start(&self) -> bool {
        self.flags.value & 0x08 != 0
    }

    /// Whether a frame ends here.
    pub const fn is_end(&self) -> bool {
        self.flags.value & 0x04 != 0
    }

    /// The temporal layer, if it is present.
    pub fn temporal_layer(&self) -> Option<u8> {
        self.layer.map(|layer| layer.value >> 5)
    }

    /// The spatial layer, if it is present.
    pub fn spatial_layer(&self) -> Option<u8> {
        self.layer.map(|layer| layer.value >> 1 & 7)
    }

    /// Whether a key frame begins here: not predicted, at the start of the lowest spatial layer.
    pub fn begins_key_frame(&self) -> bool {
        !self.is_predicted() && self.is_start() && self.spatial_layer().unwrap_or(0) == 0
    }
}

/// Reads a payload.
pub fn view(bytes: &[u8]) -> Read<Vp9<'_>> {
    Vp9::read(&mut Reader::new("VP9", bytes))
}

/// The tree of a payload.
pub fn tree(bytes: &[u8]) -> Dissected<Vp9<'_>> {
    node::record("VP9", bytes, Vp9::read)
}

impl fmt::Display for Vp9<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match (self.is_start(), self.is_predicted()) {
            (true, true) => "inter frame",
            (true, false) => "intra frame",
            (false, _) => "continued",
        };
        write!(f, "VP9 {kind}")?;
        self.picture_id.iter().try_for_each(|id| write!(f, " picture {id}"))?;
        self.tl0_picture_index.iter().try_for_each(|index| write!(f, " tl0 {index}"))?;
        self.temporal_layer().iter().try_for_each(|layer| write!(f, " tid {layer}"))?;
        self.spatial_layer().iter().try_for_each(|layer| write!(f, " sid {layer}"))?;
        let sizes = self.structure.and_then(|structure| structure.sizes);
        sizes.iter().flat_map(List::iter).try_for_each(|size| write!(f, " {}x{}", size.width, size.height))
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
    fn a_key_frame_with_a_scalability_structure_is_understood() {
        let text = "aa 9234 00 05 38 0140 00b4 0280 0168 02 1401 0c010203 aabb";
        check(text, "VP9 intra frame picture 4660 tl0 5 tid 0 sid 0 320x180 640x360");
        let bytes = hex(text);
        let payload = view(&bytes).unwrap();
        assert!(payload.begins_key_frame());
        let structure = payload.structure.unwrap();
        assert_eq!((structure.spatial_layers(), structure.pictures.unwrap().value.len()), (2, 6));
        assert_eq!(payload.data.value, [0xaa, 0xbb]);
    }

    #[test]
    fn flexible_mode_has_its_references() {
        let text = "fc 05 23 03 05 08 aabb";
        check(text, "VP9 inter frame picture 5 tid 1 sid 1");
        let bytes = hex(text);
        assert_eq!(view(&bytes).unwrap().references.value, [3, 5, 8]);
        assert!(!view(&bytes).unwrap().begins_key_frame());
    }

    #[test]
    fn an_upper_spatial_layer_of_a_key_picture_begins_no_key_frame() {
        let bytes = hex("a8 05 02 05 aabb");
        assert!(!view(&bytes).unwrap().begins_key_frame());
        check("84 05 aa", "VP9 continued picture 5");
    }
}
