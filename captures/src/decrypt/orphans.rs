//! Answers of DTLS servers on paths that no `ClientHello` took.
//!
//! With ICE each side sends on the pair that it has selected (RFC 8445 §8.1.1), so the flights of one handshake may go by two pairs
//! with no address in common. Nothing in a `ServerHello` says whose it is; what its keys open does.

use super::dtls::{ConnectionId, ServerHello};
use super::path::{Meta, PathKey};

/// How many are kept, the newest.
const MOST: usize = 8;
/// How often one is tried in all: each try derives keys.
const MOST_TRIES: u32 = 16_384;

/// An answer, where it was seen, and whether its sender has the lower address there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Orphan {
    pub(super) hello: ServerHello,
    pub(super) path: PathKey,
    pub(super) server_is_low: bool,
}

#[derive(Debug, Default)]
pub(super) struct Orphans {
    kept: Vec<Orphan>,
    tries: u32,
}

impl Orphans {
    /// Keeps one. False if it is there already.
    pub(super) fn keep(&mut self, meta: &Meta, hello: ServerHello) -> bool {
        let orphan = Orphan { hello, path: meta.key(), server_is_low: meta.sent_by_low() };
        if self.kept.iter().any(|kept| kept.hello == hello && kept.path == orphan.path) {
            return false;
        }
        if self.kept.len() >= MOST {
            self.kept.remove(0);
        }
        self.kept.push(orphan);
        true
    }

    /// Whether there is one of this path, so that what follows on it may be opened later.
    pub(super) fn on(&self, path: &PathKey) -> bool {
        self.kept.iter().any(|kept| kept.path == *path)
    }

    /// The connection IDs that these servers want in what is sent to them.
    pub(super) fn connection_ids(&self) -> impl Iterator<Item = ConnectionId> + '_ {
        self.kept.iter().filter_map(|kept| kept.hello.connection_id)
    }

    /// The `nth`, to be tried.
    pub(super) fn attempt(&mut self, nth: usize) -> Option<Orphan> {
        let orphan = self.kept.get(nth).filter(|_| self.tries < MOST_TRIES)?;
        self.tries += 1;
        Some(*orphan)
    }

    /// Its association is found.
    pub(super) fn adopted(&mut self, nth: usize) {
        self.kept.remove(nth);
    }
}
