//! Opus: the table of contents of RFC 6716 §3.1, and the frames of §3.2. The payload format (RFC 7587) adds nothing.
//!
//! ```text
//!  0 1 2 3 4 5 6 7
//! +-+-+-+-+-+-+-+-+
//! | config  |s| c |
//! +-+-+-+-+-+-+-+-+
//! |v|p|     M     |   frame count byte, if c is 3
//! +-+-+-+-+-+-+-+-+
//! ```

use crate::wire::field::Field;
use crate::wire::node::{self, Dissected, Value};
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// What the codec does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Linear prediction.
    Silk,
    /// Both.
    Hybrid,
    /// Transform coding.
    Celt,
}

/// A payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opus<'a> {
    /// Configuration, stereo and code.
    pub toc: Field<u8>,
    /// v, p and M, if the code is 3.
    pub count: Option<Field<u8>>,
    /// The frames with their lengths and padding.
    pub data: Field<&'a [u8]>,
}

impl<'a> Opus<'a> {
    /// Reads a payload, which is all that is left.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let toc = r.u8("config, s, c")?;
        let empty = Field::new(toc.range, &[][..]);
        let head = Self { toc, count: None, data: empty };
        r.part_meaning("configuration", 0xf8, || Value::Text(head.configuration()));
        r.part("stereo", 0x04, toc.value);
        r.part("code", 0x03, toc.value);
        let count = if toc.value & 3 == 3 {
            let count = r.u8("v, p, M")?;
            r.part("variable bitrate", 0x80, count.value);
            r.part("padding", 0x40, count.value);
            r.part("frames", 0x3f, count.value);
            Some(count)
        } else {
            None
        };
        let payload = Self { toc, count, data: r.rest("frames") };
        r.summary(|| payload.to_string());
        Ok(payload)
    }

    const fn config(&self) -> u8 {
        self.toc.value >> 3
    }

    /// What the codec does.
    pub const fn mode(&self) -> Mode {
        match self.config() {
            0..=11 => Mode::Silk,
            12..=15 => Mode::Hybrid,
            _ => Mode::Celt,
        }
    }

    /// The audio bandwidth: narrow, medium, wide, super-wide or full band.
    pub const fn bandwidth(&self) -> &'static str {
        match self.config() {
            0..=3 | 16..=19 => "NB",
            4..=7 => "MB",
            8..=11 | 20..=23 => "WB",
            12..=13 | 24..=27 => "SWB",
            _ => "FB",
        }
    }

    /// The duration of a frame in microseconds.
    pub const fn frame_duration_us(&self) -> u32 {
        match (self.mode(), self.config() & 3) {
            (Mode::Silk, 0) => 10_000,
            (Mode::Silk, 1) => 20_000,
            (Mode::Silk, 2) => 40_000,
            (Mode::Silk, _) => 60_000,
            (Mode::Hybrid, size) => 10_000 << (size & 1),
            (Mode::Celt, size) => 2_500 << size,
        }
    }

    /// How many frames the packet holds.
    pub fn frames(&self) -> u8 {
        match self.toc.value & 3 {
            0 => 1,
            1 | 2 => 2,
            _ => self.count.map_or(0, |count| count.value & 0x3f),
        }
    }

    /// The duration of the packet in microseconds.
    pub fn duration_us(&self) -> u32 {
        self.frame_duration_us() * u32::from(self.frames())
    }

    /// Whether the frames have two channels.
    pub const fn is_stereo(&self) -> bool {
        self.toc.value & 4 != 0
    }

    fn configuration(&self) -> String {
        format!("{:?} {} {} ms", self.mode(), self.bandwidth(), f64::from(self.frame_duration_us()) / 1000.0)
    }
}

/// Reads a payload.
pub fn view(bytes: &[u8]) -> Read<Opus<'_>> {
    Opus::read(&mut Reader::new("Opus", bytes))
}

/// The tree of a payload.
pub fn tree(bytes: &[u8]) -> Dissected<Opus<'_>> {
    node::record("Opus", bytes, Opus::read)
}

impl fmt::Display for Opus<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channels = if self.is_stereo() { "stereo" } else { "mono" };
        write!(f, "Opus {} {channels}", self.configuration())?;
        if self.frames() == 1 { Ok(()) } else { write!(f, " {} frames", self.frames()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::{check_all, hex};

    #[track_caller]
    fn check(text: &str, expected: &str, duration_us: u32) {
        let bytes = hex(text);
        let payload = view(&bytes).unwrap();
        assert_eq!((payload.to_string().as_str(), payload.duration_us()), (expected, duration_us));
        check_all(&bytes, |b| tree(b).outcome());
    }

    #[test]
    fn the_table_of_contents_is_understood() {
        check("78 aabb", "Opus Hybrid FB 20 ms mono", 20_000);
        check("fc aabb", "Opus Celt FB 20 ms stereo", 20_000);
        check("80 aabb", "Opus Celt NB 2.5 ms mono", 2_500);
        check("19 aabb", "Opus Silk NB 60 ms mono 2 frames", 120_000);
        check("4b 03 aabbcc", "Opus Silk WB 20 ms mono 3 frames", 60_000);
        check("fe fffe", "Opus Celt FB 20 ms stereo 2 frames", 40_000);
    }
}
