//! RFC 5246 §7.4: "handshake protocol messages … MUST be sent in the order defined below (and shown in the charts in Section 7.3)"; RFC
//! 8446 §4 has the order of 1.3.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, HandshakeMessage, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::handshake::HandshakeType;

pub(super) const CHECK: Check = Check {
    id: "dtls-handshake-message-order",
    layer: Layer::Dtls,
    subject: "handshake messages",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// The order of 1.2, of the server and of the client.
const ORDER_12: &[HandshakeType] = &[
    HandshakeType::ClientHello,
    HandshakeType::HelloVerifyRequest,
    HandshakeType::ServerHello,
    HandshakeType::SupplementalData,
    HandshakeType::Certificate,
    HandshakeType::CertificateStatus,
    HandshakeType::ServerKeyExchange,
    HandshakeType::CertificateRequest,
    HandshakeType::ServerHelloDone,
    HandshakeType::ClientKeyExchange,
    HandshakeType::CertificateVerify,
    HandshakeType::NewSessionTicket,
    HandshakeType::Finished,
];

/// The same of 1.3.
const ORDER_13: &[HandshakeType] = &[
    HandshakeType::ClientHello,
    HandshakeType::ServerHello,
    HandshakeType::EncryptedExtensions,
    HandshakeType::CertificateRequest,
    HandshakeType::Certificate,
    HandshakeType::CompressedCertificate,
    HandshakeType::CertificateVerify,
    HandshakeType::Finished,
];

/// Those that may come twice, in one handshake or again after it.
const REPEATED: &[HandshakeType] = &[HandshakeType::ClientHello, HandshakeType::ServerHello];

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for handshake in evidence.handshakes(peer) {
        let order = match handshake.version {
            Some(Version::Dtls13) => ORDER_13,
            Some(Version::Dtls12 | Version::Dtls10) => ORDER_12,
            _ => continue,
        };
        let rank = |message: &HandshakeMessage| order.iter().position(|kind| *kind == message.kind());
        let mut own: Vec<&HandshakeMessage> =
            handshake.messages.iter().filter(|it| it.sender == peer && rank(it).is_some()).collect();
        // What came first says nothing: datagrams may overtake each other.
        own.sort_by_key(|message| message.seq());
        for pair in own.windows(2) {
            let [before, message] = [pair[0], pair[1]];
            let again = before.kind() == message.kind() && REPEATED.contains(&message.kind());
            let place = Place::Frame(message.frame);
            tally.judge(Fault("out-of-order"), again || rank(before) < rank(message), place, || {
                format!("the message after the {} is a {}", before.kind(), message.kind())
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, dtls};

    /// Has the CertificateRequest come before the ServerKeyExchange.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        dtls::edit_headers(evidence, dtls::SERVER_KEY_EXCHANGE, |header| header[5] += 1);
        dtls::edit_headers(evidence, dtls::CERTIFICATE_REQUEST, |header| header[5] -= 1);
    });
}
