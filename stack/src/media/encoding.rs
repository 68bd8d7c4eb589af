//! One source being encoded for one sender.

use super::codec::{self, AudioEncoder, Codec, CodecError, Kind, VideoEncoder};
use super::frame::Frame;
use super::packet::{MediaPacket, Packetizer};
use super::source::Source;
use super::tone::BLOCK;
use crate::simulation;
use crate::sync::lock;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::sleep_until;

/// Packets that may wait for the connection; a picture that finds no room is left out.
const QUEUE: usize = 256;
/// How late a picture may be before later ones take its place.
const VIDEO_PATIENCE: Duration = Duration::from_millis(100);
/// The same for sound, which is better late than broken.
const AUDIO_PATIENCE: Duration = Duration::from_millis(500);

/// The clock of the RTP timestamps of one synchronization source (RFC 3550 §5.1), and the count of its pictures. It begins with the first packet and goes on while
/// nothing is sent: encodings that follow each other share it. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct RtpClock(Arc<Mutex<Ticks>>);

#[derive(Debug)]
struct Ticks {
    /// RTP timestamp of the first packet.
    first: u32,
    /// When that was captured.
    started: Option<Instant>,
    /// The earliest time of the next block of sound or of the next picture, since then: another source may begin before the last one's block is
    /// over, and a picture may be encoded twice. Two pictures of one timestamp would be one frame (RFC 3550 §5.1).
    due: u64,
    /// Pictures that were sent.
    pictures: u16,
}

impl RtpClock {
    /// A clock whose first timestamp is this one. RFC 3550 §5.1 wants it random.
    #[must_use]
    pub fn from_first(timestamp: u32) -> Self {
        Self(Arc::new(Mutex::new(Ticks { first: timestamp, started: None, due: 0, pictures: 0 })))
    }

    /// The number of the next picture, from zero: encodings that follow each other number on (RFC 7741 §4.2).
    fn next_picture(&self) -> u16 {
        let mut clock = lock(&self.0);
        let number = clock.pictures;
        clock.pictures = number.wrapping_add(1);
        number
    }

    /// What has passed since the first packet when something is captured now, and its RTP timestamp.
    fn at(&self, now: Instant, codec: Codec) -> (u64, u32) {
        let mut clock = lock(&self.0);
        let elapsed = now.saturating_duration_since(*clock.started.get_or_insert(now));
        let mut ticks = (elapsed.as_secs_f64() * f64::from(codec.clock_rate())).round() as u64;
        if codec.kind() == Kind::Audio {
            // Blocks follow each other, whatever source they are of (RFC 7587 §4.1).
            ticks = ticks.next_multiple_of(BLOCK as u64).max(clock.due);
            clock.due = ticks + BLOCK as u64;
        } else {
            ticks = ticks.max(clock.due);
            clock.due = ticks + 1;
        }
        (ticks, clock.first.wrapping_add(ticks as u32))
    }
}

/// How to encode.
#[derive(Debug, Clone)]
pub struct EncodingOptions {
    /// Bits a second at the start.
    pub bitrate: u32,
    /// Clock of the RTP timestamps.
    pub clock: RtpClock,
    /// By how much width and height of pictures are divided (`scaleResolutionDownBy`); at least 1.
    pub scale_down_by: f64,
}

impl EncodingOptions {
    /// The default for this codec, with a clock of its own that begins at random.
    #[must_use]
    pub fn for_codec(codec: Codec) -> Self {
        let bitrate = match codec.kind() {
            Kind::Audio => 32_000,
            Kind::Video => 300_000,
        };
        Self { bitrate, clock: RtpClock::from_first(rand::random()), scale_down_by: 1.0 }
    }
}

enum Order {
    KeyFrame,
    Bitrate(u32),
    Replace(Option<Source>),
    Stop,
}

/// Handle of a running encoder. It ends when this and its clones or the receiver of its packets are dropped.
#[derive(Debug, Clone)]
pub struct Encoding {
    orders: mpsc::UnboundedSender<Order>,
    failure: Arc<OnceLock<String>>,
}

