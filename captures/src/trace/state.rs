//! The trace in the making: routes each packet to what it belongs to.

use super::at::{At, Side, Sides};
use super::beyond::Sights;
use super::connection::{Connection, Rtp, Seen};
use super::context::Context;
use super::dtls::Handshake;
use super::flow::{Carrier, Flow, Key, Traffic};
use super::stun::OpenRequests;
use super::taps::{Taps, UnderWay};
use super::{Trace, limits};
use crate::decrypt::{Content, Failure, Outcome};
use crate::file::Direction;
use crate::hash::Lookup;
use crate::link::Transport;
use crate::observe::{Ends, Follow, Layer, Observation, Opened, Sink};
use crate::wire::demux::Class;
use crate::wire::dtls::handshake::HandshakeType;
use crate::wire::dtls::{self, Record};
use crate::wire::reader::Reader;
use crate::wire::rtp::{self, ExtensionMap, Header};
use crate::wire::{rtcp, sctp, stun};
use std::net::SocketAddr;

/// A place of observation.
#[derive(Debug, Default)]
pub(super) struct TracePlace {
    pub(super) requests: OpenRequests,
    /// Connections by the ufrags of both sides, the smaller one first.
    pub(super) by_ufrags: Lookup<(String, String), usize>,
    /// TURN allocations by client and server.
    pub(super) allocations: Lookup<(SocketAddr, SocketAddr), usize>,
    pub(super) gatherings: Lookup<(SocketAddr, SocketAddr), usize>,
}

/// Everything that is known so far.
#[derive(Debug, Default)]
pub(super) struct TraceState {
    pub(super) trace: Trace,
    pub(super) context: Context,
    pub(super) places: Vec<TracePlace>,
    flows: Lookup<Key, usize>,
    /// Streams of all connections.
    pub(super) streams: usize,
    pub(super) taps: Taps,
    /// The flow on which each left.
    under_way: UnderWay<usize>,
    /// The flow on which each arrived that has not left yet: the clocks of the two ends may differ.
    early: UnderWay<usize>,
    pub(super) sights: Sights,
}

impl TraceState {
    pub(super) fn trace_context(&mut self) -> &mut Context {
        &mut self.context
    }

    pub(super) fn frame(&mut self, at: At) {
        self.trace.frames += 1;
        self.trace.first.get_or_insert(at);
        self.trace.last = self.trace.last.max(Some(at));
    }

    pub(super) const fn other_frame(&mut self) {
        self.trace.other_frames += 1;
    }

    pub(super) fn cut_frame(&mut self, at: At) {
        self.trace.cut_frames += 1;
        self.trace.first_cut.get_or_insert(at);
    }

    fn packet(&mut self, seen: &Observation<'_>) -> Follow {
        if seen.is_copy {
            self.trace.copies += 1;
            return Follow::No;
        }
        self.trace.packets += 1;
        self.taps.direction(seen.interface, seen.direction);
        while self.places.len() <= seen.place {
            self.places.push(TracePlace::default());
        }
        let Layer { ends, bytes, .. } = seen.outer;
        match seen.transport {
            Transport::Udp | Transport::Tcp => {
                let mut may_be_protected = false;
                for layer in seen.layers() {
                    may_be_protected = self.datagram(seen, &layer);
                    if !matches!(layer.class, Class::Stun | Class::TurnChannel) {
                        break;
                    }
                }
                // What a snap length cut is recognised by its headers; its tag is gone, and that is nobody's fault.
                if may_be_protected && !seen.is_cut { Follow::ByAddress } else { Follow::No }
            }
            Transport::ClearRtp => self.clear(seen, ends, Content::Rtp, bytes),
            Transport::ClearRtcp => self.clear(seen, ends, Content::Rtcp, bytes),
            Transport::ClearSctp => {
                let content = Content::Dtls { content_type: 23, epoch: 1, sequence: 0 };
                self.clear(seen, ends, content, bytes)
            }
        }
    }

