//! The packets between the peers, with what could be decrypted of them.
//!
//! A packet may have been seen at both ends. What a peer sent is taken as it was seen at that peer's own tap, or, if there
//! was none, at the other's: then what was lost or changed on the way cannot be distinguished from what the peer did.

use super::bytes::Bytes;
use super::{LearnedAddresses, Peer, StepSeen};
use crate::case_file::Counted;
use peerproof_captures::decrypt::Side;
use peerproof_captures::observe::Defect;
use peerproof_captures::wire::demux::{self, Class};
use peerproof_captures::wire::dtls::{self, Records};
use peerproof_captures::wire::{rtcp, rtp, sctp, stun};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

/// Plaintext out of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clear {
    /// What it is.
    pub kind: Kind,
    /// Whose write key opened it, if the key came from a handshake.
    pub key_of: Option<Side>,
    /// Its bytes.
    pub bytes: Bytes,
}

/// What plaintext is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An RTP packet.
    Rtp,
    /// A compound RTCP packet.
    Rtcp,
    /// The content of a DTLS record.
    Record {
        /// Its content type (RFC 5246 §6.2.1).
        content_type: u8,
        /// The epoch that protected it.
        epoch: u64,
        /// Its number within the epoch.
        sequence: u64,
    },
}

/// How a packet's protection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Nothing in it is protected, or not by DTLS or SRTP.
    None,
    /// It was opened: see [`Packet::clear`].
    Opened,
    /// The secret is not known.
    NoSecret,
    /// It does not authenticate under the secret that belongs to it.
    Forged,
}

/// How a packet went through a TURN server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Via {
    /// The server.
    pub server: SocketAddr,
    /// The channel, or nothing if it went in a Send or Data indication (RFC 8656 §12).
    pub channel: Option<u16>,
    /// Whether the allocation and the peer were seen; else the addresses are stand-ins.
    pub is_known: bool,
}

/// A message of STUN or TURN between a peer and one of its servers, as seen at the peer's tap.
#[derive(Debug, Clone)]
pub struct ServerMessage {
    /// Number of its frame in the capture, from one.
    pub frame: u64,
    /// Microseconds since the case began.
    pub t_us: u64,
    /// Whose server it is.
    pub peer: Peer,
    /// Whether the peer sent it.
    pub sent: bool,
    /// The peer's address.
    pub client: SocketAddr,
    /// The server's.
    pub server: SocketAddr,
    /// The message.
    pub bytes: Bytes,
}

/// The way of packets: who sent them, from where to where, and where they were seen. Packets share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    /// At whose tap they were seen.
    pub tap: Peer,
    /// Who sent them.
    pub sender: Peer,
    /// Source address, as seen there.
    pub from: SocketAddr,
    /// Destination address.
    pub to: SocketAddr,
    /// The TURN server of the peer at whose tap they were seen, if they went through that. The addresses are those of the peers then,
    /// and the bytes are what is relayed.
    pub via: Option<Via>,
    /// Whether they came over TCP, framed (RFC 4571), instead of as datagrams.
    pub tcp: bool,
}

/// A packet. It has what its [`Way`] has.
#[derive(Debug, Clone)]
pub struct Packet {
    /// Number of its frame in the capture, from one.
    pub frame: u64,
    /// Microseconds since the case began.
    pub t_us: u64,
    /// Who sent it, from where to where, and where it was seen.
    pub way: Arc<Way>,
    /// The datagram's payload.
    pub bytes: Bytes,
    /// Length of the connection IDs in its DTLS records, in bytes; zero if there are none or the handshake was not seen.
    pub cid_length: u8,
    /// How its protection stands.
    pub protection: Protection,
    /// What could be decrypted.
    pub clear: Vec<Clear>,
}

impl Deref for Packet {
    type Target = Way;

    fn deref(&self) -> &Way {
        &self.way
    }
}

/// For tests, which change recordings.
#[cfg(test)]
impl std::ops::DerefMut for Packet {
    fn deref_mut(&mut self) -> &mut Way {
        Arc::make_mut(&mut self.way)
    }
}

