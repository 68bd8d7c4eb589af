//! What is characteristic of the peers of a case: short facts that can be compared between runs and versions, and kept when the
//! recordings are gone.
//!
//! A fact says what does not depend on the machine, on chance or on time: no address, no port, no key, no duration. Times are kept beside
//! them as what they spread over.

mod change;
mod compare;
mod descriptions;
mod media;
mod packets;
mod reports;
mod times;

pub use change::{Change, Checks, Comparison, LeftOut, OfTheTool, VerdictChange, Versions};
pub use compare::compare;
pub use descriptions::sections;
pub use times::Spread;

use crate::case::CaseRecord;
use crate::evidence::{Evidence, Peer};
use crate::verdict::{Layer, Outcome, Place};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which checks this program has: its version, and a digest of the sources of the checks and the catalogue, since they may differ within a version.
pub const CHECKS: &str =
    concat!("peerproof ", env!("CARGO_PKG_VERSION"), " (checks ", env!("PEERPROOF_CHECKS"), ")");

/// The candidates that a peer signaled, by type and transport.
const CANDIDATES: &str = "candidates signaled";

/// The facts of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Which checks decided how requirements stand: [`CHECKS`] of the program that did.
    pub tool: String,
    /// The facts of its cases.
    pub cases: Vec<Facts>,
}

/// The facts of one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// The case's name.
    pub case: String,
    /// How it ended by its record; absent if it was not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Ended>,
    /// How the same recording is judged by the checks that give its facts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Ended>,
    /// Its peers, offerer first.
    pub peers: Vec<About>,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// Which of the five.
    pub outcome: Outcome,
    /// The layer that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<Layer>,
    /// The side that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<String>,
    /// The frame that decided it; where an entry did, the first frame after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
    /// The entry of the timeline that decided it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// Whether a known deviation covers it: where that does not show in every attempt, a pass is as expected.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub known: bool,
}

impl Ended {
    /// With this outcome, at no layer, side or place.
    #[must_use]
    pub const fn of(outcome: Outcome) -> Self {
        Self { outcome, layer: None, side: None, frame: None, entry: None, known: false }
    }
}

/// What is known of a peer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The implementation, as it reported itself.
    pub implementation: String,
    /// Its version.
    pub version: String,
    /// The facts by their names: `client-hello groups`, `offer video codecs`.
    pub facts: BTreeMap<String, Fact>,
    /// Times by what they are of: `first retransmission of a check`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub times: BTreeMap<String, Spread>,
}

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// What it is: one word, or the members of a list.
    pub values: Vec<String>,
    /// Whether the order of the members means something.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ordered: bool,
    /// The frame that shows it; of what an entry shows, the first frame after it, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
    /// The entry of the timeline that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
}

impl Fact {
    fn one(value: impl Into<String>) -> Self {
        Self { values: vec![value.into()], ordered: false, frame: None, entry: None }
    }

    /// A set: sorted, nothing twice.
    fn set(values: impl IntoIterator<Item = String>) -> Self {
        let values: std::collections::BTreeSet<String> = values.into_iter().collect();
        Self { values: values.into_iter().collect(), ordered: false, frame: None, entry: None }
    }

    fn list(values: impl IntoIterator<Item = String>) -> Self {
        Self { values: values.into_iter().collect(), ordered: true, frame: None, entry: None }
    }

    fn at(mut self, frame: u64) -> Self {
        self.frame = Some(frame);
        self
    }

    fn in_entry(mut self, entry: u64) -> Self {
        self.entry = Some(entry);
        self
    }
}

/// Where the entries of a timeline are in the capture.
struct Frames {
    /// When each entry was written, by its number.
    entries: BTreeMap<u64, u64>,
    /// When each frame was recorded, the earliest first.
    frames: Vec<(u64, u64)>,
}

