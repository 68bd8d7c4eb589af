//! Recordings of both peers: one connection, and what of it was lost between them.
#![expect(clippy::expect_used, reason = "a test that cannot read its capture must fail")]

use peerproof_captures::ends::BothEnds;
use peerproof_captures::file::{CaptureReader, Direction, Item, LinkType};
use peerproof_captures::trace::{Builder, Delivery, Side, Sides, Trace};
use std::fs;
use std::path::Path;

/// A recording, its interfaces called as `named` says, without the packets that arrive if so wanted.
fn trace(name: &str, named: impl Fn(&str) -> String, arrives: bool) -> Trace {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/recordings").join(name);
    let bytes = fs::read(path.join("capture.pcapng")).expect("the recording is there");
    let mut reader = CaptureReader::new(bytes.as_slice());
    let mut builder = Builder::new();
    while let Some(item) = reader.next_item() {
        match item {
            Item::Interface(index) => {
                let name =
                    reader.interfaces().get(index).and_then(|it| it.name.as_deref()).unwrap_or_default();
                builder.interface(index, &named(name));
            }
            Item::Secrets(secrets) => assert!(builder.secrets(&secrets)),
            Item::Frame(frame) if arrives || frame.direction == Some(Direction::Outbound) => {
                builder.frame(&frame);
            }
            _ => {}
        }
    }
    builder.finish()
}

fn as_recorded(name: &str) -> Trace {
    trace(name, str::to_owned, true)
}

#[test]
fn a_connection_that_was_recorded_at_both_ends_is_one() {
    // (left, arrived) of alice and of bob.
    for (name, alice, bob) in [("conflict", (19, 19), (19, 19)), ("call", (268, 250), (119, 119))] {
        let trace = as_recorded(name);
        assert_eq!(trace.connections.len(), 1, "{name}");
        let connection = &trace.connections[0];
        assert_eq!([Side::A, Side::B].map(|side| connection.name(side)), ["alice", "bob"], "{name}");
        let delivery = connection.delivery.as_ref().expect("both ends were recorded");
        assert_eq!((delivery.a.left, delivery.a.arrived), alice, "{name}");
        assert_eq!((delivery.b.left, delivery.b.arrived), bob, "{name}");
        assert!(!delivery.a.is_cut() && !delivery.b.is_cut());
        assert!(connection.handshake().is_some_and(|handshake| handshake.is_complete()), "{name}");
        assert!(connection.pairs.iter().all(|pair| pair.checks.a.succeeded + pair.checks.b.succeeded > 0));
    }
}

#[test]
fn what_is_not_known_to_be_of_two_peers_stays_apart() {
    let trace = trace("conflict", |name| format!("eth {}", name.replace(['(', ')'], "")), true);
    assert_eq!(trace.connections.len(), 2);
    assert!(trace.connections.iter().all(|connection| connection.delivery.is_none()));
    assert!(trace.flows.iter().all(|flow| flow.other_end.is_none() && flow.forth.arrived.is_none()));
}

#[test]
fn what_never_arrives_is_lost_and_neither_side_was_silent() {
    let trace = trace("conflict", str::to_owned, false);
    assert_eq!(trace.connections.len(), 1, "the checks of both have the same ufrags");
    let connection = &trace.connections[0];
    let delivery = connection.delivery.as_ref().expect("both ends were recorded");
    assert!(delivery.a.is_cut() && delivery.b.is_cut());
    assert_eq!((delivery.a.lost(), delivery.b.lost()), (19, 19));
    let checks = |side| connection.pairs.iter().map(|pair| pair.checks.of(side).sent).sum::<u64>();
    assert!(checks(Side::A) > 0 && checks(Side::B) > 0);
}

#[test]
fn a_peer_that_goes_to_another_interface_takes_its_connection_along() {
    let trace = as_recorded("restart");
    let on = |name: &str| trace.connections.iter().filter(|it| it.name(Side::A) == name).count();
    assert_eq!(on("alice"), trace.connections.len());
    // One before and one after the restart; what bob sent in between to where nothing is yet belongs to the second.
    assert_eq!(trace.connections.len(), 2);
    assert!(trace.connections.iter().all(|it| it.delivery.is_some()));
    // What came on the second interface is opened by the keys of the handshake on the first.
    let second = trace.connections.iter().find(|it| it.interface == Some(1)).expect("alice has two");
    assert!(second.handshakes.is_empty() && second.decrypted > 0);
    let lost: u64 =
        trace.connections.iter().filter_map(|it| it.delivery.as_ref()).map(|it| it.b.lost()).sum();
    assert!(lost > 0, "the first interface goes down while bob sends to it");
}

