//! RFC 8827 §6.5, RFC 8996: DTLS 1.2 is the least; no server chooses an older version, and no client goes on with one.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::handshake::{Body, HandshakeType};

pub(super) const CHECK: Check = Check {
    id: "dtls-version-at-least-1-2",
    layer: Layer::Dtls,
    subject: "ServerHellos",
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
    for (message, body) in handshake.bodies() {
        let Body::ServerHello(hello) = body else { continue };
        let (version, place) = (hello.version().value, Place::Frame(message.frame));
        let is_allowed = matches!(version, Version::Dtls12 | Version::Dtls13);
        if message.sender == peer {
            tally.judge(Fault("older-version-chosen"), is_allowed, place, || {
                format!("the server chose {version}, not DTLS 1.2 or 1.3")
            });
            continue;
        }
        // A client that receives such a hello has to end the handshake (RFC 8996 §5).
        let mut behind = handshake.messages.iter().filter(|it| it.frame > message.frame && it.sender == peer);
        let goes_on = behind.find(|it| it.kind() != HandshakeType::ClientHello);
        match goes_on.filter(|_| !is_allowed) {
            Some(next) => tally.fail(
                Fault("older-version-taken"),
                format!("the client goes on with {version}, which the server chose"),
                [place, Place::Frame(next.frame)],
            ),
            None => tally.pass(place),
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, dtls};

    /// Lets the server choose DTLS 1.0.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        dtls::edit_messages(evidence, dtls::SERVER_HELLO, |body| {
            body[..2].copy_from_slice(&[0xfe, 0xff]);
            true
        });
    });
}
