//! I-DATA: RFC 8260 §2.1.
//!
//! ```text
//! |   Type = 64   |  Res  |I|U|B|E|       Length = Variable       |
//! |                              TSN                              |
//! |        Stream Identifier      |           Reserved            |
//! |                      Message Identifier                       |
//! |    Payload Protocol Identifier / Fragment Sequence Number     |
//! \                           User Data                           \
//! ```

use super::PayloadProtocol;
use super::data::Letters;
use crate::wire::CodePoint;
use crate::wire::field::Field;
use crate::wire::node::Value;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// A message or a fragment of one, which may be interleaved with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IData<'a> {
    /// The flags of the chunk.
    pub flags: u8,
    /// The transmission sequence number.
    pub tsn: Field<u32>,
    /// The stream.
    pub stream: Field<u16>,
    /// Zero.
    pub reserved: Field<u16>,
    /// The message.
    pub message: Field<u32>,
    /// What the message is (first fragment), or the fragment's number.
    pub protocol_or_fragment: Field<u32>,
    /// The user data.
    pub data: Field<&'a [u8]>,
}

impl<'a> IData<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>, flags: u8) -> Read<Self> {
        let tsn = r.u32("TSN")?;
        let stream = r.u16("stream identifier")?;
        let reserved = r.u16("reserved")?;
        let message = r.u32("message identifier")?;
        let first = flags & 2 != 0;
        let name = if first { "payload protocol identifier" } else { "fragment sequence number" };
        let protocol_or_fragment = r.u32(name)?;
        if first {
            let protocol = PayloadProtocol::from(protocol_or_fragment.value);
            r.meaning(|| Value::Code(protocol.number(), protocol.name()));
        }
        Ok(Self { flags, tsn, stream, reserved, message, protocol_or_fragment, data: r.rest("user data") })
    }

    /// Whether the message is delivered without regard to the order of its stream.
    pub const fn is_unordered(&self) -> bool {
        self.flags & 4 != 0
    }

    /// Whether this is the first fragment of a message.
    pub const fn is_beginning(&self) -> bool {
        self.flags & 2 != 0
    }

    /// Whether this is the last fragment of a message.
    pub const fn is_ending(&self) -> bool {
        self.flags & 1 != 0
    }

    /// What the message is, in its first fragment.
    pub fn protocol(&self) -> Option<PayloadProtocol> {
        self.is_beginning().then(|| self.protocol_or_fragment.value.into())
    }

    /// The number of the fragment: zero for the first.
    pub const fn fragment(&self) -> u32 {
        if self.is_beginning() { 0 } else { self.protocol_or_fragment.value }
    }
}

impl fmt::Display for IData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tsn, stream, message, data, .. } = self;
        write!(f, "tsn {tsn} stream {stream} message {message}")?;
        match self.protocol() {
            Some(protocol) => write!(f, " {protocol}")?,
            None => write!(f, " fragment {}", self.fragment())?,
        }
        write!(f, "{} length {}", Letters(self.flags), data.value.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::tests::check;

    #[test]
    fn the_first_fragment_has_the_protocol_and_the_others_their_number() {
        check(
            "40020018 00000007 0001 0000 00000009 00000035 aabbccdd 40010018 00000008 0001 0000 00000009 00000001 aabbccdd",
            "I-DATA tsn 7 stream 1 message 9 binary B length 4, I-DATA tsn 8 stream 1 message 9 fragment 1 E length 4",
        );
    }
}
