//! A capture of a router on all its interfaces: each packet is there on both sides of two NATs, and nobody is accused of that.

use super::{Captured, Evidence, InMemory, Peer};
use crate::checks::{self, Status};
use peerproof_captures::file::{CaptureReader, Item};
use peerproof_captures::trace::{Builder, Trace};
use std::net::SocketAddrV4;

/// Alice and bob behind their NATs, and the addresses that these give them.
const ALICE: [&str; 2] = ["192.168.1.2:5000", "203.0.113.2:5000"];
const BOB: [&str; 2] = ["192.168.2.2:6000", "203.0.113.3:6000"];

/// A capture of raw IP.
struct Pcap {
    bytes: Vec<u8>,
    us: u32,
}

impl Pcap {
    fn new() -> Self {
        let mut bytes = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
        bytes.extend([2, 0, 4, 0]);
        for word in [0_u32, 0, 65_535, 101] {
            bytes.extend(word.to_le_bytes());
        }
        Self { bytes, us: 0 }
    }

    fn udp(&mut self, from: &str, to: &str, payload: &[u8]) {
        let [from, to]: [SocketAddrV4; 2] = [from, to].map(|it| it.parse().unwrap());
        let length = 28 + payload.len() as u16;
        let mut packet = vec![0x45, 0];
        packet.extend(length.to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
        packet.extend(from.ip().octets());
        packet.extend(to.ip().octets());
        packet.extend(from.port().to_be_bytes());
        packet.extend(to.port().to_be_bytes());
        packet.extend((length - 20).to_be_bytes());
        packet.extend([0, 0]);
        packet.extend(payload);
        self.us += 700;
        for word in [1_000, self.us, u32::from(length), u32::from(length)] {
            self.bytes.extend(word.to_le_bytes());
        }
        self.bytes.extend(packet);
    }

    /// What one of them sends, on both sides of the NATs.
    fn sent(&mut self, by_alice: bool, payload: &[u8]) {
        let (own, theirs) = if by_alice { (ALICE, BOB) } else { (BOB, ALICE) };
        self.udp(own[0], theirs[1], payload);
        self.udp(own[1], theirs[0], payload);
    }
}

/// A STUN message with these attributes.
fn stun(kind: u16, id: u8, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, value) in attributes {
        body.extend(kind.to_be_bytes());
        body.extend((value.len() as u16).to_be_bytes());
        body.extend(*value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let mut message = kind.to_be_bytes().to_vec();
    message.extend((body.len() as u16).to_be_bytes());
    message.extend([0x21, 0x12, 0xa4, 0x42]);
    message.extend([id; 12]);
    message.extend(body);
    message
}

fn checks_of_both() -> Vec<u8> {
    let mut pcap = Pcap::new();
    for (id, by_alice) in [(1, true), (2, false), (3, true)] {
        let name: &[u8] = if by_alice { b"bbbb:aaaa" } else { b"aaaa:bbbb" };
        let mut attributes: Vec<(u16, &[u8])> = vec![(0x0006, name), (0x0024, &[0x6e, 0, 0x1e, 0xff])];
        if by_alice {
            attributes.extend::<[(u16, &[u8]); 2]>([(0x802a, &[7; 8]), (0x0025, &[])]);
        } else {
            attributes.push((0x8029, &[9; 8]));
        }
        pcap.sent(by_alice, &stun(0x0001, id, &attributes));
        pcap.sent(!by_alice, &stun(0x0101, id, &[]));
    }
    pcap.bytes
}

fn traced(capture: &[u8]) -> Trace {
    let (mut reader, mut builder) = (CaptureReader::new(capture), Builder::new());
    while let Some(item) = reader.next_item() {
        if let Item::Frame(frame) = item {
            builder.frame(&frame);
        }
    }
    builder.finish()
}

fn evidence(capture: &[u8]) -> Evidence {
    let trace = traced(capture);
    assert_eq!(trace.connections.len(), 1);
    let captured = Captured {
        capture: CaptureReader::new(capture),
        trace: &trace,
        key_log: &[],
        srtp_keys: &[],
        descriptions: &[],
        store: |_| Box::<InMemory>::default(),
    };
    let mut all = captured.evidence().unwrap();
    all.next().unwrap().unwrap().1
}

#[test]
fn a_transaction_on_both_sides_of_a_nat_is_one_as_whoever_asked_sees_it() {
    let evidence = evidence(&checks_of_both());
    let wire = evidence.wire.as_ref().unwrap();
    assert_eq!(wire.packets.len(), 6, "three requests and three responses");
    let requests: Vec<_> = wire.packets.iter().filter(|it| it.bytes.starts_with(&[0, 1])).collect();
    for request in requests {
        let own = if request.sender == Peer(0) { ALICE[0] } else { BOB[0] };
        assert_eq!(request.from.to_string(), own);
        let response = wire
            .packets
            .iter()
            .find(|it| it.bytes.starts_with(&[1, 1]) && it.bytes.get(8..20) == request.bytes.get(8..20));
        let response = response.unwrap();
        assert_eq!((response.from, response.to), (request.to, request.from));
    }
}

#[test]
fn nobody_is_accused_of_what_a_nat_did() {
    let findings = checks::applicable(&evidence(&checks_of_both()), &[]);
    let decided = ["ice-single-nomination", "stun-response-matches-request"];
    for id in decided {
        let of: Vec<_> = findings.iter().filter(|finding| finding.requirement == id).collect();
        assert!(!of.is_empty(), "{id} is decided");
        assert!(of.iter().all(|it| it.result != Status::Fail), "{of:?}");
    }
}
