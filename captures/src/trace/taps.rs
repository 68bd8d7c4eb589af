//! The taps of a recording of both peers, and which packet that left one arrived at the other.

use super::{Side, limits};
use crate::ends::BothEnds;
use crate::file::Direction;
use crate::hash::Lookup;
use crate::tap::Tap;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

/// The taps of a recording, by their interfaces.
#[derive(Debug, Default)]
pub struct Taps {
    /// Peers and their owners, in the order of their interfaces.
    owners: Vec<(String, String)>,
    /// The owner of each interface.
    of: BTreeMap<usize, usize>,
    /// Whether a packet at a tap had no direction.
    undirected: bool,
    /// Whether the ends are not known by names: see [`BothEnds`].
    is_learned: bool,
}

impl Taps {
    /// Those of a capture that somebody took: nobody names the peers.
    pub fn learned(ends: &BothEnds) -> Self {
        let of = ends.0.iter().enumerate().map(|(number, end)| (end.interface, number)).collect();
        Self { owners: vec![Default::default(); 2], of, undirected: false, is_learned: true }
    }

    /// Whether the ends are not known by names, so that their clocks may differ, and one of them may have begun later or ended before.
    pub const fn are_learned(&self) -> bool {
        self.is_learned
    }

    /// Takes in the name of an interface.
    pub fn interface(&mut self, index: usize, name: &str) {
        if self.is_learned {
            return;
        }
        let Some(Tap { peer, owner }) = Tap::of(name).filter(|_| self.of.len() < limits::PLACES) else {
            return;
        };
        let known = self.owners.iter().position(|(_, known)| known == owner);
        let number = known.unwrap_or_else(|| {
            self.owners.push((peer.to_owned(), owner.to_owned()));
            self.owners.len() - 1
        });
        self.of.insert(index, number);
    }

    /// Takes in the direction of a packet at an interface. A packet at a tap without one may have come from either peer: whoever removed
    /// the directions removed what distinguishes a tap from any interface.
    pub fn direction(&mut self, interface: Option<usize>, direction: Option<Direction>) {
        self.undirected |= direction.is_none() && !self.is_learned && self.side(interface).is_some();
    }

    /// Whether there are taps of two peers, and their packets have directions.
    pub const fn are_of_two_peers(&self) -> bool {
        self.owners.len() == 2 && !self.undirected
    }

    /// The side whose tap that interface is, if there are [taps of two peers](Self::are_of_two_peers): that of the first interface is A.
    pub fn side(&self, interface: Option<usize>) -> Option<Side> {
        match self.of.get(&interface?)? {
            _ if !self.are_of_two_peers() => None,
            0 => Some(Side::A),
            _ => Some(Side::B),
        }
    }

    /// What the peer of a side is called.
    pub fn name(&self, side: Side) -> Option<&str> {
        let [a, b] = self.owners.as_slice() else { return None };
        (!self.is_learned).then_some(if side == Side::A { &a.0 } else { &b.0 })
    }
}

/// Packets that left one tap and have not arrived at the other, each with something to know it by. The oldest is forgotten first.
#[derive(Debug)]
pub struct UnderWay<T> {
    by_hash: Lookup<u64, VecDeque<Left<T>>>,
    /// Hashes and numbers in the order in which the packets left, those that arrived since among them.
    order: VecDeque<(u64, u64)>,
    number: u64,
    hasher: RandomState,
}

#[derive(Debug)]
struct Left<T> {
    number: u64,
    tap: Side,
    what: T,
}

impl<T> Default for UnderWay<T> {
    fn default() -> Self {
        Self { by_hash: Lookup::default(), order: VecDeque::new(), number: 0, hasher: RandomState::new() }
    }
}

impl<T> UnderWay<T> {
    /// A packet with that payload left the tap of a side.
    pub fn left(&mut self, tap: Side, payload: &[u8], what: T) {
        let hash = self.hasher.hash_one(payload);
        if self.order.len() >= limits::UNDER_WAY
            && let Some((oldest, number)) = self.order.pop_front()
        {
            self.take(oldest, |left| left.number == number);
        }
        self.number += 1;
        self.by_hash.entry(hash).or_default().push_back(Left { number: self.number, tap, what });
        self.order.push_back((hash, self.number));
    }

    /// One arrived at the tap of a side: what left the other, if it did. Of several that are alike, the first.
    pub fn arrived(&mut self, tap: Side, payload: &[u8]) -> Option<T> {
        self.take(self.hasher.hash_one(payload), |left| left.tap != tap)
    }

    fn take(&mut self, hash: u64, wanted: impl Fn(&Left<T>) -> bool) -> Option<T> {
        let waiting = self.by_hash.get_mut(&hash)?;
        let at = waiting.iter().position(wanted)?;
        let taken = waiting.remove(at);
        if waiting.is_empty() {
            self.by_hash.remove(&hash);
        }
        taken.map(|left| left.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_whose_packets_have_no_direction_are_no_taps() {
        let mut taps = Taps::default();
        for (index, name) in ["eth0", "alice (chrome 156)", "bob (stack)"].into_iter().enumerate() {
            taps.interface(index, name);
        }
        taps.direction(Some(1), Some(Direction::Inbound));
        taps.direction(Some(0), None);
        assert_eq!([0, 1, 2].map(|it| taps.side(Some(it))), [None, Some(Side::A), Some(Side::B)]);
        assert!(taps.are_of_two_peers());
        taps.direction(Some(2), None);
        assert_eq!([0, 1, 2].map(|it| taps.side(Some(it))), [None; 3]);
        assert!(!taps.are_of_two_peers());
    }

    #[test]
    fn what_arrives_is_the_first_that_left_the_other_tap_and_the_oldest_is_forgotten() {
        let mut under_way = UnderWay::default();
        under_way.left(Side::A, b"same", 1);
        under_way.left(Side::A, b"same", 2);
        assert_eq!(under_way.arrived(Side::A, b"same"), None, "it did not leave the other tap");
        assert_eq!(under_way.arrived(Side::B, b"same"), Some(1));
        assert_eq!(under_way.arrived(Side::B, b"other"), None);
        // One that is repeated is not forgotten in the place of the first, which arrived.
        let mut repeated = UnderWay::default();
        repeated.left(Side::A, b"same", 0);
        assert_eq!(repeated.arrived(Side::B, b"same"), Some(0));
        for n in 1..limits::UNDER_WAY {
            repeated.left(Side::A, &n.to_be_bytes(), n);
        }
        repeated.left(Side::A, b"same", 1);
        repeated.left(Side::A, b"last", 2);
        assert_eq!(repeated.arrived(Side::B, b"same"), Some(1));
        for n in 0..limits::UNDER_WAY {
            under_way.left(Side::B, &n.to_be_bytes(), n);
        }
        assert_eq!(under_way.arrived(Side::B, b"same"), None, "forgotten");
        let newest = limits::UNDER_WAY - 1;
        assert_eq!(under_way.arrived(Side::A, &newest.to_be_bytes()), Some(newest));
    }
}
