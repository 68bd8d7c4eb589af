//! RFC 4571 framing: each packet after its length in two bytes.

use std::collections::VecDeque;

/// Takes a stream of bytes apart into packets.
#[derive(Debug, Default)]
pub(super) struct Deframer {
    bytes: VecDeque<u8>,
}

impl Deframer {
    /// Adds bytes of the stream. At most one unfinished packet (65537 bytes) stays behind once the whole ones are taken.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The next whole packet.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        let high = *self.bytes.front()?;
        let low = *self.bytes.get(1)?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if self.bytes.len() < 2 + length {
            return None;
        }
        self.bytes.drain(..2);
        Some(self.bytes.drain(..length).collect())
    }
}

/// A packet with its length before it. A packet of more than 65535 bytes cannot be framed and gives nothing.
pub(super) fn frame(packet: &[u8]) -> Vec<u8> {
    let Ok(length) = u16::try_from(packet.len()) else { return Vec::new() };
    let mut framed = Vec::with_capacity(2 + packet.len());
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(packet);
    framed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_whole_however_the_stream_is_cut() {
        let packets = [b"one".to_vec(), Vec::new(), vec![7; 3000]];
        let stream: Vec<u8> = packets.iter().flat_map(|p| frame(p)).collect();
        for size in [1, 2, 3, 500, stream.len()] {
            let mut deframer = Deframer::default();
            let mut seen = Vec::new();
            for piece in stream.chunks(size) {
                deframer.push(piece);
                while let Some(packet) = deframer.next() {
                    seen.push(packet);
                }
            }
            assert_eq!(seen, packets);
        }
    }

    #[test]
    fn a_packet_too_long_for_its_length_field_is_not_framed() {
        assert!(frame(&vec![0; 65536]).is_empty());
    }
}
