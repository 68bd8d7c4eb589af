//! VP8 in RTP (RFC 7741).

use super::{Begins, Fragment, MOST_PAYLOAD, MediaPacket};
use bytes::{BufMut, Bytes, BytesMut};

/// RFC 7741 §4.2: a descriptor with a 15-bit PictureID before each fragment.
///
/// ```text
///      0 1 2 3 4 5 6 7
///     |X|R|N|S|R| PID |  X=1, S on the first fragment
///  X: |I|L|T|K|  RSV  |  I=1
///  I: |M| PictureID   |  M=1
///     |   PictureID   |
/// ```
pub(super) fn packetize(data: &[u8], picture_id: u16, timestamp: u32) -> Vec<MediaPacket> {
    let [id_high, id_low] = (picture_id | 0x8000).to_be_bytes();
    let fragments = data.chunks(MOST_PAYLOAD - 4);
    let last = fragments.len().saturating_sub(1);
    fragments
        .enumerate()
        .map(|(index, fragment)| {
            let mut payload = BytesMut::with_capacity(4 + fragment.len());
            payload.put_slice(&[if index == 0 { 0x90 } else { 0x80 }, 0x80, id_high, id_low]);
            payload.put_slice(fragment);
            MediaPacket { payload: payload.freeze(), marker: index == last, timestamp }
        })
        .collect()
}

/// RFC 7741 §4.2, all optional fields.
pub(super) fn depacketize(payload: &Bytes) -> Option<Fragment> {
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
    let begins = if first & 0x10 != 0 && first & 0x07 == 0 { Begins::Yes } else { Begins::No };
    (at < payload.len()).then(|| Fragment { begins, data: payload.slice(at..) })
}

#[cfg(test)]
mod tests {
    use super::super::{Codec, Packetizer, depacketize};
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
                assert_eq!(fragment.begins == Begins::Yes, index == 0);
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
            assert_eq!(fragment.begins, Begins::Yes);
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
}
