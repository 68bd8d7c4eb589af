//! RFC 5246 §7.4.1.4, RFC 8446 §4.2: the server answers with no extension that the client did not send.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::CipherSuite;
use peerproof_captures::wire::dtls::extension::ExtensionType;
use peerproof_captures::wire::dtls::handshake::Body;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "dtls-server-extensions-were-requested",
    layer: Layer::Dtls,
    subject: "extensions of servers",
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
    let Some([(_, Body::ClientHello(client)), _]) = handshake.hellos() else { return };
    let asked: BTreeSet<ExtensionType> =
        client.extensions.iter().flat_map(|it| it.iter()).map(|extension| extension.kind.value).collect();
    // RFC 5746 §3.6: the suite asks for it too.
    let renegotiation =
        client.cipher_suites.iter().any(|suite| suite == CipherSuite::EmptyRenegotiationInfoScsv);
    for (message, body) in handshake.bodies().filter(|(message, _)| message.sender == peer) {
        let extensions = match body {
            Body::ServerHello(hello) if !hello.is_hello_retry_request() => hello.extensions,
            Body::EncryptedExtensions(extensions) => Some(extensions),
            _ => continue,
        };
        let place = Place::Frame(message.frame);
        for extension in extensions.iter().flat_map(|it| it.iter()) {
            let kind = extension.kind.value;
            let wanted = asked.contains(&kind) || (renegotiation && kind == ExtensionType::RenegotiationInfo);
            tally.judge(Fault("extension-not-requested"), wanted, place, || {
                format!("the server answers {kind}, which the client did not send")
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, dtls};

    /// Answers an ALPN that was not asked for.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        dtls::edit_messages(evidence, dtls::SERVER_HELLO, |body| {
            dtls::append_extension(body, &[0, 16, 0, 9, 0, 7, 6, b'w', b'e', b'b', b'r', b't', b'c']);
            true
        });
    });
}
