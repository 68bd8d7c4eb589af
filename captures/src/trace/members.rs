//! Which datagrams belong to a connection: for a second pass over a capture whose trace is known.

use super::Trace;
use super::flow::{Carrier, Key};
use crate::hash::Lookup;
use crate::observe::{Ends, Observation, Path};
use std::net::SocketAddr;

/// The datagrams of one connection, and what its clients and their STUN and TURN servers said to each other. The observer must know the names of
/// the interfaces, so that its places are those of the trace.
#[derive(Debug)]
pub struct Members {
    flows: Lookup<Key, ()>,
    /// Places and addresses of the connection itself, from which servers are asked, too.
    addresses: Lookup<(usize, SocketAddr), ()>,
    /// Clients and TURN servers that relayed its datagrams, as far as they were seen.
    relays: Lookup<(SocketAddr, SocketAddr), ()>,
}

impl Trace {
    /// Those of a connection, by its index; nothing if there is none.
    pub fn members(&self, connection: usize) -> Option<Members> {
        self.connections.get(connection)?;
        let mut members =
            Members { flows: Lookup::default(), addresses: Lookup::default(), relays: Lookup::default() };
        for flow in self.flows.iter().filter(|flow| flow.connection == Some(connection)) {
            let ends = Ends { from: flow.initiator, to: flow.responder, via: flow.via };
            members.flows.insert(Key::new(flow.place, flow.carrier, ends), ());
            if flow.via.is_none() {
                for address in [flow.initiator, flow.responder] {
                    members.addresses.insert((flow.place, address), ());
                }
            }
        }
        Some(members)
    }
}

impl Members {
    /// Whether a datagram is one of them. The server of a relayed one is known from then on: a second pass finds what was said to it before.
    pub fn holds(&mut self, seen: &Observation<'_>) -> bool {
        let is_member = seen.layers().any(|layer| self.has_flow(seen, layer.ends));
        if let (true, Some(relay)) = (is_member, seen.relay()) {
            self.relays.insert((relay.client, relay.server), ());
        }
        let Ends { from, to, .. } = seen.outer.ends;
        // An allocation is of one agent, so all that goes between its two ends is.
        is_member
            || self.relays.contains_key(&(from, to))
            || self.relays.contains_key(&(to, from))
            || (seen.path == Path::Server
                && [from, to].iter().any(|end| self.addresses.contains_key(&(seen.place, *end))))
    }

    fn has_flow(&self, seen: &Observation<'_>, ends: Ends) -> bool {
        let has = |carrier| self.flows.contains_key(&Key::new(seen.place, carrier, ends));
        // Plaintext belongs to the flow on the wire, or is one by itself.
        match seen.is_plaintext() {
            true => [Carrier::Udp, Carrier::Tcp, Carrier::Plaintext].into_iter().any(has),
            false => has(seen.transport.into()),
        }
    }
}
