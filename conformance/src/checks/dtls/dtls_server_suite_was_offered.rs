//! RFC 5246 §7.4.1.3, RFC 8446 §4.1.3: the cipher suite is "selected by the server from the list in ClientHello.cipher_suites".

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::handshake::Body;

pub(super) const CHECK: Check = Check {
    id: "dtls-server-suite-was-offered",
    layer: Layer::Dtls,
    subject: "ServerHellos",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for handshake in evidence.handshakes(peer) {
        let Some([(_, Body::ClientHello(asks)), (message, Body::ServerHello(answers))]) = handshake.hellos()
        else {
            continue;
        };
        if message.sender != peer {
            continue;
        }
        let chosen = answers.cipher_suite.value;
        let offered = asks.cipher_suites.iter().any(|suite| suite == chosen);
        tally.judge(Fault("suite-not-offered"), offered, Place::Frame(message.frame), || {
            format!("the server chose {chosen}, which the client did not offer")
        });
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, dtls};

    /// Takes the suite that was chosen out of the ClientHello: another one stands in its place twice.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        let messages = evidence.first_handshake(crate::evidence::Peer(0)).messages;
        let hello = messages.iter().find(|it| it.bytes[0] == dtls::SERVER_HELLO).unwrap();
        let at = 12 + 35 + usize::from(hello.bytes[12 + 34]);
        let chosen = [hello.bytes[at], hello.bytes[at + 1]];
        dtls::edit_messages(evidence, dtls::CLIENT_HELLO, |body| {
            let all = dtls::suites(body);
            let mut suites = body[all].chunks_exact_mut(2);
            suites.find(|suite| **suite == chosen).unwrap().copy_from_slice(&[0xcc, 0xac]);
            true
        });
    })
    .also_breaks(&["dtls-client-offers-mandatory-suite"]);
}
