//! The H.264 sequence parameter set: profile, level and size (ITU-T H.264 §7.3.2.1.1).

/// What a sequence parameter set says of the pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sps {
    /// `profile_idc`.
    pub profile: u8,
    /// The constraint flags.
    pub constraints: u8,
    /// `level_idc`: ten times the level.
    pub level: u8,
    /// The width of the pictures in pixels, cropped.
    pub width: u32,
    /// The height of the pictures in pixels, cropped.
    pub height: u32,
}

impl Sps {
    /// Reads the set that follows a NAL unit header; `None` if it is too short or says something impossible.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut bits = Bits { bytes, position: 0, zeros: 0 };
        let profile = bits.take(8)? as u8;
        let constraints = bits.take(8)? as u8;
        let level = bits.take(8)? as u8;
        bits.unsigned()?;
        let mut chroma = 1;
        let mut separate_planes = false;
        if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
            chroma = bits.unsigned()?;
            separate_planes = chroma == 3 && bits.take(1)? == 1;
            bits.unsigned()?;
            bits.unsigned()?;
            bits.take(1)?;
            if bits.take(1)? == 1 {
                for list in 0..if chroma == 3 { 12 } else { 8 } {
                    if bits.take(1)? == 1 {
                        bits.skip_scaling_list(if list < 6 { 16 } else { 64 })?;
                    }
                }
            }
        }
        bits.unsigned()?;
        match bits.unsigned()? {
            0 => drop(bits.unsigned()?),
            1 => {
                bits.take(1)?;
                bits.unsigned()?;
                bits.unsigned()?;
                for _ in 0..bits.unsigned()?.min(255) {
                    bits.unsigned()?;
                }
            }
            _ => {}
        }
        bits.unsigned()?;
        bits.take(1)?;
        let width_mbs = bits.unsigned()?.checked_add(1)?;
        let height_units = bits.unsigned()?.checked_add(1)?;
        let frames_only = bits.take(1)?;
        if frames_only == 0 {
            bits.take(1)?;
        }
        bits.take(1)?;
        let field_factor = 2 - frames_only;
        let (mut crop_x, mut crop_y) = (0, 0);
        if bits.take(1)? == 1 {
            let (left, right) = (bits.unsigned()?, bits.unsigned()?);
            let (top, bottom) = (bits.unsigned()?, bits.unsigned()?);
            let (unit_x, unit_y) = match (separate_planes, chroma) {
                (false, 1) => (2, 2),
                (false, 2) => (2, 1),
                _ => (1, 1),
            };
            crop_x = left.checked_add(right)?.checked_mul(unit_x)?;
            crop_y = top.checked_add(bottom)?.checked_mul(unit_y * field_factor)?;
        }
        let width = width_mbs.checked_mul(16)?.checked_sub(crop_x)?;
        let height = height_units.checked_mul(16 * field_factor)?.checked_sub(crop_y)?;
        Some(Self { profile, constraints, level, width, height })
    }
}

/// Reads bits, leaving out emulation prevention bytes (§7.4.1: the 3 of 0, 0, 3).
struct Bits<'a> {
    bytes: &'a [u8],
    /// In bits.
    position: usize,
    /// Zero bytes passed in a row.
    zeros: u8,
}

