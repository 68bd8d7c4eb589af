//! A frame's headers, from the link to the transport.

use super::exported::Exported;
use super::tcp::Tcp;
use super::{cooked, ethernet, exported, ipv4, ipv6, loopback, tcp, udp};
use crate::file::LinkType;
use crate::wire::node::{self, Dissected};
use crate::wire::stop::Read;
use crate::wire::{Reader, Sink, Span};
use std::net::{IpAddr, SocketAddr};

/// Protocol numbers.
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;

/// The name of an IP protocol number.
pub(super) const fn protocol_name(protocol: u8) -> Option<&'static str> {
    match protocol {
        0 => Some("hop-by-hop options"),
        1 => Some("ICMP"),
        TCP => Some("TCP"),
        UDP => Some("UDP"),
        43 => Some("routing"),
        44 => Some("fragment"),
        50 => Some("ESP"),
        58 => Some("ICMPv6"),
        59 => Some("none"),
        60 => Some("destination options"),
        132 => Some("SCTP"),
        _ => None,
    }
}

/// What an IP header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ip {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    /// Length of the payload, if it is given.
    pub(super) length: Option<usize>,
    pub(super) length_from: Span,
    pub(super) fragment: Option<Fragment>,
}

/// What a fragment says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fragment {
    pub(super) identification: u32,
    /// In bytes.
    pub(super) offset: usize,
    pub(super) more: bool,
}

/// What a frame holds under its headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inner<'a> {
    /// A UDP datagram.
    Udp {
        /// Source.
        from: SocketAddr,
        /// Destination.
        to: SocketAddr,
        /// Its payload, as much of it as there is.
        payload: &'a [u8],
    },
    /// A TCP segment.
    Tcp {
        /// Source.
        from: SocketAddr,
        /// Destination.
        to: SocketAddr,
        /// Its sequence number.
        sequence: u32,
        /// Its payload, as much of it as there is.
        payload: &'a [u8],
    },
    /// A fragment of an IP packet.
    Fragment {
        /// Where its payload belongs in the packet, in bytes.
        offset: usize,
        /// Its payload.
        payload: &'a [u8],
    },
    /// An exported PDU for the dissector of this name.
    Exported {
        /// Name of Wireshark's dissector.
        dissector: &'a [u8],
        /// Source.
        from: SocketAddr,
        /// Destination.
        to: SocketAddr,
        /// The PDU.
        payload: &'a [u8],
    },
    /// An SCTP packet without network layer.
    Sctp {
        /// The packet.
        payload: &'a [u8],
    },
    /// Something that WebRTC does not run on, by EtherType or IP protocol.
    Other {
        /// The bytes.
        payload: &'a [u8],
    },
}

/// A frame's headers and what they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers<'a> {
    /// What they hold.
    pub inner: Inner<'a>,
    /// Where the payload stands in the frame.
    pub place: Span,
    /// Whether bytes of the payload were cut off the frame.
    pub cut: bool,
}

/// All headers of a frame as a tree, to show it.
pub fn tree(link: LinkType, data: &[u8]) -> Dissected<Headers<'_>> {
    node::record("frame", data, |r| {
        let read = read(link, r)?;
        Ok(read.headers())
    })
}

/// Source and destination of a frame, if it is an IP packet; the ports are zero where it has none, as a fragment has not.
pub fn between(link: LinkType, data: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    match read(link, &mut Reader::new("frame", data)).ok()?.kind {
        Kind::Udp { from, to } | Kind::Tcp { from, to, .. } => Some((from, to)),
        Kind::Fragment { ip, .. } => {
            Some((SocketAddr::new(ip.source, 0), SocketAddr::new(ip.destination, 0)))
        }
        Kind::Exported(_) | Kind::Sctp | Kind::Other => None,
    }
}

/// The headers as the network needs them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layers<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) payload: &'a [u8],
    pub(super) place: Span,
    pub(super) cut: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind<'a> {
    Udp { from: SocketAddr, to: SocketAddr },
    Tcp { from: SocketAddr, to: SocketAddr, header: Tcp },
    Fragment { ip: Ip, fragment: Fragment },
    Exported(Exported<'a>),
    Sctp,
    Other,
}

