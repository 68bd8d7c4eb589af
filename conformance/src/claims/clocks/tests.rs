//! Times that contradict what caused them.

use super::super::testing::{add, contradicted, edit, found};
use super::*;
use crate::checks::controls::Recording;
use serde_json::json;

#[test]
fn a_healthy_recording_has_possible_clocks() {
    for recording in Recording::ALL {
        assert_eq!(found(&recording.record(), check), [], "{recording:?}");
    }
}

#[test]
fn a_clock_that_fits_nothing_is_the_peers() {
    let mut record = Recording::Data.record();
    add(&mut record, json!({"note": {"clock_contradicts": {"peer": "bob", "by_us": 480_000}}}));
    contradicted(&found(&record, check), "clock/offset", Layer::PeerProtocol, "bob");
    let mut record = Recording::Data.record();
    add(&mut record, json!({"note": {"clock_contradicts": {"peer": "bob", "by_us": 900}}}));
    assert_eq!(found(&record, check), [], "a clock of milliseconds steps");
}

#[test]
fn a_drift_of_a_fifth_is_impossible() {
    let mut record = Recording::Data.record();
    add(
        &mut record,
        json!({"peer_clock": {"peer": "bob", "offset_us": 0, "drift_ppm": 200_000.0, "error_us": 10}}),
    );
    contradicted(&found(&record, check), "clock/drift", Layer::PeerProtocol, "bob");
}

#[test]
fn answers_without_times() {
    let mut record = Recording::Data.record();
    add(&mut record, json!({"note": {"clock_unknown": {"peer": "bob"}}}));
    contradicted(&found(&record, check), "clock/answer", Layer::PeerProtocol, "bob");
}

#[test]
fn events_before_the_commands_that_they_follow_from() {
    let mut record = Recording::Data.record();
    edit(&mut record, |entry| {
        let event = &entry["what"]["event"];
        let early = event["peer"] == "bob" && event["event"]["event"] == "signalingstatechange";
        if early {
            entry["t_us"] = json!(0);
        }
        early
    });
    contradicted(&found(&record, check), "clock/offset", Layer::PeerProtocol, "bob");
}

#[test]
fn behind_an_adapter_a_description_may_be_set_when_it_is_created() {
    let blames = |translated: bool| {
        let mut record = Recording::Data.record();
        let is = |entry: &Entry, wanted: &str| matches!(&entry.what, What::Command { peer, name, .. } if peer == "alice" && name == wanted);
        let of = |wanted: &str| record.timeline.iter().find(|entry| is(entry, wanted)).unwrap();
        let (created_us, set) = (of("createOffer").t_us, of("setLocalDescription").n);
        edit(&mut record, |entry| {
            let event = &entry["what"]["event"];
            if event["peer"] == "alice" && event["event"]["event"] == "signalingstatechange" {
                entry["t_us"] = json!(created_us + 1_000_000);
            } else if entry["n"].as_u64() >= Some(set) {
                entry["t_us"] = json!(entry["t_us"].as_u64().unwrap() + 4_000_000);
            }
            true
        });
        if translated {
            record.file.peers[0].features = Some(Vec::new());
        }
        found(&record, check).iter().any(|it| it.claim == "clock/offset")
    };
    assert!(blames(false));
    assert!(!blames(true));
}
