//! Descriptions of which one thing is wrong, beside a short capture of their connection.

use super::descriptions::{AUDIO, DATA, VIDEO, answer, changed, offer};
use super::packets::Capture;
use super::{Files, failing, findings, judge, notices};
use serde_json::Value;

/// What `judge` says of a connection with these descriptions, by the names of their files.
fn judged(described: &[(&str, &str)]) -> Vec<Value> {
    let files = Files::new();
    let capture = files.write("call.pcap", Capture::new().connect().file());
    let mut arguments = vec![capture];
    for (name, text) in described {
        arguments.push("--sdp".to_owned());
        arguments.push(files.write(name, text));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    judge(&arguments).1
}

/// What is wrong by requirement and side, of the descriptions alone.
fn wrong(judged: &[Value]) -> Vec<String> {
    findings(judged, "fail").into_iter().map(|(id, peer, _)| format!("{id} {peer}")).collect()
}

#[test]
fn descriptions_that_are_right_are_accused_of_nothing() {
    let (offer, answer) = (offer(&[AUDIO, VIDEO, DATA]), answer(&[AUDIO, VIDEO, DATA]));
    let judged = judged(&[("alice-offer.sdp", &offer), ("bob-answer.sdp", &answer)]);
    assert_eq!(wrong(&judged), [""; 0]);
    let stated = notices(&judged);
    assert!(
        stated.iter().any(|it| it.ends_with("alice-offer.sdp describes alice, connection 1")),
        "{stated:?}"
    );
    assert!(stated.iter().any(|it| it.ends_with("bob-answer.sdp describes bob, connection 1")), "{stated:?}");
}

#[test]
fn line_ends_of_an_editor_are_one_notice_and_every_fault_is_told() {
    let answer = changed(&answer(&[AUDIO]), "a=mid:0", "a=mid:7").replace('\r', "");
    let pasted = judged(&[("alice-offer.sdp", &offer(&[AUDIO])), ("bob-answer.sdp", &answer)]);
    let stated = notices(&pasted);
    assert_eq!(stated.iter().filter(|it| it.contains("do not end with CR LF")).count(), 1, "{stated:?}");
    assert_eq!(failing(&pasted, "jsep-answer-mid-echo").0, "bob");
    assert!(!wrong(&pasted).iter().any(|it| it.contains("grammar")), "{:?}", wrong(&pasted));
    // As a browser's console prints it.
    let printed = serde_json::json!({ "type": "answer", "sdp": answer.replace('\n', "\r\n") }).to_string();
    let json = judged(&[("alice-offer.sdp", &offer(&[AUDIO])), ("bob-answer.sdp", &printed)]);
    assert_eq!(wrong(&json), wrong(&pasted));
}

#[test]
fn an_old_data_section_in_an_answer_is_named() {
    let old = changed(
        &changed(&answer(&[DATA]), "UDP/DTLS/SCTP webrtc-datachannel", "DTLS/SCTP 5000"),
        "a=sctp-port:5000\n",
        "a=sctpmap:5000 webrtc-datachannel 1024\n",
    );
    let judged = judged(&[("alice-offer.sdp", &offer(&[DATA])), ("bob-answer.sdp", &old)]);
    assert_eq!(failing(&judged, "jsep-data-section-shape").0, "bob", "{:?}", wrong(&judged));
}

#[test]
fn feedback_of_a_format_that_is_not_listed_is_named() {
    let absent = changed(&answer(&[AUDIO]), "111 0 8", "0 8");
    let absent = changed(
        &absent,
        "a=rtpmap:111 opus/48000/2\na=fmtp:111 minptime=10;useinbandfec=1\n",
        "a=rtcp-fb:111 transport-cc\n",
    );
    let judged = judged(&[("alice-offer.sdp", &offer(&[AUDIO])), ("bob-answer.sdp", &absent)]);
    let (peer, sentence) = failing(&judged, "sdp-attributes-of-listed-formats");
    assert!(peer == "bob" && sentence.contains("a=rtcp-fb") && sentence.contains("111"), "{sentence}");
}

#[test]
fn a_lite_agent_that_appears_without_a_restart_is_named() {
    let (first, reply) = (offer(&[AUDIO]), answer(&[AUDIO]));
    let lite = changed(&changed(&first, " 2 IN IP4", " 3 IN IP4"), "t=0 0\n", "t=0 0\na=ice-lite\n");
    let again = changed(&reply, " 2 IN IP4", " 3 IN IP4");
    let described = |third: &str| {
        judged(&[
            ("01-alice-offer.sdp", &first),
            ("02-bob-answer.sdp", &reply),
            ("03-alice-offer.sdp", third),
            ("04-bob-answer.sdp", &again),
        ])
    };
    assert_eq!(failing(&described(&lite), "ice-lite-kept-without-restart").0, "alice");
    let same = changed(&first, " 2 IN IP4", " 3 IN IP4");
    assert!(!wrong(&described(&same)).iter().any(|it| it.contains("lite")), "nothing appears there");
}

#[test]
fn a_description_without_credentials_is_of_no_connection_and_that_is_said() {
    let lines = ["a=ice-ufrag", "a=ice-pwd", "a=setup"];
    let bare: String = offer(&[AUDIO])
        .split_inclusive('\n')
        .filter(|it| !lines.iter().any(|line| it.starts_with(line)))
        .collect();
    let judged = judged(&[("alice-offer.sdp", &bare)]);
    let stated = notices(&judged);
    let why = "belongs to no connection of the capture: it lacks a=ice-ufrag, a=ice-pwd, a=setup";
    assert!(stated.iter().any(|it| it.contains(why)), "{stated:?}");
    assert_eq!(failing(&judged, "ice-credentials-wellformed").0, "offerer", "{:?}", wrong(&judged));
}

#[test]
fn a_description_of_another_connection_is_of_none_and_that_is_said() {
    let other = changed(&changed(&offer(&[AUDIO]), "aLiC", "oThR"), "o=- 76", "o=- 99");
    let judged = judged(&[("alice-offer.sdp", &offer(&[AUDIO])), ("07-alice-offer.sdp", &other)]);
    let stated = notices(&judged);
    assert!(
        stated
            .iter()
            .any(|it| it.contains("07-alice-offer.sdp belongs to no connection") && it.contains("oThR")),
        "{stated:?}"
    );
}

#[test]
fn a_bundle_only_section_has_no_transport_of_its_own() {
    let described = |lines: &str| {
        let section = (VIDEO.0.replace("video 9", "video 0"), format!("a=bundle-only\n{}", VIDEO.1));
        let with = offer(&[AUDIO, (&section.0, &section.1)]);
        let mut text = with;
        if lines.is_empty() {
            // The last section, without the transport's lines.
            let at = text.rfind("m=video").unwrap();
            let (before, last) = text.split_at(at);
            let names = ["a=ice-", "a=fingerprint", "a=setup", "a=candidate", "a=rtcp-"];
            let kept = last.split_inclusive('\n').filter(|it| !names.iter().any(|name| it.starts_with(name)));
            text = format!("{before}{}", kept.collect::<String>());
        }
        judged(&[("alice-offer.sdp", &text), ("bob-answer.sdp", &answer(&[AUDIO, VIDEO]))])
    };
    let (peer, _) = failing(&described("with"), "bundle-only-section-shape");
    assert_eq!(peer, "alice");
    assert!(
        !wrong(&described("")).iter().any(|it| it.contains("bundle-only-section-shape")),
        "{:?}",
        wrong(&described(""))
    );
}

#[test]
fn simulcast_without_its_extension_is_named() {
    let rids = "a=rid:1 send\na=rid:2 send\na=simulcast:send 1;2\n";
    let sending = (VIDEO.0, VIDEO.1.replace("a=sendrecv", "a=sendonly") + rids);
    let taking = (
        VIDEO.0,
        VIDEO.1.replace("a=sendrecv", "a=recvonly") + "a=rid:1 recv\na=rid:2 recv\na=simulcast:recv 1;2\n",
    );
    let right = answer(&[(taking.0, &taking.1)]);
    let without = changed(&right, "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\n", "");
    let offered = offer(&[(sending.0, &sending.1)]);
    let judge = |text: &str| judged(&[("alice-offer.sdp", &offered), ("bob-answer.sdp", text)]);
    let warned = findings(&judge(&without), "warn");
    let named =
        |(id, peer, _): &(String, String, String)| id == "simulcast-rid-extension-mapped" && peer == "bob";
    assert!(warned.iter().any(named), "{warned:?}");
    assert!(!wrong(&judge(&right)).iter().any(|it| it.contains("simulcast")), "{:?}", wrong(&judge(&right)));
}

#[test]
fn a_parameter_without_its_value_is_named_and_so_is_one_of_no_format() {
    let full = "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
    let empty = "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=";
    let offered = offer(&[VIDEO]);
    let judge = |to: &str| {
        judged(&[("alice-offer.sdp", &offered), ("bob-answer.sdp", &changed(&answer(&[VIDEO]), full, to))])
    };
    let (peer, sentence) = failing(&judge(empty), "codec-h264-parameters-in-sdp");
    assert!(peer == "bob" && sentence.contains("profile-level-id without a value"), "{sentence}");
    let (peer, sentence) = failing(&judge(&empty.replace("102", "0")), "sdp-attributes-of-listed-formats");
    assert!(peer == "bob" && sentence.contains("a=fmtp is of payload type 0"), "{sentence}");
}

#[test]
fn an_extension_of_the_answer_that_was_not_offered_is_named() {
    let more = "a=extmap:7 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\na=sendrecv";
    let answer = changed(&answer(&[AUDIO]), "a=sendrecv", more);
    let judged = judged(&[("alice-offer.sdp", &offer(&[AUDIO])), ("bob-answer.sdp", &answer)]);
    let named = findings(&judged, "warn").into_iter().find(|(id, ..)| id == "extmap-answer-same-id");
    let (_, peer, sentence) = named.unwrap();
    assert!(peer == "bob" && sentence.contains("abs-send-time was not offered"), "{sentence}");
}

#[test]
fn what_does_not_apply_is_listed_with_its_reason_if_that_is_asked_for() {
    let files = Files::new();
    let capture = files.write("call.pcap", Capture::new().connect().file());
    let (_, all) = judge(&[&capture, "--all"]);
    let apart = findings(&all, "not-applicable");
    assert!(apart.len() > 50 && apart.iter().all(|(_, _, why)| !why.is_empty()), "{}", apart.len());
    let (_, some) = judge(&[&capture]);
    assert!(findings(&some, "not-applicable").is_empty());
}

#[test]
fn what_describes_nothing_is_named_and_not_dropped() {
    let files = Files::new();
    let rollback = files.write("rollback.json", r#"{"type":"rollback","sdp":""}"#);
    let (code, judged) = judge(&[&rollback]);
    assert_eq!(code, 4);
    assert!(notices(&judged)[0].ends_with("rollback.json: a rollback describes nothing"), "{judged:?}");
    let capture = files.write("call.pcap", Capture::new().connect().file());
    let empty = files.write("empty.sdp", "\r\n");
    let beside = ["--sdp", &rollback, "--sdp", &empty];
    let (_, judged) = judge(&[&[capture.as_str()][..], &beside].concat());
    let stated = notices(&judged);
    for nothing in ["rollback.json: a rollback describes nothing", "empty.sdp: empty: it describes nothing"] {
        assert!(stated.iter().any(|it| it.ends_with(nothing)), "{nothing}: {stated:?}");
    }
    let text = super::inspect(&[&[capture.as_str()][..], &beside].concat());
    assert!(text.contains("a rollback describes nothing"), "{text}");
}

#[test]
fn what_browsers_and_editors_make_of_a_description_is_read_the_same() {
    let (files, right) = (Files::new(), offer(&[AUDIO]));
    let line = right.replace("\r\n", "\\r\\n");
    let indented: String = right.split_inclusive('\n').map(|line| format!("    {line}")).collect();
    let utf16 = "\u{feff}".encode_utf16().chain(right.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    for (name, text) in [
        ("blank.sdp", format!("{right}\r\n\r\n").into_bytes()),
        ("indented.sdp", indented.into_bytes()),
        ("escaped.sdp", line.clone().into_bytes()),
        ("utf16.sdp", utf16),
        ("console.txt", format!("RTCSessionDescription {{type: 'offer', sdp: '{line}'}}").into_bytes()),
        ("internals.txt", format!("type: offer, sdp: {right}").into_bytes()),
        ("both.json", format!(r#"{{"offer":{{"type":"offer","sdp":"{line}"}}}}"#).into_bytes()),
        ("string.json", format!("\"{line}\"").into_bytes()),
    ] {
        let (code, judged) = judge(&[&files.write(name, text)]);
        assert_eq!((code, wrong(&judged)), (0, Vec::new()), "{name}: {judged:#?}");
    }
    // One fault is one fault, however it was pasted.
    let faulty = changed(&right, "a=setup:actpass\n", "a=setup\n").replace("\r\n", "\\r\\n");
    let (_, judged) = judge(&[&files.write("faulty.sdp", faulty)]);
    assert_ne!(wrong(&judged), Vec::<String>::new());
    let nothing = peerproof_of(&files.write("nosdp.json", r#"{"type":"offer"}"#));
    assert!(nothing.contains("no `sdp`"), "{nothing}");
}

/// What `judge` complains of a file that it refuses.
fn peerproof_of(path: &str) -> String {
    let output = super::peerproof(&["judge", path]);
    assert_eq!(output.status.code(), Some(2));
    super::on_one_line(&output.stderr)
}
