//! A call whose packets one place of observation sees on both sides of two NATs.

use super::testing::{MS, Story};
use super::{PairState, Side, Trace};
use crate::wire::stun::{Class, Method};
use std::net::SocketAddr;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Alice and bob behind a NAT each. Each sends to the other's public address, and the capture has every packet on both sides.
struct Nats {
    story: Story,
    /// The public addresses of alice and of bob.
    public: [SocketAddr; 2],
}

impl Nats {
    fn new() -> Self {
        let mut story = Story::default();
        (story.alice, story.bob) = (address("192.168.1.2:5000"), address("192.168.2.2:6000"));
        Self { story, public: [address("203.0.113.2:5000"), address("203.0.113.3:6000")] }
    }

    /// The ends of what alice or bob sends: as it leaves, and behind the NATs.
    fn ways(&self, by_alice: bool) -> [(SocketAddr, SocketAddr); 2] {
        let [alice, bob] = self.public;
        let Story { alice: inner_alice, bob: inner_bob, .. } = self.story;
        if by_alice {
            [(inner_alice, bob), (alice, inner_bob)]
        } else {
            [(inner_bob, alice), (bob, inner_alice)]
        }
    }

    fn stun(&mut self, by_alice: bool, class: Class, id: u32, sights: &[usize]) {
        let name: &[u8] = if by_alice { b"bbbb:aaaa" } else { b"aaaa:bbbb" };
        let role = if by_alice { 0x802a } else { 0x8029 };
        let attributes: &[(u16, &[u8])] = &[(6, name), (role, &[7; 8]), (0x25, &[])];
        let attributes = if class == Class::Request { attributes } else { &[] };
        let ways = self.ways(by_alice);
        for sight in sights {
            self.story.stun(ways[*sight], (Method::Binding, class), id, attributes);
            self.story.ns += MS / 2;
        }
    }

    /// A check of each with its response; `responses` are the sights of these.
    fn checks(&mut self, responses: &[usize]) {
        for (by_alice, id) in [(true, 1), (false, 2)] {
            self.stun(by_alice, Class::Request, id, &[0, 1]);
            self.stun(!by_alice, Class::Success, id, responses);
        }
    }

    /// What the steps of a story without NATs send, on both sides of them.
    fn both_sides(
        &mut self,
        later_ms: u64,
        send: impl Fn(&mut Story, SocketAddr, SocketAddr, SocketAddr, SocketAddr),
    ) {
        let [[alice, to_bob], [bob, to_alice]] = [true, false].map(|by_alice| {
            let (from, to) = self.ways(by_alice)[0];
            [from, to]
        });
        send(&mut self.story, alice, to_bob, bob, to_alice);
        self.story.ns += later_ms * MS;
        let [[alice, to_bob], [bob, to_alice]] = [true, false].map(|by_alice| {
            let (from, to) = self.ways(by_alice)[1];
            [from, to]
        });
        send(&mut self.story, alice, to_bob, bob, to_alice);
    }

    fn trace(self) -> Trace {
        self.story.trace()
    }
}

#[test]
fn a_check_seen_on_both_sides_of_a_nat_is_one_check_that_succeeded() {
    let mut nats = Nats::new();
    nats.checks(&[0, 1]);
    let trace = nats.trace();
    assert_eq!(trace.connections.len(), 1);
    assert_eq!(trace.responses_without_request, 0);
    let pairs = &trace.connections[0].pairs;
    assert_eq!(pairs.len(), 2, "one as each agent sees it");
    for (pair, side) in pairs.iter().zip(Side::BOTH) {
        assert_eq!(pair.state, PairState::Nominated);
        let checks = pair.checks.of(side);
        assert_eq!((checks.sent, checks.succeeded, checks.retransmissions), (1, 1, 0));
        assert_eq!((checks.answered_elsewhere, pair.checks.of(side.other()).sent), (0, 0));
    }
    assert!(trace.is_beyond_nat(0));
    assert_eq!(trace.flows.iter().map(|flow| flow.beyond_nat).collect::<Vec<_>>(), [None, Some(0)]);
}

#[test]
fn a_response_that_never_reached_the_asking_side_is_none_and_not_one_from_elsewhere() {
    let mut nats = Nats::new();
    nats.checks(&[0]);
    let trace = nats.trace();
    for (pair, side) in trace.connections[0].pairs.iter().zip(Side::BOTH) {
        assert_eq!(pair.state, PairState::Unanswered);
        assert_eq!(pair.checks.of(side).answered_elsewhere, 0);
    }
}

#[test]
fn a_response_from_elsewhere_counts_if_the_right_one_does_not_come() {
    let elsewhere = address("198.51.100.9:9");
    for right in [false, true] {
        let mut story = Story::default();
        let check = story.check(story.alice, story.bob, false);
        story.wait(10).stun((elsewhere, check.from), (Method::Binding, Class::Success), 1, &[]);
        if right {
            story.success(check);
        }
        let trace = story.trace();
        let pair = &trace.connections[0].pairs[0];
        let checks = &pair.checks.a;
        assert_eq!(checks.answered_elsewhere, u64::from(!right));
        assert_eq!(checks.first_elsewhere.map(|(_, from)| from), (!right).then_some(elsewhere));
        assert_eq!(pair.state, if right { PairState::Succeeded } else { PairState::Unanswered });
        assert_eq!(pair.transactions[0].answered_from, (!right).then_some(elsewhere));
    }
}

#[test]
fn what_went_through_a_nat_counts_once() {
    for later_ms in [1, 60] {
        let mut nats = Nats::new();
        nats.checks(&[0, 1]);
        nats.both_sides(later_ms, |story, alice, to_bob, bob, to_alice| {
            story.client_hello(bob, to_alice).server_flight(alice, to_bob);
        });
        for sequence in 0..40 {
            let packet = nats.story.rtp_bytes(7, sequence, &[0x5a; 100]);
            nats.both_sides(later_ms, |story, alice, to_bob, _, _| {
                story.udp(alice, to_bob, &packet);
            });
        }
        let trace = nats.trace();
        assert_eq!(trace.connections.len(), 1);
        let connection = &trace.connections[0];
        let streams: Vec<_> = connection.streams.values().collect();
        assert_eq!(streams.len(), 1);
        assert_eq!((streams[0].packets, streams[0].duplicates), (40, 0), "{later_ms} ms later");
        assert_eq!(connection.handshakes.len(), 1);
        let flights = &connection.handshakes[0].flights;
        assert!(flights.iter().all(|flight| flight.retransmissions == 0), "{flights:?}");
    }
}

#[test]
fn a_server_that_hands_packets_on_to_another_connection_is_no_nat() {
    let mut story = Story::default();
    story.connect();
    let (carol, server) = (address("192.0.2.77:7000"), story.bob);
    for (from, to, name) in [(carol, server, "bbbb:cccc"), (server, carol, "cccc:bbbb")] {
        let id = story.id();
        story.stun((from, to), (Method::Binding, Class::Request), id, &[(6, name.as_bytes())]);
    }
    for sequence in 0..20 {
        let (alice, packet) = (story.alice, story.rtp_bytes(7, sequence, &[0x5a; 100]));
        story.udp(alice, server, &packet).udp(server, carol, &packet).wait(10);
    }
    let trace = story.trace();
    let packets: Vec<_> =
        trace.connections.iter().flat_map(|it| it.streams.values().map(|stream| stream.packets)).collect();
    assert_eq!(packets, [20, 20]);
    assert!((0..2).all(|connection| !trace.is_beyond_nat(connection)));
}
