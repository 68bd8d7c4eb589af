//! Habits of media: which RTCP packets a peer sends, which header extensions its RTP carries.

use super::{Fact, Found};
use crate::evidence::{Evidence, Peer};
use peerproof_captures::observe::Unit;
use std::collections::BTreeSet;

pub(super) fn of(evidence: &Evidence, peer: Peer, found: &mut Found) {
    let Some(wire) = &evidence.wire else { return };
    let mut rtcp: BTreeSet<String> = BTreeSet::new();
    if let Some(other) = evidence.other(peer) {
        for seen in wire.units_sent(peer, other) {
            if let Unit::Rtcp { .. } = seen.unit {
                rtcp.insert(seen.unit.name().into_owned());
            }
        }
    }
    found.add("RTCP packets", Fact::set(rtcp));
    let profiles: BTreeSet<String> = wire
        .rtp_read(peer)
        .filter_map(|(_, packet)| {
            packet.header.extension.as_ref().map(|extension| extension.profile.value.to_string())
        })
        .collect();
    found.add("RTP header extension profiles", Fact::set(profiles));
}
