//! An allocation: its relayed addresses, permissions and channels (RFC 8656 §3). No clock and no I/O but what is given.

use super::config::{Lifetimes, Limits};
use super::socket::Udp;
use indexmap::IndexMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;

/// A relayed address, and its socket.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    pub(super) socket: Arc<Udp>,
}

/// Why a permission or a channel is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// The channel or the peer is bound otherwise (RFC 8656 §12.2): 400.
    BoundOtherwise,
    /// There is no relayed address of the peer's family: 443.
    Family,
    /// There are too many: 508.
    TooMany,
}

impl Denied {
    pub(super) const fn code(self) -> u16 {
        match self {
            Self::BoundOtherwise => 400,
            Self::Family => 443,
            Self::TooMany => 508,
        }
    }
}

/// What a client has allocated. Dropping it ends its relaying.
#[derive(Debug)]
pub(super) struct Allocation {
    /// Whose it is; only this user may change it (441).
    pub(super) username: String,
    /// Transaction and answer of the request that made it, for its retransmissions (RFC 8656 §7.2).
    pub(super) made_by: ([u8; 12], Vec<u8>),
    pub(super) relays: Vec<Relay>,
    /// When it ends unless refreshed; the relaying tasks watch it.
    pub(super) expires: watch::Sender<Instant>,
    permissions: IndexMap<IpAddr, Instant>,
    channels: IndexMap<u16, (SocketAddr, Instant)>,
    /// Packets relayed to peers and from them.
    pub(super) relayed: (u64, u64),
    /// Whether a peer without a permission has sent something.
    pub(super) unpermitted: bool,
}

impl Allocation {
    pub(super) fn new(
        username: String,
        made_by: ([u8; 12], Vec<u8>),
        relays: Vec<Relay>,
        expires: watch::Sender<Instant>,
    ) -> Self {
        Self {
            username,
            made_by,
            relays,
            expires,
            permissions: IndexMap::new(),
            channels: IndexMap::new(),
            relayed: (0, 0),
            unpermitted: false,
        }
    }

    /// The relayed address through which this peer can be reached.
    pub(super) fn relay_for(&self, peer: SocketAddr) -> Option<&Relay> {
        self.relays.iter().find(|relay| relay.address.is_ipv4() == peer.is_ipv4())
    }

    /// Installs or refreshes permissions for all these peers, or for none (RFC 8656 §10.2).
    pub(super) fn permit(
        &mut self,
        peers: &[SocketAddr],
        now: Instant,
        lifetimes: &Lifetimes,
        limits: &Limits,
    ) -> Result<(), Denied> {
        self.permissions.retain(|_, until| *until > now);
        if peers.iter().any(|peer| self.relay_for(*peer).is_none()) {
            return Err(Denied::Family);
        }
        let new = peers.iter().filter(|peer| !self.permissions.contains_key(&peer.ip())).count();
        if self.permissions.len() + new > limits.permissions {
            return Err(Denied::TooMany);
        }
        for peer in peers {
            self.permissions.insert(peer.ip(), now + lifetimes.permission);
        }
        Ok(())
    }

    /// Binds a channel or refreshes it; its peer gets a permission too (RFC 8656 §12.2).
    pub(super) fn bind(
        &mut self,
        channel: u16,
        peer: SocketAddr,
        now: Instant,
        lifetimes: &Lifetimes,
        limits: &Limits,
    ) -> Result<(), Denied> {
        self.channels.retain(|_, (_, until)| *until > now);
        let otherwise =
            |(known, (bound, _)): (&u16, &(SocketAddr, Instant))| (*known == channel) != (*bound == peer);
        if self.channels.iter().any(otherwise) {
            return Err(Denied::BoundOtherwise);
        }
        if !self.channels.contains_key(&channel) && self.channels.len() >= limits.channels {
            return Err(Denied::TooMany);
        }
        self.permit(&[peer], now, lifetimes, limits)?;
        self.channels.insert(channel, (peer, now + lifetimes.channel));
        Ok(())
    }

    /// Whether packets may go to this address and come from it.
    pub(super) fn permits(&self, peer: IpAddr, now: Instant) -> bool {
        self.permissions.get(&peer).is_some_and(|until| *until > now)
    }

    /// The peer that a channel is bound to.
    pub(super) fn peer_of(&self, channel: u16, now: Instant) -> Option<SocketAddr> {
        self.channels.get(&channel).filter(|(_, until)| *until > now).map(|(peer, _)| *peer)
    }

    /// The channel that is bound to a peer.
    pub(super) fn channel_of(&self, peer: SocketAddr, now: Instant) -> Option<u16> {
        self.channels.iter().find(|(_, (bound, until))| *bound == peer && *until > now).map(|(n, _)| *n)
    }
}
