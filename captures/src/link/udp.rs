//! UDP (RFC 768).
//!
//! ```text
//! +--------+--------+--------+--------+
//! |   Source Port   | Destination Port|
//! +--------+--------+--------+--------+
//! |     Length      |    Checksum     |
//! +--------+--------+--------+--------+
//! ```

use crate::wire::stop::Read;
use crate::wire::{Reader, Sink, Span, Value};

/// The header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Udp {
    pub(super) source: u16,
    pub(super) destination: u16,
    /// Length of the payload if it is given.
    pub(super) length: Option<usize>,
    pub(super) length_from: Span,
}

pub(super) fn read<S: Sink>(r: &mut Reader<'_, S>) -> Read<Udp> {
    r.node("UDP", |r| {
        let source = r.u16("source port")?.value;
        let destination = r.u16("destination port")?.value;
        let length = r.u16("length")?;
        let checksum = r.u16("checksum")?.value;
        r.meaning(|| Value::Hex(checksum.into(), 2));
        // Zero in jumbograms (RFC 2675 §4).
        let payload = usize::from(length.value).checked_sub(8).filter(|_| length.value > 0);
        Ok(Udp { source, destination, length: payload, length_from: length.range })
    })
}
