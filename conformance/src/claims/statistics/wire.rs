//! What the packets show of a peer at the times of its readings.

use super::{Reading, Session};
use crate::evidence::{Kind, Packet, Peer, Unsent, Wire};
use peerproof_captures::timeline::What;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::{rtp, stun};
use std::collections::{BTreeMap, BTreeSet};

/// How old what a peer reports may be, in microseconds: implementations keep a report for 50 ms, and collect it from several threads.
pub(super) const OLDEST_US: u64 = 300_000;

/// How many times more than what arrived a peer may have sent whose own tap was not recorded: nothing is lost on the way between processes of
/// one machine, but for what its sockets cannot take.
const UNSEEN: f64 = 2.0;

/// As many times a delay is prolonged by what was recorded during it; then it lasts until the last packet.
const MOST_PROLONGED: usize = 256;

/// Most bytes that a packet has.
const LARGEST: u64 = 1_500;

/// Most packets that a rule makes of one.
const ADDED: f64 = 8.0;

/// What was counted by a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Count {
    pub(super) packets: u64,
    /// Of the payload: without headers and, where it could be decrypted, without padding.
    pub(super) bytes: u64,
    /// The same with headers.
    pub(super) whole: u64,
    /// Different timestamps: frames.
    pub(super) frames: u64,
}

impl Count {
    /// Nothing limits it.
    const ANY: Self = Self { packets: u64::MAX, bytes: u64::MAX, whole: u64::MAX, frames: u64::MAX };
}

/// Between which values a counter may be in a reading.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Span {
    pub(super) least: Count,
    pub(super) most: Count,
}

/// Packets in one direction at the time of each reading.
#[derive(Debug, Clone, Default)]
pub(super) struct Flow {
    /// Of each stream, by SSRC.
    pub(super) streams: BTreeMap<u32, Span>,
    /// Of everything but STUN.
    pub(super) payload: Span,
    /// Of everything.
    pub(super) all: Span,
    /// Datagrams of RTCP, at most.
    pub(super) rtcp: u64,
    /// Requests and responses of STUN, at most.
    pub(super) requests: u64,
    pub(super) responses: u64,
    /// How many times what is in it may have been there.
    pub(super) factor: f64,
    /// Whether packets were lost, so that a sender may hold frames back that it has counted.
    pub(super) held_back: bool,
}

/// What the wire shows of a peer, reading by reading.
pub(super) struct Seen {
    /// By the entry of the answer: sent, received.
    by_reading: BTreeMap<u64, (Option<Flow>, Flow)>,
    /// The SSRCs of all that was sent and all that was received, with their payload types.
    streams: [BTreeMap<u32, BTreeSet<u8>>; 2],
    /// Whether a rule of the scenario acted on packets: then what left one peer is not what arrived at the other.
    pub(super) faulted: bool,
    /// Packets that rules may have added: each time that one acted, some.
    pub(super) acted: f64,
}

