//! Recordings of both peers: one connection, and what of it was lost between them.
#![expect(clippy::expect_used, reason = "a test that cannot read its capture must fail")]

use peerproof_captures::file::{CaptureReader, Direction, Item};
use peerproof_captures::trace::{Builder, Side, Trace};
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
