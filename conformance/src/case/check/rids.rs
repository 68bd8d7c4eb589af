//! Which streams of a simulcast a peer sends, by the packets.

use super::{Mismatch, words};
use crate::record::CaseRecord;
use crate::verdict::{Layer, Place};
use std::collections::BTreeSet;

pub(super) fn check(record: &CaseRecord, name: &str, wanted: &[String]) -> Option<Mismatch> {
    let text = format!("the packets of {name} should carry the stream identifiers {}", words(wanted));
    let Some(seen) = record.rids.get(name) else {
        let seen = "none of its RTP was recorded";
        return Some(Mismatch::new(Layer::Media, name, text, seen).undecided());
    };
    let wanted: BTreeSet<&String> = wanted.iter().collect();
    if wanted.iter().copied().eq(seen.keys()) {
        return None;
    }
    let mut mismatch = Mismatch::new(Layer::Media, name, text, format!("they carry {}", words(seen.keys())));
    // The first packets of the streams that should not be there; if there are none, of all.
    let other = || seen.iter().filter(|(rid, _)| !wanted.contains(rid)).map(|(_, frame)| *frame);
    let all = || seen.values().copied();
    let frames: Vec<u64> = if other().next().is_some() { other().collect() } else { all().collect() };
    mismatch.evidence = frames.into_iter().map(Place::Frame).collect();
    Some(mismatch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::controls::Recording;

    #[test]
    fn the_packets_of_a_stream_that_should_not_be_there_are_named() {
        let record = Recording::Simulcast.record();
        let (name, seen) = record.rids.iter().find(|(_, seen)| seen.len() > 1).unwrap();
        let all: Vec<String> = seen.keys().cloned().collect();
        assert_eq!(check(&record, name, &all), None);
        let (first, rest) = all.split_first().unwrap();
        let of_first = check(&record, name, rest).unwrap();
        assert_eq!(of_first.evidence, [Place::Frame(seen[first])]);
        let more: Vec<String> = all.iter().cloned().chain(["more".to_owned()]).collect();
        assert_eq!(check(&record, name, &more).unwrap().evidence.len(), all.len());
    }
}
