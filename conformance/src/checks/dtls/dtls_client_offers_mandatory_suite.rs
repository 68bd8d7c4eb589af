//! RFC 8827 §6.5: a client that offers DTLS 1.2 offers ECDHE-ECDSA with AES-128-GCM-SHA256, and the curve P-256.

use super::client_hello;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::extension::{Content, ExtensionType};
use peerproof_captures::wire::dtls::{CipherSuite, Group, Version};

pub(super) const CHECK: Check = Check {
    id: "dtls-client-offers-mandatory-suite",
    layer: Layer::Dtls,
    subject: "ClientHellos",
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
    let Some((message, hello)) = client_hello(handshake, peer) else { return };
    if !hello.offers(Version::Dtls12) {
        tally.not_applicable("the client offers no DTLS 1.2");
        return;
    }
    let place = Place::Frame(message.frame);
    let suite = CipherSuite::EcdheEcdsaWithAes128GcmSha256;
    let p256 = match hello.extension(ExtensionType::SupportedGroups) {
        Some(Content::Groups(groups)) => groups.iter().any(|group| group == Group::Secp256r1),
        _ => false,
    };
    if !hello.cipher_suites.iter().any(|offered| offered == suite) {
        tally.fail(Fault("suite-missing"), format!("{suite} is not among the suites offered"), [place]);
    } else {
        tally
            .judge(Fault("p256-missing"), p256, place, || "P-256 is not among the groups offered".to_owned());
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};

    /// Puts another suite in the place of the mandatory one, which the server has not chosen.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        dtls::edit_messages(evidence, dtls::CLIENT_HELLO, |body| {
            let suites = dtls::suites(body);
            body[suites].chunks_mut(2).filter(|it| **it == [0xc0, 0x2b]).for_each(|it| it[1] = 0x2c);
            true
        });
    })
    .also_breaks(&["dtls-server-suite-was-offered"])
    .and(&[Mutation::new(Recording::Media, "P-256 is not among the groups offered", |evidence| {
        dtls::edit_messages(evidence, dtls::CLIENT_HELLO, |body| {
            let at = dtls::extension(body, 10).unwrap();
            let end = at + 6 + usize::from(body[at + 5]);
            body[at + 6..end].chunks_mut(2).filter(|it| **it == [0, 0x17]).for_each(|it| it[1] = 0x1e);
            true
        });
    })
    .also_breaks(&["dtls-server-group-was-offered"])]);
}
