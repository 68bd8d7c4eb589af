//! What is characteristic of the peers of a case: short facts that can be compared between runs and versions, and kept when the
//! recordings are gone.
//!
//! A fact says what does not depend on the machine, on chance or on time: no address, no port, no key, no duration.

mod compare;
mod descriptions;
mod media;
mod packets;
mod reports;

pub use compare::{Change, Comparison, VerdictChange, Versions, compare};
pub use descriptions::sections;

use crate::case::CaseRecord;
use crate::evidence::{Evidence, Peer};
use crate::verdict::{Layer, Outcome};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The facts of one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// The case's name.
    pub case: String,
    /// How it ended; absent if it was not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Ended>,
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
    /// The frame that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
}

impl Fact {
    fn one(value: impl Into<String>) -> Self {
        Self { values: vec![value.into()], ordered: false, frame: None }
    }

    /// A set: sorted, nothing twice.
    fn set(values: impl IntoIterator<Item = String>) -> Self {
        let values: std::collections::BTreeSet<String> = values.into_iter().collect();
        Self { values: values.into_iter().collect(), ordered: false, frame: None }
    }

    fn list(values: impl IntoIterator<Item = String>) -> Self {
        Self { values: values.into_iter().collect(), ordered: true, frame: None }
    }

    fn at(mut self, frame: u64) -> Self {
        self.frame = Some(frame);
        self
    }
}

/// Facts in the making.
#[derive(Default)]
struct Found(BTreeMap<String, Fact>);

impl Found {
    /// Adds a fact; the first of a name counts.
    fn add(&mut self, name: impl Into<String>, fact: Fact) {
        if !fact.values.is_empty() {
            self.0.entry(name.into()).or_insert(fact);
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
        let about = |(n, peer): (usize, &crate::case_file::CasePeer)| {
            let (mut found, of) = (Found::default(), Peer(n));
            descriptions::of(&evidence, of, &mut found);
            packets::of(&evidence, of, &mut found);
            media::of(&evidence, of, &mut found);
            reports::of(record, &peer.name, &mut found);
            About {
                implementation: peer.implementation.clone(),
                version: peer.version.clone(),
                facts: found.0,
            }
        };
        let ended = |verdict: &crate::verdict::Verdict| Ended {
            outcome: verdict.outcome,
            layer: verdict.layer,
            side: verdict.side.clone(),
        };
        Self {
            case: file.name.clone(),
            verdict: file.verdict.as_ref().map(ended),
            peers: file.peers.iter().enumerate().map(about).collect(),
        }
    }
}
