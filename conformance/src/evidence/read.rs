//! Filling evidence from a capture: one consumer of the [observations](peerproof_captures::observe), for recordings and for captures
//! that somebody took alike. They differ in how they tell who is who: see [`Whose`].

use super::wire::{Clear, Kind, Packet, Protection, ServerMessage, Via, Wire};
use super::{Evidence, Peer};
use crate::case_file::CaseFile;
use peerproof_captures::decrypt::{Content, Failure, Outcome};
use peerproof_captures::file::{CaptureReader, Direction, Item, LinkType};
use peerproof_captures::link::Transport;
use peerproof_captures::observe::{Follow, Observation, Observer, Opened, Path, Relay, Sink};
use peerproof_captures::timeline::Entry;
use peerproof_captures::wire::demux::Class;
use std::net::SocketAddr;

/// Why a capture cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no capture, or breaks off before the first packet.
    #[error("the capture cannot be read: {0}")]
    Capture(String),
}

/// A recording, as evidence is read from it.
pub struct Recorded<'a> {
    /// `case.json`.
    pub case: &'a CaseFile,
    /// `timeline.jsonl`.
    pub timeline: Vec<Entry>,
    /// `capture.pcapng`, if there is one.
    pub capture: Option<CaptureReader<'a>>,
}

impl Recorded<'_> {
    /// Reads everything.
    ///
    /// # Errors
    /// If there is a capture that cannot be read at all. One that breaks off gives what it has.
    pub fn evidence(self) -> Result<Evidence, ReadError> {
        let peers: Vec<String> = self.case.peers.iter().map(|peer| peer.name.clone()).collect();
        let wire = match self.capture {
            Some(capture) => Some(Wire::read(capture, &peers, self.case.epoch_us)?),
            None => None,
        };
        Ok(Evidence::new(peers, self.timeline, wire).of_case(self.case))
    }
}

