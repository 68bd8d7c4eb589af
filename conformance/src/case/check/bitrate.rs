//! How much media a peer sent while a link was as the scenario made it.

use super::{Checked, Mismatch};
use crate::case::bitrate::{mean, phase};
use crate::expect::{BitrateMatch, PeerExpectations};
use crate::record::CaseRecord;
use crate::verdict::{Layer, Place};
use peerproof_captures::timeline::What;

const LAYER: Layer = Layer::Media;

pub(super) fn check(record: &CaseRecord, name: &str, expected: &PeerExpectations, checked: &mut Checked) {
    for wanted in &expected.bitrate {
        checked.add(one(record, name, wanted));
    }
}

fn one(record: &CaseRecord, name: &str, wanted: &BitrateMatch) -> Option<Mismatch> {
    let text = expected(name, wanted);
    let undecided = |why: String| Some(Mismatch::new(LAYER, name, &text, why).undecided());
    if let Some((key, mistake)) = wanted.mistake() {
        return undecided(format!("`{key}` {mistake}"));
    }
    let during = &wanted.during;
    let Some((from, to)) = phase(record, during) else {
        return undecided(format!("no link was changed under the name {during}"));
    };
    let from = match wanted.last_ms.map(|last| last.saturating_mul(1000)) {
        Some(last) if to - from < last => {
            return undecided(format!("that lasted for {} ms only", (to - from) / 1000));
        }
        Some(last) => to - last,
        None => from,
    };
    let Some(kbit) = mean(record, name, (from, to)) else {
        return undecided("no media of it was captured, except what a relay may have carried".to_owned());
    };
    (!wanted.allows(kbit)).then(|| {
        let mut mismatch = Mismatch::new(LAYER, name, &text, format!("it sent {kbit} kbit/s"));
        let change = record
            .timeline
            .iter()
            .find(|entry| matches!(&entry.what, What::Link { name: Some(name), .. } if name == during));
        mismatch.evidence.extend(change.map(|entry| Place::Entry(entry.n)));
        mismatch
    })
}

fn expected(name: &str, wanted: &BitrateMatch) -> String {
    let when = match wanted.last_ms {
        Some(last) => format!("in the last {last} ms of {}", wanted.during),
        None => format!("during {}", wanted.during),
    };
    let bounds = match (wanted.at_least_kbit, wanted.at_most_kbit) {
        (Some(least), Some(most)) => format!("{least} to {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => "any number of".to_owned(),
    };
    format!("{name} should send {bounds} kbit/s of media {when}")
}
