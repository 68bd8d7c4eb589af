//! Evidence out of a capture that somebody took: its connections are told apart by the trace, each is evidence of its own.
//!
//! Who made which description is what the caller says; there are no events. A capture may begin late and lack packets, so
//! what is missing in it proves nothing: [`Evidence::whole`] is false.

use super::read::Kept;
use super::wire::{Packet, Protection, Via};
use super::{Description, Evidence, Peer, ReadError};
use peerproof_captures::decrypt::srtp::MasterKey;
use peerproof_captures::decrypt::{Datagram, Session};
use peerproof_captures::event::SdpType;
use peerproof_captures::file::{CaptureReader, Direction, Item};
use peerproof_captures::link::{Network, Transport};
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::trace::{Connection, Side, Trace};
use peerproof_captures::wire::turn;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

/// A capture with all that is known of it beside.
pub struct Captured<'a> {
    /// The capture.
    pub capture: CaptureReader<'a>,
    /// What its packets add up to.
    pub trace: &'a Trace,
    /// A key log, beside the secrets that are in the capture itself.
    pub key_log: &'a [u8],
    /// SRTP keys that came by another way than DTLS.
    pub srtp_keys: &'a [MasterKey],
    /// Descriptions with the names of their peers, in the order in which they were made. The entry that a
    /// [`Place`](crate::checks::Place) names is an index into this.
    pub descriptions: &'a [(String, SessionDescription)],
}

/// Most connections of a capture that are judged.
pub const MOST_CONNECTIONS: usize = 256;

/// Tells a flow: the interface, its ends in order, and the TURN server through which it goes.
type Key = (Option<usize>, SocketAddr, SocketAddr, Option<SocketAddr>);

fn key(interface: Option<usize>, from: SocketAddr, to: SocketAddr, via: Option<SocketAddr>) -> Key {
    (interface, from.min(to), from.max(to), via)
}

impl Captured<'_> {
    /// Evidence of each connection with packets, beside its index in the trace.
    ///
    /// # Errors
    /// If it is no capture. One that breaks off gives what it has.
    pub fn evidence(self) -> Result<Vec<(usize, Evidence)>, ReadError> {
        let trace = self.trace;
        let flows: BTreeMap<Key, usize> = trace
            .flows
            .iter()
            .enumerate()
            .filter(|(_, flow)| flow.connection.is_some_and(|index| index < MOST_CONNECTIONS))
            .map(|(n, flow)| (key(flow.interface, flow.initiator, flow.responder, flow.via), n))
            .collect();
        let epoch_ns = trace.first.unwrap_or_default().ns;
        let count = trace.connections.len().min(MOST_CONNECTIONS);
        let mut all: Vec<Followed> = (0..count).map(|_| Followed::new(&self)).collect();
        let mut reader = self.capture;
        let mut network = Network::new();
        while let Some(item) = reader.next_item() {
            let frame = match item {
                Item::Secrets(secrets) => {
                    all.iter_mut().for_each(|one| one.key_log(secrets.data));
                    continue;
                }
                Item::Frame(frame) => frame,
                _ => continue,
            };
            let time_ns = frame.time_ns.unwrap_or(epoch_ns);
            network.frame(&frame, &mut |packet| {
                if !matches!(packet.transport, Transport::Udp | Transport::Tcp) {
                    return;
                }
                let (from, to, payload) = inner(trace, packet.from, packet.to, packet.payload);
                let relayed = payload.len() != packet.payload.len();
                let vias = if relayed { [packet.from, packet.to].map(Some) } else { [None, None] };
                let mut found = vias.iter().filter_map(|via| {
                    flows.get(&key(frame.interface, from, to, *via)).map(|flow| (flow, *via))
                });
                let Some((flow, via)) = found.next() else { return };
                let Some(flow) = trace.flows.get(*flow) else { return };
                let Some(one) = flow.connection.and_then(|index| all.get_mut(index)) else { return };
                let side = flow.side(from);
                let tap = match frame.direction {
                    Some(Direction::Outbound) => peer(side),
                    Some(Direction::Inbound) => peer(side.other()),
                    None => ELSEWHERE,
                };
                let t_us = time_ns.saturating_sub(epoch_ns) / 1_000;
                one.packet(
                    frame.number,
                    time_ns,
                    side,
                    Packet {
                        frame: frame.number,
                        t_us,
                        tap,
                        sender: peer(side),
                        from,
                        to,
                        via: via.map(|server| Via { server, channel: channel(packet.payload) }),
                        tcp: packet.transport == Transport::Tcp,
                        bytes: payload.to_vec(),
                        cid_length: 0,
                        protection: Protection::None,
                        clear: Vec::new(),
                    },
                );
            });
        }
        if let (Some(stop), 0) = (reader.stop(), reader.frames()) {
            return Err(ReadError::Capture(stop.to_string()));
        }
        let connections = trace.connections.iter().zip(all).enumerate();
        let told = connections.map(|(index, (connection, one))| {
            let peers = names(connection);
            let descriptions = descriptions(&peers, self.descriptions);
            let mut evidence = Evidence::new(peers, Vec::new(), Some(one.kept.wire));
            evidence.descriptions = descriptions;
            evidence.whole = false;
            (index, evidence)
        });
        Ok(told.filter(|(_, evidence)| evidence.wire.is_some()).collect())
    }
}

