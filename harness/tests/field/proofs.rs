//! Correct peers that were called wrong once, as far as checks of the whole program show it; the rest is where the checks are
//! (`conformance/src/checks/controls/spared.rs`).

use super::descriptions::{AUDIO, answer, offer};
use super::packets::{ALICE, BOB, Capture, client_hello, handshake, record};
use super::{Files, failing, findings, judge};
use serde_json::Value;

/// The body of a ServerHello of this version.
fn server_hello(version: [u8; 2]) -> Vec<u8> {
    [&version[..], &[0x77; 32], &[0, 0xc0, 0x2b, 0, 0, 9, 0, 14, 0, 5, 0, 2, 0, 1, 0]].concat()
}

/// What is said of a connection of which alice made the offer, with bob as DTLS client.
fn judged(handshake: impl FnOnce(&mut Capture)) -> Vec<Value> {
    let mut capture = Capture::new();
    capture.connect();
    handshake(&mut capture);
    let files = Files::new();
    let path = files.write("call.pcap", capture.file());
    let a = files.write("alice-offer.sdp", offer(&[AUDIO]));
    let b = files.write("bob-answer.sdp", answer(&[AUDIO]));
    judge(&[&path, "--sdp", &a, "--sdp", &b]).1
}

#[test]
fn a_hello_before_the_capture_is_missed_of_nobody() {
    let server = server_hello([0xfe, 0xfd]);
    let late = judged(|capture| {
        capture.udp(ALICE, BOB, &handshake(2, 0, 0, &server, 0..server.len()));
    });
    let id = "dtls-client-hello-follows-setup-role";
    assert!(!findings(&late, "fail").iter().any(|(found, ..)| found == id));
    assert!(findings(&late, "inconclusive").iter().any(|(found, peer, _)| found == id && peer == "bob"));
    let hello = client_hello(0, true);
    let swapped = judged(|capture| {
        capture.udp(ALICE, BOB, &handshake(1, 0, 0, &hello, 0..hello.len()));
    });
    assert_eq!(failing(&swapped, id).0, "alice");
}

#[test]
fn a_client_that_refuses_an_old_version_is_right() {
    let (hello, server) = (client_hello(0, true), server_hello([0xfe, 0xff]));
    let refused = judged(|capture| {
        capture.udp(BOB, ALICE, &handshake(1, 0, 0, &hello, 0..hello.len()));
        capture.udp(ALICE, BOB, &handshake(2, 0, 0, &server, 0..server.len()));
        // Fatal, protocol_version.
        capture.udp(BOB, ALICE, &record(21, 0, 1, &[2, 70]));
    });
    let id = "dtls-version-at-least-1-2";
    let blamed: Vec<String> = findings(&refused, "fail")
        .into_iter()
        .filter(|(found, ..)| found == id)
        .map(|(_, peer, _)| peer)
        .collect();
    assert_eq!(blamed, ["alice"]);
}