impl Frames {
    fn of(evidence: &Evidence) -> Self {
        let entries = evidence.timeline.iter().map(|entry| (entry.n, entry.t_us)).collect();
        let packets = evidence.wire.iter().flat_map(|wire| wire.packets.iter().map(|it| (it.t_us, it.frame)));
        let servers = evidence.wire.iter().flat_map(|wire| wire.servers.iter().map(|it| (it.t_us, it.frame)));
        let mut frames: Vec<(u64, u64)> = packets.chain(servers).collect();
        frames.sort_unstable();
        Self { entries, frames }
    }

    /// The first frame that was recorded when the entry was there: the one with its comment, where the capture has a comment of it.
    fn after(&self, entry: u64) -> Option<u64> {
        let t_us = *self.entries.get(&entry)?;
        let next = self.frames.partition_point(|(recorded, _)| *recorded < t_us);
        self.frames.get(next).map(|(_, frame)| *frame)
    }
}

/// Facts in the making.
#[derive(Default)]
struct Found {
    facts: BTreeMap<String, Fact>,
    times: BTreeMap<String, Spread>,
}

impl Found {
    /// Adds a fact; the first of a name counts.
    fn add(&mut self, name: impl Into<String>, fact: Fact) {
        if !fact.values.is_empty() {
            self.facts.entry(name.into()).or_insert(fact);
        }
    }
}

impl Facts {
    /// What a recorded case shows.
    #[must_use]
    pub fn of(record: &CaseRecord) -> Self {
        let file = &record.file;
        let names: Vec<String> = file.peers.iter().map(|peer| peer.name.clone()).collect();
        let evidence = Evidence::new(names, record.timeline.clone(), record.wire.clone()).of_case(file);
        let frames = Frames::of(&evidence);
        let about = |(n, peer): (usize, &crate::case_file::CasePeer)| {
            let (mut found, of) = (Found::default(), Peer(n));
            descriptions::of(&evidence, of, &mut found);
            packets::of(&evidence, of, &mut found);
            media::of(&evidence, of, &mut found);
            times::of(&evidence, of, &mut found);
            reports::of(record, &peer.name, &mut found);
            for fact in found.facts.values_mut() {
                fact.frame = fact.frame.or_else(|| frames.after(fact.entry?));
            }
            About {
                implementation: peer.implementation.clone(),
                version: peer.version.clone(),
                facts: found.facts,
                times: found.times,
            }
        };
        let ended = |verdict: &crate::verdict::Verdict| {
            let (frame, entry) = place(&verdict.evidence);
            Ended {
                layer: verdict.layer,
                side: verdict.side.clone(),
                frame: frame.or_else(|| frames.after(entry?)),
                entry,
                known: file.waiver.is_some() && verdict.outcome == Outcome::Fail,
                ..Ended::of(verdict.outcome)
            }
        };
        Self {
            case: file.name.clone(),
            verdict: file.verdict.as_ref().map(ended),
            again: file.verdict.as_ref().map(|_| ended(&crate::case::judge(record))),
            peers: file.peers.iter().enumerate().map(about).collect(),
        }
    }
}

/// The first frame among the places that decided something; where there is none, the first entry.
fn place(evidence: &[Place]) -> (Option<u64>, Option<u64>) {
    let frame = evidence.iter().find_map(|place| match place {
        Place::Frame(frame) => Some(*frame),
        Place::Entry(_) | Place::Line { .. } | Place::File { .. } => None,
    });
    let entry = evidence.iter().find_map(|place| match place {
        Place::Entry(entry) | Place::Line { entry, .. } => Some(*entry),
        Place::Frame(_) | Place::File { .. } => None,
    });
    (frame, entry.filter(|_| frame.is_none()))
}

