//! Numbered pictures, as `docs/media.md` defines them: drawn by every source, read by every sink.

use super::codec::CodecError;
use super::frame::Frame;

const COLUMNS: usize = 8;
const ROWS: usize = 4;
const SYNC: u8 = 0b1010_0110;
const BLACK: u8 = 16;
const WHITE: u8 = 235;
const THRESHOLD: u64 = 128;

/// Draws the picture of this number.
///
/// # Errors
/// The dimensions are odd, zero or too large.
pub fn draw(number: u16, width: u32, height: u32) -> Result<Frame, CodecError> {
    let mut frame = Frame::black(width, height)?;
    let (w, h) = (width as usize, height as usize);
    let luma = frame.luma_mut();
    draw_code(encode(number), luma, w, h);
    draw_noise(number, luma, w, h);
    Ok(frame)
}

/// Reads a picture's number. Nothing if it has none (black, foreign, or too damaged).
#[must_use]
pub fn read(frame: &Frame) -> Option<u16> {
    let (w, h) = (frame.width() as usize, frame.height() as usize);
    let mut bits = 0_u32;
    for row in 0..ROWS {
        let (top, bottom) = ((4 * row + 1) * h / 32, (4 * row + 3) * h / 32);
        let strip = frame.luma().get(top * w..bottom * w)?;
        for column in 0..COLUMNS {
            let (left, right) = ((4 * column + 1) * w / 32, (4 * column + 3) * w / 32);
            let mut sum = 0_u64;
            for line in strip.chunks_exact(w) {
                sum += line.get(left..right)?.iter().map(|&y| u64::from(y)).sum::<u64>();
            }
            let count = ((right - left) * (bottom - top)) as u64;
            let mean = sum.checked_div(count)?;
            bits = bits << 1 | u32::from(mean >= THRESHOLD);
        }
    }
    decode(bits)
}

/// Sync byte, number and CRC as the 32 cells hold them.
fn encode(number: u16) -> u32 {
    u32::from(SYNC) << 24 | u32::from(number) << 8 | u32::from(crc8(number.to_be_bytes()))
}

/// The number in 32 cells.
fn decode(bits: u32) -> Option<u16> {
    let [sync, high, low, crc] = bits.to_be_bytes();
    (sync == SYNC && crc8([high, low]) == crc).then_some(u16::from_be_bytes([high, low]))
}

/// CRC-8 with polynomial 0x07 and initial value 0 over the two bytes of a number.
fn crc8(bytes: [u8; 2]) -> u8 {
    bytes.into_iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc, _| if crc & 0x80 == 0 { crc << 1 } else { crc << 1 ^ 0x07 })
    })
}

fn draw_code(bits: u32, luma: &mut [u8], w: usize, h: usize) {
    let mut line = vec![BLACK; w];
    for row in 0..ROWS {
        for column in 0..COLUMNS {
            let white = bits >> (31 - (row * COLUMNS + column)) & 1 == 1;
            if let Some(cell) = line.get_mut(column * w / COLUMNS..(column + 1) * w / COLUMNS) {
                cell.fill(if white { WHITE } else { BLACK });
            }
        }
        if let Some(strip) = luma.get_mut(row * h / 8 * w..(row + 1) * h / 8 * w) {
            strip.chunks_exact_mut(w).for_each(|target| target.copy_from_slice(&line));
        }
    }
}

/// The lower half: bars that move, and blocks of random brightness, so that the encoder has work.
fn draw_noise(number: u16, luma: &mut [u8], w: usize, h: usize) {
    // A bar's brightness rises over 64 pixels. One long ramp, of which each line shows another part, costs one copy a line.
    let ramp: Vec<u8> = (0..w + 64).map(|x| 40 + (x % 64) as u8 * 2).collect();
    let shift = 64 - usize::from(number) * 4 % 64;
    let top = h / 2;
    let Some(lower) = luma.get_mut(top * w..) else { return };
    for (y, line) in lower.chunks_exact_mut(w).enumerate() {
        let from = (shift + y) % 64;
        if let Some(part) = ramp.get(from..from + w) {
            line.copy_from_slice(part);
        }
    }
    let mut random = u32::from(number);
    for block in 0..128 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if (block + usize::from(number)) % 4 != 0 {
            continue;
        }
        let (column, row) = (block % 16, block / 16);
        let level = 30 + (random >> 24) as u8 / 4 * 3;
        let (left, right) = (column * w / 16, (column + 1) * w / 16);
        let lower_rows = h - top;
        for y in row * lower_rows / 8..(row + 1) * lower_rows / 8 {
            if let Some(part) = lower.get_mut(y * w + left..y * w + right) {
                part.fill(level);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_examples_of_the_document_hold() {
        assert_eq!(encode(0), 0xA600_0000);
        assert_eq!(encode(1), 0xA600_0107);
        assert_eq!(encode(0x1234), 0xA612_34F1);
        assert_eq!(encode(0xFFFF), 0xA6FF_FF24);
    }

    #[test]
    fn every_number_is_read_back() {
        for number in (0..=u16::MAX).step_by(97).chain([1, u16::MAX]) {
            assert_eq!(read(&draw(number, 64, 64).unwrap()), Some(number));
        }
    }

    #[test]
    fn awkward_sizes_and_scaling_are_no_obstacle() {
        for (width, height) in [(64, 64), (66, 70), (320, 240), (1280, 720), (354, 290), (718, 404)] {
            let frame = draw(0xBEEF, width, height).unwrap();
            assert_eq!(read(&frame), Some(0xBEEF), "{width}x{height}");
            for (to_width, to_height) in [(64, 64), (160, 120), (642, 358)] {
                let scaled = frame.scaled(to_width, to_height).unwrap();
                assert_eq!(read(&scaled), Some(0xBEEF), "{width}x{height} as {to_width}x{to_height}");
            }
        }
    }

    #[test]
    fn one_wrong_cell_is_noticed() {
        for bit in 0..32 {
            assert_eq!(decode(encode(0x5A5A) ^ 1 << bit), None, "bit {bit}");
        }
    }

    #[test]
    fn black_white_and_tiny_pictures_have_no_number() {
        assert_eq!(read(&Frame::black(320, 240).unwrap()), None);
        let mut white = Frame::black(320, 240).unwrap();
        white.luma_mut().fill(WHITE);
        assert_eq!(read(&white), None);
        assert_eq!(read(&Frame::black(2, 2).unwrap()), None);
    }

    #[test]
    fn the_lower_half_changes_in_every_frame() {
        let half = |number| {
            let frame = draw(number, 320, 240).unwrap();
            frame.luma()[320 * 120..].to_vec()
        };
        assert!((0..100).all(|number| half(number) != half(number + 1)));
    }
}
