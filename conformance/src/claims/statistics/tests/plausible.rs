//! Values that are too low, that do not fit beside each other, that go back, and dictionaries that are missing.

use super::*;
use crate::case_file::MILLISECONDS;

/// A recording in which all but its readings was long before those, on a machine that delays nothing.
fn early(recording: Recording) -> CaseRecord {
    let mut record = recording.record();
    for packet in record.wire.iter_mut().flat_map(|wire| &mut wire.packets) {
        packet.t_us /= 4;
    }
    let mut ids = Vec::new();
    for entry in &mut record.timeline {
        match &mut entry.what {
            What::Command { peer, id, name, .. } if name == "getStats" => ids.push((peer.clone(), *id)),
            What::Answer { peer, id, .. } if ids.contains(&(peer.clone(), *id)) => {}
            What::Stalls { waited_us, .. } => waited_us.clear(),
            _ => entry.t_us /= 4,
        }
    }
    record
}

#[test]
fn a_transport_counts_what_was_there_long_before() {
    for field in ["packetsSent", "packetsReceived", "bytesSent", "bytesReceived"] {
        let mut record = early(Recording::Video);
        assert_eq!(found(&record, check).iter().filter(|it| it.is_less).count(), 0);
        falsify(&mut record, "alice", "transport", |stat| stat[field] = json!(0));
        let found = found(&record, check);
        let claim = format!("stat/transport.{field}");
        let first = found.iter().find(|it| it.claim == claim && it.is_less);
        assert!(first.is_some_and(|it| it.fault == Fault::Peer("alice".to_owned())), "{found:#?}");
    }
}

#[test]
fn the_only_pair_counts_what_its_transport_carried() {
    for field in ["packetsSent", "packetsReceived", "bytesSent", "bytesReceived"] {
        let claim = format!("stat/candidate-pair.{field}");
        let less = |share: f64, pairs: usize| {
            let mut record = early(Recording::Video);
            let n = record.timeline.last().unwrap().n + 1;
            for _ in 1..pairs {
                let pair =
                    json!({"event": "selectedcandidatepairchange", "data": {"local": "", "remote": ""}});
                let what = json!({"event": {"peer": "bob", "seq": 900, "event": pair}});
                super::super::super::testing::add_at(&mut record, n, 0, what);
            }
            falsify(&mut record, "bob", "candidate-pair", |stat| {
                stat[field] = json!((stat[field].as_f64().unwrap() * share).floor());
            });
            found(&record, check).iter().any(|it| it.claim == claim && it.is_less)
        };
        assert!(!less(1.0, 1) && less(0.2, 1), "{field}");
        assert!(!less(0.2, 2), "{field}: another pair may have carried it");
    }
}

#[test]
fn neither_transport_nor_pair_counts_more_than_was_on_the_wire() {
    for (kind, field, more) in [
        ("transport", "packetsSent", 1.4),
        ("transport", "bytesReceived", 1.4),
        ("candidate-pair", "packetsReceived", 1.4),
        ("candidate-pair", "bytesSent", 1.4),
        ("candidate-pair", "requestsSent", 100.0),
        ("candidate-pair", "responsesReceived", 100.0),
    ] {
        let claim = format!("stat/{kind}.{field}");
        let of = |factor: f64| {
            let mut record = early(Recording::Video);
            falsify(&mut record, "bob", kind, |stat| {
                stat[field] = json!((stat[field].as_f64().unwrap() * factor).floor());
                if field == "responsesReceived" {
                    stat["requestsSent"] = json!(null);
                }
            });
            let mut found = found(&record, check);
            found.retain(|it| it.claim == claim && !it.is_less);
            found
        };
        assert_eq!(of(1.0), [], "{claim}");
        assert!(!of(more).is_empty(), "{claim}");
    }
}

/// libwebrtc counts requests that its host has no route for.
#[test]
fn requests_from_loopback_to_another_host_need_not_have_left() {
    let more = |local: &str, remote: &str| {
        let mut record = early(Recording::Video);
        answers(&mut record, "bob", "getStats", |report| {
            let report = report.as_object_mut().unwrap();
            for (id, address) in [("local", local), ("remote", remote)] {
                let candidate = json!({ "type": format!("{id}-candidate"), "id": id, "address": address });
                report.insert(id.to_owned(), candidate);
            }
            for pair in report.values_mut().filter(|stat| stat["type"] == "candidate-pair") {
                pair["localCandidateId"] = json!("local");
                pair["remoteCandidateId"] = json!("remote");
                pair["requestsSent"] = json!(1e6);
            }
        });
        found(&record, check).iter().any(|it| it.seen.contains("requests on the wire by then"))
    };
    assert!(!more("127.0.0.1", "192.0.2.1"));
    assert!(more("127.0.0.1", "127.0.0.1") && more("192.0.2.2", "192.0.2.1"));
}

