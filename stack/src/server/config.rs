//! What a server is made of.

use super::fault::Fault;
use super::tls::Tls;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A user of the long-term credential mechanism (RFC 8489 §9.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Name.
    pub username: String,
    /// Password.
    pub password: String,
}

/// How long things live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Of an allocation whose client asks for nothing else, and for one that asks for less (RFC 8656 §7.2).
    pub allocation: Duration,
    /// Of an allocation at most.
    pub most: Duration,
    /// Of a permission (RFC 8656 §9: five minutes).
    pub permission: Duration,
    /// Of a channel binding (RFC 8656 §12: ten minutes).
    pub channel: Duration,
    /// Of a nonce. RFC 8489 §9.2 wants at least an hour's worth of security policy; nothing fixed.
    pub nonce: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            allocation: Duration::from_secs(600),
            most: Duration::from_secs(3600),
            permission: Duration::from_secs(300),
            channel: Duration::from_secs(600),
            nonce: Duration::from_secs(3600),
        }
    }
}

/// What clients can make the server keep, at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Allocations, beyond which 508 is answered.
    pub allocations: usize,
    /// Allocations of one user, beyond which 486 is answered.
    pub allocations_per_user: usize,
    /// Permissions of one allocation, beyond which 508 is answered.
    pub permissions: usize,
    /// Channels of one allocation, beyond which 508 is answered.
    pub channels: usize,
    /// TCP and TLS connections; further ones are closed at once.
    pub connections: usize,
    /// Packets that may wait for a client on TCP or TLS; further ones are lost.
    pub queue: usize,
    /// Answers that may be held back at once by [`Fault::Slow`]; further ones are lost.
    pub late_answers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            allocations: 1024,
            allocations_per_user: 1024,
            permissions: 256,
            channels: 256,
            connections: 1024,
            queue: 256,
            late_answers: 1024,
        }
    }
}

/// Where a server listens. Port 0 means any that is free.
#[derive(Debug, Clone)]
pub struct Listen {
    /// The address for clients.
    pub address: IpAddr,
    /// UDP and TCP port. TCP gets the same number as UDP.
    pub port: u16,
    /// The address for clients that come by TLS, if another one: certificates are for names, and a name may stand for it.
    pub tls_address: Option<IpAddr>,
    /// Port for TLS over TCP.
    pub tls_port: u16,
    /// Whether it listens on TCP too.
    pub tcp: bool,
    /// Key and certificate, if it listens for TLS too.
    pub tls: Option<Tls>,
}

impl Listen {
    /// UDP and TCP on a free port of this address.
    #[must_use]
    pub fn on(address: IpAddr) -> Self {
        Self { address, port: 0, tls_address: None, tls_port: 0, tcp: true, tls: None }
    }
}

/// Everything that makes a server.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens.
    pub listen: Listen,
    /// Where relayed addresses are taken: the first of each family. None means the listening address.
    pub relay: Vec<IpAddr>,
    /// The realm of its users (RFC 8489 §14.9).
    pub realm: String,
    /// Who may allocate.
    pub users: Vec<Credentials>,
    /// How long things live.
    pub lifetimes: Lifetimes,
    /// Bounds.
    pub limits: Limits,
    /// A reflexive address reported to everybody instead of the true one, as if there were a NAT.
    pub reflexive: Option<SocketAddr>,
    /// How it misbehaves at first.
    pub fault: Fault,
}

impl Config {
    /// A well-behaved server for one user, on UDP and TCP at a free port of this address.
    #[must_use]
    pub fn on(address: IpAddr, user: Credentials) -> Self {
        Self {
            listen: Listen::on(address),
            relay: Vec::new(),
            realm: "peerproof".to_owned(),
            users: vec![user],
            lifetimes: Lifetimes::default(),
            limits: Limits::default(),
            reflexive: None,
            fault: Fault::None,
        }
    }
}
