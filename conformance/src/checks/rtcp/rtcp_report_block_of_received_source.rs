//! RFC 3550 §6.4, §6.4.1: a report block is of a source from which RTP arrived.

use super::{arrivals, blocks};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "rtcp-report-block-of-received-source",
    layer: Layer::Media,
    subject: "report blocks",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    // The first packet of each source that arrived.
    let mut arrived: BTreeMap<u32, u64> = BTreeMap::new();
    for (packet, header) in arrivals(evidence, peer) {
        arrived.entry(header.ssrc.value).or_insert(packet.frame);
    }
    let complete = evidence.sees_all_sent_by(peer);
    for (packet, block) in blocks(evidence, peer) {
        let (ssrc, place) = (block.ssrc.value, Place::Frame(packet.frame));
        if arrived.get(&ssrc).is_some_and(|frame| *frame < packet.frame) {
            tally.pass(place);
        } else if complete {
            tally.fail(
                Fault("unknown-source"),
                format!("a report block is of source {ssrc:#010x}, of which nothing has arrived"),
                [place],
            );
        } else {
            tally.inconclusive("what arrived at the peer is not recorded there", [place]);
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, rtcp};
    use crate::evidence::Peer;

    /// Reports on another source in the last report.
    pub(super) const CONTROL: Control = Control::new(Recording::Call, |evidence| {
        let found = rtcp::find_all(evidence, Peer(1), rtcp::RR).next_back().unwrap();
        rtcp::edit(evidence, found, |report| report[8..12].fill(7));
    });
}
