//! Filling evidence from a capture: one consumer of the [observations](peerproof_captures::observe), for recordings and for captures
//! that somebody took alike. They differ in how they recognise who is who: see [`Whose`].

use super::bytes::{Shelf, Store};
use super::counted::Counts;
use super::log::{Entry as Read, Log, Stored};
use super::references::{References, Referred};
use super::wire::{FalseSecret, Kind, Protection, Via, Way, Wire};
use super::{Evidence, Peer};
use crate::case_file::CaseFile;
use peerproof_captures::decrypt::secrets::Reported;
use peerproof_captures::decrypt::{Content, Failure, Outcome};
use peerproof_captures::file::{CaptureReader, Direction, Item, LinkType};
use peerproof_captures::link::Transport;
use peerproof_captures::observe::{Follow, Observation, Observer, Opened, Path, Relay, Sink};
use peerproof_captures::tap::AT_INTERFACE;
use peerproof_captures::timeline::Entry;
use peerproof_captures::wire::demux::Class;
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;

/// Why a capture cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no capture, or breaks off before the first packet.
    #[error("the capture cannot be read: {0}")]
    Capture(String),
    /// There is no room for its packets.
    #[error("the packets of the capture cannot be kept: {0}")]
    Store(#[from] io::Error),
}

/// A recording, as evidence is read from it.
pub struct Recorded<'a> {
    /// `case.json`.
    pub case: &'a CaseFile,
    /// `timeline.jsonl`.
    pub timeline: Vec<Entry>,
    /// `capture.pcapng`, if there is one.
    pub capture: Option<CaptureReader<'a>>,
    /// Where the bytes of its packets are kept.
    pub store: Box<dyn Store>,
}

impl Recorded<'_> {
    /// Reads everything.
    ///
    /// # Errors
    /// If there is a capture that cannot be read at all. One that breaks off gives what it has.
    pub fn evidence(self) -> Result<Evidence, ReadError> {
        let peers: Vec<String> = self.case.peers.iter().map(|peer| peer.name.clone()).collect();
        let wire = match self.capture {
            Some(capture) => Some(Wire::read(capture, &peers, self.case.epoch_us, self.store)?),
            None => None,
        };
        Ok(Evidence::new(peers, self.timeline, wire).of_case(self.case))
    }
}

impl Wire {
    /// Reads a capture whose interfaces are named for the peers, as recordings name them: `alice (chrome)`.
    /// `epoch_us` is the zero of the case's clock in microseconds since 1970; the bytes of packets are kept in `store`.
    ///
    /// # Errors
    /// If it is no capture, or the store is full.
    pub fn read(
        mut reader: CaptureReader<'_>,
        peers: &[String],
        epoch_us: u64,
        store: Box<dyn Store>,
    ) -> Result<Self, ReadError> {
        let mut observer = Observer::of_taps();
        let mut kept = Kept::new(Taps { peers: peers.len(), owners: Vec::new() }, 1, store);
        kept.epoch_us = epoch_us;
        let (mut references, mut hosts) = (References::default(), BTreeSet::new());
        let mut reported: Vec<Reported> = Vec::new();
        let mut counts = Counts::default();
        while let Some(item) = reader.next_item() {
            match item {
                Item::Secrets(secrets) => {
                    observer.secrets(&secrets, &mut kept);
                    let room = MOST_REPORTED.saturating_sub(reported.len());
                    reported.extend(Reported::all(secrets.data).take(room));
                }
                Item::Frame(frame) => {
                    counts.frame(&frame, epoch_us);
                    let owner =
                        frame.interface.and_then(|index| kept.whose.owners.get(index).copied().flatten());
                    references.frame(&frame, owner, owner.is_some_and(|owner| hosts.contains(&owner)));
                    // What is in clear there is opened from the wire again.
                    if frame.link != LinkType::WIRESHARK_UPPER_PDU {
                        observer.frame(&frame, &mut kept);
                    }
                }
                _ => {}
            }
            let known = kept.whose.owners.len();
            for (index, interface) in reader.interfaces().iter().enumerate().skip(known) {
                let owner = interface.name.as_deref().and_then(|name| owner(name, peers));
                kept.whose.owners.push(owner);
                // What a peer has on several interfaces is one place: its connection may go from one to the other.
                if let Some(Peer(place)) = owner {
                    observer.at_place(index, place);
                }
                hosts.extend(owner.filter(|_| interface.description.as_deref() == Some(AT_INTERFACE)));
            }
        }
        let unreadable = reader.stop().filter(|_| reader.frames() == 0 && reader.interfaces().is_empty());
        if let Some(stop) = unreadable {
            return Err(ReadError::Capture(stop.to_string()));
        }
        let (shelf, mut logs) = kept.close()?;
        let mut wire = logs.pop().unwrap_or_default().wire(&shelf);
        wire.defects = observer.defects(reader.stop());
        let Referred { repeated, defect, ruled, steps, carriers } = references.close();
        let closed = wire.still_closed(&carriers, peers);
        let differ = wire.clocks_differ();
        wire.defects.extend(defect.into_iter().chain(closed).chain(differ));
        wire.counted = counts.close(reader.interfaces());
        (wire.ruled, wire.hosts, wire.steps, wire.repeated) = (ruled, hosts, steps, repeated);
        wire.false_secrets = false_secrets(&observer, &reported, peers, !wire.ruled.is_empty());
        if !wire.false_secrets.is_empty() {
            // What does not open by them is no fault of who sent it.
            (0..peers.len()).for_each(|peer| wire.without_secrets(Peer(peer)));
        }
        wire.stated =
            (0..peers.len()).filter_map(|peer| Some((Peer(peer), observer.learned(peer)?.clone()))).collect();
        Ok(wire)
    }
}

