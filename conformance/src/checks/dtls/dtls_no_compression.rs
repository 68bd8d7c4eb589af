//! RFC 8261 §5: compression is not used. A client that offers it with DTLS 1.3 breaks RFC 8446 §4.1.2, "this vector MUST contain exactly one byte, set
//! to zero"; with 1.2 alone it leaves it to the server: a warning.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::handshake::Body;

pub(super) const CHECK: Check = Check {
    id: "dtls-no-compression",
    layer: Layer::Dtls,
    subject: "hellos",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for handshake in evidence.handshakes(peer) {
        of_one(peer, &handshake, tally);
    }
}

fn of_one(peer: Peer, handshake: &Handshake, tally: &mut Tally) {
    for (message, body) in handshake.bodies().filter(|(message, _)| message.sender == peer) {
        let place = Place::Frame(message.frame);
        match body {
            Body::ClientHello(hello) => {
                let methods = hello.compression_methods.value;
                let text =
                    || format!("the ClientHello offers the compression methods {methods:?}, not null alone");
                if methods != [0] && !hello.offers(Version::Dtls13) {
                    tally.warn(
                        Fault("compression-offered-for-1-2"),
                        format!("for DTLS 1.2 {}", text()),
                        [place],
                    );
                } else {
                    tally.judge(Fault("compression-offered"), methods == [0], place, text);
                }
            }
            Body::ServerHello(hello) => {
                let method = hello.compression_method.value;
                tally.judge(Fault("compression-chosen"), method == 0, place, || {
                    format!("the server chose compression method {method}")
                });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};
    use crate::evidence::Evidence;

    /// Offers DEFLATE too.
    fn offer_deflate(evidence: &mut Evidence) {
        dtls::edit_messages(evidence, dtls::CLIENT_HELLO, |body| {
            let mut at = 34; // The version and the random come first.
            at += 1 + usize::from(body[at]);
            at += 1 + usize::from(body[at]);
            at += 2 + usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
            body[at] += 1;
            body.insert(at + 2, 1);
            true
        });
    }

    pub(super) const CONTROL: Control = Control::new(Recording::Media, offer_deflate).and(&[
        Mutation::new(Recording::Conflict, "the ClientHello offers the compression methods", |evidence| {
            dtls::edit_first_fragments(evidence, dtls::CLIENT_HELLO, |body| {
                let mut at = 34; // The version and the random come first.
                at += 1 + usize::from(body[at]);
                at += 1 + usize::from(body[at]);
                at += 2 + usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
                body[at + 1] = 1;
            });
        }),
        Mutation::new(Recording::Media, "the server chose compression method 1", |evidence| {
            dtls::edit_messages(evidence, dtls::SERVER_HELLO, |body| {
                let at = 37 + usize::from(body[34]);
                body[at] = 1;
                true
            });
        }),
    ]);
}
