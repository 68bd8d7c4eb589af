//! RFC 9260 §6.2: a SACK acknowledges what has come and nothing else, and none has to be waited for longer than 500 ms.

use super::pieces::{Tsns, piece};
use super::{chunks, reads_all_at, ready_us};
use crate::checks::timing::Off;
use crate::checks::{Check, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::evidence::{Kind, Packet};
use crate::verdict::Layer;
use peerproof_captures::event::{ConnectionState, IceState, PeerEvent};
use peerproof_captures::wire::sctp::{Body, Sack};
use std::collections::BTreeMap;
use std::net::SocketAddr;

pub(super) const CHECK: Check = Check {
    id: "sctp-sack-truthful-and-prompt",
    layer: Layer::Sctp,
    subject: "SACKs",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How long an acknowledgement may take, and how long it should (200 ms is what §6.2 recommends), in microseconds.
const LONGEST_US: u64 = 500_000;
const LONG_US: u64 = 200_000;

/// What the peer itself may add, in microseconds: one that waits for as long as it may has a timer of coarse ticks, ten milliseconds in
/// usrsctp, and is done a little later.
const TIMER_US: u64 = 50_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let complete = reads_all_at(evidence, peer);
    let faulted = evidence.faulted();
    let ready_us = ready_us(evidence, peer);
    let troubles = troubles(evidence, peer);
    let end_us = end_us(evidence, peer);
    // Where the peer sends: what comes by another way may be ignored by ICE, which does not know that yet.
    let mut way: Option<(SocketAddr, SocketAddr)> = None;
    let mut tsns = Tsns::default();
    let mut came = Intervals::default();
    let mut waiting: BTreeMap<i64, Waiting> = BTreeMap::new();
    for (packet, body) in chunks(evidence, peer) {
        let place = Place::Frame(packet.frame);
        if packet.sender == peer {
            way = Some((packet.to, packet.from));
        }
        match body {
            Body::Abort(_) | Body::Shutdown(_) => {
                waiting.clear();
                break;
            }
            Body::Init(init) | Body::InitAck(init) if packet.sender != peer => {
                let before = tsns.extend(init.initial_tsn.value.wrapping_sub(1));
                came.begin(before);
            }
            Body::ForwardTsn(forward) if packet.sender != peer => {
                came.advance(tsns.extend(forward.new_cumulative_tsn.value));
            }
            Body::IForwardTsn(forward) if packet.sender != peer => {
                came.advance(tsns.extend(forward.new_cumulative_tsn.value));
            }
            Body::Sack(sack) if packet.sender == peer => {
                let cumulative = tsns.extend(sack.cumulative_tsn.value);
                match untrue(&sack, cumulative, &came) {
                    Some(sentence) if complete => tally.fault(sentence, [place]),
                    Some(_) => tally.doubt("what the peer received is not recorded", [place]),
                    None => tally.good(place),
                }
                let acknowledged = |tsn: i64| tsn <= cumulative || within(&sack, tsn - cumulative);
                waiting.retain(|tsn, it| {
                    let done = acknowledged(*tsn);
                    let same_way = way == Some(it.way);
                    if done && complete && same_way && !in_trouble(&troubles, it.came_us, packet.t_us) {
                        late(evidence, it.came_us, packet.t_us, [place, Place::Frame(it.frame)], tally);
                    }
                    !done
                });
            }
            _ if packet.sender != peer => {
                let Some(piece) = piece(packet, &body) else { continue };
                let tsn = tsns.extend(piece.tsn);
                let its_way = (packet.from, packet.to);
                let known = way == Some(its_way) && !faulted.contains(&packet.frame);
                if came.add(tsn) && known && waiting.len() < MOST_WAITING {
                    let came_us = packet.t_us.max(ready_us);
                    waiting.insert(tsn, Waiting { came_us, frame: packet.frame, way: its_way });
                }
            }
            _ => {}
        }
    }
    for it in waiting.values().filter(|it| complete && way == Some(it.way)) {
        let off = Off::late(it.came_us, LONGEST_US + TIMER_US, end_us);
        if let Some(off) = off.filter(|_| !in_trouble(&troubles, it.came_us, end_us)) {
            tally.off(evidence, off, "data was not acknowledged within 500 ms", [Place::Frame(it.frame)]);
        }
    }
}

/// Until when a peer owes anything: it or the other side closes, or the recording ends.
fn end_us(evidence: &Evidence, peer: Peer) -> u64 {
    const ALERT: u8 = 21;
    let at = || evidence.wire.iter().flat_map(|wire| wire.at(peer));
    let alerts = |packet: &&Packet| {
        packet.clear.iter().any(|clear| matches!(clear.kind, Kind::Record { content_type: ALERT, .. }))
    };
    let last = at().map(|packet| packet.t_us).max().unwrap_or(0);
    at().find(alerts).map_or(last, |packet| packet.t_us)
}

/// When a peer told that it cannot send.
fn troubles(evidence: &Evidence, peer: Peer) -> Vec<u64> {
    let mut connected = false;
    let mut is = |event: &PeerEvent| match event {
        PeerEvent::IceConnectionStateChange { state } => {
            connected |= matches!(state, IceState::Connected | IceState::Completed);
            // A restart that has to find a path anew.
            let again = connected && *state == IceState::Checking;
            again || matches!(state, IceState::Disconnected | IceState::Failed)
        }
        PeerEvent::ConnectionStateChange { state } => {
            matches!(state, ConnectionState::Disconnected | ConnectionState::Failed)
        }
        _ => false,
    };
    // At the earliest: its clock may be ahead.
    let error_us = evidence.clock_error(peer);
    evidence
        .events(peer)
        .iter()
        .filter(|it| is(it.event))
        .map(|it| it.t_us.saturating_sub(error_us))
        .collect()
}

/// Whether a peer was cut off while it owed an acknowledgement, or shortly before.
fn in_trouble(troubles: &[u64], from_us: u64, to_us: u64) -> bool {
    const SHORTLY_US: u64 = 10_000_000;
    troubles.iter().any(|at| (from_us.saturating_sub(SHORTLY_US)..=to_us).contains(at))
}

/// A TSN that is not acknowledged.
struct Waiting {
    came_us: u64,
    frame: u64,
    way: (SocketAddr, SocketAddr),
}

/// Most TSNs whose acknowledgement is waited for at once.
const MOST_WAITING: usize = 128;

fn late(evidence: &Evidence, came_us: u64, t_us: u64, places: [Place; 2], tally: &mut Tally) {
    let [too_late, late] = [LONGEST_US, LONG_US].map(|limit| Off::late(came_us, limit + TIMER_US, t_us));
    let text = format!("data was acknowledged after {} ms", t_us.saturating_sub(came_us) / 1_000);
    match (too_late, late) {
        (Some(off), _) if off.doubt(evidence).is_none() => {
            tally.fault(format!("{text}, not within 500"), places);
        }
        (_, Some(off)) => tally.warn_off(evidence, off, text, places),
        _ => {}
    }
}

fn within(sack: &Sack<'_>, beyond: i64) -> bool {
    sack.gaps.iter().any(|gap| (i64::from(gap.start.value)..=i64::from(gap.end.value)).contains(&beyond))
}

/// What a SACK acknowledges that has not come.
fn untrue(sack: &Sack<'_>, cumulative: i64, came: &Intervals) -> Option<String> {
    if !came.holds(came.base?, cumulative) {
        return Some(format!(
            "TSN {} is acknowledged, and not all up to it has come",
            sack.cumulative_tsn.value
        ));
    }
    sack.gaps.iter().find_map(|gap| {
        let (start, end) = (gap.start.value, gap.end.value);
        let range = (cumulative + i64::from(start), cumulative + i64::from(end));
        (!came.holds(range.0, range.1))
            .then(|| format!("the gap block {start} to {end} contains TSNs that were not received"))
    })
}

/// The TSNs that came, as intervals that do not touch.
#[derive(Debug, Default)]
struct Intervals {
    /// The first, which stands for all before the association.
    base: Option<i64>,
    ends: BTreeMap<i64, i64>,
}

impl Intervals {
    fn begin(&mut self, before: i64) {
        if self.base.is_none() {
            self.base = Some(before);
            self.add(before);
        }
    }

    /// Everything up to a TSN counts as come.
    fn advance(&mut self, to: i64) {
        let Some(base) = self.base.filter(|base| *base <= to) else { return };
        let inside: Vec<i64> = self.ends.range(base..=to).map(|(begin, _)| *begin).collect();
        let reached = inside.iter().filter_map(|begin| self.ends.remove(begin)).max().unwrap_or(to).max(to);
        self.ends.insert(base, reached);
        self.join(base, reached);
    }

    /// Adds one; whether it is new.
    fn add(&mut self, tsn: i64) -> bool {
        if self.holds(tsn, tsn) {
            return false;
        }
        let begin = match self.ends.range(..=tsn).next_back() {
            Some((begin, end)) if *end + 1 == tsn => *begin,
            _ => tsn,
        };
        self.ends.insert(begin, tsn);
        self.join(begin, tsn);
        true
    }

    /// Joins an interval with the one that begins right behind it.
    fn join(&mut self, begin: i64, end: i64) {
        if let Some(further) = self.ends.remove(&(end + 1)) {
            self.ends.insert(begin, further);
        }
    }

    /// Whether all from one to another is there.
    fn holds(&self, from: i64, to: i64) -> bool {
        from > to || self.ends.range(..=from).next_back().is_some_and(|(_, end)| *end >= to)
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sctp};
    use crate::evidence::Peer;

    /// Has the last SACK acknowledge two more.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        sctp::edit_last_of(evidence, Peer(0), sctp::SACK, |packet| {
            let tsn = u32::from_be_bytes(*packet[16..].first_chunk().unwrap()).wrapping_add(2);
            packet[16..20].copy_from_slice(&tsn.to_be_bytes());
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Result;
    use crate::checks::controls::Recording;

    /// What comes by a way that the peer does not send on yet may be ignored by its ICE agent, as after a NAT was rebound.
    #[test]
    fn only_what_comes_by_the_peers_own_way_is_waited_for() {
        let late = |moved: bool| {
            let mut evidence = Recording::Data.evidence();
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            // The type of the first chunk, after the common header.
            let begins = |packet: &Packet, kind: u8| {
                packet.clear.iter().any(|clear| clear.is_application_data() && clear.bytes[12] == kind)
            };
            let sack = packets.iter().position(|it| it.sender == Peer(0) && begins(it, 3)).unwrap();
            packets[sack..].iter_mut().for_each(|packet| packet.t_us += 2 * LONGEST_US);
            if moved {
                packets
                    .iter_mut()
                    .filter(|it| it.sender == Peer(1))
                    .for_each(|packet| packet.from.set_port(9));
            }
            CHECK.run(&evidence).iter().any(|finding| finding.result == Result::Fail)
        };
        assert!(late(false), "a SACK that comes late is a fault");
        assert!(!late(true), "the data came by another way");
    }

    #[test]
    fn intervals_join_and_advance() {
        let mut came = Intervals::default();
        came.begin(9);
        assert!(came.add(10) && came.add(12) && !came.add(12) && came.add(14));
        assert!(came.holds(9, 10) && !came.holds(9, 11) && came.holds(12, 12) && !came.holds(12, 14));
        assert!(came.add(11));
        assert!(came.holds(9, 12) && !came.holds(9, 13));
        came.advance(13);
        assert!(came.holds(9, 14) && !came.holds(9, 15));
        came.advance(20);
        assert!(came.holds(9, 20) && came.add(21) && came.holds(9, 21));
    }
}
