//! RTP streams: what arrived of each source, by RFC 3550.

use super::at::{At, Side};
use super::limits;
use super::sequence::{Step, Window};
use super::slices::Slices;
use crate::wire::payload::{Format, vp8};
use crate::wire::rtp::Header;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Clock rates that a stream without description may have.
const USUAL_CLOCKS: [u32; 4] = [8_000, 16_000, 48_000, 90_000];
/// Packets and time after which the clock rate of a stream is inferred.
const INFER_AFTER: (u64, u64) = (20, 400_000_000);

/// How far ahead a number may be, and how far behind, without beginning the numbers anew (RFC 3550 §A.1).
const MAX_DROPOUT: u16 = 3_000;
const MAX_MISORDER: u16 = 100;
/// The shortest time between two packets, on average, in which numbers that are missing can have been sent: 5,000 packets a second.
const NS_PER_PACKET: u64 = 200_000;

/// How a stream's codec is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Knowledge {
    /// A description says so.
    Described,
    /// It follows from the packets, or from a static payload type.
    Inferred,
}

/// A stream: packets of one source in one direction.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Stream {
    /// The synchronisation source.
    pub ssrc: u32,
    /// Who sends it.
    pub from: Side,
    /// The flow on which it began.
    pub flow: usize,
    /// Packets by payload type.
    pub payload_types: BTreeMap<u8, u64>,
    /// Encoding name of the codec, if it is known.
    pub codec: Option<String>,
    /// How it is known.
    pub codec_known: Option<Knowledge>,
    /// Clock rate in hertz, if it is known or could be inferred.
    pub clock_rate: Option<u32>,
    /// The source whose packets this one repeats (RFC 4588), if a description says so.
    pub repairs: Option<u32>,
    /// Packets seen.
    pub packets: u64,
    /// Bytes of them, RTP header included.
    pub bytes: u64,
    /// Packets that there must have been between the lowest and the highest sequence number.
    pub expected: u64,
    /// Packets of those that were not seen.
    pub lost: u64,
    /// Packets that came after one with a higher sequence number.
    pub reordered: u64,
    /// Packets seen before.
    pub duplicates: u64,
    /// Times at which the sequence numbers began anew (RFC 3550 §A.1): what lies between is not lost.
    pub restarts: u64,
    /// Interarrival jitter in nanoseconds at the end (RFC 3550 §6.4.1), once the clock rate is known.
    pub jitter_ns: Option<u64>,
    /// The largest value that it had.
    pub worst_jitter_ns: Option<u64>,
    /// Packets with the marker bit: for video, frames.
    pub marked: u64,
    /// Key frames, if the payload could be read.
    pub key_frames: u64,
    /// The first of them.
    pub first_key_frame: Option<At>,
    /// Whether payloads were read, so that key frames would have been seen.
    pub payload_read: bool,
    /// The first packet.
    pub first: At,
    /// The last packet.
    pub last: At,
    /// The longest time between two packets, in nanoseconds.
    pub longest_gap_ns: u64,
    /// The packet after that gap.
    pub after_longest_gap: Option<At>,
    /// The BYE of the source (RFC 3550 §6.6).
    pub bye: Option<At>,
    /// What the receiver asked for and reported.
    pub feedback: super::Feedback,
    /// The same over time.
    #[serde(skip)]
    pub over_time: Slices,
    #[serde(skip)]
    pub(super) format: Option<Format>,
    /// Whether payloads are wrapped by RFC 2198.
    #[serde(skip)]
    in_red: bool,
    #[serde(skip)]
    window: Window,
    /// Packets that there must have been before the numbers began anew.
    #[serde(skip)]
    expected_before: u64,
    /// A packet whose number is far from that before it: with the next one it begins anew.
    #[serde(skip)]
    jump: Option<Box<Jump>>,
    #[serde(skip)]
    transit: Option<i128>,
    #[serde(skip)]
    jitter: f64,
    #[serde(skip)]
    first_timestamp: u32,
    /// Of the last packet that came in for the first time.
    #[serde(skip)]
    newest_timestamp: u32,
    #[serde(skip)]
    unique: u64,
    /// Whether it is RTP for certain: a packet of it was opened or captured in the clear, or another stood before its first.
    #[serde(skip)]
    pub(super) is_proven: bool,
}

