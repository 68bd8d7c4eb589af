//! RFC 5246 §7.4.1.4, RFC 8446 §4.2: "There MUST NOT be more than one extension of the same type", and each has the form of its type.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::handshake::Body;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "dtls-hello-extensions-well-formed",
    layer: Layer::Dtls,
    subject: "extensions",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for handshake in evidence.handshakes(peer) {
        for (message, body) in handshake.bodies().filter(|(message, _)| message.sender == peer) {
            let extensions = match body {
                Body::ClientHello(hello) => hello.extensions,
                Body::ServerHello(hello) => hello.extensions,
                Body::EncryptedExtensions(extensions) => Some(extensions),
                _ => None,
            };
            let place = Place::Frame(message.frame);
            let mut seen = BTreeSet::new();
            for extension in extensions.iter().flat_map(|all| all.iter()) {
                let kind = extension.kind.value;
                if !seen.insert(kind) {
                    let text = format!("a {} has two extensions {kind}", message.kind());
                    tally.fail(Fault("extension-twice"), text, [place]);
                } else {
                    tally.judge(Fault("malformed"), extension.content().is_ok(), place, || {
                        format!("the extension {kind} of a {} cannot be read", message.kind())
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};

    /// Sends extended_master_secret twice.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        dtls::edit_messages(evidence, dtls::CLIENT_HELLO, |body| {
            dtls::append_extension(body, &[0, 23, 0, 0]);
            true
        });
    })
    .and(&[Mutation::new(Recording::Media, "cannot be read", |evidence| {
        dtls::edit_messages(evidence, dtls::CLIENT_HELLO, |body| {
            // record_size_limit of one byte.
            dtls::append_extension(body, &[0, 28, 0, 1, 0x40]);
            true
        });
    })]);
}
