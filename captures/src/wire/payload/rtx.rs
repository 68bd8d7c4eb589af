//! RTX, retransmission: RFC 4588 §4.
//!
//! ```text
//! |            OSN                |                               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+   Original RTP Packet Payload |
//! ```

use crate::wire::field::Field;
use crate::wire::node::{self, Dissected};
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// A payload. One without any bytes is padding, with which senders probe the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rtx<'a> {
    /// The original sequence number.
    pub original_sequence: Option<Field<u16>>,
    /// The original payload.
    pub payload: Field<&'a [u8]>,
}

impl<'a> Rtx<'a> {
    /// Reads a payload, which is all that is left.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let original_sequence = if r.is_empty() { None } else { Some(r.u16("original sequence number")?) };
        let payload = Self { original_sequence, payload: r.rest("original payload") };
        r.summary(|| payload.to_string());
        Ok(payload)
    }
}

/// Reads a payload.
pub fn view(bytes: &[u8]) -> Read<Rtx<'_>> {
    Rtx::read(&mut Reader::new("RTX", bytes))
}

/// The tree of a payload.
pub fn tree(bytes: &[u8]) -> Dissected<Rtx<'_>> {
    node::record("RTX", bytes, Rtx::read)
}

impl fmt::Display for Rtx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.original_sequence {
            Some(sequence) => write!(f, "RTX of {sequence} length {}", self.payload.value.len()),
            None => f.write_str("RTX padding"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::{check_all, hex};

    #[test]
    fn the_original_packet_is_restored() {
        for (text, expected) in [("1234 aabb", "RTX of 4660 length 2"), ("1234", "RTX of 4660 length 0")] {
            let bytes = hex(text);
            assert_eq!(view(&bytes).unwrap().to_string(), expected);
            check_all(&bytes, |b| tree(b).outcome());
        }
        assert_eq!(view(&[]).unwrap().to_string(), "RTX padding");
        assert!(view(&[0x12]).is_err());
    }
}
