//! Captured conversations are decrypted, whenever their secrets come.
#![expect(
    clippy::expect_used,
    reason = "helpers of tests; the lints' exception for tests covers test functions only"
)]

use peerproof_captures::decrypt::{
    Clear, Content, Datagram, Failure, Limits, Outcome, Session, Side, Version,
};
use peerproof_captures::file::{CaptureReader, Item};
use peerproof_captures::link::Network;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// A packet of a capture.
struct Captured {
    frame: u64,
    from: SocketAddr,
    to: SocketAddr,
    payload: Vec<u8>,
}

impl Captured {
    fn datagram(&self) -> Datagram<'_> {
        let Self { frame, from, to, payload } = self;
        Datagram { time_ns: 0, frame: *frame, from: *from, to: *to, payload }
    }
}

/// The packets of a capture and its secrets.
fn read(path: &Path) -> (Vec<Captured>, Vec<u8>) {
    let file = fs::File::open(path).expect("the capture is there");
    let mut reader = CaptureReader::new(file);
    let mut network = Network::new();
    let (mut packets, mut secrets) = (Vec::new(), Vec::new());
    while let Some(item) = reader.next_item() {
        match item {
            Item::Secrets(found) => secrets.extend_from_slice(found.data),
            Item::Frame(frame) => {
                network.frame(&frame, &mut |packet| {
                    packets.push(Captured {
                        frame: frame.number,
                        from: packet.from,
                        to: packet.to,
                        payload: packet.payload.to_vec(),
                    });
                });
            }
            _ => {}
        }
    }
    assert!(reader.stop().is_none());
    (packets, secrets)
}

fn corpus(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(folder);
    let entries = fs::read_dir(folder).expect("the corpus is there");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "pcapng"));
    paths.sort();
    paths
}

/// Whether a plaintext is application data; the rest is handshake and alerts.
fn line(clear: &Clear<'_>) -> String {
    let text = match clear.content {
        Content::Dtls { content_type: 23, .. } => String::from_utf8_lossy(clear.bytes).into_owned(),
        Content::Dtls { content_type, .. } => format!("type {content_type}"),
        other => format!("{other:?}"),
    };
    format!("{:?} {}", clear.sender.expect("the sender's role is known"), text.trim_end())
}

