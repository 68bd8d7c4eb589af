//! Captures of calls that fail, or are odd, as people report them.

use super::descriptions::{VIDEO, answer, changed, offer};
use super::packets::{ALICE, BOB, Capture, Srtp, client_hello, handshake, record, rtp, sctp};
use super::{Files, failing, findings, inspect, judge};

/// Alice's master key and salt.
const KEY: [u8; 30] = [
    0x65, 0xd0, 0xea, 0xf5, 0xd6, 0x63, 0x6c, 0x69, 0xa4, 0x2e, 0x64, 0xb4, 0x13, 0x76, 0x4f, 0xa6, 0xca,
    0x9f, 0xb1, 0x4e, 0x4f, 0xb6, 0x28, 0x0e, 0xa2, 0xdb, 0x93, 0x05, 0xb1, 0x31,
];

fn key() -> String {
    let digits: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("aes128-cm-80:{digits}")
}

#[test]
fn retransmissions_of_rtp_version_0_are_named_with_the_nacks_that_they_leave() {
    let (rtp_key, rtcp_key) = (Srtp::rtp(&KEY, 10), Srtp::rtcp(&KEY));
    let capture = |version: u8| {
        let mut capture = Capture::new();
        capture.connect();
        let mut repairs = 0;
        for sequence in 0..40_u16 {
            if sequence % 10 != 5 {
                let packet = rtp_key.protect(&rtp(96, 0x1000, sequence, &[0x5a; 60]), 0);
                capture.udp(ALICE, BOB, &packet).wait(9);
                continue;
            }
            // A receiver report, and a NACK of what is missing (RFC 4585 §6.2.1).
            let mut asks =
                vec![0x80, 201, 0, 1, 0, 0, 0x20, 0, 0x81, 205, 0, 3, 0, 0, 0x20, 0, 0, 0, 0x10, 0];
            asks.extend(sequence.to_be_bytes());
            asks.extend([0, 0]);
            capture.udp(BOB, ALICE, &rtcp_key.protect(&asks, repairs)).wait(9);
            let mut again =
                rtp(97, 0x1001, repairs as u16, &[&sequence.to_be_bytes()[..], &[0x5a; 60]].concat());
            again[0] = version << 6;
            capture.udp(ALICE, BOB, &rtp_key.protect(&again, 0));
            repairs += 1;
        }
        capture.file()
    };
    let announced = "a=ssrc-group:FID 4096 4097\na=ssrc:4096 cname:a\na=ssrc:4097 cname:a\na=candidate";
    let described = |version| {
        let files = Files::new();
        let capture = files.write("call.pcap", capture(version));
        let a = files.write("alice-offer.sdp", changed(&offer(&[VIDEO]), "a=candidate", announced));
        let b = files.write("bob-answer.sdp", answer(&[VIDEO]));
        let (with, key) = ([capture, "--sdp".into(), a, "--sdp".into(), b], key());
        let with: Vec<&str> = with.iter().map(String::as_str).chain(["--srtp-key", &key]).collect();
        (inspect(&with), judge(&with).1)
    };
    let (text, judged) = described(0);
    assert!(text.contains("4 packets of alice with payload type 97 and source 0x00001001"), "{text}");
    assert!(text.contains("have the RTP version 0 instead of 2; bob sent 4 NACKs"), "{text}");
    assert!(!text.contains("TURN server"), "{text}");
    let (peer, sentence) = failing(&judged, "rtp-header-well-formed");
    assert!(
        peer == "alice"
            && sentence.contains("version 0, not 2")
            && sentence.contains("NACKs of the other side: 4"),
        "{sentence}"
    );
    assert!(!findings(&judged, "fail").iter().any(|(id, ..)| id == "stun-header-wellformed"));
    let (text, judged) = described(2);
    assert!(!text.contains("RTP version"), "{text}");
    assert!(!findings(&judged, "fail").iter().any(|(id, ..)| id == "rtp-header-well-formed"));
}