/// The TURN channel of a packet that is channel data.
fn channel(payload: &[u8]) -> Option<u16> {
    match turn::relayed(payload)?.peer.value {
        turn::Peer::Channel(channel) => Some(channel),
        turn::Peer::Address(_) => None,
    }
}

/// Where a packet was seen, if it is not known to be at one of the peers.
const ELSEWHERE: Peer = Peer(usize::MAX);

const fn peer(side: Side) -> Peer {
    match side {
        Side::A => Peer(0),
        Side::B => Peer(1),
    }
}

/// What to call the sides; never both the same.
fn names(connection: &Connection) -> Vec<String> {
    let [a, b] = Side::BOTH.map(|side| connection.name(side));
    let b = if a == b { format!("{b} (answering)") } else { b };
    vec![a, b]
}

fn descriptions(peers: &[String], given: &[(String, SessionDescription)]) -> Vec<Description> {
    let made = given.iter().enumerate().filter_map(|(entry, (name, sdp))| {
        let by = Peer(peers.iter().position(|peer| peer == name)?);
        let setup = (0..sdp.media().len()).find_map(|index| sdp.effective_value(index, "setup"));
        let kind =
            if setup.is_none_or(|setup| setup == "actpass") { SdpType::Offer } else { SdpType::Answer };
        let to = Some(Peer(1 - by.0.min(1)));
        let entry = entry as u64;
        Some(Description { by, to, kind, sdp: sdp.clone(), munged: false, delivered: None, entry, t_us: 0 })
    });
    made.collect()
}

/// Source, destination and bytes of a packet, those behind a TURN server if it is relayed.
fn inner<'a>(
    trace: &Trace,
    from: SocketAddr,
    to: SocketAddr,
    payload: &'a [u8],
) -> (SocketAddr, SocketAddr, &'a [u8]) {
    let Some(relayed) = turn::relayed(payload) else { return (from, to, payload) };
    let of = |client, server| {
        let mut allocations = trace.allocations.iter().rev();
        allocations.find(|it| it.client == client && it.server == server)
    };
    let (outward, allocation) = match (of(from, to), of(to, from)) {
        (Some(allocation), _) => (true, allocation),
        (None, Some(allocation)) => (false, allocation),
        (None, None) => return (from, to, payload),
    };
    let other = match relayed.peer.value {
        turn::Peer::Address(address) => Some(address),
        turn::Peer::Channel(channel) => {
            allocation.bound.iter().rev().find(|it| it.channel == Some(channel)).map(|it| it.peer)
        }
    };
    let Some(other) = other else { return (from, to, payload) };
    let client = allocation.relayed.unwrap_or(allocation.client);
    let (from, to) = if outward { (client, other) } else { (other, client) };
    (from, to, relayed.data.value)
}

/// A connection whose packets are being collected.
struct Followed {
    session: Session,
    kept: Kept,
}

impl Followed {
    fn new(given: &Captured<'_>) -> Self {
        let mut session = Session::new();
        session.key_log(given.key_log, &mut |_| {});
        for key in given.srtp_keys {
            session.srtp_key(*key);
        }
        Self { session, kept: Kept::default() }
    }

    fn key_log(&mut self, log: &[u8]) {
        let kept = &mut self.kept;
        self.session.key_log(log, &mut |clear| kept.opened(&clear));
    }

    /// ICE may change the pair in the middle of a handshake: all of a connection is one path to the session.
    fn packet(&mut self, frame: u64, time_ns: u64, side: Side, packet: Packet) {
        let payload = packet.bytes.clone();
        let kept = &mut self.kept;
        let end = |side| SocketAddr::from((Ipv4Addr::new(0, 0, 0, 1 + u8::from(side == Side::B)), 1));
        let (from, to) = (end(side), end(side.other()));
        kept.add(Packet { cid_length: self.session.connection_id_length(from, to, &payload), ..packet });
        let datagram = Datagram { time_ns, frame, from, to, payload: &payload };
        let outcome = self.session.datagram(&datagram, &mut |clear| kept.opened(&clear));
        kept.outcome(frame, outcome, &payload);
    }
}