#[test]
fn ice_does_not_go_back_behind_a_connection() {
    for (state, is_wrong) in [("new", true), ("failed", true), ("checking", false), ("connectee", true)] {
        let found = judged(Recording::Video, ("alice", "transport", "iceState"), &json!(state));
        assert_eq!(found.iter().any(|it| it.claim == "stat/transport.iceState"), is_wrong, "{found:#?}");
    }
}

#[test]
fn a_candidate_is_at_an_address_or_a_name() {
    for (address, is_wrong) in [("another", true), ("f1d2c3.local", false)] {
        let found = judged(Recording::Video, ("alice", "remote-candidate", "address"), &json!(address));
        assert_eq!(
            found.iter().any(|it| it.claim == "stat/remote-candidate.address"),
            is_wrong,
            "{found:#?}"
        );
    }
}

#[test]
fn bytes_fit_beside_packets() {
    for (kind, packets, bytes, layer) in [
        ("transport", "packetsSent", "bytesSent", Layer::Checks),
        ("candidate-pair", "packetsReceived", "bytesReceived", Layer::Checks),
        ("inbound-rtp", "packetsReceived", "bytesReceived", Layer::Media),
        ("outbound-rtp", "packetsSent", "bytesSent", Layer::Media),
    ] {
        let mut record = Recording::Video.record();
        falsify(&mut record, "alice", kind, |stat| {
            if stat[packets].as_f64().is_some_and(|count| count > 4.0) {
                stat[bytes] = json!(1);
            }
        });
        contradicted(&found(&record, check), &format!("stat/{kind}.{bytes}"), layer, "alice");
    }
}

/// Firefox probes with padding before it has a frame to send.
#[test]
fn packets_of_padding_have_no_bytes_of_payload() {
    const CLAIM: &str = "stat/outbound-rtp.bytesSent";
    let empty = |headers: u64| {
        let mut record = Recording::Video.record();
        falsify(&mut record, "alice", "outbound-rtp", |stat| {
            stat["bytesSent"] = json!(0);
            stat["headerBytesSent"] = json!(stat["packetsSent"].as_u64().unwrap() * headers);
        });
        found(&record, check).iter().any(|it| it.claim == CLAIM && it.seen.starts_with("its packetsSent"))
    };
    assert!(empty(24) && !empty(279));
}

#[test]
fn a_round_trip_takes_some_time_of_the_session() {
    for (field, value) in
        [("currentRoundTripTime", -0.1), ("currentRoundTripTime", 4711.0), ("totalRoundTripTime", 1e9)]
    {
        let found = judged(Recording::Video, ("alice", "candidate-pair", field), &json!(value));
        contradicted(&found, &format!("stat/candidate-pair.{field}"), Layer::Checks, "alice");
    }
    assert_eq!(
        judged(Recording::Video, ("alice", "candidate-pair", "currentRoundTripTime"), &json!(0.05)),
        []
    );
}

#[test]
fn a_browser_counts_no_more_answers_than_requests() {
    const CLAIM: &str = "stat/candidate-pair.responsesReceived";
    let answers = |peer: &str| {
        let mut record = Recording::Video.record();
        falsify(&mut record, peer, "candidate-pair", |stat| {
            stat["responsesReceived"] = json!(stat["requestsSent"].as_u64().unwrap() + 1);
        });
        found(&record, check).iter().any(|it| it.claim == CLAIM)
    };
    let file = Recording::Video.record().file;
    let driven = file.peers.iter().find(|peer| peer.runs == crate::case_file::Runs::Driven).unwrap();
    let other = file.peers.iter().find(|peer| peer.name != driven.name).unwrap();
    assert!(answers(&driven.name) && !answers(&other.name));
}

#[test]
fn a_selected_pair_has_not_failed_while_ice_is_connected() {
    for (value, contradicts) in [("failed", true), ("unheard-of", true), ("in-progress", false)] {
        let found = judged(Recording::Video, ("alice", "candidate-pair", "state"), &json!(value));
        assert_eq!(found.iter().any(|it| it.claim == "stat/candidate-pair.state"), contradicts, "{found:#?}");
    }
}

