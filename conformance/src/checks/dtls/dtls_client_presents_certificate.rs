//! RFC 8122 §6.2: the client answers the server's CertificateRequest with a certificate.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::handshake::{Body, HandshakeType};

pub(super) const CHECK: Check = Check {
    id: "dtls-client-presents-certificate",
    layer: Layer::Dtls,
    subject: "Certificates of clients",
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
    if handshake.client() != Some(peer) {
        return;
    }
    let of = |kind| handshake.messages.iter().find(move |it| it.sender == peer && it.kind() == kind);
    let mut messages = handshake.messages.iter();
    let Some(request) =
        messages.find(|it| it.sender != peer && it.kind() == HandshakeType::CertificateRequest)
    else {
        return;
    };
    let sent = handshake.bodies().find_map(|(message, body)| match body {
        Body::Certificate(certificate) if message.sender == peer => Some((message, certificate)),
        _ => None,
    });
    if let Some((message, certificate)) = sent {
        tally.judge(
            Fault("empty-certificate"),
            certificate.entries().next().is_some(),
            Place::Frame(message.frame),
            || "the client's Certificate is empty".to_owned(),
        );
        return;
    }
    if of(HandshakeType::CompressedCertificate).is_some() {
        tally.inconclusive("the client's certificate is compressed", [Place::Frame(request.frame)]);
        return;
    }
    let last = match handshake.version {
        Some(Version::Dtls13) => of(HandshakeType::Finished),
        _ => of(HandshakeType::ClientKeyExchange),
    };
    match last {
        Some(after) if evidence.whole => tally.fail(
            Fault("no-certificate"),
            "the client went on without a Certificate, although the server asked for one",
            [Place::Frame(after.frame), Place::Frame(request.frame)],
        ),
        _ => tally.inconclusive("the client's answer is not in the recording", [Place::Frame(request.frame)]),
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};
    use crate::evidence::Peer;

    /// Empties the client's certificate.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        assert_eq!(evidence.first_handshake(Peer(1)).client(), Some(Peer(1)));
        dtls::edit_messages_of(evidence, Some(Peer(1)), dtls::CERTIFICATE, |body| {
            *body = vec![0, 0, 0];
            true
        });
    })
    .and(&[Mutation::new(Recording::Media, "went on without a Certificate", |evidence| {
        dtls::edit_messages_of(evidence, Some(Peer(1)), dtls::CERTIFICATE, |_| false);
    })
    .also_breaks(&["dtls-message-seq-numbering"])]);
}
