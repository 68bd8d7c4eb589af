//! Sound as a WAV file.

use super::super::text::counted;
use super::super::{Frames, Given, InspectError, export};
use super::Output;
use super::asked::Asked;
use super::g711::Coding;
use super::tally::Tally;
use crate::terminal::{Style, clean};
use peerproof_stack::media::{Kind, Played};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Longest sound that is written, in seconds: three hours, one gigabyte of Opus.
const MOST: u64 = 3 * 3_600;
/// A step of the timestamps of more seconds than this is no pause, but another beginning.
const LONGEST_PAUSE: u64 = 60;

/// The file in the making.
pub(super) struct Sound {
    to: PathBuf,
    parts: PathBuf,
    writer: Option<hound::WavWriter<BufWriter<File>>>,
    /// Samples a second.
    rate: u32,
    /// Only packets in these frames.
    frames: Option<Frames>,
    /// The RTP timestamp that comes next without a pause.
    next: Option<u32>,
    written: u64,
    /// Samples that stand for what is not there.
    silent: u64,
    /// Packets of sound beyond the limit.
    beyond: u64,
}

impl Sound {
    /// Begins the file, with that many samples a second and only packets in these frames. Without `force` one that exists is refused.
    pub(super) fn begin(
        given: &Given,
        to: &Path,
        force: bool,
        (rate, frames): (u32, Option<Frames>),
    ) -> Result<Self, InspectError> {
        export::refuse(given, to, force)?;
        let parts = to.with_extension("part");
        let failed = |error| InspectError::Export { path: to.to_owned(), error };
        let file = File::create(&parts).map_err(failed)?;
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let writer = hound::WavWriter::new(BufWriter::new(file), spec).map_err(|error| failed(of(error)))?;
        let to = to.to_owned();
        Ok(Self {
            to,
            parts,
            writer: Some(writer),
            rate,
            frames,
            next: None,
            written: 0,
            silent: 0,
            beyond: 0,
        })
    }

    /// Finishes the file, and says what is in it.
    pub(super) fn end(
        mut self,
        asked: &Asked,
        tally: &Tally,
        out: &mut dyn Write,
    ) -> Result<(), InspectError> {
        if let Some(writer) = self.writer.take() {
            let finished = writer.finalize().map_err(of);
            finished.and_then(|()| fs::rename(&self.parts, &self.to)).map_err(|error| {
                let _ = fs::remove_file(&self.parts);
                InspectError::Export { path: self.to.clone(), error }
            })?;
        }
        let seconds = |samples: u64| samples as f64 / f64::from(self.rate);
        let style = Style::of_stdout();
        writeln!(
            out,
            "{}: {:.2} s of {}, mono, decoded from {}",
            self.to.display(),
            seconds(self.written),
            clean(&asked.name),
            counted(asked.packets, "packet")
        )?;
        if self.silent > 0 {
            let line = format!(
                "{:.2} s of it are silence for what has no packet: lost, or not sent (DTX, mute)",
                seconds(self.silent)
            );
            style.wrapped(out, "  ", "    ", &line)?;
        }
        if self.beyond > 0 {
            let line = format!(
                "{} not written: at most three hours are; --frames chooses others",
                counted(self.beyond, "packet")
            );
            style.wrapped(out, "  ", "    ", &line)?;
        }
        tally.write(&style, out)?;
        if tally.decoded == 0 {
            writeln!(out, "  nothing was decoded: are there keys for its packets?")?;
        }
        Ok(())
    }

    /// That many seconds in samples.
    const fn seconds(&self, count: u64) -> u64 {
        count * self.rate as u64
    }

    /// Writes samples, as many as there is room for.
    fn write(&mut self, samples: impl Iterator<Item = f32>) -> Result<(), InspectError> {
        let room = self.seconds(MOST).saturating_sub(self.written);
        for sample in samples.take(usize::try_from(room).unwrap_or(usize::MAX)) {
            let Some(writer) = &mut self.writer else { return Ok(()) };
            let sample = (sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)).round() as i16;
            let written = writer.write_sample(sample).map_err(of);
            written.map_err(|error| InspectError::Export { path: self.to.clone(), error })?;
            self.written += 1;
        }
        Ok(())
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            // Half a file is of no use; the error that ended it is what counts.
            let _ = fs::remove_file(&self.parts);
        }
    }
}

impl Output for Sound {
    fn fits(&self, coding: Coding) -> bool {
        coding.kind() == Kind::Audio && coding.clock_rate() == self.rate
    }

    fn take(&mut self, played: &Played, frame: u64, tally: &mut Tally) -> Result<(), InspectError> {
        let Played::Sound { samples, timestamp } = played else { return Ok(()) };
        if self.frames.is_some_and(|frames| !frames.holds(frame)) {
            return Ok(());
        }
        if self.written >= self.seconds(MOST) {
            self.beyond += 1;
            return Ok(());
        }
        // How much later than without a pause; nearly the whole circle if it is earlier.
        let pause = self.next.map_or(0, |next| u64::from(timestamp.wrapping_sub(next)));
        if pause > self.seconds(LONGEST_PAUSE) {
            tally.note(frame, || "the timestamps begin anew; no silence stands for that".to_owned());
        } else if pause > 0 {
            let before = self.written;
            self.write(std::iter::repeat_n(0.0, usize::try_from(pause).unwrap_or(0)))?;
            self.silent += self.written - before;
        }
        self.next = Some(timestamp.wrapping_add(u32::try_from(samples.len()).unwrap_or(0)));
        self.write(samples.iter().copied())
    }
}

fn of(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other),
    }
}
