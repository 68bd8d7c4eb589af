//! Reading a capture of ours: which tap saw a packet, who sent it, and what it says under its protection.

use super::wire::{Clear, Kind, Packet, Protection, Wire};
use super::{Evidence, Peer};
use crate::case::CaseFile;
use peerproof_captures::decrypt::{self, Content, Datagram, Failure, Outcome, Session};
use peerproof_captures::file::{CaptureReader, Direction, Item, LinkType};
use peerproof_captures::link::{Network, Transport};
use peerproof_captures::timeline::Entry;
use peerproof_captures::wire::demux::{self, Class};
use peerproof_captures::wire::stun::{self, AttributeType, Class as StunClass, Method};
use peerproof_captures::wire::turn;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Why a capture cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no capture, or breaks off before the first packet.
    #[error("the capture cannot be read: {0}")]
    Capture(String),
}

/// A recording, as evidence is read from it.
#[derive(Debug)]
pub struct Recorded<'a, R> {
    /// `case.json`.
    pub case: &'a CaseFile,
    /// `timeline.jsonl`.
    pub timeline: Vec<Entry>,
    /// `capture.pcapng`, if there is one.
    pub capture: Option<R>,
}

impl<R: Read> Recorded<'_, R> {
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
        Ok(Evidence::new(peers, self.timeline, wire))
    }
}

impl Wire {
    /// Reads a capture whose interfaces are named for the peers, as recordings name them: `alice (chrome)`.
    /// `epoch_us` is the zero of the case's clock in microseconds since 1970.
    ///
    /// # Errors
    /// If it is no capture.
    pub fn read(capture: impl Read, peers: &[String], epoch_us: u64) -> Result<Self, ReadError> {
        let mut reader = CaptureReader::new(capture);
        let mut taps: BTreeMap<usize, Tap> = BTreeMap::new();
        let mut interfaces: Vec<Option<Peer>> = Vec::new();
        let mut kept = Kept::default();
        let mut logs: Vec<Vec<u8>> = Vec::new();
        while let Some(item) = reader.next_item() {
            match item {
                Item::Secrets(secrets) => {
                    logs.push(secrets.data.to_vec());
                    for tap in taps.values_mut() {
                        tap.session.key_log(secrets.data, &mut |clear| kept.opened(&clear));
                    }
                }
                Item::Frame(frame) if frame.link != LinkType::WIRESHARK_UPPER_PDU => {
                    let Some(index) = frame.interface else { continue };
                    let Some(tap) = interfaces.get(index).copied().flatten() else { continue };
                    let state = taps.entry(tap.0).or_insert_with(|| Tap::new(&logs));
                    let sent = frame.direction == Some(Direction::Outbound);
                    let sender = if sent { Some(tap) } else { other(tap, peers.len()) };
                    let (Some(sender), Some(time_ns)) = (sender, frame.time_ns) else { continue };
                    let number = frame.number;
                    let Tap { network, session, servers } = state;
                    network.frame(&frame, &mut |packet| {
                        if !matches!(packet.transport, Transport::Udp | Transport::Tcp)
                            || is_multicast_dns(packet.from, packet.to)
                        {
                            return;
                        }
                        let remote = if sent { packet.to } else { packet.from };
                        if sent && asks_a_server(packet.payload) {
                            servers.insert(remote);
                        }
                        if servers.contains(&remote) {
                            kept.wire.relayed |= turn::relayed(packet.payload).is_some();
                            return;
                        }
                        let t_us = (time_ns / 1_000).saturating_sub(epoch_us);
                        kept.add(Packet {
                            frame: number,
                            t_us,
                            tap,
                            sender,
                            from: packet.from,
                            to: packet.to,
                            tcp: packet.transport == Transport::Tcp,
                            bytes: packet.payload.to_vec(),
                            protection: Protection::None,
                            clear: Vec::new(),
                        });
                        let (from, to) = if sent { (INSIDE, OUTSIDE) } else { (OUTSIDE, INSIDE) };
                        let payload = packet.payload;
                        let datagram = Datagram { time_ns, frame: number, from, to, payload };
                        let outcome = session.datagram(&datagram, &mut |clear| kept.opened(&clear));
                        kept.outcome(number, outcome, payload);
                    });
                }
                Item::Interface(_) => {}
                _ => {}
            }
            if interfaces.len() < reader.interfaces().len() {
                interfaces = reader
                    .interfaces()
                    .iter()
                    .map(|i| i.name.as_deref().and_then(|n| owner(n, peers)))
                    .collect();
            }
        }
        match reader.stop() {
            Some(stop) if reader.frames() == 0 => Err(ReadError::Capture(stop.to_string())),
            _ => Ok(kept.wire),
        }
    }
}

