//! RFC 3550 §6.4, RFC 4585 §6.1: each RTCP packet of a compound has version 2 and holds what its type and its counts say.

use super::compounds;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::rtcp;

pub(super) const CHECK: Check = Check {
    id: "rtcp-packets-well-formed",
    layer: Layer::Media,
    subject: "RTCP packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for (packet, compound) in compounds(evidence, peer) {
        if evidence.is_faulted(packet.frame) {
            continue;
        }
        let place = Place::Frame(packet.frame);
        let mut left = compound.packets.bytes.value.len();
        for (rtcp, part) in compound.parts() {
            let (kind, version) = (rtcp.header.kind.value, rtcp.header.version());
            left = left.saturating_sub(part.len());
            if version != 2 {
                tally.fail(
                    Fault("other-version"),
                    format!("{kind} has the version {version}, not 2"),
                    [place],
                );
            } else if rtcp.body.is_none() {
                tally.fail(Fault("malformed"), format!("{kind} is malformed{}", rtcp::unread(part)), [place]);
            } else {
                tally.pass(place);
            }
        }
        if left > 0 {
            tally.fail(
                Fault("bytes-left"),
                format!("the last {left} bytes of a compound packet are no RTCP packet"),
                [place],
            );
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtcp};
    use crate::evidence::Peer;

    /// Cuts the end off the last packet of a compound, whose length says so.
    pub(super) const CONTROL: Control = Control::new(Recording::Call, |evidence| {
        rtcp::append(evidence, Peer(0), &[0x8f, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 10, 0, 0]);
    })
    .and(&[
        Mutation::new(Recording::Call, "has the version 1, not 2", |evidence| {
            rtcp::append(evidence, Peer(0), &[0x41, 204, 0, 2, 0, 0, 0, 1, b'n', b'a', b'm', b'e']);
        }),
        Mutation::new(Recording::Call, "bytes of a compound packet are no RTCP packet", |evidence| {
            rtcp::append(evidence, Peer(0), &[0x81, 201, 0]);
        }),
    ]);
}
