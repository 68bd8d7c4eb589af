//! Answers that succeeded, and what contradicts them.

use super::super::testing::{add_at, answers, command, contradicted, edit, found};
use super::*;
use crate::case_file::Runs;
use crate::checks::controls::Recording;
use crate::evidence::Peer;
use crate::record::CaseRecord;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::{Entry, What};
use serde_json::json;

#[test]
fn a_healthy_recording_shows_the_effect_of_every_answer() {
    for recording in Recording::ALL {
        assert_eq!(found(&recording.record(), check), [], "{recording:?}");
    }
}

#[test]
fn a_description_of_another_type_than_asked_for() {
    for (name, peer) in [("createOffer", "alice"), ("createAnswer", "bob")] {
        let mut record = Recording::Data.record();
        answers(&mut record, peer, name, |value| value["type"] = json!("pranswer"));
        contradicted(&found(&record, check), &format!("answer/{name}"), Layer::Sdp, peer);
    }
}

#[test]
fn a_local_description_that_was_not_set() {
    for (line, forged) in
        [("a=ice-pwd:", "a=ice-pwd:0"), ("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 00:")]
    {
        let mut record = Recording::Data.record();
        answers(&mut record, "alice", "setLocalDescription", |value| {
            let sdp = value["sdp"].as_str().unwrap();
            assert!(sdp.contains(line));
            value["sdp"] = json!(sdp.replace(line, forged));
        });
        contradicted(&found(&record, check), "answer/setLocalDescription", Layer::Sdp, "alice");
    }
}

/// What the first answer of that name by that peer contains.
fn value(record: &CaseRecord, peer: &str, name: &str) -> Value {
    let mut ids = Vec::new();
    for entry in &record.timeline {
        let what = serde_json::to_value(&entry.what).unwrap();
        if what["command"]["peer"] == peer && what["command"]["name"] == name {
            ids.push(what["command"]["id"].clone());
        }
        if what["answer"]["peer"] == peer && ids.contains(&what["answer"]["id"]) {
            return what["answer"]["answer"]["ok"].clone();
        }
    }
    panic!("{peer} was not asked {name}");
}

#[test]
fn a_state_that_no_event_reported() {
    for (member, value, layer) in [
        ("signaling", "have-local-offer", Layer::Sdp),
        ("iceGathering", "new", Layer::Gathering),
        ("iceConnection", "failed", Layer::Checks),
        ("connection", "failed", Layer::Dtls),
        ("dtls", "failed", Layer::Dtls),
        ("sctp", "closed", Layer::Sctp),
    ] {
        let mut record = Recording::Data.record();
        command(&mut record, "bob", "getState", json!({}), json!({ member: value }));
        contradicted(&found(&record, check), "answer/getState", layer, "bob");
    }
    let mut record = Recording::Data.record();
    let description = value(&record, "alice", "setLocalDescription");
    let state = json!({"signaling": "stable", "dtls": "connected", "localDescription": description});
    command(&mut record, "alice", "getState", json!({}), state.clone());
    assert_eq!(found(&record, check), []);
    let mut other = state;
    other["localDescription"]["sdp"] = json!("v=0\r\na=ice-ufrag:other\r\n");
    command(&mut record, "alice", "getState", json!({}), other);
    contradicted(&found(&record, check), "answer/getState", Layer::Sdp, "alice");
}

#[test]
fn a_channel_with_other_properties_and_one_that_is_not_offered() {
    let mut record = Recording::Data.record();
    edit(&mut record, |entry| {
        let command = &mut entry["what"]["command"];
        let creates = command["name"] == "createDataChannel";
        if creates {
            command["args"]["ordered"] = json!(false);
        }
        creates
    });
    contradicted(&found(&record, check), "answer/createDataChannel", Layer::DataChannel, "alice");
    let mut record = Recording::Data.record();
    answers(&mut record, "alice", "createOffer", |value| {
        let sdp = value["sdp"].as_str().unwrap();
        value["sdp"] = json!(sdp.split("m=application").next().unwrap());
    });
    let found = found(&record, check);
    let first = found.iter().find(|it| it.claim == "answer/createDataChannel").unwrap();
    assert_eq!((first.layer, &first.fault), (Layer::Sdp, &Fault::Peer("alice".to_owned())));
}

