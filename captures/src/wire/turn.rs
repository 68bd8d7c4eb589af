//! TURN ChannelData (RFC 8656 §12.4), and what TURN carries for a peer (§11, §12).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |         Channel Number        |            Length             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! /                       Application Data                        /
//! |                               +-------------------------------+
//! |                               |   padding, over TCP and TLS   |
//! +-------------------------------+-------------------------------+
//! ```

use super::demux;
use super::field::Field;
use super::node::{self, Dissected, Value};
use super::reader::{Reader, Sink};
use super::stop::Read;
use super::stun::{AttributeType, Class, Content, Message, MessageType, Method};
use std::fmt;
use std::net::SocketAddr;

/// A ChannelData message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelData<'a> {
    /// The channel, 0x4000 to 0x4fff.
    pub channel: Field<u16>,
    /// Bytes of data.
    pub length: Field<u16>,
    /// The data that goes to or comes from the peer.
    pub data: Field<&'a [u8]>,
    /// Up to three bytes up to a multiple of four; optional over UDP, where more bytes are kept too.
    pub padding: Field<&'a [u8]>,
}

impl<'a> ChannelData<'a> {
    /// Reads one that fills the datagram (or that has been cut out of a stream).
    pub fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let channel = r.u16("channel number")?;
        r.meaning(|| Value::Hex(channel.value.into(), 2));
        let length = r.u16("length")?;
        let data = r.within(length.value.into(), length.range, |r| Ok(r.rest("application data")))?;
        let padding = r.rest("padding");
        if padding.value.len() > 3 {
            r.anomaly(padding.range, || "more than padding after the data".into());
        }
        Ok(Self { channel, length, data, padding })
    }

    fn walk<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let view = Self::read(r)?;
        r.summary(|| view.to_string());
        Ok(view)
    }
}

/// Bytes that the ChannelData or STUN message at the start of a stream takes up there, padding included (RFC 8656 §12.5).
/// `None` until the first four bytes are there, or if they begin neither.
pub fn length_in_stream(stream: &[u8]) -> Option<usize> {
    let [first, _, length @ ..] = stream.first_chunk::<4>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    match demux::class(&[*first]) {
        demux::Class::Stun => Some(20 + length),
        demux::Class::TurnChannel => Some(4 + length.next_multiple_of(4)),
        _ => None,
    }
}

impl fmt::Display for ChannelData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = demux::class(self.data.value);
        write!(f, "TURN ChannelData {:#06x} {} bytes ({inner})", self.channel.value, self.length.value)
    }
}

/// Reads a message without allocating.
pub fn view(bytes: &[u8]) -> Read<ChannelData<'_>> {
    ChannelData::read(&mut Reader::new("TURN ChannelData", bytes))
}

/// Dissects a message entirely.
pub fn tree(bytes: &[u8]) -> Dissected<ChannelData<'_>> {
    node::record("TURN ChannelData", bytes, ChannelData::walk)
}

/// How a relayed datagram says who the peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Peer {
    /// By a channel, bound to an address earlier.
    Channel(u16),
    /// By address, in a Send (to the peer) or Data (from the peer) indication.
    Address(SocketAddr),
}

/// A datagram of a peer inside a TURN message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relayed<'a> {
    /// The peer.
    pub peer: Field<Peer>,
    /// The datagram.
    pub data: Field<&'a [u8]>,
}

/// What `datagram`, a ChannelData message or a Send or Data indication, carries; `None` if it is none of these or has no data.
/// Ranges count from the start of `datagram`.
pub fn relayed(datagram: &[u8]) -> Option<Relayed<'_>> {
    match demux::class(datagram) {
        demux::Class::TurnChannel => {
            let channel = view(datagram).ok()?;
            Some(Relayed { peer: channel.channel.map(Peer::Channel), data: channel.data })
        }
        demux::Class::Stun => relayed_by(&super::stun::view(datagram).ok()?),
        _ => None,
    }
}

/// The same of a STUN message that has been read.
pub fn relayed_by<'a>(message: &Message<'a>) -> Option<Relayed<'a>> {
    let of = |method| MessageType::of(method, Class::Indication);
    if message.kind.value != of(Method::Send) && message.kind.value != of(Method::Data) {
        return None;
    }
    let peer = message.address(AttributeType::XorPeerAddress)?.map(Peer::Address);
    match message.content(AttributeType::Data)? {
        Field { range, value: Content::Bytes(data) } => Some(Relayed { peer, data: Field::new(range, data) }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Span;
    use crate::wire::testing::{check_all, hex};

    #[test]
    fn channel_data_is_read_with_and_without_padding() {
        let plain = hex("4001 0005 16fefd0000");
        let message = view(&plain).unwrap();
        assert_eq!((message.channel.value, message.data.range), (0x4001, Span::new(4, 9)));
        assert_eq!(message.to_string(), "TURN ChannelData 0x4001 5 bytes (DTLS)");
        let padded = hex("4001 0005 16fefd0000 aabbcc");
        assert_eq!(view(&padded).unwrap().padding.value, [0xaa, 0xbb, 0xcc]);
        for bytes in [&plain, &padded] {
            check_all(bytes, |b| tree(b).outcome());
        }
        let longer = hex("4001 0001 80 00000000");
        assert_eq!(tree(&longer).node.anomalies.len(), 1);
    }

    #[test]
    fn data_cut_short_says_which_length_asked_for_it() {
        let stop = view(&hex("4001 0010 0102")).unwrap_err();
        assert_eq!((stop.needed, stop.available, stop.length_from), (16, 2, Some(Span::new(2, 4))));
    }

    #[test]
    fn messages_in_a_stream_are_padded_to_four_bytes() {
        assert_eq!(length_in_stream(&hex("4001 0005 16")), Some(12));
        assert_eq!(length_in_stream(&hex("0001 0008 2112")), Some(28));
        assert_eq!(length_in_stream(&hex("4001 00")), None);
        assert_eq!(length_in_stream(&hex("1603 0100")), None);
    }

    #[test]
    fn indications_and_channels_are_unwrapped_and_nothing_else() {
        let attributes = "0012 0008 0001 2c5e e112a643  0013 0003 80c801 00";
        for (kind, carries) in [("0016", true), ("0017", true), ("0006", false), ("0116", false)] {
            let datagram = hex(&format!("{kind} 0014 2112a442 000102030405060708090a0b {attributes}"));
            let Some(relayed) = relayed(&datagram) else {
                assert!(!carries, "{kind}");
                continue;
            };
            assert!(carries, "{kind}");
            assert_eq!(relayed.peer.value, Peer::Address("192.0.2.1:3404".parse().unwrap()));
            assert_eq!(relayed.data, Field::new(Span::new(36, 39), [0x80, 0xc8, 1].as_slice()));
        }
        let channel = hex("4001 0003 80c801");
        assert_eq!(relayed(&channel).unwrap().peer.value, Peer::Channel(0x4001));
        assert_eq!(relayed(&hex("16fefd")), None);
    }
}
