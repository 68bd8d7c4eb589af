//! What is not WebRTC is named as what it is, and no requirement of WebRTC is held against it.

use super::packets::{ALICE, BOB, Capture, bare_stun, client_hello, handshake, record, rtp};
use super::{Files, findings, inspect, judge, notices};

/// Bytes of which nothing is fixed, not even the first.
pub(crate) fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let bytes = std::iter::repeat_with(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    bytes.take(length).collect()
}

/// What is said of a capture, and that it is accused of nothing.
#[track_caller]
fn unaccused(capture: &Capture) -> (String, Vec<String>) {
    let files = Files::new();
    let path = files.write("other.pcap", capture.file());
    let (code, judged) = judge(&[&path]);
    let accused = [findings(&judged, "fail"), findings(&judged, "warn")].concat();
    assert!(accused.is_empty() && code != 1, "{accused:#?}");
    (inspect(&[&path]), notices(&judged))
}

#[test]
fn a_messenger_with_ciphers_of_its_own_behind_ice_is_named_so() {
    let mut capture = Capture::new();
    capture.connect();
    for n in 0..600 {
        let (from, to) = if n % 2 == 0 { (ALICE, BOB) } else { (BOB, ALICE) };
        capture.udp(from, to, &noise(n, 100 + n as usize % 7)).wait(19);
    }
    let (text, notices) = unaccused(&capture);
    assert!(text.contains("ICE, and behind it another protocol than DTLS and RTP"), "{text}");
    assert!(text.contains("of no known protocol") && text.contains("no problem found"), "{text}");
    assert!(notices.iter().any(|it| it.contains("another protocol")), "{notices:?}");
}

#[test]
fn stun_of_a_messenger_to_its_relay_is_no_turn_server_that_stays_silent() {
    let mut capture = Capture::new();
    for n in 0..20_u8 {
        let id = [n; 12];
        capture.udp(ALICE, BOB, &bare_stun(0x0003, id, &[(0x4000, &[1; 24]), (0x4024, &[2; 8])])).wait(400);
        capture.udp(ALICE, BOB, &bare_stun(0x0801, id, &[])).wait(400);
    }
    let (text, _) = unaccused(&capture);
    assert!(text.contains("Allocate requests of its own"), "{text}");
    assert!(text.contains("message type of its own (0x0801)"), "{text}");
    assert!(!text.contains("did not answer") && text.contains("no problem found"), "{text}");
}

#[test]
fn stun_without_the_cookie_is_named_by_its_document() {
    let old = |kind: u8, attributes: &[u8]| {
        let mut message = vec![0, kind, 0, attributes.len() as u8];
        message.extend([0x31; 16]);
        message.extend(attributes);
        message
    };
    let mut capture = Capture::new();
    for n in 0..6 {
        capture.udp(ALICE, BOB, &old(1, &[])).wait(500 + n);
        capture.udp(ALICE, BOB, &old(3, &[0, 0x0f, 0, 4, 0x72, 0xc6, 0x4b, 0xc6])).wait(500);
    }
    let (text, _) = unaccused(&capture);
    assert!(text.contains("STUN of RFC 3489") && text.contains("[MS-TURN]"), "{text}");
}

#[test]
fn rtp_without_dtls_is_judged_as_rtp() {
    let mut capture = Capture::new();
    for sequence in 0..200 {
        capture.udp(ALICE, BOB, &rtp(0, 0x1000, sequence, &noise(1, 160))).wait(19);
        capture.udp(BOB, ALICE, &rtp(0, 0x2000, sequence, &noise(2, 160)));
    }
    let (text, notices) = unaccused(&capture);
    assert!(text.contains("RTP without ICE and DTLS") && text.contains("PCMU"), "{text}");
    assert!(notices.iter().any(|it| it.contains("RTP without ICE and DTLS")), "{notices:?}");
    let mut behind_ice = Capture::new();
    behind_ice.connect();
    for sequence in 0..200 {
        behind_ice.udp(ALICE, BOB, &rtp(96, 0x1000, sequence, &noise(1, 160))).wait(19);
        behind_ice.udp(BOB, ALICE, &rtp(96, 0x2000, sequence, &noise(2, 160)));
    }
    let (text, _) = unaccused(&behind_ice);
    assert!(text.contains("ICE and RTP without DTLS"), "{text}");
}

#[test]
fn single_packets_with_the_first_byte_of_rtp_are_no_streams() {
    let mut capture = Capture::new();
    capture.connect();
    for n in 0..50_u16 {
        capture.udp(ALICE, BOB, &rtp(96, 0x5000 + u32::from(n) * 7, n * 11, &[9; 40])).wait(19);
    }
    let (text, _) = unaccused(&capture);
    assert!(!text.contains("RTP of"), "{text}");
}

#[test]
fn dtls_that_is_no_webrtc_is_judged_as_dtls() {
    let mut capture = Capture::new();
    let hello = client_hello(0, false);
    capture.udp(ALICE, BOB, &handshake(1, 0, 0, &hello, 0..hello.len())).wait(20);
    let server = [&[0xfe, 0xfd][..], &[0x77; 32], &[0, 0xc0, 0x2b, 0, 0, 0]].concat();
    capture.udp(BOB, ALICE, &handshake(2, 0, 0, &server, 0..server.len())).wait(20);
    for number in 0..50 {
        capture.udp(ALICE, BOB, &record(23, 1, number, &noise(number.into(), 60))).wait(20);
    }
    let (text, notices) = unaccused(&capture);
    assert!(text.contains("DTLS without SRTP and SCTP"), "{text}");
    assert!(notices.iter().any(|it| it.contains("DTLS without SRTP and SCTP")), "{notices:?}");
}

#[test]
fn what_is_held_against_webrtc_is_listed_as_not_applicable_with_the_reason() {
    let mut capture = Capture::new();
    for sequence in 0..50 {
        capture.udp(ALICE, BOB, &rtp(0, 0x1000, sequence, &noise(1, 160))).wait(19);
    }
    let files = Files::new();
    let (_, judged) = judge(&[&files.write("other.pcap", capture.file()), "--all"]);
    let apart = findings(&judged, "not-applicable");
    let why = |id: &str| apart.iter().find(|(found, ..)| found == id).map(|(_, _, why)| why.clone()).unwrap();
    assert!(
        why("mux-sent-datagram-first-byte-class").contains("not WebRTC"),
        "{}",
        why("mux-sent-datagram-first-byte-class")
    );
}
