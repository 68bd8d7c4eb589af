//! Payload formats: how encoded media is cut into RTP payloads, and put together again.

mod h264;
mod vp8;

use super::codec::Codec;
use bytes::Bytes;

/// What a payload may have at most, so that SRTP over UDP over IPv6 through TURN fits 1280 bytes.
pub const MOST_PAYLOAD: usize = 1150;

/// A packet to be sent. Payload type, SSRC and sequence number are the connection's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaPacket {
    /// The RTP payload.
    pub payload: Bytes,
    /// The marker bit: the last packet of a picture, the first of a talk spurt.
    pub marker: bool,
    /// The RTP timestamp.
    pub timestamp: u32,
}

/// Cuts encoded frames into payloads.
#[derive(Debug)]
pub struct Packetizer {
    codec: Codec,
    picture_id: u16,
    started: bool,
}

impl Packetizer {
    /// For one stream of this codec.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self { codec, picture_id: 0, started: false }
    }

    /// Gives the next frame this PictureID (RFC 7741 §4.2), where another packetizer had the stream before; 15 bits of it.
    pub(super) fn continue_at(&mut self, picture_id: u16) {
        self.picture_id = picture_id & 0x7FFF;
    }

    /// Cuts one encoded frame (Opus: one packet of the encoder).
    pub fn packetize(&mut self, data: &[u8], timestamp: u32) -> Vec<MediaPacket> {
        let first = !std::mem::replace(&mut self.started, true);
        match self.codec {
            Codec::Opus => {
                vec![MediaPacket { payload: Bytes::copy_from_slice(data), marker: first, timestamp }]
            }
            Codec::Vp8 => {
                let id = self.picture_id;
                self.picture_id = (id + 1) & 0x7FFF;
                vp8::packetize(data, id, timestamp)
            }
            Codec::H264 => h264::packetize(data, timestamp),
        }
    }
}

/// Whether a fragment is the first of its frame, as far as its payload shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begins {
    /// It is.
    Yes,
    /// It goes on with what came before.
    No,
    /// It is if none of the same timestamp came before.
    Perhaps,
}

/// A fragment of an encoded frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fragment {
    /// Whether it begins a frame.
    pub(super) begins: Begins,
    /// The bitstream in it.
    pub(super) data: Bytes,
}

/// Whether H.264 in the byte stream format can be decoded without what came before.
pub(super) fn is_h264_key(data: &[u8]) -> bool {
    h264::is_key(data)
}

/// Takes the payload descriptor off. Nothing if the payload is malformed.
pub(super) fn depacketize(codec: Codec, payload: &Bytes) -> Option<Fragment> {
    match codec {
        Codec::Opus => Some(Fragment { begins: Begins::Yes, data: payload.clone() }),
        Codec::Vp8 => vp8::depacketize(payload),
        Codec::H264 => h264::depacketize(payload),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_opus_packet_has_the_marker() {
        let mut packetizer = Packetizer::new(Codec::Opus);
        let markers: Vec<bool> =
            (0..3).flat_map(|n| packetizer.packetize(&[1], n * 960)).map(|p| p.marker).collect();
        assert_eq!(markers, [true, false, false]);
    }
}
