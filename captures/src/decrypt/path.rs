//! The paths on which associations run: pairs of addresses, and peers behind TURN servers.

use super::data::AssociationId;
use super::dtls::Side;
use crate::wire::dtls::handshake::{Limits, Reassembly};
use crate::wire::turn::Peer;
use std::net::SocketAddr;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct PathKey {
    pub(super) low: SocketAddr,
    pub(super) high: SocketAddr,
    pub(super) relayed: Option<Peer>,
}

/// Bounds of hello messages in the making. Hellos are far shorter.
const HELLOS: Limits = Limits { message: 32 << 10, incomplete: 4, parts: 64 };

#[derive(Debug)]
pub(super) struct Path {
    pub(super) link: Option<Link>,
    pub(super) misses: u32,
    /// Handshake messages in the making, from the lower and the higher address.
    pub(super) hellos: [Reassembly; 2],
}

impl Default for Path {
    fn default() -> Self {
        Self {
            link: None,
            misses: 0,
            hellos: [Reassembly::of_several(HELLOS), Reassembly::of_several(HELLOS)],
        }
    }
}

/// The association of a path and which end is its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) association: AssociationId,
    pub(super) client_is_low: bool,
}

#[derive(Clone, Copy)]
pub(super) struct Meta {
    pub(super) time_ns: u64,
    pub(super) frame: u64,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) relayed: Option<Peer>,
}

impl Meta {
    pub(super) fn key(&self) -> PathKey {
        let (low, high) = if self.from <= self.to { (self.from, self.to) } else { (self.to, self.from) };
        PathKey { low, high, relayed: self.relayed }
    }

    pub(super) fn sent_by_low(&self) -> bool {
        self.from <= self.to
    }
}

impl Link {
    pub(super) fn sender(self, meta: &Meta) -> Side {
        if meta.sent_by_low() == self.client_is_low { Side::Client } else { Side::Server }
    }
}
