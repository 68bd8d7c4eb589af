//! RFC 5746 §3.4: an initial ClientHello has an empty `renegotiation_info`, or the cipher suite that stands for it.

use super::client_hello;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::extension::ExtensionType;
use peerproof_captures::wire::dtls::{CipherSuite, Version};

pub(super) const CHECK: Check = Check {
    id: "dtls-renegotiation-info-signalled",
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
    let stands_for_it =
        hello.cipher_suites.iter().any(|suite| suite == CipherSuite::EmptyRenegotiationInfoScsv);
    match hello.extensions.and_then(|it| it.find(ExtensionType::RenegotiationInfo)) {
        // An empty vector, after its length (§3.2).
        Some(info) => tally.judge(Fault("not-empty"), info.data.value == [0], place, || {
            "the renegotiation_info of an initial ClientHello is not empty".to_owned()
        }),
        None => tally.judge(Fault("not-signalled"), stands_for_it, place, || {
            "the ClientHello has neither renegotiation_info nor TLS_EMPTY_RENEGOTIATION_INFO_SCSV".to_owned()
        }),
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};

    /// Takes both away; the ServerHello answers none of them.
    pub(super) const CONTROL: Control = Control::prepared(
        Recording::Media,
        |evidence| dtls::remove_extension(evidence, dtls::SERVER_HELLO, 0xff01),
        |evidence| {
            dtls::remove_extension(evidence, dtls::CLIENT_HELLO, 0xff01);
            dtls::edit_messages(evidence, dtls::CLIENT_HELLO, |body| {
                let suites = dtls::suites(body);
                body[suites].chunks_mut(2).filter(|it| **it == [0, 0xff]).for_each(|it| it[1] = 0x9c);
                true
            });
        },
    )
    .and(&[Mutation::new(Recording::Media, "is not empty", |evidence| {
        dtls::edit_messages(evidence, dtls::CLIENT_HELLO, |body| {
            if let Some(at) = dtls::extension(body, 0xff01) {
                body[at + 4] = 1;
                dtls::insert(body, at, at + 5, &[9]);
            } else {
                dtls::append_extension(body, &[0xff, 1, 0, 2, 1, 9]);
            }
            true
        });
    })]);
}
