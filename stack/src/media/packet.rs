//! Payload formats: how encoded media is cut into RTP payloads, and put together again.

use super::codec::Codec;
use bytes::{BufMut, Bytes, BytesMut};

/// What a payload may have at most, so that SRTP over UDP over IPv6 through TURN fits 1280 bytes.
pub const MOST_PAYLOAD: usize = 1150;

/// A packet to be sent. Payload type, SSRC and sequence number are the connection's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
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

    /// Cuts one encoded frame (Opus: one packet of the encoder).
    pub fn packetize(&mut self, data: &[u8], timestamp: u32) -> Vec<Packet> {
        let first = !std::mem::replace(&mut self.started, true);
        match self.codec {
            Codec::Opus => vec![Packet { payload: Bytes::copy_from_slice(data), marker: first, timestamp }],
            Codec::Vp8 => self.packetize_vp8(data, timestamp),
        }
    }

    /// RFC 7741 §4.2: a descriptor with a 15-bit PictureID before each fragment.
    ///
    /// ```text
    ///      0 1 2 3 4 5 6 7
    ///     |X|R|N|S|R| PID |  X=1, S on the first fragment
    ///  X: |I|L|T|K|  RSV  |  I=1
    ///  I: |M| PictureID   |  M=1
    ///     |   PictureID   |
    /// ```
    fn packetize_vp8(&mut self, data: &[u8], timestamp: u32) -> Vec<Packet> {
        let [id_high, id_low] = (self.picture_id | 0x8000).to_be_bytes();
        self.picture_id = (self.picture_id + 1) & 0x7FFF;
        let fragments = data.chunks(MOST_PAYLOAD - 4);
        let last = fragments.len().saturating_sub(1);
        fragments
            .enumerate()
            .map(|(index, fragment)| {
                let mut payload = BytesMut::with_capacity(4 + fragment.len());
                payload.put_slice(&[if index == 0 { 0x90 } else { 0x80 }, 0x80, id_high, id_low]);
                payload.put_slice(fragment);
                Packet { payload: payload.freeze(), marker: index == last, timestamp }
            })
            .collect()
    }
}

/// A fragment of an encoded frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fragment {
    /// It begins a frame.
    pub(super) begins: bool,
    /// The bitstream in it.
    pub(super) data: Bytes,
}

/// Takes the payload descriptor off. Nothing if the payload is malformed.
pub(super) fn depacketize(codec: Codec, payload: &Bytes) -> Option<Fragment> {
    match codec {
        Codec::Opus => Some(Fragment { begins: true, data: payload.clone() }),
        Codec::Vp8 => depacketize_vp8(payload),
    }
}

/// RFC 7741 §4.2, all optional fields.
fn depacketize_vp8(payload: &Bytes) -> Option<Fragment> {
    let first = *payload.first()?;
    let mut at = 1;
    if first & 0x80 != 0 {
        let extension = *payload.get(at)?;
        at += 1;
        if extension & 0x80 != 0 {
            at += if payload.get(at)? & 0x80 == 0 { 1 } else { 2 };
        }
        if extension & 0x40 != 0 {
            at += 1;
        }
        if extension & 0x30 != 0 {
            at += 1;
        }
    }
    // S is set and the partition index is 0 exactly at a frame's beginning (§4.2, §4.5.1).
    let begins = first & 0x10 != 0 && first & 0x07 == 0;
    (at < payload.len()).then(|| Fragment { begins, data: payload.slice(at..) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vp8_frame_is_cut_and_put_together_again() {
        for size in [1, 2, MOST_PAYLOAD - 4, MOST_PAYLOAD - 3, 3 * MOST_PAYLOAD] {
            let data: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            let packets = Packetizer::new(Codec::Vp8).packetize(&data, 7);
            let mut whole = Vec::new();
            for (index, packet) in packets.iter().enumerate() {
                assert!(packet.payload.len() <= MOST_PAYLOAD && packet.timestamp == 7);
                assert_eq!(packet.marker, index + 1 == packets.len());
                let fragment = depacketize(Codec::Vp8, &packet.payload).unwrap();
                assert_eq!(fragment.begins, index == 0);
                whole.extend_from_slice(&fragment.data);
            }
            assert_eq!(whole, data);
        }
    }

    #[test]
    fn the_picture_id_grows_and_wraps_at_fifteen_bits() {
        let mut packetizer = Packetizer::new(Codec::Vp8);
        let mut id = || {
            let payload = packetizer.packetize(&[0], 0).remove(0).payload;
            u16::from_be_bytes([payload[2], payload[3]])
        };
        let ids: Vec<u16> = (0..0x8002_u32).map(|_| id()).collect();
        assert_eq!((ids[0], ids[1], ids[0x7FFF], ids[0x8000]), (0x8000, 0x8001, 0xFFFF, 0x8000));
    }

    #[test]
    fn every_optional_field_is_skipped() {
        for (payload, data) in [
            (&[0x10, 1][..], &[1][..]),
            (&[0x90, 0x80, 0x05, 1], &[1]),
            (&[0x90, 0x80, 0x85, 0x05, 1], &[1]),
            (&[0x90, 0xC0, 0x85, 0x05, 9, 1], &[1]),
            (&[0x90, 0xE0, 0x05, 9, 9, 1, 2], &[1, 2]),
            (&[0x90, 0xF0, 0x05, 9, 9, 1], &[1]),
            (&[0x90, 0x10, 9, 1], &[1]),
        ] {
            let fragment = depacketize(Codec::Vp8, &Bytes::copy_from_slice(payload)).unwrap();
            assert!(fragment.begins);
            assert_eq!(&fragment.data[..], data, "{payload:02x?}");
        }
    }

    #[test]
    fn payloads_that_end_in_their_descriptor_are_malformed() {
        for payload in
            [&[][..], &[0x10], &[0x90], &[0x90, 0x80], &[0x90, 0x80, 0x85], &[0x90, 0xF0, 0x05, 9, 9]]
        {
            assert_eq!(depacketize(Codec::Vp8, &Bytes::copy_from_slice(payload)), None, "{payload:02x?}");
        }
    }

    #[test]
    fn only_the_first_opus_packet_has_the_marker() {
        let mut packetizer = Packetizer::new(Codec::Opus);
        let markers: Vec<bool> =
            (0..3).flat_map(|n| packetizer.packetize(&[1], n * 960)).map(|p| p.marker).collect();
        assert_eq!(markers, [true, false, false]);
    }
}
