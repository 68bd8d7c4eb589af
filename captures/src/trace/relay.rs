//! Which addresses a relayed packet goes between.

use super::flow::Ends;
use super::state::State;
use crate::wire::turn::Peer;
use std::net::{Ipv4Addr, SocketAddr};

impl State {
    /// The ends of what a client and its TURN server relay: the client's relayed address, if it is known, else the client's own;
    /// and the peer, if its channel's binding is known, else no address with the channel as port.
    pub(super) fn inner_ends(&self, place: usize, outer: Ends, peer: Peer) -> Ends {
        let allocations = self.places.get(place).map(|place| &place.allocations);
        let find = |client, server| {
            let index = allocations?.get(&(client, server))?;
            self.trace.allocations.get(*index)
        };
        let (outward, allocation) = match (find(outer.from, outer.to), find(outer.to, outer.from)) {
            (Some(allocation), _) => (true, Some(allocation)),
            (None, Some(allocation)) => (false, Some(allocation)),
            // The allocation was before the capture: servers have the well-known ports, or lower ones than clients.
            (None, None) => (is_turn_port(outer.to.port()) || outer.to.port() < outer.from.port(), None),
        };
        let (client, server) = if outward { (outer.from, outer.to) } else { (outer.to, outer.from) };
        let client = allocation.and_then(|allocation| allocation.relayed).unwrap_or(client);
        let peer = match peer {
            Peer::Address(address) => address,
            Peer::Channel(channel) => allocation
                .and_then(|allocation| allocation.peer_of(channel))
                .unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, channel))),
        };
        let (from, to) = if outward { (client, peer) } else { (peer, client) };
        Ends { from, to, via: Some(server) }
    }
}

const fn is_turn_port(port: u16) -> bool {
    matches!(port, 3478 | 5349)
}
