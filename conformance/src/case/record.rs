//! Everything from which a case is judged.

use crate::case_file::{CaseFile, CasePeer, Role};
use crate::checks::media;
use crate::evidence::{Evidence, ReachedBy};
use indexmap::IndexMap;
use peerproof_captures::summary::WireSummary;
use peerproof_captures::timeline::Entry;
use serde_json::Value;
use std::collections::BTreeSet;

/// A recorded case.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseRecord {
    /// `case.json`.
    pub file: CaseFile,
    /// `timeline.jsonl`, in order.
    pub timeline: Vec<Entry>,
    /// The last statistics of each peer (`stats/<peer>.json`).
    pub stats: IndexMap<String, Value>,
    /// The packets. `None` if there is no readable capture; a capture without packets is an empty summary.
    pub wire: Option<WireSummary>,
    /// By which address each peer was reached, by name, where the packets tell.
    pub reached: IndexMap<String, ReachedBy>,
    /// The stream identifiers that the RTP of each peer carries, by name, where any of it was recorded.
    pub rids: IndexMap<String, BTreeSet<String>>,
}

impl CaseRecord {
    /// The peer of that name.
    #[must_use]
    pub fn peer(&self, name: &str) -> Option<&CasePeer> {
        self.file.peers.iter().find(|peer| peer.name == name)
    }

    /// The peer of that role.
    #[must_use]
    pub fn role(&self, role: Role) -> Option<&CasePeer> {
        self.file.peers.iter().find(|peer| peer.role == role)
    }

    /// The name of the other of two peers.
    #[must_use]
    pub fn other(&self, name: &str) -> Option<&str> {
        self.file.peers.iter().map(|peer| peer.name.as_str()).find(|other| *other != name)
    }

    /// By which address each peer was reached, where the packets tell.
    #[must_use]
    pub fn reached(evidence: &Evidence) -> IndexMap<String, ReachedBy> {
        let peers = evidence.each_peer();
        let told =
            peers.filter_map(|peer| Some((evidence.name(peer).to_owned(), evidence.reached_by(peer)?)));
        told.collect()
    }

    /// The stream identifiers (RFC 8852) that the RTP of each peer carries, where any of it was recorded.
    #[must_use]
    pub fn rids(evidence: &Evidence) -> IndexMap<String, BTreeSet<String>> {
        let peers = evidence.each_peer();
        let told =
            peers.filter_map(|peer| Some((evidence.name(peer).to_owned(), media::rids(evidence, peer)?)));
        told.collect()
    }

    /// The capture, if it holds any packet between the peers.
    #[must_use]
    pub fn packets(&self) -> Option<&WireSummary> {
        self.wire.as_ref().filter(|wire| wire.packets > 0)
    }
}