impl Packet {
    /// What its first byte says that it is (RFC 7983).
    #[must_use]
    pub fn class(&self) -> Class {
        demux::class(&self.bytes)
    }

    /// Its DTLS records, with what stops reading them.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        dtls::Datagram::at(&self.bytes, 0, self.cid_length.into()).records()
    }

    /// Whether its addresses are those of the peers: it was not relayed, or the allocation was seen.
    #[must_use]
    pub fn knows_its_ends(&self) -> bool {
        self.via.is_none_or(|via| via.is_known)
    }

    /// Whether it goes the same path as another, in either direction.
    #[must_use]
    pub fn shares_path(&self, other: &Self) -> bool {
        (self.from, self.to) == (other.from, other.to) || (self.from, self.to) == (other.to, other.from)
    }
}

/// A secret that a peer reported of a handshake in the capture, and that does not open what that protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FalseSecret {
    /// Who reported it.
    pub by: Peer,
    /// Whether another secret of the same handshake opens what this one does not.
    pub another_opens: bool,
    /// How many records and packets it does not open, or the other one opens, at all places of observation together.
    pub units: u64,
}

/// The packets between the peers, in the order of the capture.
#[derive(Debug, Clone, Default)]
pub struct Wire {
    /// The packets.
    pub packets: Vec<Packet>,
    /// What the peers and their servers said to each other, without what they relayed.
    pub servers: Vec<ServerMessage>,
    /// The addresses that servers reported to the peers, by the peer at whose tap it was seen.
    pub stated: BTreeMap<Peer, LearnedAddresses>,
    /// Datagrams that were seen, those that are not kept among them.
    pub seen: u64,
    /// Whether there were more than are kept: nothing behind the first that is not.
    pub cut: bool,
    /// Whether some went through a TURN server without showing between whom: those are not among the packets.
    pub hidden: bool,
    /// What makes the capture less than what was on the wire. Datagrams of which a snap length cut the end off are not among the packets.
    pub defects: Vec<Defect>,
    /// The secrets that peers reported and that are not those of their handshakes, in a recording of ours.
    pub false_secrets: Vec<FalseSecret>,
    /// The frames that say that a rule acted on them, in a recording of ours.
    pub ruled: BTreeSet<u64>,
    /// The packets with the comments of steps, in a recording of ours.
    pub steps: Vec<StepSeen>,
    /// What each interface has, by its name, in a recording of ours.
    pub counted: BTreeMap<String, Counted>,
    /// The first frame that has time and content of one before it, though no link of the lab may have made two of one.
    pub repeated: Option<u64>,
    /// The peers whose every packet passes an interface of the capture, in a recording of ours: those in the network lab.
    pub hosts: BTreeSet<Peer>,
}

impl Wire {
    /// Most packets and messages of a connection that are kept: each takes some 100 bytes of memory, and somewhat more while a check
    /// compares it with others. Those of many minutes are fewer.
    pub const MOST_PACKETS: usize = 400_000;

    /// Most STUN messages among them: checks compare each transaction with others, which takes up to a kilobyte a message. Consent of half a
    /// day takes fewer.
    pub const MOST_STUN: usize = 50_000;

    /// Most RTP sources among them: checks know up to a kilobyte of each. No session of people has as many.
    pub const MOST_SOURCES: usize = 4_096;

    /// The secrets are not those of what a peer sent: its packets do not open, and nothing follows from that.
    pub(super) fn without_secrets(&mut self, peer: Peer) {
        let forged = |it: &&mut Packet| it.sender == peer && it.protection == Protection::Forged;
        self.packets.iter_mut().filter(forged).for_each(|it| it.protection = Protection::NoSecret);
    }

    /// Whether nothing that a peer sent while this was recorded can be missing: it was recorded where it was sent.
    #[must_use]
    pub fn records_all_sent_by(&self, peer: Peer) -> bool {
        !self.cut && !self.hidden && !self.hides_packets() && self.is_tapped(peer)
    }

