//! RFC 3550 §6.4.1, appendix A.3: the highest sequence number is one that arrived, and what is lost is what was expected up to it less what
//! arrived. Only more than that is a fault: who reports may have counted at any time since the packet arrived, and a receiver that begins anew counts anew.
//! Packets that arrive while a peer does not receive the section (RFC 9429 §5.11) count as lost or not, and so do those that arrive in an ICE
//! restart, which may come at a candidate of before it (RFC 8445 §12.2), and those from an address of which no check is known yet: where a
//! NAT rebinds, they belong to no candidate pair.

use super::{arrivals, blocks};
use crate::checks::media::Extender;
use crate::checks::negotiated_state::Deaf;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::wire::demux::Class;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;

pub(super) const CHECK: Check = Check {
    id: "rtcp-rr-loss-and-highest-seq",
    layer: Layer::Media,
    subject: "report blocks",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// What arrived of a source: each packet's number, counted on beyond 16 bits, and its frame.
#[derive(Default)]
struct Arrived {
    extender: Extender,
    packets: Vec<(i64, u64)>,
    /// The frames of those of them that the peer may have left.
    left: Vec<u64>,
    /// Whether a rule of the scenario changed one, so that it may not count.
    is_changed: bool,
}

/// Most blocks that are looked at.
const MOST_BLOCKS: usize = 4_096;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut sources: BTreeMap<u32, Arrived> = BTreeMap::new();
    let deaf = evidence.other(peer).map(|sender| Deaf::of(evidence, peer, sender));
    let restarts = restarts(evidence, peer);
    let checked = checked(evidence, peer);
    for (packet, header) in arrivals(evidence, peer) {
        let source = sources.entry(header.ssrc.value).or_default();
        let number = source.extender.extend(header.sequence.value);
        source.packets.push((number, packet.frame));
        let restarting = restarts.iter().any(|during| during.contains(&packet.t_us));
        let is_of_pair = checked.get(&packet.from).is_some_and(|frame| *frame < packet.frame);
        if restarting || !is_of_pair || deaf.as_ref().is_some_and(|deaf| deaf.may_leave(packet, &header)) {
            source.left.push(packet.frame);
        }
        source.is_changed |= evidence.is_faulted(packet.frame);
    }
    let complete = evidence.sees_all_sent_by(peer);
    for (packet, block) in blocks(evidence, peer).take(MOST_BLOCKS) {
        let Some(source) = sources.get(&block.ssrc.value) else { continue };
        let place = Place::Frame(packet.frame);
        if !complete || source.is_changed {
            tally.inconclusive("what arrived at the peer is not known for sure", [place]);
            continue;
        }
        let before = source.packets.partition_point(|(_, frame)| *frame < packet.frame);
        let before = source.packets.get(..before).unwrap_or_default();
        if before.is_empty() {
            // A report on a source of which nothing has come is for `rtcp-report-block-of-received-source`.
            continue;
        }
        let stated = block.highest_sequence.value as u16;
        let Some((highest, at)) = before.iter().rfind(|(number, _)| *number as u16 == stated) else {
            tally.fail(
                Fault("highest-not-arrived"),
                format!("the report has {stated} as the highest sequence number, which has not arrived"),
                [place],
            );
            continue;
        };
        let first = before.iter().map(|(number, _)| *number).min().unwrap_or_default();
        let expected = highest - first + 1;
        let counted = before.iter().filter(|(number, frame)| number <= highest && frame <= at).count();
        let left = source.left.partition_point(|frame| frame <= at);
        let most = (expected - counted as i64).max(0) + left as i64;
        let lost = i64::from(block.lost.value);
        tally.judge(Fault("lost-differs"), lost <= most, place, || {
            format!("{lost} packets are reported lost of {expected}, which are at most {most}")
        });
    }
}

/// The addresses that a peer got STUN from, or sent it to, each with the frame of the first.
fn checked(evidence: &Evidence, peer: Peer) -> BTreeMap<SocketAddr, u64> {
    let mut first = BTreeMap::new();
    let at = evidence.wire.iter().flat_map(|wire| wire.at(peer));
    for packet in at.filter(|packet| packet.class() == Class::Stun) {
        let other = if packet.sender == peer { packet.to } else { packet.from };
        first.entry(other).or_insert(packet.frame);
    }
    first
}