#[test]
fn what_is_asked_of_a_channel_later() {
    let mut record = Recording::Data.record();
    command(
        &mut record,
        "alice",
        "createDataChannel",
        json!({"label": "x", "protocol": "p"}),
        json!({"label": "x"}),
    );
    command(
        &mut record,
        "alice",
        "getDataChannel",
        json!({"channel": "x"}),
        json!({"label": "x", "protocol": "p"}),
    );
    assert_eq!(found(&record, check), []);
    command(
        &mut record,
        "alice",
        "getDataChannel",
        json!({"channel": "x"}),
        json!({"label": "x", "protocol": "q"}),
    );
    contradicted(&found(&record, check), "answer/getDataChannel", Layer::DataChannel, "alice");
    // The other side's channel of that label may be meant.
    command(&mut record, "bob", "createDataChannel", json!({"label": "x"}), json!({"label": "x"}));
    let is_of_x = |entry: &Entry| matches!(&entry.what, What::Command { peer, name, .. } if peer == "bob" && name == "createDataChannel");
    let at = record.timeline.iter().rposition(is_of_x).unwrap();
    record.timeline[at].n = 0;
    assert_eq!(found(&record, check), []);
}

#[test]
fn a_closed_peer_sends_nothing() {
    let mut record = Recording::Data.record();
    let tapped = ["alice", "bob"].iter().position(|name| {
        let place = Session::new(&record, &crate::api::Views::new()).place_of(name).unwrap();
        record.wire.as_ref().unwrap().is_tapped(place)
    });
    let tapped = tapped.unwrap();
    let name = ["alice", "bob"][tapped];
    command(&mut record, name, "close", json!({}), Value::Null);
    assert_eq!(found(&record, check), []);
    let last = record.timeline.last().unwrap().t_us;
    let wire = record.wire.as_mut().unwrap();
    wire.put(Peer(tapped), true, last + 60_000_000, &[0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5]);
    contradicted(&found(&record, check), "answer/close", Layer::Media, name);
}

/// A case of two peers that negotiated a video, and alice's further offer.
fn offers(args: &[(&str, Value, Value)], edit: impl Fn(&str) -> String) -> Vec<Contradiction> {
    let mut record = Recording::Descriptions.record();
    let offer = value(&record, "alice", "createOffer");
    for (name, args, answer) in args {
        command(&mut record, "alice", name, args.clone(), answer.clone());
    }
    let sdp = edit(offer["sdp"].as_str().unwrap());
    command(&mut record, "alice", "createOffer", json!({}), json!({"type": "offer", "sdp": sdp}));
    found(&record, check)
}

#[test]
fn a_direction_that_was_set_is_offered() {
    let set =
        |direction: &str| [("setDirection", json!({"transceiver": 0, "direction": direction}), Value::Null)];
    assert_eq!(offers(&set("sendrecv"), str::to_owned), []);
    let found = offers(&set("recvonly"), str::to_owned);
    contradicted(&found, "answer/setDirection", Layer::Sdp, "alice");
    assert_eq!(offers(&set("recvonly"), |sdp| sdp.replacen("a=sendrecv", "a=recvonly", 1)), []);
}

#[test]
fn a_simulcast_is_offered_while_it_is_sent() {
    let add = |direction: &str| {
        let args =
            json!({"kind": "video", "direction": direction, "sendEncodings": [{"rid": "h"}, {"rid": "l"}]});
        [("addTransceiver", args, json!({"transceiver": 2}))]
    };
    let section = |sdp: &str, direction: &str| {
        format!("{sdp}m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:9\r\na={direction}\r\n")
    };
    let found = offers(&add("sendonly"), |sdp| section(sdp, "sendonly"));
    contradicted(&found, "answer/addTransceiver", Layer::Sdp, "alice");
    assert_eq!(offers(&add("recvonly"), |sdp| section(sdp, "recvonly")), []);
}

#[test]
fn a_simulcast_that_an_answer_does_not_take_is_not_offered_again() {
    let renegotiated = |rids: &str, taken: &str, again: &str| {
        let mut record = Recording::Descriptions.record();
        let offer = value(&record, "alice", "createOffer")["sdp"].as_str().unwrap().to_owned();
        let section = |rids: &str, direction: &str| {
            format!("{offer}m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:9\r\n{rids}a={direction}\r\n")
        };
        let encodings = json!([{"rid": "h"}, {"rid": "m"}, {"rid": "l"}]);
        let args = json!({"kind": "video", "direction": "sendonly", "sendEncodings": encodings});
        command(&mut record, "alice", "addTransceiver", args, json!({"transceiver": 2}));
        let made = json!({"type": "offer", "sdp": section(rids, "sendonly")});
        command(&mut record, "alice", "createOffer", json!({}), made);
        let answer = json!({"type": "answer", "sdp": section(taken, "recvonly")});
        command(&mut record, "alice", "setRemoteDescription", json!({"description": answer}), Value::Null);
        let made = json!({"type": "offer", "sdp": section(again, "sendonly")});
        command(&mut record, "alice", "createOffer", json!({}), made);
        found(&record, check)
    };
    let three = "a=rid:h send\r\na=rid:m send\r\na=rid:l send\r\na=simulcast:send h;m;l\r\n";
    let two = "a=rid:h send\r\na=rid:l send\r\na=simulcast:send h;l\r\n";
    let two_taken = "a=rid:h recv\r\na=rid:l recv\r\na=simulcast:recv h;l\r\n";
    assert_eq!(renegotiated(three, "", ""), []);
    assert_eq!(renegotiated(three, two_taken, two), []);
    contradicted(&renegotiated(three, two_taken, ""), "answer/addTransceiver", Layer::Sdp, "alice");
}