#[test]
fn roles_and_ciphers_are_some_that_there_are() {
    for (field, layer) in [
        ("dtlsRole", Layer::Dtls),
        ("iceRole", Layer::Checks),
        ("tlsVersion", Layer::Dtls),
        ("dtlsCipher", Layer::Dtls),
        ("srtpCipher", Layer::Srtp),
    ] {
        for peer in ["alice", "bob"] {
            let found = judged(Recording::Video, (peer, "transport", field), &json!("nobody's"));
            contradicted(&found, &format!("stat/transport.{field}"), layer, peer);
        }
    }
}

#[test]
fn a_dtls_state_does_not_go_back() {
    for state in ["new", "connecting"] {
        let found = judged(Recording::Video, ("alice", "transport", "dtlsState"), &json!(state));
        contradicted(&found, "stat/transport.dtlsState", Layer::Dtls, "alice");
    }
    // Another transport came up.
    let mut record = Recording::Video.record();
    falsify(&mut record, "alice", "transport", |stat| stat["dtlsState"] = json!("connecting"));
    let n = record.timeline.last().unwrap().n + 1;
    let what = json!({"event": {"peer": "alice", "seq": 900, "event": {"event": "dtlsstatechange", "data": {"state": "new"}}}});
    let t_us = record.timeline.iter().find(|it| matches!(&it.what, What::Command { peer, name, .. } if peer == "alice" && name == "getStats")).unwrap().t_us;
    super::super::super::testing::add_at(&mut record, n, t_us, what);
    let found = found(&record, check);
    assert!(!found.iter().any(|it| it.claim == "stat/transport.dtlsState"), "{found:#?}");
}

#[test]
fn a_channel_goes_back_to_no_state_and_closes_by_something() {
    let judged = |state: &str, is_asked: bool| {
        let mut record = early(Recording::Data);
        record.wire = None;
        falsify(&mut record, "alice", "data-channel", |stat| stat["state"] = json!(state));
        if is_asked {
            let close = json!({"channel": "chat"});
            super::super::super::testing::command(&mut record, "bob", "closeDataChannel", close, Value::Null);
        }
        found(&record, check)
    };
    for state in ["connecting", "closing", "closed"] {
        contradicted(&judged(state, false), "stat/data-channel.state", Layer::DataChannel, "alice");
    }
    assert!(!judged("closed", true).iter().any(|it| it.claim == "stat/data-channel.state"));
}

#[test]
fn a_codec_has_the_channels_of_its_rtpmap_and_a_stream_the_kind_of_its_section() {
    let found = judged(Recording::Video, ("alice", "codec", "channels"), &json!(7));
    contradicted(&found, "stat/codec.channels", Layer::Media, "alice");
    assert_eq!(judged(Recording::Video, ("alice", "codec", "channels"), &json!(0)), [], "it says nothing");
    let mut record = Recording::Video.record();
    falsify(&mut record, "alice", "inbound-rtp", |stat| {
        stat["mid"] = json!(if stat["mid"] == "0" { "1" } else { "0" });
    });
    contradicted(&super::found(&record, check), "stat/inbound-rtp.mid", Layer::Media, "alice");
}

#[test]
fn no_more_is_decoded_than_was_received_unless_packets_were_lost() {
    const CLAIM: &str = "stat/inbound-rtp.framesDecoded";
    let decodes = |is_lost: bool| {
        let mut record = Recording::Video.record();
        falsify(&mut record, "alice", "inbound-rtp", |stat| {
            if let Some(frames) = stat.get("framesReceived").and_then(Value::as_u64) {
                stat["framesReceived"] = json!(frames / 2);
            }
        });
        if is_lost {
            super::super::super::testing::add(
                &mut record,
                json!({"lost": {"frame": 1, "place": "lan", "cause": "chance"}}),
            );
        }
        found(&record, check).iter().any(|it| it.claim == CLAIM)
    };
    assert!(decodes(false) && !decodes(true));
}

#[test]
fn packets_go_to_the_remote_candidate_of_the_selected_pair() {
    const CLAIM: &str = "stat/transport.selectedCandidatePairId";
    let mut record = Recording::Conflict.record();
    for packet in record.wire.as_mut().unwrap().packets.iter_mut().filter(|packet| packet.sender == Peer(0)) {
        packet.to.set_port(1);
    }
    let found = found(&record, check);
    let is = |it: &&Contradiction| it.claim == CLAIM && it.seen == "it sent no packet there";
    assert!(found.iter().any(|it| is(&it) && it.fault == Fault::Peer("alice".to_owned())), "{found:#?}");
}

