//! Files as devices: IVF with VP8, YUV4MPEG2 with 4:2:0, WAV with 16-bit PCM.

use super::capability::{Device, Media};
use crate::media::codec::{self, Codec, CodecError, VideoDecoder};
use crate::media::frame::Frame;
use crate::media::source::{Camera, Microphone};
use crate::media::tone::SAMPLE_RATE;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a file at most: it is kept in memory.
const MOST_BYTES: u64 = 256 << 20;

/// Why a file is no device.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("failed to read {}: {cause}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// It is not of a format that is understood.
    #[error("{} is unusable: {cause}", path.display())]
    Format {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        cause: &'static str,
    },
}

/// Opens a file as a device.
pub(super) fn open(id: &str, path: &Path) -> Result<Device, FileError> {
    let data = read(path)?;
    let failed = |cause| FileError::Format { path: path.to_owned(), cause };
    let label = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let clip = match extension.as_str() {
        "ivf" => read_ivf(&data).map_err(failed)?,
        "y4m" => read_y4m(&data).map_err(failed)?,
        "wav" => {
            let sound = Arc::new(read_wav(&data).map_err(failed)?);
            return Ok(Device::microphone(id, &label, Media::Sound(sound), false));
        }
        _ => return Err(failed("its name ends neither in .ivf, .y4m nor .wav")),
    };
    Frame::black(clip.width, clip.height)
        .map_err(|_| failed("the pictures' dimensions are odd or too large"))?;
    let native = (clip.width, clip.height, clip.frame_rate);
    Ok(Device::camera(id, &label, Media::Clip(Arc::new(clip)), None, native))
}

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let failed = |cause| FileError::Read { path: path.to_owned(), cause };
    // Of a FIFO somebody would have to write.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(FileError::Format { path: path.to_owned(), cause: "it is no regular file" });
    }
    let mut data = Vec::new();
    let size =
        File::open(path).and_then(|f| f.take(MOST_BYTES + 1).read_to_end(&mut data)).map_err(failed)?;
    if size as u64 > MOST_BYTES {
        return Err(FileError::Format { path: path.to_owned(), cause: "it has more than 256 MiB" });
    }
    Ok(data)
}

#[derive(Debug)]
enum Pictures {
    /// Encoded with VP8, in order.
    Vp8(Vec<Vec<u8>>),
    /// I420, in order.
    Raw(Vec<Frame>),
}

/// A file's pictures.
#[derive(Debug)]
pub struct Clip {
    width: u32,
    height: u32,
    frame_rate: f64,
    pictures: Pictures,
}

impl Clip {
    /// A camera that shows it in a loop.
    pub(super) fn play(clip: &Arc<Self>) -> Result<Box<dyn Camera>, CodecError> {
        let decoder = codec::video_decoder(Codec::Vp8)?;
        let newest = Frame::black(clip.width, clip.height)?;
        Ok(Box::new(Playback { clip: Arc::clone(clip), decoder, decoded: None, newest }))
    }
}

struct Playback {
    clip: Arc<Clip>,
    decoder: Box<dyn VideoDecoder>,
    /// Index of the encoded picture that was decoded last.
    decoded: Option<usize>,
    newest: Frame,
}

impl Camera for Playback {
    fn picture(&mut self, number: u64, width: u32, height: u32) -> Result<Frame, CodecError> {
        let index = |count: usize| usize::try_from(number % count.max(1) as u64).unwrap_or_default();
        match &self.clip.pictures {
            Pictures::Raw(frames) => match frames.get(index(frames.len())) {
                Some(frame) => frame.scaled(width, height),
                None => Frame::black(width, height),
            },
            Pictures::Vp8(frames) => {
                let wanted = index(frames.len());
                // Each picture builds on those before it: decode what was skipped, or all from the first when it begins again.
                let from = match self.decoded {
                    Some(decoded) if decoded <= wanted => decoded + 1,
                    _ => 0,
                };
                for data in frames.get(from..=wanted).unwrap_or_default() {
                    if let Some(frame) = self.decoder.decode(data)? {
                        self.newest = frame;
                    }
                }
                self.decoded = Some(wanted);
                self.newest.scaled(width, height)
            }
        }
    }
}

/// A file's sound: mono at 48 kHz.
#[derive(Debug)]
pub struct Sound(Vec<f32>);

impl Sound {
    /// A microphone that hears it in a loop.
    pub(super) fn play(sound: &Arc<Self>) -> Box<dyn Microphone> {
        Box::new(Gramophone(Arc::clone(sound)))
    }
}

struct Gramophone(Arc<Sound>);

impl Microphone for Gramophone {
    fn samples(&mut self, first: u64, count: usize) -> Vec<f32> {
        let all = &self.0.0;
        let start = usize::try_from(first % all.len().max(1) as u64).unwrap_or_default();
        all.iter().cycle().skip(start).take(count).copied().collect()
    }
}

/// A number of the given length in bytes, least significant first.
fn little_endian(data: &[u8], at: usize, bytes: usize) -> Option<u32> {
    let bytes = data.get(at..at.checked_add(bytes)?)?;
    Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte)))
}

