//! STUN and TURN servers as one place of observation shows them: which addresses are servers', what addresses they report to their
//! clients, and between whom a datagram goes that a TURN server relays (RFC 8489 §5, RFC 8656 §11 and §12).

use super::observation::{Ends, Relay};
use crate::hash::Lookup;
use crate::wire::Field;
use crate::wire::demux::Class as First;
use crate::wire::stun::{self, AttributeType, Class, Message, Method, TransactionId};
use crate::wire::turn;
use std::collections::{BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};

/// The addresses that clients learned of servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LearnedAddresses {
    /// A client's own address, and what a server saw of that (XOR-MAPPED-ADDRESS).
    pub mapped: BTreeSet<(SocketAddr, SocketAddr)>,
    /// At TURN servers (XOR-RELAYED-ADDRESS).
    pub relayed: BTreeSet<SocketAddr>,
}

/// Between whom a datagram goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Between<'a> {
    /// Peers, directly.
    Peers,
    /// A client and its server.
    Server,
    /// Peers, through a TURN server.
    Relayed(Relayed<'a>),
}

/// What a TURN server relays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Relayed<'a> {
    pub(super) ends: Ends,
    pub(super) relay: Relay,
    /// The peer's datagram; its range counts from the start of the TURN message.
    pub(super) data: Field<&'a [u8]>,
}

/// Client and server.
type Pair = (SocketAddr, SocketAddr);

/// Servers and allocations at a place of observation.
#[derive(Debug, Default)]
pub(super) struct Servers {
    known: Lookup<SocketAddr, ()>,
    /// Their ports: looked at first, as most packets are between other ports and a port is hashed faster than an address.
    ports: Lookup<u16, ()>,
    /// Requests whose answer holds an address. The oldest is forgotten first.
    asked: Lookup<(Pair, TransactionId), ()>,
    order: VecDeque<(Pair, TransactionId)>,
    allocations: Lookup<Pair, Allocation>,
    learned: LearnedAddresses,
}

#[derive(Debug, Default)]
struct Allocation {
    relayed: Option<SocketAddr>,
    channels: Lookup<u16, SocketAddr>,
}

impl Servers {
    /// Most servers, open requests, allocations, and addresses learned: a capture with more is read, but what is beyond is not tracked.
    const MOST: usize = 65_536;

    /// What clients learned here.
    pub(super) fn learned(&self) -> &LearnedAddresses {
        &self.learned
    }

