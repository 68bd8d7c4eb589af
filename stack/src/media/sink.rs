//! What receives media: takes RTP packets in, decodes, and reports what is to be seen and heard.

use super::codec::{self, AudioDecoder, Codec, CodecError, Kind, VideoDecoder};
use super::frame::Frame;
pub use super::jitter::Arrived;
use super::jitter::{JitterBuffer, Ordered};
use super::packet::{self, Begins, depacketize};
use super::{picture, tone};
use crate::simulation;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How often what is seen is reported.
const REPORT_EVERY: Duration = Duration::from_millis(250);
/// How often a key frame is asked for while none comes.
const ASK_EVERY: Duration = Duration::from_millis(300);
/// Packets that wait for the decoder; more are dropped as the network would.
const QUEUE: usize = 1024;
/// An encoded picture that is larger is given up.
const MOST_FRAME: usize = 4 << 20;

/// What was seen or heard since the sink began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Pictures decoded; blocks of 20 ms of sound.
    pub frames: u64,
    /// Of the newest picture.
    pub width: Option<u32>,
    /// Of the newest picture.
    pub height: Option<u32>,
    /// The newest picture's number, if it was recognised.
    pub number: Option<u16>,
    /// The strongest tone in the newest 100 ms.
    pub tone_hz: Option<u32>,
}

impl Seen {
    /// Whether there is something to report: a picture, or a tone. Silence alone is nothing.
    fn is_something(&self, kind: Kind) -> bool {
        match kind {
            Kind::Video => self.frames > 0,
            Kind::Audio => self.tone_hz.is_some(),
        }
    }
}

/// What a sink reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkEvent {
    /// First at the first decoded picture or the first tone, then every 250 ms of arriving packets.
    Seen(Seen),
    /// The decoder cannot go on without a key frame: the sender should get a PLI (RFC 4585 §6.3.1).
    KeyFrameWanted,
}

/// Handle of a running sink. It ends when this or the receiver of its events is dropped.
#[derive(Debug, Clone)]
pub struct Sink(mpsc::Sender<Arrived>);

impl Sink {
    /// Starts a sink for a stream of this codec. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The codec's library refuses.
    pub fn start(codec: Codec) -> Result<(Self, mpsc::UnboundedReceiver<SinkEvent>), CodecError> {
        let (packets, inbox) = mpsc::channel(QUEUE);
        let (events, outbox) = mpsc::unbounded_channel();
        tokio::spawn(run(Receiver::new(codec)?, inbox, events));
        Ok((Self(packets), outbox))
    }

    /// Takes one packet, in whatever order it came. `false` if it was dropped: the decoder does not keep up, or has ended.
    pub fn push(&self, packet: Arrived) -> bool {
        self.0.try_send(packet).is_ok()
    }
}

async fn run(
    mut receiver: Receiver,
    mut inbox: mpsc::Receiver<Arrived>,
    events: mpsc::UnboundedSender<SinkEvent>,
) {
    let mut batch = Vec::new();
    loop {
        let count = tokio::select! {
            biased;
            count = inbox.recv_many(&mut batch, QUEUE) => count,
            () = events.closed() => return,
        };
        if count == 0 {
            return;
        }
        let packets = std::mem::take(&mut batch);
        let decode = move || {
            let mut seen = Vec::new();
            for packet in packets {
                seen.extend(receiver.push(packet, Instant::now()));
            }
            (receiver, seen)
        };
        let Some((back, seen)) = simulation::off_thread(decode).await else { return };
        receiver = back;
        for event in seen {
            if events.send(event).is_err() {
                return;
            }
        }
    }
}

enum Decoder {
    Video(Box<dyn VideoDecoder>),
    Audio(Box<dyn AudioDecoder>),
}

/// The sink without its task: packets and the time go in, events come out.
pub struct Receiver {
    codec: Codec,
    decoder: Decoder,
    jitter: JitterBuffer,
    assembly: Assembly,
    /// Video: no picture before the next key frame can be shown.
    key_wanted: bool,
    asked: Option<Instant>,
    seen: Seen,
    reported: Option<Instant>,
    heard: Vec<f32>,
    samples: u64,
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver")
            .field("codec", &self.codec)
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

impl Receiver {
    /// For a stream of this codec.
    ///
    /// # Errors
    /// The codec's library refuses.
    pub fn new(codec: Codec) -> Result<Self, CodecError> {
        let decoder = match codec.kind() {
            Kind::Video => Decoder::Video(codec::video_decoder(codec)?),
            Kind::Audio => Decoder::Audio(codec::audio_decoder(codec)?),
        };
        Ok(Self {
            codec,
            decoder,
            jitter: JitterBuffer::default(),
            assembly: Assembly::default(),
            key_wanted: true,
            asked: None,
            seen: Seen::default(),
            reported: None,
            heard: Vec::new(),
            samples: 0,
        })
    }

    /// What was seen so far.
    #[must_use]
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Takes one packet that arrived `now`.
    pub fn push(&mut self, packet: Arrived, now: Instant) -> Vec<SinkEvent> {
        let mut events = Vec::new();
        for ordered in self.jitter.push(packet, now) {
            match ordered {
                Ordered::Lost => self.on_loss(),
                Ordered::Packet(packet) => self.on_packet(&packet, now, &mut events),
            }
        }
        if self.codec.kind() == Kind::Video && self.key_wanted && self.is_time_to_ask(now) {
            self.asked = Some(now);
            events.push(SinkEvent::KeyFrameWanted);
        }
        events
    }

