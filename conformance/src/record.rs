//! Everything from which a case is judged.

use crate::case_file::{CaseFile, CasePeer, Role};
use crate::checks::media;
use crate::evidence::{Evidence, Flaw, Peer, ReachedBy, SeenUnit, Wire};
use indexmap::IndexMap;
use peerproof_captures::normal::Sent;
use peerproof_captures::timeline::Entry;
use serde_json::Value;
use std::collections::BTreeMap;

/// A recorded case.
#[derive(Debug, Clone)]
pub struct CaseRecord {
    /// `case.json`.
    pub file: CaseFile,
    /// `timeline.jsonl`, in order.
    pub timeline: Vec<Entry>,
    /// The last statistics of each peer (`stats/<peer>.json`).
    pub stats: IndexMap<String, Value>,
    /// The packets. `None` if there is no readable capture.
    pub wire: Option<Wire>,
    /// By which address each peer was reached, by name, where the packets show it.
    pub reached: IndexMap<String, ReachedBy>,
    /// The stream identifiers that the RTP of each peer carries, by name, where any of it was recorded.
    pub rids: IndexMap<String, BTreeMap<String, u64>>,
    /// What the recording lacks.
    pub flaws: Vec<Flaw>,
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

    /// By which address each peer was reached, where the packets show it.
    #[must_use]
    pub fn reached(evidence: &Evidence) -> IndexMap<String, ReachedBy> {
        let peers = evidence.each_peer();
        let all = peers.filter_map(|peer| Some((evidence.name(peer).to_owned(), evidence.reached_by(peer)?)));
        all.collect()
    }

    /// The stream identifiers (RFC 8852) that the RTP of each peer carries, each with its first frame, where any of it was recorded.
    #[must_use]
    pub fn rids(evidence: &Evidence) -> IndexMap<String, BTreeMap<String, u64>> {
        let peers = evidence.each_peer();
        let all =
            peers.filter_map(|peer| Some((evidence.name(peer).to_owned(), media::rids(evidence, peer)?)));
        all.collect()
    }

    /// The capture, if it holds any packet between the peers.
    #[must_use]
    pub fn packets(&self) -> Option<&Wire> {
        self.wire.as_ref().filter(|wire| wire.seen > 0)
    }

    /// The capture, if it holds any packet at the tap of one of the two.
    #[must_use]
    pub fn packets_of(&self, one: &str, other: &str) -> Option<&Wire> {
        let (one, other) = (self.place_of(one)?, self.place_of(other)?);
        self.packets().filter(|wire| wire.sees(one) || wire.sees(other))
    }

    /// What one peer sent to the other, as seen nearest to it; `None` if the capture holds no packet of either.
    pub fn sent(&self, from: &str, to: &str) -> Option<impl Iterator<Item = SeenUnit<'_>>> {
        let wire = self.packets_of(from, to)?;
        Some(wire.units_sent(self.place_of(from)?, self.place_of(to)?))
    }

    /// What the two peers sent each other of DTLS, in the order of the frames: what a snapshot shows of the handshake. `None` if the
    /// capture holds no packet of either.
    #[must_use]
    pub fn handshake(&self) -> Option<Vec<Sent<'_>>> {
        let [one, other] = self.file.peers.as_slice() else { return None };
        let mut sent: Vec<(u64, Sent<'_>)> = Vec::new();
        for (from, to) in [(&one.name, &other.name), (&other.name, &one.name)] {
            let units = self.sent(from, to)?.filter(|seen| seen.unit.protocol() == "dtls");
            sent.extend(units.map(|seen| (seen.frame, Sent { from, to, unit: seen.unit })));
        }
        sent.sort_by_key(|(frame, _)| *frame);
        Some(sent.into_iter().map(|(_, sent)| sent).collect())
    }

    /// The peer of that name, as evidence counts them.
    pub(crate) fn place_of(&self, name: &str) -> Option<Peer> {
        self.file.peers.iter().position(|peer| peer.name == name).map(Peer)
    }
}