impl Seen {
    /// The packets of a peer; nothing if none were captured at it or the other.
    pub(super) fn of(session: &Session<'_>, place: usize, readings: &[Reading<'_>]) -> Option<Self> {
        let wire = session.record.packets().filter(|_| !readings.is_empty())?;
        let (own, other) = (Peer(place), Peer(1 - place.min(1)));
        // What goes through a server over TLS cannot be read.
        let uses_tls = session.peers().any(|(peer, _)| session.may_use_tls(&peer.name));
        if session.record.file.peers.len() != 2 || wire.cut || wire.hidden || uses_tls {
            return None;
        }
        let lost = session.disturbed();
        let gone_us = session.record.file.peers.get(other.0).and_then(|peer| {
            let lost_us = session.views.get(&peer.name)?.lost.as_ref().map(|lost| lost.t_us);
            [session.closed_us(&peer.name), lost_us].into_iter().flatten().min()
        });
        let peer = session.record.file.peers.get(place);
        let unsent = peer.map(|peer| Unsent::of(&session.record.timeline, &peer.name)).unwrap_or_default();
        let ended_us = session.record.file.peers.get(place).and_then(|peer| session.ended_us(&peer.name));
        let last_us = wire.packets.iter().map(|packet| packet.t_us).max().unwrap_or_default();
        let checks_unseen = peer.is_some_and(|peer| session.may_check_loopback(&peer.name));
        let mut by_reading = BTreeMap::new();
        for reading in readings {
            let from = reading.asked_us.saturating_sub(OLDEST_US);
            let stalled = session.stalled(from, reading.answered_us);
            let from = from.saturating_sub(stalled);
            let from = from.min(ended_us.map_or(u64::MAX, |ended| ended.saturating_sub(OLDEST_US)));
            // What is sent to a peer that is gone arrives nowhere: only the sender's own tap shows it.
            let by_then = |us: Option<u64>| us.is_some_and(|us| us <= reading.answered_us);
            let stalled = |from, to| session.stalled(from, to);
            let by_us = left_by(stalled, reading.asked_us, reading.answered_us, last_us);
            // How much is counted and does not leave at that time, no later packet shows yet.
            let is_unsent = unsent.touches(from, by_us);
            let is_seen = !is_unsent && !by_then(ended_us) && (wire.is_tapped(own) || !by_then(gone_us));
            let sent = is_seen.then(|| {
                let mut sent = flow(wire, own, own, from, by_us, &lost);
                if unsent.began_by(by_us) {
                    sent.add_unsent(wire, own, by_us, &unsent);
                }
                if checks_unseen {
                    sent.all.most = Count::ANY;
                    (sent.requests, sent.responses) = (u64::MAX, u64::MAX);
                }
                sent
            });
            let received = flow(wire, own, other, from, reading.answered_us, &lost);
            by_reading.insert(reading.n, (sent, received));
        }
        let acts = session.record.timeline.iter().filter(|entry| matches!(entry.what, What::Faulted { .. }));
        let acted = acts.count();
        let mut streams: [BTreeMap<u32, BTreeSet<u8>>; 2] = [BTreeMap::new(), BTreeMap::new()];
        for packet in wire.at(own).filter(|packet| packet.class() == Class::Rtp) {
            let [sent, received] = &mut streams;
            let of = if packet.sender == own { sent } else { received };
            let Ok(read) = rtp::view(&packet.bytes) else { continue };
            of.entry(read.header.ssrc.value).or_default().insert(read.header.payload_type());
        }
        Some(Self { by_reading, streams, faulted: acted > 0, acted: acted as f64 * ADDED })
    }

    /// The payload types of what was sent or received, by the SSRC; nothing where a rule may have changed some.
    pub(super) fn streams(&self, is_sent: bool) -> Option<&BTreeMap<u32, BTreeSet<u8>>> {
        let [sent, received] = &self.streams;
        (!self.faulted).then_some(if is_sent { sent } else { received })
    }

    pub(super) fn sent(&self, reading: &Reading<'_>) -> Option<&Flow> {
        self.by_reading.get(&reading.n).and_then(|(sent, _)| sent.as_ref())
    }

    pub(super) fn received(&self, reading: &Reading<'_>) -> Option<&Flow> {
        self.by_reading.get(&reading.n).map(|(_, received)| received)
    }
}

/// By when what a reading counts has left. It is sent a moment later, on a machine that is busy as much later as it delays anything: that delay
/// takes its own time, in which there may be more. After the last packet, nothing leaves.
fn left_by(stalled: impl Fn(u64, u64) -> u64, asked_us: u64, answered_us: u64, last_us: u64) -> u64 {
    let last_us = last_us.max(answered_us);
    let mut by_us = answered_us;
    for _ in 0..MOST_PROLONGED {
        let later = answered_us.saturating_add(stalled(asked_us, by_us)).min(last_us);
        if later <= by_us {
            return by_us;
        }
        by_us = later;
    }
    last_us
}

/// What `sender` sent, for the counters of `own`: at least what was there at `from_us`, at most what was there at `by_us`.
fn flow(wire: &Wire, own: Peer, sender: Peer, from_us: u64, by_us: u64, lost: &BTreeSet<u64>) -> Flow {
    // Of what was seen at the other's tap only, what did not arrive there is missing.
    let factor = if wire.is_tapped(own) || sender != own { 1.0 } else { UNSEEN };
    let mut flow = Flow { factor, held_back: sender == own && !lost.is_empty(), ..Flow::default() };
    let mut frames: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for packet in wire.at(own).filter(|packet| packet.sender == sender && packet.t_us <= by_us) {
        let certain = packet.t_us <= from_us && (sender == own || !lost.contains(&packet.frame));
        let length = packet.bytes.len() as u64;
        let whole = Count { packets: 1, bytes: length, whole: length, frames: 0 };
        flow.all.add(whole, certain);
        if packet.class() != Class::Stun {
            flow.payload.add(whole, certain);
        }
        flow.rtcp += u64::from(packet.class() == Class::Rtcp);
        flow.add_check(&packet.bytes);
        if packet.class() == Class::Rtp
            && let Some((ssrc, timestamp, bytes)) = rtp(packet)
        {
            let is_new = frames.entry(ssrc).or_default().insert(timestamp);
            let count = Count { packets: 1, bytes, whole: length, frames: u64::from(is_new) };
            flow.streams.entry(ssrc).or_default().add(count, certain);
        }
    }
    // Some implementations count what they send to their servers too.
    let servers =
        wire.servers.iter().filter(|message| message.peer == own && message.sent == (sender == own));
    for message in servers.filter(|message| message.t_us <= by_us) {
        let length = message.bytes.len() as u64;
        flow.all.add(Count { packets: 1, bytes: length, whole: length, frames: 0 }, false);
        flow.add_check(&message.bytes);
    }
    flow
}

