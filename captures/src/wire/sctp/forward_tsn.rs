//! FORWARD-TSN (RFC 3758 §3.2) and I-FORWARD-TSN (RFC 8260 §2.3.1).
//!
//! ```text
//! |   Type = 192  |  Flags = 0x00 |        Length = Variable      |
//! |                      New Cumulative TSN                       |
//! |         Stream-1              |       Stream Sequence-1       |
//!
//! |   Type = 194  | Flags = 0x00  |      Length = Variable        |
//! |                       New Cumulative TSN                      |
//! |       Stream Identifier       |          Reserved           |U|
//! |                       Message Identifier                      |
//! ```

use crate::wire::field::Field;
use crate::wire::list::{List, Unit};
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// The sender gives up on everything up to a TSN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForwardTsn<'a> {
    /// The TSN.
    pub new_cumulative_tsn: Field<u32>,
    /// The last abandoned message of each stream.
    pub streams: List<'a, SkippedStream>,
}

impl<'a> ForwardTsn<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        Ok(Self { new_cumulative_tsn: r.u32("new cumulative TSN")?, streams: List::rest(r) })
    }
}

impl fmt::Display for ForwardTsn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tsn {}", self.new_cumulative_tsn)?;
        self.streams.iter().try_for_each(|s| write!(f, " stream {} seq {}", s.stream, s.sequence))
    }
}

/// A stream of a [`ForwardTsn`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SkippedStream {
    /// The stream.
    pub stream: Field<u16>,
    /// Its last abandoned stream sequence number.
    pub sequence: Field<u16>,
}

impl<'a> Unit<'a> for SkippedStream {
    const NAME: &'static str = "skipped stream";

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        Ok(Self { stream: r.u16("stream")?, sequence: r.u16("stream sequence")? })
    }
}

/// The same for interleaved messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IForwardTsn<'a> {
    /// The TSN.
    pub new_cumulative_tsn: Field<u32>,
    /// The last abandoned message of each stream and order.
    pub messages: List<'a, SkippedMessage>,
}

impl<'a> IForwardTsn<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        Ok(Self { new_cumulative_tsn: r.u32("new cumulative TSN")?, messages: List::rest(r) })
    }
}

impl fmt::Display for IForwardTsn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tsn {}", self.new_cumulative_tsn)?;
        for skipped in self.messages {
            let unordered = if skipped.is_unordered() { " unordered" } else { "" };
            write!(f, " stream {} message {}{unordered}", skipped.stream, skipped.message)?;
        }
        Ok(())
    }
}

/// A stream of an [`IForwardTsn`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SkippedMessage {
    /// The stream.
    pub stream: Field<u16>,
    /// The U flag in its lowest bit.
    pub flags: Field<u16>,
    /// The last abandoned message.
    pub message: Field<u32>,
}

impl SkippedMessage {
    /// Whether it is about unordered messages.
    pub const fn is_unordered(&self) -> bool {
        self.flags.value & 1 != 0
    }
}

impl<'a> Unit<'a> for SkippedMessage {
    const NAME: &'static str = "skipped message";

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let stream = r.u16("stream identifier")?;
        let flags = r.u16("reserved, U")?;
        r.part("unordered", 1, flags.value);
        Ok(Self { stream, flags, message: r.u32("message identifier")? })
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::tests::check;

    #[test]
    fn abandoned_messages_are_listed_by_stream() {
        check("c000000c 00000009 0001 0002", "FORWARD-TSN tsn 9 stream 1 seq 2");
        check("c0000008 00000009", "FORWARD-TSN tsn 9");
        check("c2000010 00000009 0001 0001 00000007", "I-FORWARD-TSN tsn 9 stream 1 message 7 unordered");
    }
}
