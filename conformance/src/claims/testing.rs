//! For tests of the families: recordings as cases, edited, and what they are found to contradict.

use super::{Contradiction, Fault, Session, contradictions};
use crate::api::{PeerView, Views};
use crate::case_file::Runs;
use crate::checks::controls::Recording;
use crate::evidence::{Packet, Peer};
use crate::record::CaseRecord;
use crate::verdict::Layer;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::{Answer, Entry, What};
use peerproof_captures::wire::sctp::{self, Checksum};
use serde_json::{Value, json};

/// A recording that a test edits.
pub(in crate::claims) struct Case {
    pub(in crate::claims) record: CaseRecord,
}

impl Case {
    pub(in crate::claims) fn of(recording: Recording) -> Self {
        let mut record = recording.record();
        let clocks: Vec<String> = record
            .timeline
            .iter()
            .filter_map(|entry| match &entry.what {
                What::PeerClock { peer, .. } => Some(peer.clone()),
                _ => None,
            })
            .collect();
        for peer in &mut record.file.peers {
            // Each is taken for a browser that reports all; one in the harness's process has no clock of its own.
            (peer.features, peer.unreported) = (None, Vec::new());
            peer.runs = if clocks.contains(&peer.name) { Runs::Driven } else { Runs::Independent };
        }
        // Some recordings were cut after their first seconds: what was seen later has no packets.
        let last_us = record.wire.iter().flat_map(|wire| &wire.packets).map(|packet| packet.t_us).max();
        let mut late: Vec<(String, u64)> = Vec::new();
        record.timeline.retain(|entry| {
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
        Self { record }
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

    /// Takes the last such event of a peer out.
    pub(in crate::claims) fn silence_last(
        &mut self,
        name: &str,
        unwanted: impl Fn(&PeerEvent) -> bool,
    ) -> &mut Self {
        let is = |entry: &Entry| matches!(&entry.what, What::Event { peer, event, .. } if peer == name && unwanted(event));
        let at = self.record.timeline.iter().rposition(is).expect("there is none");
        self.record.timeline.remove(at);
        self.renumber()
    }

    /// Has a peer do another command right before its last one of a name.
    pub(in crate::claims) fn command_before(&mut self, name: &str, command: &str, new: &str) -> &mut Self {
        let is = |entry: &Entry| matches!(&entry.what, What::Command { peer, name: called, .. } if peer == name && called == command);
        let at = self.record.timeline.iter().rposition(is).expect("there is none");
        let t_us = self.record.timeline[at].t_us;
        let peer = name.to_owned();
        let id = 9_000 + self.record.timeline.len() as u64;
        let what = What::Command { peer: peer.clone(), id, name: new.to_owned(), args: json!({}) };
        let answer = What::Answer { peer, id, answer: Answer::Ok(Value::Null) };
        let entries = [what, answer].map(|what| Entry { n: 0, t_us, what });
        self.record.timeline.splice(at..at, entries);
        self.renumber()
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

    /// Has a peer report another event at the end, a given time after the last entry.
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

/// What a family finds in a case.
pub(in crate::claims) fn found(
    record: &CaseRecord,
    check: fn(&Session<'_>, &mut Vec<Contradiction>),
) -> Vec<Contradiction> {
    let of = |name: &String| (name.clone(), PeerView::of(&record.timeline, name));
    let views: Views = record.file.peers.iter().map(|peer| of(&peer.name)).collect();
    let mut found = Vec::new();
    check(&Session::new(record, &views), &mut found);
    found.sort_by_key(|it| (it.t_us, it.layer));
    found
}

/// Changes every entry of a timeline, as JSON. How many were changed: none would prove nothing.
pub(in crate::claims) fn edit(record: &mut CaseRecord, mut change: impl FnMut(&mut Value) -> bool) {
    let mut changed = 0;
    for entry in &mut record.timeline {
        let mut value = serde_json::to_value(&*entry).unwrap();
        if change(&mut value) {
            changed += 1;
            *entry = serde_json::from_value(value).unwrap();
        }
    }
    assert!(changed > 0, "nothing was changed");
}

/// Changes the answers to a command of a peer that succeeded.
pub(in crate::claims) fn answers(
    record: &mut CaseRecord,
    peer: &str,
    command: &str,
    mut change: impl FnMut(&mut Value),
) {
    let mut ids = Vec::new();
    edit(record, |entry| {
        let what = &mut entry["what"];
        if what["command"]["peer"] == peer && what["command"]["name"] == command {
            ids.push(what["command"]["id"].clone());
        }
        let is_answer = what["answer"]["peer"] == peer && ids.contains(&what["answer"]["id"]);
        match what["answer"]["answer"].get_mut("ok").filter(|_| is_answer) {
            Some(value) => {
                change(value);
                true
            }
            None => false,
        }
    });
}

/// Adds an entry at the end, a millisecond after the last.
pub(in crate::claims) fn add(record: &mut CaseRecord, what: Value) -> u64 {
    let (n, t_us) = record.timeline.last().map_or((0, 0), |entry| (entry.n + 1, entry.t_us + 1_000));
    add_at(record, n, t_us, what)
}

/// Adds an entry at the end with that time.
pub(in crate::claims) fn add_at(record: &mut CaseRecord, n: u64, t_us: u64, what: Value) -> u64 {
    let entry: Entry = serde_json::from_value(json!({"n": n, "t_us": t_us, "what": what})).unwrap();
    record.timeline.push(entry);
    n
}

/// Adds a command with its answer, a second after all before.
pub(in crate::claims) fn command(
    record: &mut CaseRecord,
    peer: &str,
    name: &str,
    args: Value,
    answer: Value,
) -> u64 {
    let id = 1_000 + record.timeline.len();
    let (n, t_us) = record.timeline.iter().fold((0, 0), |(n, t_us), it| (it.n.max(n), it.t_us.max(t_us)));
    let what = json!({"command": {"peer": peer, "id": id, "name": name, "args": args}});
    add_at(record, n + 1, t_us + 1_000_000, what);
    let what = json!({"answer": {"peer": peer, "id": id, "answer": {"ok": answer}}});
    add_at(record, n + 2, t_us + 1_001_000, what)
}

/// Asserts that something of that claim was found, with that layer at that side.
#[track_caller]
pub(in crate::claims) fn contradicted(found: &[Contradiction], claim: &str, layer: Layer, side: &str) {
    let fits = |it: &&Contradiction| {
        it.claim == claim && it.layer == layer && it.fault == Fault::Peer(side.to_owned())
    };
    assert!(found.iter().any(|it| fits(&it)), "{claim} at {layer} of {side} is not in {found:#?}");
    assert!(found.iter().filter(|it| it.claim == claim).all(|it| fits(&it)), "{found:#?}");
}
