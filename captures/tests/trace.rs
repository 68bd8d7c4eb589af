//! Calls of real peers, traced from their captures.
#![expect(clippy::expect_used, reason = "a test that cannot read its capture must fail")]

use peerproof_captures::file::{CaptureReader, Item};
use peerproof_captures::trace::{Builder, PairState, Trace};
use std::fs::File;
use std::path::Path;

fn trace(name: &str) -> Trace {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut reader = CaptureReader::new(File::open(path).expect("the capture is there"));
    let mut builder = Builder::new();
    while let Some(item) = reader.next_item() {
        match item {
            Item::Secrets(secrets) => assert!(builder.secrets(&secrets)),
            Item::Frame(frame) => builder.frame(&frame),
            _ => {}
        }
    }
    assert!(reader.stop().is_none());
    builder.finish()
}

#[test]
fn handshakes_of_openssl_are_complete_under_every_suite() {
    for suite in ["aes128-gcm", "aes256-cbc-sha384", "chacha20", "aes128-ccm8"] {
        let trace = trace(&format!("dtls12/{suite}.pcapng"));
        let handshake = trace.connections[0].handshake().expect("a handshake");
        assert!(handshake.is_complete(), "{suite}");
        assert_eq!(handshake.version.as_deref(), Some("DTLS 1.2"), "{suite}");
        assert!(handshake.decrypted, "{suite}");
        assert!(!handshake.certificates.is_empty(), "{suite}");
    }
}

/// Its SRTP packets keep 64 bytes, as with a snap length.
#[test]
fn packets_that_a_snap_length_cut_are_counted_and_do_not_pass_for_forged_ones() {
    /// Cooked link, IPv6 and UDP headers.
    const HEADERS: usize = 16 + 40 + 8;
    let traced = |most: usize| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/calls/chrome-firefox.pcapng");
        let mut reader = CaptureReader::new(File::open(path).expect("the capture is there"));
        let mut builder = Builder::new();
        while let Some(item) = reader.next_item() {
            match item {
                Item::Secrets(secrets) => assert!(builder.secrets(&secrets)),
                Item::Frame(mut frame) => {
                    if frame.data.get(HEADERS).is_some_and(|first| *first >= 128) {
                        frame.data = &frame.data[..frame.data.len().min(HEADERS + most)];
                    }
                    builder.frame(&frame);
                }
                _ => {}
            }
        }
        builder.finish()
    };
    let (whole, cut) = (traced(usize::MAX >> 1), traced(64));
    let call = |trace: &Trace| {
        let found = trace.connections.iter().find(|connection| !connection.streams.is_empty());
        let connection = found.expect("a call");
        let packets: Vec<_> =
            connection.streams.values().map(|stream| (stream.ssrc, stream.packets)).collect();
        (packets, connection.not_authentic, connection.decrypted)
    };
    let ((streams, not_authentic, decrypted), (all, _, all_decrypted)) = (call(&cut), call(&whole));
    assert_eq!(streams, all, "headers show as much as before");
    assert_eq!(not_authentic, 0);
    assert!(decrypted > 0 && decrypted < all_decrypted);
}

#[test]
fn calls_of_browsers_are_followed_from_the_first_check_to_the_media() {
    for call in ["firefox-firefox", "chrome-firefox"] {
        let trace = trace(&format!("calls/{call}.pcapng"));
        assert!(trace.over.is_nothing(), "{call}");
        let connection =
            trace.connections.iter().find(|connection| !connection.streams.is_empty()).expect("a call");
        assert_eq!(connection.selected().map(|pair| pair.state), Some(PairState::Nominated), "{call}");
        let handshake = connection.handshake().expect("a handshake");
        assert!(handshake.is_complete() && handshake.decrypted, "{call}");
        assert!(connection.decrypted > 0, "{call}");
        assert_eq!(connection.not_authentic, 0, "{call}");
        let channel = connection.associations[0].channels.values().next().expect("a channel");
        let video: Vec<_> = connection.streams.values().filter(|stream| stream.payload_read).collect();
        assert!(!video.is_empty(), "{call}");
        assert!(
            video.iter().all(|stream| (1..stream.marked).contains(&stream.key_frames)),
            "{call}: {video:#?}"
        );
        assert!(channel.acknowledged.is_some(), "{call}");
        assert!(connection.streams.values().all(|stream| stream.lost == 0), "{call}");
    }
}
