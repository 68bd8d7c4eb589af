//! H.264: single NAL units, aggregation and fragmentation of RFC 6184 §5.
//!
//! ```text
//! |F|NRI|  Type   |   NAL unit header
//!
//! |STAP-A NAL HDR |         NALU 1 Size           | NALU 1 HDR    | data …
//! | FU indicator  |S|E|R|  Type   |   FU payload …
//! ```

use super::h264_sps::Sps;
use crate::wire::field::Field;
use crate::wire::list::{List, Unit};
use crate::wire::node::{self, Dissected};
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

code_points! {
    /// NAL unit types, RFC 6184 §1.3 and §5.2.
    pub enum NalType(u8) {
        NonIdr = 1 => "non-IDR",
        PartitionA = 2 => "partition A",
        PartitionB = 3 => "partition B",
        PartitionC = 4 => "partition C",
        Idr = 5 => "IDR",
        Sei = 6 => "SEI",
        Sps = 7 => "SPS",
        Pps = 8 => "PPS",
        AccessUnitDelimiter = 9 => "AUD",
        EndOfSequence = 10 => "end of sequence",
        EndOfStream = 11 => "end of stream",
        Filler = 12 => "filler",
        SpsExtension = 13 => "SPS extension",
        Prefix = 14 => "prefix",
        SubsetSps = 15 => "subset SPS",
        SliceExtension = 20 => "slice extension",
        StapA = 24 => "STAP-A",
        StapB = 25 => "STAP-B",
        Mtap16 = 26 => "MTAP16",
        Mtap24 = 27 => "MTAP24",
        FuA = 28 => "FU-A",
        FuB = 29 => "FU-B",
    }
}

/// A NAL unit or the beginning of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nal<'a> {
    /// F, NRI and type.
    pub header: Field<u8>,
    /// The rest.
    pub data: Field<&'a [u8]>,
}

impl<'a> Nal<'a> {
    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let header = read_header(r)?;
        let data = r.rest("NAL unit data");
        Ok(Self { header, data })
    }

    /// Its type.
    pub fn kind(&self) -> NalType {
        NalType::from(self.header.value & 0x1f)
    }

    /// What it says if it is a sequence parameter set.
    pub fn sps(&self) -> Option<Sps> {
        (self.kind() == NalType::Sps).then(|| Sps::read(self.data.value)).flatten()
    }
}

fn read_header<S: Sink>(r: &mut Reader<'_, S>) -> Read<Field<u8>> {
    let header = r.u8("F, NRI, type")?;
    r.part("forbidden zero", 0x80, header.value);
    r.part("NRI", 0x60, header.value);
    let kind = NalType::from(header.value & 0x1f);
    r.part_meaning("type", 0x1f, || node::Value::Code(kind.raw().into(), kind.name()));
    Ok(header)
}

/// A NAL unit within a STAP-A.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aggregated<'a>(pub Option<Nal<'a>>);

impl<'a> Unit<'a> for Aggregated<'a> {
    const NAME: &'static str = "aggregated NAL unit";

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let size = r.u16("NALU size")?;
        let nal = r.attempt(size.value.into(), size.range, Nal::read)?;
        r.summary(|| nal.map(|nal| nal.kind().to_string()).unwrap_or_default());
        Ok(Self(nal))
    }
}

/// What a payload holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// One NAL unit.
    Single(Nal<'a>),
    /// Several of one time (STAP-A).
    Aggregation(List<'a, Aggregated<'a>>),
    /// A piece of one (FU-A, and FU-B with its decoding order number).
    Fragment {
        /// S, E, R and type.
        header: Field<u8>,
        /// The decoding order number.
        order: Option<Field<u16>>,
        /// The piece.
        data: Field<&'a [u8]>,
    },
    /// A kind of aggregation that WebRTC does not use.
    Other(Field<&'a [u8]>),
}

/// A payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct H264<'a> {
    /// F, NRI and type.
    pub header: Field<u8>,
    /// What it holds.
    pub content: Content<'a>,
}

