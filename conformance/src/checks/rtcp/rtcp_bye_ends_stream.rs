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
    for (packet, header) in headers(evidence, peer) {
        let ssrc = header.ssrc.value;
        if said.get(&ssrc).is_some_and(|bye| *bye < packet.frame) {
            later.entry(ssrc).or_insert(packet.frame);
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