    /// Whether packets, or parts of them, may be missing that were on the wire.
    #[must_use]
    pub fn hides_packets(&self) -> bool {
        self.defects.iter().any(Defect::hides_packets)
    }

    /// Packets that were opened when they were recorded, and that the secrets of the capture do not open.
    pub(super) fn still_closed(&self, opened: &BTreeSet<u64>, peers: &[String]) -> Option<Defect> {
        let closed = |it: &&Packet| it.protection != Protection::Opened && opened.contains(&it.frame);
        let mut closed = self.packets.iter().filter(closed);
        let first = closed.next()?;
        let of = peers.get(first.sender.0).cloned().unwrap_or_default();
        Some(Defect::WrongSecrets { of, units: 1 + closed.count() as u64 })
    }

    /// A packet that arrived at one tap by a time, in microseconds, and the other has none with the same payload that left: by its frame and
    /// time.
    pub(super) fn arrives_from_nowhere(
        &self,
        unreadable: &BTreeSet<SocketAddr>,
        by_us: u64,
    ) -> Option<(u64, u64)> {
        let outward = self.packets.iter().filter(|packet| packet.tap == packet.sender);
        let left: HashSet<(Peer, &[u8])> = outward.map(|it| (it.sender, it.bytes.as_slice())).collect();
        let inward = self.packets.iter().filter(|packet| packet.tap != packet.sender && !packet.tcp);
        let mut inward = inward.filter(|it| it.t_us <= by_us && !unreadable.contains(&it.from));
        let stray =
            inward.find(|it| self.sees(it.sender) && !left.contains(&(it.sender, it.bytes.as_slice())));
        stray.map(|it| (it.frame, it.t_us))
    }

    /// The packet whose arrival at one tap is the most before its departure at the other, if most that go that way are so. Packets are the same if
    /// their payload is, since a NAT may be between the taps; one that was sent twice may be missing once.
    pub(super) fn clocks_differ(&self) -> Option<Defect> {
        const BY: u64 = 1_000;
        let mut left: HashMap<(Peer, &[u8]), u64> = HashMap::new();
        for packet in self.packets.iter().filter(|packet| packet.tap == packet.sender) {
            let at = left.entry((packet.sender, packet.bytes.as_slice())).or_insert(packet.t_us);
            *at = packet.t_us.min(*at);
        }
        #[derive(Default)]
        struct Arrivals {
            all: u64,
            early: u64,
            /// The frame that is the earliest, and by how much.
            worst: Option<(u64, u64)>,
        }
        let mut ways: BTreeMap<Peer, Arrivals> = BTreeMap::new();
        for packet in self.packets.iter().filter(|packet| packet.tap != packet.sender) {
            let Some(left) = left.get(&(packet.sender, packet.bytes.as_slice())) else { continue };
            let by = left.saturating_sub(packet.t_us);
            let arrivals = ways.entry(packet.sender).or_default();
            arrivals.all += 1;
            if by > BY {
                arrivals.early += 1;
                if arrivals.worst.is_none_or(|(_, worst)| by > worst) {
                    arrivals.worst = Some((packet.frame, by));
                }
            }
        }
        let wrong = ways.into_values().filter(|it| 2 * it.early > it.all);
        let (frame, by_us) = wrong.filter_map(|it| it.worst).max_by_key(|(_, by)| *by)?;
        Some(Defect::ClocksDiffer { frame, by_us })
    }

    /// The last packet of a frame.
    pub(super) fn of_frame(&mut self, frame: u64) -> Option<&mut Packet> {
        // They stand in the order of their frames.
        let behind = self.packets.partition_point(|packet| packet.frame <= frame);
        self.packets.get_mut(behind.checked_sub(1)?).filter(|packet| packet.frame == frame)
    }

    /// Whether a peer's own tap was recorded.
    #[must_use]
    pub fn is_tapped(&self, peer: Peer) -> bool {
        self.packets.iter().any(|packet| packet.tap == peer)
    }