/// A block of pcapng (draft-ietf-opsawg-pcapng §3.1).
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = (body.len() as u32 + 12).to_le_bytes();
    [&kind.to_le_bytes()[..], &length, &body, &length].concat()
}

/// A recording as somebody else would have captured it: interfaces without names, packets without directions, bob's with another clock, merged
/// by their times. With its key log.
fn as_captured(name: &str, bob_is_ahead_ns: i64, most_of_bob: usize) -> (Vec<u8>, Vec<u8>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/recordings").join(name);
    let bytes = fs::read(path.join("capture.pcapng")).expect("the recording is there");
    let mut reader = CaptureReader::new(bytes.as_slice());
    let (mut frames, mut keys) = (Vec::new(), Vec::new());
    while let Some(item) = reader.next_item() {
        match item {
            Item::Secrets(secrets) => keys.extend_from_slice(secrets.data),
            Item::Frame(frame) if frame.link != LinkType::WIRESHARK_UPPER_PDU => {
                let interface = frame.interface.expect("packets have interfaces");
                frames.push((frame.time_ns.expect("packets have times"), interface, frame.data.to_vec()));
            }
            _ => {}
        }
    }
    let mut of_bob = 0;
    frames.retain_mut(|(time, interface, _)| {
        let interface = &reader.interfaces()[*interface];
        if interface.name.as_ref().is_some_and(|name| name.starts_with("bob")) {
            *time = time.saturating_add_signed(bob_is_ahead_ns);
            of_bob += 1;
        }
        of_bob <= most_of_bob || !interface.name.as_ref().is_some_and(|name| name.starts_with("bob"))
    });
    frames.sort_by_key(|frame| frame.0);
    let section = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    let mut file = block(0x0a0d_0d0a, &section);
    for interface in reader.interfaces() {
        // if_tsresol: nanoseconds.
        let link = &interface.link.0.to_le_bytes()[..2];
        file.extend(block(1, &[link, &[0; 6], &[9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]].concat()));
    }
    for (time, interface, data) in frames {
        let length = (data.len() as u32).to_le_bytes();
        let (high, low) = (((time >> 32) as u32).to_le_bytes(), (time as u32).to_le_bytes());
        file.extend(block(
            6,
            &[&(interface as u32).to_le_bytes()[..], &high, &low, &length, &length, &data[..]].concat(),
        ));
    }
    (file, keys)
}

fn trace_of((file, keys): &(Vec<u8>, Vec<u8>), ends: Option<BothEnds>) -> Trace {
    let (mut reader, mut builder) = (CaptureReader::new(file.as_slice()), Builder::new());
    builder.key_log(keys);
    if let Some(ends) = ends {
        builder.at_both_ends(ends);
    }
    while let Some(item) = reader.next_item() {
        if let Item::Frame(frame) = item {
            builder.frame(&frame);
        }
    }
    assert!(reader.stop().is_none());
    builder.finish()
}

#[test]
fn what_somebody_captured_at_both_ends_is_one_connection_whatever_the_clocks_are() {
    for name in ["conflict", "call"] {
        let recorded = as_recorded(name);
        let recorded = recorded.connections[0].delivery.as_ref().expect("both ends were recorded");
        for ahead_ns in [0, 40_000_000, -3_000_000_000] {
            let capture = as_captured(name, ahead_ns, usize::MAX);
            let once = trace_of(&capture, None);
            assert_eq!(once.connections.len(), 2, "{name}");
            let ends = once.both_ends().expect("two interfaces saw it");
            let trace = trace_of(&capture, Some(ends));
            assert_eq!(trace.connections.len(), 1, "{name} {ahead_ns}");
            let connection = &trace.connections[0];
            let delivery = connection.delivery.as_ref().expect("both ends were captured");
            let sum = |it: &Sides<Delivery>| {
                let mut both = [(it.a.left, it.a.arrived), (it.b.left, it.b.arrived)];
                // Which of them is called A depends on who was seen first.
                both.sort_unstable();
                both
            };
            assert_eq!(sum(delivery), sum(recorded), "{name} {ahead_ns}");
            assert!(connection.handshake().is_some_and(|handshake| handshake.is_complete()));
            assert!(connection.also_seen_as.is_none() && trace.both_ends().is_none());
        }
    }
}

#[test]
fn what_left_when_the_other_capture_had_ended_is_not_lost() {
    let capture = as_captured("call", 0, 100);
    let ends = trace_of(&capture, None).both_ends();
    let trace = trace_of(&capture, Some(ends.expect("two interfaces saw it")));
    let delivery = trace.connections[0].delivery.as_ref().expect("both ends were captured");
    // All of the recording are 387.
    assert!((50..150).contains(&(delivery.a.left + delivery.b.left)), "{delivery:?}");
    assert!(delivery.a.lost() + delivery.b.lost() <= 18, "{delivery:?}");
}