    /// Takes in a layer of a datagram; whether it holds something that may be protected.
    fn datagram(&mut self, seen: &Observation<'_>, layer: &Layer<'_>) -> bool {
        let Layer { ends, bytes, .. } = *layer;
        let at = at(seen);
        let key = Key::new(seen.place, seen.transport.into(), ends);
        let Some(flow) = self.flow(seen, key, ends) else {
            self.trace.over.packets_of_other_flows += 1;
            return false;
        };
        let class = self.classify(at, flow, ends.from, layer, (seen.connection_id, seen.is_cut));
        if let Some(flow) = self.trace.flows.get_mut(flow) {
            let traffic = flow.sent_from(ends.from);
            traffic.count(at, bytes.len());
            traffic.classify(at, class);
            flow.local_end(seen.direction, ends);
        }
        if layer.range == seen.inner.range {
            self.end(seen, flow, ends.from, bytes);
            if self.is_second_sight(seen, flow, ends.from, class) {
                return true;
            }
        }
        match class {
            Class::Stun => {
                if !self.is_dialect(at, flow, bytes)
                    && let Ok(message) = stun::view(bytes)
                {
                    self.stun(at, flow, ends, &message);
                }
                false
            }
            Class::Dtls => {
                self.dtls(at, flow, ends, bytes, seen.connection_id);
                true
            }
            Class::Rtp => self.wire_rtp(at, flow, ends, bytes),
            Class::Rtcp => {
                let Some((connection, side)) = self.touch(at, flow, ends.from) else { return false };
                if let Some(connection) = self.trace.connections.get_mut(connection) {
                    connection.peers.of_mut(side).rtcp += 1;
                    let unprotected = connection.handshakes.is_empty() && connection.pairs.is_empty();
                    if unprotected && !seen.is_cut {
                        connection.rtcp(at, side, &rtcp::view(bytes));
                    }
                }
                true
            }
            Class::TurnChannel => false,
            _ => {
                self.unclassified(at, flow, ends.from, bytes);
                false
            }
        }
    }

    /// Takes in one end of the way of a packet, where both ends were captured.
    fn end(&mut self, seen: &Observation<'_>, flow: usize, from: SocketAddr, bytes: &[u8]) {
        let (Some(tap), Some(direction)) = (self.taps.side(seen.interface), seen.direction) else { return };
        let is_learned = self.taps.are_learned();
        if direction == Direction::Inbound {
            match self.under_way.arrived(tap, bytes) {
                Some(left) => self.pair_ends(tap, left, flow),
                None if is_learned => self.early.left(tap, bytes, flow),
                None => {}
            }
            return;
        }
        let ends = self.trace.ends.as_ref();
        let is_counted = ends.is_none_or(|it| it.is_captured_beyond(seen.interface, seen.time_ns));
        if let Some(left) = self.trace.flows.get_mut(flow) {
            let traffic = left.sent_from(from);
            traffic.arrived.get_or_insert(0);
            traffic.unwatched += u64::from(!is_counted);
        }
        match self.early.arrived(tap, bytes).filter(|_| is_learned) {
            Some(arrived) => self.pair_ends(tap.other(), flow, arrived),
            None => self.under_way.left(tap, bytes, flow),
        }
    }

    /// A packet left on a flow and arrived on another, at the tap of that side.
    fn pair_ends(&mut self, tap: Side, left: usize, arrived: usize) {
        if let Some(arrived) = self.trace.flows.get_mut(arrived) {
            arrived.other_end.get_or_insert(left);
        }
        if let Some(there) = self.trace.flows.get_mut(left) {
            there.other_end.get_or_insert(arrived);
            // Whatever left there, left the local side.
            let local = if there.initiator_is == tap { there.responder } else { there.initiator };
            *there.sent_from(local).arrived.get_or_insert(0) += 1;
        }
    }

    fn flow(&mut self, seen: &Observation<'_>, key: Key, ends: Ends) -> Option<usize> {
        if let Some(flow) = self.flows.get(&key) {
            return Some(*flow);
        }
        if self.trace.flows.len() >= limits::FLOWS {
            return None;
        }
        // Of a recording of both peers, either's own tap shows which side it is.
        let sender = match (self.taps.side(seen.interface), seen.direction) {
            (Some(tap), Some(Direction::Inbound)) => tap.other(),
            (Some(tap), Some(Direction::Outbound)) => tap,
            _ => Side::A,
        };
        self.trace.flows.push(Flow {
            interface: seen.interface,
            carrier: key.carrier,
            initiator: ends.from,
            responder: ends.to,
            via: ends.via,
            forth: Traffic::default(),
            back: Traffic::default(),
            connection: None,
            initiator_is: sender,
            other_end: None,
            beyond_nat: None,
            is_seen_both_ways: false,
            local: None,
            place: key.place,
            pair: None,
            probation: Sides::default(),
            foreign: None,
            has_wire_rtp: false,
            opened: false,
        });
        let index = self.trace.flows.len() - 1;
        self.flows.insert(key, index);
        Some(index)
    }

    /// The connection of a flow, a new one if it has none yet.
    fn connection(&mut self, at: At, flow: usize) -> Option<usize> {
        let found = self.trace.flows.get_mut(flow)?;
        if let Some(connection) = found.connection {
            return Some(connection);
        }
        if self.trace.connections.len() >= limits::CONNECTIONS {
            self.trace.over.packets_of_other_connections += 1;
            return None;
        }
        let mut connection = Connection::new(found.interface, at);
        connection.flows.push(flow);
        self.trace.connections.push(connection);
        found.connection = Some(self.trace.connections.len() - 1);
        found.connection
    }

