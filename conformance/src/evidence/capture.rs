//! Evidence out of a capture that somebody took: its connections are distinguished by the trace, each is evidence of its own.
//!
//! Who made which description is what the caller says; there are no events. A capture may begin late and lack packets, so
//! what is missing in it proves nothing: [`Evidence::whole`] is false.

use super::bytes::MakeStore;
use super::read::{Kept, Sighting, Whose};
use super::{Defect, Description, Evidence, Peer, ReadError, Wire, gone};
use peerproof_captures::decrypt::srtp::MasterKey;
use peerproof_captures::event::SdpType;
use peerproof_captures::file::{CaptureReader, Direction, Item};
use peerproof_captures::observe::{Ends, Observation, Observer};
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::trace::{Carrier, Connection, Side, Sights, Trace};
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::record::Record;
use std::collections::BTreeMap;
use std::net::SocketAddr;

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
    /// Where the bytes of its packets are kept: those of all connections while it is read, then those of one at a time.
    pub store: MakeStore,
}

/// Most connections of a capture that are judged.
pub const MOST_CONNECTIONS: usize = 256;

/// Identifies a flow: the interface, its ends in order, and the TURN server through which it goes.
type Key = (Option<usize>, SocketAddr, SocketAddr, Option<SocketAddr>);

fn key(interface: Option<usize>, ends: Ends) -> Key {
    let Ends { from, to, via } = ends;
    (interface, from.min(to), from.max(to), via)
}

/// The connections of a capture: the trace distinguishes them by their flows.
struct Connections<'a> {
    trace: &'a Trace,
    flows: BTreeMap<Key, usize>,
    /// Whether each connection was seen on both sides of a NAT.
    beyond_nat: Vec<bool>,
    sights: Sights,
}

impl<'a> Connections<'a> {
    fn of(trace: &'a Trace) -> Self {
        let flows = trace.flows.iter().enumerate();
        let flows = flows.filter(|(_, flow)| flow.connection.is_some_and(|index| index < MOST_CONNECTIONS));
        let ends = |from, to, via| Ends { from, to, via };
        let flows =
            flows.map(|(n, it)| (key(it.interface, ends(it.initiator, it.responder, it.via)), n)).collect();
        let beyond_nat = (0..trace.connections.len()).map(|index| trace.is_beyond_nat(index)).collect();
        Self { trace, flows, beyond_nat, sights: Sights::default() }
    }
}

impl Whose for Connections<'_> {
    fn sighting(&mut self, seen: &Observation<'_>) -> Option<Sighting> {
        let ends = seen.inner.ends;
        let number = *self.flows.get(&key(seen.interface, ends))?;
        let flow = self.trace.flows.get(number)?;
        // What is in the clear beside what was on the wire is opened from there.
        if seen.is_plaintext() != (flow.carrier == Carrier::Plaintext) {
            return None;
        }
        let side = flow.side(ends.from);
        let tap = match seen.direction {
            _ if flow.is_seen_both_ways => ELSEWHERE,
            Some(Direction::Outbound) => peer(side),
            Some(Direction::Inbound) => peer(side.other()),
            None => ELSEWHERE,
        };
        let (wire, forth) = (flow.connection?, side == Side::A);
        // What was sent once is there once: as it was on its sender's side of a NAT, and a response as it was on the side of its request.
        if self.beyond_nat.get(wire).is_some_and(|beyond| *beyond) {
            let (at, bytes) = ((seen.frame, seen.time_ns), seen.inner.bytes);
            let is_second = match seen.inner.class {
                Class::Stun => self.sights.is_other_transaction_sight(wire, number, bytes),
                _ => self.sights.take(at, (wire, side), number, bytes).is_some(),
            };
            if is_second {
                return None;
            }
        }
        Some(Sighting { wire, tap, sender: peer(side), forth, of_server: false })
    }
}

impl<'a> Captured<'a> {
    /// Evidence of each connection with packets, beside its index in the trace: one after the other, so that only one need be in
    /// memory.
    ///
    /// # Errors
    /// If it is no capture, or a store is full. One that breaks off gives what it has.
    pub fn evidence(
        self,
    ) -> Result<impl Iterator<Item = Result<(usize, Evidence), ReadError>> + use<'a>, ReadError> {
        let make = self.store;
        let trace = self.trace;
        let connections = trace.connections.len().min(MOST_CONNECTIONS);
        let mut kept = Kept::new(Connections::of(trace), connections, make(None));
        kept.epoch_us = trace.first.unwrap_or_default().ns / 1_000;
        let mut observer = Observer::new();
        if let Some(ends) = &trace.ends {
            observer.at_both_ends(ends.clone());
        }
        observer.key_log(self.key_log, &mut kept);
        for key in self.srtp_keys {
            observer.srtp_key(*key);
        }
        let mut reader = self.capture;
        while let Some(item) = reader.next_item() {
            match item {
                Item::Interface(index) => {
                    let name = reader.interfaces().get(index).and_then(|interface| interface.name.clone());
                    observer.interface(index, &name.unwrap_or_default());
                }
                Item::Secrets(secrets) => {
                    observer.secrets(&secrets, &mut kept);
                }
                Item::Frame(frame) => {
                    observer.frame(&frame, &mut kept);
                }
                _ => {}
            }
        }
        if let (Some(stop), 0) = (reader.stop(), reader.frames()) {
            return Err(ReadError::Capture(stop.to_string()));
        }
        let defects = observer.defects(reader.stop());
        let (shelf, logs) = kept.close()?;
        let given = self.descriptions;
        let connections = trace.connections.iter().zip(logs).enumerate();
        Ok(connections.filter(|(_, (_, log))| log.seen > 0).map(move |(index, (connection, log))| {
            let peers = names(connection);
            let descriptions = descriptions(connection, &peers, given);
            let mut wire = log.wire_apart(&shelf, make)?;
            wire.defects.clone_from(&defects);
            let mut evidence = Evidence::new(peers, Vec::new(), Some(wire));
            evidence.descriptions = descriptions;
            evidence.whole = false;
            evidence.recognised = Some(connection.recognised);
            evidence.limit();
            Ok((index, evidence))
        }))
    }
}

