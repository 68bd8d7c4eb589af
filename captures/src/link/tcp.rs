//! TCP's header (RFC 9293 §3.1).
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |          Source Port          |       Destination Port        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                        Sequence Number                        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                    Acknowledgment Number                      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! | Offset| Rsrvd |     Flags     |            Window             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |           Checksum            |         Urgent Pointer        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use crate::wire::stop::Read;
use crate::wire::{Reader, Sink, Value};

/// Shortest header.
const FIXED: usize = 20;

/// The header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tcp {
    pub(super) source: u16,
    pub(super) destination: u16,
    pub(super) sequence: u32,
    pub(super) syn: bool,
    /// FIN or RST: nothing follows.
    pub(super) ends: bool,
}

pub(super) fn read<S: Sink>(r: &mut Reader<'_, S>) -> Read<Tcp> {
    r.node("TCP", |r| {
        let source = r.u16("source port")?.value;
        let destination = r.u16("destination port")?.value;
        let sequence = r.u32("sequence number")?.value;
        r.u32("acknowledgment number")?;
        let flags = r.u16("data offset and flags")?.value;
        r.part("data offset in words", 0xf000, flags);
        for (name, mask) in
            [("URG", 0x20), ("ACK", 0x10), ("PSH", 0x08), ("RST", 0x04), ("SYN", 0x02), ("FIN", 0x01)]
        {
            r.part(name, mask, flags);
        }
        r.u16("window")?;
        let checksum = r.u16("checksum")?.value;
        r.meaning(|| Value::Hex(checksum.into(), 2));
        r.u16("urgent pointer")?;
        match (usize::from(flags >> 12) * 4).checked_sub(FIXED) {
            Some(0) => {}
            Some(options) => {
                r.bytes("options", options)?;
            }
            None => return Err(r.invalid("a data offset below 5")),
        }
        let (syn, ends) = (flags & 0x02 != 0, flags & 0x05 != 0);
        Ok(Tcp { source, destination, sequence, syn, ends })
    })
}
