//! Connections that were recorded at both ends: which packet that left one tap arrived at the other, and the two halves put together.
//!
//! What a side sent is taken from its own tap, and what it received as well. A NAT between the taps changes addresses, so packets are
//! compared by their payload.

use super::at::{Side, Sides};
use super::connection::{Connection, Delivery};
use super::ice::Pair;
use super::taps::Taps;
use super::{Trace, limits};
use std::collections::{BTreeMap, BTreeSet};

impl Taps {
    /// Which half at the tap of side B belongs to which at that of side A: packets of it arrived there, or the checks of both have the
    /// same ufrags.
    fn halves(&self, trace: &Trace, by_ufrags: impl Fn(usize) -> Option<usize>) -> BTreeMap<usize, usize> {
        let mut halves: BTreeMap<usize, usize> = BTreeMap::new();
        for flow in &trace.flows {
            let other = flow.other_end.and_then(|index| trace.flows.get(index));
            let (Some(own), Some(theirs)) = (flow.connection, other.and_then(|other| other.connection))
            else {
                continue;
            };
            let taps = [flow.interface, other.and_then(|other| other.interface)].map(|it| self.side(it));
            // Each half belongs to one other: those that another has already stay apart.
            if taps == [Some(Side::A), Some(Side::B)] && !halves.values().any(|taken| *taken == theirs) {
                halves.entry(own).or_insert(theirs);
            }
        }
        for (own, connection) in trace.connections.iter().enumerate() {
            let theirs = || {
                let theirs = by_ufrags(own)?;
                let interface = trace.connections.get(theirs)?.interface;
                (self.side(interface) == Some(Side::B)).then_some(theirs)
            };
            if self.side(connection.interface) == Some(Side::A)
                && !halves.contains_key(&own)
                && let Some(theirs) = theirs()
                && !halves.values().any(|taken| *taken == theirs)
            {
                halves.insert(own, theirs);
            }
        }
        halves
    }

    /// Puts the halves of connections together. `by_ufrags` finds the other connection with the same ufrags.
    pub(super) fn join(&self, trace: &mut Trace, by_ufrags: impl Fn(&Trace, usize) -> Option<usize>) {
        if !self.are_of_two_peers() {
            return;
        }
        let halves = self.halves(trace, |index| by_ufrags(trace, index));
        if halves.is_empty() {
            return;
        }
        let mut all: Vec<Option<Connection>> =
            std::mem::take(&mut trace.connections).into_iter().map(Some).collect();
        // A whole connection stands where the first of its halves did.
        let mut now: BTreeMap<usize, usize> = BTreeMap::new();
        for index in 0..all.len() {
            let Some(one) = all.get_mut(index).and_then(Option::take) else { continue };
            let at = trace.connections.len();
            now.insert(index, at);
            let at_a = halves.get(&index).copied();
            let at_b = || halves.iter().find(|(_, theirs)| **theirs == index).map(|(own, _)| *own);
            let joined = match at_a {
                Some(other) => match all.get_mut(other).and_then(Option::take) {
                    Some(theirs) => (Some(other), whole(one, theirs, trace)),
                    None => (None, one),
                },
                None => match at_b().and_then(|own| Some((own, all.get_mut(own)?.take()?))) {
                    Some((own, theirs)) => (Some(own), whole(theirs, one, trace)),
                    None => (None, one),
                },
            };
            if let Some(other) = joined.0 {
                now.insert(other, at);
            }
            trace.connections.push(joined.1);
        }
        for flow in &mut trace.flows {
            flow.connection = flow.connection.and_then(|index| now.get(&index).copied());
        }
        Self::absorb_checks(trace);
    }

    /// Adds halves in which there are only checks to the connection that has a ufrag of theirs: while ICE restarts, one side may know the
    /// other's new ufrag and use it on a pair of which the other knows nothing yet.
    fn absorb_checks(trace: &mut Trace) {
        let only_checks = |it: &Connection| {
            it.delivery.is_none()
                && it.handshakes.is_empty()
                && it.streams.is_empty()
                && it.associations.is_empty()
        };
        let shares = |one: &Connection, other: &Connection| {
            let ufrags = |side| [one, other].map(|it| it.peers.of(side).ufrag.as_deref());
            Side::BOTH.into_iter().map(ufrags).any(|[one, other]| one.is_some() && one == other)
        };
        let mut at = 0;
        while let Some(half) = trace.connections.get(at) {
            let whole = |it: &Connection| it.delivery.is_some() && shares(it, half);
            let Some(into) = trace.connections.iter().rposition(whole).filter(|_| only_checks(half)) else {
                at += 1;
                continue;
            };
            let half = trace.connections.remove(at);
            let into = if into > at { into - 1 } else { into };
            for flow in &mut trace.flows {
                flow.connection = match flow.connection {
                    Some(index) if index == at => Some(into),
                    Some(index) if index > at => Some(index - 1),
                    unchanged => unchanged,
                };
            }
            let mut connections = std::mem::take(&mut trace.connections);
            if let Some(into) = connections.get_mut(into) {
                absorb(into, half, trace);
            }
            trace.connections = connections;
        }
    }
}

impl Trace {
    /// Notes which connections are the same one, seen at several interfaces of which nobody knows whose they are.
    pub(super) fn find_other_sights(&mut self) {
        /// Most connections among which others are looked for.
        const MOST: usize = 256;
        for index in 1..self.connections.len().min(MOST) {
            let (before, rest) = self.connections.split_at_mut(index);
            let Some(one) = rest.first_mut() else { break };
            one.also_seen_as = before.iter().position(|other| is_same(one, other));
        }
    }
}

