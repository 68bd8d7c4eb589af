//! RFC 8827 §6.5: "Implementations MUST favor cipher suites which support Forward Secrecy (FS) over non-FS cipher suites and SHOULD favor AEAD over
//! non-AEAD cipher suites".

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::CipherSuite;
use peerproof_captures::wire::dtls::handshake::Body;

pub(super) const CHECK: Check = Check {
    id: "dtls-server-prefers-forward-secrecy",
    layer: Layer::Dtls,
    subject: "choices of a suite",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Whether the keys of a suite of 1.2 come from an ephemeral exchange; nothing if its name does not say.
fn is_forward_secret(suite: CipherSuite) -> Option<bool> {
    let name = suite.name()?;
    let exchange = name.strip_prefix("TLS_")?.split_once("_WITH_")?.0;
    Some(exchange.starts_with("ECDHE") || exchange.starts_with("DHE"))
}

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("the client left no choice between suites with and without forward secrecy");
    for handshake in evidence.handshakes(peer) {
        let Some([(_, Body::ClientHello(client)), (message, Body::ServerHello(server))]) = handshake.hellos()
        else {
            continue;
        };
        let chosen = server.cipher_suite.value;
        let offers =
            |wanted: bool| client.cipher_suites.iter().any(|suite| is_forward_secret(suite) == Some(wanted));
        if message.sender != peer || chosen.is_13() || !offers(true) || !offers(false) {
            continue;
        }
        let place = Place::Frame(message.frame);
        // The client offers one by which the server's kind of certificate may serve or not: where it has chosen RSA, it has RSA.
        tally.judge(Fault("no-forward-secrecy"), is_forward_secret(chosen) != Some(false), place, || {
            format!("the server chose {chosen}, although suites with forward secrecy are offered")
        });
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, dtls};

    /// Has the server choose static RSA.
    pub(super) const CONTROL: Control = Control::prepared(
        Recording::Media,
        |evidence| {
            dtls::edit_messages(evidence, dtls::CLIENT_HELLO, |body| {
                let all = dtls::suites(body);
                body[all.end - 2..all.end].copy_from_slice(&[0x00, 0x9c]);
                true
            });
        },
        |evidence| {
            dtls::edit_messages(evidence, dtls::SERVER_HELLO, |body| {
                let at = 35 + usize::from(body[34]);
                body[at..at + 2].copy_from_slice(&[0x00, 0x9c]);
                true
            });
        },
    );
}
