//! What receives media: takes RTP packets in, decodes, and reports what is to be seen and heard.

use super::codec::{Codec, CodecError, Kind};
use super::frame::Frame;
pub use super::playout::Arrived;
use super::playout::{Played, Playout};
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
/// How long a gap is waited for: retransmissions (RFC 4585) of a path with up to 100 ms round trip arrive in time.
const PATIENCE: Duration = Duration::from_millis(150);

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

/// The sink without its task: packets and the time go in, events come out.
pub struct Receiver {
    playout: Playout,
    asked: Option<Instant>,
    seen: Seen,
    reported: Option<Instant>,
    heard: Vec<f32>,
    samples: u64,
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver")
            .field("playout", &self.playout)
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
        Ok(Self {
            playout: Playout::new(codec, PATIENCE)?,
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
        for piece in self.playout.push(packet, now) {
            match piece.played {
                Played::Picture(frame) => {
                    self.see(&frame);
                    self.report(now, &mut events);
                }
                Played::Sound { samples, .. } => {
                    self.hear(&samples);
                    self.report(now, &mut events);
                }
                // At once: as if the last question were long ago.
                Played::KeyFrameWanted => self.asked = self.asked.and_then(|at| at.checked_sub(ASK_EVERY)),
                Played::Hidden
                | Played::Lost(_)
                | Played::Broken
                | Played::WithoutKey
                | Played::Refused(_) => {}
            }
        }
        if self.playout.wants_key_frame() && self.is_time_to_ask(now) {
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
        let kind = self.playout.kind();
        if kind == Kind::Audio {
            self.seen.tone_hz = tone::strongest(&self.heard);
        }
        if self.reported.is_some() || self.seen.is_something(kind) {
            self.reported = Some(now);
            events.push(SinkEvent::Seen(self.seen.clone()));
        }
    }
}

#[cfg(test)]
mod tests;