#[test]
fn tracks_and_transceivers_that_are_added_or_removed_are_offered_so() {
    let add =
        [("addTransceiver", json!({"kind": "video", "direction": "sendonly"}), json!({"transceiver": 2}))];
    contradicted(&offers(&add, str::to_owned), "answer/addTransceiver", Layer::Sdp, "alice");
    let section = |sdp: &str| format!("{sdp}m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:9\r\na=sendonly\r\n");
    assert_eq!(offers(&add, section), []);
    let source = json!({"tracks": [{"id": "new", "kind": "audio"}]});
    let track = [
        ("createSource", json!({"kind": "audio"}), source),
        ("addTrack", json!({"track": "new"}), json!({"mid": null})),
    ];
    contradicted(&offers(&track, str::to_owned), "answer/addTrack", Layer::Sdp, "alice");
    let record = Recording::Descriptions.record();
    let first = value(&record, "alice", "createSource")["tracks"][0]["id"].clone();
    let removed = [("removeTrack", json!({ "track": first }), Value::Null)];
    contradicted(&offers(&removed, str::to_owned), "answer/removeTrack", Layer::Sdp, "alice");
    let codecs =
        [("setCodecPreferences", json!({"transceiver": 0, "mimeTypes": ["audio/none"]}), Value::Null)];
    contradicted(&offers(&codecs, str::to_owned), "answer/setCodecPreferences", Layer::Sdp, "alice");
}

#[test]
fn a_source_of_another_kind_or_size() {
    let source = |answer: Value| {
        let mut record = Recording::Data.record();
        command(&mut record, "alice", "createSource", json!({"kind": "video", "width": 640}), answer);
        found(&record, check)
    };
    assert_eq!(source(json!({"tracks": [{"id": "t", "kind": "video", "settings": {"width": 640}}]})), []);
    let wide = source(json!({"tracks": [{"id": "t", "kind": "video", "settings": {"width": 320}}]}));
    contradicted(&wide, "answer/createSource", Layer::Media, "alice");
    let other = source(json!({"tracks": [{"id": "t", "kind": "audio", "settings": {}}]}));
    contradicted(&other, "answer/createSource", Layer::Media, "alice");
    let mut record = Recording::Data.record();
    let constraints = json!({"track": "t", "constraints": {"width": {"exact": 160}}});
    command(&mut record, "alice", "applyConstraints", constraints, json!({"width": 320}));
    contradicted(&found(&record, check), "answer/applyConstraints", Layer::Media, "alice");
}

#[test]
fn the_rtp_of_a_removed_track_ends() {
    let mut record = Recording::Video.record();
    let ssrc = {
        let sdp = value(&record, "alice", "setLocalDescription")["sdp"].as_str().unwrap().to_owned();
        let line = sdp.lines().find_map(|line| line.strip_prefix("a=ssrc:")).unwrap().to_owned();
        line.split(' ').next().unwrap().parse::<u32>().unwrap()
    };
    let first = value(&record, "alice", "createSource")["tracks"][0]["id"].clone();
    command(&mut record, "alice", "replaceTrack", json!({ "track": first }), Value::Null);
    assert_eq!(found(&record, check), []);
    let last = record.timeline.last().unwrap().t_us;
    let mut rtp = vec![0x80, 96, 0, 1, 0, 0, 0, 2];
    rtp.extend(ssrc.to_be_bytes());
    let wire = record.wire.as_mut().unwrap();
    let out = wire.is_tapped(Peer(0));
    wire.put(Peer(usize::from(!out)), out, last + 60_000_000, &rtp);
    contradicted(&found(&record, check), "answer/replaceTrack", Layer::Media, "alice");
}

