//! RFC 3550 §6.1, RFC 3550 §6.6: BYE is the last packet of its source; no RTP follows.

use super::byes;
use crate::checks::media::headers;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "rtcp-bye-ends-stream",
    layer: Layer::Media,
    subject: "BYEs",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let said = byes(evidence, peer);
    if said.is_empty() {
        return;
    }
    let mut later: BTreeMap<u32, u64> = BTreeMap::new();
    let mut highest: BTreeMap<u32, u16> = BTreeMap::new();
    for (packet, header) in headers(evidence, peer) {
        let (ssrc, number) = (header.ssrc.value, header.sequence.value);
        let is_new = highest.get(&ssrc).is_none_or(|last| is_later(*last, number));
        // A packet that comes again, or that others overtook, was sent before.
        if is_new && said.get(&ssrc).is_some_and(|bye| *bye < packet.frame) {
            later.entry(ssrc).or_insert(packet.frame);
        }
        if is_new {
            highest.insert(ssrc, number);
        }
    }
    for (ssrc, bye) in said {
        match later.get(&ssrc) {
            None => tally.pass(Place::Frame(bye)),
            Some(frame) => tally.fail(
                Fault("rtp-after-bye"),
                format!("source {ssrc:#010x} sends RTP after its BYE"),
                [Place::Frame(*frame), Place::Frame(bye)],
            ),
        }
    }
}

/// Whether a sequence number follows another (RFC 3550 §A.1).
const fn is_later(last: u16, number: u16) -> bool {
    let distance = number.wrapping_sub(last);
    distance != 0 && distance < 0x8000
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, rtcp, rtp};
    use crate::evidence::{Evidence, Packet, Peer};

    /// A source that never sent says BYE.
    fn leave(evidence: &mut Evidence) {
        rtcp::append(evidence, Peer(0), &[0x81, 203, 0, 1, 0, 0, 0, 7]);
    }

    /// So does one in the middle of its video.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Call, leave, |evidence| {
        let is = |it: &&mut Packet| rtp::is(it) && it.sender == Peer(0) && it.tap == Peer(0);
        let last = rtp::packets(evidence).filter(is).last().unwrap();
        let (ssrc, frame) = (last.clear[0].bytes[8..12].to_vec(), last.frame);
        let (at, _) = rtcp::find_all(evidence, Peer(0), rtcp::SR).next().unwrap();
        assert!(evidence.wire.as_ref().unwrap().packets[at].frame < frame);
        rtcp::edit_first(evidence, Peer(0), rtcp::SR, |bytes| {
            bytes.extend([&[0x81, 203, 0, 1][..], &ssrc].concat());
        });
    });
}

#[cfg(test)]
mod tests {
    use crate::checks::controls::{Recording, rtcp, rtp};
    use crate::checks::{Status, of};
    use crate::evidence::{Packet, Peer};

    /// What is found of a peer whose source says BYE, if its last packet comes behind it with a number that is greater by `later`.
    fn found(later: u16) -> Status {
        let mut evidence = Recording::Call.evidence();
        let is = |it: &Packet| rtp::is(it) && it.sender == Peer(0) && it.tap == Peer(0);
        let first = rtp::packets(&mut evidence).find(|it| is(it)).unwrap().clone();
        let ssrc = first.clear[0].bytes[8..12].to_vec();
        rtcp::append(&mut evidence, Peer(0), &[&[0x81, 203, 0, 1][..], &ssrc].concat());
        let at = rtcp::find_all(&evidence, Peer(0), 203).next().unwrap().0;
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let bye = packets[at].frame;
        let is_of_source = |it: &Packet| rtp::is(it) && it.clear[0].bytes[8..12] == ssrc;
        packets.retain(|it| it.frame < bye || !is_of_source(it));
        let mut again = packets.iter().rfind(|it| is(it) && is_of_source(it)).unwrap().clone();
        again.frame = packets.iter().map(|it| it.frame).max().unwrap() + 1;
        let number = u16::from_be_bytes([again.clear[0].bytes[2], again.clear[0].bytes[3]]);
        again.clear[0].bytes[2..4].copy_from_slice(&number.wrapping_add(later).to_be_bytes());
        packets.push(again);
        of("rtcp-bye-ends-stream").unwrap().run(&evidence).swap_remove(0).result
    }

    #[test]
    fn a_copy_or_a_packet_that_was_overtaken_was_sent_before() {
        assert_eq!([found(0), found(u16::MAX)], [Status::Pass; 2]);
        assert_eq!(found(1), Status::Warn);
    }
}
