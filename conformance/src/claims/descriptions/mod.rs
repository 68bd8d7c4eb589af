//! Descriptions: what they announce is what the wire shows, and what a later one must keep is kept.
//!
//! Most of it is decided by requirements (`checks/sdp`, `checks/ice`, `checks/dtls`, `checks/rtp`), whose findings name the cause of a
//! failure. What is here has no requirement of its own.

pub(super) mod certificates;
mod claims;
mod password;
mod ssrc;
mod transport;

pub(super) use claims::CLAIMS;

use super::{Contradiction, Session};
use crate::evidence::Peer;

pub(super) fn check(session: &Session<'_>, found: &mut Vec<Contradiction>) {
    for (place, (peer, _)) in session.peers().enumerate() {
        password::check(session, peer, Peer(place), found);
        ssrc::check(session, peer, Peer(place), found);
        transport::check(session, peer, Peer(place), found);
    }
}

#[cfg(test)]
mod tests;
