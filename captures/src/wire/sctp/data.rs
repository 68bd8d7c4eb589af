//! DATA: RFC 9260 §3.3.1, with the I flag of RFC 7053.
//!
//! ```text
//! |   Type = 0    |  Res  |I|U|B|E|           Length              |
//! |                              TSN                              |
//! |      Stream Identifier S      |   Stream Sequence Number n    |
//! |                  Payload Protocol Identifier                  |
//! \                 User Data (seq n of Stream S)                 \
//! ```

use super::PayloadProtocol;
use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

/// A message or a fragment of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Data<'a> {
    /// The flags of the chunk.
    pub flags: u8,
    /// The transmission sequence number.
    pub tsn: Field<u32>,
    /// The stream.
    pub stream: Field<u16>,
    /// The stream sequence number.
    pub sequence: Field<u16>,
    /// What the message is.
    pub protocol: Field<PayloadProtocol>,
    /// The user data.
    pub data: Field<&'a [u8]>,
}

impl<'a> Data<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>, flags: u8) -> Read<Self> {
        Ok(Self {
            flags,
            tsn: r.u32("TSN")?,
            stream: r.u16("stream identifier")?,
            sequence: r.u16("stream sequence number")?,
            protocol: r.code("payload protocol identifier")?,
            data: r.rest("user data"),
        })
    }

    /// Whether the receiver shall acknowledge at once.
    pub const fn is_immediate(&self) -> bool {
        self.flags & 8 != 0
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
}

/// The flags of DATA and I-DATA as their letters.
pub(super) struct Letters(pub(super) u8);

impl fmt::Display for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = [(8, "I"), (4, "U"), (2, "B"), (1, "E")];
        if self.0 & 15 != 0 {
            f.write_str(" ")?;
        }
        letters.iter().filter(|(bit, _)| self.0 & bit != 0).try_for_each(|(_, letter)| f.write_str(letter))
    }
}

impl fmt::Display for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tsn, stream, sequence, protocol, data, .. } = self;
        write!(f, "tsn {tsn} stream {stream} seq {sequence} {protocol}{}", Letters(self.flags))?;
        write!(f, " length {}", data.value.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Body;
    use super::super::packet::tests::{body, check, packet_of};

    #[test]
    fn a_message_is_understood() {
        let text = "00030015 00000007 0001 0002 00000033 68656c6c6f 000000";
        check(text, "DATA tsn 7 stream 1 seq 2 string BE length 5");
        let bytes = packet_of(text);
        let Body::Data(data) = body(&bytes) else { panic!() };
        assert_eq!(data.data.value, b"hello");
        assert!(data.is_beginning() && data.is_ending() && !data.is_unordered() && !data.is_immediate());
    }

    #[test]
    fn flags_are_shown_by_their_letters() {
        check("000c0010 00000007 0001 0000 00000035", "DATA tsn 7 stream 1 seq 0 binary IU length 0");
    }
}
