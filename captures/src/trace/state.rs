//! The trace in the making: routes each packet to what it belongs to.

use super::at::{At, Side, Sides};
use super::connection::{Connection, Rtp, Seen};
use super::context::Context;
use super::dtls::Handshake;
use super::flow::{Carrier, Ends, Flow, Key, Traffic};
use super::stun::OpenRequests;
use super::{Trace, limits};
use crate::decrypt::srtp::MasterKey;
use crate::decrypt::{Clear, Content, Datagram, Failure, Outcome, Session};
use crate::hash::{Lookup, Ordered};
use crate::link::{Packet, Transport};
use crate::wire::demux::{self, Class};
use crate::wire::dtls::handshake::{Body, HandshakeType};
use crate::wire::dtls::{self, Record, Version};
use crate::wire::reader::Reader;
use crate::wire::rtp::{self, ExtensionMap, Header};
use crate::wire::{rtcp, sctp, stun, turn};
use indexmap::IndexMap;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;

/// What an interface with plaintext is called, behind the name of the one that it belongs to.
const IN_CLEAR: &str = " in clear";
/// So soon after a packet the same bytes are its copy and no retransmission, in nanoseconds.
const COPY_WITHIN: u64 = 2_000_000;
/// Most packets among which copies are looked for.
const RECENT: usize = 64;
/// Most bytes of key logs kept for places of observation that come up later.
const KEY_LOG: usize = 16 << 20;

/// A place of observation.
#[derive(Debug, Default)]
pub(super) struct Place {
    session: Option<Session>,
    pub(super) requests: OpenRequests,
    /// Connections by the ufrags of both sides, the smaller one first.
    pub(super) by_ufrags: Lookup<(String, String), usize>,
    /// TURN allocations by client and server.
    pub(super) allocations: Lookup<(SocketAddr, SocketAddr), usize>,
    pub(super) gatherings: Lookup<(SocketAddr, SocketAddr), usize>,
}

/// Everything that is known so far.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) trace: Trace,
    pub(super) context: Context,
    pub(super) places: Vec<Place>,
    place_of: Ordered<Option<usize>, usize>,
    names: IndexMap<usize, String>,
    flows: Lookup<Key, usize>,
    key_log: Vec<u8>,
    srtp_keys: Vec<MasterKey>,
    streams: usize,
    /// The newest packets of captures that show some twice, by time and hash.
    recent: VecDeque<(u64, u64)>,
}

impl State {
    pub(super) fn interface(&mut self, index: usize, name: &str) {
        if self.names.len() < limits::PLACES {
            self.names.insert(index, name.to_owned());
        }
    }

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

    pub(super) fn key_log(&mut self, log: &[u8]) {
        if self.key_log.len() + log.len() < KEY_LOG {
            self.key_log.extend_from_slice(log);
            self.key_log.push(b'\n');
        }
        for place in 0..self.places.len() {
            self.with_session(place, |session, sink| {
                session.key_log(log, sink);
            });
        }
    }

    pub(super) fn srtp_key(&mut self, key: MasterKey) {
        for session in self.places.iter_mut().filter_map(|place| place.session.as_mut()) {
            session.srtp_key(key);
        }
        self.srtp_keys.push(key);
    }

    fn place(&mut self, interface: Option<usize>) -> usize {
        if let Some(place) = self.place_of.get(&interface) {
            return *place;
        }
        let wire = interface.and_then(|index| {
            let name = self.names.get(&index)?.strip_suffix(IN_CLEAR)?;
            self.names.iter().find(|(_, other)| other.as_str() == name).map(|(index, _)| *index)
        });
        let place = match wire.and_then(|index| self.place_of.get(&Some(index))) {
            Some(place) => *place,
            None if self.places.len() >= limits::PLACES => self.places.len() - 1,
            None => {
                let mut session = Session::new();
                session.key_log(&self.key_log, &mut |_| {});
                for key in &self.srtp_keys {
                    session.srtp_key(*key);
                }
                self.places.push(Place { session: Some(session), ..Place::default() });
                self.places.len() - 1
            }
        };
        if self.place_of.len() < limits::PLACES {
            self.place_of.insert(interface, place);
            if let Some(wire) = wire {
                self.place_of.insert(Some(wire), place);
            }
        }
        place
    }

