//! What a peer's API reported: states in their order, the members of statistics; and how requirements stand.

use super::{Fact, Found};
use crate::api::PeerView;
use crate::case::CaseRecord;
use crate::finding::Result;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) fn of(record: &CaseRecord, name: &str, found: &mut Found) {
    let view = PeerView::of(&record.timeline, name);
    macro_rules! states {
        ($($of:literal: $states:expr),+ $(,)?) => {
            $(found.add(format!("states of {}", $of), Fact::list($states.iter().map(|at| at.is.to_string())));)+
        };
    }
    states! {
        "signaling": view.signaling,
        "gathering": view.gathering,
        "the DTLS transport": view.dtls,
        "the SCTP transport": view.sctp,
    }
    statistics(record.stats.get(name), found);
    for finding in record.file.findings.iter().filter(|finding| finding.endpoint == name) {
        if matches!(finding.result, Result::Pass | Result::Fail | Result::Warn) {
            found.add(format!("requirement {}", finding.requirement), Fact::one(finding.result.as_str()));
        }
    }
}

/// Which members the dictionaries of each type have.
fn statistics(report: Option<&Value>, found: &mut Found) {
    let mut members: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for dictionary in report.and_then(Value::as_object).into_iter().flat_map(|report| report.values()) {
        let (Some(kind), Some(dictionary)) =
            (dictionary.get("type").and_then(Value::as_str), dictionary.as_object())
        else {
            continue;
        };
        members.entry(kind).or_default().extend(dictionary.keys().cloned());
    }
    for (kind, members) in members {
        found.add(format!("statistics {kind}"), Fact::set(members));
    }
}
