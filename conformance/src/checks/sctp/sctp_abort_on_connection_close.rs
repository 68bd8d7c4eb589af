//! webrtc-pc §4.4.2 (close): the association is torn down by an ABORT.

use super::{chunks, packets};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::timeline::Answer;
use peerproof_captures::wire::sctp::Body;

pub(super) const CHECK: Check = Check {
    id: "sctp-abort-on-connection-close",
    layer: Layer::Sctp,
    subject: "associations of connections that were closed",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let calls = evidence.calls(peer);
    let closed = |it: &&crate::evidence::Call<'_>| it.name == "close" && matches!(it.answer, Answer::Ok(_));
    let Some(close) = calls.iter().find(closed) else { return };
    let place = Place::Entry(close.answered);
    let mut own = chunks(evidence, peer).filter(|(packet, _)| packet.sender == peer);
    let established = packets(evidence, peer).any(|(packet, _)| packet.sender == peer);
    let mut later = evidence.wire.iter().flat_map(|wire| wire.sent(peer)).filter(|it| it.t_us > close.t_us);
    if !established {
        tally.not_applicable("there was no association to end");
    } else if let Some((packet, _)) =
        own.find(|(packet, body)| packet.t_us >= close.t_us && matches!(body, Body::Abort(_)))
    {
        tally.pass(Place::Frame(packet.frame));
    } else if !super::pieces::reads_all_sent_by(evidence, peer) {
        tally.inconclusive("not all that the peer sent can be read", [place]);
    } else if let Some(packet) = later.next() {
        tally.warn(
            Fault("no-abort"),
            "the connection was closed without an ABORT",
            [Place::Frame(packet.frame), place],
        );
    } else {
        tally.inconclusive("nothing that the peer sent after the call is in the recording", [place]);
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, events, sctp};
    use crate::evidence::{Evidence, Peer};
    use serde_json::json;

    fn close(evidence: &mut Evidence) {
        events::add_call(evidence, "alice", "close", json!({}));
        sctp::send_again(evidence, Peer(0));
        sctp::edit_last_of(evidence, Peer(0), sctp::DATA, |packet| {
            packet.truncate(12);
            packet.extend([sctp::ABORT, 0, 0, 4]);
        });
        let at = evidence.timeline.last().unwrap().t_us;
        evidence.wire.as_mut().unwrap().packets.last_mut().unwrap().t_us = at + 1;
    }

    /// Ends it otherwise.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Negotiated, close, |evidence| {
        sctp::edit_each_of(evidence, Peer(0), sctp::ABORT, |packet| packet[12] = 9);
    });
}