impl Evidence {
    /// Looks for what the packets of one connection show of the limits of a capture that somebody took.
    fn limit(&mut self) {
        let mut found = Vec::new();
        let Some(wire) = &self.wire else { return };
        for peer in [Peer(0), Peer(1)] {
            let silent = wire.packets.iter().all(|packet| packet.sender != peer);
            if silent && !wire.packets.is_empty() {
                let silent = self.peers.get(peer.0).cloned().unwrap_or_default();
                found.push(Defect::OneDirection { silent });
            }
        }
        let first =
            wire.packets.iter().find(|packet| packet.class() == Class::Dtls).map(|packet| packet.frame);
        let [one, other] = [Peer(0), Peer(1)].map(|peer| self.first_handshake(peer).client());
        if let (Some(frame), None) = (first, one.or(other)) {
            found.push(Defect::Late { frame });
        }
        found.extend([Peer(0), Peer(1)].into_iter().filter_map(|peer| self.lost(wire, peer)));
        found.extend(wire.clocks_differ());
        for peer in [Peer(0), Peer(1)] {
            if let Some(defect) = gone::wrong_secrets(self, peer) {
                // Nobody can distinguish it from secrets of another session.
                self.wire.iter_mut().for_each(|wire| wire.without_secrets(peer));
                found.push(defect);
            }
        }
        self.defects.extend(found);
    }
}

impl Evidence {
    /// The records of a peer that are missing by their numbers, of one handshake and behind it.
    fn lost(&self, wire: &Wire, peer: Peer) -> Option<Defect> {
        /// Numbers that leap by more are those of another connection.
        const MOST: u64 = 1_000;
        let mut newest: BTreeMap<u16, u64> = BTreeMap::new();
        let (mut records, mut first) = (0, None);
        for packet in wire.sent(peer).filter(|packet| packet.class() == Class::Dtls) {
            for record in packet.records().map_while(Result::ok) {
                let Record::Plain(plain) = record else { continue };
                let (epoch, number) = (plain.epoch.value, plain.sequence.value);
                let before = newest.entry(epoch).or_insert(number);
                let missing = number.saturating_sub(*before).saturating_sub(1);
                if (1..=MOST).contains(&missing) {
                    records += missing;
                    first.get_or_insert(packet.frame);
                }
                *before = number.max(*before);
            }
        }
        first.map(|frame| Defect::Lost { of: self.name(peer).to_owned(), records, frame })
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

/// The descriptions of a connection's peers. Of several sessions of one peer only those are, one of whose ufrags its checks had.
fn descriptions(
    connection: &Connection,
    peers: &[String],
    given: &[(String, SessionDescription)],
) -> Vec<Description> {
    let made = given.iter().enumerate().filter_map(|(entry, (name, sdp))| {
        let by = Peer(peers.iter().position(|peer| peer == name)?);
        let side = if by.0 == 0 { Side::A } else { Side::B };
        belongs(connection, side, sdp, given).then_some(())?;
        let setup = (0..sdp.media().len()).find_map(|index| sdp.effective_value(index, "setup"));
        let kind =
            if setup.is_none_or(|setup| setup == "actpass") { SdpType::Offer } else { SdpType::Answer };
        let to = Some(Peer(1 - by.0.min(1)));
        let entry = entry as u64;
        Some(Description { by, to, kind, sdp: sdp.clone(), munged: false, delivered: None, entry, t_us: 0 })
    });
    made.collect()
}

/// Whether a description is of a side of a connection: it, or another of its session (the same `o=` line but for the version, RFC 9429
/// §5.2.1), has a ufrag that the side used in its checks.
#[must_use]
pub fn belongs(
    connection: &Connection,
    side: Side,
    sdp: &SessionDescription,
    given: &[(String, SessionDescription)],
) -> bool {
    let peer = connection.peers.of(side);
    let Some(name) = &peer.name else { return false };
    let used = |sdp: &SessionDescription| {
        let mut ufrags = (0..sdp.media().len()).filter_map(|at| sdp.effective_value(at, "ice-ufrag"));
        ufrags.any(|ufrag| peer.ufrags.iter().any(|used| used == ufrag))
    };
    let session = session(sdp);
    let of_session = |it: &SessionDescription| session.is_some() && self::session(it) == session;
    used(sdp) || given.iter().any(|(of, other)| of == name && of_session(other) && used(other))
}

/// The `o=` line without its version, which rises from description to description.
#[must_use]
pub fn session(sdp: &SessionDescription) -> Option<String> {
    let origin = sdp.session().lines_of('o').next()?.raw.to_owned();
    let words: Vec<&str> = origin.split(' ').enumerate().filter(|(n, _)| *n != 2).map(|(_, it)| it).collect();
    Some(words.join(" "))
}