/// What comes out if the secrets come before the first packet, or after the last.
fn decrypt(packets: &[Captured], secrets: &[u8], late: bool) -> (Vec<String>, Session) {
    let mut session = Session::new();
    let mut lines = Vec::new();
    let mut sink = |clear: Clear<'_>| lines.push(line(&clear));
    if !late {
        session.key_log(secrets, &mut sink);
    }
    for packet in packets {
        let outcome = session.datagram(&packet.datagram(), &mut sink);
        assert!(!matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    }
    if late {
        assert!(session.waiting() > 0);
        session.key_log(secrets, &mut sink);
    }
    assert_eq!(session.waiting(), 0);
    (lines, session)
}

const CONVERSATION: [&str; 2] = ["Client hello from the client", "Server hello from the server"];

#[test]
fn every_record_protection_of_dtls_1_2_is_taken_off_whenever_the_secrets_come() {
    let captures = corpus("dtls12");
    assert!(captures.len() >= 13);
    for path in captures {
        let (packets, secrets) = read(&path);
        for late in [false, true] {
            let (lines, session) = decrypt(&packets, &secrets, late);
            let said: Vec<_> = lines.iter().filter(|line| line.contains("hello")).collect();
            assert_eq!(said, CONVERSATION, "{}", path.display());
            // Both Finished messages and the client's closing alert.
            assert_eq!(lines.iter().filter(|line| line.contains("type 22")).count(), 2, "{lines:?}");
            assert!(lines.iter().any(|line| line == "Client type 21"), "{lines:?}");

            let association = session.associations().next().expect("there is one");
            assert_eq!((association.version, association.srtp_profile), (Some(Version::V12), Some(1)));
            let mut material = [0; 60];
            assert!(session.srtp_keying_material(association.id, &mut material));
            let exported =
                fs::read_to_string(path.with_extension("exporter")).expect("it is next to the capture");
            let digits: String = material.iter().map(|byte| format!("{byte:02X}")).collect();
            assert_eq!(digits, exported.trim(), "{}", path.display());
        }
    }
}

#[test]
fn a_changed_record_does_not_authenticate() {
    for path in corpus("dtls12") {
        let (mut packets, secrets) = read(&path);
        for packet in packets.iter_mut().filter(|packet| packet.payload.first() == Some(&23)) {
            let last = packet.payload.len() - 1;
            packet.payload[last] ^= 1;
        }
        let mut session = Session::new();
        session.key_log(&secrets, &mut |_| {});
        let mut failures = 0;
        for packet in &packets {
            let outcome = session.datagram(&packet.datagram(), &mut |clear| {
                assert!(!clear.content.is_application_data());
            });
            failures += usize::from(outcome == Outcome::Failed(Failure::Authentication));
        }
        assert_eq!(failures, 2, "{}", path.display());
    }
}

#[test]
fn what_waits_is_bounded_and_the_rest_is_counted() {
    let (packets, secrets) = read(&corpus("dtls12")[0]);
    let mut session = Session::with_limits(Limits { waiting: 1, ..Limits::default() });
    let mut waiting = 0;
    for packet in &packets {
        waiting += usize::from(session.datagram(&packet.datagram(), &mut |_| {}) == Outcome::Waiting);
    }
    assert_eq!((waiting, session.waiting()), (1, 1));
    assert!(session.dropped() > 0);
    let mut count = 0;
    session.key_log(&secrets, &mut |_| count += 1);
    assert_eq!((count, session.waiting()), (1, 0));
}

#[test]
fn an_association_is_followed_to_another_path() {
    let (mut packets, secrets) = read(&corpus("dtls12")[0]);
    let elsewhere: SocketAddr = "192.0.2.77:7777".parse().expect("an address");
    let server = packets[0].to;
    for packet in packets.iter_mut().filter(|packet| packet.payload.first() == Some(&23)) {
        let end = if packet.from == server { &mut packet.to } else { &mut packet.from };
        *end = elsewhere;
    }
    let (lines, session) = decrypt(&packets, &secrets, false);
    let said: Vec<_> = lines.iter().filter(|line| line.contains("hello")).collect();
    assert_eq!(said, CONVERSATION);
    assert_eq!(session.associations().count(), 1);
}

/// What the client sends of the captures of 1.3 has connection IDs, which are there for that (RFC 9146 §6).
#[test]
fn records_with_connection_ids_are_followed_to_another_path() {
    for path in corpus("dtls13") {
        let (mut packets, secrets) = read(&path);
        let (expected, _) = decrypt(&packets, &secrets, false);
        let client = packets[0].from;
        let with_id = |packet: &Captured| packet.payload[0] & 0xf0 == 0x30;
        let moved = packets.iter_mut().filter(|packet| packet.from == client && with_id(packet));
        let mut count = 0;
        for (index, packet) in moved.enumerate() {
            packet.from.set_port(6000 + index as u16);
            count += 1;
        }
        assert!(count >= 4, "{count}");
        let (lines, session) = decrypt(&packets, &secrets, false);
        assert_eq!(lines, expected, "{}", path.display());
        let last = packets.iter().rfind(|packet| with_id(packet)).expect("there are some");
        let elsewhere = "192.0.2.99:9".parse().expect("an address");
        assert_eq!(session.connection_id_length(elsewhere, last.to, &last.payload), 2);
        assert_eq!(session.connection_id_length(elsewhere, last.to, &[0x2f, 0xa1, 0xa1]), 0);
        assert_eq!(session.connection_id_length(elsewhere, last.to, &[0x3f, 0xa1, 0xa2]), 0);
    }
}

#[test]
fn a_handshake_whose_sides_send_on_pairs_of_their_own_is_followed() {
    for path in corpus("dtls12").into_iter().chain(corpus("dtls13")) {
        let (mut packets, secrets) = read(&path);
        let (expected, _) = decrypt(&packets, &secrets, false);
        assert!(expected.len() >= 5, "{expected:?}");
        let server = packets[0].to;
        let pair: [SocketAddr; 2] =
            ["[2001:db8::1]:5001", "[2001:db8::2]:5002"].map(|at| at.parse().expect("an address"));
        for packet in packets.iter_mut().filter(|packet| packet.from == server) {
            [packet.from, packet.to] = pair;
        }
        for late in [false, true] {
            let (lines, session) = decrypt(&packets, &secrets, late);
            assert_eq!(lines, expected, "{} late: {late}", path.display());
            assert_eq!(session.associations().count(), 1);
        }
    }
}

#[test]
fn answers_from_elsewhere_find_the_right_one_of_two_handshakes() {
    let captures = corpus("dtls12");
    let (first, mut secrets) = read(&captures[0]);
    let (second, more) = read(&captures[1]);
    secrets.extend_from_slice(&more);
    let port = |packet: &Captured, from: u16, to: u16| {
        let at = |port| SocketAddr::from(([192, 0, 2, 1], port));
        Captured { frame: packet.frame, from: at(from), to: at(to), payload: packet.payload.clone() }
    };
    let mut packets = Vec::new();
    for (conversation, base) in [(&first, 1000), (&second, 2000)] {
        let client = conversation[0].from;
        for (index, packet) in conversation.iter().enumerate() {
            let moved = if packet.from == client {
                port(packet, base, base + 1)
            } else {
                port(packet, base + 2, base + 3)
            };
            packets.push((index, moved));
        }
    }
    // Both at once: the nth packet of one stands next to that of the other.
    packets.sort_by_key(|(index, _)| *index);
    let mut session = Session::new();
    let mut lines = Vec::new();
    session.key_log(&secrets, &mut |_| {});
    for (_, packet) in &packets {
        session.datagram(&packet.datagram(), &mut |clear| lines.push(line(&clear)));
    }
    assert_eq!(lines.iter().filter(|line| line.contains("hello")).count(), 4, "{lines:?}");
}

#[test]
fn without_a_handshake_nothing_is_opened() {
    let (packets, secrets) = read(&corpus("dtls12")[0]);
    let mut session = Session::new();
    session.key_log(&secrets, &mut |_| {});
    let record = packets.iter().find(|packet| packet.payload.first() == Some(&23)).expect("application data");
    let outcome = session.datagram(&record.datagram(), &mut |_| {});
    assert_eq!(outcome, Outcome::Failed(Failure::NoHandshake));
}

/// What comes out of a call, by role and kind, and the application data in one piece.
struct Call {
    counts: BTreeMap<(Side, String), usize>,
    data: Vec<u8>,
    /// Payload types of RTP.
    payload_types: BTreeSet<u8>,
    session: Session,
}

fn call(name: &str, late: bool) -> Call {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/calls").join(name);
    let (packets, secrets) = read(&path);
    let mut session = Session::new();
    let (mut counts, mut data, mut payload_types) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
    let mut sink = |clear: Clear<'_>| {
        let kind = match clear.content {
            Content::Dtls { content_type, epoch, .. } => format!("DTLS {content_type} in epoch {epoch}"),
            other => format!("{other:?}"),
        };
        *counts.entry((clear.sender.expect("its role is known"), kind)).or_insert(0) += 1;
        match clear.content {
            Content::Rtp => drop(payload_types.insert(clear.bytes[1] & 0x7f)),
            Content::Rtcp => assert!((200..=207).contains(&clear.bytes[1])),
            Content::Dtls { content_type: 23, .. } => data.extend_from_slice(clear.bytes),
            Content::Dtls { .. } => {}
        }
    };
    if !late {
        session.key_log(&secrets, &mut sink);
    }
    for packet in &packets {
        let outcome = session.datagram(&packet.datagram(), &mut sink);
        assert!(!matches!(outcome, Outcome::Failed(_)), "{outcome:?} of frame {}", packet.frame);
    }
    if late {
        session.key_log(&secrets, &mut sink);
    }
    assert_eq!(session.waiting(), 0);
    Call { counts, data, payload_types, session }
}

