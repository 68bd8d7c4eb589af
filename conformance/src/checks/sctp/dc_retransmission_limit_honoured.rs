//! RFC 7496 §3.1, RFC 8832 §5.1: on a channel with maxRetransmits a message is retransmitted that often at most.

use super::transmissions::{most_retransmissions, transmissions};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::sctp::PayloadProtocol;

pub(super) const CHECK: Check = Check {
    id: "dc-retransmission-limit-honoured",
    layer: Layer::DataChannel,
    subject: "chunks on channels with few retransmissions",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let limits = most_retransmissions(evidence, peer);
    for all in transmissions(evidence, peer).values() {
        let [first, again @ ..] = all.as_slice() else { continue };
        // OPEN and ACK are sent reliably (RFC 8832 §6).
        let Some(most) = limits.get(&first.stream).filter(|_| first.protocol != Some(PayloadProtocol::Dcep))
        else {
            continue;
        };
        let place = Place::Frame(again.last().unwrap_or(first).packet.frame);
        let count = again.len();
        tally.judge(Fault("sent-too-often"), u32::try_from(count).is_ok_and(|it| it <= *most), place, || {
            format!("TSN {} is retransmitted {count} times, {most} are allowed", first.tsn)
        });
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sctp};
    use crate::evidence::{Evidence, Peer};

    /// Asks for no retransmission.
    fn limit(evidence: &mut Evidence) {
        sctp::edit_dcep(evidence, sctp::OPEN, |chunk| chunk[17] = 1);
    }

    /// Sends a message twice.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Data, limit, |evidence| {
        sctp::send_again(evidence, Peer(0));
    })
    .also_breaks(&[
        "dtls-nothing-after-close-notify",
        "dtls-record-sequence-increments",
        "dtls-record-sequence-never-reused",
    ]);
}
