//! A place of observation: what is known there beyond its packets.

use peerproof_captures::decrypt::Session;
use peerproof_captures::recording::{Direction as Way, InterfaceId};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What is known at one place of observation beyond its packets.
#[derive(Debug)]
pub(super) struct RecordedPlace {
    pub(super) plaintext: Option<InterfaceId>,
    /// Opens what passed here, with the secrets of both peers.
    pub(super) session: Session,
    /// Which way recent frames went, with their local and remote address; the newest last.
    pub(super) recent: VecDeque<(u64, Passed)>,
}

/// The way of a frame.
pub(super) type Passed = (Way, SocketAddr, SocketAddr);

/// The most frames that may wait for their secret and still be recorded with their addresses.
pub(super) const MOST_RECENT: usize = 4096;

/// The session sees one path however often ICE changes the pair, in the middle of the handshake too: a peer of a case has
/// one connection, so whatever passes here belongs together.
pub(super) const INSIDE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(0, 0, 0, 1)), 1);
pub(super) const OUTSIDE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(0, 0, 0, 2)), 2);

impl RecordedPlace {
    pub(super) fn passed(&self, frame: u64) -> Option<Passed> {
        self.recent.iter().rev().find(|(number, _)| *number == frame).map(|(_, passed)| *passed)
    }
}