/// Whether both are one connection at two interfaces.
fn is_same(one: &Connection, other: &Connection) -> bool {
    let ufrags = |it: &Connection, side| it.peers.of(side).ufrag.clone();
    let same = |swapped: bool| {
        Side::BOTH.into_iter().all(|side| {
            let theirs = if swapped { side.other() } else { side };
            ufrags(one, side).is_some() && ufrags(one, side) == ufrags(other, theirs)
        })
    };
    let ids = |it: &Connection| -> BTreeSet<String> {
        it.pairs.iter().flat_map(|pair| &pair.transactions).map(|one| one.id.clone()).collect()
    };
    one.interface != other.interface && (same(false) || same(true)) && !ids(one).is_disjoint(&ids(other))
}

/// What left a side on the flows of a half at its tap, and what of it arrived.
fn delivered(half: &Connection, side: Side, trace: &Trace) -> Delivery {
    let flows = half.flows.iter().filter_map(|index| trace.flows.get(*index));
    flows.fold(Delivery::default(), |sum, flow| match flow.sent(side) {
        traffic if traffic.arrived.is_some() => {
            let left = traffic.packets.saturating_sub(traffic.unwatched);
            let arrived = traffic.arrived.unwrap_or_default().min(left);
            Delivery { left: sum.left + left, arrived: sum.arrived + arrived }
        }
        _ => sum,
    })
}

/// Adds to a connection the checks of a half that never arrived at the other tap.
fn absorb(into: &mut Connection, half: Connection, trace: &Trace) {
    if let Some(delivery) = &mut into.delivery {
        for side in Side::BOTH {
            let Delivery { left, arrived } = delivered(&half, side, trace);
            let sum = delivery.of_mut(side);
            (sum.left, sum.arrived) = (sum.left + left, sum.arrived + arrived);
        }
    }
    into.first = into.first.min(half.first);
    into.last = into.last.max(half.last);
    into.flows.extend(half.flows);
    let room = limits::PAIRS.saturating_sub(into.pairs.len());
    into.pairs.extend(half.pairs.into_iter().take(room));
}

/// A connection of its halves at the taps of side A and of side B.
fn whole(mut a: Connection, b: Connection, trace: &Trace) -> Connection {
    let delivered = |half: &Connection, side| delivered(half, side, trace);
    a.delivery = Some(Sides { a: delivered(&a, Side::A), b: delivered(&b, Side::B) });
    a.first = a.first.min(b.first);
    a.last = a.last.max(b.last);
    a.flows.extend(b.flows);
    a.records_without_handshake = a.records_without_handshake.max(b.records_without_handshake);
    a.decrypted = a.decrypted.max(b.decrypted);
    a.not_authentic = a.not_authentic.max(b.not_authentic);
    a.first_not_authentic = [a.first_not_authentic, b.first_not_authentic].into_iter().flatten().min();

    let peer = &mut a.peers.b;
    let mut theirs = b.peers.b;
    theirs.name = theirs.name.or_else(|| peer.name.take());
    theirs.ufrag = theirs.ufrag.or_else(|| peer.ufrag.take());
    theirs.described_media = theirs.described_media.or(peer.described_media);
    *peer = theirs;

    for pair in b.pairs {
        let other_end = trace.flows.get(pair.flow).and_then(|flow| flow.other_end);
        // Without a NAT the addresses are the same, whether anything arrived or not.
        let is_same = |own: &Pair| match other_end {
            Some(other_end) => own.flow == other_end,
            None => own.addresses == pair.addresses,
        };
        let at = a.pairs.iter().position(is_same);
        let has_room = a.pairs.len() < limits::PAIRS;
        match at.and_then(|at| a.pairs.get_mut(at)) {
            Some(own) => join_pairs(own, pair),
            None if has_room => a.pairs.push(pair),
            None => {}
        }
    }
    for handshake in b.handshakes {
        match a.handshakes.iter_mut().find(|own| own.client_random == handshake.client_random) {
            Some(own) if own.is_complete() || !handshake.is_complete() => {}
            Some(own) => *own = handshake,
            None => a.handshakes.push(handshake),
        }
    }
    a.handshakes.sort_by_key(|handshake| handshake.client_hello);
    if a.associations.len() == b.associations.len() {
        for (own, theirs) in a.associations.iter_mut().zip(b.associations) {
            own.sent.b = theirs.sent.b;
        }
    } else if a.associations.is_empty() {
        a.associations = b.associations;
    }
    for (key, stream) in b.streams {
        if key.0 == Side::B || !a.streams.contains_key(&key) {
            a.streams.insert(key, stream);
        }
    }
    a
}

/// A pair of what either side saw of it: its own checks, and the answers that arrived.
fn join_pairs(a: &mut Pair, b: Pair) {
    a.state = a.state.max(b.state);
    a.nominated = [a.nominated, b.nominated].into_iter().flatten().min();
    a.use_candidate = [a.use_candidate, b.use_candidate].into_iter().flatten().min();
    a.checks.b = b.checks.b;
    a.transactions.retain(|transaction| transaction.from == Side::A);
    a.transactions.extend(b.transactions.into_iter().filter(|transaction| transaction.from == Side::B));
    a.transactions.sort_by_key(|transaction| transaction.request);
    a.transactions.truncate(limits::TRANSACTIONS);
}
