//! Keys that fit, and keys that do not: what they open is said.

use super::packets::{ALICE, BOB, Capture, Srtp, client_hello, handshake, rtp};
use super::{Files, inspect, judge, notices};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const KEY: [u8; 30] = [0x17; 30];

/// A call whose RTP has tags of a given length.
fn call(tag: usize) -> Vec<u8> {
    let (key, mut capture) = (Srtp::rtp(&KEY, tag), Capture::new());
    capture.connect();
    for sequence in 0..1_200 {
        capture.udp(ALICE, BOB, &key.protect(&rtp(111, 0x1000, sequence, &[7; 20]), 0)).wait(19);
    }
    capture.file()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_key_that_opens_nothing_says_so_and_which_profile_would() {
    let files = Files::new();
    let path = files.write("call.pcap", call(4));
    let said = |given: &str| inspect(&[&path, "--srtp-key", given]);
    let text = said(&format!("aes128-cm-80:{}", hex(&KEY)));
    let expected =
        "--srtp-key 1 (aes128-cm-80) opens nothing of 1,200 packets; as aes128-cm-32 it would open 1,200";
    assert!(text.contains(expected), "{text}");
    for encoded in [hex(&KEY), STANDARD.encode(KEY), format!("inline:{}", STANDARD.encode(KEY))] {
        let text = said(&format!("aes128-cm-32:{encoded}"));
        assert!(text.contains("--srtp-key 1 (aes128-cm-32) opens 1,200 of 1,200 packets"), "{text}");
    }
    let text = said(&format!("aes128-cm-80:{}", hex(&[0x18; 30])));
    assert!(
        text.contains("(aes128-cm-80) opens nothing of 1,200 packets") && !text.contains("would"),
        "{text}"
    );
    assert!(text.contains("keys of 1 handshake or SRTP session, and they open no packet"), "{text}");
    let (_, judged) = judge(&[&path, "--srtp-key", &format!("aes128-cm-80:{}", hex(&KEY))]);
    assert!(notices(&judged).iter().any(|it| it == expected), "{:?}", notices(&judged));
}

#[test]
fn a_key_given_directly_opens_what_a_handshake_without_secrets_left_closed() {
    let (key, hello, mut capture) = (Srtp::rtp(&KEY, 10), client_hello(0, true), Capture::new());
    capture.connect();
    capture.udp(BOB, ALICE, &handshake(1, 0, 0, &hello, 0..hello.len())).wait(20);
    let server =
        [&[0xfe, 0xfd][..], &[0x77; 32], &[0, 0xc0, 0x2b, 0, 0, 9, 0, 14, 0, 5, 0, 2, 0, 1, 0]].concat();
    capture.udp(ALICE, BOB, &handshake(2, 0, 0, &server, 0..server.len())).wait(20);
    for sequence in 0..30 {
        capture.udp(ALICE, BOB, &key.protect(&rtp(111, 0x1000, sequence, &[7; 20]), 0)).wait(19);
    }
    let files = Files::new();
    let path = files.write("call.pcap", capture.file());
    let text = inspect(&[&path, "--srtp-key", &format!("aes128-cm-80:{}", hex(&KEY))]);
    assert!(text.contains("(aes128-cm-80) opens 30 of 30 packets"), "{text}");
}

#[test]
fn a_key_log_says_what_is_in_it_and_which_sessions_it_opens() {
    let (hello, mut capture) = (client_hello(0, true), Capture::new());
    capture.connect();
    capture.udp(BOB, ALICE, &handshake(1, 0, 0, &hello, 0..hello.len()));
    let frame = capture.last();
    let files = Files::new();
    let path = files.write("call.pcap", capture.file());
    let secret = "cd".repeat(48);
    let line = |random: &str| format!("CLIENT_RANDOM {} {secret}\n", random.repeat(32));
    let said = |log: String| {
        let log = files.write("keys.log", log);
        inspect(&[&path, "--keylog", &log])
    };
    let text = said(line("5a") + &line("11") + "CLIENT_RANDOM 12 34\n");
    let begins = format!(
        "secrets of 2 handshakes, 1 of them in the capture; connection 1, ClientHello in frame {frame}"
    );
    assert!(text.contains(&begins), "{text}");
    assert!(text.contains("line 3: the client random is not 64 hexadecimal digits"), "{text}");
    let text = said(line("11"));
    assert!(text.contains("secrets of 1 handshake, none of which is in the capture: its client randoms begin with 5a5a5a5a5a5a5a5a…"), "{text}");
    let text = said("no keys here\n".to_owned());
    assert!(text.contains("keys.log: no secret in it"), "{text}");
}