impl<'a> H264<'a> {
    /// Reads a payload, which is all that is left.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let header = read_header(r)?;
        let kind = NalType::from(header.value & 0x1f);
        let content = match kind {
            NalType::StapA => Content::Aggregation(List::rest(r)),
            NalType::FuA | NalType::FuB => {
                let fragment = r.u8("S, E, R, type")?;
                r.part("start", 0x80, fragment.value);
                r.part("end", 0x40, fragment.value);
                let inner = NalType::from(fragment.value & 0x1f);
                r.part_meaning("type", 0x1f, || node::Value::Code(inner.raw().into(), inner.name()));
                let order = if kind == NalType::FuB { Some(r.u16("decoding order number")?) } else { None };
                Content::Fragment { header: fragment, order, data: r.rest("fragment") }
            }
            NalType::StapB | NalType::Mtap16 | NalType::Mtap24 => Content::Other(r.rest("aggregation units")),
            _ => Content::Single(Nal { header, data: r.rest("NAL unit data") }),
        };
        let payload = Self { header, content };
        r.summary(|| payload.to_string());
        Ok(payload)
    }

    /// The type of the payload's own header.
    pub fn kind(&self) -> NalType {
        NalType::from(self.header.value & 0x1f)
    }

    /// The types of the NAL units that begin here.
    pub fn begins(&self) -> impl Iterator<Item = NalType> {
        let (single, many, fragment) = match self.content {
            Content::Single(nal) => (Some(nal.kind()), None, None),
            Content::Aggregation(units) => (None, Some(units), None),
            Content::Fragment { header, .. } => {
                (None, None, (header.value & 0x80 != 0).then(|| NalType::from(header.value & 0x1f)))
            }
            Content::Other(_) => (None, None, None),
        };
        let many = many.into_iter().flatten().filter_map(|unit| unit.0).map(|nal| nal.kind());
        single.into_iter().chain(many).chain(fragment)
    }

    /// The sequence parameter set, if one is here whole.
    pub fn sps(&self) -> Option<Sps> {
        match self.content {
            Content::Single(nal) => nal.sps(),
            Content::Aggregation(units) => units.iter().filter_map(|unit| unit.0).find_map(|nal| nal.sps()),
            Content::Fragment { .. } | Content::Other(_) => None,
        }
    }

    /// Whether a key frame begins here: an IDR picture, or the parameter set that precedes it.
    pub fn begins_key_frame(&self) -> bool {
        self.begins().any(|kind| matches!(kind, NalType::Idr | NalType::Sps))
    }
}

/// Reads a payload.
pub fn view(bytes: &[u8]) -> Read<H264<'_>> {
    H264::read(&mut Reader::new("H264", bytes))
}

/// The tree of a payload.
pub fn tree(bytes: &[u8]) -> Dissected<H264<'_>> {
    node::record("H264", bytes, H264::read)
}

impl fmt::Display for H264<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "H264 {}", self.kind())?;
        match &self.content {
            Content::Single(_) | Content::Other(_) => {}
            Content::Aggregation(units) => {
                units.iter().filter_map(|unit| unit.0).try_for_each(|nal| write!(f, " {}", nal.kind()))?;
            }
            Content::Fragment { header, .. } => {
                let place = match header.value >> 6 {
                    0 => "middle of",
                    1 => "end of",
                    2 => "start of",
                    _ => "whole",
                };
                write!(f, " {place} {}", NalType::from(header.value & 0x1f))?;
            }
        }
        self.sps().iter().try_for_each(|sps| write!(f, " {}x{}", sps.width, sps.height))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::{check_all, hex};

    #[track_caller]
    fn check(text: &str, expected: &str, key_frame: bool) {
        let bytes = hex(text);
        let payload = view(&bytes).unwrap();
        assert_eq!((payload.to_string().as_str(), payload.begins_key_frame()), (expected, key_frame));
        check_all(&bytes, |b| tree(b).outcome());
    }

    #[test]
    fn single_units_fragments_and_aggregates_are_distinguished() {
        check("41 9a0102", "H264 non-IDR", false);
        check("65 880102", "H264 IDR", true);
        check("7c85 8801", "H264 FU-A start of IDR", true);
        check("7c05 8801", "H264 FU-A middle of IDR", false);
        check("7c45 8801", "H264 FU-A end of IDR", false);
        check("7d85 0001 8801", "H264 FU-B start of IDR", true);
        check("19 0001 aa", "H264 STAP-B", false);
    }

    #[test]
    fn an_aggregate_with_parameter_sets_has_the_size() {
        check(
            "78 001e 67640028acd940780227e5c05a808080a0000003002000000781e30632c0 0003 68ce3c 0002 65b8",
            "H264 STAP-A SPS PPS IDR 1920x1080",
            true,
        );
        check("67640028acd940780227e5c05a808080a0000003002000000781e30632c0", "H264 SPS 1920x1080", true);
    }

    #[test]
    fn a_unit_that_overruns_its_aggregate_ends_the_list() {
        let bytes = hex("78 0002 4101 0009 41");
        assert_eq!(view(&bytes).unwrap().begins().collect::<Vec<_>>(), [NalType::NonIdr]);
        check_all(&bytes, |b| tree(b).outcome());
    }
}