    /// Takes what passed the place. `sent` says whether it left the client's side, where the capture has the direction; there
    /// only those are servers that were asked something.
    pub(super) fn pass<'a>(
        &mut self,
        sent: Option<bool>,
        outer: Ends,
        class: First,
        payload: &'a [u8],
    ) -> Between<'a> {
        let is_turn = class == First::TurnChannel;
        let is_of_known_port =
            || [outer.from, outer.to].iter().any(|end| self.ports.contains_key(&end.port()));
        if class != First::Stun && !is_turn && !is_of_known_port() {
            return Between::Peers;
        }
        let message = if class == First::Stun { stun::view(payload).ok() } else { None };
        // Without the cookie it is something else, as TURN never goes without (RFC 8489 §5), or what a client asks a server in the
        // old way (RFC 3489 §9.1), as libnice does first. Where the direction is unknown that may be another protocol.
        let message = message.filter(|message| {
            message.cookie.value == stun::COOKIE || (sent == Some(true) && asks_a_server(message))
        });
        if let Some(message) = message.as_ref().filter(|_| sent != Some(false))
            && asks_a_server(message)
            && self.known.len() < Self::MOST
        {
            self.known.insert(outer.to, ());
            self.ports.insert(outer.to.port(), ());
        }
        let pair = self.client_and_server(sent, outer);
        let relayed = match &message {
            Some(message) => turn::relayed_by(message),
            None if is_turn => turn::relayed(payload),
            None => None,
        };
        match (relayed, pair) {
            (Some(_), None) if sent.is_some() => Between::Peers,
            (Some(relayed), pair) => {
                let (ends, relay) = self.relayed(outer, pair, relayed.peer.value);
                Between::Relayed(Relayed { ends, relay, data: relayed.data })
            }
            (None, None) => Between::Peers,
            (None, Some(pair)) => {
                if let Some(message) = &message {
                    match message.kind.value.class() {
                        Class::Request if outer.from == pair.0 => self.asks(pair, message),
                        Class::Success if outer.to == pair.0 => self.answers(pair, message),
                        _ => {}
                    }
                }
                Between::Server
            }
        }
    }

    /// Which end is the client and which the server; nothing if neither is known to be a server.
    fn client_and_server(&self, sent: Option<bool>, Ends { from, to, .. }: Ends) -> Option<Pair> {
        let (forth, back) = ((from, to), (to, from));
        let known = |pair: &Pair| self.known.contains_key(&pair.1);
        match sent {
            Some(true) => Some(forth).filter(known),
            Some(false) => Some(back).filter(known),
            None => {
                let allocated = [forth, back].into_iter().find(|pair| self.allocations.contains_key(pair));
                allocated.or_else(|| [forth, back].into_iter().find(known))
            }
        }
    }

    fn asks(&mut self, pair: Pair, message: &Message<'_>) {
        let method = message.kind.value.method();
        // What is asked of an allocation shows that there is one, which may have been made before the capture began.
        if method != Method::Binding && self.allocations.len() < Self::MOST {
            self.allocations.entry(pair).or_default();
        }
        match method {
            Method::Binding | Method::Allocate => {
                let asked = (pair, message.transaction.value);
                if self.asked.insert(asked, ()).is_none() {
                    self.order.push_back(asked);
                }
                if self.order.len() > Self::MOST
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.asked.remove(&oldest);
                }
            }
            // Data may overtake the answer, and if a server refuses, no data comes.
            Method::ChannelBind => {
                let channel = message.number(AttributeType::ChannelNumber);
                let channel = channel.and_then(|it| u16::try_from(it.value).ok());
                let peer = message.address(AttributeType::XorPeerAddress);
                if let (Some(allocation), Some(channel), Some(peer)) =
                    (self.allocations.get_mut(&pair), channel, peer)
                {
                    allocation.channels.insert(channel, peer.value);
                }
            }
            _ => {}
        }
    }

    fn answers(&mut self, pair: Pair, message: &Message<'_>) {
        if !self.asked.contains_key(&(pair, message.transaction.value)) {
            return;
        }
        let room = self.learned.mapped.len() + self.learned.relayed.len() < Self::MOST;
        if let Some(mapped) = message.address(AttributeType::XorMappedAddress).filter(|_| room) {
            self.learned.mapped.insert((pair.0, mapped.value));
        }
        let Some(relayed) = message.address(AttributeType::XorRelayedAddress) else { return };
        let relayed = relayed.value;
        if room {
            self.learned.relayed.insert(relayed);
        }
        if let Some(allocation) = self.allocations.get_mut(&pair) {
            // The answer may come twice; another address is another allocation, without channels.
            if allocation.relayed.is_some_and(|known| known != relayed) {
                allocation.channels.clear();
            }
            allocation.relayed = Some(relayed);
        }
    }

    /// Between whom goes what a client and its server relay.
    pub(super) fn behind(&self, outer: Ends, peer: turn::Peer) -> Ends {
        self.relayed(outer, None, peer).0
    }

    /// Between whom relayed data goes: the client's relayed address, if it is known, else the client's own; and the peer, if its
    /// channel's binding is known, else no address with the channel as port.
    fn relayed(&self, outer: Ends, pair: Option<Pair>, peer: turn::Peer) -> (Ends, Relay) {
        let pair = pair.or_else(|| self.client_and_server(None, outer)).unwrap_or_else(|| guessed(outer));
        let (client, server) = pair;
        let allocation = self.allocations.get(&pair);
        let own = allocation.and_then(|allocation| allocation.relayed);
        let (peer, channel) = match peer {
            turn::Peer::Address(address) => (Some(address), None),
            turn::Peer::Channel(channel) => {
                (allocation.and_then(|it| it.channels.get(&channel)).copied(), Some(channel))
            }
        };
        let is_known = own.is_some() && peer.is_some();
        let own = own.unwrap_or(client);
        let peer = peer.unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, channel.unwrap_or_default())));
        let (from, to) = if outer.from == client { (own, peer) } else { (peer, own) };
        (Ends { from, to, via: Some(server) }, Relay { client, server, channel, is_known })
    }
}

/// Client and server where the allocation was before the capture: servers have the well-known ports, or lower ones than clients.
fn guessed(outer: Ends) -> Pair {
    let Ends { from, to, .. } = outer;
    let outward = is_turn_port(to.port()) || to.port() < from.port();
    if outward { (from, to) } else { (to, from) }
}

const fn is_turn_port(port: u16) -> bool {
    matches!(port, 3478 | 5349)
}

/// Whether a message is a request to a STUN or TURN server: Binding without USERNAME, or a method of TURN.
fn asks_a_server(message: &Message<'_>) -> bool {
    let kind = message.kind.value;
    if kind.class() != Class::Request {
        return false;
    }
    match kind.method() {
        Method::Binding => message.attribute(AttributeType::Username).is_none(),
        Method::Allocate | Method::Refresh | Method::CreatePermission | Method::ChannelBind => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::hex;

    #[test]
    fn a_request_without_the_cookie_is_for_a_server_where_a_peer_is_known_to_have_sent_it() {
        let ends = Ends {
            from: "192.0.2.1:5000".parse().unwrap(),
            to: "192.0.2.9:3478".parse().unwrap(),
            via: None,
        };
        // A Binding request of RFC 3489, and the same with USERNAME `a:b`, which makes it a connectivity check.
        let request = hex("0001 0000 4c793fde b91f6206c535bba374a5360d");
        let check = hex("0001 0008 4c793fde b91f6206c535bba374a5360d 0006 0003 613a6200");
        let between = |sent, payload: &[u8]| match Servers::default().pass(sent, ends, First::Stun, payload) {
            Between::Peers => "peers",
            Between::Server => "server",
            Between::Relayed(_) => "relayed",
        };
        assert_eq!(between(Some(true), &request), "server");
        assert_eq!(between(Some(true), &check), "peers");
        assert_eq!((between(Some(false), &request), between(None, &request)), ("peers", "peers"));
    }
}