    /// The same, with the side of the sender; and notes that something of it came.
    pub(super) fn touch(&mut self, at: At, flow: usize, from: SocketAddr) -> Option<(usize, Side)> {
        let index = self.connection(at, flow)?;
        let side = self.trace.flows.get(flow)?.side(from);
        let connection = self.trace.connections.get_mut(index)?;
        connection.last = connection.last.max(at);
        connection.peers.of_mut(side).last = Some(at);
        Some((index, side))
    }

    fn dtls(&mut self, at: At, flow: usize, ends: Ends, bytes: &[u8], ids: usize) {
        let Some((index, side)) = self.touch(at, flow, ends.from) else { return };
        let Some(connection) = self.trace.connections.get_mut(index) else { return };
        for record in dtls::Datagram::at(bytes, 0, ids).records() {
            let record = match record {
                Ok(record) => record,
                Err(stop) => {
                    let unknown = dtls::record::lacks_cid_length(&stop);
                    connection.records_without_handshake += u64::from(unknown);
                    break;
                }
            };
            if let Some(random) = client_random(&record)
                && !connection
                    .handshakes
                    .iter()
                    .any(|handshake| handshake.client == side && handshake.has_random(&random))
            {
                if connection.handshakes.len() >= limits::HANDSHAKES {
                    self.trace.over.handshakes += 1;
                    continue;
                }
                connection.handshakes.push(Handshake::new(side, flow, at, random));
            }
            let handshake = match first_message(&record) {
                Some(HandshakeType::ClientHello) => connection.handshake_mut(side, false),
                Some(HandshakeType::ServerHello | HandshakeType::HelloVerifyRequest) => {
                    connection.handshake_mut(side, true)
                }
                _ => connection.current(side),
            };
            match handshake {
                Some(handshake) => handshake.record(at, side, &record),
                None => connection.records_without_handshake += 1,
            }
        }
    }

    /// The connection and flow between two addresses, if there is one on the wire.
    fn find(&self, place: usize, ends: Ends) -> Option<(usize, usize)> {
        let carriers = [Carrier::Udp, Carrier::Tcp];
        let flow = carriers.iter().find_map(|carrier| self.flows.get(&Key::new(place, *carrier, ends)))?;
        Some((self.trace.flows.get(*flow)?.connection?, *flow))
    }

    /// Takes in a packet of a plaintext interface.
    fn clear(&mut self, seen: &Observation<'_>, ends: Ends, content: Content, bytes: &[u8]) -> Follow {
        let (at, place) = (at(seen), seen.place);
        let wire = self.find(place, ends);
        if let Some((connection, flow)) = wire {
            // What was decrypted has been reported already.
            if self.trace.flows.get(flow).is_some_and(|flow| !flow.opened) {
                self.content(at, connection, flow, ends, content, bytes);
            }
            return Follow::No;
        }
        let key = Key::new(place, Carrier::Plaintext, ends);
        let Some(flow) = self.flow(seen, key, ends) else { return Follow::No };
        if let Some(flow) = self.trace.flows.get_mut(flow) {
            let traffic = flow.sent_from(ends.from);
            traffic.count(at, bytes.len());
            match content {
                Content::Rtp => traffic.rtp += 1,
                Content::Rtcp => traffic.rtcp += 1,
                Content::Dtls { .. } => traffic.sctp += 1,
            }
        }
        if let Some((connection, side)) = self.touch(at, flow, ends.from) {
            if content == Content::Rtcp
                && let Some(connection) = self.trace.connections.get_mut(connection)
            {
                connection.peers.of_mut(side).rtcp += 1;
            }
            self.content(at, connection, flow, ends, content, bytes);
        }
        Follow::No
    }

    fn content(
        &mut self,
        at: At,
        connection: usize,
        flow: usize,
        ends: Ends,
        content: Content,
        bytes: &[u8],
    ) {
        let Some(found) = self.trace.flows.get(flow) else { return };
        let (side, on_wire) = (found.side(ends.from), found.has_wire_rtp);
        let Some(connection) = self.trace.connections.get_mut(connection) else { return };
        match content {
            Content::Rtp => {
                if !on_wire && let Some(header) = rtp_header(bytes) {
                    let seen = Seen { at, from: side, flow, header: &header, length: bytes.len() };
                    match connection.rtp(seen, &self.context, self.streams < limits::ALL_STREAMS) {
                        Rtp::New => self.streams += 1,
                        Rtp::Known => {}
                        Rtp::Over => self.trace.over.packets_of_other_streams += 1,
                    }
                }
                payload(connection, at, side, bytes);
                let ssrc = rtp_header(bytes).map_or(0, |header| header.ssrc.value);
                if let Some(stream) = connection.streams.get_mut(&(side, ssrc)) {
                    stream.is_proven = true;
                }
            }
            Content::Rtcp => {
                connection.rtcp(at, side, &rtcp::view(bytes));
            }
            Content::Dtls { content_type: 23, .. } => {
                if let Ok(packet) = sctp::view(bytes) {
                    connection.sctp(at, side, &packet);
                }
            }
            Content::Dtls { content_type, .. } => {
                if let Some(handshake) = connection.current(side) {
                    handshake.opened(at, side, content_type, bytes);
                }
            }
        }
    }

