//! What a session left behind, laid out for checks: descriptions, events and calls of each peer, and the wire.
//!
//! An [`Evidence`] is read from a recording (or put together from any other source) once; checks only look things up in it.
//! It answers who made which description, which answer belongs to which offer, what a peer sent as seen nearest to that
//! peer, and what of it could be decrypted. It holds no opinion.

mod api;
mod awaited;
#[cfg(test)]
mod beyond_nat_tests;
mod bytes;
mod capture;
mod counted;
mod damaged;
mod descriptions;
mod flaws;
mod gone;
mod handed_on;
mod handshake;
mod log;
mod reached;
mod read;
mod references;
mod timing;
mod tls;
mod units;
mod unsent;
mod ways;
mod wire;

pub use crate::address::AddressKind;
pub use api::{Applied, Call, Happened};
pub use bytes::{Bytes, InMemory, MakeStore, Store, Stored};
pub use capture::{Captured, MOST_CONNECTIONS, belongs, session};
pub use descriptions::{Credentials, Description, Exchange, excessive_description};
pub use flaws::Flaw;
pub use handshake::{Handshake, HandshakeMessage, digest};
pub use peerproof_captures::observe::{Defect, LearnedAddresses};
pub use reached::ReachedBy;
pub use read::{ReadError, Recorded};
pub use references::StepSeen;
pub(crate) use timing::Timing;
pub use units::SeenUnit;
pub(crate) use unsent::Unsent;
pub use wire::{Clear, FalseSecret, Kind, Packet, Protection, ServerMessage, Via, Way, Wire};

use crate::case_file::{CaseFile, CasePeer, Counted};
use peerproof_captures::feature::Feature;
use peerproof_captures::timeline::{Entry, RuleAction, What};
use peerproof_captures::trace::Recognised;
use std::collections::{BTreeMap, BTreeSet};

/// A peer, by its place in [`Evidence::peers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Peer(pub usize);

/// Everything that checks may look at.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// Names of the peers, in the order of the case: offerer first.
    pub peers: Vec<String>,
    /// The timeline, in order; empty for a capture alone.
    pub timeline: Vec<Entry>,
    /// The descriptions, in the order in which they were made.
    pub descriptions: Vec<Description>,
    /// The packets between the peers. `None` if none were captured.
    pub wire: Option<Wire>,
    /// Whether everything is in it from the beginning. A capture that somebody took may begin late and lack packets: then
    /// what is missing proves nothing.
    pub whole: bool,
    /// Whether the first description is that of the first round, as whoever gave descriptions alone said.
    pub begins: bool,
    /// What makes the capture less than what was on the wire.
    pub defects: Vec<Defect>,
    /// What a recording of ours lacks, once [examined](Self::examined): then no check accuses anyone.
    pub flaws: Vec<Flaw>,
    /// What the connection of a capture that somebody took is, or what descriptions alone describe. A recording of ours is WebRTC.
    pub recognised: Option<Recognised>,
    /// The frames that say that a rule acted on them.
    ruled: BTreeSet<u64>,
    /// The peers whose every packet passes an interface of the capture.
    hosts: BTreeSet<Peer>,
    /// The packets with the comments of steps.
    steps: Vec<StepSeen>,
    /// What each interface of the capture has, by its name.
    counted: BTreeMap<String, Counted>,
    /// The frames of packets on which a rule of the scenario acted, where they left and, if it corrupted them, where they arrived.
    faulted: BTreeSet<u64>,
    /// Of these, those that arrived unchanged, and by how many microseconds later than the capture has them.
    late_us: BTreeMap<u64, u64>,
    /// The peers whose API is an adapter's translation.
    translated: BTreeSet<Peer>,
    /// The peers that cannot be asked to send on a data channel.
    untellable: BTreeSet<Peer>,
    /// How far times can be relied on.
    timing: timing::Timing,
}

impl Evidence {
    /// Evidence from a timeline, and the wire if there is one.
    #[must_use]
    pub fn new(peers: Vec<String>, timeline: Vec<Entry>, wire: Option<Wire>) -> Self {
        let descriptions = descriptions::of(&peers, &timeline);
        let timing = timing::Timing::of(&peers, &timeline);
        let faulted = |entry: &Entry| match &entry.what {
            What::Faulted { frame, action, .. } => Some(((*frame)?, arrival(action))),
            _ => None,
        };
        // Several rules may act on one packet.
        let mut late: BTreeMap<u64, Option<u64>> = BTreeMap::new();
        for (frame, late_us) in timeline.iter().filter_map(faulted) {
            let sum = late.entry(frame).or_insert(Some(0));
            *sum = sum.zip(late_us).map(|(sum, late_us)| sum.saturating_add(late_us));
        }
        let late_us = late.iter().filter_map(|(frame, late_us)| Some((*frame, (*late_us)?))).collect();
        let damaged = wire.as_ref().map(|wire| damaged::arrivals(&timeline, wire)).unwrap_or_default();
        let faulted = late.into_keys().chain(damaged).collect();
        let of_wire =
            |wire: &Wire| (wire.defects.clone(), wire.ruled.clone(), wire.hosts.clone(), wire.steps.clone());
        let (defects, ruled, hosts, steps) = wire.as_ref().map(of_wire).unwrap_or_default();
        let counted = wire.as_ref().map(|wire| wire.counted.clone()).unwrap_or_default();
        Self {
            peers,
            timeline,
            descriptions,
            wire: wire.filter(|wire| wire.seen > 0),
            whole: true,
            begins: false,
            defects,
            flaws: Vec::new(),
            recognised: None,
            ruled,
            hosts,
            steps,
            counted,
            faulted,
            late_us,
            translated: BTreeSet::new(),
            untellable: BTreeSet::new(),
            timing,
        }
    }