    /// Takes in a packet of a capture on all interfaces of a machine, which shows packets to its own address when they leave and
    /// when they arrive.
    pub(super) fn cooked_packet(&mut self, at: At, interface: Option<usize>, packet: &Packet<'_>) {
        let mut hasher = DefaultHasher::new();
        (packet.from, packet.to, packet.payload).hash(&mut hasher);
        let hash = hasher.finish();
        while self.recent.front().is_some_and(|(ns, _)| at.ns.saturating_sub(*ns) > COPY_WITHIN)
            || self.recent.len() >= RECENT
        {
            self.recent.pop_front();
        }
        if self.recent.iter().any(|(_, known)| *known == hash) {
            self.trace.copies += 1;
            return;
        }
        self.recent.push_back((at.ns, hash));
        self.packet(at, interface, packet);
    }

    pub(super) fn packet(&mut self, at: At, interface: Option<usize>, packet: &Packet<'_>) {
        self.trace.packets += 1;
        let place = self.place(interface);
        let (from, to) = (packet.from, packet.to);
        let ends = Ends { from, to, via: None };
        match packet.transport {
            Transport::Udp | Transport::Tcp => {
                let carrier = packet.transport.into();
                let relayed =
                    self.datagram(at, interface, Key::new(place, carrier, ends), ends, packet.payload);
                // What a snap length cut is told by its headers; its tag is gone, and that is nobody's fault.
                if relayed && !packet.cut {
                    let datagram =
                        Datagram { time_ns: at.ns, frame: at.frame, from, to, payload: packet.payload };
                    let mut outcome = Outcome::NotProtected;
                    self.with_session(place, |session, sink| outcome = session.datagram(&datagram, sink));
                    self.note(at, place, ends, packet.payload, outcome);
                }
            }
            Transport::ClearRtp => self.clear(at, interface, place, ends, Content::Rtp, packet.payload),
            Transport::ClearRtcp => self.clear(at, interface, place, ends, Content::Rtcp, packet.payload),
            Transport::ClearSctp => {
                let content = Content::Dtls { content_type: 23, epoch: 1, sequence: 0 };
                self.clear(at, interface, place, ends, content, packet.payload);
            }
        }
    }

