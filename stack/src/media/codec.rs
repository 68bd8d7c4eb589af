//! The seam for codecs: what a source needs to encode and a sink to decode, whatever the codec.

use super::frame::Frame;
use super::{libopenh264, libopus, libvpx};

/// Audio or video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// A codec that this build encodes and decodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Codec {
    /// RFC 6386, packetised by RFC 7741.
    Vp8,
    /// H.264, constrained baseline, packetised by RFC 6184 in mode 1.
    H264,
    /// RFC 6716, packetised by RFC 7587.
    Opus,
}

impl Codec {
    /// All of them, in order of preference.
    pub const ALL: &'static [Self] = &[Self::Vp8, Self::H264, Self::Opus];

    /// The codec of a media type such as `video/VP8` (RFC 6838; compared without case). `None` if it is unsupported.
    #[must_use]
    pub fn from_mime(mime: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|codec| codec.mime().eq_ignore_ascii_case(mime))
    }

    /// Its media type.
    #[must_use]
    pub fn mime(self) -> &'static str {
        match self {
            Self::Vp8 => "video/VP8",
            Self::H264 => "video/H264",
            Self::Opus => "audio/opus",
        }
    }

    /// What it carries.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Vp8 | Self::H264 => Kind::Video,
            Self::Opus => Kind::Audio,
        }
    }

    /// Ticks a second of its RTP timestamps.
    #[must_use]
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Vp8 | Self::H264 => 90_000,
            Self::Opus => 48_000,
        }
    }
}

/// Why something could not be encoded or decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A picture's dimensions are odd, zero or too large, or its data do not fit them.
    #[error("unusable picture of {width}x{height} pixels")]
    Dimensions {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// The codec's library refused.
    #[error("{library} failed to {operation}: {cause}")]
    Library {
        /// `libvpx`, `OpenH264` or `libopus`.
        library: &'static str,
        /// What was attempted.
        operation: &'static str,
        /// What the library says.
        cause: String,
    },
    /// The codec carries the other kind of media.
    #[error("{} is no {wanted:?} codec", codec.mime())]
    WrongKind {
        /// The codec.
        codec: Codec,
        /// What was wanted.
        wanted: Kind,
    },
}

/// One encoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedFrame {
    /// The bitstream.
    pub data: Vec<u8>,
    /// Decodable without any other.
    pub key: bool,
}

/// Encodes pictures of one size.
pub trait VideoEncoder: Send {
    /// Encodes one picture. Nothing comes out if the rate control drops it.
    ///
    /// `timestamp` counts 90 kHz ticks, and grows from call to call; `key` demands a key frame.
    ///
    /// # Errors
    /// The picture has another size than the encoder, or the library refuses.
    fn encode(
        &mut self,
        frame: &Frame,
        timestamp: u64,
        key: bool,
    ) -> Result<Option<EncodedFrame>, CodecError>;

    /// Sets the target in bits a second, from the next picture on.
    ///
    /// # Errors
    /// The library refuses.
    fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), CodecError>;
}

/// Decodes pictures.
pub trait VideoDecoder: Send {
    /// Decodes one encoded picture. Nothing comes out of a picture that is not to be shown.
    ///
    /// # Errors
    /// The data are no valid picture, or one that is too large.
    fn decode(&mut self, data: &[u8]) -> Result<Option<Frame>, CodecError>;
}

/// Encodes mono sound of 48 kHz in blocks of 20 ms.
pub trait AudioEncoder: Send {
    /// Encodes one block of 960 samples.
    ///
    /// # Errors
    /// The block has another length, or the library refuses.
    fn encode(&mut self, samples: &[f32]) -> Result<Vec<u8>, CodecError>;

    /// Sets the target in bits a second, from the next block on.
    ///
    /// # Errors
    /// The library refuses.
    fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), CodecError>;
}

/// Decodes sound to mono of 48 kHz.
pub trait AudioDecoder: Send {
    /// Decodes one packet; at most 120 ms come out.
    ///
    /// # Errors
    /// The data are no valid packet.
    fn decode(&mut self, data: &[u8]) -> Result<Vec<f32>, CodecError>;
}

/// Opens an encoder for pictures of this size.
///
/// # Errors
/// It is no video codec, the dimensions are unusable, or the library refuses.
pub fn video_encoder(
    codec: Codec,
    width: u32,
    height: u32,
    frame_rate: f64,
    bits_per_second: u32,
) -> Result<Box<dyn VideoEncoder>, CodecError> {
    match codec {
        Codec::Vp8 => Ok(Box::new(libvpx::Encoder::new(width, height, frame_rate, bits_per_second)?)),
        Codec::H264 => Ok(Box::new(libopenh264::Encoder::new(width, height, frame_rate, bits_per_second)?)),
        Codec::Opus => Err(CodecError::WrongKind { codec, wanted: Kind::Video }),
    }
}

/// Opens a decoder for pictures.
///
/// # Errors
/// It is no video codec, or the library refuses.
pub fn video_decoder(codec: Codec) -> Result<Box<dyn VideoDecoder>, CodecError> {
    match codec {
        Codec::Vp8 => Ok(Box::new(libvpx::Decoder::new()?)),
        Codec::H264 => Ok(Box::new(libopenh264::Decoder::new()?)),
        Codec::Opus => Err(CodecError::WrongKind { codec, wanted: Kind::Video }),
    }
}

/// Opens an encoder for sound.
///
/// # Errors
/// It is no audio codec, or the library refuses.
pub fn audio_encoder(codec: Codec, bits_per_second: u32) -> Result<Box<dyn AudioEncoder>, CodecError> {
    match codec {
        Codec::Opus => Ok(Box::new(libopus::Encoder::new(bits_per_second)?)),
        Codec::Vp8 | Codec::H264 => Err(CodecError::WrongKind { codec, wanted: Kind::Audio }),
    }
}

/// Opens a decoder for sound.
///
/// # Errors
/// It is no audio codec, or the library refuses.
pub fn audio_decoder(codec: Codec) -> Result<Box<dyn AudioDecoder>, CodecError> {
    match codec {
        Codec::Opus => Ok(Box::new(libopus::Decoder::new()?)),
        Codec::Vp8 | Codec::H264 => Err(CodecError::WrongKind { codec, wanted: Kind::Audio }),
    }
}