    /// The same evidence, with the features of the case's peers.
    #[must_use]
    pub fn of_case(self, case: &CaseFile) -> Self {
        let of = |holds: fn(&CasePeer) -> bool| -> BTreeSet<Peer> {
            let peers = case.peers.iter().filter(|peer| holds(peer));
            peers.filter_map(|peer| self.peer(&peer.name)).collect()
        };
        let translated = of(CasePeer::is_translated);
        let untellable = of(|peer| peer.lacks(Feature::DataChannels));
        let timing = self.timing.clone().of_capture(case, self.wire.as_ref(), &self.timeline);
        Self { translated, untellable, timing, ..self }
    }

    /// Whether the states and events of a peer are produced by an adapter, and are not the implementation's own behaviour.
    #[must_use]
    pub fn is_translated(&self, peer: Peer) -> bool {
        self.translated.contains(&peer)
    }

    /// Whether what a peer sends on data channels, if it does, it sends by itself: its implementation lacks
    /// [`Feature::DataChannels`].
    #[must_use]
    pub fn sends_by_itself(&self, peer: Peer) -> bool {
        self.untellable.contains(&peer)
    }

    /// All peers.
    pub fn each_peer(&self) -> impl Iterator<Item = Peer> + use<> {
        (0..self.peers.len()).map(Peer)
    }

    /// The peer of that name.
    #[must_use]
    pub fn peer(&self, name: &str) -> Option<Peer> {
        self.peers.iter().position(|peer| peer == name).map(Peer)
    }

    /// The name of a peer.
    #[must_use]
    pub fn name(&self, peer: Peer) -> &str {
        self.peers.get(peer.0).map_or("", String::as_str)
    }

    /// The other of two peers; `None` if there are not two.
    #[must_use]
    pub fn other(&self, peer: Peer) -> Option<Peer> {
        (self.peers.len() == 2 && peer.0 < 2).then(|| Peer(1 - peer.0))
    }

    /// Whether a rule of the scenario acted on the packet of a frame: then its sender does not answer for it.
    #[must_use]
    pub fn is_faulted(&self, number: u64) -> bool {
        self.faulted.contains(&number)
    }

    /// When a packet reached its receiver: `None` if a rule of the scenario dropped or changed it, later than the capture has it if a rule
    /// delayed it.
    #[must_use]
    pub fn arrived_us(&self, packet: &Packet) -> Option<u64> {
        if !self.is_faulted(packet.frame) {
            return Some(packet.t_us);
        }
        self.late_us.get(&packet.frame).map(|late_us| packet.t_us.saturating_add(*late_us))
    }

    /// The frames of all packets that a rule of the scenario acted on.
    #[must_use]
    pub fn faulted(&self) -> &BTreeSet<u64> {
        &self.faulted
    }

    /// When packets that a peer numbers and counts may not leave it.
    pub(crate) fn unsent(&self, peer: Peer) -> Unsent {
        Unsent::of(&self.timeline, self.name(peer))
    }

    /// Whether nothing that a peer sent can be missing: it was recorded where it was sent, from the beginning.
    #[must_use]
    pub fn sees_all_sent_by(&self, peer: Peer) -> bool {
        self.whole && self.wire.as_ref().is_some_and(|wire| wire.records_all_sent_by(peer))
    }
}

/// By how many microseconds a packet arrives later, if it arrives unchanged in spite of what a rule did.
fn arrival(action: &RuleAction) -> Option<u64> {
    match action {
        RuleAction::Delay { by_ms } => Some(by_ms.saturating_mul(1_000)),
        RuleAction::Duplicate | RuleAction::Replay { .. } | RuleAction::Inject { .. } => Some(0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::controls::Recording;
    use crate::record::CaseRecord;
    use serde_json::json;

    #[test]
    fn a_packet_arrives_as_the_rules_let_it() {
        let action = |name: &str| match name {
            "delay" => json!({"delay": {"by_ms": 300}}),
            "forever" => json!({"delay": {"by_ms": u64::MAX}}),
            "corrupt" => json!({"corrupt": {"byte": 1}}),
            name => json!(name),
        };
        let arrives = |actions: &[&str]| {
            let CaseRecord { wire, .. } = Recording::Data.record();
            let wire = wire.unwrap();
            let packet = wire.packets[0].clone();
            let entry = |(n, name): (usize, &&str)| {
                let faulted = json!({"peer": "alice", "rule": {"action": action(name), "matches": {}}, "action": action(name), "frame": packet.frame});
                serde_json::from_value(json!({"n": n, "t_us": 0, "what": {"faulted": faulted}})).unwrap()
            };
            let timeline = actions.iter().enumerate().map(entry).collect();
            let evidence = Evidence::new(vec!["alice".to_owned(), "bob".to_owned()], timeline, Some(wire));
            evidence.arrived_us(&packet).map(|t_us| t_us.saturating_sub(packet.t_us))
        };
        assert_eq!(arrives(&[]), Some(0));
        assert_eq!(arrives(&["delay", "duplicate"]), Some(300_000));
        assert_eq!(arrives(&["drop"]), None);
        assert_eq!(arrives(&["corrupt", "delay"]), None);
        assert!(arrives(&["forever", "delay"]) > Some(u64::MAX / 2), "nothing overflows");
    }
}
