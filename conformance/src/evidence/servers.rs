//! What one peer's tap shows of its STUN and TURN servers: which addresses are theirs, what address they say that the peer has,
//! and what the peers send each other through them (RFC 8489 §5, RFC 8656 §11 and §12).

use super::wire::Via;
use peerproof_captures::wire::demux::{self, Class as First};
use peerproof_captures::wire::stun::{self, AttributeType, Class, Message, Method, TransactionId};
use peerproof_captures::wire::turn;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// The addresses of a peer that its servers told it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Its own address, and what a server saw of that (XOR-MAPPED-ADDRESS).
    pub mapped: BTreeSet<(SocketAddr, SocketAddr)>,
    /// At TURN servers (XOR-RELAYED-ADDRESS).
    pub relayed: BTreeSet<SocketAddr>,
}

/// Between whom a packet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Between<'a> {
    /// The peers, directly.
    Peers,
    /// A peer and a server.
    Server,
    /// The peers, through a TURN server of the one whose tap it is.
    Relayed { from: SocketAddr, to: SocketAddr, data: &'a [u8], via: Via },
}

/// Client and server.
type Ends = (SocketAddr, SocketAddr);

/// The servers of the peer at a tap.
#[derive(Debug, Default)]
pub(super) struct Servers {
    known: BTreeSet<SocketAddr>,
    /// Requests to which an answer tells an address.
    asked: BTreeSet<(Ends, TransactionId)>,
    allocations: BTreeMap<Ends, Allocation>,
    pub(super) told: Told,
}

#[derive(Debug)]
struct Allocation {
    relayed: SocketAddr,
    channels: BTreeMap<u16, SocketAddr>,
}

impl Servers {
    /// Most requests, and most things told, that are kept: more belongs to no session between two peers.
    const MOST: usize = 65_536;

    /// Takes what passed the tap, out of the peer or into it.
    pub(super) fn pass<'a>(
        &mut self,
        sent: bool,
        from: SocketAddr,
        to: SocketAddr,
        payload: &'a [u8],
    ) -> Between<'a> {
        let ends @ (_, server) = if sent { (from, to) } else { (to, from) };
        let message = if demux::class(payload) == First::Stun { stun::view(payload).ok() } else { None };
        if let Some(message) = message.filter(|_| sent)
            && asks_a_server(&message)
            && self.known.len() < Self::MOST
        {
            self.known.insert(server);
        }
        if !self.known.contains(&server) {
            return Between::Peers;
        }
        if let Some(relayed) = turn::relayed(payload) {
            return self.relayed(sent, ends, &relayed).unwrap_or(Between::Server);
        }
        match message {
            Some(message) if sent => self.asks(ends, &message),
            Some(message) => self.answers(ends, &message),
            None => {}
        }
        Between::Server
    }

    fn asks(&mut self, ends: Ends, message: &Message<'_>) {
        let kind = message.kind.value;
        if kind.class() != Class::Request || self.asked.len() >= Self::MOST {
            return;
        }
        match kind.method() {
            Method::Binding | Method::Allocate => {
                self.asked.insert((ends, message.transaction.value));
            }
            // Data may overtake the answer, and if a server refuses, no data comes.
            Method::ChannelBind => {
                let channel = message.number(AttributeType::ChannelNumber);
                let channel = channel.and_then(|it| u16::try_from(it.value).ok());
                let peer = message.address(AttributeType::XorPeerAddress);
                if let (Some(allocation), Some(channel), Some(peer)) =
                    (self.allocations.get_mut(&ends), channel, peer)
                {
                    allocation.channels.insert(channel, peer.value);
                }
            }
            _ => {}
        }
    }

    fn answers(&mut self, ends: Ends, message: &Message<'_>) {
        let asked = (ends, message.transaction.value);
        if message.kind.value.class() != Class::Success
            || self.told.mapped.len() + self.told.relayed.len() >= Self::MOST
            || !self.asked.contains(&asked)
        {
            return;
        }
        if let Some(mapped) = message.address(AttributeType::XorMappedAddress) {
            self.told.mapped.insert((ends.0, mapped.value));
        }
        if let Some(relayed) = message.address(AttributeType::XorRelayedAddress) {
            let relayed = relayed.value;
            self.told.relayed.insert(relayed);
            let fresh = Allocation { relayed, channels: BTreeMap::new() };
            let allocation = self.allocations.entry(ends).or_insert(fresh);
            // The answer may come twice.
            if allocation.relayed != relayed {
                *allocation = Allocation { relayed, channels: BTreeMap::new() };
            }
        }
    }

    /// What goes through a server; nothing if it is not known between which addresses.
    fn relayed<'a>(&self, sent: bool, ends: Ends, relayed: &turn::Relayed<'a>) -> Option<Between<'a>> {
        let allocation = self.allocations.get(&ends)?;
        let (other, channel) = match relayed.peer.value {
            turn::Peer::Address(address) => (address, None),
            turn::Peer::Channel(channel) => (*allocation.channels.get(&channel)?, Some(channel)),
        };
        let via = Via { server: ends.1, channel };
        let (own, data) = (allocation.relayed, relayed.data.value);
        let (from, to) = if sent { (own, other) } else { (other, own) };
        Some(Between::Relayed { from, to, data, via })
    }
}