    /// The first key frame comes by itself; until then the sender is asked only after a while.
    fn is_time_to_ask(&mut self, now: Instant) -> bool {
        let since = *self.asked.get_or_insert(now);
        now.saturating_duration_since(since) >= ASK_EVERY
    }

    fn on_loss(&mut self) {
        if self.codec.kind() == Kind::Video {
            self.assembly = Assembly::default();
            self.want_key_frame();
        }
    }

    fn want_key_frame(&mut self) {
        if !self.key_wanted {
            self.key_wanted = true;
            // At once: as if the last question were long ago.
            self.asked = self.asked.and_then(|at| at.checked_sub(ASK_EVERY));
        }
    }

    fn on_packet(&mut self, packet: &Arrived, now: Instant, events: &mut Vec<SinkEvent>) {
        if packet.payload.is_empty() {
            return;
        }
        let Some(fragment) = depacketize(self.codec, &packet.payload) else {
            self.on_loss();
            return;
        };
        let data = match self.codec.kind() {
            Kind::Audio => Some(fragment.data.to_vec()),
            Kind::Video => match self.assembly.add(fragment.begins, &fragment.data, packet) {
                Assembled::Frame(data) => Some(data),
                Assembled::Partly => None,
                Assembled::Broken => {
                    self.on_loss();
                    None
                }
            },
        };
        if data.is_some_and(|data| self.decode(&data)) {
            self.report(now, events);
        }
    }

    /// Decodes one frame or packet. `true` if there is something new to see or hear.
    fn decode(&mut self, data: &[u8]) -> bool {
        match &mut self.decoder {
            Decoder::Video(decoder) => {
                // A frame whose predecessors are lost would only show their remains.
                if self.key_wanted && !is_key(self.codec, data) {
                    return false;
                }
                match decoder.decode(data) {
                    Ok(Some(frame)) => {
                        self.key_wanted = false;
                        self.see(&frame);
                        true
                    }
                    Ok(None) => {
                        self.key_wanted = false;
                        false
                    }
                    Err(_) => {
                        self.want_key_frame();
                        false
                    }
                }
            }
            Decoder::Audio(decoder) => match decoder.decode(data) {
                Ok(samples) => {
                    self.hear(&samples);
                    true
                }
                Err(_) => false,
            },
        }
    }

    fn see(&mut self, frame: &Frame) {
        self.seen.frames += 1;
        self.seen.width = Some(frame.width());
        self.seen.height = Some(frame.height());
        self.seen.number = picture::read(frame);
    }

    fn hear(&mut self, samples: &[f32]) {
        self.samples += samples.len() as u64;
        self.seen.frames = self.samples / tone::BLOCK as u64;
        self.heard.extend_from_slice(samples);
        let surplus = self.heard.len().saturating_sub(tone::READ_BLOCK);
        self.heard.drain(..surplus);
    }

    fn report(&mut self, now: Instant, events: &mut Vec<SinkEvent>) {
        let due = self.reported.is_none_or(|at| now.saturating_duration_since(at) >= REPORT_EVERY);
        if !due {
            return;
        }
        if self.codec.kind() == Kind::Audio {
            self.seen.tone_hz = tone::strongest(&self.heard);
        }
        if self.reported.is_some() || self.seen.is_something(self.codec.kind()) {
            self.reported = Some(now);
            events.push(SinkEvent::Seen(self.seen.clone()));
        }
    }
}

/// Whether an encoded picture can be decoded without others. VP8: RFC 6386 §9.1, the lowest bit of the frame tag is
/// 0. H.264: it has a slice of an IDR picture.
fn is_key(codec: Codec, data: &[u8]) -> bool {
    match codec {
        Codec::Vp8 => data.first().is_some_and(|tag| tag & 1 == 0),
        Codec::H264 => packet::is_h264_key(data),
        Codec::Opus => true,
    }
}

/// A picture being put together from its fragments.
#[derive(Debug, Default)]
struct Assembly {
    /// Timestamp and bitstream so far.
    current: Option<(u32, Vec<u8>)>,
}

enum Assembled {
    Frame(Vec<u8>),
    Partly,
    Broken,
}

impl Assembly {
    /// Adds the next fragment in order.
    fn add(&mut self, begins: Begins, data: &[u8], packet: &Arrived) -> Assembled {
        let (timestamp, whole, intact) = match self.current.take() {
            Some((timestamp, mut whole)) if timestamp == packet.timestamp && begins != Begins::Yes => {
                whole.extend_from_slice(data);
                (timestamp, whole, true)
            }
            // A new frame although the last one had no end: its marker was missing, but in order nothing can be missing.
            before if begins != Begins::No => (packet.timestamp, data.to_vec(), before.is_none()),
            _ => return Assembled::Broken,
        };
        if whole.len() > MOST_FRAME || !intact {
            if begins != Begins::No && !packet.marker {
                self.current = Some((timestamp, whole));
            }
            return Assembled::Broken;
        }
        if packet.marker {
            return Assembled::Frame(whole);
        }
        self.current = Some((timestamp, whole));
        Assembled::Partly
    }
}

#[cfg(test)]
mod tests;