/// A Firefox calling itself over IPv6, on an interface that shows each packet twice.
#[test]
fn a_call_of_firefox_is_decrypted_down_to_its_media_and_data() {
    let Call { counts, data, payload_types, session } = call("firefox-firefox.pcapng", false);
    let association = session.associations().next().expect("there is one");
    let agreed = (association.version, association.suite, association.srtp_profile);
    assert_eq!(agreed, (Some(Version::V13), Some(0x1301), Some(7)));
    for side in [Side::Client, Side::Server] {
        assert!(counts[&(side, "DTLS 22 in epoch 2".to_owned())] > 0);
        assert!(counts[&(side, "Rtp".to_owned())] > 50);
        assert!(counts[&(side, "Rtcp".to_owned())] > 10);
    }
    assert!(data.windows(10).any(|window| window == b"echo hello"));
    assert_eq!(payload_types, BTreeSet::from([109, 119, 122, 124]), "Opus, VP8 in RED, retransmissions");
    let late = call("firefox-firefox.pcapng", true);
    assert_eq!((late.counts, late.data), (counts, data));
}

/// Every packet of the corpus cut anywhere and changed anywhere, with the keys at hand.
#[test]
fn damaged_packets_never_panic_and_are_never_opened() {
    for (name, most) in [("calls/firefox-firefox.pcapng", 40), ("dtls12/aes256-cbc-sha384.pcapng", 20)] {
        let (packets, secrets) = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name));
        let mut session = Session::with_limits(Limits { waiting: 10, ..Limits::default() });
        session.key_log(&secrets, &mut |_| {});
        for packet in packets.iter().take(most) {
            session.datagram(&packet.datagram(), &mut |_| {});
        }
        for packet in packets.iter().take(most) {
            let protected = packet.payload.first().is_some_and(|first| (128..192).contains(first));
            for length in 0..packet.payload.len() {
                let mut changed = packet.payload.clone();
                changed[length] ^= 0x10;
                for payload in [&packet.payload[..length], &changed] {
                    let opened = session.datagram(&Datagram { payload, ..packet.datagram() }, &mut |_| {});
                    assert!(
                        !protected || opened != Outcome::Opened,
                        "{name} frame {} at {length}",
                        packet.frame
                    );
                }
            }
        }
    }
}

/// A Chrome calls a Firefox: only Firefox's key log is there, and it is enough for both directions.
#[test]
fn a_call_of_chrome_to_firefox_is_decrypted_with_the_key_log_of_firefox() {
    let Call { counts, data, session, .. } = call("chrome-firefox.pcapng", false);
    let association = session.associations().next().expect("there is one");
    let agreed = (association.version, association.suite, association.srtp_profile);
    assert_eq!(agreed, (Some(Version::V13), Some(0x1301), Some(1)), "{counts:?}");
    for side in [Side::Client, Side::Server] {
        assert!(counts[&(side, "Rtp".to_owned())] > 20, "{counts:?}");
        assert!(counts[&(side, "Rtcp".to_owned())] > 1, "{counts:?}");
    }
    assert!(data.windows(10).any(|window| window == b"echo hello"));
}