/// What a stream counted before a packet whose number is far from that before it: one alone is a stray, and does not count.
#[derive(Debug, Clone, PartialEq)]
struct Jump {
    /// Its number.
    number: u16,
    at: At,
    window: Window,
    expected: u64,
    lost: u64,
    unique: u64,
    reordered: u64,
    duplicates: u64,
}

impl Stream {
    pub(super) fn new(ssrc: u32, from: Side, flow: usize, at: At, timestamp: u32) -> Self {
        Self {
            ssrc,
            from,
            flow,
            payload_types: BTreeMap::new(),
            codec: None,
            codec_known: None,
            clock_rate: None,
            repairs: None,
            packets: 0,
            bytes: 0,
            expected: 0,
            lost: 0,
            reordered: 0,
            duplicates: 0,
            restarts: 0,
            jitter_ns: None,
            worst_jitter_ns: None,
            marked: 0,
            key_frames: 0,
            first_key_frame: None,
            payload_read: false,
            first: at,
            last: at,
            longest_gap_ns: 0,
            after_longest_gap: None,
            bye: None,
            feedback: super::Feedback::default(),
            over_time: Slices::from(at.ns),
            format: None,
            in_red: false,
            window: Window::default(),
            expected_before: 0,
            jump: None,
            transit: None,
            jitter: 0.0,
            first_timestamp: timestamp,
            newest_timestamp: timestamp,
            unique: 0,
            is_proven: false,
        }
    }

    /// Whether it is one packet that nothing proves to be RTP: no stream (RFC 3550 §A.1 wants two in sequence).
    pub(super) const fn is_lone(&self) -> bool {
        self.packets == 1 && !self.is_proven
    }

    /// Takes in a packet by its header.
    pub(super) fn packet(&mut self, at: At, header: &Header<'_>, length: usize) {
        let payload_type = header.payload_type();
        if self.payload_types.len() < limits::PAYLOAD_TYPES || self.payload_types.contains_key(&payload_type)
        {
            *self.payload_types.entry(payload_type).or_default() += 1;
        }
        self.packets += 1;
        self.bytes += length as u64;
        let gap = at.since(self.last);
        if gap > self.longest_gap_ns {
            (self.longest_gap_ns, self.after_longest_gap) = (gap, Some(at));
        }
        self.last = at;
        let slice = self.over_time.at(at.ns);
        slice.packets += 1;
        slice.bytes = slice.bytes.saturating_add(u32::try_from(length).unwrap_or(u32::MAX));
        self.begin_anew(at, gap, header);
        let lost = self.lost;
        let step = self.window.push(self.window.extend(header.sequence.value.into(), 16));
        match step {
            Step::Again => {
                self.duplicates += 1;
                return;
            }
            Step::Late | Step::Old => self.reordered += 1,
            Step::Ahead => {}
        }
        self.unique += 1;
        self.expected = self.expected_before + self.window.span();
        self.lost = self.expected.saturating_sub(self.unique);
        self.marked += u64::from(header.marker());
        let slice = self.over_time.at(at.ns);
        slice.marked += u32::from(header.marker());
        slice.missing = slice.missing.saturating_add(change(lost, self.lost));
        let timestamp = header.timestamp.value;
        self.newest_timestamp = timestamp;
        // Retransmissions carry the timestamps of the original packets, not the time at which they were sent.
        if step == Step::Ahead && !self.is_repair() {
            self.infer_clock(at, timestamp);
            self.update_jitter(at, timestamp);
        }
    }

