//! SCTP chunks (RFC 9260 §3.3, RFC 8260, RFC 3758, RFC 6525) and the data channel messages in them (RFC 8831 §8, RFC 8832).

use super::Kind;
use super::classify::{u16_at, u32_at};

const DATA: u8 = 0;
const I_DATA: u8 = 64;
const PPID_DCEP: u32 = 50;
const PPID_STRING: u32 = 51;
const PPID_STRING_EMPTY: u32 = 56;
const LONGEST_TEXT: usize = 1024;

/// Name of a chunk type.
pub(super) fn chunk_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0 => "DATA",
        1 => "INIT",
        2 => "INIT-ACK",
        3 => "SACK",
        4 => "HEARTBEAT",
        5 => "HEARTBEAT-ACK",
        6 => "ABORT",
        7 => "SHUTDOWN",
        8 => "SHUTDOWN-ACK",
        9 => "ERROR",
        10 => "COOKIE-ECHO",
        11 => "COOKIE-ACK",
        14 => "SHUTDOWN-COMPLETE",
        64 => "I-DATA",
        130 => "RE-CONFIG",
        192 => "FORWARD-TSN",
        194 => "I-FORWARD-TSN",
        _ => return None,
    })
}

/// All chunks of a packet.
pub(super) fn chunks(packet: &[u8]) -> Vec<Kind> {
    let mut seen = Vec::new();
    let mut bytes = packet.get(12..).unwrap_or_default();
    while let (&[kind, flags, ..], Some(length)) = (bytes, u16_at(bytes, 2)) {
        let length = usize::from(length).max(4);
        let chunk = bytes.get(..length.min(bytes.len())).unwrap_or_default();
        let (text, dcep) = match kind {
            DATA => message(chunk, flags, 12, 16),
            I_DATA => message(chunk, flags, 16, 20),
            _ => (None, None),
        };
        seen.push(Kind::Chunk { kind, text, dcep });
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    seen
}

/// The whole string or the DCEP message in a data chunk.
fn message(chunk: &[u8], flags: u8, ppid_at: usize, data_at: usize) -> (Option<String>, Option<u8>) {
    let whole = flags & 0b11 == 0b11;
    let data = chunk.get(data_at..).unwrap_or_default();
    match u32_at(chunk, ppid_at) {
        Some(PPID_DCEP) => (None, data.first().copied()),
        Some(PPID_STRING) if whole && data.len() <= LONGEST_TEXT => {
            (std::str::from_utf8(data).ok().map(str::to_owned), None)
        }
        Some(PPID_STRING_EMPTY) if whole => (Some(String::new()), None),
        _ => (None, None),
    }
}
