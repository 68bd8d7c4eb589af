//! Which streams of a simulcast a peer sends, by the packets.

use super::{Mismatch, words};
use crate::record::CaseRecord;
use crate::verdict::Layer;
use std::collections::BTreeSet;

pub(super) fn check(record: &CaseRecord, name: &str, wanted: &[String]) -> Option<Mismatch> {
    let text = format!("the packets of {name} should carry the stream identifiers {}", words(wanted));
    let Some(seen) = record.rids.get(name) else {
        let seen = "none of its RTP was recorded";
        return Some(Mismatch::new(Layer::Media, name, text, seen).undecided());
    };
    let wanted: BTreeSet<&String> = wanted.iter().collect();
    if wanted.iter().copied().eq(seen) {
        return None;
    }
    Some(Mismatch::new(Layer::Media, name, text, format!("they carry {}", words(seen))))
}