impl Encoding {
    /// Starts to encode. The packets come in real time; the receiver yields nothing while there is no source.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The source is of another kind than the codec.
    pub fn start(
        codec: Codec,
        options: EncodingOptions,
        source: Option<Source>,
    ) -> Result<(Self, mpsc::Receiver<MediaPacket>), CodecError> {
        check(codec, source.as_ref())?;
        let (orders, inbox) = mpsc::unbounded_channel();
        let (packets, outbox) = mpsc::channel(QUEUE);
        let task = Task {
            codec,
            bitrate: options.bitrate,
            scale_down_by: options.scale_down_by,
            clock: options.clock,
            source,
            last: None,
            coder: None,
            key_wanted: false,
            packetizer: Packetizer::new(codec),
            packets,
            failure: Arc::default(),
        };
        let failure = task.failure.clone();
        tokio::spawn(task.run(inbox));
        Ok((Self { orders, failure }, outbox))
    }

    /// Makes the next picture a key frame (PLI, FIR). No effect on sound.
    pub fn request_key_frame(&self) {
        self.order(Order::KeyFrame);
    }

    /// Sets the target in bits a second.
    pub fn set_bitrate(&self, bits_per_second: u32) {
        self.order(Order::Bitrate(bits_per_second));
    }

    /// Encodes another source from now on, or none (`replaceTrack`). Timestamps and picture ids go on.
    pub fn replace(&self, source: Option<Source>) {
        self.order(Order::Replace(source));
    }

    /// Ends the encoder, whoever else has a handle of it.
    pub fn stop(&self) {
        self.order(Order::Stop);
    }

    /// Why there are no packets any more, if the encoder failed.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    fn order(&self, order: Order) {
        // Fails only when the task has ended because nobody takes its packets any more: then there is nothing to be done.
        let _ended = self.orders.send(order);
    }
}

fn check(codec: Codec, source: Option<&Source>) -> Result<(), CodecError> {
    match source {
        Some(source) if source.kind() != codec.kind() => {
            Err(CodecError::WrongKind { codec, wanted: source.kind() })
        }
        _ => Ok(()),
    }
}

/// An open encoder and what it is open for.
enum Coder {
    Video { encoder: Box<dyn VideoEncoder>, size: (u32, u32) },
    Audio(Box<dyn AudioEncoder>),
}

struct Task {
    codec: Codec,
    bitrate: u32,
    scale_down_by: f64,
    clock: RtpClock,
    source: Option<Source>,
    last: Option<u64>,
    coder: Option<Coder>,
    key_wanted: bool,
    packetizer: Packetizer,
    packets: mpsc::Sender<MediaPacket>,
    failure: Arc<OnceLock<String>>,
}

