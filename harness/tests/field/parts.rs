//! Captures that show only a part: one direction, payloads that nobody but the ends can read, RTCP that cannot be read, checks of a dialect.

use super::descriptions::{VIDEO, answer, offer};
use super::foreign::noise;
use super::packets::{ALICE, BOB, Capture, Srtp, bare_stun, rtp};
use super::{Files, failing, findings, inspect, judge, notices};
use serde_json::Value;

/// Master key and salt of either side.
const KEY: [u8; 30] = [0x5c; 30];

/// What `inspect` and `judge` say of a capture beside an offer and an answer with video.
fn said(capture: &Capture) -> (String, Vec<Value>) {
    let files = Files::new();
    let capture = files.write("call.pcap", capture.file());
    let a = files.write("alice-offer.sdp", offer(&[VIDEO]));
    let b = files.write("bob-answer.sdp", answer(&[VIDEO]));
    // As SDES has it (RFC 4568 §6.2).
    let key = format!("AES_CM_128_HMAC_SHA1_80 inline:{}|2^20|1:4", "XFxc".repeat(10));
    let with = [&capture, "--sdp", &a, "--sdp", &b, "--srtp-key", &key];
    (inspect(&with), judge(&with).1)
}

#[test]
fn frames_that_are_encrypted_end_to_end_are_not_judged_as_vp8() {
    let key = Srtp::rtp(&KEY, 10);
    let called = |payload: fn(u16) -> Vec<u8>| {
        let mut capture = Capture::new();
        capture.connect();
        for sequence in 0..120 {
            let packet = rtp(96, 0x1000, sequence, &payload(sequence));
            capture.udp(ALICE, BOB, &key.protect(&packet, 0)).wait(9);
        }
        said(&capture).1
    };
    // Each packet a key frame of 64x48 without a PictureID, at the end of which the marker lacks.
    let clear = called(|_| [&[0x10, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 48, 0][..], &[7; 40]].concat());
    assert_eq!(failing(&clear, "codec-vp8-frame-boundaries").0, "alice");
    let sealed = called(|sequence| [&[0x10][..], &noise(sequence.into(), 60)].concat());
    for result in ["fail", "warn", "pass", "inconclusive"] {
        let found = findings(&sealed, result);
        assert!(!found.iter().any(|(id, ..)| id.starts_with("codec-vp8")), "{found:#?}");
    }
    let stated = notices(&sealed);
    let named = stated.iter().filter(|it| it.contains("0x00001000") && it.contains("not recognised as that"));
    assert_eq!(named.count(), 1, "{stated:?}");
}

#[test]
fn what_is_missing_in_a_capture_of_one_direction_is_held_against_nobody() {
    let capture = |has_checks: bool, is_answered: bool| {
        let mut capture = Capture::new();
        if has_checks {
            for nominates in [false, true, true] {
                let id = capture.check(ALICE, BOB, true, nominates);
                if is_answered {
                    capture.success(id, ALICE, BOB);
                }
                capture.wait(400);
            }
        }
        // Longer than an interval of RTCP (RFC 3550 §6.2).
        for sequence in 0..400 {
            capture.udp(ALICE, BOB, &rtp(8, 0x1000, sequence, &[7; 160])).wait(19);
        }
        capture.file()
    };
    let files = Files::new();
    for has_checks in [true, false] {
        let path = files.write("one.pcap", capture(has_checks, false));
        let text = inspect(&[&path]);
        assert!(text.contains("only one direction: A sends, and nothing that B sent"), "{text}");
        assert!(!text.contains("broken at") && !text.contains("look at B"), "{text}");
        let (_, judged) = judge(&[&path]);
        let defects = judged[0]["defects"].to_string();
        assert!(defects.contains("one-direction"), "{defects}");
    }
    // With one packet of the other side it is known that its media is missing.
    let text = inspect(&[&files.write("both.pcap", capture(true, true))]);
    assert!(text.contains("broken at media") && text.contains("look at B"), "{text}");
}

#[test]
fn rtcp_that_cannot_be_read_is_a_diagnosis() {
    let (media, control) = (Srtp::rtp(&KEY, 10), Srtp::rtcp(&KEY));
    let called = |packets: u8| {
        let mut capture = Capture::new();
        capture.connect();
        for sequence in 0..60 {
            capture.udp(ALICE, BOB, &media.protect(&rtp(96, 0x1000, sequence, &[0x5a; 60]), 0)).wait(9);
            if sequence % 20 == 19 {
                // A receiver report, and transport-wide feedback with two arrival times.
                let mut feedback = vec![0x80, 201, 0, 1, 0, 0, 0x20, 0, 0x8f, 205, 0, 5];
                feedback.extend([0, 0, 0x20, 0, 0, 0, 0x10, 0, 0, 1, 0, packets, 0, 0, 9, 1]);
                feedback.extend([0x20, packets, 4, 4]);
                capture.udp(BOB, ALICE, &control.protect(&feedback, u32::from(sequence)));
            }
        }
        said(&capture)
    };
    let (text, judged) = called(9);
    assert!(text.contains("media: degraded, look at bob"), "{text}");
    assert!(text.contains("3 RTCP packets of bob are malformed; the first: RTPFB after its field"), "{text}");
    assert_eq!(failing(&judged, "rtcp-packets-well-formed").0, "bob");
    let (text, judged) = called(2);
    assert!(!text.contains("malformed"), "{text}");
    assert!(!findings(&judged, "fail").iter().any(|(id, ..)| id == "rtcp-packets-well-formed"));
}

#[test]
fn checks_of_skype_and_teams_need_no_fingerprint() {
    let called = |own: u16| {
        let mut capture = Capture::new();
        for n in 0..10 {
            let attributes: [(u16, &[u8]); 5] = [
                (0x0006, b"aLiC:bObB"),
                (0x0024, &[0, 0, 0, 1]),
                (own, &[0, 0, 0, 3]),
                (0x8029, &[9; 8]),
                (0x0008, &[n; 20]),
            ];
            capture.udp(BOB, ALICE, &bare_stun(1, [n.wrapping_mul(37) ^ 0x5a; 12], &attributes)).wait(50);
        }
        let files = Files::new();
        let (_, judged) = judge(&[&files.write("teams.pcap", capture.file())]);
        findings(&judged, "fail").iter().any(|(id, ..)| id == "ice-check-has-fingerprint")
    };
    assert!(!called(0x8054) && !called(0x8070));
    assert!(called(0x8022), "SOFTWARE is no sign of it");
}