    /// `secrets`: handshakes and SRTP keys whose secrets are known.
    pub(super) fn finish(mut self, secrets: u64) -> Trace {
        self.trace.secrets = secrets;
        self.settle_requests();
        for connection in &mut self.trace.connections {
            connection.without_lone_packets(&self.context);
            connection.recognised = connection.recognise(&self.trace.flows, &self.context);
            for handshake in &mut connection.handshakes {
                for certificate in &mut handshake.certificates {
                    let known = connection.peers.of(certificate.from).described;
                    let known = known.and_then(|index| self.context.get(index));
                    certificate.matches_description = known
                        .filter(|known| !known.fingerprints.is_empty())
                        .map(|known| known.fingerprints.contains(&certificate.sha256));
                }
            }
            for side in Side::BOTH {
                let name = self.taps.name(side).filter(|_| self.taps.side(connection.interface).is_some());
                let peer = connection.peers.of_mut(side);
                if let (None, Some(name)) = (&peer.name, name) {
                    peer.name = Some(name.to_owned());
                }
                let known = connection.peers.of(side).described.and_then(|index| self.context.get(index));
                connection.peers.of_mut(side).described_setup = known.and_then(|known| known.setup.clone());
                connection.peers.of_mut(side).described_media =
                    known.map(|known| (known.sends_media, known.receives_media));
            }
        }
        let places = &self.places;
        self.taps.join(&mut self.trace, |trace, index| {
            let peers = &trace.connections.get(index)?.peers;
            let (a, b) = (peers.a.ufrag.clone()?, peers.b.ufrag.clone()?);
            let key = if a <= b { (a, b) } else { (b, a) };
            places.iter().find_map(|place| place.by_ufrags.get(&key).copied().filter(|it| *it != index))
        });
        self.trace.find_other_sights();
        self.trace
    }
}

impl Sink for TraceState {
    fn datagram(&mut self, seen: &Observation<'_>) -> Follow {
        self.packet(seen)
    }

    fn opened(&mut self, opened: &Opened<'_>) {
        let Some((connection, flow)) = self.find(opened.place, opened.ends) else { return };
        if let Some(flow) = self.trace.flows.get_mut(flow) {
            flow.opened = true;
        }
        if self.sights.is_second(opened.frame) {
            return;
        }
        if let Some(connection) = self.trace.connections.get_mut(connection) {
            connection.decrypted += 1;
            let is_data = opened.content.is_application_data();
            if is_data && connection.associations.is_empty() && !sctp::looks_like_sctp(opened.bytes) {
                connection.other_application_data += 1;
                return;
            }
        }
        let at = At { frame: opened.frame, ns: opened.time_ns };
        self.content(at, connection, flow, opened.ends, opened.content, opened.bytes);
    }

    fn outcome(&mut self, seen: &Observation<'_>, outcome: Outcome, _: usize) {
        if outcome == Outcome::Failed(Failure::Authentication)
            && !self.sights.is_second(seen.frame)
            && let Some((connection, _)) = self.find(seen.place, seen.inner.ends)
            && let Some(connection) = self.trace.connections.get_mut(connection)
        {
            connection.not_authentic += 1;
            connection.first_not_authentic.get_or_insert(at(seen));
        }
    }
}

const fn at(seen: &Observation<'_>) -> At {
    At { frame: seen.frame, ns: seen.time_ns }
}

/// The header of what may be RTP.
pub(super) fn rtp_header(bytes: &[u8]) -> Option<Header<'_>> {
    Header::read(&mut Reader::new("RTP", bytes), &ExtensionMap::EMPTY).ok()
}

pub(super) fn payload(connection: &mut Connection, at: At, side: Side, bytes: &[u8]) {
    if let Ok(packet) = rtp::view(bytes)
        && let Some(stream) = connection.streams.get_mut(&(side, packet.header.ssrc.value))
    {
        stream.payload(at, packet.payload.value);
    }
}

/// The random of a ClientHello that the record begins.
fn client_random(record: &Record<'_>) -> Option<[u8; 32]> {
    let fragment = record.fragments()?.next()?.ok()?;
    if fragment.kind.value == HandshakeType::ClientHello { fragment.hello_random().copied() } else { None }
}

fn first_message(record: &Record<'_>) -> Option<HandshakeType> {
    record.fragments()?.next()?.ok().map(|fragment| fragment.kind.value)
}
