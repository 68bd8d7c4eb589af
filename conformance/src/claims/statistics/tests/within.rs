//! What a report says twice.

use super::*;
use crate::case_file::MILLISECONDS;

/// What a peer reported.
fn report(recording: Recording, peer: &str) -> Map<String, Value> {
    let mut all = Map::new();
    answers(&mut recording.record(), peer, "getStats", |report| all = report.as_object().unwrap().clone());
    all
}

#[test]
fn statistics_of_a_connection_are_not_rejected() {
    let is_found = |has_connection: bool| {
        let mut record = Recording::Data.record();
        let mut ids = Vec::new();
        for entry in &mut record.timeline {
            match &mut entry.what {
                What::Command { peer, id, name, .. } if peer == "alice" && name == "getStats" => {
                    ids.push(*id);
                }
                What::Command { peer, name, .. }
                    if peer == "alice" && name == "createPeerConnection" && !has_connection =>
                {
                    "createSource".clone_into(name);
                }
                What::Answer { peer, id, answer } if peer == "alice" && ids.contains(id) => {
                    let (name, message) = ("InvalidStateError".to_owned(), String::new());
                    *answer = Answer::Rejected { name, message };
                }
                _ => {}
            }
        }
        let found = found(&record, check);
        found.iter().any(|it| it.claim == "answer/getStats" && it.fault == Fault::Peer("alice".to_owned()))
    };
    assert_eq!([true, false].map(is_found), [true, false]);
}

#[test]
fn a_dictionary_has_the_name_of_its_key() {
    let found = judged(Recording::Video, ("alice", "transport", "id"), &json!("nobody"));
    contradicted(&found, "stat/id", Layer::Media, "alice");
}

#[test]
fn a_dictionary_has_what_each_has() {
    for field in ["id", "type", "timestamp"] {
        let mut record = Recording::Data.record();
        falsify(&mut record, "alice", "peer-connection", |stat| {
            stat.as_object_mut().unwrap().remove(field);
        });
        contradicted(&found(&record, check), &format!("stat/{field}"), Layer::Media, "alice");
    }
}

#[test]
fn nothing_is_counted_below_zero_but_lost_packets() {
    let found = judged(Recording::Video, ("alice", "candidate-pair", "requestsReceived"), &json!(-870));
    contradicted(&found, "stat/candidate-pair.requestsReceived", Layer::Checks, "alice");
    let found = judged(Recording::Video, ("alice", "inbound-rtp", "packetsLost"), &json!(-1));
    assert!(!found.iter().any(|it| it.seen.contains("less than zero")), "{found:#?}");
}

#[test]
fn an_identifier_names_a_dictionary_of_the_report_that_is_of_its_type() {
    let report = report(Recording::Video, "alice");
    let other = report.iter().find(|(_, stat)| stat["type"] == "peer-connection").unwrap().0;
    for (kind, field, must_be_there, layer) in [
        ("inbound-rtp", "codecId", true, Layer::Media),
        ("inbound-rtp", "transportId", true, Layer::Media),
        ("candidate-pair", "transportId", true, Layer::Checks),
        ("candidate-pair", "localCandidateId", false, Layer::Checks),
        ("transport", "localCertificateId", true, Layer::Dtls),
    ] {
        let claim = format!("stat/{kind}.{field}");
        let of = |value: &str| judged(Recording::Video, ("alice", kind, field), &json!(value));
        contradicted(&of(other), &claim, layer, "alice");
        let found = of("nobody");
        assert_eq!(found.iter().any(|it| it.claim == claim), must_be_there, "{claim}: {found:#?}");
    }
}

/// As of Firefox before version 141.
#[test]
fn an_identifier_may_name_what_no_report_has() {
    let mut record = Recording::Video.record();
    answers(&mut record, "alice", "getStats", |report| {
        report.as_object_mut().unwrap().retain(|_, stat| stat["type"] != "transport");
    });
    let found = found(&record, check);
    assert!(!found.iter().any(|it| it.claim.ends_with(".transportId")), "{found:#?}");
}

#[test]
fn what_repeats_another_member_is_the_same() {
    for (kind, field, value, layer) in [
        ("inbound-rtp", "mediaType", json!("text"), Layer::Media),
        ("local-candidate", "ip", json!("198.51.100.7"), Layer::Gathering),
        ("local-candidate", "isRemote", json!(true), Layer::Gathering),
        ("remote-candidate", "isRemote", json!(false), Layer::Gathering),
        ("candidate-pair", "selected", json!(false), Layer::Nomination),
    ] {
        let found = judged(Recording::Video, ("alice", kind, field), &value);
        contradicted(&found, &format!("stat/{kind}.{field}"), layer, "alice");
    }
    for (field, value) in [("ssrc", json!(1)), ("kind", json!("text"))] {
        let found = judged(Recording::Video, ("bob", "remote-outbound-rtp", field), &value);
        contradicted(&found, &format!("stat/remote-outbound-rtp.{field}"), Layer::Media, "bob");
    }
    assert_eq!(judged(Recording::Video, ("alice", "local-candidate", "isRemote"), &json!(false)), []);
}

#[test]
fn a_packet_was_not_sent_after_the_report_or_before_the_session() {
    for (off_ms, is_wrong) in
        [(-86_400_000.0, true), (-50.0, false), (0.0, false), (20.0, true), (600_000.0, true)]
    {
        let mut record = Recording::Video.record();
        record.file.format = MILLISECONDS;
        falsify(&mut record, "alice", "candidate-pair", |stat| {
            let now = stat["timestamp"].as_f64().unwrap();
            stat["lastPacketSentTimestamp"] = json!(now + off_ms);
        });
        let found = found(&record, check);
        let claim = "stat/candidate-pair.lastPacketSentTimestamp";
        assert_eq!(found.iter().any(|it| it.claim == claim), is_wrong, "{off_ms}: {found:#?}");
    }
}

#[test]
fn the_codec_of_a_stream_is_that_of_its_packets() {
    for (kind, peer) in [("inbound-rtp", "alice"), ("outbound-rtp", "bob")] {
        let mut record = Recording::Video.record();
        falsify(&mut record, peer, "codec", |stat| stat["payloadType"] = json!(34));
        contradicted(&found(&record, check), &format!("stat/{kind}.codecId"), Layer::Media, peer);
    }
}

#[test]
fn the_parameters_of_a_codec_are_those_of_its_fmtp() {
    let found = judged(Recording::Video, ("alice", "codec", "sdpFmtpLine"), &json!("profile-id=7"));
    contradicted(&found, "stat/codec.sdpFmtpLine", Layer::Media, "alice");
}

#[test]
fn an_encoding_is_of_the_descriptions() {
    for (field, value) in [("rid", json!("nobody")), ("encodingIndex", json!(3))] {
        let found = judged(Recording::Video, ("bob", "outbound-rtp", field), &value);
        contradicted(&found, &format!("stat/outbound-rtp.{field}"), Layer::Media, "bob");
    }
    let found = judged(Recording::Video, ("alice", "inbound-rtp", "rtxSsrc"), &json!(7));
    contradicted(&found, "stat/inbound-rtp.rtxSsrc", Layer::Media, "alice");
}
