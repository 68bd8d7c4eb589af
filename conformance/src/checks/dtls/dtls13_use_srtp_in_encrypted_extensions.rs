//! RFC 8446 §4.2: of the server, use_srtp is in EncryptedExtensions; the table of extensions has it in ClientHello and EncryptedExtensions alone, and one
//! elsewhere is an illegal parameter.

use super::use_srtp;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::extension::ExtensionType;
use peerproof_captures::wire::dtls::handshake::Body;

pub(super) const CHECK: Check = Check {
    id: "dtls13-use-srtp-in-encrypted-extensions",
    layer: Layer::Dtls,
    subject: "answers to use_srtp in DTLS 1.3",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for handshake in evidence.handshakes(peer) {
        if handshake.version != Some(Version::Dtls13) {
            tally.not_applicable("DTLS 1.3 was not negotiated");
            continue;
        }
        for (message, body) in handshake.bodies().filter(|(message, _)| message.sender == peer) {
            let place = Place::Frame(message.frame);
            match body {
                Body::ServerHello(hello) => {
                    let here = hello.extensions.is_some_and(|it| it.find(ExtensionType::UseSrtp).is_some());
                    if here {
                        tally.fail(Fault("in-server-hello"), "use_srtp is in the ServerHello", [place]);
                    }
                }
                Body::EncryptedExtensions(extensions) if use_srtp(Some(extensions)).is_some() => {
                    tally.pass(place);
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, dtls};

    /// Copies use_srtp to the ServerHello.
    pub(super) const CONTROL: Control = Control::new(Recording::Call, |evidence| {
        dtls::edit_messages(evidence, dtls::SERVER_HELLO, |body| {
            dtls::append_extension(body, &[0, 14, 0, 5, 0, 2, 0, 7, 0]);
            true
        });
    });
}
