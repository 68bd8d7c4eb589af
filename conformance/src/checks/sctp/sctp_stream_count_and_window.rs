//! RFC 8831 §6.2, RFC 9260 §3.3.2: an association asks for 65,535 streams, and has room for at least 1,500 bytes.

use super::chunks;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::sctp::Body;

pub(super) const CHECK: Check = Check {
    id: "sctp-stream-count-and-window",
    layer: Layer::Sctp,
    subject: "INITs and INIT ACKs",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// The least room for what arrives, in bytes.
const LEAST_WINDOW: u32 = 1_500;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for (packet, body) in chunks(evidence, peer).filter(|(packet, _)| packet.sender == peer) {
        let (Body::Init(init) | Body::InitAck(init)) = body else { continue };
        let place = Place::Frame(packet.frame);
        let streams = (init.outbound_streams.value, init.inbound_streams.value);
        let window = init.receiver_window.value;
        if streams.0 == 0 || streams.1 == 0 {
            tally.fail(
                Fault("streams-zero"),
                format!("there are {} streams out and {} in", streams.0, streams.1),
                [place],
            );
        } else if window < LEAST_WINDOW {
            tally.fail(
                Fault("window-small"),
                format!("the window is of {window} bytes, less than {LEAST_WINDOW}"),
                [place],
            );
        } else if matches!(body, Body::Init(_)) && streams != (u16::MAX, u16::MAX) {
            tally.warn(
                Fault("few-streams"),
                format!("the INIT asks for {} streams out and {} in", streams.0, streams.1),
                [place],
            );
        } else {
            tally.pass(place);
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, sctp};

    /// Has room for a thousand bytes.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        sctp::edit_first(evidence, sctp::INIT, |packet| packet[20..24].copy_from_slice(&[0, 0, 3, 0xe8]));
    })
    .and(&[
        Mutation::new(Recording::Data, "there are 0 streams out", |evidence| {
            sctp::edit_first(evidence, sctp::INIT, |packet| packet[24..26].fill(0));
        }),
        Mutation::new(Recording::Data, "the INIT asks for 255 streams out", |evidence| {
            sctp::edit_first(evidence, sctp::INIT, |packet| packet[24] = 0);
        }),
    ]);
}