impl Bits<'_> {
    fn bit(&mut self) -> Option<u32> {
        if self.position.is_multiple_of(8) {
            let byte = *self.bytes.get(self.position / 8)?;
            if byte == 3 && self.zeros >= 2 {
                self.position += 8;
                self.zeros = 0;
            }
            let byte = *self.bytes.get(self.position / 8)?;
            self.zeros = if byte == 0 { self.zeros.saturating_add(1) } else { 0 };
        }
        let byte = *self.bytes.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Some(bit.into())
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        let mut number = 0;
        for _ in 0..count {
            number = number << 1 | self.bit()?;
        }
        Some(number)
    }

    /// `ue(v)`, §9.1.
    fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        ((1u32 << zeros) - 1).checked_add(self.take(zeros)?)
    }

    /// `se(v)`, §9.1.1.
    fn signed(&mut self) -> Option<i32> {
        let number = self.unsigned()?;
        let magnitude = i32::try_from(number.div_ceil(2)).ok()?;
        Some(if number % 2 == 1 { magnitude } else { -magnitude })
    }

    /// `scaling_list`, §7.3.2.1.1.1.
    fn skip_scaling_list(&mut self, size: usize) -> Option<()> {
        let (mut last, mut next) = (8i32, 8i32);
        for _ in 0..size {
            if next != 0 {
                next = last.wrapping_add(self.signed()?) & 0xff;
            }
            last = if next == 0 { last } else { next };
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::{Random, hex};

    /// As x264 writes it for 1920x1080.
    const HIGH: &str = "640028acd940780227e5c05a808080a0000003002000000781e30632c0";

    /// Writes bits, the first in the highest place.
    #[derive(Default)]
    struct Writer(Vec<bool>);

    impl Writer {
        fn bits(mut self, number: u32, count: u32) -> Self {
            self.0.extend((0..count).rev().map(|bit| number >> bit & 1 == 1));
            self
        }

        fn unsigned(self, number: u32) -> Self {
            let length = (number + 1).ilog2();
            self.bits(0, length).bits(number + 1, length + 1)
        }

        fn bytes(self) -> Vec<u8> {
            let byte =
                |bits: &[bool]| bits.iter().enumerate().fold(0, |b, (i, bit)| b | u8::from(*bit) << (7 - i));
            self.bits(0x80, 8).0.chunks(8).map(byte).collect()
        }
    }

    /// Baseline, level 3.1, with the given numbers of macroblocks and the given cropping at the right and at the bottom.
    fn baseline(width: u32, height: u32, crop: Option<(u32, u32)>, frames_only: bool) -> Vec<u8> {
        let head =
            Writer::default().bits(0x42c01f, 24).unsigned(0).unsigned(0).unsigned(2).unsigned(1).bits(0, 1);
        let size = head.unsigned(width - 1).unsigned(height - 1);
        let flags = if frames_only { size.bits(1, 1) } else { size.bits(0, 2) }.bits(0, 1);
        let cropped = match crop {
            Some((right, bottom)) => {
                flags.bits(1, 1).unsigned(0).unsigned(right).unsigned(0).unsigned(bottom)
            }
            None => flags.bits(0, 1),
        };
        cropped.bits(0, 1).bytes()
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: (u8, u8, u32, u32)) {
        let sps = Sps::read(bytes).unwrap();
        assert_eq!((sps.profile, sps.level, sps.width, sps.height), expected);
    }

    #[test]
    fn sizes_are_read_with_and_without_cropping() {
        check(&baseline(80, 45, None, true), (0x42, 31, 1280, 720));
        check(&baseline(40, 23, Some((0, 4)), true), (0x42, 31, 640, 360));
        check(&baseline(20, 6, Some((3, 0)), false), (0x42, 31, 314, 192));
    }

    #[test]
    fn a_set_of_high_profile_with_emulation_prevention_is_understood() {
        let bytes = hex(HIGH);
        check(&bytes, (100, 40, 1920, 1080));
    }

    #[test]
    fn a_crop_larger_than_the_picture_is_refused() {
        assert_eq!(Sps::read(&baseline(1, 1, Some((9, 0)), true)), None);
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let sample = hex(HIGH);
        for length in 0..sample.len() {
            Sps::read(&sample[..length]);
        }
        let mut random = Random::new(7);
        for _ in 0..20_000 {
            let length = random.below(40);
            let mut bytes = random.bytes(length);
            if let Some(first) = bytes.first_mut().filter(|_| random.below(2) == 0) {
                *first = 100;
            }
            Sps::read(&bytes);
        }
    }
}
