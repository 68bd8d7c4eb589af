//! Our NATs against the theory of the conformance crate, which knows nothing of them: peers that check each other
//! through two of ours meet exactly where the definitions say so.

use super::nat::{Nat, NatBehaviour, Translated};
use super::packet::udp;
use peerproof_conformance::nat::{self, Way};
use std::net::SocketAddr;
use std::time::Duration;

const SERVER: &str = "203.0.113.200:3478";
/// All of it is within the life of a mapping.
const NOW: Duration = Duration::ZERO;
/// More rounds than it takes where there is a way.
const ROUNDS: usize = 12;

/// A peer behind one of our NATs.
struct Peer {
    local: SocketAddr,
    nat: Nat,
    /// Where the other is thought to be.
    known: Vec<SocketAddr>,
}

impl Peer {
    fn new(local: &str, outside: &str, kind: nat::Nat, seed: u64) -> Self {
        let behaviour = NatBehaviour {
            mapping: kind.mapping,
            filtering: kind.filtering,
            port_preservation: false,
            ..NatBehaviour::default()
        };
        let nat = Nat::new(behaviour, outside.parse().unwrap(), seed);
        Self { local: local.parse().unwrap(), nat, known: Vec::new() }
    }

    /// Sends through the NAT. Returns where it seems to come from.
    fn send(&mut self, to: SocketAddr) -> SocketAddr {
        match self.nat.outbound(NOW, udp(self.local, to, b"check").unwrap()) {
            Translated::On(packet) => packet.flow().unwrap().source,
            other => panic!("{other:?}"),
        }
    }

    /// Whether what comes from there reaches the peer.
    fn gets(&mut self, from: SocketAddr, at: SocketAddr) -> bool {
        match self.nat.inbound(NOW, udp(from, at, b"check").unwrap()) {
            Translated::On(packet) => packet.flow().unwrap().destination == self.local,
            _ => false,
        }
    }
}

fn meet(one: nat::Nat, other: nat::Nat, seed: u64) -> bool {
    let mut peers = [
        Peer::new("192.168.1.2:5000", "198.51.100.1", one, seed),
        Peer::new("192.168.2.2:5000", "198.51.100.2", other, seed + 1),
    ];
    let [a, b] = &mut peers;
    let server = SERVER.parse().unwrap();
    b.known.push(a.send(server));
    a.known.push(b.send(server));
    for turn in 0..2 * ROUNDS {
        let [a, b] = &mut peers;
        let (from, to) = if turn % 2 == 0 { (a, b) } else { (b, a) };
        for target in from.known.clone() {
            let source = from.send(target);
            if !to.gets(source, target) {
                continue;
            }
            if !to.known.contains(&source) {
                to.known.push(source);
            }
            let answers_from = to.send(source);
            if answers_from == target && from.gets(answers_from, source) {
                return true;
            }
        }
    }
    false
}

#[test]
fn peers_meet_through_ours_exactly_where_theory_says_so() {
    for seed in [1, 7, 1000] {
        for one in nat::Nat::all() {
            for other in nat::Nat::all() {
                let allowed = nat::way(one, other, false) == Way::Direct;
                assert_eq!(meet(one, other, seed), allowed, "{one} / {other}, seed {seed}");
            }
        }
    }
}
