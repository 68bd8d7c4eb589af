//! RFC 9147 §5.3: a ClientHello that offers DTLS 1.3 has `legacy_version` 1.2 and an empty `legacy_cookie`.

use super::client_hello;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::extension::{Content, ExtensionType};

pub(super) const CHECK: Check = Check {
    id: "dtls13-client-hello-shape",
    layer: Layer::Dtls,
    subject: "ClientHellos that offer DTLS 1.3",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for handshake in evidence.handshakes(peer) {
        of_one(evidence, peer, &handshake, tally);
    }
}

fn of_one(evidence: &Evidence, peer: Peer, handshake: &Handshake, tally: &mut Tally) {
    let Some((message, hello)) = client_hello(handshake, peer) else { return };
    let Some(Content::Versions(versions)) = hello.extension(ExtensionType::SupportedVersions) else { return };
    if !versions.iter().any(|version| version == Version::Dtls13) {
        return;
    }
    let place = Place::Frame(message.frame);
    if !evidence.whole && message.seq() != Some(0) {
        tally.inconclusive("the first ClientHello is not in the capture", [place]);
        return;
    }
    let version = hello.legacy_version.value;
    if version == Version::Dtls12 {
        tally.judge(Fault("cookie"), hello.cookie.value.is_empty(), place, || {
            "the first ClientHello has a cookie".to_owned()
        });
    } else {
        tally.fail(
            Fault("other-legacy-version"),
            format!("legacy_version is {version}, not {}", Version::Dtls12),
            [place],
        );
    }
}

#[cfg(test)]
mod control {
    use super::super::client_hello;
    use crate::checks::controls::{Control, Mutation, Recording, dtls};
    use crate::evidence::Peer;

    /// Says DTLS 1.3 in `legacy_version`.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        dtls::overwrite(evidence, dtls::CLIENT_HELLO, 0, &[0xfe, 0xfc]);
    })
    .and(&[
        // Its length and the first two of the suites become the cookie, and what follows is the length of the others.
        Mutation::new(Recording::Data, "has a cookie", |evidence| {
            let handshake = evidence.first_handshake(Peer(0));
            let client = handshake.client().unwrap();
            let (_, hello) = client_hello(&handshake, client).unwrap();
            let left = 2 * hello.cipher_suites.iter().count() as u16 - 4;
            dtls::overwrite(evidence, dtls::CLIENT_HELLO, 35, &[4]);
            dtls::overwrite(evidence, dtls::CLIENT_HELLO, 40, &left.to_be_bytes());
        }),
    ]);
}
