//! The network as a capture shows it.

use super::fragments::Fragments;
use super::frame::{self, Kind, Layers};
use super::sctp_ends::SctpEnds;
use super::stream::{Key, Streams};
use crate::file::{Frame, LinkType};
use crate::wire::{Reader, Stop};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// How much is kept of what is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most IP packets in the making, of at most 64 KiB each.
    pub fragmented: usize,
    /// Most directions of TCP connections.
    pub streams: usize,
    /// Most bytes of each that wait for others.
    pub stream_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { fragmented: 256, streams: 1_024, stream_bytes: 128 << 10 }
    }
}

/// What carries a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A UDP datagram.
    Udp,
    /// A message cut out of a TCP stream: a packet framed by RFC 4571, a STUN message or ChannelData.
    Tcp,
    /// A plaintext interface that holds RTP.
    ClearRtp,
    /// A plaintext interface that holds RTCP.
    ClearRtcp,
    /// A plaintext interface that holds SCTP.
    ClearSctp,
}

/// How a packet's bytes came together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// They stand in the frame from this byte on.
    Frame(u32),
    /// They were put together from several frames, of which this was the last.
    Reassembled,
}

/// A packet for WebRTC's protocols.
#[derive(Debug, Clone, Copy)]
pub struct TransportPacket<'a> {
    /// What carries it.
    pub transport: Transport,
    /// Source.
    pub from: SocketAddr,
    /// Destination.
    pub to: SocketAddr,
    /// Its bytes.
    pub payload: &'a [u8],
    /// Where they are from.
    pub source: Source,
    /// Whether bytes were cut off its end by a snap length.
    pub cut: bool,
    /// For plaintext, the frame that carried it on the wire, where the capture says so.
    pub carried_by: Option<u32>,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It gave this many packets.
    Packets(usize),
    /// It is a fragment of an IP packet that is not whole yet.
    Fragment,
    /// It is nothing that WebRTC runs on.
    Other,
    /// Its headers were not understood further.
    Stopped(Stop),
}

/// Follows the frames of a capture. See the [module](super).
#[derive(Debug)]
pub struct Network {
    fragments: Fragments,
    streams: Streams,
    sctp_ends: SctpEnds,
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

impl Network {
    /// A network with the default limits.
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// A network.
    pub fn with_limits(limits: Limits) -> Self {
        Self {
            fragments: Fragments::new(limits.fragmented),
            streams: Streams::new(limits.streams, limits.stream_bytes),
            sctp_ends: SctpEnds::default(),
        }
    }

    /// Takes in a frame of a capture and gives the packets that are whole now.
    pub fn frame(&mut self, frame: &Frame<'_>, each: &mut dyn FnMut(&TransportPacket<'_>)) -> Outcome {
        self.bytes(frame.link, frame.interface, frame.data, each)
    }

    /// The same of a frame's bytes; fragments and streams of different interfaces are kept apart.
    pub fn bytes(
        &mut self,
        link: LinkType,
        interface: Option<usize>,
        data: &[u8],
        each: &mut dyn FnMut(&TransportPacket<'_>),
    ) -> Outcome {
        let layers = match frame::read(link, &mut Reader::new("frame", data)) {
            Ok(layers) => layers,
            Err(stop) => return Outcome::Stopped(stop),
        };
        let Kind::Fragment { mut ip, fragment } = layers.kind else {
            return self.layers(interface, &layers, true, each);
        };
        if layers.cut {
            return Outcome::Fragment;
        }
        let Some(whole) = self.fragments.add(interface, &ip, fragment, layers.payload) else {
            return Outcome::Fragment;
        };
        (ip.fragment, ip.length) = (None, None);
        match frame::transport(&mut Reader::new("reassembled IP packet", &whole), &ip) {
            Ok(layers) => self.layers(interface, &layers, false, each),
            Err(stop) => Outcome::Stopped(stop),
        }
    }

    /// `in_frame`: whether places are those in the frame.
    fn layers(
        &mut self,
        interface: Option<usize>,
        layers: &Layers<'_>,
        in_frame: bool,
        each: &mut dyn FnMut(&TransportPacket<'_>),
    ) -> Outcome {
        let Layers { payload, cut, .. } = *layers;
        let begins = layers.place.start;
        let source = if in_frame { Source::Frame(begins) } else { Source::Reassembled };
        let mut packet = TransportPacket {
            transport: Transport::Udp,
            from: NOWHERE,
            to: NOWHERE,
            payload,
            source,
            cut,
            carried_by: None,
        };
        match layers.kind {
            Kind::Udp { from, to } => {
                (packet.from, packet.to) = (from, to);
                each(&packet);
                Outcome::Packets(1)
            }
            Kind::Tcp { from, to, header } => {
                (packet.transport, packet.from, packet.to) = (Transport::Tcp, from, to);
                let mut count = 0;
                let key = Key { interface, from, to };
                self.streams.segment(key, &header, payload, &mut |message, at| {
                    let source = match at.map(u32::try_from) {
                        Some(Ok(at)) if in_frame => Source::Frame(begins.saturating_add(at)),
                        _ => Source::Reassembled,
                    };
                    count += 1;
                    each(&TransportPacket { payload: message, source, cut: false, ..packet });
                });
                Outcome::Packets(count)
            }
            Kind::Exported(exported) => {
                packet.transport = match exported.dissector {
                    b"rtp" | b"rtp_udp" => Transport::ClearRtp,
                    b"rtcp" | b"rtcp_udp" => Transport::ClearRtcp,
                    b"sctp" => Transport::ClearSctp,
                    b"udp" | b"stun" | b"stun-udp" | b"stun_udp" | b"dtls" | b"dtls_udp" | b"turnchannel" => {
                        Transport::Udp
                    }
                    _ => return Outcome::Other,
                };
                (packet.from, packet.to) = (exported.from, exported.to);
                packet.carried_by = exported.original_frame;
                each(&packet);
                Outcome::Packets(1)
            }
            Kind::Sctp => {
                packet.transport = Transport::ClearSctp;
                if let Some(ends) = self.sctp_ends.of(interface, payload) {
                    (packet.from, packet.to) = ends;
                }
                each(&packet);
                Outcome::Packets(1)
            }
            Kind::Other | Kind::Fragment { .. } => Outcome::Other,
        }
    }
}

/// The address of packets whose capture contains none.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
