//! RFC 8827 §6.5: DTLS 1.2 is the least; no older version is negotiated.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::handshake::Body;

pub(super) const CHECK: Check = Check {
    id: "dtls-version-at-least-1-2",
    layer: Layer::Dtls,
    subject: "ServerHellos",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for (message, body) in evidence.handshake(peer).bodies() {
        let Body::ServerHello(hello) = body else { continue };
        let version = hello.version().value;
        tally.judge(
            Fault("older-version"),
            matches!(version, Version::Dtls12 | Version::Dtls13),
            Place::Frame(message.frame),
            || format!("the server chose {version}, not DTLS 1.2 or 1.3"),
        );
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