#[test]
fn who_sends_media_and_answers_no_check_is_at_fault_and_not_the_path() {
    let capture = |seconds: u64, speaks: bool| {
        let mut capture = Capture::new();
        capture.connect();
        let mut sequence = 0;
        for second in 0..seconds {
            if second % 4 == 3 {
                capture.check(BOB, ALICE, false, false);
            }
            for _ in 0..5 {
                if speaks {
                    capture.udp(ALICE, BOB, &rtp(111, 0x1000, sequence, &[7; 20]));
                }
                capture.wait(199);
                sequence += 1;
            }
        }
        capture.file()
    };
    let files = Files::new();
    let path = files.write("call.pcap", capture(36, true));
    let text = inspect(&[&path]);
    assert!(text.contains("last answered") && text.contains("is alive: its last RTP packet came"), "{text}");
    assert!(text.contains("(RFC 8445 §7.3)") && !text.contains("the path broke"), "{text}");
    let text = inspect(&[&files.write("gone.pcap", capture(36, false))]);
    assert!(text.contains("is no longer heard") && text.contains("the path broke"), "{text}");
    let text = inspect(&[&files.write("short.pcap", capture(12, true))]);
    assert!(!text.contains("last answered"), "{text}");
}

#[test]
fn connections_of_merged_captures_count_from_their_own_beginning() {
    let mut capture = Capture::new();
    for (from, to, controls) in [(ALICE, BOB, true), (BOB, ALICE, false)] {
        let id = capture.check(from, to, controls, false);
        capture.wait(2).success(id, from, to).wait(10);
    }
    // A month later, and other peers.
    capture.wait(30 * 24 * 3_600_000);
    let later = [ALICE, BOB].map(|peer| super::packets::Peer {
        ip: [198, 51, 100, peer.ip[3]],
        ufrag: if peer.port == ALICE.port { "LaTe" } else { "lAtE" },
        ..peer
    });
    let id = capture.check(later[0], later[1], true, true);
    capture.wait(2).success(id, later[0], later[1]);
    let files = Files::new();
    let text = inspect(&[&files.write("merged.pcap", capture.file())]);
    // An error of hours, or of a month, would show in each of these.
    assert!(text.contains("Diagnosis: no problem found"), "{text}");
    assert_eq!(text.matches("0.000 s frame").count(), 2, "{text}");
    assert!(text.contains("steps, from 2025-10-09 08:53:20.000 UTC"), "{text}");
    assert!(text.contains("steps, from 2025-11-08 08:53:20.0"), "{text}");
    assert!(!text.contains("2592000.0 s frame"), "{text}");
}

#[test]
fn an_alert_behind_a_fragmented_hello_names_that_cause_first() {
    let body = client_hello(1_300, true);
    let capture = |fragmented: bool| {
        let mut capture = Capture::new();
        capture.connect();
        if fragmented {
            capture.udp(BOB, ALICE, &handshake(1, 0, 0, &body, 0..1_000));
            capture.udp(BOB, ALICE, &handshake(1, 0, 1, &body, 1_000..body.len()));
        } else {
            capture.udp(BOB, ALICE, &handshake(1, 0, 0, &body, 0..body.len()));
        }
        // Fatal, handshake_failure.
        capture.udp(ALICE, BOB, &record(21, 0, 0, &[2, 40]));
        capture.file()
    };
    let files = Files::new();
    let text = inspect(&[&files.write("call.pcap", capture(true))]);
    assert!(
        text.contains("handshake_failure (40) in answer to a ClientHello in several fragments"),
        "{text}"
    );
    assert!(text.contains("why: that side cannot read a ClientHello in fragments"), "{text}");
    let text = inspect(&[&files.write("whole.pcap", capture(false))]);
    assert!(text.contains("why: the sides have no cipher suite"), "{text}");
}

#[test]
fn malformed_feedback_is_named_with_its_frames_and_field() {
    let (rtp_key, rtcp_key) = (Srtp::rtp(&KEY, 10), Srtp::rtcp(&KEY));
    let report = [0x80, 201, 0, 1, 0, 0, 0x20, 0];
    // Transport-wide feedback whose chunks announce more deltas than there are bytes.
    let cut = [0x8f, 205, 0, 5, 0, 0, 0x20, 0, 0, 0, 0x10, 0, 0, 1, 0, 9, 0, 0, 1, 0, 0x20, 9, 4, 4];
    let mut capture = Capture::new();
    capture.connect();
    for sequence in 0..10 {
        capture.udp(ALICE, BOB, &rtp_key.protect(&rtp(96, 0x1000, sequence, &[0x5a; 60]), 0)).wait(9);
    }
    capture.udp(BOB, ALICE, &rtcp_key.protect(&[&report[..], &cut].concat(), 1));
    let frame = capture.last();
    let (files, key) = (Files::new(), key());
    let path = files.write("call.pcap", capture.file());
    let (a, b) =
        (files.write("alice-offer.sdp", offer(&[VIDEO])), files.write("bob-answer.sdp", answer(&[VIDEO])));
    let (_, judged) = judge(&[&path, "--sdp", &a, "--sdp", &b, "--srtp-key", &key]);
    let (peer, sentence) = failing(&judged, "rtcp-packets-well-formed");
    assert!(peer == "bob" && sentence.contains("RTPFB is malformed after its field"), "{sentence}");
    let all = judged.iter().flat_map(|one| one["findings"].as_array().unwrap());
    let found =
        all.into_iter().find(|it| it["requirement"] == "rtcp-packets-well-formed" && it["result"] == "fail");
    assert_eq!(found.unwrap()["evidence"][0]["frame"], frame, "{found:?}");
}

