//! Reading a capture of ours: which tap saw a packet, who sent it, and what it says under its protection.

use super::servers::{Between, Servers};
use super::wire::{Clear, Kind, Packet, Protection, ServerMessage, Wire};
use super::{Evidence, Peer};
use crate::case_file::CaseFile;
use peerproof_captures::decrypt::{self, Content, Datagram, Failure, Outcome, Session};
use peerproof_captures::file::{CaptureReader, Direction, Frame, Item, LinkType};
use peerproof_captures::link::{Network, Transport};
use peerproof_captures::timeline::Entry;
use peerproof_captures::wire::demux::{self, Class};
use peerproof_captures::wire::turn;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

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
        let mut taps: BTreeMap<Peer, Tap> = BTreeMap::new();
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
                    let state = taps.entry(tap).or_insert_with(|| Tap::new(&logs));
                    let sent = frame.direction == Some(Direction::Outbound);
                    let sender = if sent { Some(tap) } else { other(tap, peers.len()) };
                    let (Some(sender), Some(time_ns)) = (sender, frame.time_ns) else { continue };
                    let t_us = (time_ns / 1_000).saturating_sub(epoch_us);
                    state.frame(&frame, &Seen { tap, sent, sender, time_ns, t_us }, &mut kept);
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
        kept.wire.told = taps.into_iter().map(|(peer, tap)| (peer, tap.servers.told)).collect();
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
    servers: Servers,
}

impl Tap {
    fn new(logs: &[Vec<u8>]) -> Self {
        let mut session = Session::new();
        for log in logs {
            session.key_log(log, &mut |_| {});
        }
        Self { network: Network::new(), session, servers: Servers::default() }
    }

    fn frame(&mut self, frame: &Frame<'_>, seen: &Seen, kept: &mut Kept) {
        let Self { network, session, servers } = self;
        let Seen { tap, sent, sender, time_ns, t_us } = *seen;
        let number = frame.number;
        network.frame(frame, &mut |packet| {
            if !matches!(packet.transport, Transport::Udp | Transport::Tcp)
                || is_multicast_dns(packet.from, packet.to)
            {
                return;
            }
            let (from, to, payload, via) = match servers.pass(sent, packet.from, packet.to, packet.payload) {
                Between::Peers => (packet.from, packet.to, packet.payload, None),
                Between::Relayed { from, to, data, via } => (from, to, data, Some(via)),
                Between::Server => {
                    kept.wire.hidden |= turn::relayed(packet.payload).is_some();
                    let ends = (packet.from, packet.to);
                    let (client, server) = if sent { ends } else { (ends.1, ends.0) };
                    let bytes = packet.payload.to_vec();
                    kept.add_of_server(ServerMessage {
                        frame: number,
                        t_us,
                        peer: tap,
                        sent,
                        client,
                        server,
                        bytes,
                    });
                    return;
                }
            };
            kept.add(Packet {
                frame: number,
                t_us,
                tap,
                sender,
                from,
                to,
                via,
                tcp: packet.transport == Transport::Tcp,
                bytes: payload.to_vec(),
                protection: Protection::None,
                clear: Vec::new(),
            });
            let (from, to) = if sent { (INSIDE, OUTSIDE) } else { (OUTSIDE, INSIDE) };
            let datagram = Datagram { time_ns, frame: number, from, to, payload };
            let outcome = session.datagram(&datagram, &mut |clear| kept.opened(&clear));
            kept.outcome(number, outcome, payload);
        });
    }
}

/// Where and when a frame was seen.
struct Seen {
    tap: Peer,
    sent: bool,
    sender: Peer,
    time_ns: u64,
    t_us: u64,
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

    /// Keeps a message of STUN or TURN; what else a peer and its server send each other is not read.
    fn add_of_server(&mut self, message: ServerMessage) {
        if !matches!(demux::class(&message.bytes), Class::Stun | Class::TurnChannel) {
            return;
        }
        self.bytes += message.bytes.len();
        if self.bytes > Wire::MOST_BYTES {
            self.wire.cut = true;
            return;
        }
        self.wire.servers.push(message);
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
