//! RFC 8827 §6.5: where the client offers an AEAD suite, the server chooses one.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::CipherSuite;
use peerproof_captures::wire::dtls::handshake::Body;

pub(super) const CHECK: Check = Check {
    id: "dtls-aead-suite-chosen-when-offered",
    layer: Layer::Dtls,
    subject: "choices of a cipher suite",
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
    let Some([(_, Body::ClientHello(client)), (message, Body::ServerHello(server))]) = handshake.hellos()
    else {
        return;
    };
    if message.sender != peer {
        return;
    }
    if !client.cipher_suites.iter().any(is_aead) {
        tally.not_applicable("the client offers no AEAD suite");
        return;
    }
    let chosen = server.cipher_suite.value;
    tally.judge(Fault("no-aead-chosen"), is_aead(chosen), Place::Frame(message.frame), || {
        format!("the server chose {chosen}, although the client offers AEAD suites")
    });
}

/// Whether a suite protects by an AEAD (RFC 5116), as its name shows.
fn is_aead(suite: CipherSuite) -> bool {
    suite.name().is_some_and(|name| ["GCM", "CCM", "CHACHA20"].iter().any(|mode| name.contains(mode)))
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, dtls};

    /// Chooses a suite of CBC.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        dtls::edit_messages(evidence, dtls::SERVER_HELLO, |body| {
            let at = 35 + usize::from(body[34]);
            body[at..at + 2].copy_from_slice(&[0xc0, 0x09]);
            true
        });
    })
    .also_breaks(&["dtls-server-suite-was-offered"]);
}