#[test]
fn the_tone_of_the_track_that_replaced_another_is_heard() {
    let heard = |tone: u32| {
        let mut record = Recording::Data.record();
        let source = |id: &str| json!({"tracks": [{"id": id, "kind": "audio"}]});
        command(&mut record, "alice", "createSource", json!({"kind": "audio"}), source("low"));
        command(
            &mut record,
            "alice",
            "createSource",
            json!({"kind": "audio", "toneHz": 880}),
            source("high"),
        );
        command(&mut record, "alice", "replaceTrack", json!({"track": "low", "with": "high"}), Value::Null);
        let seqs = record
            .timeline
            .iter()
            .filter(|entry| serde_json::to_value(&entry.what).unwrap()["event"]["peer"] == "bob");
        let first = seqs.count();
        for seq in first..first + 6 {
            let (n, t_us) =
                record.timeline.last().map(|entry| (entry.n + 1, entry.t_us + 3_000_000)).unwrap();
            let data = json!({"id": "t", "kind": "audio", "frames": 5, "toneHz": tone});
            let event = json!({"event": "mediaseen", "data": data});
            add_at(&mut record, n, t_us, json!({"event": {"peer": "bob", "seq": seq, "event": event}}));
        }
        found(&record, check)
    };
    assert_eq!(heard(880), []);
    contradicted(&heard(440), "answer/replaceTrack", Layer::Media, "alice");
}

#[test]
fn a_candidate_that_was_added_is_checked() {
    let ignored = |strip: bool| {
        let mut record = Recording::Call.record();
        // Nobody connects, and the peer never sends where it should.
        record.timeline.retain(|entry| {
            let what = serde_json::to_value(&entry.what).unwrap();
            let name = what["event"]["event"]["event"].as_str().unwrap_or_default().to_owned();
            !(name.starts_with("ice") && name.ends_with("statechange"))
        });
        if strip {
            let wire = record.wire.as_mut().unwrap();
            for packet in wire.packets.iter_mut().filter(|packet| packet.sender == Peer(0)) {
                packet.to = "203.0.113.99:9999".parse().unwrap();
            }
        }
        found(&record, check)
    };
    assert_eq!(ignored(false), []);
    contradicted(&ignored(true), "answer/addIceCandidate", Layer::Checks, "alice");
}

/// No interface that is recorded leads to the loopback of another host.
#[test]
fn a_loopback_candidate_need_not_be_checked() {
    let mut record = Recording::Call.record();
    let address = record.wire.as_ref().unwrap().sent(Peer(1)).next().unwrap().from.ip();
    record.timeline.retain(|entry| {
        let what = serde_json::to_value(&entry.what).unwrap();
        let name = what["event"]["event"]["event"].as_str().unwrap_or_default().to_owned();
        !(name.starts_with("ice") && name.ends_with("statechange"))
    });
    for entry in &mut record.timeline {
        let what = serde_json::to_string(&entry.what).unwrap();
        let local = what.replace(&format!(" {address} "), " 127.0.0.1 ");
        entry.what = serde_json::from_str(&local).unwrap();
    }
    let added = record.timeline.iter().filter(|entry| {
        let what = serde_json::to_value(&entry.what).unwrap();
        what["command"]["name"] == "addIceCandidate" && what.to_string().contains(" 127.0.0.1 ")
    });
    assert!(added.count() > 0, "the other side signals that address");
    for packet in &mut record.wire.as_mut().unwrap().packets {
        packet.to = "203.0.113.99:9999".parse().unwrap();
    }
    let found = found(&record, check);
    assert!(!found.iter().any(|it| it.sentence().contains("127.0.0.1")), "{found:#?}");
}