    /// Everything between the peers as seen nearest to `peer`, sent and received.
    pub fn at(&self, peer: Peer) -> impl Iterator<Item = &Packet> {
        let own = self.is_tapped(peer);
        self.packets.iter().filter(move |packet| (packet.tap == peer) == own)
    }

    /// What a peer sent, as seen nearest to it.
    pub fn sent(&self, peer: Peer) -> impl Iterator<Item = &Packet> {
        self.at(peer).filter(move |packet| packet.sender == peer)
    }

    /// The STUN messages between the peers as seen nearest to `peer`.
    pub fn stun(&self, peer: Peer) -> impl Iterator<Item = (&Packet, stun::Message<'_>)> {
        self.at(peer)
            .filter(|packet| packet.class() == Class::Stun)
            .filter_map(|packet| Some((packet, stun::view(&packet.bytes).ok()?)))
    }

    /// The STUN messages between a peer and its servers, without what they relayed.
    pub fn with_servers(&self, peer: Peer) -> impl Iterator<Item = (&ServerMessage, stun::Message<'_>)> {
        let own = self.servers.iter().filter(move |message| message.peer == peer);
        own.filter_map(|message| Some((message, stun::view(&message.bytes).ok()?)))
    }

    /// The RTP packets that a peer sent, as far as they could be decrypted.
    pub fn rtp(&self, peer: Peer) -> impl Iterator<Item = (&Packet, &[u8])> {
        self.clear(peer, Kind::Rtp)
    }

    /// The compound RTCP packets that a peer sent, as far as they could be decrypted.
    pub fn rtcp(&self, peer: Peer) -> impl Iterator<Item = (&Packet, rtcp::Compound<'_>)> {
        self.clear(peer, Kind::Rtcp).map(|(packet, bytes)| (packet, rtcp::view(bytes)))
    }

    /// The RTP packets that a peer sent and that can be read.
    pub fn rtp_read(&self, peer: Peer) -> impl Iterator<Item = (&Packet, rtp::Packet<'_>)> {
        self.rtp(peer).filter_map(|(packet, bytes)| Some((packet, rtp::view(bytes).ok()?)))
    }

    /// Whether what DTLS protects is SCTP: application data may be of any protocol. If one of the first records is, so are all.
    #[must_use]
    pub fn carries_sctp(&self) -> bool {
        let data = self.packets.iter().flat_map(|packet| &packet.clear).filter(|it| it.is_application_data());
        data.take(MOST_LOOKED_AT).any(|clear| sctp::looks_like_sctp(&clear.bytes))
    }

    /// The SCTP packets between the peers as seen nearest to `peer`, as far as they could be decrypted.
    pub fn sctp(&self, peer: Peer) -> impl Iterator<Item = (&Packet, sctp::Packet<'_>)> {
        let carried = self.carries_sctp();
        self.at(peer).filter(move |_| carried).flat_map(|packet| {
            let application = packet.clear.iter().filter(|clear| clear.is_application_data());
            application.filter_map(move |clear| Some((packet, sctp::view(&clear.bytes).ok()?)))
        })
    }

    fn clear(&self, peer: Peer, kind: Kind) -> impl Iterator<Item = (&Packet, &[u8])> {
        self.sent(peer).flat_map(move |packet| {
            let wanted = packet.clear.iter().filter(move |clear| clear.kind == kind);
            wanted.map(move |clear| (packet, &*clear.bytes))
        })
    }
}

/// How many records of application data are looked at to find out what they are.
const MOST_LOOKED_AT: usize = 64;

impl Clear {
    /// Whether it is the content of a DTLS record of application data: SCTP, in WebRTC.
    #[must_use]
    pub fn is_application_data(&self) -> bool {
        const APPLICATION_DATA: u8 = 23;
        matches!(self.kind, Kind::Record { content_type: APPLICATION_DATA, .. })
    }
}