impl Task {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Order>) {
        let patience = match self.codec.kind() {
            Kind::Audio => AUDIO_PATIENCE,
            Kind::Video => VIDEO_PATIENCE,
        };
        loop {
            let due = self.source.as_ref().map(|source| source.next(self.last, patience));
            let order = tokio::select! {
                biased;
                order = inbox.recv() => order,
                () = self.packets.closed() => None,
                () = wait(due.map(|(_, at)| at)) => {
                    if let (Some((number, at)), Some(source)) = (due, self.source.clone()) {
                        self.last = Some(number);
                        if !self.capture(source, number, at).await {
                            return;
                        }
                    }
                    continue;
                }
            };
            match order {
                None | Some(Order::Stop) => return,
                Some(Order::KeyFrame) => self.key_wanted = true,
                Some(Order::Bitrate(bits_per_second)) => self.set_bitrate(bits_per_second),
                Some(Order::Replace(source)) if check(self.codec, source.as_ref()).is_ok() => {
                    self.source = source;
                    self.last = None;
                    self.key_wanted = true;
                }
                Some(Order::Replace(_)) => {}
            }
        }
    }

    fn set_bitrate(&mut self, bits_per_second: u32) {
        self.bitrate = bits_per_second;
        let set = match &mut self.coder {
            Some(Coder::Video { encoder, .. }) => encoder.set_bitrate(bits_per_second),
            Some(Coder::Audio(encoder)) => encoder.set_bitrate(bits_per_second),
            None => Ok(()),
        };
        if set.is_err() {
            // The next capture opens a new encoder with this bitrate.
            self.coder = None;
        }
    }

    /// Captures, encodes and sends one picture or block. `false` when it cannot go on.
    async fn capture(&mut self, source: Source, number: u64, at: Instant) -> bool {
        let (ticks, timestamp) = self.clock.at(at, self.codec);
        let (codec, bitrate, key) = (self.codec, self.bitrate, self.key_wanted);
        let coder = self.coder.take();
        let scale_down_by = self.scale_down_by;
        let work = move || {
            let frame = match codec.kind() {
                Kind::Video => Some(source.picture(number, scale_down_by)?),
                Kind::Audio => None,
            };
            encode(codec, bitrate, coder, &source, frame, (number, ticks), key)
        };
        let encoded = simulation::off_thread(work).await;
        let encoded = encoded.map_or_else(
            || Err("the encoder failed".to_owned()),
            |encoded| encoded.map_err(|error| error.to_string()),
        );
        let (coder, data) = match encoded {
            Ok(encoded) => encoded,
            Err(error) => {
                // Only the first one is set, and there is only this one.
                let _ = self.failure.set(error);
                return false;
            }
        };
        self.coder = Some(coder);
        let Some((data, is_key)) = data else { return true };
        self.packetizer.continue_at(self.clock.next_picture());
        let packets = self.packetizer.packetize(&data, timestamp);
        match self.packets.try_reserve_many(packets.len()) {
            Ok(room) => {
                if is_key {
                    self.key_wanted = false;
                }
                room.zip(packets).for_each(|(place, packet)| place.send(packet));
                true
            }
            // The receiver of the stream misses a picture, so the next has to be decodable without it.
            Err(mpsc::error::TrySendError::Full(())) => {
                self.key_wanted = true;
                true
            }
            Err(mpsc::error::TrySendError::Closed(())) => false,
        }
    }
}

type Encoded = (Coder, Option<(Vec<u8>, bool)>);

fn encode(
    codec: Codec,
    bitrate: u32,
    coder: Option<Coder>,
    source: &Source,
    frame: Option<Frame>,
    (number, ticks): (u64, u64),
    key: bool,
) -> Result<Encoded, CodecError> {
    let Some(frame) = frame else {
        let mut encoder = match coder {
            Some(Coder::Audio(encoder)) => encoder,
            _ => codec::audio_encoder(codec, bitrate)?,
        };
        let data = encoder.encode(&source.block(number))?;
        return Ok((Coder::Audio(encoder), Some((data, false))));
    };
    let wanted = (frame.width(), frame.height());
    let mut encoder = match coder {
        Some(Coder::Video { encoder, size }) if size == wanted => encoder,
        _ => {
            let frame_rate = source.settings().frame_rate.unwrap_or(15.0);
            codec::video_encoder(codec, wanted.0, wanted.1, frame_rate, bitrate)?
        }
    };
    let encoded = encoder.encode(&frame, ticks, key)?;
    Ok((Coder::Video { encoder, size: wanted }, encoded.map(|e| (e.data, e.key))))
}

