//! RFC 9260 §7.2.1: the congestion window is at most 4,404 bytes at first, beyond which a packet may go (§6.1). What is acknowledged lets it
//! grow.

use super::chunks;
use super::pieces::piece;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::sctp::Body;

pub(super) const CHECK: Check = Check {
    id: "sctp-initial-congestion-window",
    layer: Layer::Sctp,
    subject: "data before the first SACK",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// The window at first with packets of up to 1,500 bytes, in bytes.
const WINDOW: usize = 4_404;
/// The packet that may go beyond it, in bytes.
const PACKET: usize = 1_500;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let complete = super::reads_all_at(evidence, peer);
    let (mut sent, mut newest) = (0, None);
    for (packet, body) in chunks(evidence, peer) {
        match body {
            Body::Sack(_) if packet.sender != peer => break,
            // An association that begins anew has a window of its own.
            Body::Init(_) | Body::InitAck(_) => sent = 0,
            _ => {}
        }
        let Some(piece) = piece(packet, &body).filter(|_| packet.sender == peer) else { continue };
        // What is retransmitted is not in flight twice.
        if newest.is_none_or(|newest: u32| (piece.tsn.wrapping_sub(newest) as i32) > 0) {
            newest = Some(piece.tsn);
            sent += piece.data.len();
        }
        let place = Place::Frame(packet.frame);
        if sent <= WINDOW + PACKET {
            tally.pass(place);
        } else if complete {
            tally.fail(
                Fault("window-exceeded"),
                format!("{sent} bytes are sent before the first SACK, more than {WINDOW} and a packet"),
                [place],
            );
        } else {
            tally.inconclusive("SACKs may be missing in the capture", [place]);
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sctp};
    use crate::evidence::Peer;

    /// Sends six thousand bytes at once, on a channel that needs no OPEN.
    pub(super) const CONTROL: Control = Control::new(Recording::Negotiated, |evidence| {
        sctp::replace_first_message(evidence, Peer(0), 51, &[b'a'; 6_000]);
    })
    .also_breaks(&["dc-one-application-message-per-sctp-message"]);
}
