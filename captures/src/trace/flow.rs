//! Flows: what goes between two transport addresses, relayed or not.

use super::at::{At, Side, Sides};
use crate::file::Direction;
use crate::link::Transport;
use crate::observe::Ends;
use crate::wire::demux;
use crate::wire::foreign::Foreign;
use schemars::JsonSchema;
use serde::Serialize;
use std::net::SocketAddr;

/// What carries a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// An interface that holds what was protected on the wire.
    Plaintext,
}

impl From<Transport> for Carrier {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Udp => Self::Udp,
            Transport::Tcp => Self::Tcp,
            Transport::ClearRtp | Transport::ClearRtcp | Transport::ClearSctp => Self::Plaintext,
        }
    }
}

/// How many packets of which protocol went one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Traffic {
    /// Packets.
    pub packets: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// STUN and TURN messages.
    pub stun: u64,
    /// TURN ChannelData messages.
    pub channel_data: u64,
    /// Datagrams with DTLS records.
    pub dtls: u64,
    /// RTP or SRTP.
    pub rtp: u64,
    /// RTCP or SRTCP.
    pub rtcp: u64,
    /// SCTP in the clear.
    pub sctp: u64,
    /// Everything else.
    pub other: u64,
    /// The first.
    pub first: Option<At>,
    /// The last.
    pub last: Option<At>,
    /// The first datagram of RTCP or SRTCP.
    #[serde(skip)]
    pub(super) first_rtcp: Option<At>,
    /// Of those that left one peer's tap, how many arrived at the other's, in a recording of both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrived: Option<u64>,
    /// Of those that left, how many left while nothing was captured at the other end.
    #[serde(skip)]
    pub(super) unwatched: u64,
}

impl Traffic {
    pub(super) fn count(&mut self, at: At, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
        self.first.get_or_insert(at);
        self.last = Some(at);
    }

    pub(super) fn classify(&mut self, at: At, class: demux::Class) {
        use demux::Class;
        match class {
            Class::Stun => self.stun += 1,
            Class::TurnChannel => self.channel_data += 1,
            Class::Dtls => self.dtls += 1,
            Class::Rtp => self.rtp += 1,
            Class::Rtcp => {
                self.rtcp += 1;
                self.first_rtcp.get_or_insert(at);
            }
            Class::Zrtp | Class::Quic | Class::Unassigned | Class::Empty => self.other += 1,
        }
    }
}

/// A packet of a source that may be RTP: another in sequence proves it (RFC 3550 §A.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Probation {
    pub(super) at: At,
    /// The SSRC and sequence number of the next one.
    pub(super) next: (u32, u16),
    /// Its length.
    pub(super) length: usize,
    /// Its first bytes, at most [`PROBATION`](super::limits::PROBATION).
    pub(super) begins: Box<[u8]>,
}

/// What goes between two addresses at one place of observation.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Flow {
    /// The interface of the capture where it was seen.
    pub interface: Option<usize>,
    /// UDP, TCP, or a plaintext interface.
    pub carrier: Carrier,
    /// The address that sent first.
    pub initiator: SocketAddr,
    /// The other address; unspecified with the channel as port if only a TURN channel is known.
    pub responder: SocketAddr,
    /// The TURN server through which it goes, seen between its client and that server.
    pub via: Option<SocketAddr>,
    /// From the initiator.
    pub forth: Traffic,
    /// From the responder.
    pub back: Traffic,
    /// The connection that it belongs to, an index into [`Trace::connections`](super::Trace::connections).
    pub connection: Option<usize>,
    /// The side of that connection at the initiator.
    pub initiator_is: Side,
    /// The flow of the same packets at the other peer's tap, an index into [`Trace::flows`](super::Trace::flows), in a recording of
    /// both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_end: Option<usize>,
    /// The flow, an index into [`Trace::flows`](super::Trace::flows), that has the same packets at the same place of observation: this one is
    /// on the other side of a NAT or of a TURN server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beyond_nat: Option<usize>,
    /// Whether packets from one address left and arrived here, as at a mirrored port: their directions say nothing then.
    #[serde(skip)]
    pub is_seen_both_ways: bool,
    /// The end that is at this interface, by the direction of the first packet.
    #[serde(skip)]
    pub(super) local: Option<SocketAddr>,
    #[serde(skip)]
    pub(super) place: usize,
    /// The candidate pair in that connection.
    #[serde(skip)]
    pub(super) pair: Option<usize>,
    /// The last packet that may be RTP, of the initiator (A) and the responder (B).
    #[serde(skip)]
    pub(super) probation: Sides<Option<Probation>>,
    /// The protocol of the last datagram that was none of WebRTC's.
    #[serde(skip)]
    pub(super) foreign: Option<Foreign>,
    /// Whether the wire itself showed RTP, and SCTP was decrypted: copies in clear show nothing new then.
    #[serde(skip)]
    pub(super) has_wire_rtp: bool,
    #[serde(skip)]
    pub(super) opened: bool,
}

impl Flow {
    /// The side that sends from `address`.
    pub fn side(&self, address: SocketAddr) -> Side {
        if address == self.initiator { self.initiator_is } else { self.initiator_is.other() }
    }

    /// The address of a side.
    pub fn address(&self, side: Side) -> SocketAddr {
        if side == self.initiator_is { self.initiator } else { self.responder }
    }

    /// Traffic sent by a side.
    pub fn sent(&self, side: Side) -> &Traffic {
        if side == self.initiator_is { &self.forth } else { &self.back }
    }

    pub(super) fn sent_from(&mut self, address: SocketAddr) -> &mut Traffic {
        if address == self.initiator { &mut self.forth } else { &mut self.back }
    }

    /// Takes in which end a packet has at this interface.
    pub(super) fn local_end(&mut self, direction: Option<Direction>, ends: Ends) {
        let Some(direction) = direction else { return };
        let local = if direction == Direction::Outbound { ends.from } else { ends.to };
        self.is_seen_both_ways |= *self.local.get_or_insert(local) != local;
    }

    /// The last packet of either direction.
    pub fn last(&self) -> Option<At> {
        self.forth.last.max(self.back.last)
    }
}

/// What distinguishes flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) place: usize,
    pub(super) carrier: Carrier,
    low: SocketAddr,
    high: SocketAddr,
    via: Option<SocketAddr>,
}

impl Key {
    pub(super) fn new(place: usize, carrier: Carrier, ends: Ends) -> Self {
        let Ends { from, to, via } = ends;
        let (low, high) = if from <= to { (from, to) } else { (to, from) };
        Self { place, carrier, low, high, via }
    }
}