/// IVF: a header of 32 bytes, then frames with a header of 12 bytes each (size, time).
fn read_ivf(data: &[u8]) -> Result<Clip, &'static str> {
    const SHORT: &str = "it ends within its header";
    if data.get(..4) != Some(b"DKIF") {
        return Err("it does not begin as IVF");
    }
    if data.get(8..12) != Some(b"VP80") {
        return Err("its codec is not VP8");
    }
    let header = little_endian(data, 6, 2).ok_or(SHORT)? as usize;
    let (width, height) =
        (little_endian(data, 12, 2).ok_or(SHORT)?, little_endian(data, 14, 2).ok_or(SHORT)?);
    let (rate, scale) = (little_endian(data, 16, 4).ok_or(SHORT)?, little_endian(data, 20, 4).ok_or(SHORT)?);
    let frame_rate = f64::from(rate) / f64::from(scale.max(1));
    let mut frames = Vec::new();
    let mut at = header;
    while let Some(size) = little_endian(data, at, 4) {
        let Some(frame) = data.get(at + 12..).and_then(|rest| rest.get(..size as usize)) else { break };
        frames.push(frame.to_vec());
        at += 12 + frame.len();
    }
    if frames.is_empty() {
        return Err("it has no pictures");
    }
    // The header's rate is often the time base (1000, 90000); a camera has no such rate.
    let frame_rate = if (1.0..=60.0).contains(&frame_rate) { frame_rate } else { 30.0 };
    Ok(Clip { width, height, frame_rate, pictures: Pictures::Vp8(frames) })
}

/// YUV4MPEG2: a line of parameters, then `FRAME…\n` and the planes for each picture.
fn read_y4m(data: &[u8]) -> Result<Clip, &'static str> {
    let (header, mut rest) = split_line(data).ok_or("it has no header")?;
    let mut words = header.split(' ');
    if words.next() != Some("YUV4MPEG2") {
        return Err("it does not begin as YUV4MPEG2");
    }
    let (mut width, mut height, mut frame_rate) = (0_u32, 0_u32, 30.0);
    for word in words {
        let Some((kind, value)) = word.split_at_checked(1) else { continue };
        match kind {
            "W" => width = value.parse().map_err(|_| "its width is not a number")?,
            "H" => height = value.parse().map_err(|_| "its height is not a number")?,
            "F" => frame_rate = read_rate(value).ok_or("its frame rate is not a ratio")?,
            "C" if !["420", "420jpeg", "420mpeg2", "420paldv"].contains(&value) => {
                return Err("its colours are not 8-bit 4:2:0");
            }
            _ => {}
        }
    }
    let size = Frame::black(width, height)
        .map_err(|_| "the pictures' dimensions are odd or too large")?
        .data()
        .len();
    let mut frames = Vec::new();
    while let Some((line, after)) = split_line(rest) {
        let Some((picture, after)) = after.split_at_checked(size).filter(|_| line.starts_with("FRAME"))
        else {
            break;
        };
        frames.push(
            Frame::from_i420(width, height, picture.to_vec()).map_err(|_| "its pictures are unusable")?,
        );
        rest = after;
    }
    if frames.is_empty() {
        return Err("it has no pictures");
    }
    Ok(Clip { width, height, frame_rate: frame_rate.clamp(1.0, 60.0), pictures: Pictures::Raw(frames) })
}

fn split_line(data: &[u8]) -> Option<(&str, &[u8])> {
    let end = data.iter().take(1024).position(|&byte| byte == b'\n')?;
    let (line, rest) = data.split_at_checked(end)?;
    Some((std::str::from_utf8(line).ok()?, rest.get(1..)?))
}

fn read_rate(text: &str) -> Option<f64> {
    let (numerator, denominator) = text.split_once(':')?;
    let rate = numerator.parse::<f64>().ok()? / denominator.parse::<f64>().ok()?;
    (rate.is_finite() && rate > 0.0).then_some(rate)
}

/// WAV (RIFF): chunks, of which `fmt ` and `data` count. Mixed down to mono and brought to 48 kHz.
fn read_wav(data: &[u8]) -> Result<Sound, &'static str> {
    if data.get(..4) != Some(b"RIFF") || data.get(8..12) != Some(b"WAVE") {
        return Err("it does not begin as RIFF WAVE");
    }
    let (mut at, mut format) = (12, None);
    while let (Some(name), Some(size)) = (data.get(at..at + 4), little_endian(data, at + 4, 4)) {
        let body = data.get(at + 8..).unwrap_or_default();
        let body = body.get(..size as usize).unwrap_or(body);
        match (name, format) {
            (b"fmt ", _) => {
                let number = |at, bytes| little_endian(body, at, bytes).ok_or("it ends within its format");
                if (number(0, 2)?, number(14, 2)?) != (1, 16) {
                    return Err("it is not 16-bit PCM");
                }
                format = Some((number(2, 2)? as usize, number(4, 4)?));
            }
            (b"data", Some((channels @ 1..=8, rate @ 8000..=192_000))) => {
                return Ok(Sound(resample(&mix_down(body, channels), rate)));
            }
            (b"data", _) => return Err("its channels or its sample rate are missing or out of range"),
            _ => {}
        }
        at = at + 8 + body.len() + body.len() % 2;
    }
    Err("it has no data")
}

fn mix_down(data: &[u8], channels: usize) -> Vec<f32> {
    data.chunks_exact(2 * channels)
        .map(|frame| {
            let sum: f32 =
                frame.as_chunks::<2>().0.iter().map(|s| f32::from(i16::from_le_bytes(*s)) / 32_768.0).sum();
            sum / channels as f32
        })
        .collect()
}

/// Linear interpolation: good enough for what is to be recognised, not to be enjoyed.
fn resample(samples: &[f32], rate: u32) -> Vec<f32> {
    if rate == SAMPLE_RATE {
        return samples.to_vec();
    }
    let count = samples.len() as u64 * u64::from(SAMPLE_RATE) / u64::from(rate);
    (0..count)
        .map(|i| {
            let place = i as f64 * f64::from(rate) / f64::from(SAMPLE_RATE);
            let at = |offset| samples.get(place as usize + offset).copied();
            let before = at(0).unwrap_or_default();
            before + (at(1).unwrap_or(before) - before) * place.fract() as f32
        })
        .collect()
}