impl<'a> Layers<'a> {
    fn headers(&self) -> Headers<'a> {
        let payload = self.payload;
        let inner = match self.kind {
            Kind::Udp { from, to } => Inner::Udp { from, to, payload },
            Kind::Tcp { from, to, header } => Inner::Tcp { from, to, sequence: header.sequence, payload },
            Kind::Fragment { fragment, .. } => Inner::Fragment { offset: fragment.offset, payload },
            Kind::Exported(Exported { dissector, from, to, .. }) => {
                Inner::Exported { dissector, from, to, payload }
            }
            Kind::Sctp => Inner::Sctp { payload },
            Kind::Other => Inner::Other { payload },
        };
        Headers { inner, place: self.place, cut: self.cut }
    }
}

/// Reads all headers of a frame.
pub(super) fn read<'a, S: Sink>(link: LinkType, r: &mut Reader<'a, S>) -> Read<Layers<'a>> {
    let kind = match link {
        LinkType::ETHERNET => ethernet::read(r)?,
        LinkType::LINUX_SLL => cooked::read(r)?,
        LinkType::LINUX_SLL2 => cooked::read_v2(r)?,
        LinkType::NULL | LinkType::LOOP => loopback::read(r)?,
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD => match r.peek().first().map(|b| b >> 4) {
            Some(4) => ethernet::IPV4,
            Some(6) => ethernet::IPV6,
            Some(_) => 0,
            None => return Err(r.short(1)),
        },
        LinkType::IPV4 => ethernet::IPV4,
        LinkType::IPV6 => ethernet::IPV6,
        LinkType::WIRESHARK_UPPER_PDU => {
            let exported = exported::read(r)?;
            return Ok(rest(r, Kind::Exported(exported), None));
        }
        LinkType::SCTP => return Ok(rest(r, Kind::Sctp, None)),
        _ => return Err(r.invalid("a link type that is not read")),
    };
    let ip = match kind {
        ethernet::IPV4 => ipv4::read(r)?,
        ethernet::IPV6 => ipv6::read(r)?,
        _ => return Ok(rest(r, Kind::Other, None)),
    };
    match ip.fragment {
        Some(fragment) => Ok(rest(r, Kind::Fragment { ip, fragment }, ip.length)),
        None => transport(r, &ip),
    }
}

/// Reads the headers within an IP packet's payload.
pub(super) fn transport<'a, S: Sink>(r: &mut Reader<'a, S>, ip: &Ip) -> Read<Layers<'a>> {
    let begins = r.offset();
    let left = |r: &Reader<'_, S>| ip.length.map(|length| length.saturating_sub(r.offset() - begins));
    match ip.protocol {
        UDP => {
            let udp = udp::read(r)?;
            let (from, to) = ends(ip, udp.source, udp.destination);
            let length = match (udp.length, left(r)) {
                (Some(udp), Some(ip)) => Some(udp.min(ip)),
                (udp, ip) => udp.or(ip),
            };
            Ok(rest(r, Kind::Udp { from, to }, length))
        }
        TCP => {
            let header = tcp::read(r)?;
            let (from, to) = ends(ip, header.source, header.destination);
            let length = left(r);
            Ok(rest(r, Kind::Tcp { from, to, header }, length))
        }
        _ => Ok(rest(r, Kind::Other, ip.length)),
    }
}

fn ends(ip: &Ip, source: u16, destination: u16) -> (SocketAddr, SocketAddr) {
    (SocketAddr::new(ip.source, source), SocketAddr::new(ip.destination, destination))
}

/// The payload: as many bytes as `length` says, or all.
fn rest<'a, S: Sink>(r: &mut Reader<'a, S>, kind: Kind<'a>, length: Option<usize>) -> Layers<'a> {
    let there = r.remaining();
    let length = length.unwrap_or(there);
    let place = Span::new(r.offset(), r.offset() + length.min(there));
    let payload = r.rest("payload").value;
    // Bytes behind it are the link's padding.
    let payload = payload.get(..length).unwrap_or(payload);
    Layers { kind, payload, place, cut: length > there }
}