    /// Two packets in a row whose numbers follow one another, far from those before, begin the numbers anew (RFC 3550 §A.1). Numbers that
    /// were skipped while as many packets could have been sent are lost all the same, and old numbers with old timestamps are retransmissions.
    fn begin_anew(&mut self, at: At, gap_ns: u64, header: &Header<'_>) {
        let number = header.sequence.value;
        let since = header.timestamp.value.wrapping_sub(self.newest_timestamp);
        let is_near = |distance: u16| !(MAX_DROPOUT..=u16::MAX - MAX_MISORDER).contains(&distance);
        if let Some(jump) = self.jump.take() {
            let is_next = jump.number.wrapping_add(1) == number;
            if is_next || jump.window.distance(number).is_some_and(is_near) {
                let slice = self.over_time.at(jump.at.ns);
                slice.missing = slice.missing.saturating_sub(change(jump.lost, self.lost));
                (self.reordered, self.duplicates) = (jump.reordered, jump.duplicates);
                (self.expected, self.lost, self.unique) = (jump.expected, jump.lost, jump.unique);
                self.window = jump.window;
            }
            if is_next {
                self.restarts += 1;
                (self.expected_before, self.unique) = (self.expected, self.unique + 1);
                self.window = Window::default();
                self.window.push(self.window.extend(jump.number.into(), 16));
                self.expected = self.expected_before + self.window.span();
                self.lost = self.expected.saturating_sub(self.unique);
                return;
            }
        }
        let is_jump = self.window.distance(number).is_some_and(|distance| {
            let is_ahead = distance < 1 << 15;
            !is_near(distance)
                && match is_ahead {
                    true => gap_ns < u64::from(distance) * NS_PER_PACKET,
                    false => (1..1 << 31).contains(&since),
                }
        });
        if is_jump {
            let Self { expected, lost, unique, reordered, duplicates, .. } = *self;
            let window = self.window.clone();
            let jump = Jump { number, at, window, expected, lost, unique, reordered, duplicates };
            self.jump = Some(Box::new(jump));
        }
    }

    /// RFC 3550 §A.8, in units of the clock.
    fn update_jitter(&mut self, at: At, timestamp: u32) {
        let Some(rate) = self.clock_rate.filter(|rate| *rate > 0) else { return };
        let arrival = i128::from(at.ns) * i128::from(rate) / 1_000_000_000;
        let transit = arrival - i128::from(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            // A timestamp that wrapped makes a step of 2^32, which is no jitter.
            let difference = (transit - before).rem_euclid(1 << 32);
            let difference = difference.min((1 << 32) - difference);
            self.jitter += (difference as f64 - self.jitter) / 16.0;
            let ns = (self.jitter * 1e9 / f64::from(rate)) as u64;
            self.jitter_ns = Some(ns);
            self.over_time.at(at.ns).jitter_ns = Some(ns);
            self.worst_jitter_ns = self.worst_jitter_ns.max(Some(ns));
        }
    }

    /// The usual clock rate that is nearest to how fast the timestamps run.
    fn infer_clock(&mut self, at: At, timestamp: u32) {
        let elapsed = at.since(self.first);
        if self.clock_rate.is_some() || self.packets < INFER_AFTER.0 || elapsed < INFER_AFTER.1 {
            return;
        }
        let ticks = f64::from(timestamp.wrapping_sub(self.first_timestamp));
        let rate = ticks * 1e9 / elapsed as f64;
        self.clock_rate =
            USUAL_CLOCKS.into_iter().find(|usual| (rate / f64::from(*usual) - 1.0).abs() < 0.15);
    }

