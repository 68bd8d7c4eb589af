//! From the packets of a stream to pictures and sound: puts them in order, puts pictures together, decodes.

use super::codec::{self, AudioDecoder, Codec, CodecError, Kind, VideoDecoder};
use super::frame::Frame;
pub use super::jitter::Arrived;
use super::jitter::{JitterBuffer, Ordered};
use super::packet::{self, Begins, depacketize};
use std::time::{Duration, Instant};

/// An encoded picture that is larger is given up.
const MOST_FRAME: usize = 4 << 20;

/// What became of packets.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// The sequence number of the packet that shows it: the last of a picture, the first behind a gap.
    pub sequence: u16,
    /// What it is.
    pub played: Played,
}

/// What can become of packets.
#[derive(Debug, Clone, PartialEq)]
pub enum Played {
    /// A picture.
    Picture(Frame),
    /// A packet of sound.
    Sound {
        /// Mono, at the rate of the decoder: 48 kHz, unless it was given.
        samples: Vec<f32>,
        /// The RTP timestamp of the first of them.
        timestamp: u32,
    },
    /// A picture that is not to be shown.
    Hidden,
    /// How many packets are missing before the next one; zero if that is unknown, since a new sequence began.
    Lost(u64),
    /// A picture cannot be put together: its payload is malformed or too large, or a part has no beginning.
    Broken,
    /// A picture was not decoded since it needs one before it that was not.
    WithoutKey,
    /// The decoder refused.
    Refused(CodecError),
    /// From here on nothing can be shown without a key frame; comes after what caused it.
    KeyFrameWanted,
}

enum Decoder {
    Video(Box<dyn VideoDecoder>),
    Audio(Box<dyn AudioDecoder>),
}

/// Decodes one stream.
pub struct Playout {
    /// Nothing for sound whose decoder was given.
    codec: Option<Codec>,
    kind: Kind,
    decoder: Decoder,
    jitter: JitterBuffer,
    assembly: Assembly,
    /// Video: no picture before the next key frame can be shown.
    key_wanted: bool,
}

impl std::fmt::Debug for Playout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Playout").field("codec", &self.codec).finish_non_exhaustive()
    }
}

impl Playout {
    /// For a stream of this codec. A gap in the sequence numbers is waited for so long.
    ///
    /// # Errors
    /// The codec's library refuses.
    pub fn new(codec: Codec, patience: Duration) -> Result<Self, CodecError> {
        let decoder = match codec.kind() {
            Kind::Video => Decoder::Video(codec::video_decoder(codec)?),
            Kind::Audio => Decoder::Audio(codec::audio_decoder(codec)?),
        };
        Ok(Self::with(Some(codec), codec.kind(), decoder, patience))
    }

    /// For a stream of sound in another codec, whose payloads this decoder takes as they are.
    #[must_use]
    pub fn of_sound(decoder: Box<dyn AudioDecoder>, patience: Duration) -> Self {
        Self::with(None, Kind::Audio, Decoder::Audio(decoder), patience)
    }

    fn with(codec: Option<Codec>, kind: Kind, decoder: Decoder, patience: Duration) -> Self {
        let (jitter, assembly) = (JitterBuffer::new(patience), Assembly::default());
        Self { codec, kind, decoder, jitter, assembly, key_wanted: true }
    }

    /// What the stream carries.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether no picture can be shown before a key frame comes.
    #[must_use]
    pub fn wants_key_frame(&self) -> bool {
        self.kind == Kind::Video && self.key_wanted
    }

    /// Takes one packet that arrived `now`. What comes out is in the order of the sequence numbers.
    pub fn push(&mut self, packet: Arrived, now: Instant) -> Vec<Piece> {
        let ordered = self.jitter.push(packet, now);
        self.all(ordered)
    }

    /// Gives what still waits for packets that will not come.
    pub fn end(&mut self) -> Vec<Piece> {
        let ordered = self.jitter.end();
        self.all(ordered)
    }

    fn all(&mut self, ordered: Vec<Ordered>) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut lost = None;
        for ordered in ordered {
            let mut played = Vec::new();
            let packet = match ordered {
                // A packet is behind each gap.
                Ordered::Lost(count) => {
                    lost = Some(count);
                    continue;
                }
                Ordered::Packet(packet) => packet,
            };
            if let Some(count) = lost.take() {
                self.on_loss(Played::Lost(count), &mut played);
            }
            self.on_packet(&packet, &mut played);
            let sequence = packet.sequence;
            pieces.extend(played.into_iter().map(|played| Piece { sequence, played }));
        }
        pieces
    }

    fn on_loss(&mut self, loss: Played, played: &mut Vec<Played>) {
        played.push(loss);
        if self.kind == Kind::Video {
            self.assembly = Assembly::default();
            self.want_key_frame(played);
        }
    }

    fn want_key_frame(&mut self, played: &mut Vec<Played>) {
        if !std::mem::replace(&mut self.key_wanted, true) {
            played.push(Played::KeyFrameWanted);
        }
    }

    fn on_packet(&mut self, packet: &Arrived, played: &mut Vec<Played>) {
        if packet.payload.is_empty() {
            return;
        }
        let Some(codec) = self.codec else { return self.decode(&packet.payload, packet.timestamp, played) };
        let Some(fragment) = depacketize(codec, &packet.payload) else {
            self.on_loss(Played::Broken, played);
            return;
        };
        match self.kind {
            Kind::Audio => self.decode(&fragment.data, packet.timestamp, played),
            Kind::Video => match self.assembly.add(fragment.begins, &fragment.data, packet) {
                Assembled::Frame(data) => self.decode(&data, packet.timestamp, played),
                Assembled::Partly => {}
                Assembled::Broken => self.on_loss(Played::Broken, played),
            },
        }
    }

    /// Decodes one picture or packet.
    fn decode(&mut self, data: &[u8], timestamp: u32, played: &mut Vec<Played>) {
        match &mut self.decoder {
            // A picture whose predecessors are lost would only show their remains.
            Decoder::Video(_) if self.key_wanted && !self.codec.is_some_and(|codec| is_key(codec, data)) => {
                played.push(Played::WithoutKey);
            }
            Decoder::Video(decoder) => match decoder.decode(data) {
                Ok(shown) => {
                    self.key_wanted = false;
                    played.push(shown.map_or(Played::Hidden, Played::Picture));
                }
                Err(error) => {
                    played.push(Played::Refused(error));
                    self.want_key_frame(played);
                }
            },
            Decoder::Audio(decoder) => played.push(match decoder.decode(data) {
                Ok(samples) => Played::Sound { samples, timestamp },
                Err(error) => Played::Refused(error),
            }),
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
