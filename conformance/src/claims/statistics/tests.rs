//! Statistics that the wire, the session or each other contradict.

mod channels;
mod often;
mod plausible;
mod rows;
mod within;

use super::super::testing::{answers, contradicted, found};
use super::*;
use crate::checks::controls::Recording;
use crate::evidence::Peer;
use crate::record::CaseRecord;
use peerproof_captures::event::{ConnectionState, PeerEvent};
use peerproof_captures::timeline::{Answer, Entry, What};
use peerproof_captures::wire::demux::Class;
use serde_json::json;

/// The recordings whose captures were not cut short after the case.
const WHOLE: [Recording; 9] = [
    Recording::Data,
    Recording::Descriptions,
    Recording::Conflict,
    Recording::Lost,
    Recording::Relay,
    Recording::Restart,
    Recording::Video,
    Recording::Closed,
    Recording::Negotiated,
];

#[test]
fn a_healthy_recording_contradicts_no_statistic() {
    for recording in WHOLE {
        assert_eq!(found(&recording.record(), check), [], "{recording:?}");
    }
}

/// Changes the dictionaries of a type in every report of a peer.
fn falsify(record: &mut CaseRecord, peer: &str, kind: &str, mut change: impl FnMut(&mut Value)) {
    let mut changed = 0;
    answers(record, peer, "getStats", |report| {
        for stat in report.as_object_mut().unwrap().values_mut().filter(|stat| stat["type"] == kind) {
            change(stat);
            changed += 1;
        }
    });
    assert!(changed > 0, "{peer} reports no {kind}");
}

/// What is contradicted of a recording once a member of all dictionaries of a type has this value.
fn judged(
    recording: Recording,
    (peer, kind, field): (&str, &str, &str),
    value: &Value,
) -> Vec<Contradiction> {
    let mut record = recording.record();
    falsify(&mut record, peer, kind, |stat| stat[field] = value.clone());
    found(&record, check)
}

fn times_ten(field: &'static str) -> impl FnMut(&mut Value) {
    move |stat| {
        let number = stat[field].as_f64().unwrap();
        stat[field] = json!(number * 10.0 + 100.0);
    }
}

#[test]
fn ten_times_what_the_wire_shows_is_too_much() {
    for (kind, field, claim) in [
        ("outbound-rtp", "packetsSent", "stat/outbound-rtp.packetsSent"),
        ("outbound-rtp", "framesSent", "stat/outbound-rtp.framesSent"),
        ("inbound-rtp", "packetsReceived", "stat/inbound-rtp.packetsReceived"),
        ("inbound-rtp", "framesDecoded", "stat/inbound-rtp.framesDecoded"),
        ("inbound-rtp", "framesReceived", "stat/inbound-rtp.framesReceived"),
    ] {
        let mut record = Recording::Video.record();
        let peer = if kind == "inbound-rtp" { "alice" } else { "bob" };
        let mut change = times_ten(field);
        falsify(&mut record, peer, kind, |stat| {
            if stat.get(field).is_some() {
                change(stat);
            }
        });
        let found = found(&record, check);
        let first = found.iter().find(|it| it.claim == claim).unwrap_or_else(|| panic!("{claim} {found:#?}"));
        assert_eq!((first.layer, &first.fault), (Layer::Media, &Fault::Peer(peer.to_owned())), "{first:?}");
    }
}

#[test]
fn what_both_sides_count_and_the_capture_lacks_is_missing_in_the_recording() {
    let mut record = Recording::Video.record();
    let wire = record.wire.as_mut().unwrap();
    let last = wire.packets.iter().map(|packet| packet.t_us).max().unwrap();
    wire.packets.retain(|packet| {
        packet.class() != peerproof_captures::wire::demux::Class::Rtp || packet.t_us + 10_000_000 < last
    });
    let found = found(&record, check);
    assert!(found.iter().any(|it| it.fault == Fault::Recording), "{found:#?}");
}

