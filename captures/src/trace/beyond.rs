//! Packets that one place of observation saw on both sides of a NAT or of a TURN server: a router that captures on all its interfaces,
//! or the captures of both ends merged into one without the names of their interfaces.
//!
//! Such a packet was sent once. The flow on which it was seen first has it; on the other one it is a *second sight*, which counts as traffic
//! and for nothing else. Only flows of one connection are compared: a server between two connections may forward what it likes.

use super::state::TraceState;
use super::{Side, Trace, limits};
use crate::hash::Lookup;
use crate::observe::Observation;
use crate::wire::demux::Class;
use crate::wire::stun;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;

/// So long after a packet the same payload on another flow of its connection is the same packet, in nanoseconds: longer than any
/// way through the Internet. Protected packets never have the same bytes, and retransmissions go the way of the first packet.
const WITHIN: u64 = 1_000_000_000;

/// The newest packets of connections with several flows, and on which flow each was seen first.
#[derive(Debug, Default)]
pub struct Sights {
    first: Lookup<u64, (usize, u64)>,
    /// Times and hashes.
    order: VecDeque<(u64, u64)>,
    hasher: RandomState,
    /// Frames that are second sights, in ascending order.
    frames: VecDeque<u64>,
    /// The flow on which the request of each of the newest transactions was seen first.
    asked_on: Lookup<u64, usize>,
    asked: VecDeque<u64>,
}

impl Sights {
    /// Takes in a packet that a side of a connection sent on a flow; the flow on which it was seen before, if that is another one.
    pub fn take(
        &mut self,
        (frame, ns): (u64, u64),
        (connection, from): (usize, Side),
        flow: usize,
        payload: &[u8],
    ) -> Option<usize> {
        while let Some((at, hash)) = self.order.front().copied()
            && (ns.saturating_sub(at) > WITHIN || self.order.len() >= limits::SIGHTS)
        {
            self.order.pop_front();
            if self.first.get(&hash).is_some_and(|(_, first)| *first == at) {
                self.first.remove(&hash);
            }
        }
        let hash = self.hasher.hash_one((connection, from, payload));
        match self.first.get(&hash) {
            Some((first, _)) if *first == flow => None,
            Some((first, _)) => {
                if self.frames.len() >= limits::SIGHTS {
                    self.frames.pop_front();
                }
                self.frames.push_back(frame);
                Some(*first)
            }
            None => {
                self.first.insert(hash, (flow, ns));
                self.order.push_back((ns, hash));
                None
            }
        }
    }

    /// Takes in a STUN message of a connection; whether it is on another flow than the first sight of its request. On that one, a response
    /// comes back as whoever asked gets it.
    pub fn is_other_transaction_sight(&mut self, connection: usize, flow: usize, message: &[u8]) -> bool {
        let Ok(message) = stun::view(message) else { return false };
        let hash = self.hasher.hash_one((connection, message.transaction.value));
        if let Some(first) = self.asked_on.get(&hash) {
            return *first != flow;
        }
        if message.kind.value.class() == stun::Class::Request {
            if self.asked.len() >= limits::SIGHTS
                && let Some(oldest) = self.asked.pop_front()
            {
                self.asked_on.remove(&oldest);
            }
            self.asked_on.insert(hash, flow);
            self.asked.push_back(hash);
        }
        false
    }

    /// Whether a frame was a second sight.
    pub(super) fn is_second(&self, frame: u64) -> bool {
        self.frames.binary_search(&frame).is_ok()
    }
}

impl Trace {
    /// Whether flows of a connection, by its index, were seen on both sides of a NAT or of a TURN server.
    pub fn is_beyond_nat(&self, connection: usize) -> bool {
        let flows = self.connections.get(connection).into_iter().flat_map(|it| &it.flows);
        flows.filter_map(|flow| self.flows.get(*flow)).any(|flow| flow.beyond_nat.is_some())
    }
}

impl TraceState {
    /// Whether a protected packet was seen on the other side of a NAT before. A STUN message is not asked: a response is compared with the
    /// request as it was on the same side.
    pub(super) fn is_second_sight(
        &mut self,
        seen: &Observation<'_>,
        flow: usize,
        from: SocketAddr,
        class: Class,
    ) -> bool {
        let is_asked = matches!(class, Class::Dtls | Class::Rtp | Class::Rtcp);
        if !is_asked || self.taps.side(seen.interface).is_some() {
            return false;
        }
        let Some(found) = self.trace.flows.get(flow) else { return false };
        let (Some(connection), side) = (found.connection, found.side(from)) else { return false };
        if self.trace.connections.get(connection).is_none_or(|it| it.flows.len() < 2) {
            return false;
        }
        let at = (seen.frame, seen.time_ns);
        let Some(first) = self.sights.take(at, (connection, side), flow, seen.inner.bytes) else {
            return false;
        };
        self.beyond_nat(flow, first);
        true
    }

    /// Notes that a flow has the packets of another one, on the other side of a NAT.
    pub(super) fn beyond_nat(&mut self, flow: usize, of: usize) {
        let is_known = self.trace.flows.get(of).is_some_and(|of| of.beyond_nat == Some(flow));
        if let (false, Some(flow)) = (is_known, self.trace.flows.get_mut(flow)) {
            flow.beyond_nat.get_or_insert(of);
        }
    }
}