/// Most secrets of which it is known which peer reported them.
const MOST_REPORTED: usize = 4_096;

/// The secrets that peers reported and that do not open what their handshake protects: the first of each. One of a handshake that is not in
/// the capture is no such secret, nor is one that was not tried. Where rules acted on packets, what does not open may be what they changed.
fn false_secrets(
    observer: &Observer,
    reported: &[Reported],
    peers: &[String],
    is_ruled: bool,
) -> Vec<FalseSecret> {
    let mut found: Vec<FalseSecret> = Vec::new();
    for Reported { by, label, client_random, secret } in reported {
        let Some(by) = peers.iter().position(|peer| peer == by).map(Peer) else { continue };
        let Some((used, tried)) = observer.tried(client_random, *label) else { continue };
        let is_used = used == *secret;
        let is_false = match tried.opened {
            0 => is_used && tried.failed > 0 && !is_ruled,
            _ => !is_used,
        };
        if is_false && !found.iter().any(|it| it.by == by) {
            let units = if is_used { tried.failed } else { tried.opened };
            found.push(FalseSecret { by, another_opens: !is_used, units });
        }
    }
    found
}

/// A datagram between two peers, or a peer and a server of it.
pub(super) struct Sighting {
    /// Which of the wires it belongs to.
    pub(super) wire: usize,
    /// At whose tap it was seen.
    pub(super) tap: Peer,
    /// Who sent it.
    pub(super) sender: Peer,
    /// Whether it goes the way that is called the first.
    pub(super) forth: bool,
    /// Whether it is between a peer and a server of it.
    pub(super) of_server: bool,
}

/// Says whose a datagram is.
pub(super) trait Whose {
    /// Nothing if it is of nobody who is judged.
    fn sighting(&mut self, seen: &Observation<'_>) -> Option<Sighting>;
}

/// Recordings: each interface is a peer's, and directions say who sent.
struct Taps {
    peers: usize,
    owners: Vec<Option<Peer>>,
}

impl Whose for Taps {
    fn sighting(&mut self, seen: &Observation<'_>) -> Option<Sighting> {
        let tap = seen.interface.and_then(|index| self.owners.get(index).copied().flatten())?;
        let ends = seen.outer.ends;
        if seen.is_plaintext() || is_multicast_dns(ends.from, ends.to) {
            return None;
        }
        let forth = seen.direction == Some(Direction::Outbound);
        let sender = if forth { tap } else { other(tap, self.peers)? };
        let of_server = match seen.path {
            Path::Direct => false,
            Path::Server => true,
            Path::Relayed(relay) => !relay.is_known,
        };
        Some(Sighting { wire: 0, tap, sender, forth, of_server })
    }
}

/// The packets so far, of one connection or of several.
pub(super) struct Kept<W> {
    pub(super) whose: W,
    pub(super) logs: Vec<Log>,
    pub(super) epoch_us: u64,
    store: Box<dyn Store>,
    /// Why something could not be kept.
    failed: Option<io::Error>,
    /// The log of the last datagram, if that was kept.
    last: Option<usize>,
}

impl<W: Whose> Kept<W> {
    /// Keeps the packets of this number of connections.
    pub(super) fn new(whose: W, connections: usize, store: Box<dyn Store>) -> Self {
        let logs = (0..connections).map(|_| Log::default()).collect();
        Self { whose, logs, epoch_us: 0, store, failed: None, last: None }
    }