impl Wire {
    /// Reads a capture whose interfaces are named for the peers, as recordings name them: `alice (chrome)`.
    /// `epoch_us` is the zero of the case's clock in microseconds since 1970.
    ///
    /// # Errors
    /// If it is no capture.
    pub fn read(mut reader: CaptureReader<'_>, peers: &[String], epoch_us: u64) -> Result<Self, ReadError> {
        let mut observer = Observer::of_taps();
        let mut kept = Kept::new(Taps { peers: peers.len(), owners: Vec::new() }, 1);
        kept.epoch_us = epoch_us;
        while let Some(item) = reader.next_item() {
            match item {
                Item::Secrets(secrets) => {
                    observer.secrets(&secrets, &mut kept);
                }
                // What is in clear there is opened from the wire again.
                Item::Frame(frame) if frame.link != LinkType::WIRESHARK_UPPER_PDU => {
                    observer.frame(&frame, &mut kept);
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
            }
        }
        let unreadable = reader.stop().filter(|_| reader.frames() == 0 && reader.interfaces().is_empty());
        if let Some(stop) = unreadable {
            return Err(ReadError::Capture(stop.to_string()));
        }
        let mut wire = kept.wires.pop().unwrap_or_default();
        wire.told =
            (0..peers.len()).filter_map(|peer| Some((Peer(peer), observer.learned(peer)?.clone()))).collect();
        Ok(wire)
    }
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

/// Tells whose a datagram is.
pub(super) trait Whose {
    /// Nothing if it is of nobody who is judged.
    fn sighting(&self, seen: &Observation<'_>) -> Option<Sighting>;
}

/// Recordings: each interface is a peer's, and directions tell who sent.
struct Taps {
    peers: usize,
    owners: Vec<Option<Peer>>,
}

impl Whose for Taps {
    fn sighting(&self, seen: &Observation<'_>) -> Option<Sighting> {
        let tap = seen.interface.and_then(|index| self.owners.get(index).copied().flatten())?;
        let ends = seen.outer.ends;
        if is_multicast_dns(ends.from, ends.to) {
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
    pub(super) wires: Vec<Wire>,
    pub(super) epoch_us: u64,
    /// Bytes kept, of all together.
    bytes: usize,
    /// The wire of the last datagram, if that was kept.
    last: Option<usize>,
}

impl<W: Whose> Kept<W> {
    /// Keeps the packets of so many connections.
    pub(super) fn new(whose: W, wires: usize) -> Self {
        let wires = (0..wires).map(|_| Wire::default()).collect();
        Self { whose, wires, epoch_us: 0, bytes: 0, last: None }
    }

    /// The wire of that number, with room for so many bytes more.
    fn room(&mut self, index: usize, bytes: usize) -> Option<&mut Wire> {
        let wire = self.wires.get_mut(index)?;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > Wire::MOST_BYTES {
            wire.cut = true;
            return None;
        }
        Some(wire)
    }

    fn add(&mut self, seen: &Observation<'_>, sighting: &Sighting) -> bool {
        let t_us = (seen.time_ns / 1_000).saturating_sub(self.epoch_us);
        let Some(wire) = self.room(sighting.wire, seen.inner.bytes.len()) else { return false };
        let via = |relay: Relay| Via { server: relay.server, channel: relay.channel };
        wire.packets.push(Packet {
            frame: seen.frame,
            t_us,
            tap: sighting.tap,
            sender: sighting.sender,
            from: seen.inner.ends.from,
            to: seen.inner.ends.to,
            via: seen.relay().map(via),
            tcp: seen.transport == Transport::Tcp,
            bytes: seen.inner.bytes.to_vec(),
            cid_length: 0,
            protection: Protection::None,
            clear: Vec::new(),
        });
        true
    }

    /// Keeps a message of STUN or TURN; what else a peer and its server send each other is not read.
    fn add_of_server(&mut self, seen: &Observation<'_>, sighting: &Sighting) {
        if seen.relay().is_some()
            && let Some(wire) = self.wires.get_mut(sighting.wire)
        {
            wire.hidden = true;
        }
        if !matches!(seen.outer.class, Class::Stun | Class::TurnChannel) {
            return;
        }
        let t_us = (seen.time_ns / 1_000).saturating_sub(self.epoch_us);
        let (ends, bytes) = (seen.outer.ends, seen.outer.bytes);
        let Some(wire) = self.room(sighting.wire, bytes.len()) else { return };
        let (client, server) = if sighting.forth { (ends.from, ends.to) } else { (ends.to, ends.from) };
        wire.servers.push(ServerMessage {
            frame: seen.frame,
            t_us,
            peer: sighting.tap,
            sent: sighting.forth,
            client,
            server,
            bytes: bytes.to_vec(),
        });
    }
}

impl<W: Whose> Sink for Kept<W> {
    fn datagram(&mut self, seen: &Observation<'_>) -> Follow {
        self.last = None;
        if seen.is_plaintext() || seen.is_copy {
            return Follow::No;
        }
        let Some(sighting) = self.whose.sighting(seen) else { return Follow::No };
        if let Some(wire) = self.wires.get_mut(sighting.wire) {
            wire.seen += 1;
        }
        if sighting.of_server {
            self.add_of_server(seen, &sighting);
            return Follow::No;
        }
        if self.add(seen, &sighting) {
            self.last = Some(sighting.wire);
        }
        // The session sees one path however often ICE changes the pair, in the middle of the handshake too.
        Follow::As { path: u32::try_from(sighting.wire).unwrap_or(u32::MAX), forth: sighting.forth }
    }

    fn opened(&mut self, opened: &Opened<'_>) {
        let wire = opened.path.and_then(|path| self.wires.get_mut(usize::try_from(path).ok()?));
        let Some(packet) = wire.and_then(|wire| wire.of_frame(opened.frame)) else { return };
        packet.protection = Protection::Opened;
        let kind = match opened.content {
            Content::Rtp => Kind::Rtp,
            Content::Rtcp => Kind::Rtcp,
            Content::Dtls { content_type, epoch, sequence } => Kind::Record { content_type, epoch, sequence },
        };
        packet.clear.push(Clear { kind, key_of: opened.sender, bytes: opened.bytes.to_vec() });
    }

    fn outcome(&mut self, seen: &Observation<'_>, outcome: Outcome, cid_length: usize) {
        let wire = self.last.and_then(|index| self.wires.get_mut(index));
        let Some(packet) = wire.and_then(|wire| wire.packets.last_mut()) else { return };
        packet.cid_length = cid_length;
        packet.protection = match outcome {
            Outcome::Opened => return,
            Outcome::NotProtected if !is_media(seen) => return,
            Outcome::Failed(Failure::Authentication) if !seen.is_cut => Protection::Forged,
            Outcome::Failed(_) | Outcome::Waiting | Outcome::NotProtected => Protection::NoSecret,
        };
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
}