/// What the other side counts later says nothing of what was there by then.
#[test]
fn what_the_other_side_counts_later_proves_nothing() {
    let faults = |later_us: u64| {
        let mut record = Recording::Video.record();
        let wire = record.wire.as_mut().unwrap();
        let last = wire.packets.iter().map(|packet| packet.t_us).max().unwrap();
        wire.packets.retain(|packet| {
            packet.class() != peerproof_captures::wire::demux::Class::Rtp || packet.t_us + 10_000_000 < last
        });
        let mut ids = Vec::new();
        for entry in &mut record.timeline {
            let is_later = match &entry.what {
                What::Command { peer, id, name, .. } if peer == "alice" && name == "getStats" => {
                    ids.push(*id);
                    true
                }
                What::Answer { peer, id, .. } => peer == "alice" && ids.contains(id),
                _ => false,
            };
            entry.t_us += if is_later { later_us } else { 0 };
        }
        let found = found(&record, check);
        let of_bob = found.iter().filter(|it| it.claim == "stat/outbound-rtp.packetsSent");
        of_bob.map(|it| it.fault.clone()).collect::<Vec<_>>()
    };
    assert!(faults(0).contains(&Fault::Recording) && !faults(0).contains(&Fault::Peer("bob".to_owned())));
    assert!(faults(20_000_000).contains(&Fault::Peer("bob".to_owned())));
}

/// Answers may overtake each other.
#[test]
fn readings_that_overlap_are_in_no_order() {
    let goes_back = |overlap: bool| {
        let mut record = Recording::Video.record();
        let report = record.timeline.iter().find_map(|entry| match &entry.what {
            What::Answer { peer, answer: Answer::Ok(report), .. }
                if peer == "alice"
                    && report
                        .as_object()
                        .is_some_and(|it| it.values().any(|stat| stat["type"] == "inbound-rtp")) =>
            {
                Some(report.clone())
            }
            _ => None,
        });
        let report = report.unwrap();
        let mut less = report.clone();
        for stat in less.as_object_mut().unwrap().values_mut().filter(|stat| stat["type"] == "inbound-rtp") {
            stat["packetsReceived"] = json!(1);
        }
        let (n, t_us) = record.timeline.last().map(|it| (it.n, it.t_us)).unwrap();
        let ask = |id: u64| json!({"command": {"peer": "alice", "id": id, "name": "getStats", "args": {}}});
        let answer = |id: u64, report: &Value| json!({"answer": {"peer": "alice", "id": id, "answer": {"ok": report}}});
        let order = match overlap {
            true => [ask(901), ask(902), answer(902, &report), answer(901, &less)],
            false => [ask(901), answer(901, &report), ask(902), answer(902, &less)],
        };
        for (at, what) in (1..).zip(order) {
            let entry = json!({"n": n + at, "t_us": t_us + at * 1_000, "what": what});
            record.timeline.push(serde_json::from_value(entry).unwrap());
        }
        found(&record, check).iter().any(|it| it.sentence().contains("in the reading before"))
    };
    assert!(goes_back(false));
    assert!(!goes_back(true));
}

#[test]
fn a_reading_that_is_older_than_its_question_counts_too_little() {
    let mut record = Recording::Video.record();
    // Most of the packets were there long before.
    let wire = record.wire.as_mut().unwrap();
    for packet in &mut wire.packets {
        packet.t_us /= 4;
    }
    let mut is_less = |count: u64| {
        falsify(&mut record, "alice", "inbound-rtp", |stat| stat["packetsReceived"] = json!(count));
        let found = found(&record, check);
        contradicted(&found, "stat/inbound-rtp.packetsReceived", Layer::Media, "alice");
        found[0].is_less
    };
    assert!(is_less(1) && !is_less(1_000_000));
}

#[test]
fn a_candidate_at_an_address_of_nobody_or_of_another_type() {
    for (peer, kind, claim) in [
        ("alice", "local-candidate", "stat/local-candidate.address"),
        ("alice", "remote-candidate", "stat/remote-candidate.address"),
    ] {
        let mut record = Recording::Data.record();
        falsify(&mut record, peer, kind, |stat| {
            stat["address"] = json!("198.51.100.77");
            stat["ip"] = json!("198.51.100.77");
        });
        contradicted(&found(&record, check), claim, Layer::Gathering, peer);
        let mut record = Recording::Data.record();
        falsify(&mut record, peer, kind, |stat| stat["candidateType"] = json!("relay"));
        contradicted(&found(&record, check), claim, Layer::Gathering, peer);
    }
}