    /// The logs, and where the bytes are.
    pub(super) fn close(mut self) -> Result<(Shelf, Vec<Log>), ReadError> {
        for log in &mut self.logs {
            log.flush(&mut *self.store)?;
        }
        match self.failed {
            Some(error) => Err(error.into()),
            None => Ok((Shelf::new(self.store.close()?), self.logs)),
        }
    }

    /// Keeps bytes, and what they are.
    fn keep(&mut self, log: usize, bytes: &[u8], entry: impl FnOnce(&mut Log, Stored) -> Read) {
        let Some(log) = self.logs.get_mut(log).filter(|_| self.failed.is_none()) else { return };
        let kept = self.store.put(bytes).and_then(|at| {
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let entry = entry(log, Stored { at, length });
            log.push(entry, &mut *self.store)
        });
        self.failed = kept.err();
    }

    fn t_us(&self, seen: &Observation<'_>) -> u64 {
        (seen.time_ns / 1_000).saturating_sub(self.epoch_us)
    }

    fn add(&mut self, seen: &Observation<'_>, sighting: &Sighting) -> bool {
        let class = seen.inner.class;
        if !self
            .logs
            .get_mut(sighting.wire)
            .is_some_and(|log| log.has_room(seen.frame, class, seen.inner.bytes))
        {
            return false;
        }
        let ends = seen.inner.ends;
        let via =
            |relay: Relay| Via { server: relay.server, channel: relay.channel, is_known: relay.is_known };
        let way = Way {
            tap: sighting.tap,
            sender: sighting.sender,
            from: ends.from,
            to: ends.to,
            via: seen.relay().map(via),
            tcp: seen.transport == Transport::Tcp,
        };
        let (frame, t_us) = (seen.frame, self.t_us(seen));
        self.keep(sighting.wire, seen.inner.bytes, |log, bytes| Read::Packet {
            way: log.way(way),
            frame,
            t_us,
            bytes,
        });
        true
    }

    /// Keeps a message of STUN or TURN; what else a peer and its server send each other is not read.
    fn add_of_server(&mut self, seen: &Observation<'_>, sighting: &Sighting) {
        let Some(log) = self.logs.get_mut(sighting.wire) else { return };
        log.hidden |= seen.relay().is_some();
        let class = seen.outer.class;
        if !matches!(class, Class::Stun | Class::TurnChannel) || !log.has_room(seen.frame, class, &[]) {
            return;
        }
        let (ends, tap) = (seen.outer.ends, sighting.tap);
        // Whoever the server is, it is not the peer.
        let sender = if sighting.forth { tap } else { Peer(usize::MAX) };
        let way = Way { tap, sender, from: ends.from, to: ends.to, via: None, tcp: false };
        let (frame, t_us) = (seen.frame, self.t_us(seen));
        self.keep(sighting.wire, seen.outer.bytes, |log, bytes| Read::Server {
            way: log.way(way),
            frame,
            t_us,
            bytes,
        });
    }
}

impl<W: Whose> Kept<W> {
    /// Keeps what a capture has in the clear only, as a packet without bytes of its own: what protected it is not known.
    fn add_clear(&mut self, seen: &Observation<'_>, kind: Kind) {
        // What the capture has on the wire too is opened from there.
        if seen.carried_by.is_some() {
            return;
        }
        let Some(sighting) = self.whose.sighting(seen).filter(|it| !it.of_server) else { return };
        let Some(log) = self.logs.get_mut(sighting.wire) else { return };
        log.seen += 1;
        let class = if kind == Kind::Rtp { Class::Rtp } else { Class::Dtls };
        if seen.is_cut || !log.has_room(seen.frame, class, seen.inner.bytes) {
            return;
        }
        let ends = seen.inner.ends;
        let Sighting { tap, sender, .. } = sighting;
        let way = Way { tap, sender, from: ends.from, to: ends.to, via: None, tcp: false };
        let (frame, t_us) = (seen.frame, self.t_us(seen));
        self.keep(sighting.wire, &[], |log, bytes| Read::Packet { way: log.way(way), frame, t_us, bytes });
        self.keep(sighting.wire, seen.inner.bytes, |_, bytes| Read::Clear {
            frame,
            kind,
            key_of: None,
            bytes,
        });
    }
}

/// What a plaintext interface holds.
const fn clear(transport: Transport) -> Option<Kind> {
    match transport {
        Transport::Udp | Transport::Tcp => None,
        Transport::ClearRtp => Some(Kind::Rtp),
        Transport::ClearRtcp => Some(Kind::Rtcp),
        Transport::ClearSctp => Some(Kind::Record { content_type: 23, epoch: 1, sequence: 0 }),
    }
}

impl<W: Whose> Sink for Kept<W> {
    fn datagram(&mut self, seen: &Observation<'_>) -> Follow {
        self.last = None;
        if seen.is_copy {
            return Follow::No;
        }
        if let Some(content) = clear(seen.transport) {
            self.add_clear(seen, content);
            return Follow::No;
        }
        let Some(sighting) = self.whose.sighting(seen) else { return Follow::No };
        if let Some(log) = self.logs.get_mut(sighting.wire) {
            log.seen += 1;
            if log.cut.is_some() {
                return Follow::No;
            }
        }
        // What a snap length left of a datagram is no more than that it was there; the keys may follow from it all the same.
        if sighting.of_server {
            if !seen.is_cut {
                self.add_of_server(seen, &sighting);
            }
            return Follow::No;
        }
        if !seen.is_cut && self.add(seen, &sighting) {
            self.last = Some(sighting.wire);
        }
        // The session sees one path however often ICE changes the pair, in the middle of the handshake too.
        Follow::As { path: u32::try_from(sighting.wire).unwrap_or(u32::MAX), forth: sighting.forth }
    }

