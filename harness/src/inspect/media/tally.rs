//! What was lost on the way from packets to pictures and sound, counted and in words.

use super::super::text::counted;
use crate::terminal::Style;
use peerproof_stack::media::Played;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Most places that are named one by one.
const NAMED: usize = 20;

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Pictures, or packets of sound.
    pub(super) decoded: u64,
    /// Packets that came as retransmissions in a stream of their own (RFC 4588).
    pub(super) repairs: u64,
    /// Packets that are missing.
    lost: u64,
    /// Times at which the sequence numbers began anew.
    jumps: u64,
    /// Pictures that could not be put together.
    broken: u64,
    /// Pictures that need one before them that is not there.
    without_key: u64,
    /// What the decoder refused.
    refused: u64,
    /// Packets of payload types that are not decoded.
    others: BTreeMap<u8, u64>,
    /// The first of all that, with the frame at which it shows.
    places: Vec<(u64, String)>,
}

impl Tally {
    /// Counts what became of packets, at the frame of the packet that shows it.
    pub(super) fn add(&mut self, played: &Played, frame: u64) {
        match played {
            Played::Picture(_) | Played::Sound { .. } => self.decoded += 1,
            Played::Hidden | Played::KeyFrameWanted => {}
            Played::Lost(0) => {
                self.jumps += 1;
                self.note(frame, || "the sequence numbers begin anew".to_owned());
            }
            Played::Lost(count) => {
                self.lost += count;
                self.note(frame, || format!("{} missing before it", counted(*count, "packet")));
            }
            Played::Broken => {
                self.broken += 1;
                self.note(frame, || "a picture that cannot be put together".to_owned());
            }
            Played::WithoutKey => self.without_key += 1,
            Played::Refused(error) => {
                self.refused += 1;
                self.note(frame, || error.to_string());
            }
        }
    }

    /// Counts a packet of a payload type that is not decoded.
    pub(super) fn other(&mut self, payload_type: u8) {
        *self.others.entry(payload_type).or_default() += 1;
    }

    /// Notes something at a frame, if few were noted.
    pub(super) fn note(&mut self, frame: u64, what: impl FnOnce() -> String) {
        if self.places.len() < NAMED {
            self.places.push((frame, what()));
        }
    }

    /// Writes what was lost.
    pub(super) fn write(&self, style: &Style, out: &mut dyn Write) -> io::Result<()> {
        let mut lines = Vec::new();
        let mut line = |count: u64, what: String| lines.extend((count > 0).then_some(what));
        line(
            self.lost,
            format!(
                "{} missing in the capture, after what retransmissions (RTX) brought",
                counted(self.lost, "packet")
            ),
        );
        line(self.jumps, format!("the sequence numbers began anew {}", counted(self.jumps, "time")));
        line(self.broken, format!("{} not whole", counted(self.broken, "picture")));
        line(
            self.without_key,
            format!(
                "{} not decoded: a picture before is missing, and no key frame came since",
                counted(self.without_key, "picture")
            ),
        );
        line(self.refused, format!("{} refused by the decoder", counted(self.refused, "unit")));
        for (payload_type, count) in &self.others {
            let what =
                format!("{} of payload type {payload_type}, which is not decoded", counted(*count, "packet"));
            line(*count, what);
        }
        line(
            self.repairs,
            format!(
                "{} (RTX) beside them, of packets that were lost or that arrived",
                counted(self.repairs, "retransmission")
            ),
        );
        for line in &lines {
            style.wrapped(out, "  ", "    ", line)?;
        }
        for (frame, what) in &self.places {
            style.wrapped(out, &format!("  frame {frame:<6} "), "               ", what)?;
        }
        Ok(())
    }
}