/// From each description with new ICE credentials, of either side, until the peer reports the next pair that it uses.
fn restarts(evidence: &Evidence, peer: Peer) -> Vec<RangeInclusive<u64>> {
    let events = evidence.events(peer);
    let is_pair = |event: &PeerEvent| matches!(event, PeerEvent::SelectedCandidatePairChange { .. });
    let pairs: Vec<u64> = events.iter().filter(|it| is_pair(it.event)).map(|it| it.t_us).collect();
    let settled = |from: u64| pairs.iter().copied().find(|t_us| *t_us > from).unwrap_or(u64::MAX);
    let mut all = Vec::new();
    for side in evidence.each_peer() {
        let made: Vec<_> = evidence.made_by(side).map(|made| (made.t_us, made.credentials())).collect();
        for pair in made.windows(2) {
            let [(_, before), (t_us, after)] = pair else { continue };
            if !before.is_empty() && after.iter().any(|it| !before.contains(it)) {
                all.push(*t_us..=settled(*t_us));
            }
        }
    }
    all
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtcp};
    use crate::evidence::{Evidence, Peer};

    fn last(evidence: &Evidence) -> rtcp::Found {
        rtcp::find_all(evidence, Peer(1), rtcp::RR).next_back().unwrap()
    }

    /// Reports a hundred more that were lost.
    pub(super) const CONTROL: Control = Control::new(Recording::Call, |evidence| {
        let last = last(evidence);
        rtcp::edit(evidence, last, |report| report[15] += 100);
    })
    .and(&[Mutation::new(Recording::Call, "which has not arrived", |evidence| {
        let last = last(evidence);
        rtcp::edit(evidence, last, |report| report[18] ^= 0x40);
    })]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::checks::controls::{Recording, replace_all, rtcp};
    use crate::evidence::Packet;

    const BOB: Peer = Peer(1);

    /// What the check says after bob reported three more that were lost, having made these answers of the direction at these times.
    fn judged(answers: &[(&str, u64)]) -> Status {
        let mut evidence = Recording::Call.evidence();
        let last = rtcp::find_all(&evidence, BOB, rtcp::RR).next_back().unwrap();
        rtcp::edit(&mut evidence, last, |report| report[15] += 3);
        let exchange = evidence.descriptions.clone();
        for (direction, t_us) in answers {
            let mut exchange = exchange.clone();
            for made in &mut exchange {
                made.t_us = *t_us;
            }
            replace_all(&mut exchange[1].sdp, "a=recvonly", &format!("a={direction}"));
            evidence.descriptions.extend(exchange);
        }
        let mut tally = Tally::default();
        evaluate(&evidence, BOB, &mut tally);
        tally.finish(&CHECK, "bob", true).result
    }

    #[test]
    fn what_arrives_in_a_restart_may_count_as_lost() {
        let judged = |t_us: u64| {
            let mut evidence = Recording::Call.evidence();
            let last = rtcp::find_all(&evidence, BOB, rtcp::RR).next_back().unwrap();
            rtcp::edit(&mut evidence, last, |report| report[15] += 3);
            let mut exchange = evidence.descriptions.clone();
            for made in &mut exchange {
                (made.t_us, made.delivered) = (t_us, None);
            }
            replace_all(&mut exchange[0].sdp, "a=ice-ufrag:", "a=ice-ufrag:new");
            evidence.descriptions.extend(exchange);
            CHECK.run(&evidence)[1].result
        };
        // The pair that both use is reported after its beginning, and none after it.
        assert_eq!([0, 19_540_000].map(judged), [Status::Fail, Status::Pass]);
    }

    #[test]
    fn what_comes_from_an_address_of_no_pair_may_count_as_lost() {
        // The last packets before a report that names them come from another port, as after a rebinding: this number of them.
        let judged = |moved: usize, checks: bool| {
            let mut evidence = Recording::Call.evidence();
            let last = rtcp::find_all(&evidence, BOB, rtcp::RR).next_back().unwrap();
            rtcp::edit(&mut evidence, last, |report| report[15] += 3);
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let is_rtp = |it: &&mut Packet| it.tap == BOB && it.sender != BOB && it.class() == Class::Rtp;
            for packet in packets.iter_mut().filter(is_rtp).take(moved) {
                packet.from.set_port(1);
            }
            if checks {
                let stun = packets.iter().find(|it| it.tap == BOB && it.class() == Class::Stun).unwrap();
                let mut stun = stun.clone();
                (stun.sender, stun.from) =
                    (Peer(0), packets.iter().find(|it| it.from.port() == 1).unwrap().from);
                packets.insert(0, stun);
            }
            CHECK.run(&evidence)[1].result
        };
        assert_eq!(
            [judged(0, false), judged(1, false), judged(9, false)],
            [Status::Fail, Status::Fail, Status::Pass]
        );
        assert_eq!(judged(9, true), Status::Fail);
    }

    #[test]
    fn what_arrives_while_the_peer_does_not_receive_may_count_as_lost() {
        assert_eq!(judged(&[]), Status::Fail);
        assert_eq!(judged(&[("inactive", 0)]), Status::Pass);
        assert_eq!(judged(&[("inactive", 0), ("recvonly", 0)]), Status::Fail);
    }
}