/// The session sees one path however often ICE changes the pair, in the middle of the handshake too: a peer of a case has
/// one connection, so whatever passes its tap belongs together.
const INSIDE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(0, 0, 0, 1)), 1);
const OUTSIDE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(0, 0, 0, 2)), 2);

/// What is followed at one tap.
struct Tap {
    network: Network,
    session: Session,
    /// Addresses of STUN and TURN servers.
    servers: BTreeSet<SocketAddr>,
}

impl Tap {
    fn new(logs: &[Vec<u8>]) -> Self {
        let mut session = Session::new();
        for log in logs {
            session.key_log(log, &mut |_| {});
        }
        Self { network: Network::new(), session, servers: BTreeSet::new() }
    }
}

/// The packets so far.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) wire: Wire,
    by_frame: BTreeMap<u64, usize>,
    bytes: usize,
}

impl Kept {
    pub(super) fn add(&mut self, packet: Packet) {
        self.bytes += packet.bytes.len();
        if self.bytes > Wire::MOST_BYTES {
            self.wire.cut = true;
            return;
        }
        self.by_frame.insert(packet.frame, self.wire.packets.len());
        self.wire.packets.push(packet);
    }

    fn packet(&mut self, frame: u64) -> Option<&mut Packet> {
        self.wire.packets.get_mut(*self.by_frame.get(&frame)?)
    }

    pub(super) fn opened(&mut self, clear: &decrypt::Clear<'_>) {
        let Some(packet) = self.packet(clear.frame) else { return };
        packet.protection = Protection::Opened;
        let kind = match clear.content {
            Content::Rtp => Kind::Rtp,
            Content::Rtcp => Kind::Rtcp,
            Content::Dtls { content_type, epoch, sequence } => Kind::Record { content_type, epoch, sequence },
        };
        packet.clear.push(Clear { kind, key_of: clear.sender, bytes: clear.bytes.to_vec() });
    }

    pub(super) fn outcome(&mut self, frame: u64, outcome: Outcome, payload: &[u8]) {
        let protection = match outcome {
            Outcome::Opened => return,
            Outcome::NotProtected if !is_media(payload) => return,
            Outcome::Failed(Failure::Authentication) => Protection::Forged,
            Outcome::Failed(_) | Outcome::Waiting | Outcome::NotProtected => Protection::NoSecret,
        };
        if let Some(packet) = self.packet(frame) {
            packet.protection = protection;
        }
    }
}

fn is_media(payload: &[u8]) -> bool {
    matches!(demux::class(payload), Class::Rtp | Class::Rtcp)
}

/// Whether a datagram is of multicast DNS (RFC 6762 §5), which is no conversation of the peers.
pub(crate) fn is_multicast_dns(from: SocketAddr, to: SocketAddr) -> bool {
    const PORT: u16 = 5353;
    from.port() == PORT || to.port() == PORT || to.ip().is_multicast()
}

/// Whose interface that is: its name is the peer's, or begins with it.
pub(crate) fn owner(interface: &str, peers: &[String]) -> Option<Peer> {
    let name = interface.split(" (").next().unwrap_or_default();
    peers.iter().position(|peer| peer == name).map(Peer)
}

fn other(peer: Peer, peers: usize) -> Option<Peer> {
    (peers == 2).then(|| Peer(1 - peer.0.min(1)))
}

/// Whether a datagram is a request to a STUN or TURN server: Binding without USERNAME, or a method of TURN.
fn asks_a_server(payload: &[u8]) -> bool {
    if demux::class(payload) != Class::Stun {
        return false;
    }
    let Ok(message) = stun::view(payload) else { return false };
    let kind = message.kind.value;
    if kind.class() != StunClass::Request {
        return false;
    }
    match kind.method() {
        Method::Binding => message.attribute(AttributeType::Username).is_none(),
        Method::Allocate | Method::Refresh => true,
        _ => false,
    }
}