#[test]
fn statistics_are_of_the_time_at_which_they_were_asked_for() {
    // Recordings for tests do not say when they began.
    let mut began = Recording::Video.record();
    let (mut time, mut asked_us) = (0.0, 0);
    answers(&mut began, "alice", "getStats", |report| {
        let mut stats = report.as_object().unwrap().values();
        time = stats.find(|stat| stat["type"] == "peer-connection").unwrap()["timestamp"].as_f64().unwrap();
    });
    for entry in &began.timeline {
        if matches!(&entry.what, What::Command { peer, name, .. } if peer == "alice" && name == "getStats") {
            asked_us = entry.t_us;
        }
    }
    let epoch_us = (time * 1e3) as u64 - asked_us;
    let wrong_in = |format: u32, peer: &str, change: fn(f64) -> f64| {
        let mut record = Recording::Video.record();
        (record.file.epoch_us, record.file.format) = (epoch_us, format);
        falsify(&mut record, peer, "peer-connection", |stat| {
            stat["timestamp"] = json!(change(stat["timestamp"].as_f64().unwrap()));
        });
        found(&record, check)
    };
    let wrong = |peer: &str, change| wrong_in(MILLISECONDS - 1, peer, change);
    let is_wrong = |change: fn(f64) -> f64| {
        wrong_in(MILLISECONDS, "bob", change)
            .iter()
            .any(|it| it.claim == "stat/timestamp" && it.claimed.contains("bob"))
    };
    assert!(is_wrong(|time| time), "seconds");
    for peer in ["alice", "bob"] {
        assert_eq!(wrong(peer, |time| time), []);
        for change in [|time: f64| time * 1.001, |time| time * 0.999, |time| time * 60.0] {
            contradicted(&wrong(peer, change), "stat/timestamp", Layer::Media, peer);
        }
    }
}

#[test]
fn a_report_has_the_dictionaries_that_it_must_have() {
    for (recording, kind) in [
        (Recording::Video, "peer-connection"),
        (Recording::Video, "candidate-pair"),
        (Recording::Video, "local-candidate"),
        (Recording::Video, "inbound-rtp"),
        (Recording::Video, "outbound-rtp"),
        (Recording::Data, "data-channel"),
    ] {
        let without = |kind: &str| {
            let mut record = early(recording);
            answers(&mut record, "alice", "getStats", |report| {
                report.as_object_mut().unwrap().retain(|_, stat| stat["type"] != kind);
            });
            let found = found(&record, check);
            found.iter().any(|it| it.claim == "answer/getStats" && it.claimed.contains(kind))
        };
        assert!(without(kind), "{kind}");
        assert!(!without("remote-candidate"));
    }
}

/// Chrome drops the statistics of a stream once its section is inactive.
#[test]
fn a_stream_that_ended_by_negotiation_has_no_statistics_any_more() {
    let is_missed = |kind: &str, is_over: bool| {
        let mut record = early(Recording::Video);
        if is_over {
            let text = serde_json::to_string(&record.timeline).unwrap();
            let over = text.replace("a=sendrecv", "a=inactive").replace("a=sendonly", "a=inactive");
            assert_ne!(text, over);
            record.timeline = serde_json::from_str(&over).unwrap();
        }
        answers(&mut record, "alice", "getStats", |report| {
            report.as_object_mut().unwrap().retain(|_, stat| stat["type"] != kind);
        });
        let found = found(&record, check);
        found.iter().any(|it| it.claim == "answer/getStats" && it.claimed.contains(kind))
    };
    for kind in ["inbound-rtp", "outbound-rtp"] {
        assert!(is_missed(kind, false) && !is_missed(kind, true), "{kind}");
    }
}

/// Firefox does not count what repairs a stream among the packets of the stream.
#[test]
fn a_frame_of_a_lost_packet_may_have_come_by_its_retransmission() {
    let is_found = |lost: i32| {
        let mut record = Recording::Video.record();
        falsify(&mut record, "alice", "inbound-rtp", |stat| {
            if let Some(frames) = stat.get("framesReceived").and_then(Value::as_f64) {
                stat["packetsReceived"] = json!(frames - 5.0);
                stat["packetsLost"] = json!(lost);
            }
        });
        let found = found(&record, check);
        found.iter().any(|it| it.sentence().contains("its packetsReceived is"))
    };
    assert!(!is_found(3));
    assert!(is_found(2) && is_found(-3), "more frames than packets were sent");
}
