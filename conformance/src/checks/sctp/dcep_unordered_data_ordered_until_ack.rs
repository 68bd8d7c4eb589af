//! RFC 8832 §6: on an unordered channel messages are sent in order until the other side has answered, and without order from then on.

use super::chunks;
use super::pieces::{Tsns, piece, reads_all_sent_by};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dcep::{self, Message};
use peerproof_captures::wire::sctp::PayloadProtocol;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "dcep-unordered-data-ordered-until-ack",
    layer: Layer::DataChannel,
    subject: "messages on unordered channels",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How long after the answer, and after the message before it, one may leave that was handed over before the answer, in microseconds: it
/// waits in the peer until the window of the association is open.
const QUEUED_US: u64 = 1_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let complete = reads_all_sent_by(evidence, peer);
    // The unordered channels that the peer opened, and when the other side answered on them.
    let mut answered: BTreeMap<u16, Option<u64>> = BTreeMap::new();
    let mut tsns = Tsns::default();
    let mut sent: BTreeSet<i64> = BTreeSet::new();
    // When the peer last sent user data: while it does, more may wait.
    let mut last_us = 0;
    for (packet, body) in chunks(evidence, peer) {
        let Some(piece) = piece(packet, &body) else { continue };
        let place = Place::Frame(packet.frame);
        let is_dcep = piece.protocol == Some(PayloadProtocol::Dcep);
        if packet.sender != peer {
            if let Some(answer @ None) = answered.get_mut(&piece.stream) {
                *answer = Some(packet.t_us);
            }
            continue;
        }
        if !sent.insert(tsns.extend(piece.tsn)) {
            continue;
        }
        if is_dcep {
            if let Ok(Message::Open(open)) = dcep::view(piece.data)
                && !open.channel.value.is_ordered()
            {
                answered.insert(piece.stream, None);
            }
            continue;
        }
        let before_us = std::mem::replace(&mut last_us, packet.t_us);
        let Some(answer) = answered.get(&piece.stream).filter(|_| piece.is_beginning) else { continue };
        let late = answer.and_then(|at| Off::late(at.max(before_us), QUEUED_US, packet.t_us));
        match (answer, piece.is_unordered, late) {
            (Some(_), true, _) | (_, false, None) => tally.pass(place),
            _ if !complete => tally.inconclusive("the first packets at the peer are not recorded", [place]),
            (_, false, Some(off)) => {
                let text = "a message is sent in order after the other side has answered";
                tally.off(Fault("ordered-after-answer"), evidence, off, text, [place]);
            }
            (None, true, _) => {
                tally.fail(
                    Fault("unordered-before-answer"),
                    "a message is sent without order before the other side has answered",
                    [place],
                );
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sctp};
    use crate::evidence::{Evidence, Peer};

    /// As if the channel were unordered, with the message sent before its ACK came.
    fn prepare(evidence: &mut Evidence) {
        sctp::edit_dcep(evidence, sctp::OPEN, |chunk| chunk[17] = 0x80);
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        packets.retain(|it| {
            // DATA of the DCEP that holds one byte, 2.
            let is_ack = |bytes: &[u8]| bytes[12] == 0 && bytes.get(24..29) == Some(&[0, 0, 0, 50, 2]);
            !it.clear.iter().any(|it| it.is_application_data() && is_ack(&it.bytes))
        });
    }

    /// Sends the message without order.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Data, prepare, |evidence| {
        let edited = std::cell::Cell::new(false);
        sctp::edit_data_of(evidence, Peer(0), |chunk| {
            if chunk[15] == 51 && !edited.replace(true) {
                chunk[1] |= 4;
            }
        });
        assert!(edited.get());
    });
}
