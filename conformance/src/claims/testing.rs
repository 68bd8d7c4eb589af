//! For tests of the families: recordings as cases, edited, and what they are found to contradict.

use super::{Contradiction, Fault, Session, contradictions};
use crate::api::{PeerView, Views};
use crate::case_file::{CaseFile, CasePeer, FORMAT, Role, Runs, Time};
use crate::checks::controls::Recording;
use crate::evidence::{Packet, Peer};
use crate::expect::Expectations;
use crate::record::CaseRecord;
use crate::verdict::Layer;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::{Entry, What};
use peerproof_captures::wire::sctp::{self, Checksum};
use serde_json::Value;

/// A recording that a test edits.
pub(in crate::claims) struct Case {
    pub(in crate::claims) record: CaseRecord,
}

impl Case {
    pub(in crate::claims) fn of(recording: Recording) -> Self {
        let evidence = recording.evidence();
        let has_clock = |name: &String| {
            evidence
                .timeline
                .iter()
                .any(|it| matches!(&it.what, What::PeerClock { peer, .. } if peer == name))
        };
        let peer = |(n, name): (usize, &String)| CasePeer {
            name: name.clone(),
            implementation: "browser".to_owned(),
            named: None,
            version: "1".to_owned(),
            role: if n == 0 { Role::Offerer } else { Role::Answerer },
            // A peer in the harness's process has no clock of its own.
            runs: if has_clock(name) { Runs::Driven } else { Runs::Independent },
            subject: false,
            nat: None,
            features: None,
            unreported: Vec::new(),
            refuses_the_impossible: true,
        };
        let file = CaseFile {
            format: FORMAT,
            name: "a/b/c".to_owned(),
            title: String::new(),
            rows: Vec::new(),
            peers: evidence.peers.iter().enumerate().map(peer).collect(),
            seed: 0,
            scenario_hash: String::new(),
            epoch_us: 0,
            duration_us: 0,
            time: Time::Real,
            attempt: 1,
            expect: Expectations::default(),
            control_of: None,
            liars: Vec::new(),
            files: std::collections::BTreeMap::new(),
            ends: Vec::new(),
            not_played: None,
            snapshot: None,
            waiver: None,
            findings: Vec::new(),
            verdict: None,
        };
        let mut evidence = evidence;
        // Some recordings were cut after their first seconds: what was seen later has no packets.
        let last_us = evidence.wire.iter().flat_map(|wire| &wire.packets).map(|packet| packet.t_us).max();
        let mut late: Vec<(String, u64)> = Vec::new();
        evidence.timeline.retain(|entry| {
            let is_beyond = last_us.is_some_and(|last| entry.t_us > last);
            match &entry.what {
                What::Event { event: PeerEvent::MediaSeen { .. }, .. } | What::Stats { .. } => !is_beyond,
                What::Command { peer, id, name, .. } if name == "getStats" && is_beyond => {
                    late.push((peer.clone(), *id));
                    false
                }
                What::Answer { peer, id, .. } => !late.iter().any(|(of, number)| of == peer && number == id),
                _ => true,
            }
        });
        let (reached, rids) = (CaseRecord::reached(&evidence), CaseRecord::rids(&evidence));
        let (timeline, wire) = (evidence.timeline, evidence.wire);
        Self {
            record: CaseRecord {
                file,
                timeline,
                stats: indexmap::IndexMap::new(),
                wire,
                reached,
                rids,
                flaws: Vec::new(),
            },
        }
    }

    pub(in crate::claims) fn found(&self) -> Vec<Contradiction> {
        let of = |name: &String| (name.clone(), PeerView::of(&self.record.timeline, name));
        let views: Views = self.record.file.peers.iter().map(|peer| of(&peer.name)).collect();
        contradictions(&self.record, &views)
    }

    /// Whether something contradicts that claim at that layer, by the peer's fault, in these words.
    #[track_caller]
    pub(in crate::claims) fn blames(&self, peer: &str, claim: &str, layer: Layer, words: &str) {
        let found = self.found();
        let fault = Fault::Peer(peer.to_owned());
        let is = |it: &&Contradiction| it.claim == claim && it.layer == layer && it.fault == fault;
        let said: Vec<String> = found.iter().filter(is).map(Contradiction::sentence).collect();
        assert!(said.iter().any(|it| it.contains(words)), "{claim} of {peer}, {words:?}: {found:#?}");
    }

    /// Whether the recording is found to lack something, in these words.
    #[track_caller]
    pub(in crate::claims) fn lacks(&self, words: &str) {
        let found = self.found();
        let is = |it: &Contradiction| it.fault == Fault::Recording && it.sentence().contains(words);
        assert!(found.iter().any(is), "{words:?}: {found:#?}");
    }

    /// Whether nothing is contradicted.
    #[track_caller]
    pub(in crate::claims) fn is_silent(&self) {
        let found = self.found();
        assert!(found.is_empty(), "{found:#?}");
    }

    fn renumber(&mut self) -> &mut Self {
        for (n, entry) in (0..).zip(&mut self.record.timeline) {
            entry.n = n;
        }
        self
    }

