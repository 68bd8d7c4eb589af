//! Media: numbered pictures and known tones, really encoded, and read back (`docs/media.md`).
//!
//! Nothing in here knows a peer connection. The connection moves packets between these types and its RTP tracks:
//!
//! ```text
//! Source (camera, microphone, file)          devices::get_user_media(constraints) or Source::numbered / Source::tone
//!    │ cloned into every sender that sends it
//! Encoding::start(codec, options, source) ─▶ Receiver<Packet{payload, marker, timestamp}>
//!    │   .request_key_frame()   on PLI or FIR        the connection adds payload type, SSRC and sequence number
//!    │   .set_bitrate(bps)      on REMB or feedback
//!    │   .replace(source)       replaceTrack; None pauses
//!    └─ dropped: it ends, and the receiver with it
//!
//! RTP packets ─▶ Sink::start(codec) ─▶ Receiver<SinkEvent>
//!    │   .push(Arrived{sequence, timestamp, marker, payload})      in any order; loss and duplicates are tolerated
//!    │                           SinkEvent::KeyFrameWanted         the connection sends a PLI (RFC 4585 §6.3.1)
//!    │                           SinkEvent::Seen(Seen{frames, width, height, number, tone_hz})
//!    │                                                             at the first picture or tone, then every 250 ms
//!    └─ dropped: it ends, and the receiver with it
//! ```
//!
//! Both are handles to a task of their own; no method blocks. They need a tokio runtime (any flavour).

pub mod codec;
pub mod devices;
pub mod encoding;
pub mod frame;
mod jitter;
mod libopenh264;
mod libopus;
mod libvpx;
pub mod packet;
pub mod picture;
pub mod playout;
pub mod sink;
pub mod source;
pub mod tone;

pub use codec::{Codec, CodecError, Kind};
pub use devices::{Devices, MediaError};
pub use encoding::{Encoding, EncodingOptions, RtpClock};
pub use frame::Frame;
pub use packet::MediaPacket;
pub use playout::{Piece, Played, Playout};
pub use sink::{Arrived, Seen, Sink, SinkEvent};
pub use source::{Settings, Source};

#[cfg(test)]
mod tests;