#[test]
fn a_candidate_that_was_rejected_is_not_checked_unless_a_close_overtook_it() {
    let checked = |closes: bool| {
        let mut record = Recording::Call.record();
        let address = record.wire.as_ref().unwrap().at(Peer(1)).find(|it| it.sender == Peer(1)).unwrap().to;
        record
            .timeline
            .retain(|entry| !matches!(&entry.what, What::Command { name, .. } if name == "addIceCandidate"));
        for made in &mut record.timeline {
            if let What::Command { name, args, .. } = &mut made.what
                && name == "setRemoteDescription"
            {
                let sdp = args["description"]["sdp"].as_str().unwrap();
                args["description"]["sdp"] = json!(sdp.replace(&format!(" {} ", address.port()), " 9 "));
            }
        }
        let (ip, port) = (address.ip(), address.port());
        let candidate =
            json!({"candidate": format!("candidate:1 1 udp 1 {ip} {port} typ host"), "sdpMid": "0"});
        let name = if closes { "close" } else { "getStats" };
        let error = json!({"rejected": {"name": "AbortError", "message": ""}});
        let all = [
            json!({"command": {"peer": "bob", "id": 900, "name": "addIceCandidate", "args": {"candidate": candidate}}}),
            json!({"command": {"peer": "bob", "id": 901, "name": name, "args": {}}}),
            json!({"answer": {"peer": "bob", "id": 900, "answer": error}}),
        ];
        // Before anything is sent.
        let is_set = |entry: &Entry| matches!(&entry.what, What::Command { peer, name, .. } if peer == "bob" && name == "setRemoteDescription");
        let at = record.timeline.iter().position(is_set).unwrap();
        let t_us = record.timeline[at].t_us;
        for (n, what) in all.into_iter().enumerate() {
            let entry = serde_json::from_value(json!({"n": n, "t_us": t_us, "what": what})).unwrap();
            record.timeline.insert(at + n, entry);
        }
        for (n, entry) in (0..).zip(&mut record.timeline) {
            entry.n = n;
        }
        let all = found(&record, check);
        all.iter().any(|it| it.sentence().contains("goes on to send checks there"))
    };
    assert_eq!([false, true].map(checked), [true, false]);
}

#[test]
fn a_configuration_with_relays_alone_gathers_no_others() {
    let gathers = |kind: &str| {
        let mut record = Recording::Data.record();
        let configuration = json!({"configuration": {"iceTransportPolicy": "relay"}});
        command(&mut record, "alice", "setConfiguration", configuration, Value::Null);
        let sdp = "v=0\r\na=ice-ufrag:anew\r\n";
        let description = json!({"type": "offer", "sdp": sdp});
        command(&mut record, "alice", "setLocalDescription", json!({}), description);
        let (n, t_us) = record.timeline.last().map(|entry| (entry.n + 1, entry.t_us + 1_000)).unwrap();
        let candidate = json!({"candidate": format!("candidate:1 1 udp 1 192.0.2.9 5000 typ {kind}"), "usernameFragment": "anew"});
        let event = json!({"event": "icecandidate", "data": {"candidate": candidate}});
        add_at(&mut record, n, t_us, json!({"event": {"peer": "alice", "seq": 999, "event": event}}));
        found(&record, check)
    };
    assert_eq!(gathers("relay"), []);
    contradicted(&gathers("host"), "answer/setConfiguration", Layer::Gathering, "alice");
}

#[test]
fn a_message_that_is_longer_than_the_other_side_takes() {
    let sends = |size: u64| {
        let mut record = Recording::Data.record();
        let args = json!({"channel": "chat", "message": {"pattern": {"size": size, "seed": 1}}});
        command(&mut record, "alice", "send", args, Value::Null);
        found(&record, check)
    };
    assert_eq!(sends(65_536), []);
    contradicted(&sends(10_000_000), "answer/send", Layer::DataChannel, "alice");
}

/// Chrome reports nothing more of an SCTP transport that BUNDLE gave up.
#[test]
fn an_association_on_another_transport_than_the_one_that_was_closed() {
    let after = |peer: &str| {
        let mut record = Recording::Data.record();
        record.timeline.retain(|entry| {
            !matches!(&entry.what, What::Event { event: PeerEvent::SctpStateChange { .. }, .. })
        });
        let closed = json!({"event": "sctpstatechange", "data": {"state": "closed"}});
        let n = record.timeline.len() as u64 + 1_000;
        let what = json!({"event": {"peer": peer, "seq": 900, "event": closed}});
        let t_us = record.timeline.last().unwrap().t_us + 1;
        add_at(&mut record, n, t_us, what);
        command(&mut record, peer, "getState", json!({}), json!({ "sctp": "connected" }));
        found(&record, check).iter().any(|it| it.claim == "answer/getState")
    };
    let record = Recording::Data.record();
    for peer in &record.file.peers {
        assert_eq!(after(&peer.name), peer.runs != Runs::Driven, "{}", peer.name);
    }
}

/// RFC 9143 §6: its port is zero, and it is no less there for that.
#[test]
fn a_section_that_is_bundle_only_is_offered() {
    let is_found = |more: &str| {
        let mut record = Recording::Data.record();
        answers(&mut record, "alice", "createOffer", |value| {
            let sdp = value["sdp"].as_str().unwrap();
            let (before, section) = sdp.split_once("m=application 9 ").unwrap();
            value["sdp"] = json!(format!("{before}m=application 0 {section}{more}"));
        });
        found(&record, check).iter().any(|it| it.claim == "answer/createDataChannel")
    };
    assert!(is_found(""));
    assert!(!is_found("a=bundle-only\r\n"));
}