#[test]
fn what_is_counted_after_the_transport_has_ended_need_not_be_on_the_wire() {
    const CLAIM: &str = "stat/outbound-rtp.packetsSent";
    let falsified = |closes: bool| {
        let mut record = Recording::Video.record();
        falsify(&mut record, "bob", "outbound-rtp", |stat| stat["packetsSent"] = json!(10_000));
        if closes {
            let is_asked = |entry: &&Entry| matches!(&entry.what, What::Command { peer, name, .. } if peer == "bob" && name == "getStats");
            let (n, t_us) = record.timeline.iter().find(is_asked).map(|entry| (entry.n, entry.t_us)).unwrap();
            let closed = json!({"event": {"peer": "bob", "seq": 900,
                "event": {"event": "dtlsstatechange", "data": {"state": "closed"}}}});
            super::super::testing::add_at(&mut record, n, t_us, closed);
        }
        found(&record, check)
    };
    contradicted(&falsified(false), CLAIM, Layer::Media, "bob");
    assert!(falsified(true).iter().all(|it| it.claim != CLAIM), "{:#?}", falsified(true));
}

#[test]
fn frames_that_no_packet_carries_are_counted_once_the_transport_has_ended() {
    const CLAIM: &str = "stat/outbound-rtp.framesSent";
    let stat = json!({"O": {"id": "O", "type": "outbound-rtp", "framesSent": 90, "packetsSent": 20}});
    let judged = |state: &str| {
        let mut record = Recording::Descriptions.record();
        let n = record.timeline.last().map_or(0, |entry| entry.n);
        for (at, what) in [
            json!({"event": {"peer": "alice", "seq": 900,
                "event": {"event": "dtlsstatechange", "data": {"state": state}}}}),
            json!({"command": {"peer": "alice", "id": 900, "name": "getStats", "args": {}}}),
            json!({"answer": {"peer": "alice", "id": 900, "answer": {"ok": stat}}}),
        ]
        .into_iter()
        .enumerate()
        {
            let at = n + 1 + at as u64;
            super::super::testing::add_at(&mut record, at, 60_000_000 + at * 1_000, what);
        }
        found(&record, check).iter().any(|it| it.claim == CLAIM)
    };
    assert!(judged("connected"));
    assert!(!judged("closed"));
}

#[test]
fn an_active_tcp_candidate_of_no_interface_is_never_reported() {
    for (protocol, tcp_type, address, contradicts) in [
        ("tcp", "active", "0.0.0.0", false),
        ("tcp", "active", "::", false),
        ("tcp", "active", "198.51.100.77", true),
        ("tcp", "passive", "0.0.0.0", true),
        ("udp", "", "0.0.0.0", true),
    ] {
        let mut record = Recording::Data.record();
        falsify(&mut record, "alice", "local-candidate", |stat| {
            for (field, value) in
                [("protocol", protocol), ("tcpType", tcp_type), ("address", address), ("ip", address)]
            {
                stat[field] = json!(value);
            }
            stat["port"] = json!(9);
        });
        let found = found(&record, check);
        if contradicts {
            contradicted(&found, "stat/local-candidate.address", Layer::Gathering, "alice");
        } else {
            assert_eq!(found, [], "{protocol} {tcp_type} {address}");
        }
    }
}

