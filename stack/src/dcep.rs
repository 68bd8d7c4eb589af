//! What remote peers announced of their data channels (RFC 8832 §5.1), read from the SCTP packets as they are decrypted: the
//! `webrtc` crate keeps the kind of reliability to itself.

use crate::sync::lock;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Payload protocol identifier of DCEP, RFC 8832 §8.1.
const DCEP: u32 = 50;
/// DATA_CHANNEL_OPEN.
const OPEN: u8 = 3;
/// The DATA chunk, RFC 9260 §3.3.1.
const DATA: u8 = 0;

/// How far a channel goes to deliver a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reliability {
    /// Most retransmissions.
    pub(crate) max_retransmits: Option<u16>,
    /// Longest time of transmission in milliseconds.
    pub(crate) max_packet_life_time: Option<u16>,
}

/// The channels that were announced, by stream.
#[derive(Debug, Default)]
pub(crate) struct Announced(Mutex<BTreeMap<u16, Reliability>>);

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

impl Announced {
    /// An SCTP packet came.
    pub(crate) fn on_packet(&self, packet: &[u8]) {
        let mut rest = packet.get(12..).unwrap_or_default();
        while let Some([kind, _, high, low]) = array::<4>(rest, 0) {
            let length = usize::from(u16::from_be_bytes([high, low]));
            let Some(chunk) = rest.get(..length).filter(|_| length >= 4) else { return };
            if kind == DATA
                && let Some((stream, reliability)) = open(chunk)
            {
                lock(&self.0).insert(stream, reliability);
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
    }

    /// What was announced of a stream.
    pub(crate) fn get(&self, stream: u16) -> Option<Reliability> {
        lock(&self.0).get(&stream).copied()
    }
}

/// The announcement in a DATA chunk: type 1, flags 1, length 2, TSN 4, stream 2, sequence 2, protocol 4, then the message: type 1,
/// channel type 1, priority 2, reliability parameter 4.
fn open(chunk: &[u8]) -> Option<(u16, Reliability)> {
    let is_open = u32::from_be_bytes(array(chunk, 12)?) == DCEP && chunk.get(16) == Some(&OPEN);
    let parameter = u32::from_be_bytes(array(chunk, 20)?);
    // The API's values have 16 bits; larger ones mean as good as forever.
    let value = Some(u16::try_from(parameter).unwrap_or(u16::MAX));
    // The top bit says that the order does not matter.
    let reliability = match chunk.get(17)? & 0x7f {
        1 => Reliability { max_retransmits: value, ..Reliability::default() },
        2 => Reliability { max_packet_life_time: value, ..Reliability::default() },
        _ => Reliability::default(),
    };
    is_open.then_some((u16::from_be_bytes(array(chunk, 8)?), reliability))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(stream: u8, kind: u8, parameter: u8) -> Vec<u8> {
        let mut packet = vec![0; 12];
        packet.extend([3, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        packet.extend([0, 3, 0, 29, 0, 0, 0, 1, 0, stream, 0, 0, 0, 0, 0, 50]);
        packet.extend([3, kind, 0, 0, 0, 0, 0, parameter, 0, 1, 0, 0, b'x', 0, 0, 0]);
        packet
    }

    #[test]
    fn the_kind_of_reliability_is_read() {
        let announced = Announced::default();
        announced.on_packet(&packet(1, 0x81, 3));
        announced.on_packet(&packet(3, 2, 200));
        announced.on_packet(&packet(5, 0, 0));
        assert_eq!(announced.get(1).and_then(|r| r.max_retransmits), Some(3));
        assert_eq!(announced.get(3).and_then(|r| r.max_packet_life_time), Some(200));
        assert_eq!(announced.get(5), Some(Reliability::default()));
        assert_eq!(announced.get(7), None);
    }

    #[test]
    fn broken_packets_report_nothing() {
        let announced = Announced::default();
        let whole = packet(1, 1, 3);
        for length in 0..whole.len() - 3 {
            announced.on_packet(&whole[..length]);
        }
        let mut endless = whole;
        endless[14..16].copy_from_slice(&[0, 0]);
        announced.on_packet(&endless);
        assert_eq!(announced.get(1), None);
    }
}
