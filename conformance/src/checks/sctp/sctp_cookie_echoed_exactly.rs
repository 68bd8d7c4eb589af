//! RFC 9260 §5.1: COOKIE ECHO comes first in its packet and returns the State Cookie of the INIT ACK byte for byte.

use super::packets;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::sctp::Body;

pub(super) const CHECK: Check = Check {
    id: "sctp-cookie-echoed-exactly",
    layer: Layer::Sctp,
    subject: "COOKIE ECHOs",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut cookies: Vec<&[u8]> = Vec::new();
    for (packet, sctp) in packets(evidence, peer) {
        let place = Place::Frame(packet.frame);
        for (index, chunk) in sctp.chunks.iter().enumerate() {
            match chunk.body {
                Some(Body::InitAck(ack)) if packet.sender != peer => cookies.extend(ack.cookie()),
                Some(Body::CookieEcho(_)) if packet.sender == peer => {
                    if index > 0 {
                        tally.fail(
                            Fault("not-first-chunk"),
                            "COOKIE ECHO is not the first chunk of its packet",
                            [place],
                        );
                    } else if !cookies.contains(&chunk.value.value) && !evidence.whole {
                        tally.inconclusive(
                            "the INIT ACK with the cookie may be missing in the capture",
                            [place],
                        );
                    } else if cookies.is_empty() {
                        tally.inconclusive("the INIT ACK with the cookie is not in the recording", [place]);
                    } else {
                        tally.judge(
                            Fault("other-cookie"),
                            cookies.contains(&chunk.value.value),
                            place,
                            || "the cookie echoed is not that of the INIT ACK".to_owned(),
                        );
                    }
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, sctp};

    /// Flips a bit of the echoed cookie.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        sctp::edit_first(evidence, sctp::COOKIE_ECHO, |packet| packet[16] ^= 1);
    })
    .and(&[
        // PAD of RFC 4820 comes before it.
        Mutation::new(Recording::Data, "is not the first chunk", |evidence| {
            sctp::edit_first(evidence, sctp::COOKIE_ECHO, |packet| {
                drop(packet.splice(12..12, [0x84, 0, 0, 4]));
            });
        }),
    ]);
}
