//! `--png` and `--wav`: the pictures and the sound that were really sent, decoded from the RTP packets of a stream.

mod asked;
mod g711;
mod pictures;
mod sound;
mod tally;

pub use asked::StreamName;

use super::source::Given;
use super::{InspectArgs, InspectError};
use asked::Asked;
use g711::Coding;
use peerproof_captures::decrypt;
use peerproof_captures::file::{Item, SECRETS_TLS_KEY_LOG};
use peerproof_captures::link::Transport;
use peerproof_captures::observe::{Ends, Follow, Observation, Opened, Sink};
use peerproof_captures::wire::payload::{Format, red, rtx};
use peerproof_captures::wire::rtp;
use peerproof_stack::media::{CodecError, Kind, Piece, Played, Playout, sink::Arrived};
use pictures::Pictures;
use sound::Sound;
use std::collections::VecDeque;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use tally::Tally;

/// How long a gap is waited for, by the times of the capture: a retransmission that comes later was of use to nobody.
const PATIENCE: Duration = Duration::from_secs(1);
/// Most packets whose frames are remembered: more than may wait for one that is missing.
const REMEMBERED: usize = 1_024;

/// Samples a second of Opus (RFC 7587 §4.1).
const SOUND_RATE: u32 = 48_000;

/// Where pictures or sound go.
trait Output {
    /// Whether it can take what is encoded so.
    fn fits(&self, coding: Coding) -> bool;

    /// Takes the next. `frame` is that of the packet that made it whole.
    fn take(&mut self, played: &Played, frame: u64, tally: &mut Tally) -> Result<(), InspectError>;
}

/// Writes the pictures of the stream asked for into a folder.
pub(super) fn png(
    args: &InspectArgs,
    given: &Given,
    folder: &Path,
    out: &mut dyn Write,
) -> Result<(), InspectError> {
    let asked = Asked::find(args, given, Kind::Video)?;
    let mut pictures = Pictures::begin(folder, args.force, args.frames)?;
    let tally = decode(given, &asked, &mut pictures)?;
    pictures.end(&asked, &tally, out)
}

/// Writes the sound of the stream asked for into a file.
pub(super) fn wav(
    args: &InspectArgs,
    given: &Given,
    to: &Path,
    out: &mut dyn Write,
) -> Result<(), InspectError> {
    let asked = Asked::find(args, given, Kind::Audio)?;
    let rate = asked.types.main(asked.main_type, Kind::Audio).map_or(SOUND_RATE, Coding::clock_rate);
    let mut sound = Sound::begin(given, to, args.force, (rate, args.frames))?;
    let tally = decode(given, &asked, &mut sound)?;
    sound.end(&asked, &tally, out)
}

/// Reads the capture and decodes the stream.
fn decode(given: &Given, asked: &Asked, output: &mut dyn Output) -> Result<Tally, InspectError> {
    let mut reader = given.reader()?;
    let mut decoding = Decoding {
        asked,
        output,
        playout: None,
        begun: (Instant::now(), None),
        is_opened: false,
        frame: 0,
        frames: VecDeque::new(),
        tally: Tally::default(),
        failed: None,
    };
    let mut observer = given.observer(&mut decoding);
    while let Some(item) = reader.next_item() {
        match item {
            Item::Interface(index) => {
                observer.interface(index, asked.interfaces.get(index).map_or("", String::as_str));
            }
            Item::Secrets(secrets) if secrets.kind == SECRETS_TLS_KEY_LOG => {
                observer.secrets(&secrets, &mut decoding);
            }
            Item::Frame(frame) => {
                observer.frame(&frame, &mut decoding);
            }
            _ => {}
        }
        if let Some(error) = decoding.failed.take() {
            return Err(error);
        }
    }
    decoding.end();
    match decoding.failed {
        Some(error) => Err(error),
        None => Ok(decoding.tally),
    }
}

/// The stream as it is decoded.
struct Decoding<'a> {
    asked: &'a Asked,
    output: &'a mut dyn Output,
    playout: Option<(Coding, Playout)>,
    /// What stands for the time of the first packet, and that time.
    begun: (Instant, Option<u64>),
    /// Whether packets were decrypted.
    is_opened: bool,
    /// That of the packet at hand.
    frame: u64,
    /// Sequence numbers and frames of the newest packets.
    frames: VecDeque<(u16, u64)>,
    tally: Tally,
    failed: Option<InspectError>,
}