#[test]
fn what_the_handshake_shows_otherwise() {
    for (field, value, layer) in [
        ("dtlsCipher", "TLS_AES_256_GCM_SHA384", Layer::Dtls),
        ("srtpCipher", "SRTP_AEAD_AES_256_GCM", Layer::Srtp),
        ("tlsVersion", "FEFF", Layer::Dtls),
        ("tlsVersion", "FEFE", Layer::Dtls),
        ("dtlsState", "failed", Layer::Dtls),
        ("iceLocalUsernameFragment", "zzzz", Layer::Checks),
    ] {
        let mut record = Recording::Video.record();
        falsify(&mut record, "alice", "transport", |stat| stat[field] = json!(value));
        contradicted(&found(&record, check), &format!("stat/transport.{field}"), layer, "alice");
    }
    for (field, layer, one, other) in [
        ("dtlsRole", Layer::Dtls, "client", "server"),
        ("iceRole", Layer::Checks, "controlling", "controlled"),
    ] {
        let mut record = Recording::Video.record();
        falsify(&mut record, "alice", "transport", |stat| {
            stat[field] = json!(if stat[field] == one { other } else { one });
        });
        contradicted(&found(&record, check), &format!("stat/transport.{field}"), layer, "alice");
    }
    let mut record = Recording::Video.record();
    falsify(&mut record, "alice", "certificate", |stat| {
        let text = stat["fingerprint"].as_str().unwrap().replacen(|_: char| true, "", 2);
        stat["fingerprint"] = json!(format!("00{text}"));
    });
    contradicted(&found(&record, check), "stat/certificate.fingerprint", Layer::Dtls, "alice");
}

#[test]
fn a_role_that_the_other_side_claims_too_may_change_without_another_check() {
    let mut record = Recording::Video.record();
    falsify(&mut record, "alice", "transport", |stat| {
        stat["iceRole"] = json!(if stat["iceRole"] == "controlling" { "controlled" } else { "controlling" });
    });
    let packets = &mut record.wire.as_mut().unwrap().packets;
    let (controlled, controlling) = ([0x80, 0x29, 0, 8], [0x80, 0x2a, 0, 8]);
    let mut changed = 0;
    for packet in packets.iter_mut().filter(|packet| packet.sender == Peer(1)) {
        let mut bytes = packet.bytes.to_vec();
        let at = bytes.windows(4).position(|it| it == controlled || it == controlling);
        let Some(attribute) = at.and_then(|at| bytes.get_mut(at..at + 4)) else { continue };
        attribute.copy_from_slice(if attribute == controlled { &controlling } else { &controlled });
        packet.bytes = bytes.into();
        changed += 1;
    }
    assert!(changed > 0);
    assert!(!found(&record, check).iter().any(|it| it.claim == "stat/transport.iceRole"));
}