    fn opened(&mut self, opened: &Opened<'_>) {
        let Some(log) = opened.path.and_then(|path| usize::try_from(path).ok()) else { return };
        let kind = match opened.content {
            Content::Rtp => Kind::Rtp,
            Content::Rtcp => Kind::Rtcp,
            Content::Dtls { content_type, epoch, sequence } => Kind::Record { content_type, epoch, sequence },
        };
        let (frame, key_of) = (opened.frame, opened.sender);
        self.keep(log, opened.bytes, |_, bytes| Read::Clear { frame, kind, key_of, bytes });
    }

    fn outcome(&mut self, seen: &Observation<'_>, outcome: Outcome, cid_length: usize) {
        let Some(log) = self.last.and_then(|index| self.logs.get_mut(index)) else { return };
        let cid_length = u8::try_from(cid_length).unwrap_or(u8::MAX);
        let protection = match outcome {
            Outcome::Opened => Protection::None,
            Outcome::NotProtected if !is_media(seen) => Protection::None,
            Outcome::Failed(Failure::Authentication) => Protection::Forged,
            Outcome::Failed(_) | Outcome::Waiting | Outcome::NotProtected => Protection::NoSecret,
        };
        if (protection, cid_length) == (Protection::None, 0) || self.failed.is_some() {
            return;
        }
        self.failed = log.push(Read::Outcome { protection, cid_length }, &mut *self.store).err();
    }
}

fn is_media(seen: &Observation<'_>) -> bool {
    matches!(seen.inner.class, Class::Rtp | Class::Rtcp)
}

/// Whether a datagram is of multicast DNS (RFC 6762 §5), which is no conversation of the peers.
fn is_multicast_dns(from: SocketAddr, to: SocketAddr) -> bool {
    const PORT: u16 = 5353;
    from.port() == PORT || to.port() == PORT || to.ip().is_multicast()
}

/// Whose interface that is: its name is the peer's, or begins with it.
fn owner(interface: &str, peers: &[String]) -> Option<Peer> {
    let name = interface.split(" (").next().unwrap_or_default();
    peers.iter().position(|peer| peer == name).map(Peer)
}

fn other(peer: Peer, peers: usize) -> Option<Peer> {
    (peers == 2).then(|| Peer(1 - peer.0.min(1)))
}

#[cfg(test)]
mod tests {
    use crate::checks::controls::Recording;
    use crate::evidence::Peer;
    use peerproof_captures::wire::demux::Class;

    #[test]
    fn what_goes_through_a_relay_is_told_between_the_peers_and_deciphered() {
        let evidence = Recording::Relay.evidence();
        let wire = evidence.wire.as_ref().unwrap();
        for (peer, other) in [(Peer(0), Peer(1)), (Peer(1), Peer(0))] {
            let relayed = &wire.stated[&peer].relayed;
            let theirs = &wire.stated[&other].relayed;
            let through: Vec<_> = wire.sent(peer).filter(|packet| packet.via.is_some()).collect();
            assert!(through.iter().all(|it| relayed.contains(&it.from) && it.tap == peer));
            let data = through.iter().filter(|it| it.class() == Class::Dtls && !it.clear.is_empty());
            assert!(data.filter(|it| theirs.contains(&it.to)).count() > 3);
            assert!(
                wire.stated[&peer]
                    .mapped
                    .iter()
                    .all(|(_, mapped)| mapped.ip().to_string().starts_with("203."))
            );
        }
    }
}