/// The scenario of a case, by their names.
fn scenario(case: &str) -> &str {
    case.rsplit_once('/').map_or(case, |(scenario, _)| scenario)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::controls::Recording;

    /// The values of a fact of a peer, and whether a frame or an entry shows it.
    fn fact(recording: Recording, peer: usize, name: &str) -> (Vec<String>, bool, bool) {
        let facts = Facts::of(&recording.record());
        let fact = facts.peers[peer].facts.get(name).cloned().unwrap_or_else(|| Fact::set([]));
        (fact.values, fact.frame.is_some(), fact.entry.is_some())
    }

    #[test]
    fn packets_show_sizes_extensions_codecs_and_forms_at_a_frame() {
        for (recording, peer, name, values) in [
            (Recording::Conflict, 1, "ClientHello datagrams", vec!["2"]),
            (Recording::Relay, 1, "ClientHello datagrams", vec!["1"]),
            (Recording::Conflict, 0, "ServerHello length", vec!["1186 bytes"]),
            (Recording::Relay, 0, "ServerHello SRTP profiles", vec!["SRTP_AES128_CM_HMAC_SHA1_80"]),
            (
                Recording::Conflict,
                1,
                "INIT supported extensions",
                vec!["FORWARD-TSN", "I-DATA", "I-FORWARD-TSN", "RE-CONFIG"],
            ),
            (Recording::Data, 0, "INIT ACK FORWARD TSN, said by", vec!["supported extension"]),
            (Recording::Data, 1, "INIT FORWARD TSN, said by", vec!["parameter", "supported extension"]),
            (Recording::Video, 0, "codecs sent", vec!["opus/48000/2", "vp8/90000"]),
            (Recording::Video, 1, "largest datagram of media", vec!["at most 1280 bytes"]),
            (Recording::Video, 0, "largest datagram of media", vec![]),
            (Recording::Video, 0, "RTX", vec!["sent"]),
            (Recording::Video, 1, "RTX", vec!["not sent"]),
            (Recording::Data, 0, "RTX", vec![]),
            (Recording::Call, 1, "RTCP form", vec!["compound", "reduced size"]),
            (Recording::Video, 0, "RTCP form", vec!["compound"]),
            (Recording::Simulcast, 0, "nomination", vec!["with the first check"]),
        ] {
            let (found, frame, _) = fact(recording, peer, name);
            assert_eq!(found, values, "{recording:?} {name}");
            assert_eq!(frame, !values.is_empty(), "{recording:?} {name}");
        }
    }

    #[test]
    fn apis_and_descriptions_are_facts_of_an_entry() {
        for (name, values) in [
            ("states of gathering", vec!["gathering", "complete"]),
            ("states of ICE", vec!["checking", "connected"]),
            ("states of the connection", vec!["connecting", "connected"]),
            ("offer application protocol", vec!["UDP/DTLS/SCTP"]),
        ] {
            assert_eq!(fact(Recording::Relay, 0, name), (words(&values), true, true), "{name}");
        }
    }

    fn words(all: &[&str]) -> Vec<String> {
        all.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn an_entry_is_at_the_first_frame_after_it() {
        let record = Recording::Relay.record();
        let facts = Facts::of(&record);
        let offered = &facts.peers[0].facts["offer application protocol"];
        let entry = record.timeline.iter().find(|it| Some(it.n) == offered.entry).unwrap();
        let wire = record.wire.as_ref().unwrap();
        let all = wire.packets.iter().map(|it| (it.frame, it.t_us));
        let all: Vec<(u64, u64)> = all.chain(wire.servers.iter().map(|it| (it.frame, it.t_us))).collect();
        let later = all.iter().filter(|(_, t_us)| *t_us >= entry.t_us).map(|(frame, _)| *frame).min();
        assert!(later.is_some());
        assert_eq!(offered.frame, later);
        // After the last packet there is none.
        let mut evidence = Recording::Relay.evidence();
        let last = evidence.timeline.last_mut().unwrap();
        last.t_us = u64::MAX;
        let n = last.n;
        assert_eq!(Frames::of(&evidence).after(n), None);
    }

    #[test]
    fn a_judged_case_is_judged_again() {
        let mut record = Recording::Data.record();
        let judged = crate::case::judge(&record);
        record.file.verdict = Some(crate::verdict::Verdict { outcome: Outcome::Fail, ..judged.clone() });
        let facts = Facts::of(&record);
        assert_eq!(facts.verdict.unwrap().outcome, Outcome::Fail);
        assert_eq!(facts.again.unwrap().outcome, judged.outcome);
        assert_ne!(judged.outcome, Outcome::Fail, "{}", judged.sentence);
    }
}
