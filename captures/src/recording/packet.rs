//! What is recorded: a packet, where it was seen and what it holds.

use super::InterfaceId;
pub use crate::file::Direction;
use std::net::SocketAddr;

/// What an interface of the capture holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Observes {
    /// Packets as they were on the wire: `LINKTYPE_RAW`, with their own headers, or with IP, UDP and TCP headers made from
    /// the addresses where only the payload was seen.
    Wire,
    /// The plaintext of decrypted: `LINKTYPE_WIRESHARK_UPPER_PDU`, RTP, RTCP and SCTP under their
    /// dissectors' names, so that Wireshark shows them as such without configuration.
    Plaintext,
    /// Frames of another capture, as they are there: see [`Recorder::copy`](super::Recorder::copy).
    Copied,
}

/// The bytes of a packet and what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// A whole IP packet, at most 65 535 bytes. For [`Observes::Wire`].
    Ip(&'a [u8]),
    /// The payload of a UDP datagram, at most 65 507 bytes over IPv4 and 65 527 over IPv6. For [`Observes::Wire`].
    Udp(&'a [u8]),
    /// Bytes of a TCP stream, at most 65 495. For [`Observes::Wire`].
    Tcp(&'a [u8]),
    /// A packet framed by RFC 4571 within a TCP stream, without its length field. For [`Observes::Wire`].
    Framed(&'a [u8]),
    /// An RTP packet in the clear. For [`Observes::Plaintext`].
    Rtp(&'a [u8]),
    /// A compound RTCP packet in the clear. For [`Observes::Plaintext`].
    Rtcp(&'a [u8]),
    /// An SCTP packet from within DTLS. For [`Observes::Plaintext`].
    Sctp(&'a [u8]),
}

impl<'a> Content<'a> {
    /// The kind of interface that takes it.
    pub fn observes(&self) -> Observes {
        match self {
            Self::Ip(_) | Self::Udp(_) | Self::Tcp(_) | Self::Framed(_) => Observes::Wire,
            Self::Rtp(_) | Self::Rtcp(_) | Self::Sctp(_) => Observes::Plaintext,
        }
    }

    /// Its bytes.
    pub fn bytes(&self) -> &'a [u8] {
        match *self {
            Self::Ip(bytes)
            | Self::Udp(bytes)
            | Self::Tcp(bytes)
            | Self::Framed(bytes)
            | Self::Rtp(bytes)
            | Self::Rtcp(bytes)
            | Self::Sctp(bytes) => bytes,
        }
    }
}

/// A packet to be recorded.
#[derive(Debug, Clone, Copy)]
pub struct PacketRecord<'a> {
    /// Where it was seen.
    pub interface: InterfaceId,
    /// When, in nanoseconds since 1970-01-01 00:00 UTC.
    pub time_ns: u64,
    /// Which way it went.
    pub direction: Direction,
    /// The address on the side of the place of observation. A whole packet has its own.
    pub local: SocketAddr,
    /// The other address.
    pub remote: SocketAddr,
    /// What it is.
    pub content: Content<'a>,
    /// For plaintext, the number of the frame that carried it on the wire.
    pub carried_by: Option<u64>,
    /// What a reader should know about it.
    pub comment: Option<&'a str>,
}

impl PacketRecord<'_> {
    /// Source and destination.
    pub(super) fn ends(&self) -> (SocketAddr, SocketAddr) {
        match self.direction {
            Direction::Inbound => (self.remote, self.local),
            Direction::Outbound => (self.local, self.remote),
        }
    }
}
