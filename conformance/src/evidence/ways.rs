//! What left one tap and arrived at the other: the lab lets nothing disappear without an entry of the timeline, so a packet that is at one
//! of the two only was not recorded at the other.

use super::flaws::Flaw;
use super::{Evidence, Packet};
use crate::verdict::Place;
use peerproof_captures::timeline::What;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;

/// As many later packets of the same way must have arrived: what goes out at the end may have been under way when the capture ended.
const LATER: usize = 3;

/// A packet that left a peer of the lab and never arrived although nothing lost it, and later ones went the same way.
pub(super) fn never_arrived(evidence: &Evidence) -> Option<Flaw> {
    let wire = evidence.wire.as_ref().filter(|wire| !wire.cut && !wire.hidden)?;
    let mut lost: BTreeSet<u64> = BTreeSet::new();
    for entry in &evidence.timeline {
        match &entry.what {
            What::Lost { frame, .. } => lost.extend([(*frame)?]),
            What::Faulted { .. } => return None,
            _ => {}
        }
    }
    let [one, other] = evidence.each_peer().collect::<Vec<_>>()[..] else { return None };
    if ![one, other].iter().all(|peer| evidence.hosts.contains(peer) && wire.sees(*peer)) {
        return None;
    }
    let ended_us = evidence.timeline.last()?.t_us;
    // What a server relays has another form at each tap. A NAT changes the addresses alone.
    let direct = |packet: &&Packet| !packet.tcp && packet.via.is_none();
    let (left, arrived): (Vec<&Packet>, Vec<&Packet>) =
        wire.packets.iter().filter(direct).partition(|packet| packet.tap == packet.sender);
    let mut arrivals: HashMap<_, usize> = HashMap::new();
    for packet in arrived {
        *arrivals.entry((packet.sender, packet.bytes.as_slice())).or_default() += 1;
    }
    // By way: the first that is missing, with the number of later ones that arrived. No other has more of these behind it.
    let mut ways: BTreeMap<(SocketAddr, SocketAddr), Option<(&Packet, usize)>> = BTreeMap::new();
    for packet in left.into_iter().filter(|it| !lost.contains(&it.frame) && it.t_us <= ended_us) {
        let missing = ways.entry((packet.from, packet.to)).or_default();
        match arrivals.get_mut(&(packet.sender, packet.bytes.as_slice())) {
            Some(left @ 1..) => {
                *left -= 1;
                missing.iter_mut().for_each(|(_, later)| *later += 1);
            }
            _ => {
                missing.get_or_insert((packet, 0));
            }
        }
    }
    let (packet, _) = ways.into_values().flatten().find(|(_, later)| *later >= LATER)?;
    let claimed = format!("the packet of frame {} left, and nothing lost it", packet.frame);
    let seen = "the capture has none that arrived".to_owned();
    Some(Flaw { t_us: packet.t_us, claimed, seen, evidence: vec![Place::Frame(packet.frame)] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::controls::Recording;
    use crate::evidence::Peer;
    use peerproof_captures::timeline::{Entry, LossCause};

    /// Whether a recording of the lab has the flaw without one packet that arrived at bob; `lost` has it lost by the network.
    fn has_flaw(lost: bool, is_last: bool) -> bool {
        let mut evidence = Recording::Call.evidence();
        let wire = evidence.wire.as_mut().unwrap();
        let arrived = |it: &Packet| it.tap == Peer(1) && it.sender == Peer(0) && !it.tcp && it.via.is_none();
        let at: Vec<usize> = (0..wire.packets.len()).filter(|at| arrived(&wire.packets[*at])).collect();
        let at = if is_last { at[at.len() - 1] } else { at[at.len() / 2] };
        let gone = wire.packets.remove(at);
        let left = wire.packets.iter().find(|it| it.tap == Peer(0) && it.bytes == gone.bytes).unwrap();
        let (frame, t_us) = (Some(left.frame), left.t_us);
        if lost {
            let what = What::Lost { frame, place: "lan".to_owned(), cause: LossCause::Chance };
            evidence.timeline.insert(0, Entry { n: 0, t_us, what });
        }
        never_arrived(&evidence).is_some()
    }

    #[test]
    fn what_is_translated_or_relayed_may_end_on_the_way() {
        let mut evidence = Recording::Call.evidence();
        for packet in &mut evidence.wire.as_mut().unwrap().packets {
            if packet.tap == Peer(1) && packet.sender == Peer(0) {
                packet.from.set_port(1);
                packet.bytes[8] ^= 0xff;
            }
        }
        assert!(never_arrived(&evidence).is_none());
    }

    #[test]
    fn what_a_nat_translates_arrives_from_another_address() {
        let flawed = |lacks: bool| {
            let mut evidence = Recording::Call.evidence();
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            for packet in packets.iter_mut().filter(|it| it.tap == Peer(1) && it.sender == Peer(0)) {
                packet.from.set_port(1);
            }
            if lacks {
                let arrived = |it: &Packet| it.tap == Peer(1) && it.sender == Peer(0) && it.via.is_none();
                let at: Vec<usize> = (0..packets.len()).filter(|at| arrived(&packets[*at])).collect();
                packets.remove(at[at.len() / 2]);
            }
            never_arrived(&evidence).is_some()
        };
        assert_eq!([false, true].map(flawed), [false, true]);
    }

    #[test]
    fn what_left_and_was_not_lost_arrived_or_was_not_recorded() {
        assert!(never_arrived(&Recording::Call.evidence()).is_none());
        assert!(has_flaw(false, false));
        assert!(!has_flaw(true, false), "the network lost it");
        assert!(!has_flaw(false, true), "it may have been under way");
    }
}
