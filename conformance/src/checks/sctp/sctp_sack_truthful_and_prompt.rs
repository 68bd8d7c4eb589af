//! RFC 9260 §6.2: a SACK acknowledges what has come and nothing else, and none has to be waited for longer than 500 ms.
//!
//! What arrived at a peer's socket may still have been lost before it came to SCTP: in a full buffer, or in DTLS. The recording does
//! not show that; what the peer acknowledges shows it. A TSN that a SACK leaves out although it acknowledges one that came later, or that
//! is acknowledged only when it came again and not reported as a duplicate, is therefore in doubt.

use super::pieces::{Tsns, piece};
use super::{chunks, reads_all_at, ready_us};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::evidence::{Kind, Packet};
use crate::verdict::Layer;
use peerproof_captures::event::{ConnectionState, IceState, PeerEvent};
use peerproof_captures::intervals::{Inserted, IntervalSet};
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

/// Gap blocks from which a SACK may be full: dcsctp, which Chrome and Firefox have, writes at most as many, the lowest. How many there
/// should be (RFC 9260 §3.3.4) says nothing of how prompt a SACK is.
const FULL: usize = 20;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let complete = reads_all_at(evidence, peer);
    let faulted = evidence.faulted();
    let ready_us = ready_us(evidence, peer);
    let troubles = troubles(evidence, peer);
    let end_us = end_us(evidence, peer);
    // Where the peer sends: what comes by another way may be ignored by ICE, which does not know that yet.
    let mut way: Option<(SocketAddr, SocketAddr)> = None;
    let mut tsns = Tsns::default();
    let mut came = Came::default();
    let mut waiting: BTreeMap<i64, Waiting> = BTreeMap::new();
    let mut window = u32::MAX;
    let mut highest = i64::MIN;
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
                    Some((fault, sentence)) if complete => tally.fail(fault, sentence, [place]),
                    Some(_) => tally.inconclusive("what the peer received is not recorded", [place]),
                    None => tally.pass(place),
                }
                window = sack.receiver_window.value;
                let acknowledged = |tsn: i64| tsn <= cumulative || within(&sack, tsn - cumulative);
                let last = sack.gaps.iter().map(|gap| gap.end.value).max().unwrap_or(0);
                let is_full = sack.gaps.iter().count() >= FULL;
                let newest =
                    waiting.iter().filter(|(tsn, _)| acknowledged(**tsn)).map(|(_, it)| it.frame).max();
                waiting.retain(|tsn, it| {
                    let done = acknowledged(*tsn);
                    it.is_passed_over |= !done && newest.is_some_and(|newest| newest > it.frame);
                    it.has_no_room = !done && is_full && *tsn > cumulative + i64::from(last);
                    let same_way = way == Some(it.way);
                    if done && complete && same_way && !in_trouble(&troubles, it.came_us, packet.t_us) {
                        let is_duplicate = sack.duplicates.iter().any(|it| tsns.peek(it.0.value) == *tsn);
                        it.acknowledged(evidence, is_duplicate, packet, tally);
                    }
                    !done
                });
            }
            _ if packet.sender != peer => {
                let Some(piece) = piece(packet, &body) else { continue };
                let tsn = tsns.extend(piece.tsn);
                let its_way = (packet.from, packet.to);
                let known = way == Some(its_way) && !faulted.contains(&packet.frame);
                // "When the receiver's advertised window is 0, the receiver MUST drop any new incoming DATA chunk with a TSN larger
                // than the largest TSN received so far."
                let may_be_dropped = window == 0 && tsn > highest;
                highest = highest.max(tsn);
                let came_us = packet.t_us.max(ready_us);
                // The next SACK, in which there may be room, is owed for this packet.
                for it in waiting.values_mut().filter(|it| it.has_no_room) {
                    (it.has_no_room, it.came_us, it.copies_us) = (false, came_us, [came_us; 2]);
                }
                if !came.add(tsn) {
                    waiting.entry(tsn).and_modify(|it| it.copies_us = [it.copies_us[1], came_us]);
                } else if known && !may_be_dropped && waiting.len() < MOST_WAITING {
                    waiting.insert(tsn, Waiting::since(came_us, packet.frame, its_way));
                }
            }
            _ => {}
        }
    }
    for it in waiting.values().filter(|it| complete && way == Some(it.way) && !it.has_no_room) {
        let off = Off::late(it.came_us, LONGEST_US + TIMER_US, end_us);
        let Some(off) = off.filter(|_| !in_trouble(&troubles, it.came_us, end_us)) else { continue };
        let place = Place::Frame(it.frame);
        if it.is_passed_over {
            tally.inconclusive(
                "data was not acknowledged, though what came later was: it may have been lost before SCTP",
                [place],
            );
        } else {
            tally.off(
                Fault("not-acknowledged"),
                evidence,
                off,
                "data was not acknowledged within 500 ms",
                [place],
            );
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

/// When a peer reported that it cannot send.
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
    /// When its last two copies came; the first one stands for both until it comes again.
    copies_us: [u64; 2],
    /// Whether a SACK acknowledges what came later, and not this.
    is_passed_over: bool,
    /// Whether the last SACK was full before it came to this.
    has_no_room: bool,
}

impl Waiting {
    const fn since(came_us: u64, frame: u64, way: (SocketAddr, SocketAddr)) -> Self {
        Self { came_us, frame, way, copies_us: [came_us; 2], is_passed_over: false, has_no_room: false }
    }

    /// Judges how long the acknowledgement in `packet` took. A SACK that reports the TSN as a duplicate says that one copy at least had
    /// come to SCTP before the last one; any other may acknowledge the last one alone.
    fn acknowledged(&self, evidence: &Evidence, is_duplicate: bool, packet: &Packet, tally: &mut Tally) {
        let places = [Place::Frame(packet.frame), Place::Frame(self.frame)];
        let [before, last] = self.copies_us;
        let surely_us = if is_duplicate { before } else { last };
        late(evidence, surely_us, packet.t_us, places, tally);
        let first = Off::late(self.came_us, LONGEST_US + TIMER_US, packet.t_us);
        if surely_us != self.came_us && first.is_some() {
            tally.inconclusive(
                "data was acknowledged only when it had come again: it may have been lost before SCTP",
                places,
            );
        }
    }
}

/// Most TSNs whose acknowledgement is waited for at once.
const MOST_WAITING: usize = 128;

fn late(evidence: &Evidence, came_us: u64, t_us: u64, places: [Place; 2], tally: &mut Tally) {
    let [too_late, late] = [LONGEST_US, LONG_US].map(|limit| Off::late(came_us, limit + TIMER_US, t_us));
    let text = format!("data was acknowledged after {} ms", t_us.saturating_sub(came_us) / 1_000);
    match (too_late, late) {
        (Some(off), _) if off.doubt(evidence).is_none() => {
            tally.fail(Fault("acknowledged-late"), format!("{text}, not within 500"), places);
        }
        (_, Some(off)) => tally.warn_off(Fault("acknowledged-slowly"), evidence, off, text, places),
        _ => {}
    }
}

fn within(sack: &Sack<'_>, beyond: i64) -> bool {
    sack.gaps.iter().any(|gap| (i64::from(gap.start.value)..=i64::from(gap.end.value)).contains(&beyond))
}

/// What a SACK acknowledges that has not come.
fn untrue(sack: &Sack<'_>, cumulative: i64, came: &Came) -> Option<(Fault, String)> {
    if !came.holds(came.base?, cumulative) {
        return Some((
            Fault("cumulative-tsn-not-come"),
            format!("TSN {} is acknowledged, and not all up to it has come", sack.cumulative_tsn.value),
        ));
    }
    sack.gaps.iter().find_map(|gap| {
        let (start, end) = (gap.start.value, gap.end.value);
        let range = (cumulative + i64::from(start), cumulative + i64::from(end));
        (!came.holds(range.0, range.1)).then(|| {
            (
                Fault("gap-block-not-come"),
                format!("the gap block {start} to {end} contains TSNs that were not received"),
            )
        })
    })
}

/// The TSNs that came.
#[derive(Debug, Default)]
struct Came {
    /// The first, which stands for all before the association.
    base: Option<i64>,
    tsns: IntervalSet<i64>,
}

impl Came {
    fn begin(&mut self, before: i64) {
        if self.base.is_none() {
            self.base = Some(before);
            self.add(before);
        }
    }

    /// Everything up to a TSN counts as come.
    fn advance(&mut self, to: i64) {
        if let Some(base) = self.base {
            self.tsns.insert(base..to.saturating_add(1));
        }
    }

    /// Adds one; whether it is new.
    fn add(&mut self, tsn: i64) -> bool {
        self.tsns.insert(tsn..tsn.saturating_add(1)) == Inserted::New
    }

    /// Whether all from one to another is there.
    fn holds(&self, from: i64, to: i64) -> bool {
        self.tsns.covers(&(from..to.saturating_add(1)))
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, sctp};
    use crate::evidence::{Clear, Evidence, Packet, Peer};

    /// Has the first SACK, and all that follows, be later by this.
    fn postpone(evidence: &mut Evidence, by_us: u64) {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let is = |it: &Packet| {
            let begins = |it: &Clear| it.is_application_data() && it.bytes[12] == sctp::SACK;
            it.sender == Peer(0) && it.clear.iter().any(begins)
        };
        let sack = packets.iter().position(is).unwrap();
        packets[sack..].iter_mut().for_each(|it| it.t_us += by_us);
    }

    /// Has the last SACK acknowledge two more.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        sctp::edit_last_of(evidence, Peer(0), sctp::SACK, |packet| {
            let tsn = u32::from_be_bytes(*packet[16..].first_chunk().unwrap()).wrapping_add(2);
            packet[16..20].copy_from_slice(&tsn.to_be_bytes());
        });
    })
    .and(&[
        Mutation::new(Recording::Data, "the gap block 5 to 6", |evidence| {
            sctp::edit_last_of(evidence, Peer(0), sctp::SACK, |packet| {
                packet[15] += 4;
                packet[25] = 1;
                packet.splice(28..28, [0, 5, 0, 6]);
            });
        }), // PAD of RFC 4820 in the place of each SACK, and of the ABORT after which none is owed.
        Mutation::new(Recording::Data, "data was not acknowledged within 500 ms", |evidence| {
            postpone(evidence, 2 * super::LONGEST_US);
            for kind in [sctp::SACK, sctp::ABORT] {
                sctp::edit_chunks_of(evidence, Peer(0), kind, |chunk| chunk[0] = 0x84);
            }
            sctp::edit_chunks_of(evidence, Peer(1), sctp::ABORT, |chunk| chunk[0] = 0x84);
        }),
        Mutation::new(Recording::Data, "data was acknowledged after", |evidence| {
            postpone(evidence, super::LONG_US + 2 * super::TIMER_US);
        }),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::checks::controls::{Recording, sctp};
    use crate::evidence::Clear;

    const DATA: u8 = 0;

    fn has_data(packet: &Packet, sender: Peer) -> bool {
        let clear = packet.clear.iter().filter(|clear| clear.is_application_data());
        let mut read = clear.filter_map(|clear| peerproof_captures::wire::sctp::view(&clear.bytes).ok());
        packet.sender == sender
            && read.any(|sctp| sctp.chunks.iter().any(|chunk| matches!(chunk.body, Some(Body::Data(_)))))
    }

    fn is(packet: &Packet, sender: Peer, kind: u8) -> bool {
        let begins = |clear: &Clear| clear.is_application_data() && clear.bytes.get(12) == Some(&kind);
        packet.sender == sender && packet.clear.iter().any(begins)
    }

    /// The bytes of the SCTP packet in a packet.
    fn sctp_of(packet: &mut Packet) -> &mut Vec<u8> {
        packet.clear.iter_mut().find(|clear| clear.is_application_data()).unwrap().bytes.to_mut()
    }

    #[track_caller]
    fn expect(evidence: &Evidence, result: Status) {
        let finding = CHECK.run(evidence).into_iter().find(|finding| finding.endpoint == "alice").unwrap();
        assert_eq!(finding.result, result, "{}", finding.sentence);
    }

    /// Has data come twice before it is acknowledged, for longer than it may take.
    fn repeated(reported: bool) -> Evidence {
        let mut evidence = Recording::Data.evidence();
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let sack = packets.iter().position(|it| is(it, Peer(0), sctp::SACK)).unwrap();
        packets[sack..].iter_mut().for_each(|packet| packet.t_us += 2 * LONGEST_US);
        if reported {
            let bytes = sctp_of(&mut packets[sack]);
            let cumulative = bytes[16..20].to_vec();
            bytes[15] += 4;
            bytes[27] = 1;
            bytes.splice(28..28, cumulative);
        }
        let at_us = packets[sack].t_us - 1_000;
        let data = packets[..sack].iter().filter(|it| has_data(it, Peer(1)));
        let again: Vec<_> = data.cloned().map(|packet| Packet { t_us: at_us, ..packet }).collect();
        assert!(!again.is_empty());
        packets.splice(sack..sack, again);
        evidence
    }

    /// A datagram may be lost between the socket and SCTP, as in the buffers of DTLS. What is repeated then and acknowledged at once was not
    /// acknowledged late; a SACK that reports it as a duplicate says that it was.
    #[test]
    fn what_is_acknowledged_when_it_comes_again_may_have_been_lost_the_first_time() {
        expect(&repeated(false), Status::Inconclusive);
        expect(&repeated(true), Status::Fail);
    }

    /// Appends two messages, of which SACKs for a second acknowledge neither, or the second alone.
    fn left_out(gap: bool) -> Evidence {
        let mut evidence = Recording::Data.evidence();
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let data = packets.iter().find(|it| is(it, Peer(1), DATA)).unwrap().clone();
        let at = packets.iter().rposition(|it| is(it, Peer(0), sctp::SACK)).unwrap() + 1;
        let mut sack = packets[at - 1].clone();
        packets.truncate(at);
        let cumulative = u32::from_be_bytes(sctp_of(&mut sack)[16..20].try_into().unwrap());
        let further = |n: u32| {
            let (t_us, frame) = (sack.t_us + u64::from(n), sack.frame + u64::from(n));
            let mut more = Packet { t_us, frame, ..data.clone() };
            sctp_of(&mut more)[16..20].copy_from_slice(&cumulative.wrapping_add(n).to_be_bytes());
            more
        };
        let mut new = vec![further(1), further(2)];
        for t_us in [1_000, 2 * LONGEST_US] {
            let mut again = Packet { t_us: sack.t_us + t_us, frame: sack.frame + 3, ..sack.clone() };
            if gap {
                let bytes = sctp_of(&mut again);
                bytes[15] += 4;
                bytes[25] = 1;
                bytes.splice(28..28, [0, 2, 0, 2]);
            }
            new.push(again);
        }
        packets.extend(new);
        evidence
    }

    #[test]
    fn what_is_left_out_although_later_data_is_acknowledged_may_have_been_lost() {
        expect(&left_out(true), Status::Inconclusive);
        expect(&left_out(false), Status::Fail);
    }

    /// Has every second TSN come, of which a SACK has that number of blocks, and one more; the others come and are acknowledged late.
    fn crowded(blocks: u8) -> Evidence {
        let mut evidence = Recording::Data.evidence();
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let data = packets.iter().find(|it| is(it, Peer(1), DATA)).unwrap().clone();
        let at = packets.iter().rposition(|it| is(it, Peer(0), sctp::SACK)).unwrap() + 1;
        let last = packets[at - 1].clone();
        packets.truncate(at);
        let cumulative = u32::from_be_bytes(sctp_of(&mut last.clone())[16..20].try_into().unwrap());
        let mut frame = last.frame;
        let mut put = |packet: &Packet, tsn: u8, after_us: u64, gaps: &[u8]| {
            frame += 1;
            let mut more = Packet { t_us: last.t_us + after_us, frame, ..packet.clone() };
            let bytes = sctp_of(&mut more);
            bytes[16..20].copy_from_slice(&cumulative.wrapping_add(tsn.into()).to_be_bytes());
            if let Some(gaps) = u8::try_from(gaps.len()).ok().filter(|gaps| *gaps > 0) {
                bytes[15] += 4 * gaps;
                bytes[25] = gaps;
                bytes.splice(28..28, (1..=gaps).flat_map(|n| [0, 2 * n, 0, 2 * n]));
            }
            packets.push(more);
        };
        let gaps: Vec<u8> = (1..=blocks).collect();
        for n in 1..=blocks + 1 {
            put(&data, 2 * n, u64::from(n), &[]);
        }
        put(&last, 0, 1_000, &gaps);
        for n in 0..=blocks {
            put(&data, 2 * n + 1, 2 * LONGEST_US + u64::from(n), &[]);
        }
        put(&last, 2 * blocks + 2, 2 * LONGEST_US + 1_000, &[]);
        evidence
    }

    #[test]
    fn what_a_sack_that_is_full_has_no_room_for_is_owed_in_the_next() {
        expect(&crowded(20), Status::Pass);
        expect(&crowded(19), Status::Fail);
    }

    /// RFC 9260 §6.2: while the advertised window is zero, new data has to be dropped.
    #[test]
    fn what_comes_while_the_window_is_closed_is_not_owed() {
        let mut evidence = left_out(false);
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        for packet in packets.iter_mut().filter(|it| is(it, Peer(0), sctp::SACK)) {
            sctp_of(packet)[20..24].fill(0);
        }
        expect(&evidence, Status::Pass);
    }

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
            CHECK.run(&evidence).iter().any(|finding| finding.result == Status::Fail)
        };
        assert!(late(false), "a SACK that comes late is a fault");
        assert!(!late(true), "the data came by another way");
    }

    #[test]
    fn what_came_joins_and_advances() {
        let mut came = Came::default();
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
