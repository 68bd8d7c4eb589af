//! Descriptions that the wire contradicts.

use super::super::testing::{contradicted, edit, found};
use super::*;
use crate::checks::controls::Recording;
use crate::record::CaseRecord;
use crate::verdict::Layer;
use peerproof_captures::timeline::{Entry, What};
use serde_json::{Value, json};

#[test]
fn a_healthy_recording_contradicts_no_description() {
    for recording in Recording::ALL {
        assert_eq!(found(&recording.record(), check), [], "{recording:?}");
    }
}

/// Makes a peer answer 401 to every check.
fn refuse(record: &mut CaseRecord, peer: usize) {
    let packets = &mut record.wire.as_mut().unwrap().packets;
    let answers =
        packets.iter_mut().filter(|packet| packet.sender == Peer(peer) && packet.bytes.starts_with(&[1, 1]));
    let mut refused = 0;
    for packet in answers {
        let mut bytes = vec![0x01, 0x11, 0, 8];
        bytes.extend(&packet.bytes[4..20]);
        bytes.extend([0, 9, 0, 4, 0, 0, 4, 1]);
        packet.bytes = bytes.into();
        refused += 1;
    }
    assert!(refused > 0);
}

#[test]
fn a_password_that_its_agent_does_not_accept() {
    for (peer, name) in [(0, "alice"), (1, "bob")] {
        let mut record = Recording::Data.record();
        refuse(&mut record, peer);
        contradicted(&found(&record, check), "description/ice-pwd", Layer::Checks, name);
    }
}

#[test]
fn an_agent_that_is_there_and_answers_no_check() {
    let mut record = Recording::Restart.record();
    record.timeline.retain(|entry| !matches!(entry.what, What::Lost { .. } | What::Faulted { .. }));
    let packets = &mut record.wire.as_mut().unwrap().packets;
    packets.retain(|packet| packet.sender != Peer(0) || !packet.bytes.starts_with(&[1, 1]));
    contradicted(&found(&record, check), "description/ice-pwd", Layer::Checks, "alice");
}

#[test]
fn what_was_rewritten_on_the_way_is_not_its_makers() {
    let mut record = Recording::Data.record();
    refuse(&mut record, 0);
    edit(&mut record, |entry| {
        let carried = &mut entry["what"]["carried"];
        if carried["from"] != "alice" {
            return false;
        }
        let mut delivered: Value = carried["sent"].clone();
        let sdp = delivered["sdp"].as_str().unwrap().replace("a=ice-pwd:", "a=ice-pwd:0");
        delivered["sdp"] = json!(sdp);
        carried["delivered"] = delivered;
        true
    });
    assert_eq!(found(&record, check), []);
}

/// It may take an answer with the old credentials for a refusal, and go on with its own old ones.
#[test]
fn a_restart_whose_answer_keeps_the_old_credentials_binds_nobody_to_the_new_ones() {
    let blamed = |keeps: bool| {
        let mut record = Recording::Data.record();
        refuse(&mut record, 0);
        let is_carried = |entry: &Entry| matches!(&entry.what, What::Carried { .. });
        let at = record.timeline.iter().position(is_carried).unwrap();
        let mut before: Vec<Entry> = record.timeline.iter().filter(|it| is_carried(it)).cloned().collect();
        for entry in &mut before {
            if let What::Carried { from, sent, .. } = &mut entry.what
                && (from == "alice" || !keeps)
            {
                sent.sdp = sent.sdp.replace("a=ice-ufrag:", "a=ice-ufrag:old");
            }
        }
        record.timeline.splice(at..at, before);
        for (n, entry) in (0..).zip(&mut record.timeline) {
            entry.n = n;
        }
        found(&record, check).iter().any(|it| it.claim == "description/ice-pwd")
    };
    assert_eq!([false, true].map(blamed), [true, false]);
}