    /// Lends the session of a place, and takes in what comes out of it.
    fn with_session(&mut self, place: usize, use_it: impl FnOnce(&mut Session, &mut dyn FnMut(Clear<'_>))) {
        let Some(mut session) = self.places.get_mut(place).and_then(|place| place.session.take()) else {
            return;
        };
        use_it(&mut session, &mut |clear| self.opened(place, &clear));
        self.trace.secrets = (session.secrets().handshakes() + session.secrets().srtp().len()) as u64;
        if let Some(place) = self.places.get_mut(place) {
            place.session = Some(session);
        }
    }

    /// Takes in a datagram; whether it holds something that may be protected.
    fn datagram(&mut self, at: At, interface: Option<usize>, key: Key, ends: Ends, bytes: &[u8]) -> bool {
        let Some(flow) = self.flow(at, interface, key, ends) else {
            self.trace.over.packets_of_other_flows += 1;
            return false;
        };
        let class = self.classify(flow, ends.from, bytes);
        if let Some(flow) = self.trace.flows.get_mut(flow) {
            let traffic = flow.sent_from(ends.from);
            traffic.count(at, bytes.len());
            traffic.classify(class);
        }
        match class {
            Class::Stun => {
                let Ok(message) = stun::view(bytes) else { return false };
                self.stun(at, flow, ends, &message);
                match turn::relayed_by(&message) {
                    Some(relayed) if ends.via.is_none() => self.relayed(at, interface, key, ends, &relayed),
                    _ => false,
                }
            }
            Class::TurnChannel => match turn::relayed(bytes) {
                Some(relayed) if ends.via.is_none() => self.relayed(at, interface, key, ends, &relayed),
                _ => false,
            },
            Class::Dtls => {
                self.dtls(at, flow, ends, bytes);
                true
            }
            Class::Rtp => self.wire_rtp(at, flow, ends, bytes),
            Class::Rtcp => {
                let Some((connection, side)) = self.touch(at, flow, ends.from) else { return false };
                if let Some(connection) = self.trace.connections.get_mut(connection) {
                    connection.peers.of_mut(side).rtcp += 1;
                    let unprotected = connection.handshakes.is_empty() && connection.pairs.is_empty();
                    if unprotected {
                        connection.rtcp(at, side, &rtcp::view(bytes));
                    }
                }
                true
            }
            _ => false,
        }
    }

    fn relayed(
        &mut self,
        at: At,
        interface: Option<usize>,
        key: Key,
        ends: Ends,
        relayed: &turn::Relayed<'_>,
    ) -> bool {
        let inner = self.inner_ends(key.place, ends, relayed.peer.value);
        let key = Key::new(key.place, key.carrier, inner);
        self.datagram(at, interface, key, inner, relayed.data.value)
    }

    fn flow(&mut self, at: At, interface: Option<usize>, key: Key, ends: Ends) -> Option<usize> {
        if let Some(flow) = self.flows.get(&key) {
            return Some(*flow);
        }
        if self.trace.flows.len() >= limits::FLOWS {
            return None;
        }
        let _ = at;
        self.trace.flows.push(Flow {
            interface,
            carrier: key.carrier,
            initiator: ends.from,
            responder: ends.to,
            via: ends.via,
            forth: Traffic::default(),
            back: Traffic::default(),
            connection: None,
            initiator_is: Side::A,
            place: key.place,
            pair: None,
            probation: Sides::default(),
            has_wire_rtp: false,
            opened: false,
        });
        let index = self.trace.flows.len() - 1;
        self.flows.insert(key, index);
        Some(index)
    }

    /// The class of a datagram: by its first byte, if it also has the shape of that protocol.
    fn classify(&mut self, flow: usize, from: SocketAddr, bytes: &[u8]) -> Class {
        let class = demux::class(bytes);
        let Some(flow) = self.trace.flows.get_mut(flow) else { return class };
        let known = flow.connection.is_some();
        let fits = match class {
            Class::Stun => stun::looks_like_stun(bytes) || (known && bytes.len() >= 20),
            Class::Dtls => known || matches!(bytes, [20..=26, 0xfe, 0xff | 0xfd, ..]),
            Class::Rtp if known => bytes.len() >= 12,
            Class::Rtp => {
                let Some(header) = rtp_header(bytes) else { return Class::Unassigned };
                let seen = (header.ssrc.value, header.sequence.value);
                let initiator = from == flow.initiator;
                let side = if initiator { Side::A } else { Side::B };
                let expected = flow.probation.of_mut(side).replace((seen.0, seen.1.wrapping_add(1)));
                expected == Some(seen)
            }
            Class::Rtcp => known && bytes.len() >= 8,
            Class::TurnChannel => turn::view(bytes).is_ok(),
            other => return other,
        };
        if fits { class } else { Class::Unassigned }
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

    fn dtls(&mut self, at: At, flow: usize, ends: Ends, bytes: &[u8]) {
        let Some((index, side)) = self.touch(at, flow, ends.from) else { return };
        let place = self.trace.flows.get(flow).map(|flow| flow.place);
        let session = place.and_then(|place| self.places.get(place)).and_then(|place| place.session.as_ref());
        let Some(connection) = self.trace.connections.get_mut(index) else { return };
        let ids = session.map_or(0, |session| session.connection_id_length(ends.from, ends.to));
        for record in dtls::Datagram::at(bytes, 0, ids).records().map_while(Result::ok) {
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

    fn wire_rtp(&mut self, at: At, flow: usize, ends: Ends, bytes: &[u8]) -> bool {
        let Some(header) = rtp_header(bytes) else { return false };
        let Some((index, side)) = self.touch(at, flow, ends.from) else { return false };
        if let Some(flow) = self.trace.flows.get_mut(flow) {
            flow.has_wire_rtp = true;
        }
        let Some(connection) = self.trace.connections.get_mut(index) else { return false };
        let seen = Seen { at, from: side, flow, header: &header, length: bytes.len() };
        match connection.rtp(seen, &self.context, self.streams < limits::ALL_STREAMS) {
            Rtp::New => self.streams += 1,
            Rtp::Known => {}
            Rtp::Over => self.trace.over.packets_of_other_streams += 1,
        }
        if connection.handshakes.is_empty() && connection.pairs.is_empty() {
            payload(connection, at, side, bytes);
        }
        true
    }

    /// Notes what became of protected packets.
    fn note(&mut self, at: At, place: usize, ends: Ends, bytes: &[u8], outcome: Outcome) {
        if outcome != Outcome::Failed(Failure::Authentication) {
            return;
        }
        let ends = match turn::relayed(bytes) {
            Some(relayed) => self.inner_ends(place, ends, relayed.peer.value),
            None => ends,
        };
        if let Some((connection, _)) = self.find(place, ends)
            && let Some(connection) = self.trace.connections.get_mut(connection)
        {
            connection.not_authentic += 1;
            connection.first_not_authentic.get_or_insert(at);
        }
    }

    /// The connection and flow between two addresses, if there is one on the wire.
    fn find(&self, place: usize, ends: Ends) -> Option<(usize, usize)> {
        let carriers = [Carrier::Udp, Carrier::Tcp];
        let flow = carriers.iter().find_map(|carrier| self.flows.get(&Key::new(place, *carrier, ends)))?;
        Some((self.trace.flows.get(*flow)?.connection?, *flow))
    }

    /// Takes in plaintext that a session gave.
    fn opened(&mut self, place: usize, clear: &Clear<'_>) {
        let outer = Ends { from: clear.from, to: clear.to, via: None };
        let ends = clear.relayed.map_or(outer, |peer| self.inner_ends(place, outer, peer));
        let at = At { frame: clear.frame, ns: clear.time_ns };
        let Some((connection, flow)) = self.find(place, ends) else { return };
        if let Some(flow) = self.trace.flows.get_mut(flow) {
            flow.opened = true;
        }
        if let Some(connection) = self.trace.connections.get_mut(connection) {
            connection.decrypted += 1;
        }
        self.content(at, connection, flow, ends, clear.content, clear.bytes);
    }

    /// Takes in a packet of a plaintext interface.
    fn clear(
        &mut self,
        at: At,
        interface: Option<usize>,
        place: usize,
        ends: Ends,
        content: Content,
        bytes: &[u8],
    ) {
        let wire = self.find(place, ends);
        if let Some((connection, flow)) = wire {
            // What was decrypted has been told already.
            if self.trace.flows.get(flow).is_some_and(|flow| !flow.opened) {
                self.content(at, connection, flow, ends, content, bytes);
            }
            return;
        }
        let Some(flow) = self.flow(at, interface, Key::new(place, Carrier::Plaintext, ends), ends) else {
            return;
        };
        if let Some(flow) = self.trace.flows.get_mut(flow) {
            let traffic = flow.sent_from(ends.from);
            traffic.count(at, bytes.len());
            match content {
                Content::Rtp => traffic.rtp += 1,
                Content::Rtcp => traffic.rtcp += 1,
                Content::Dtls { .. } => traffic.sctp += 1,
            }
        }
        let Some((connection, _)) = self.touch(at, flow, ends.from) else { return };
        self.content(at, connection, flow, ends, content, bytes);
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

    pub(super) fn finish(mut self) -> Trace {
        for connection in &mut self.trace.connections {
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
                let known = connection.peers.of(side).described.and_then(|index| self.context.get(index));
                connection.peers.of_mut(side).described_media =
                    known.map(|known| (known.sends_media, known.receives_media));
            }
        }
        self.trace
    }
}

/// The header of what may be RTP.
fn rtp_header(bytes: &[u8]) -> Option<Header<'_>> {
    Header::read(&mut Reader::new("RTP", bytes), &ExtensionMap::EMPTY).ok()
}

fn payload(connection: &mut Connection, at: At, side: Side, bytes: &[u8]) {
    if let Ok(packet) = rtp::view(bytes)
        && let Some(stream) = connection.streams.get_mut(&(side, packet.header.ssrc.value))
    {
        stream.payload(at, packet.payload.value);
    }
}

/// The random of a ClientHello, which is at the same place of each: in the first fragment.
fn client_random(record: &Record<'_>) -> Option<[u8; 32]> {
    let fragment = record.fragments()?.next()?.ok()?;
    if fragment.kind.value != HandshakeType::ClientHello || fragment.fragment_offset.value != 0 {
        return None;
    }
    if let Ok(Body::ClientHello(hello)) = fragment.body(Version::Dtls12) {
        return Some(hello.random.value);
    }
    fragment.bytes.value.get(2..34)?.first_chunk().copied()
}

fn first_message(record: &Record<'_>) -> Option<HandshakeType> {
    record.fragments()?.next()?.ok().map(|fragment| fragment.kind.value)
}
