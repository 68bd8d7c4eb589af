//! What a peer was told to do and what it said, in its own order.

use super::{Evidence, Peer};
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::{Answer, What};
use serde_json::Value;

/// An event of a peer.
#[derive(Debug, Clone, Copy)]
pub struct Happened<'a> {
    /// Its entry in the timeline.
    pub entry: u64,
    /// Its number at the peer.
    pub seq: u64,
    /// Microseconds since the case began.
    pub t_us: u64,
    /// What happened.
    pub event: &'a PeerEvent,
}

/// An operation of the API with its result.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its arguments.
    pub args: &'a Value,
    /// The entry that tells of the call.
    pub entry: u64,
    /// The entry that tells of the result.
    pub answered: u64,
    /// The result.
    pub answer: &'a Answer,
}

impl Evidence {
    /// The events of a peer, in the order in which they happened there.
    #[must_use]
    pub fn events(&self, peer: Peer) -> Vec<Happened<'_>> {
        let name = self.name(peer);
        let mut events: Vec<_> = self
            .timeline
            .iter()
            .filter_map(|entry| match &entry.what {
                What::Event { peer, seq, event } if peer == name => {
                    Some(Happened { entry: entry.n, seq: *seq, t_us: entry.t_us, event })
                }
                _ => None,
            })
            .collect();
        events.sort_by_key(|event| event.seq);
        events
    }

    /// The operations of a peer that gave a result, in the order of the results.
    #[must_use]
    pub fn calls(&self, peer: Peer) -> Vec<Call<'_>> {
        let own = self.name(peer);
        let mut open: Vec<(u64, &str, &Value, u64)> = Vec::new();
        let mut calls = Vec::new();
        for entry in &self.timeline {
            match &entry.what {
                What::Command { peer, id, name, args } if peer == own => {
                    open.push((*id, name, args, entry.n));
                }
                What::Answer { peer, id, answer } if peer == own => {
                    let Some(at) = open.iter().position(|(asked, ..)| asked == id) else { continue };
                    let (_, name, args, asked) = open.remove(at);
                    calls.push(Call { name, args, entry: asked, answered: entry.n, answer });
                }
                _ => {}
            }
        }
        calls
    }
}
