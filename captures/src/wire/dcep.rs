//! DCEP, the data channel establishment protocol: RFC 8832 §5.
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Message Type |  Channel Type |            Priority           |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                    Reliability Parameter                      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |         Label Length          |       Protocol Length         |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! \                             Label                             /
//! \                            Protocol                           /
//! ```

use super::field::Field;
use super::node::{self, Dissected};
use super::reader::{Reader, Sink};
use super::stop::Read;
use std::fmt;

code_points! {
    /// Message types, §8.2.1.
    pub enum MessageType(u8) {
        Ack = 2 => "DATA_CHANNEL_ACK",
        Open = 3 => "DATA_CHANNEL_OPEN",
    }
}

code_points! {
    /// Channel types, §8.2.2.
    pub enum ChannelType(u8) {
        Reliable = 0x00 => "reliable",
        PartialReliableRexmit = 0x01 => "partial reliable, retransmissions",
        PartialReliableTimed = 0x02 => "partial reliable, time",
        ReliableUnordered = 0x80 => "reliable unordered",
        PartialReliableRexmitUnordered = 0x81 => "partial reliable unordered, retransmissions",
        PartialReliableTimedUnordered = 0x82 => "partial reliable unordered, time",
    }
}

impl ChannelType {
    /// Whether messages are delivered in order.
    pub const fn is_ordered(self) -> bool {
        self.raw() & 0x80 == 0
    }
}

/// DATA_CHANNEL_OPEN, §5.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open<'a> {
    /// Order and reliability.
    pub channel: Field<ChannelType>,
    /// The priority, RFC 8831 §6.4.
    pub priority: Field<u16>,
    /// Most retransmissions, or the lifetime in milliseconds; ignored for reliable channels.
    pub reliability: Field<u32>,
    /// Length of the label in bytes.
    pub label_length: Field<u16>,
    /// Length of the protocol in bytes.
    pub protocol_length: Field<u16>,
    /// The label, in UTF-8.
    pub label: Field<&'a [u8]>,
    /// The protocol, in UTF-8.
    pub protocol: Field<&'a [u8]>,
}

impl Open<'_> {
    /// Most retransmissions, if those are limited.
    pub const fn max_retransmits(&self) -> Option<u32> {
        match self.channel.value {
            ChannelType::PartialReliableRexmit | ChannelType::PartialReliableRexmitUnordered => {
                Some(self.reliability.value)
            }
            _ => None,
        }
    }

    /// The lifetime in milliseconds, if that is limited.
    pub const fn max_packet_life_time(&self) -> Option<u32> {
        match self.channel.value {
            ChannelType::PartialReliableTimed | ChannelType::PartialReliableTimedUnordered => {
                Some(self.reliability.value)
            }
            _ => None,
        }
    }
}

/// What a message says, by its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// The sender opens a channel on the stream.
    Open(Open<'a>),
    /// The channel is accepted, §5.2.
    Ack,
    /// A type not known here.
    Unknown(Field<MessageType>, Field<&'a [u8]>),
}

impl<'a> Message<'a> {
    /// Reads a message, which is all that is left.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let kind = r.code::<MessageType>("message type")?;
        let message = match kind.value {
            MessageType::Open => {
                let channel = r.code("channel type")?;
                let priority = r.u16("priority")?;
                let reliability = r.u32("reliability parameter")?;
                let label_length = r.u16("label length")?;
                let protocol_length = r.u16("protocol length")?;
                let label = r.text("label", label_length.value.into())?;
                let protocol = r.text("protocol", protocol_length.value.into())?;
                Self::Open(Open {
                    channel,
                    priority,
                    reliability,
                    label_length,
                    protocol_length,
                    label,
                    protocol,
                })
            }
            MessageType::Ack => Self::Ack,
            MessageType::Unknown(_) => Self::Unknown(kind, r.rest("content")),
        };
        r.summary(|| message.to_string());
        Ok(message)
    }
}

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(open) => {
                write!(f, "{} {:?}", MessageType::Open, String::from_utf8_lossy(open.label.value))?;
                if !open.protocol.value.is_empty() {
                    write!(f, " protocol {:?}", String::from_utf8_lossy(open.protocol.value))?;
                }
                write!(f, " {}", open.channel)?;
                if open.max_retransmits().is_some() || open.max_packet_life_time().is_some() {
                    write!(f, " {}", open.reliability)?;
                }
                write!(f, " priority {}", open.priority)
            }
            Self::Ack => write!(f, "{}", MessageType::Ack),
            Self::Unknown(kind, content) => write!(f, "DCEP {kind} length {}", content.value.len()),
        }
    }
}

/// Reads a message.
pub fn view(bytes: &[u8]) -> Read<Message<'_>> {
    Message::read(&mut Reader::new("DCEP", bytes))
}

/// The tree of a message.
pub fn tree(bytes: &[u8]) -> Dissected<Message<'_>> {
    node::record("DCEP", bytes, Message::read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::{check_all, hex};

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let bytes = hex(text);
        assert_eq!(view(&bytes).unwrap().to_string(), expected);
        check_all(&bytes, |b| tree(b).outcome());
    }

    #[test]
    fn messages_are_understood() {
        check("03000100 00000000 0004 0000 63686174", "DATA_CHANNEL_OPEN \"chat\" reliable priority 256");
        check(
            "03810000 00000003 0000 0003 612f62",
            "DATA_CHANNEL_OPEN \"\" protocol \"a/b\" partial reliable unordered, retransmissions 3 priority 0",
        );
        check("02", "DATA_CHANNEL_ACK");
        check("00aabb", "DCEP 0x00 length 2");
    }

    #[test]
    fn limits_follow_from_the_channel_type() {
        let limits = |text: &str| {
            let bytes = hex(text);
            let Message::Open(open) = view(&bytes).unwrap() else { panic!() };
            (open.channel.value.is_ordered(), open.max_retransmits(), open.max_packet_life_time())
        };
        assert_eq!(limits("03000000 00000005 0000 0000"), (true, None, None));
        assert_eq!(limits("03010000 00000005 0000 0000"), (true, Some(5), None));
        assert_eq!(limits("03820000 00000005 0000 0000"), (false, None, Some(5)));
    }

    #[test]
    fn a_label_longer_than_the_message_stops() {
        let bytes = hex("03000000 00000000 0005 0000 61626364");
        let stop = view(&bytes).unwrap_err();
        assert_eq!((stop.offset, stop.needed, stop.available), (12, 5, 4));
    }

    #[test]
    fn bytes_after_the_message_are_remarked_upon() {
        let dissected = tree(&[2, 0]);
        assert_eq!((dissected.stop, dissected.node.anomalies.len()), (None, 1));
    }
}
