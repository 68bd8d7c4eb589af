//! Directions of packets: where they are missing or contradict each other, no peer gets the name of the other.

use super::{Builder, Trace};
use crate::file::{CaptureReader, Item};
use crate::recording::{About, Content, Direction, Observes, PacketRecord, Recorder};

const ALICE: &str = "192.0.2.1:5000";
const BOB: &str = "198.51.100.2:6000";

/// A connectivity check (RFC 8445 §7.2.2) with that username and transaction.
fn check(username: &str, transaction: u8) -> Vec<u8> {
    let mut value = username.as_bytes().to_vec();
    value.resize(value.len().next_multiple_of(4), 0);
    let mut message = vec![0, 1, 0, value.len() as u8 + 4, 0x21, 0x12, 0xa4, 0x42];
    message.extend([transaction; 12]);
    message.extend([0, 6, 0, username.len() as u8]);
    message.extend(value);
    message
}

/// The interface, milliseconds, the direction, the address there, the other, the payload.
type Sent<'a> = (usize, u64, Direction, &'a str, &'a str, &'a [u8]);

/// What a capture of these packets adds up to.
fn traced(interfaces: &[&str], packets: &[Sent<'_>], directed: bool) -> Trace {
    let mut writer = Recorder::new(Vec::new(), About::default()).unwrap();
    let taps: Vec<_> =
        interfaces.iter().map(|name| writer.interface(name, "", Observes::Wire).unwrap()).collect();
    for (interface, ms, direction, local, remote, payload) in packets {
        let packet = PacketRecord {
            interface: taps[*interface],
            time_ns: ms * 1_000_000,
            direction: *direction,
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
            content: Content::Udp(payload),
            carried_by: None,
            comment: None,
        };
        writer.packet(&packet).unwrap();
    }
    let file = writer.into_inner();
    let (mut reader, mut builder) = (CaptureReader::new(&*file), Builder::new());
    while let Some(item) = reader.next_item() {
        match item {
            Item::Interface(index) => builder.interface(index, interfaces[index]),
            Item::Frame(mut frame) => {
                frame.direction = frame.direction.filter(|_| directed);
                builder.frame(&frame);
            }
            _ => {}
        }
    }
    builder.finish()
}

#[test]
fn taps_without_directions_give_nobody_the_name_of_the_other() {
    use Direction::{Inbound, Outbound};
    let (hers, his) = (check("bbbb:aaaa", 1), check("aaaa:bbbb", 2));
    // Bob is the first to send; his NAT has another address for him.
    let outside = "203.0.113.7:6000";
    let packets = [
        (1, 0, Outbound, BOB, ALICE, &*his),
        (0, 1, Inbound, ALICE, outside, &*his),
        (0, 2, Outbound, ALICE, outside, &*hers),
        (1, 3, Inbound, BOB, ALICE, &*hers),
    ];
    let names = |trace: &Trace| -> Vec<[Option<String>; 2]> {
        let peers = trace.connections.iter().map(|it| &it.peers);
        peers.map(|peers| [peers.a.name.clone(), peers.b.name.clone()]).collect()
    };
    let taps = ["alice (chrome 156)", "bob (firefox 153)"];
    let directed = traced(&taps, &packets, true);
    assert_eq!(names(&directed), [["alice", "bob"].map(|name| Some(name.to_owned()))]);
    assert_eq!(directed.connections[0].peers.a.ufrag.as_deref(), Some("aaaa"));
    let undirected = traced(&taps, &packets, false);
    assert_eq!(names(&undirected), [[None, None], [None, None]], "two places of observation");
}

#[test]
fn a_mirrored_port_shows_packets_of_one_address_both_ways() {
    use Direction::{Inbound, Outbound};
    let (hers, his) = (check("bbbb:aaaa", 1), check("aaaa:bbbb", 2));
    let host = [(0, 0, Outbound, ALICE, BOB, &*hers), (0, 20, Inbound, ALICE, BOB, &*his)];
    assert!(!traced(&["eth0"], &host, true).flows[0].is_seen_both_ways);
    let mirror = [(0, 0, Inbound, BOB, ALICE, &*hers), (0, 20, Outbound, ALICE, BOB, &*hers)];
    assert!(traced(&["eth0"], &mirror, true).flows[0].is_seen_both_ways);
    assert!(!traced(&["eth0"], &mirror, false).flows[0].is_seen_both_ways);
}

#[test]
fn a_connection_at_two_interfaces_of_nobody_is_recognised_by_its_transactions() {
    use Direction::{Inbound, Outbound};
    let (hers, his) = (check("bbbb:aaaa", 1), check("aaaa:bbbb", 2));
    let [hers_later, his_later] = [check("bbbb:aaaa", 3), check("aaaa:bbbb", 4)];
    let also = |second: [&[u8]; 2]| {
        let packets = [
            (0, 0, Outbound, ALICE, BOB, &*hers),
            (1, 1, Inbound, BOB, ALICE, second[0]),
            (1, 20, Outbound, BOB, ALICE, second[1]),
            (0, 21, Inbound, ALICE, BOB, &*his),
        ];
        let trace = traced(&["eth0", "eth1"], &packets, true);
        trace.connections.iter().map(|it| it.also_seen_as).collect::<Vec<_>>()
    };
    assert_eq!(also([&hers, &his]), [None, Some(0)]);
    assert_eq!(also([&hers_later, &his_later]), [None, None], "other transactions of the same agents");
    assert_eq!(also([&check("cccc:aaaa", 1), &check("aaaa:cccc", 2)]), [None, None], "other agents");
}
