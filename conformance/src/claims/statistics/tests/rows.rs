//! Each member of a statistic that a recording has is a claim of the table.

use super::*;
use crate::claims::claims;
use std::collections::BTreeSet;

/// The claims of a dictionary: its members by their names, those that every dictionary has by that alone.
fn named(stat: &Map<String, Value>) -> Vec<String> {
    let kind = stat.get("type").and_then(Value::as_str).unwrap_or_default();
    let of = |member: &String| match member.as_str() {
        "id" | "type" | "timestamp" => format!("stat/{member}"),
        member => format!("stat/{kind}.{member}"),
    };
    stat.keys().map(of).collect()
}

/// The claims of all statistics of a recording that the table lacks.
fn missing(record: &CaseRecord) -> BTreeSet<String> {
    let known: BTreeSet<&str> = claims().into_iter().map(|claim| claim.name).collect();
    let answers = record.timeline.iter().filter_map(|entry| match &entry.what {
        What::Answer { answer: Answer::Ok(Value::Object(answer)), .. } => Some(answer),
        _ => None,
    });
    let stats = answers.flat_map(|report| report.values().filter_map(Value::as_object));
    let stats = stats.filter(|stat| stat.contains_key("timestamp") && stat.contains_key("type"));
    let all: BTreeSet<String> = stats.flat_map(named).collect();
    all.into_iter().filter(|name| !known.contains(name.as_str())).collect()
}

#[test]
fn the_table_has_each_member_that_is_reported() {
    for recording in Recording::ALL {
        assert_eq!(missing(&recording.record()), BTreeSet::new(), "{recording:?}");
    }
}

#[test]
fn a_member_that_nobody_knows_is_missing() {
    let mut record = Recording::Data.record();
    falsify(&mut record, "alice", "transport", |stat| stat["newMember"] = json!(1));
    assert_eq!(missing(&record), BTreeSet::from(["stat/transport.newMember".to_owned()]));
}
