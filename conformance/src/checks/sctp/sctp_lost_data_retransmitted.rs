//! RFC 9260 §6.3.3, §7.2.4: what may be lost is retransmitted, and is what it was: the same TSN, stream, message and data.

use super::transmissions::transmissions;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "sctp-lost-data-retransmitted",
    layer: Layer::Sctp,
    subject: "chunks that are retransmitted",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for all in transmissions(evidence, peer).values() {
        let [first, again @ ..] = all.as_slice() else { continue };
        for piece in again {
            let place = Place::Frame(piece.packet.frame);
            let same = |it: &super::pieces::Piece<'_>| {
                let flags = (it.is_unordered, it.is_beginning, it.is_ending);
                (it.stream, it.message, it.fragment, flags, it.protocol)
            };
            let earlier = Place::Frame(first.packet.frame);
            if same(piece) != same(first) {
                tally.fail(
                    Fault("other-header"),
                    format!("TSN {} is retransmitted as a piece of another message", piece.tsn),
                    [place, earlier],
                );
            } else if piece.data != first.data {
                tally.fail(
                    Fault("other-data"),
                    format!("TSN {} is retransmitted with other data", piece.tsn),
                    [place, earlier],
                );
            } else {
                tally.pass(place);
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, sctp};
    use crate::evidence::{Evidence, Peer};

    fn again(evidence: &mut Evidence) {
        sctp::send_again(evidence, Peer(0));
    }

    /// Sends it again with other data.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Negotiated, again, |evidence| {
        sctp::edit_last_of(evidence, Peer(0), sctp::DATA, |packet| packet[28] ^= 1);
    })
    .and(&[Mutation::new(Recording::Negotiated, "as a piece of another message", |evidence| {
        sctp::edit_last_of(evidence, Peer(0), sctp::DATA, |packet| packet[23] ^= 1);
    })
    .prepared(again)]);
}
