//! RFC 9260 §8.4, §8.5.1: what answers a packet of no association has the T bit and the tag of that packet.

use super::packets;
use super::tags::{MOST_TAGS, initiates, reflects};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "sctp-reflected-tag",
    layer: Layer::Sctp,
    subject: "packets with the T bit",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut received: BTreeSet<u32> = BTreeSet::new();
    for (packet, sctp) in packets(evidence, peer) {
        if received.len() > MOST_TAGS {
            break;
        }
        let tag = sctp.verification_tag.value;
        if packet.sender != peer {
            received.insert(tag);
            continue;
        }
        received.extend(initiates(&sctp).map(|(tag, _)| tag));
        if !reflects(&sctp) || evidence.is_faulted(packet.frame) {
            continue;
        }
        let place = Place::Frame(packet.frame);
        if received.contains(&tag) {
            tally.pass(place);
        } else if evidence.sees_all_sent_by(peer) {
            tally.fail(
                Fault("other-tag"),
                format!("the tag {tag:#x} of a packet with the T bit is that of no packet to the peer"),
                [place],
            );
        } else {
            tally.inconclusive("the packet that is answered may be missing in the recording", [place]);
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sctp};
    use crate::checks::sctp::packets;
    use crate::checks::sctp::tags::{T, initiates};
    use crate::evidence::{Evidence, Peer};

    /// Ends the association by an ABORT that reflects the tag.
    fn abort(evidence: &mut Evidence) {
        let own = packets(evidence, Peer(0)).filter(|(packet, _)| packet.sender == Peer(0));
        let tag = own.filter_map(|(_, sctp)| initiates(&sctp)).last().unwrap().0;
        sctp::send_again(evidence, Peer(0));
        sctp::edit_last_of(evidence, Peer(0), sctp::DATA, |packet| {
            packet.truncate(12);
            packet[4..8].copy_from_slice(&tag.to_be_bytes());
            packet.extend([sctp::ABORT, T, 0, 4]);
        });
    }

    /// Reflects a tag of nobody's.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Negotiated, abort, |evidence| {
        sctp::edit_each_of(evidence, Peer(0), sctp::ABORT, |packet| packet[4] ^= packet[13] & T);
    });
}
