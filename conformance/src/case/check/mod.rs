//! Whether each expectation holds: one file for each kind of expectation.

mod bitrate;
mod channels;
mod delivery;
mod media;
mod messages;
mod path;
mod reached;
mod rids;
mod sdp;
mod states;
mod stats;
mod wire;

use crate::api::Views;
use crate::explain::Diagnosis;
use crate::record::CaseRecord;
use crate::verdict::{Layer, Place};
use std::fmt::Display;

/// An expectation that does not hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mismatch {
    pub(crate) layer: Layer,
    pub(crate) side: Option<String>,
    pub(crate) expected: String,
    pub(crate) seen: String,
    pub(crate) evidence: Vec<Place>,
    /// The evidence does not decide: it may hold.
    pub(crate) undecided: bool,
    /// Why the peer cannot report whether it holds, if it said that it cannot.
    pub(crate) lacks: Option<String>,
    /// What leaves it undecided is that no packets between the peers were captured.
    pub(crate) without_packets: bool,
    /// More was seen than may be: nothing that failed below makes a peer send that.
    pub(crate) excess: bool,
}

impl Mismatch {
    pub(crate) fn new(layer: Layer, side: &str, expected: impl Display, seen: impl Display) -> Self {
        Self {
            layer,
            side: Some(side.to_owned()),
            expected: expected.to_string(),
            seen: seen.to_string(),
            evidence: Vec::new(),
            undecided: false,
            lacks: None,
            without_packets: false,
            excess: false,
        }
    }

    pub(crate) fn at(mut self, entry: Option<u64>) -> Self {
        self.evidence.extend(entry.map(Place::Entry));
        self
    }

    pub(crate) fn undecided(mut self) -> Self {
        self.undecided = true;
        self
    }

    /// The same, since the peer cannot report it: why.
    pub(crate) fn lacking(mut self, reason: impl Into<String>) -> Self {
        self.lacks = Some(reason.into());
        self.undecided()
    }

    pub(crate) fn without_packets(mut self) -> Self {
        self.without_packets = true;
        self.undecided()
    }

    /// In one sentence.
    pub(crate) fn sentence(&self) -> String {
        format!("{}, but {}", self.expected, self.seen)
    }
}

/// What a verdict says of a failure: an expectation that does not hold, or the layer at which the session diverged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    pub(crate) layer: Layer,
    pub(crate) side: Option<String>,
    pub(crate) sentence: String,
    pub(crate) evidence: Vec<Place>,
}

impl From<Mismatch> for Failure {
    fn from(mismatch: Mismatch) -> Self {
        let sentence = mismatch.sentence();
        Self { layer: mismatch.layer, side: mismatch.side, sentence, evidence: mismatch.evidence }
    }
}

impl From<Diagnosis> for Failure {
    fn from(found: Diagnosis) -> Self {
        Self { layer: found.layer, side: found.side, sentence: found.what, evidence: found.evidence }
    }
}

/// What was checked, and what did not hold.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// How many expectations were looked at.
    pub(crate) count: usize,
    pub(crate) mismatches: Vec<Mismatch>,
}

impl Checked {
    fn add(&mut self, mismatch: Option<Mismatch>) {
        self.count += 1;
        self.mismatches.extend(mismatch);
    }
}

/// Checks all expectations of the case, and what goes without saying: that nothing arrives which was not sent.
pub(crate) fn all(record: &CaseRecord, views: &Views) -> Checked {
    let mut checked = Checked::default();
    for (name, expected) in &record.file.expect.peers {
        let Some(view) = views.get(name) else { continue };
        states::check(record.peer(name), name, expected, view, &mut checked);
        channels::check(record.peer(name), name, expected, view, &mut checked);
        messages::check(record, views, name, expected, &mut checked);
        media::check(name, expected, view, &mut checked);
        bitrate::check(record, name, expected, &mut checked);
        let report = record.stats.get(name);
        sdp::check(name, expected, view, report, &mut checked);
        if let Some(wanted) = &expected.reached_by {
            checked.add(reached::check(record, name, wanted));
        }
        if let Some(wanted) = &expected.rids {
            checked.add(rids::check(record, name, wanted));
        }
        stats::check(name, expected, view, report, &mut checked);
    }
    for expected in &record.file.expect.wire {
        checked.add(wire::check(record, expected));
    }
    if record.file.expect.path.is_some() {
        checked.add(path::check(record, views));
    }
    checked.mismatches.extend(delivery::anomalies(record, views));
    checked
}

pub(crate) use delivery::{anomalies as delivery_anomalies, missing_echo};
pub use path::Meeting;

/// A list as words: `a, b, c`.
fn words<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let mut text = String::new();
    for item in items {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&item.to_string());
    }
    if text.is_empty() { "nothing".to_owned() } else { text }
}