/// Until then; forever without.
async fn wait(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(codec: Codec) -> EncodingOptions {
        EncodingOptions { clock: RtpClock::from_first(u32::MAX - 100), ..EncodingOptions::for_codec(codec) }
    }

    #[tokio::test]
    async fn sound_comes_in_steps_of_twenty_milliseconds_and_wraps() {
        let (_encoding, mut packets) =
            Encoding::start(Codec::Opus, options(Codec::Opus), Some(Source::tone(440))).unwrap();
        let mut timestamps = Vec::new();
        while timestamps.len() < 4 {
            timestamps.push(packets.recv().await.unwrap().timestamp);
        }
        let steps: Vec<u32> = timestamps.windows(2).map(|w| w[1].wrapping_sub(w[0])).collect();
        assert_eq!(timestamps[0], u32::MAX - 100);
        assert!(steps.iter().all(|step| *step > 0 && step % 960 == 0), "{steps:?}");
    }

    #[tokio::test]
    async fn a_key_frame_comes_on_request() {
        let source = Source::numbered(64, 64, 60.0).unwrap();
        let (encoding, mut packets) = Encoding::start(Codec::Vp8, options(Codec::Vp8), Some(source)).unwrap();
        let is_key = |packet: &MediaPacket| packet.payload[0] & 0x10 != 0 && packet.payload[4] & 1 == 0;
        assert!(is_key(&packets.recv().await.unwrap()));
        loop {
            // Wait for a delta frame, so that what follows is no leftover of the start.
            if !is_key(&packets.recv().await.unwrap()) {
                break;
            }
        }
        encoding.request_key_frame();
        loop {
            if is_key(&packets.recv().await.unwrap()) {
                break;
            }
        }
    }

    #[tokio::test]
    async fn timestamps_go_on_over_a_pause_and_another_source() {
        let source = Source::tone(440);
        let clock = RtpClock::from_first(0);
        let (encoding, mut packets) =
            Encoding::start(Codec::Opus, EncodingOptions { clock, ..options(Codec::Opus) }, None).unwrap();
        encoding.replace(Some(source));
        let before = packets.recv().await.unwrap();
        encoding.replace(None);
        encoding.replace(Some(Source::tone(880)));
        let after = packets.recv().await.unwrap();
        let step = after.timestamp - before.timestamp;
        assert!(
            step >= BLOCK as u32 && step.is_multiple_of(BLOCK as u32),
            "{} {}",
            before.timestamp,
            after.timestamp
        );
        assert!(before.marker && !after.marker);
    }

    #[tokio::test]
    async fn it_ends_with_its_handle() {
        let (encoding, mut packets) =
            Encoding::start(Codec::Opus, options(Codec::Opus), Some(Source::tone(440))).unwrap();
        drop(encoding);
        while packets.recv().await.is_some() {}
    }

    #[tokio::test]
    async fn it_ends_when_it_is_stopped_whoever_has_a_handle() {
        let (encoding, mut packets) =
            Encoding::start(Codec::Opus, options(Codec::Opus), Some(Source::tone(440))).unwrap();
        let other = encoding.clone();
        encoding.stop();
        while packets.recv().await.is_some() {}
        assert_eq!(other.failure(), None);
    }

    #[tokio::test]
    async fn a_camera_cannot_be_encoded_as_sound() {
        let camera = Source::numbered(64, 64, 15.0).unwrap();
        assert!(Encoding::start(Codec::Opus, options(Codec::Opus), Some(camera)).is_err());
    }

    #[test]
    fn encodings_that_share_a_clock_go_on_by_it() {
        let clock = RtpClock::from_first(u32::MAX - 100);
        let start = Instant::now();
        let at = |ms| clock.at(start + Duration::from_millis(ms), Codec::Opus).1;
        assert_eq!(at(0), u32::MAX - 100);
        // The next encoding begins seven seconds later, by a source of its own.
        assert_eq!(at(7_001).wrapping_sub(u32::MAX - 100), 7 * 48_000 + 960);
        assert_eq!(at(7_005).wrapping_sub(u32::MAX - 100), 7 * 48_000 + 1_920, "blocks do not overlap");
    }

    #[tokio::test]
    async fn encodings_that_follow_each_other_number_their_pictures_on() {
        let clock = RtpClock::from_first(0);
        let mut ids = Vec::new();
        for _ in 0..2 {
            let camera = Source::numbered(64, 64, 30.0).unwrap();
            let options = EncodingOptions { clock: clock.clone(), ..options(Codec::Vp8) };
            let (_encoding, mut packets) = Encoding::start(Codec::Vp8, options, Some(camera)).unwrap();
            let packet = packets.recv().await.unwrap();
            // The descriptor has X and I set, and a PictureID of 15 bits behind them.
            ids.push(u16::from_be_bytes([packet.payload[2] & 0x7F, packet.payload[3]]));
        }
        assert_eq!(ids[0], 0);
        assert!(ids[1] > ids[0], "{ids:?}");
    }

    #[test]
    fn pictures_have_timestamps_of_their_own_even_if_one_is_encoded_twice() {
        let clock = RtpClock::from_first(7);
        let start = Instant::now();
        let at = |ms| clock.at(start + Duration::from_millis(ms), Codec::Vp8).1;
        assert_eq!([at(0), at(100), at(100), at(90), at(200)], [7, 9_007, 9_008, 9_009, 18_007]);
    }
}
