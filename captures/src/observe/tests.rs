//! Datagrams built by hand, and what the pass reports about them.

use super::*;
use crate::decrypt::Outcome;
use crate::link::{Source, Transport, TransportPacket};
use crate::wire::demux::Class;
use crate::wire::field::Span;
use crate::wire::testing::hex;
use std::net::SocketAddr;

const CLIENT: &str = "192.0.2.1:5000";
const SERVER: &str = "192.0.2.9:3478";
const PEER: &str = "198.51.100.7:6000";
const RELAYED: &str = "203.0.113.9:50000";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// What a sink received, in short.
#[derive(Default)]
struct Stated {
    paths: Vec<Path>,
    inner: Vec<(SocketAddr, SocketAddr, Class, Span)>,
    places: Vec<usize>,
    copies: usize,
    outcomes: Vec<Outcome>,
}

impl Sink for Stated {
    fn datagram(&mut self, seen: &Observation<'_>) -> Follow {
        self.paths.push(seen.path);
        let Layer { ends, class, range, bytes } = seen.inner;
        assert_eq!(seen.outer.bytes.get(range.range()), Some(bytes));
        assert_eq!(seen.layers().count(), 1 + usize::from(seen.relay().is_some()));
        self.inner.push((ends.from, ends.to, class, range));
        self.places.push(seen.place);
        self.copies += usize::from(seen.is_copy);
        Follow::As { path: 7, forth: true }
    }

    fn opened(&mut self, _: &Opened<'_>) {}

    fn outcome(&mut self, _: &Observation<'_>, outcome: Outcome, _: usize) {
        self.outcomes.push(outcome);
    }
}

#[derive(Default)]
struct Capture {
    observer: Observer,
    stated: Stated,
    frame: u64,
}

impl Capture {
    fn put(&mut self, from: &str, to: &str, payload: &[u8]) {
        self.frame += 1;
        let packet = TransportPacket {
            transport: Transport::Udp,
            from: address(from),
            to: address(to),
            payload,
            source: Source::Frame(0),
            cut: false,
            carried_by: None,
        };
        // What comes again at once would be a copy.
        self.observer.bare(self.frame, self.frame * 10_000_000, None, &packet, &mut self.stated);
    }

    fn stun(&mut self, from: &str, to: &str, kind: &str, attributes: &str) {
        let attributes = hex(attributes);
        let length = attributes.len();
        let mut message = hex(&format!("{kind} {length:04x} 2112a442 000000000000000000000001"));
        message.extend(attributes);
        self.put(from, to, &message);
    }

    fn allocate(&mut self) {
        self.stun(CLIENT, SERVER, "0003", "0019 0004 11000000");
        // XOR-RELAYED-ADDRESS 203.0.113.9:50000, XOR-MAPPED-ADDRESS 192.0.2.1:5000.
        self.stun(SERVER, CLIENT, "0103", "0016 0008 0001 e242 ea12d54b  0020 0008 0001 329a e112a643");
    }

