//! RFC 3550 §5.1: the sequence numbers of a source rise by one from packet to packet.

use crate::checks::media::{Rising, headers};
use crate::checks::rtcp::nacks;
use crate::checks::{Check, Fault, Tally};
use crate::evidence::{Evidence, Packet, Peer};
use crate::verdict::Layer;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "rtp-sequence-increments-by-one",
    layer: Layer::Media,
    subject: "RTP packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let rising = Rising::of(evidence, peer);
    let mut newest: BTreeMap<u32, (u16, &Packet)> = BTreeMap::new();
    let asked = asked_again(evidence, peer);
    for (packet, header) in headers(evidence, peer) {
        let (ssrc, sequence) = (header.ssrc.value, header.sequence.value);
        // Without RTX a packet that was lost goes again as it was (RFC 4585 §6.2.1).
        let is_old = newest.get(&ssrc).is_some_and(|(newest, _)| newest.wrapping_sub(sequence) < 0x8000);
        if is_old && asked.get(&(ssrc, sequence)).is_some_and(|frame| *frame < packet.frame) {
            continue;
        }
        let now = (sequence, packet);
        let what = || format!("number {sequence} of source {ssrc:#010x}");
        rising.judge(Fault("numbers-skip"), newest.insert(ssrc, now), now, what, tally);
    }
}

/// The packets of a peer that the other side asked for again, by source and number, with the frame that did so first. As the frames of
/// the two sides stand in one order, what came before the request is not excused by it.
fn asked_again(evidence: &Evidence, peer: Peer) -> BTreeMap<(u32, u16), u64> {
    let mut asked = BTreeMap::new();
    let other = evidence.other(peer);
    for (packet, media, entries) in other.into_iter().flat_map(|other| nacks(evidence, other)) {
        for number in entries.iter().flat_map(|entry| entry.sequences()) {
            asked.entry((media, number)).or_insert(packet.frame);
        }
    }
    asked
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, rtp};
    use crate::evidence::{Packet, Peer};

    /// Skips five numbers of audio.
    pub(super) const CONTROL: Control = Control::new(Recording::Video, |evidence| {
        let own = |it: &Packet| rtp::is(it) && it.sender == Peer(1) && rtp::payload_type(it) == rtp::OPUS;
        for packet in rtp::packets(evidence).filter(|it| own(it)).skip(10) {
            let bytes = &mut packet.clear[0].bytes;
            let number = u16::from_be_bytes([bytes[2], bytes[3]]).wrapping_add(5);
            bytes[2..4].copy_from_slice(&number.to_be_bytes());
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::checks::controls::{Recording, rtp};

    /// What goes through a TURN server is not in the evidence, nor is what the other side's tap did not get.
    #[test]
    fn a_gap_is_held_against_a_peer_only_if_all_that_it_sent_is_known() {
        let result = |edit: fn(&mut Evidence)| {
            let mut evidence = Recording::Video.evidence();
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let at = packets.iter().enumerate().filter(|(_, it)| rtp::is(it) && it.sender == Peer(1)).nth(9);
            packets.remove(at.unwrap().0);
            edit(&mut evidence);
            CHECK.run(&evidence)[1].result
        };
        assert_eq!(result(|_| {}), Status::Fail);
        assert_eq!(result(|evidence| evidence.wire.as_mut().unwrap().hidden = true), Status::Inconclusive);
        assert_eq!(result(|evidence| evidence.whole = false), Status::Inconclusive);
        // While its interface is down its own kernel refuses what it sends.
        let of = |host: &str| {
            let step = serde_json::json!({"action": {"harness": {"step": "network", "args": {"down": format!("{host}/eth0")}}}});
            let what = serde_json::json!({"step_began": {"step": 90, "definition": step}});
            serde_json::from_value(serde_json::json!({"n": 9_999, "t_us": 0, "what": what})).unwrap()
        };
        let bob = Recording::Video.evidence().name(Peer(1)).to_owned();
        for (host, status) in [(bob.as_str(), Status::Inconclusive), ("router", Status::Fail)] {
            let mut evidence = Recording::Video.evidence();
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let at = packets.iter().enumerate().filter(|(_, it)| rtp::is(it) && it.sender == Peer(1)).nth(9);
            packets.remove(at.unwrap().0);
            evidence.timeline.push(of(host));
            assert_eq!(CHECK.run(&evidence)[1].result, status, "{host}");
        }
        let elsewhere = |evidence: &mut Evidence| rtp::packets(evidence).for_each(|it| it.tap = Peer(0));
        assert_eq!(result(elsewhere), Status::Inconclusive);
    }
}
