//! RFC 9147 §4.5.3: TLS_AES_128_CCM_8_SHA256 is not used in DTLS without safeguards against forgery, of which WebRTC has none.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::CipherSuite;
use peerproof_captures::wire::dtls::handshake::Body;

pub(super) const CHECK: Check = Check {
    id: "dtls13-no-short-tag-suite",
    layer: Layer::Dtls,
    subject: "ServerHellos of DTLS 1.3",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for handshake in evidence.handshakes(peer) {
        let Some([_, (message, Body::ServerHello(hello))]) = handshake.hellos() else { continue };
        if message.sender != peer || !hello.version().value.is_13() {
            continue;
        }
        let chosen = hello.cipher_suite.value;
        let place = Place::Frame(message.frame);
        if chosen == CipherSuite::Aes128Ccm8Sha256 {
            // The safeguards may be anywhere.
            tally.warn(
                Fault("chosen"),
                format!(
                    "the server chose {chosen}, whose tags of 8 bytes need other safeguards against forgery"
                ),
                [place],
            );
        } else {
            tally.pass(place);
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, dtls};

    /// Has the server choose it, though it was not offered.
    pub(super) const CONTROL: Control = Control::new(Recording::Conflict, |evidence| {
        dtls::edit_messages(evidence, dtls::SERVER_HELLO, |body| {
            let at = 35 + usize::from(body[34]);
            body[at..at + 2].copy_from_slice(&[0x13, 0x05]);
            true
        });
    })
    .also_breaks(&["dtls-server-suite-was-offered"]);
}
