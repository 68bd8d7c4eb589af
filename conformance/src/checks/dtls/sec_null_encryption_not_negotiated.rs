//! RFC 8827 §6.5: neither cipher suites nor SRTP profiles without encryption are negotiated.

use super::use_srtp;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::CipherSuite;
use peerproof_captures::wire::dtls::extension::{Extensions, SrtpProfile};
use peerproof_captures::wire::dtls::handshake::Body;

pub(super) const CHECK: Check = Check {
    id: "sec-null-encryption-not-negotiated",
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
        let (suite, extensions) = match body {
            Body::ClientHello(hello) => {
                (hello.cipher_suites.iter().find(|suite| is_null(*suite)), hello.extensions)
            }
            Body::ServerHello(hello) => {
                (Some(hello.cipher_suite.value).filter(|suite| is_null(*suite)), hello.extensions)
            }
            Body::EncryptedExtensions(extensions) => (None, Some(extensions)),
            _ => continue,
        };
        match (suite, null_profile(extensions)) {
            (Some(suite), _) => tally.fail(Fault("null-suite"), format!("{suite} encrypts nothing"), [place]),
            (None, Some(profile)) => {
                tally.fail(Fault("null-profile"), format!("{profile} encrypts nothing"), [place]);
            }
            (None, None) => tally.pass(place),
        }
    }
}

fn null_profile(extensions: Option<Extensions<'_>>) -> Option<SrtpProfile> {
    let is_null =
        |profile: &SrtpProfile| matches!(profile, SrtpProfile::NullSha1_80 | SrtpProfile::NullSha1_32);
    use_srtp(extensions)?.profiles.iter().find(is_null)
}

/// Whether a suite has the NULL cipher: the registry "TLS Cipher Suites".
const fn is_null(suite: CipherSuite) -> bool {
    matches!(
        suite.raw(),
        0x0000..=0x0002
            | 0x002c..=0x002e
            | 0x003b
            | 0x00b0
            | 0x00b1
            | 0x00b4
            | 0x00b5
            | 0x00b8
            | 0x00b9
            | 0x0082
            | 0x0083
            | 0xc001
            | 0xc006
            | 0xc00b
            | 0xc010
            | 0xc015
            | 0xc039..=0xc03b
            | 0xc0b4
            | 0xc0b5
    )
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};

    /// Offers a profile without encryption in the place of one that is not chosen.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        dtls::replace_profile(evidence, dtls::CLIENT_HELLO, 2, 5);
    })
    .and(&[
        // TLS_RSA_WITH_NULL_SHA256 in the place of the last suite.
        Mutation::new(Recording::Media, "encrypts nothing", |evidence| {
            dtls::edit_messages(evidence, dtls::CLIENT_HELLO, |body| {
                let end = dtls::suites(body).end;
                body[end - 2..end].copy_from_slice(&[0, 0x3b]);
                true
            });
        }),
    ]);
}
