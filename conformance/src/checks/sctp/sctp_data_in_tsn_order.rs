//! RFC 9260 §6.10: the DATA chunks of a packet stand in the order of their TSNs.

use super::packets;
use super::pieces::piece;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "sctp-data-in-tsn-order",
    layer: Layer::Sctp,
    subject: "packets with DATA",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for (packet, sctp) in packets(evidence, peer).filter(|(packet, _)| packet.sender == peer) {
        let place = Place::Frame(packet.frame);
        let mut before: Option<u32> = None;
        for piece in sctp.chunks.iter().filter_map(|chunk| piece(packet, &chunk.body?)) {
            let last = before.replace(piece.tsn);
            match last.filter(|last| (piece.tsn.wrapping_sub(*last) as i32) <= 0) {
                None => tally.pass(place),
                Some(last) => tally.fail(
                    Fault("tsn-behind"),
                    format!("TSN {} stands behind TSN {last} in a packet", piece.tsn),
                    [place],
                ),
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sctp};
    use crate::evidence::{Evidence, Peer};

    /// Two messages in one packet, which is what the stack may do.
    fn bundle(evidence: &mut Evidence) {
        sctp::repeat_last(evidence, Peer(0));
    }

    /// Swaps them.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Negotiated, bundle, |evidence| {
        sctp::edit_last_of(evidence, Peer(0), sctp::DATA, |packet| {
            let half = (packet.len() - 12) / 2;
            packet[12..].rotate_left(half);
        });
    });
}
