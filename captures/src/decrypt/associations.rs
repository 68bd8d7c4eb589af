//! The associations that a session follows, the newest up to a limit.

use super::data::{AssociationId, AssociationInfo};
use super::dtls::{Association, ClientHello, ConnectionId, Side};
use crate::hash::Ordered;

/// Associations in the order in which they came up. The oldest makes room for a new one.
pub(super) struct Associations {
    limit: usize,
    /// Association `n` stands at `n` modulo the limit.
    kept: Vec<(AssociationId, Association)>,
    by_random: Ordered<[u8; 32], AssociationId>,
    next: u64,
}

impl Associations {
    /// At most `limit`, which is at least one.
    pub(super) fn with_limit(limit: usize) -> Self {
        Self { limit: limit.max(1), kept: Vec::new(), by_random: Ordered::default(), next: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    fn slot(&self, id: AssociationId) -> usize {
        (id.0 % self.limit as u64) as usize
    }

    pub(super) fn get(&self, id: AssociationId) -> Option<&Association> {
        let (found, association) = self.kept.get(self.slot(id))?;
        (*found == id).then_some(association)
    }

    pub(super) fn get_mut(&mut self, id: AssociationId) -> Option<&mut Association> {
        let slot = self.slot(id);
        let (found, association) = self.kept.get_mut(slot)?;
        (*found == id).then_some(association)
    }

    /// The association of a ClientHello, begun if its random is new.
    pub(super) fn of(&mut self, hello: &ClientHello) -> AssociationId {
        if let Some(known) = self.by_random.get(&hello.random) {
            return *known;
        }
        let id = AssociationId(self.next);
        self.next += 1;
        let association = (id, Association::new(hello));
        let slot = self.slot(id);
        match self.kept.get_mut(slot) {
            Some(place) => {
                let (_, forgotten) = std::mem::replace(place, association);
                self.by_random.swap_remove(&forgotten.client_random);
            }
            None => self.kept.push(association),
        }
        self.by_random.insert(hello.random, id);
        id
    }

    /// That of the handshake with this client random.
    pub(super) fn with_random(&self, client_random: &[u8; 32]) -> Option<&Association> {
        self.get(*self.by_random.get(client_random)?)
    }

    /// The newest, that one first.
    pub(super) fn newest(&self, count: usize) -> impl Iterator<Item = AssociationId> + use<> {
        let (next, count) = (self.next, count.min(self.limit) as u64);
        (next.saturating_sub(count)..next).rev().map(AssociationId)
    }

    /// The connection IDs of the newest.
    pub(super) fn connection_ids(&self, count: usize) -> impl Iterator<Item = ConnectionId> + '_ {
        let associations = self.newest(count).filter_map(|id| self.get(id));
        associations.flat_map(|association| {
            [Side::Client, Side::Server].map(|sender| association.connection_id(sender))
        })
    }

    pub(super) fn info(&self, id: AssociationId) -> Option<AssociationInfo> {
        let association = self.get(id)?;
        Some(AssociationInfo {
            id,
            client_random: association.client_random,
            version: association.version(),
            suite: association.suite(),
            srtp_profile: association.profile(),
        })
    }

    /// What is known of each, oldest first.
    pub(super) fn infos(&self) -> impl Iterator<Item = AssociationInfo> + '_ {
        let from = self.next.saturating_sub(self.limit as u64);
        (from..self.next).filter_map(|id| self.info(AssociationId(id)))
    }
}