/// Whether a message is a request to a STUN or TURN server: Binding without USERNAME, or a method of TURN.
fn asks_a_server(message: &Message<'_>) -> bool {
    let kind = message.kind.value;
    if kind.class() != Class::Request {
        return false;
    }
    match kind.method() {
        Method::Binding => message.attribute(AttributeType::Username).is_none(),
        Method::Allocate | Method::Refresh => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Between, Servers};
    use crate::checks::controls::Recording;
    use crate::evidence::Peer;
    use peerproof_captures::wire::demux::Class;

    #[test]
    fn what_goes_through_a_relay_is_told_between_the_peers_and_deciphered() {
        let evidence = Recording::Relay.evidence();
        let wire = evidence.wire.as_ref().unwrap();
        for (peer, other) in [(Peer(0), Peer(1)), (Peer(1), Peer(0))] {
            let relayed = &wire.told[&peer].relayed;
            let theirs = &wire.told[&other].relayed;
            let through: Vec<_> = wire.sent(peer).filter(|packet| packet.via.is_some()).collect();
            assert!(through.iter().all(|it| relayed.contains(&it.from) && it.tap == peer));
            let data = through.iter().filter(|it| it.class() == Class::Dtls && !it.clear.is_empty());
            assert!(data.filter(|it| theirs.contains(&it.to)).count() > 3);
            assert!(
                wire.told[&peer].mapped.iter().all(|(_, mapped)| mapped.ip().to_string().starts_with("203."))
            );
        }
    }

    #[test]
    fn what_no_request_asked_for_tells_nothing() {
        let (client, server) = ("192.0.2.1:1000".parse().unwrap(), "192.0.2.9:3478".parse().unwrap());
        let binding = |class: u8, id: u8, attributes: &[u8]| {
            let length = u8::try_from(attributes.len()).unwrap();
            let head = [class, 1, 0, length, 0x21, 0x12, 0xa4, 0x42, id, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            [&head, attributes].concat()
        };
        let mapped = [0, 0x20, 0, 8, 0, 1, 0x11, 0x11, 0xe1, 0xba, 0xa5, 0x43];
        let mut servers = Servers::default();
        assert_eq!(servers.pass(false, server, client, &binding(1, 7, &mapped)), Between::Peers);
        assert_eq!(servers.pass(true, client, server, &binding(0, 7, &[])), Between::Server);
        assert_eq!(servers.pass(false, server, client, &binding(1, 8, &mapped)), Between::Server);
        assert!(servers.told.mapped.is_empty(), "another transaction");
        assert_eq!(servers.pass(false, server, client, &binding(1, 7, &mapped)), Between::Server);
        let told: Vec<_> = servers.told.mapped.iter().map(|(own, seen)| (*own, seen.to_string())).collect();
        assert_eq!(told, [(client, "192.168.1.1:12291".to_owned())]);
        // Channel data of an allocation that nobody saw.
        assert_eq!(servers.pass(true, client, server, &[0x40, 1, 0, 1, 22]), Between::Server);
    }
}