    /// Takes in a payload in the clear.
    pub(super) fn payload(&mut self, at: At, payload: &[u8]) {
        if payload.is_empty() {
            return;
        }
        let inner = primary_of_red(payload);
        let is_red = self.format == Some(Format::Red);
        if self.codec.is_none() && starts_vp8_key_frame(payload) {
            self.know(Format::Vp8.name(), Some(Format::Vp8), Some(90_000), Knowledge::Inferred);
        } else if (self.codec.is_none() || is_red) && !self.in_red && inner.is_some_and(starts_vp8_key_frame)
        {
            self.in_red = true;
            let how = self.codec_known.unwrap_or(Knowledge::Inferred);
            self.know("red with VP8", Some(Format::Vp8), Some(90_000), how);
        }
        let payload = match (self.in_red, inner) {
            (false, _) => payload,
            (true, Some(inner)) => inner,
            (true, None) => return,
        };
        let Some(begins) = self.format.and_then(|format| format.begins_key_frame(payload)) else { return };
        self.payload_read = true;
        if begins {
            self.key_frames += 1;
            self.over_time.at(at.ns).key_frames += 1;
            self.first_key_frame.get_or_insert(at);
            self.feedback.key_frame(at);
        }
    }

    pub(super) fn know(&mut self, name: &str, format: Option<Format>, clock: Option<u32>, how: Knowledge) {
        self.codec = Some(name.to_owned());
        self.codec_known = Some(how);
        self.format = format;
        self.clock_rate = clock.or(self.clock_rate);
    }

    /// Whether it only repeats packets of another stream.
    pub fn is_repair(&self) -> bool {
        self.repairs.is_some()
            || self.codec.as_deref().is_some_and(|codec| {
                ["rtx", "ulpfec", "flexfec-03", "flexfec"]
                    .iter()
                    .any(|repair| codec.eq_ignore_ascii_case(repair))
            })
    }

    /// Mean bitrate in bits per second, RTP headers included; nothing for a stream of less than a tenth of a second.
    pub fn bitrate(&self) -> Option<u64> {
        let elapsed = self.last.since(self.first);
        (elapsed >= 100_000_000)
            .then(|| (u128::from(self.bytes) * 8_000_000_000 / u128::from(elapsed)) as u64)
    }

    /// The part of the expected packets that was not seen, in percent.
    pub fn loss_percent(&self) -> f64 {
        if self.expected == 0 { 0.0 } else { self.lost as f64 * 100.0 / self.expected as f64 }
    }

    /// The payload type of most packets.
    pub fn main_payload_type(&self) -> Option<u8> {
        self.payload_types.iter().max_by_key(|(_, count)| **count).map(|(payload_type, _)| *payload_type)
    }
}

fn change(before: u64, after: u64) -> i32 {
    let change = i128::from(after) - i128::from(before);
    i32::try_from(change).unwrap_or(if change < 0 { i32::MIN } else { i32::MAX })
}

/// Whether a VP8 key frame begins here, with its start code in its place (RFC 6386 §9.1), whatever the payload type says.
fn starts_vp8_key_frame(payload: &[u8]) -> bool {
    let Ok(view) = vp8::view(payload) else { return false };
    // The start code, width and height, four bytes, are the last of the header.
    let header = payload.len() - view.data.value.len();
    let code = payload.get(header.saturating_sub(7)..header.saturating_sub(4));
    let stated = view.frame.is_some_and(|frame| frame.is_key_frame() && frame.resolution.is_some());
    stated && code == Some([0x9d, 0x01, 0x2a].as_slice())
}

/// What a RED payload of one block holds (RFC 2198 §3): a last block's header is one byte without the F bit.
fn primary_of_red(payload: &[u8]) -> Option<&[u8]> {
    let (header, inner) = payload.split_first()?;
    (header & 0x80 == 0).then_some(inner)
}

/// Name and clock rate of a static payload type (RFC 3551 §6).
pub(super) const fn static_type(payload_type: u8) -> Option<(&'static str, u32)> {
    Some(match payload_type {
        0 => ("PCMU", 8_000),
        8 => ("PCMA", 8_000),
        9 => ("G722", 8_000),
        13 => ("CN", 8_000),
        _ => return None,
    })
}