impl Sink for Decoding<'_> {
    fn datagram(&mut self, seen: &Observation<'_>) -> Follow {
        let is_clear = seen.transport == Transport::ClearRtp
            || (self.asked.is_unprotected && rtp::view(seen.inner.bytes).is_ok());
        if !is_clear {
            return Follow::ByAddress;
        }
        // A recording has a copy of each packet in the clear behind the packet itself.
        if !self.is_opened {
            self.packet(seen.frame, seen.time_ns, &seen.inner.ends, seen.inner.bytes);
        }
        Follow::No
    }

    fn opened(&mut self, opened: &Opened<'_>) {
        if opened.content == decrypt::Content::Rtp {
            self.is_opened = true;
            self.packet(opened.frame, opened.time_ns, &opened.ends, opened.bytes);
        }
    }
}

impl Decoding<'_> {
    fn packet(&mut self, frame: u64, ns: u64, ends: &Ends, bytes: &[u8]) {
        if self.failed.is_some() || !self.asked.is_of(frame, ends) {
            return;
        }
        let Ok(packet) = rtp::view(bytes) else { return };
        let (header, payload) = (&packet.header, packet.payload.value);
        let (mut payload_type, mut sequence, mut payload) =
            (header.payload_type(), header.sequence.value, payload);
        let ssrc = header.ssrc.value;
        if Some(ssrc) == self.asked.repair {
            let Ok(repair) = rtx::view(payload) else { return };
            let Some(original) = repair.original_sequence else { return };
            self.tally.repairs += 1;
            (sequence, payload) = (original.value, repair.payload.value);
            payload_type = self.asked.types.repaired_by(payload_type).unwrap_or(self.asked.main_type);
        } else if ssrc != self.asked.ssrc {
            return;
        }
        if self.asked.types.format(payload_type) == Some(Format::Red)
            && let Ok(view) = red::view(payload)
            && let Some(primary) = view.blocks().last()
        {
            (payload_type, payload) = (primary.payload_type, primary.data.value);
        }
        let fits = |coding: &Coding| self.output.fits(*coding);
        let Some(coding) = self.asked.types.coding(payload_type).filter(fits) else {
            self.tally.other(payload_type);
            // Its number counts: else it would be missing.
            payload = &[];
            let Some((coding, _)) = self.playout else { return };
            return self.push(coding, frame, ns, arrived(header, sequence, payload));
        };
        self.push(coding, frame, ns, arrived(header, sequence, payload));
    }

    fn push(&mut self, coding: Coding, frame: u64, ns: u64, packet: Arrived) {
        if self.playout.as_ref().is_some_and(|(of, _)| *of != coding) {
            self.end();
        }
        self.frame = frame;
        if self.frames.len() >= REMEMBERED {
            self.frames.pop_front();
        }
        self.frames.push_back((packet.sequence, frame));
        let (_, playout) = match &mut self.playout {
            Some(both) => both,
            none => match coding.playout() {
                Ok(playout) => none.insert((coding, playout)),
                Err(error) => return self.failed = Some(self.asked.undecodable(&error)),
            },
        };
        let (base, first) = (self.begun.0, *self.begun.1.get_or_insert(ns));
        let now = base.checked_add(Duration::from_nanos(ns.saturating_sub(first))).unwrap_or(base);
        let pieces = playout.push(packet, now);
        self.take(&pieces);
    }

    /// Takes what still waits.
    fn end(&mut self) {
        if let Some((_, mut playout)) = self.playout.take() {
            let pieces = playout.end();
            self.take(&pieces);
        }
    }

    fn take(&mut self, pieces: &[Piece]) {
        for Piece { sequence, played } in pieces {
            // What waited for others comes out later than its packet.
            let frame =
                self.frames.iter().rev().find(|(known, _)| known == sequence).map(|(_, frame)| *frame);
            let frame = frame.unwrap_or(self.frame);
            self.tally.add(played, frame);
            if let Err(error) = self.output.take(played, frame, &mut self.tally) {
                self.failed = Some(error);
                return;
            }
        }
    }
}

fn arrived(header: &rtp::Header<'_>, sequence: u16, payload: &[u8]) -> Arrived {
    Arrived {
        sequence,
        timestamp: header.timestamp.value,
        marker: header.marker(),
        payload: payload.to_vec().into(),
    }
}

impl Asked {
    fn undecodable(&self, error: &CodecError) -> InspectError {
        InspectError::NotDecoded { stream: self.name.clone(), reason: error.to_string() }
    }
}
