//! What an observer of the server gets.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// What a client reaches the server by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        })
    }
}

/// A client's 5-tuple (RFC 8656 §3.1); the server's port is the one for the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Client {
    /// How it comes.
    pub transport: Transport,
    /// Where from.
    pub address: SocketAddr,
}

/// A request method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Binding (RFC 8489).
    Binding,
    /// Allocate (RFC 8656 §7).
    Allocate,
    /// Refresh (RFC 8656 §8).
    Refresh,
    /// CreatePermission (RFC 8656 §10).
    CreatePermission,
    /// ChannelBind (RFC 8656 §12).
    ChannelBind,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Binding => "Binding",
            Self::Allocate => "Allocate",
            Self::Refresh => "Refresh",
            Self::CreatePermission => "CreatePermission",
            Self::ChannelBind => "ChannelBind",
        })
    }
}

/// Why an allocation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its client gave it back (Refresh with lifetime zero).
    Released,
    /// It was not refreshed in time.
    Expired,
    /// Its TCP or TLS connection closed.
    Disconnected,
    /// The server ended it, or stopped.
    Ended,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// A Binding request was answered.
    Bound {
        /// Who asked.
        client: Client,
        /// The address that was reported to it.
        mapped: SocketAddr,
    },
    /// An allocation was made.
    Allocated {
        /// Whose.
        client: Client,
        /// Its user.
        username: String,
        /// Its relayed addresses.
        relayed: Vec<SocketAddr>,
        /// How long it lives.
        lifetime: Duration,
    },
    /// An allocation was refreshed.
    Refreshed {
        /// Whose.
        client: Client,
        /// How long it lives from now on.
        lifetime: Duration,
    },
    /// Permissions were installed or refreshed.
    Permitted {
        /// For whose allocation.
        client: Client,
        /// For these peers.
        peers: Vec<SocketAddr>,
    },
    /// A channel was bound or refreshed.
    ChannelBound {
        /// For whose allocation.
        client: Client,
        /// Its number.
        channel: u16,
        /// Its peer.
        peer: SocketAddr,
    },
    /// A request was refused.
    Refused {
        /// Whose.
        client: Client,
        /// Which.
        method: Method,
        /// With this error code.
        code: u16,
    },
    /// A request was not answered, on purpose.
    Ignored {
        /// Whose.
        client: Client,
        /// Which.
        method: Method,
    },
    /// The first packet that came to an allocation from a peer without a permission, and was dropped (RFC 8656 §9).
    Unpermitted {
        /// Whose allocation.
        client: Client,
        /// The peer.
        peer: SocketAddr,
    },
    /// The first packet of an allocation was relayed in this direction.
    Relayed {
        /// Of whose allocation.
        client: Client,
        /// The peer.
        peer: SocketAddr,
        /// Towards the peer, not from it.
        outwards: bool,
    },
    /// An allocation ended.
    Ended {
        /// Whose it was.
        client: Client,
        /// Why.
        ending: Ending,
        /// Packets relayed to peers.
        sent: u64,
        /// Packets relayed from peers.
        received: u64,
    },
}