    /// Takes entries out.
    pub(in crate::claims) fn without(&mut self, unwanted: impl Fn(&What) -> bool) -> &mut Self {
        let before = self.record.timeline.len();
        self.record.timeline.retain(|entry| !unwanted(&entry.what));
        assert_ne!(self.record.timeline.len(), before, "there is none");
        self.renumber()
    }

    /// Takes events of a peer out.
    pub(in crate::claims) fn silence(
        &mut self,
        name: &str,
        unwanted: impl Fn(&PeerEvent) -> bool,
    ) -> &mut Self {
        self.without(
            |what| matches!(what, What::Event { peer, event, .. } if peer == name && unwanted(event)),
        )
    }

    fn position(&self, name: &str, wanted: impl Fn(&PeerEvent) -> bool) -> usize {
        let is = |entry: &Entry| matches!(&entry.what, What::Event { peer, event, .. } if peer == name && wanted(event));
        self.record.timeline.iter().position(is).expect("there is none")
    }

    /// Reports the first such event of a peer twice.
    pub(in crate::claims) fn double(&mut self, name: &str, wanted: impl Fn(&PeerEvent) -> bool) -> &mut Self {
        let at = self.position(name, wanted);
        let entry = self.record.timeline[at].clone();
        self.record.timeline.insert(at + 1, entry);
        self.renumber()
    }

    /// Edits the events of a peer.
    pub(in crate::claims) fn edit(&mut self, name: &str, mut edit: impl FnMut(&mut PeerEvent)) -> &mut Self {
        for entry in &mut self.record.timeline {
            if let What::Event { peer, event, .. } = &mut entry.what
                && peer == name
            {
                edit(event);
            }
        }
        self
    }

    /// Has a peer report another event right behind the first such one.
    pub(in crate::claims) fn report_after(
        &mut self,
        name: &str,
        wanted: impl Fn(&PeerEvent) -> bool,
        event: PeerEvent,
    ) -> &mut Self {
        let at = self.position(name, wanted);
        let mut entry = self.record.timeline[at].clone();
        entry.what = What::Event { peer: name.to_owned(), seq: 0, event };
        self.record.timeline.insert(at + 1, entry);
        self.renumber()
    }

    /// Has a peer report another event at the end, so long after the last entry.
    pub(in crate::claims) fn report_late(
        &mut self,
        name: &str,
        after_us: u64,
        event: PeerEvent,
    ) -> &mut Self {
        let t_us = self.record.timeline.iter().map(|entry| entry.t_us).max().unwrap_or(0) + after_us;
        let what = What::Event { peer: name.to_owned(), seq: 0, event };
        self.record.timeline.push(Entry { n: 0, t_us, what });
        self.renumber()
    }

    /// Lets time pass before the peers end: both are heard again.
    pub(in crate::claims) fn wait(&mut self, us: u64) -> &mut Self {
        let end = super::channels::transport_end(&Session::new(&self.record, &Views::new()));
        for packet in self.record.wire.iter_mut().flat_map(|wire| &mut wire.packets) {
            if end.is_some_and(|end| packet.t_us >= end) {
                packet.t_us += 2 * us;
            }
        }
        let log = || PeerEvent::Log { level: "info".to_owned(), message: "still here".to_owned() };
        self.report_late("alice", us, log()).report_late("bob", 0, log())
    }

    /// Edits the arguments of a peer's commands of a name.
    pub(in crate::claims) fn args(
        &mut self,
        name: &str,
        command: &str,
        edit: impl Fn(&mut Value),
    ) -> &mut Self {
        for entry in &mut self.record.timeline {
            if let What::Command { peer, name: called, args, .. } = &mut entry.what
                && peer == name
                && called == command
            {
                edit(args);
            }
        }
        self
    }

    /// Takes packets out.
    pub(in crate::claims) fn lose(&mut self, unwanted: impl Fn(&Packet) -> bool) -> &mut Self {
        let packets = &mut self.record.wire.as_mut().unwrap().packets;
        let before = packets.len();
        packets.retain(|packet| !unwanted(packet));
        assert_ne!(packets.len(), before, "there is none");
        self
    }

    /// Edits the chunks that a peer's packets hold in the clear.
    pub(in crate::claims) fn chunks(&mut self, sender: Peer, mut edit: impl FnMut(&mut [u8])) -> &mut Self {
        let packets = &mut self.record.wire.as_mut().unwrap().packets;
        for packet in packets.iter_mut().filter(|packet| packet.sender == sender) {
            for clear in packet.clear.iter_mut().filter(|clear| clear.is_application_data()) {
                let bytes = clear.bytes.to_mut();
                let mut at = 12;
                while at + 4 <= bytes.len() {
                    let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]])).max(4);
                    let end = (at + length).min(bytes.len());
                    edit(&mut bytes[at..end]);
                    at += length.next_multiple_of(4);
                }
                bytes[8..12].fill(0xff);
                if let Checksum::Wrong { expected } = sctp::checksum(bytes) {
                    bytes[8..12].copy_from_slice(&expected.to_be_bytes());
                }
            }
        }
        self
    }
}

/// Whether a chunk is DATA with a user message of the application.
pub(in crate::claims) fn is_message(chunk: &[u8]) -> bool {
    chunk[0] == 0 && chunk[12..16] != [0, 0, 0, 50]
}