    fn bind(&mut self) {
        // Channel 0x4001 to 198.51.100.7:6000.
        self.stun(CLIENT, SERVER, "0009", "000c 0004 40010000  0012 0008 0001 3662 e721c045");
    }
}

/// ChannelData on channel 0x4001 with one RTP header in it.
fn channel_data() -> Vec<u8> {
    hex("4001 000c 806000010000000a00000001")
}

#[test]
fn a_channel_is_unwrapped_between_the_relayed_address_and_the_peer() {
    let mut capture = Capture::default();
    capture.allocate();
    capture.bind();
    capture.put(CLIENT, SERVER, &channel_data());
    capture.put(SERVER, CLIENT, &channel_data());
    let stated = &capture.stated;
    assert_eq!(stated.paths[..3], [Path::Server; 3]);
    let relay =
        Relay { client: address(CLIENT), server: address(SERVER), channel: Some(0x4001), is_known: true };
    assert_eq!(stated.paths[3..], [Path::Relayed(relay); 2]);
    let (relayed, peer, range) = (address(RELAYED), address(PEER), Span::new(4, 16));
    assert_eq!(stated.inner[3..], [(relayed, peer, Class::Rtp, range), (peer, relayed, Class::Rtp, range)]);
    let learned = capture.observer.learned(0).unwrap();
    assert_eq!(learned.relayed.iter().collect::<Vec<_>>(), [&relayed]);
    assert_eq!(learned.mapped.iter().collect::<Vec<_>>(), [&(address(CLIENT), address(CLIENT))]);
}

#[test]
fn indications_tell_the_peer_themselves() {
    let mut capture = Capture::default();
    capture.allocate();
    let data = "0012 0008 0001 3662 e721c045  0013 000c 806000010000000a00000001";
    capture.stun(CLIENT, SERVER, "0016", data);
    capture.stun(SERVER, CLIENT, "0017", data);
    let ways: Vec<_> = capture.stated.inner.iter().skip(2).map(|it| (it.0, it.1, it.2)).collect();
    let (relayed, peer) = (address(RELAYED), address(PEER));
    assert_eq!(ways, [(relayed, peer, Class::Rtp), (peer, relayed, Class::Rtp)]);
    let channels = capture.stated.paths.iter().skip(2).map(|path| match path {
        Path::Relayed(relay) => relay.channel,
        path => panic!("{path:?}"),
    });
    assert_eq!(channels.collect::<Vec<_>>(), [None, None]);
}

#[test]
fn what_is_not_known_of_a_relay_is_guessed_and_said_to_be() {
    let mut capture = Capture::default();
    capture.put(SERVER, CLIENT, &channel_data());
    let Path::Relayed(relay) = capture.stated.paths[0] else { panic!("{:?}", capture.stated.paths) };
    assert!(!relay.is_known);
    assert_eq!((relay.client, relay.server), (address(CLIENT), address(SERVER)));
    let nowhere = address("0.0.0.0:16385");
    assert_eq!(capture.stated.inner[0].0, nowhere);
    // Another allocation has no channels.
    capture.allocate();
    capture.bind();
    capture.stun(CLIENT, SERVER, "0003", "0019 0004 11000000");
    capture.stun(SERVER, CLIENT, "0103", "0016 0008 0001 e243 ea12d54b");
    capture.put(CLIENT, SERVER, &channel_data());
    assert!(matches!(capture.stated.paths.last(), Some(Path::Relayed(Relay { is_known: false, .. }))));
}

#[test]
fn an_answer_that_nobody_asked_for_tells_no_address() {
    let mut capture = Capture::default();
    let mapped = "0020 0008 0001 329a e112a643";
    capture.stun(SERVER, CLIENT, "0101", mapped);
    assert_eq!(capture.stated.paths, [Path::Direct]);
    capture.stun(CLIENT, SERVER, "0001", "");
    assert!(capture.observer.learned(0).unwrap().mapped.is_empty());
    capture.stun(SERVER, CLIENT, "0101", mapped);
    assert_eq!(capture.stated.paths[1..], [Path::Server; 2]);
    assert_eq!(capture.observer.learned(0).unwrap().mapped.len(), 1);
}

#[test]
fn plaintext_belongs_to_the_place_of_its_interface_and_is_not_decrypted() {
    let mut capture = Capture::default();
    for (index, name) in ["alice (chrome)", "bob (firefox)", "bob (firefox) in clear"].iter().enumerate() {
        capture.observer.interface(index, name);
    }
    let rtp = hex("806000010000000a00000001");
    for (interface, transport) in [(1, Transport::Udp), (2, Transport::ClearRtp), (0, Transport::Udp)] {
        let packet = TransportPacket {
            transport,
            from: address(CLIENT),
            to: address(PEER),
            payload: &rtp,
            source: Source::Frame(0),
            cut: false,
            carried_by: None,
        };
        capture.observer.bare(1, 0, Some(interface), &packet, &mut capture.stated);
    }
    assert_eq!(capture.stated.places, [0, 0, 1]);
    assert_eq!(capture.stated.outcomes.len(), 2);
}
