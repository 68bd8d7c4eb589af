//! RFC 5763 §5: the DTLS server asks for the client's certificate, which the client's fingerprint is to verify.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::handshake::HandshakeType;

pub(super) const CHECK: Check = Check {
    id: "dtls-server-requests-client-certificate",
    layer: Layer::Dtls,
    subject: "handshakes as server",
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
    let of = |kind| handshake.messages.iter().find(move |it| it.sender == peer && it.kind() == kind);
    let Some(hello) = of(HandshakeType::ServerHello) else { return };
    if let Some(request) = of(HandshakeType::CertificateRequest) {
        tally.pass(Place::Frame(request.frame));
        return;
    }
    let resumed = of(HandshakeType::Certificate).is_none();
    let flight_is_whole = match handshake.version {
        Some(Version::Dtls13) => of(HandshakeType::Finished).is_some(),
        _ => of(HandshakeType::ServerHelloDone).is_some(),
    };
    let place = Place::Frame(hello.frame);
    if !flight_is_whole {
        tally.inconclusive("the server's flight was not recorded whole, or could not be decrypted", [place]);
    } else if !resumed {
        tally.fail(Fault("no-certificate-request"), "the server's flight has no CertificateRequest", [place]);
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, dtls};

    /// Drops the request.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        dtls::edit_messages(evidence, dtls::CERTIFICATE_REQUEST, |_| false);
    });
}
