//! What the pass reports about a datagram, as plain data.

use crate::decrypt::{AssociationId, Content, Side};
use crate::file::Direction;
use crate::link::{Source, Transport};
use crate::wire::demux::Class;
use crate::wire::field::Span;
use std::net::SocketAddr;

/// Source and destination of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ends {
    /// Source.
    pub from: SocketAddr,
    /// Destination.
    pub to: SocketAddr,
    /// The TURN server that relays it, seen between its client and that server: `from` and `to` are those behind it then.
    pub via: Option<SocketAddr>,
}

/// How a datagram goes through a TURN server (RFC 8656 §11, §12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relay {
    /// The client.
    pub client: SocketAddr,
    /// The server.
    pub server: SocketAddr,
    /// The channel, or nothing if it is in a Send or Data indication.
    pub channel: Option<u16>,
    /// Whether the allocation and the peer were seen. Else the client stands for its relayed address, and no address with the
    /// channel as port for the peer.
    pub is_known: bool,
}

/// The way of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Between two peers.
    Direct,
    /// Between a client and its STUN or TURN server.
    Server,
    /// Between two peers, relayed.
    Relayed(Relay),
}

/// A protocol layer of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer<'a> {
    /// Its ends.
    pub ends: Ends,
    /// What its first bytes say that it is.
    pub class: Class,
    /// Where it stands, counted from the start of the outermost layer's payload.
    pub range: Span,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// A datagram, or a message framed in a TCP stream, at a place of observation.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// Number of the frame that made it whole, from one.
    pub frame: u64,
    /// Its time in nanoseconds since 1970; that of the frame before where the file gives none.
    pub time_ns: u64,
    /// The interface of the capture.
    pub interface: Option<usize>,
    /// The place of observation, numbered from zero: an interface together with those that hold its plaintext.
    pub place: usize,
    /// Which way it went there, where the file says so.
    pub direction: Option<Direction>,
    /// What carried it.
    pub transport: Transport,
    /// The datagram as it was on the wire.
    pub outer: Layer<'a>,
    /// What is in it: the peer's datagram if it is relayed, else the same as `outer`.
    pub inner: Layer<'a>,
    /// Its way.
    pub path: Path,
    /// How its bytes came together.
    pub source: Source,
    /// Whether a snap length cut its end off.
    pub is_cut: bool,
    /// Whether it is the second sight of a packet: by a capture on all interfaces of a machine, or by one that records frames twice.
    pub is_copy: bool,
    /// Length of the connection IDs in its DTLS records in bytes (RFC 9146 §3), as far as the handshake was seen.
    pub connection_id: usize,
    /// For plaintext, the frame that carried it on the wire, where the capture says so.
    pub carried_by: Option<u32>,
}

impl<'a> Observation<'a> {
    /// Its layers from outside to inside.
    pub fn layers(&self) -> impl Iterator<Item = Layer<'a>> {
        let inner = matches!(self.path, Path::Relayed(_)).then_some(self.inner);
        [Some(self.outer), inner].into_iter().flatten()
    }

    /// Whether it is of a plaintext interface.
    pub const fn is_plaintext(&self) -> bool {
        !matches!(self.transport, Transport::Udp | Transport::Tcp)
    }

    /// How it is relayed, if it is.
    pub const fn relay(&self) -> Option<Relay> {
        match self.path {
            Path::Relayed(relay) => Some(relay),
            Path::Direct | Path::Server => None,
        }
    }
}

/// What the decryption is to do with a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Nothing.
    No,
    /// Open it by the associations between its addresses.
    ByAddress,
    /// Open it as a part of that path, whatever its addresses: ICE may change the pair in the middle of a handshake.
    As {
        /// Names the path among those of the place.
        path: u32,
        /// Which way along it: `true` from the side that is called the first.
        forth: bool,
    },
}

/// Plaintext, of the datagram at hand or of an earlier one whose secret was not known.
#[derive(Debug, Clone, Copy)]
pub struct Opened<'a> {
    /// Frame of the datagram that held it.
    pub frame: u64,
    /// Its time in nanoseconds since 1970.
    pub time_ns: u64,
    /// The place of observation.
    pub place: usize,
    /// The path that it was followed as a part of, by [`Follow::As`].
    pub path: Option<u32>,
    /// The datagram's ends as it was on the wire; without meaning for one that was followed as a part of a path.
    pub outer: (SocketAddr, SocketAddr),
    /// Those behind a TURN server if it is relayed, else the same.
    pub ends: Ends,
    /// The association whose keys opened it; nothing for SRTP keys given directly.
    pub association: Option<AssociationId>,
    /// The role of its sender in that association.
    pub sender: Option<Side>,
    /// What it is.
    pub content: Content,
    /// Its bytes.
    pub bytes: &'a [u8],
}