#[test]
fn a_version_has_its_suites_and_an_answer_chose_the_roles() {
    let mut record = Recording::Descriptions.record();
    falsify(&mut record, "alice", "transport", |stat| {
        stat["tlsVersion"] = json!("FEFC");
        stat["dtlsCipher"] = json!("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    });
    contradicted(&found(&record, check), "stat/transport.tlsVersion", Layer::Dtls, "alice");
    for peer in ["alice", "bob"] {
        let mut record = Recording::Descriptions.record();
        falsify(&mut record, peer, "transport", |stat| {
            stat["dtlsRole"] = json!(if stat["dtlsRole"] == "client" { "server" } else { "client" });
        });
        contradicted(&found(&record, check), "stat/transport.dtlsRole", Layer::Dtls, peer);
        // The role is that of the answer as it came.
        if peer == "alice" {
            for entry in &mut record.timeline {
                if let What::Command { peer, name, args, .. } = &mut entry.what
                    && peer == "alice"
                    && name == "setRemoteDescription"
                {
                    let sdp = args["description"]["sdp"].as_str().unwrap();
                    let is_active = sdp.contains("a=setup:active");
                    let (from, to) = if is_active { ("active", "passive") } else { ("passive", "active") };
                    let changed = sdp.replace(&format!("a=setup:{from}"), &format!("a=setup:{to}"));
                    args["description"]["sdp"] = changed.into();
                }
            }
            let found = found(&record, check);
            assert!(!found.iter().any(|it| it.claim == "stat/transport.dtlsRole"), "{found:#?}");
        }
    }
}

#[test]
fn the_selected_pair_is_one_of_the_report_and_its_socket_sent_packets() {
    const CLAIM: &str = "stat/transport.selectedCandidatePairId";
    let mut record = Recording::Data.record();
    falsify(&mut record, "alice", "transport", |stat| stat["selectedCandidatePairId"] = json!("none"));
    contradicted(&found(&record, check), CLAIM, Layer::Nomination, "alice");
    // Both of the lab's peers were recorded.
    let mut record = Recording::Conflict.record();
    for packet in record.wire.as_mut().unwrap().packets.iter_mut().filter(|packet| packet.sender == Peer(0)) {
        packet.from.set_port(1);
    }
    contradicted(&found(&record, check), CLAIM, Layer::Nomination, "alice");
}

#[test]
fn a_pair_that_carried_more_than_there_was() {
    for (kind, field) in [
        ("candidate-pair", "bytesSent"),
        ("candidate-pair", "responsesReceived"),
        ("transport", "packetsReceived"),
    ] {
        let mut record = Recording::Data.record();
        falsify(&mut record, "bob", kind, |stat| stat[field] = json!(10_000_000));
        contradicted(&found(&record, check), &format!("stat/{kind}.{field}"), Layer::Checks, "bob");
    }
}

#[test]
fn a_codec_that_no_description_has() {
    let mut record = Recording::Video.record();
    falsify(&mut record, "alice", "codec", |stat| stat["mimeType"] = json!("video/NONE"));
    contradicted(&found(&record, check), "stat/codec.payloadType", Layer::Media, "alice");
}

#[test]
fn what_took_numbers_while_ice_was_down_is_counted_and_need_not_be_on_the_wire() {
    let doubts = |is_down: bool| {
        let mut record = Recording::Video.record();
        let packets = &mut record.wire.as_mut().unwrap().packets;
        let own = |it: &crate::evidence::Packet| it.class() == Class::Rtp && it.sender == Peer(0);
        let all: Vec<u64> = packets.iter().filter(|it| own(it)).map(|it| it.t_us).collect();
        let (from, to) = (all[all.len() / 4], all[all.len() * 3 / 4]);
        packets.retain(|it| !(own(it) && (from..=to).contains(&it.t_us)));
        let n = record.timeline.last().unwrap().n + 1;
        for (at, state) in [(from, "disconnected"), (to, "connected")].into_iter().filter(|_| is_down) {
            let event = json!({"event": "icetransportstatechange", "data": {"state": state}});
            let what = json!({"event": {"peer": "alice", "seq": 900, "event": event}});
            super::super::testing::add_at(&mut record, n, at, what);
        }
        found(&record, check).iter().any(|it| it.sentence().contains("packetsSent"))
    };
    assert!(doubts(false) && !doubts(true));
}

#[test]
fn checks_that_go_to_a_loopback_candidate_are_counted_and_not_on_the_wire() {
    const CLAIM: &str = "stat/transport.packetsSent";
    let doubts = |tells_loopback: bool| {
        let mut record = Recording::Data.record();
        falsify(&mut record, "alice", "transport", times_ten("packetsSent"));
        if tells_loopback {
            let candidate =
                json!({"candidate": "candidate:1 1 udp 1 127.0.0.1 5000 typ host", "sdpMid": "0"});
            let event = json!({"event": "icecandidate", "data": {"candidate": candidate}});
            let n = record.timeline.last().unwrap().n + 1;
            let what = json!({"event": {"peer": "bob", "seq": 900, "event": event}});
            super::super::testing::add_at(&mut record, n, 1, what);
        }
        found(&record, check).iter().any(|it| it.claim == CLAIM)
    };
    assert!(doubts(false) && !doubts(true));
}

#[test]
fn what_was_kept_is_what_was_answered() {
    let mut record = Recording::Data.record();
    let kept = json!({"stats": {"peer": "alice", "report": {"X": {"type": "transport"}}}});
    super::super::testing::add(&mut record, kept);
    let found = found(&record, check);
    assert_eq!(found.iter().map(|it| &it.fault).collect::<Vec<_>>(), [&Fault::Recording]);
}
