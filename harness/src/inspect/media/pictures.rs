//! Pictures as PNG files.

use super::super::text::counted;
use super::super::{Frames, InspectError};
use super::Output;
use super::asked::Asked;
use super::g711::Coding;
use super::tally::Tally;
use crate::terminal::{Style, clean};
use peerproof_stack::media::{Frame, Kind, Played};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Most pictures that are written.
const MOST: u64 = 1_000;
/// Most bytes of them.
const MOST_BYTES: u64 = 1 << 30;

/// The folder with the pictures.
pub(super) struct Pictures {
    folder: PathBuf,
    /// Only pictures whose last packet is one of these.
    frames: Option<Frames>,
    /// Decoded so far.
    number: u64,
    written: u64,
    bytes: u64,
    /// Not written since the limits were reached; the frame of the first.
    beyond: (u64, Option<u64>),
    size: Option<(u32, u32)>,
}

impl Pictures {
    /// Makes the folder. Without `force` one that holds something is refused.
    pub(super) fn begin(folder: &Path, force: bool, frames: Option<Frames>) -> Result<Self, InspectError> {
        let failed = |error| InspectError::Export { path: folder.to_owned(), error };
        fs::create_dir_all(folder).map_err(failed)?;
        if !force && fs::read_dir(folder).map_err(failed)?.next().is_some() {
            return Err(failed(io::Error::other("the folder is not empty; --force writes into it")));
        }
        let folder = folder.to_owned();
        Ok(Self { folder, frames, number: 0, written: 0, bytes: 0, beyond: (0, None), size: None })
    }

    /// Says what was written, and what was not.
    pub(super) fn end(self, asked: &Asked, tally: &Tally, out: &mut dyn Write) -> Result<(), InspectError> {
        let style = Style::of_stdout();
        let size =
            self.size.map_or_else(String::new, |(width, height)| format!(", the last {width}×{height}"));
        writeln!(
            out,
            "{}: {} of {}{size}, decoded from {}",
            self.folder.display(),
            counted(self.written, "picture"),
            clean(&asked.name),
            counted(asked.packets, "packet")
        )?;
        if let (left, Some(first)) = self.beyond {
            let line = format!(
                "{} not written: at most {MOST} pictures and {} MB are; --frames {first}- writes those that follow",
                counted(left, "picture"),
                MOST_BYTES >> 20
            );
            style.wrapped(out, "  ", "    ", &line)?;
        }
        tally.write(&style, out)?;
        if tally.decoded == 0 {
            writeln!(out, "  nothing was decoded: are there keys for its packets, and a key frame?")?;
        }
        Ok(())
    }
}

impl Output for Pictures {
    fn fits(&self, coding: Coding) -> bool {
        coding.kind() == Kind::Video
    }

    fn take(&mut self, played: &Played, frame: u64, _: &mut Tally) -> Result<(), InspectError> {
        let Played::Picture(picture) = played else { return Ok(()) };
        self.number += 1;
        self.size = Some((picture.width(), picture.height()));
        if self.frames.is_some_and(|frames| !frames.holds(frame)) {
            return Ok(());
        }
        if self.written >= MOST || self.bytes >= MOST_BYTES {
            self.beyond.0 += 1;
            self.beyond.1.get_or_insert(frame);
            return Ok(());
        }
        let path = self.folder.join(format!("{:05}-frame-{frame}.png", self.number));
        let failed = |error| InspectError::Export { path: path.clone(), error };
        let file = File::create(&path).map_err(failed)?;
        write(picture, BufWriter::new(file)).map_err(failed)?;
        self.bytes += fs::metadata(&path).map_or(0, |file| file.len());
        self.written += 1;
        Ok(())
    }
}

/// Writes a picture as PNG.
fn write(picture: &Frame, to: impl Write) -> io::Result<()> {
    let mut encoder = png::Encoder::new(to, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&rgb(picture))?;
    writer.finish()?;
    Ok(())
}

/// The colours of a picture by ITU-R BT.601 with limited range, which is what browsers send.
fn rgb(picture: &Frame) -> Vec<u8> {
    let width = picture.width() as usize;
    let (luma, chroma) = picture.data().split_at(picture.luma().len());
    let (blue, red) = chroma.split_at(chroma.len() / 2);
    let mut pixels = Vec::with_capacity(luma.len() * 3);
    for (y, line) in luma.chunks_exact(width.max(1)).enumerate() {
        let from = y / 2 * (width / 2);
        let of = |plane: &'_ [u8], x: usize| i32::from(plane.get(from + x / 2).copied().unwrap_or(128)) - 128;
        for (x, luma) in line.iter().enumerate() {
            let (c, d, e) = (298 * (i32::from(*luma) - 16) + 128, of(blue, x), of(red, x));
            let of_eight = |value: i32| u8::try_from((value >> 8).clamp(0, 255)).unwrap_or(u8::MAX);
            pixels.extend([of_eight(c + 409 * e), of_eight(c - 100 * d - 208 * e), of_eight(c + 516 * d)]);
        }
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_bt_601() {
        // Y, U, V of white, black, red, green and blue with limited range.
        for (yuv, expected) in [
            ([235, 128, 128], [255, 255, 255]),
            ([16, 128, 128], [0, 0, 0]),
            ([81, 90, 240], [254, 0, 0]),
            ([145, 54, 34], [0, 255, 1]),
            ([41, 240, 110], [0, 0, 255]),
        ] {
            let [y, u, v] = yuv;
            let frame = Frame::from_i420(2, 2, vec![y, y, y, y, u, v]).unwrap();
            let pixels = rgb(&frame);
            assert_eq!(pixels.len(), 12);
            for pixel in pixels.chunks_exact(3) {
                let near = pixel.iter().zip(expected).all(|(is, wanted)| is.abs_diff(wanted) <= 1);
                assert!(near, "{yuv:?}: {pixel:?}");
            }
        }
    }

    #[test]
    fn each_pixel_has_the_chroma_of_its_square() {
        let mut data = vec![128; 8];
        data.extend([0, 255, 128, 128]);
        let pixels = rgb(&Frame::from_i420(4, 2, data).unwrap());
        let blue: Vec<u8> = pixels.chunks_exact(3).map(|pixel| pixel[2]).collect();
        assert_eq!(blue, [0, 0, 255, 255, 0, 0, 255, 255]);
    }
}
