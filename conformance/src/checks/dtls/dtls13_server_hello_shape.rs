//! RFC 8446 §4.1.3, §4.2.1, RFC 9147 §5.4: a ServerHello of 1.3 has `legacy_version` 254.253, no compression, supported_versions with the version
//! chosen, and a key share. A HelloRetryRequest may be without that (RFC 8446 §4.1.4).

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::extension::{Content, ExtensionType};
use peerproof_captures::wire::dtls::handshake::Body;

pub(super) const CHECK: Check = Check {
    id: "dtls13-server-hello-shape",
    layer: Layer::Dtls,
    subject: "ServerHellos of DTLS 1.3",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for handshake in evidence.handshakes(peer) {
        for (message, body) in handshake.bodies().filter(|(message, _)| message.sender == peer) {
            let Body::ServerHello(hello) = body else { continue };
            // A suite of 1.3 is of no older version.
            if !hello.version().value.is_13() && !hello.cipher_suite.value.is_13() {
                continue;
            }
            let place = Place::Frame(message.frame);
            let legacy = hello.legacy_version.value;
            let version = match hello.extension(ExtensionType::SupportedVersions) {
                Some(Content::Version(version)) => Some(version.value),
                _ => None,
            };
            let keys = [ExtensionType::KeyShare, ExtensionType::PreSharedKey];
            let has_key =
                hello.is_hello_retry_request() || keys.iter().any(|kind| hello.extension(*kind).is_some());
            if legacy != Version::Dtls12 {
                let text = format!("legacy_version of the ServerHello is {legacy}");
                tally.fail(Fault("other-legacy-version"), text, [place]);
            } else if version != Some(Version::Dtls13) {
                tally.fail(
                    Fault("no-supported-versions"),
                    "a ServerHello of DTLS 1.3 does not name that version in supported_versions",
                    [place],
                );
            } else if hello.compression_method.value != 0 {
                tally.fail(Fault("compression"), "a ServerHello of DTLS 1.3 chooses a compression", [place]);
            } else {
                tally.judge(Fault("no-key-share"), has_key, place, || {
                    "a ServerHello of DTLS 1.3 has neither key_share nor pre_shared_key".to_owned()
                });
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};

    /// Takes the key share out.
    pub(super) const CONTROL: Control = Control::new(Recording::Conflict, |evidence| {
        dtls::remove_extension(evidence, dtls::SERVER_HELLO, 51);
    })
    .and(&[
        Mutation::new(Recording::Conflict, "legacy_version of the ServerHello is", |evidence| {
            dtls::edit_messages(evidence, dtls::SERVER_HELLO, |body| {
                body[1] = 0xfc;
                true
            });
        }),
        Mutation::new(Recording::Conflict, "does not name that version", |evidence| {
            dtls::edit_messages(evidence, dtls::SERVER_HELLO, |body| {
                let at = dtls::extension(body, 43).unwrap();
                body[at + 5] = 0xfb;
                true
            });
        })
        .also_breaks(&["dtls-client-presents-certificate", "dtls-version-at-least-1-2"]),
        Mutation::new(Recording::Conflict, "chooses a compression", |evidence| {
            dtls::edit_messages(evidence, dtls::SERVER_HELLO, |body| {
                let at = 37 + usize::from(body[34]);
                body[at] = 1;
                true
            });
        })
        .also_breaks(&["dtls-no-compression"]),
    ]);
}
