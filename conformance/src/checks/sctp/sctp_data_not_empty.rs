//! RFC 9260 §3.3.1: a DATA chunk has at least one byte of user data; an empty message of a data channel has one, too (RFC 8831 §6.6).

use super::data;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "sctp-data-not-empty",
    layer: Layer::Sctp,
    subject: "DATA chunks",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for piece in data(evidence, peer).filter(|it| it.packet.sender == peer) {
        let place = Place::Frame(piece.packet.frame);
        tally.judge(Fault("no-data"), !piece.data.is_empty(), place, || {
            format!("TSN {} has no user data", piece.tsn)
        });
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sctp};
    use crate::evidence::Peer;

    /// Takes the text out of a message.
    pub(super) const CONTROL: Control = Control::new(Recording::Negotiated, |evidence| {
        sctp::replace_first_message(evidence, Peer(0), 51, b"");
    })
    .also_breaks(&["dc-one-application-message-per-sctp-message"]);
}
