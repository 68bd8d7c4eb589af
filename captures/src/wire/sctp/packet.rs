//! The SCTP packet: RFC 9260 §3, its checksum by Appendix A, no checksum by RFC 9653.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     Source Port Number        |     Destination Port Number   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                      Verification Tag                         |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                           Checksum                            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                          Chunk #1 …                           |
//! ```

use super::chunk::Chunk;
use crate::wire::field::Field;
use crate::wire::list::{List, Unit};
use crate::wire::node::{self, Dissected, Value};
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// Bytes before the checksum.
const BEFORE_CHECKSUM: usize = 8;
/// Bytes of the common header.
const HEADER: usize = 12;

/// How the checksum of a packet stands to its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// It is the CRC32c of the packet.
    Correct,
    /// It is zero, which a peer may have agreed to (RFC 9653).
    Zero,
    /// It is another.
    Wrong {
        /// The right one, as the field would show it.
        expected: u32,
    },
}

/// The common header and the chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Port of the sender.
    pub source_port: Field<u16>,
    /// Port of the receiver.
    pub destination_port: Field<u16>,
    /// The tag that the receiver chose; zero with INIT.
    pub verification_tag: Field<u32>,
    /// The checksum, as a big-endian number.
    pub checksum: Field<u32>,
    /// The chunks.
    pub chunks: List<'a, Chunk<'a>>,
    /// The whole packet.
    pub bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet, which is all that is left.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let bytes = r.peek();
        let source_port = r.u16("source port")?;
        let destination_port = r.u16("destination port")?;
        let verification_tag = r.u32("verification tag")?;
        r.meaning(|| Value::Hex(verification_tag.value.into(), 4));
        let checksum_field = r.u32("checksum")?;
        r.meaning(|| Value::Hex(checksum_field.value.into(), 4));
        if r.records()
            && let Checksum::Wrong { expected } = checksum(bytes)
        {
            r.anomaly(checksum_field.range, || {
                format!("the CRC32c of the packet is {expected:#010x}").into()
            });
        }
        let chunks = List::rest(&mut Reader::at(Chunk::NAME, r.peek(), r.offset()));
        if r.records() {
            while !r.is_empty() {
                r.node(Chunk::NAME, |r| {
                    let outcome = Chunk::read(r);
                    if let Err(stop) = &outcome {
                        r.undissected(stop);
                    }
                    outcome
                })?;
            }
        } else {
            r.rest("chunks");
        }
        let packet =
            Self { source_port, destination_port, verification_tag, checksum: checksum_field, chunks, bytes };
        r.summary(|| packet.to_string());
        Ok(packet)
    }

    /// How the checksum stands to the bytes. Costs a pass over them.
    pub fn verify_checksum(&self) -> Checksum {
        checksum(self.bytes)
    }
}

/// How the checksum of a packet stands to its bytes; zero if there is none.
pub fn checksum(packet: &[u8]) -> Checksum {
    let (Some(before), Some(field), Some(after)) = (
        packet.get(..BEFORE_CHECKSUM),
        packet.get(BEFORE_CHECKSUM..).and_then(<[u8]>::first_chunk::<4>),
        packet.get(HEADER..),
    ) else {
        return Checksum::Zero;
    };
    let found = u32::from_be_bytes(*field);
    let crc = [&[0; 4], after].into_iter().fold(crc32c::crc32c(before), crc32c::crc32c_append);
    // The CRC is sent least significant byte first.
    match crc.swap_bytes() {
        expected if expected == found => Checksum::Correct,
        _ if found == 0 => Checksum::Zero,
        expected => Checksum::Wrong { expected },
    }
}

/// Whether bytes are an SCTP packet by all that they show: ports, chunks of registered types that fill it. Its checksum may be wrong
/// for all that. Application data of DTLS may be of any other protocol.
pub fn looks_like_sctp(bytes: &[u8]) -> bool {
    let Ok(packet) = view(bytes) else { return false };
    if packet.source_port.value == 0 || packet.destination_port.value == 0 {
        return false;
    }
    let known = |chunk: &Chunk<'_>| chunk.kind.value.name().is_some() && chunk.body.is_some();
    let mut chunks = packet.chunks.iter().peekable();
    chunks.peek().is_some() && chunks.all(|chunk| known(&chunk)) && packet.chunks.stop().is_none()
}

/// Reads a packet; its chunks are read as they are asked for.
pub fn view(bytes: &[u8]) -> Read<Packet<'_>> {
    Packet::read(&mut Reader::new("SCTP", bytes))
}

/// The tree of a packet.
pub fn tree(bytes: &[u8]) -> Dissected<Packet<'_>> {
    node::record("SCTP", bytes, Packet::read)
}

impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, destination, tag) =
            (self.source_port, self.destination_port, self.verification_tag.value);
        write!(f, "SCTP {source} > {destination} tag {tag:#010x}")?;
        for (i, chunk) in self.chunks.iter().enumerate() {
            write!(f, "{} {chunk}", if i == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::wire::testing::{check_all, check_robust, hex};

    /// Puts chunks into a packet with the right checksum.
    pub(in crate::wire::sctp) fn packet_of(chunks: &str) -> Vec<u8> {
        let mut bytes = hex("1388 1388 12345678 00000000");
        bytes.extend(hex(chunks));
        let crc = crc32c::crc32c(&bytes).to_le_bytes();
        bytes[8..12].copy_from_slice(&crc);
        bytes
    }

    /// Puts chunks through everything and compares their one-line form.
    #[track_caller]
    pub(in crate::wire::sctp) fn check(chunks: &str, expected: &str) {
        let bytes = packet_of(chunks);
        let packet = view(&bytes).unwrap();
        assert_eq!(packet.to_string(), format!("SCTP 5000 > 5000 tag 0x12345678: {expected}"));
        assert_eq!(packet.chunks.stop(), None);
        assert_eq!(emit(&packet), bytes);
        check_all(&bytes, |b| tree(b).outcome());
    }

    /// The body of the first chunk.
    #[track_caller]
    pub(in crate::wire::sctp) fn body(bytes: &[u8]) -> super::super::Body<'_> {
        view(bytes).unwrap().chunks.iter().next().unwrap().body.unwrap()
    }

    /// Builds a packet anew from its view.
    fn emit(packet: &Packet<'_>) -> Vec<u8> {
        let mut bytes = packet.source_port.value.to_be_bytes().to_vec();
        bytes.extend(packet.destination_port.value.to_be_bytes());
        bytes.extend(packet.verification_tag.value.to_be_bytes());
        bytes.extend(packet.checksum.value.to_be_bytes());
        for chunk in packet.chunks {
            bytes.extend([chunk.kind.value.raw(), chunk.flags.value]);
            bytes.extend(chunk.length.value.to_be_bytes());
            bytes.extend(chunk.value.value);
            bytes.extend(chunk.padding.value);
        }
        bytes
    }

    #[test]
    fn the_checksum_is_verified() {
        // "123456789" has the CRC32c 0xe3069283 (RFC 3720 and others).
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        let mut bytes = packet_of("0b000004");
        assert_eq!(view(&bytes).unwrap().verify_checksum(), Checksum::Correct);
        assert!(tree(&bytes).node.anomalies.is_empty());
        let expected = view(&bytes).unwrap().checksum.value;
        bytes[8] ^= 1;
        assert_eq!(view(&bytes).unwrap().verify_checksum(), Checksum::Wrong { expected });
        assert_eq!(tree(&bytes).node.anomalies.len(), 1);
        bytes[8..12].fill(0);
        assert_eq!(view(&bytes).unwrap().verify_checksum(), Checksum::Zero);
    }

    /// RFC 3720 B.4, as the bytes are sent.
    #[test]
    fn checksums_are_those_of_rfc_3720() {
        let command = "01c00000 00000000 00000000 00000000 14000000 00000400 00000014 00000018 28000000 00000000 02000000 00000000";
        for (bytes, expected) in [
            (vec![0; 32], "aa36918a"),
            (vec![0xff; 32], "43aba862"),
            ((0..32).collect(), "4e79dd46"),
            ((0..32).rev().collect(), "5cdb3f11"),
            (hex(command), "563a96d9"),
        ] {
            assert_eq!(crc32c::crc32c(&bytes).to_le_bytes().as_slice(), hex(expected));
        }
    }

    #[test]
    fn other_application_data_does_not_look_like_sctp() {
        for chunks in ["0b000004", "0b000004 0e010004", "00030013 00000001 0000 0000 00000033 616263 00"] {
            let mut bytes = packet_of(chunks);
            assert!(looks_like_sctp(&bytes), "{chunks}");
            bytes[8] ^= 1;
            assert!(looks_like_sctp(&bytes), "its checksum alone is wrong");
            assert!(!looks_like_sctp(&bytes[..bytes.len() - 3]), "{chunks}, cut");
            bytes[..2].fill(0);
            assert!(!looks_like_sctp(&bytes), "port 0");
        }
        for other in ["", "07000006 00010000", "3f000004", "0b000003", "47455420 2f20"] {
            assert!(!looks_like_sctp(&packet_of(other)), "{other}");
        }
        assert!(!looks_like_sctp(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"));
        assert!(!looks_like_sctp(&[0; 64]));
    }

    #[test]
    fn chunks_follow_one_another() {
        check("0b000004 0e010004", "COOKIE-ACK, SHUTDOWN-COMPLETE");
    }

    #[test]
    fn a_chunk_that_is_cut_short_stops_where_its_bytes_end() {
        let bytes = packet_of("0b000004 00030020 00000001");
        assert_eq!(view(&bytes).unwrap().chunks.iter().count(), 1);
        let stop = tree(&bytes).stop.unwrap();
        assert_eq!((stop.offset, stop.needed, stop.available), (24, 2, 0));
        check_robust(&bytes, |b| tree(b).outcome());
    }

    #[test]
    fn a_chunk_shorter_than_its_header_stops() {
        let bytes = packet_of("0b000003");
        let stop = tree(&bytes).stop.unwrap();
        assert_eq!(stop.to_string(), "SCTP stops at byte 16: the length is below that of the chunk header");
    }
}
