//! Evidence out of a capture that somebody took: its connections are told apart by the trace, each is evidence of its own.
//!
//! Who made which description is what the caller says; there are no events. A capture may begin late and lack packets, so
//! what is missing in it proves nothing: [`Evidence::whole`] is false.

use super::bytes::MakeStore;
use super::read::{Kept, Sighting, Whose};
use super::{Description, Evidence, Peer, ReadError};
use peerproof_captures::decrypt::srtp::MasterKey;
use peerproof_captures::event::SdpType;
use peerproof_captures::file::{CaptureReader, Direction, Item};
use peerproof_captures::observe::{Ends, Observation, Observer};
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::trace::{Connection, Side, Trace};
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

/// Tells a flow: the interface, its ends in order, and the TURN server through which it goes.
type Key = (Option<usize>, SocketAddr, SocketAddr, Option<SocketAddr>);

fn key(interface: Option<usize>, ends: Ends) -> Key {
    let Ends { from, to, via } = ends;
    (interface, from.min(to), from.max(to), via)
}

/// The connections of a capture: the trace tells them apart by their flows.
struct Connections<'a> {
    trace: &'a Trace,
    flows: BTreeMap<Key, usize>,
}

impl<'a> Connections<'a> {
    fn of(trace: &'a Trace) -> Self {
        let flows = trace.flows.iter().enumerate();
        let flows = flows.filter(|(_, flow)| flow.connection.is_some_and(|index| index < MOST_CONNECTIONS));
        let ends = |from, to, via| Ends { from, to, via };
        let flows =
            flows.map(|(n, it)| (key(it.interface, ends(it.initiator, it.responder, it.via)), n)).collect();
        Self { trace, flows }
    }
}

impl Whose for Connections<'_> {
    fn sighting(&self, seen: &Observation<'_>) -> Option<Sighting> {
        let ends = seen.inner.ends;
        let flow = self.trace.flows.get(*self.flows.get(&key(seen.interface, ends))?)?;
        let side = flow.side(ends.from);
        let tap = match seen.direction {
            Some(Direction::Outbound) => peer(side),
            Some(Direction::Inbound) => peer(side.other()),
            None => ELSEWHERE,
        };
        let (wire, forth) = (flow.connection?, side == Side::A);
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
        let (shelf, logs) = kept.close()?;
        let given = self.descriptions;
        let connections = trace.connections.iter().zip(logs).enumerate();
        Ok(connections.filter(|(_, (_, log))| log.seen > 0).map(move |(index, (connection, log))| {
            let peers = names(connection);
            let descriptions = descriptions(&peers, given);
            let mut evidence = Evidence::new(peers, Vec::new(), Some(log.wire_apart(&shelf, make)?));
            evidence.descriptions = descriptions;
            evidence.whole = false;
            Ok((index, evidence))
        }))
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