#[test]
fn rtp_and_rtcp_in_the_clear_are_dissected() {
    let mut capture = Capture::new();
    for sequence in 0..50 {
        capture.udp(ALICE, BOB, &rtp(111, 0x1000, sequence, &[7; 40])).wait(19);
    }
    let mut report = vec![0x80, 200, 0, 6, 0, 0, 0x10, 0];
    report.extend([0xec, 0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0xaf, 0xc8, 0, 0, 0, 50, 0, 0, 7, 0xd0]);
    report.extend([0x81, 202, 0, 3, 0, 0, 0x10, 0, 1, 4, b'n', b'a', b'm', b'e', 0, 0]);
    capture.udp(ALICE, BOB, &report);
    let files = Files::new();
    let path = files.write("plain.pcap", capture.file());
    let packets = inspect(&[&path, "--packets"]);
    assert!(packets.contains("SR") && packets.contains("SDES") && packets.contains("name"), "{packets}");
    let text = inspect(&[&path]);
    assert!(text.contains("RTP without ICE and DTLS"), "{text}");
    let (code, judged) = judge(&[&path]);
    assert_eq!((code, findings(&judged, "fail")), (0, Vec::new()));
}

/// INIT, INIT-ACK, COOKIE-ECHO, COOKIE-ACK, DATA, SACK: what the first end sends has checksums, what the second sends behind its INIT-ACK has none.
fn association(announced: bool) -> Vec<u8> {
    let parameter: &[u8] = if announced { &[0x80, 1, 0, 8, 0, 0, 0, 1] } else { &[] };
    let init = |kind: u8, tag: u8, more: &[u8]| {
        let mut chunk = vec![
            kind, 0, 0, 20, 0, 0, 0, tag, 0, 2, 0, 0, 255, 255, 255, 255, 0, 0, 0, 100, 0xc0, 0, 0, 4, 0x80,
            8, 0, 6, 0x82, 0xc0, 0, 0,
        ];
        chunk.extend(more);
        chunk[3] = chunk.len() as u8;
        chunk
    };
    let data = [0, 3, 0, 20, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 51, b'c', b'h', b'a', b't'];
    let mut capture = Capture::of_sctp();
    capture.frame(sctp(0, &init(1, 0x11, parameter), true));
    capture.frame(sctp(0x11, &init(2, 0x22, &[0, 7, 0, 8, b'c', b'o', b'o', b'k']), true));
    capture.frame(sctp(0x22, &[10, 0, 0, 8, b'c', b'o', b'o', b'k'], true));
    capture.frame(sctp(0x11, &[11, 0, 0, 4], false));
    capture.frame(sctp(0x22, &data, true));
    capture.frame(sctp(0x11, &[3, 0, 0, 16, 0, 0, 0, 100, 0, 1, 255, 184, 0, 0, 0, 0], false));
    capture.file()
}

#[test]
fn a_checksum_of_zero_that_the_receiver_did_not_announce_is_named() {
    let files = Files::new();
    let path = files.write("plain.pcap", association(false));
    let text = inspect(&[&path]);
    assert!(
        text.contains("2 SCTP packets of B with the checksum zero, which A did not announce to accept"),
        "{text}"
    );
    assert!(text.contains("RFC 9653"), "{text}");
    let (code, judged) = judge(&[&path]);
    let (peer, sentence) = failing(&judged, "sctp-crc32c-correct");
    assert_eq!((code, peer.as_str()), (1, "B"), "{sentence}");
    assert_eq!(findings(&judged, "fail").len(), 1, "{:?}", findings(&judged, "fail"));
    let path = files.write("announced.pcap", association(true));
    assert!(!inspect(&[&path]).contains("checksum"), "that is what RFC 9653 is for");
    assert_eq!(judge(&[&path]).0, 0);
}