impl Flow {
    /// Counts what may be a request or a response of STUN.
    fn add_check(&mut self, bytes: &[u8]) {
        match stun::view(bytes).map(|message| message.kind.value.class()) {
            Ok(stun::Class::Request) => self.requests += 1,
            Ok(stun::Class::Success | stun::Class::Error) => self.responses += 1,
            _ => {}
        }
    }

    /// Counts the packets of each stream that have taken numbers and may not have left. Of everything else the packets do not tell how many
    /// there were.
    fn add_unsent(&mut self, wire: &Wire, own: Peer, by_us: u64, unsent: &Unsent) {
        let mut newest: BTreeMap<u32, (u16, u64)> = BTreeMap::new();
        let sent = wire.at(own).filter(|packet| packet.sender == own && packet.t_us <= by_us);
        for packet in sent.filter(|packet| packet.class() == Class::Rtp) {
            let Ok(read) = rtp::view(&packet.bytes) else { continue };
            let (ssrc, number) = (read.header.ssrc.value, read.header.sequence.value);
            let before = newest.insert(ssrc, (number, packet.t_us));
            let Some((before, earlier_us)) = before else { continue };
            let between = u64::from(number.wrapping_sub(before).wrapping_sub(1));
            if (1..0x8000).contains(&between) && unsent.touches(earlier_us, packet.t_us) {
                let bytes = between.saturating_mul(LARGEST);
                let count = Count { packets: between, bytes, whole: bytes, frames: between };
                self.streams.entry(ssrc).or_default().add(count, false);
            }
        }
        self.payload.most = Count { frames: self.payload.most.frames, ..Count::ANY };
        self.all.most = self.payload.most;
        (self.rtcp, self.requests, self.responses) = (u64::MAX, u64::MAX, u64::MAX);
    }
}

impl Span {
    fn add(&mut self, count: Count, certain: bool) {
        self.most.add(count);
        if certain {
            self.least.add(count);
        }
    }
}

impl Count {
    fn add(&mut self, other: Self) {
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.whole = self.whole.saturating_add(other.whole);
        self.frames = self.frames.saturating_add(other.frames);
    }
}

/// The SSRC, the timestamp and the length of the payload of an RTP packet: its header is in the clear in any case (RFC 3711 §3.1).
fn rtp(packet: &Packet) -> Option<(u32, u32, u64)> {
    let clear = packet.clear.iter().find(|clear| clear.kind == Kind::Rtp);
    let read = rtp::view(clear.map_or(packet.bytes.as_slice(), |clear| clear.bytes.as_slice())).ok()?;
    let header = read.header;
    Some((header.ssrc.value, header.timestamp.value, read.payload.value.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::left_by;

    #[test]
    fn a_delay_lasts_until_the_machine_is_no_longer_busy() {
        // Windows of 100 µs, each with what threads waited in it.
        let by = |windows: &'static [u64]| {
            let stalled =
                |from: u64, to: u64| (from / 100..=to / 100).filter_map(|at| windows.get(at as usize)).sum();
            left_by(stalled, 110, 120, 5_000_000)
        };
        assert_eq!(by(&[100, 0, 100, 100]), 120);
        assert_eq!(by(&[0, 5, 100, 100]), 125);
        assert_eq!(by(&[0, 100, 100, 30, 0, 100]), 350);
        assert_eq!(by(&[0, 3_000_000]), 3_000_120, "as long as the machine was busy");
    }

    #[test]
    fn a_delay_lasts_until_the_last_packet_where_nobody_says_how_long() {
        assert_eq!(left_by(|_, _| u64::MAX, 110, 120, 900), 900);
        assert_eq!(left_by(|_, to| to - 119, 110, 120, 1_000_000), 1_000_000, "more and more of it");
        assert_eq!(left_by(|_, _| 0, 110, 120, 50), 120);
    }
}
