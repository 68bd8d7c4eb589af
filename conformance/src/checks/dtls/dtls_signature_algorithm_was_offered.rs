//! RFC 5246 §7.4.3, §7.4.8: the hash and signature algorithms of a ServerKeyExchange "MUST be a pair that is present in that extension", those of
//! a CertificateVerify one of the CertificateRequest; RFC 8446 §4.4.3 says so of 1.3.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::extension::{Content, ExtensionType, Extensions};
use peerproof_captures::wire::dtls::handshake::{
    Body, CertificateRequest, CertificateVerify, ServerKeyExchange,
};
use peerproof_captures::wire::dtls::{SignatureScheme, Version};

pub(super) const CHECK: Check = Check {
    id: "dtls-signature-algorithm-was-offered",
    layer: Layer::Dtls,
    subject: "signatures",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for handshake in evidence.handshakes(peer) {
        let Some([(client, Body::ClientHello(hello)), _]) = handshake.hellos() else { continue };
        let by_client = client.sender == peer;
        // What the verifier announced.
        let accepted = if by_client { requested(&handshake) } else { listed(hello.extensions) };
        let Some(accepted) = accepted else { continue };
        for (message, body) in handshake.bodies().filter(|(message, _)| message.sender == peer) {
            let signature: Option<CertificateVerify<'_>> = match body {
                Body::ServerKeyExchange(ServerKeyExchange::Ecdhe { signature, .. }) => signature,
                Body::CertificateVerify(verify) => Some(verify),
                _ => None,
            };
            let Some(algorithm) = signature.and_then(|it| it.algorithm) else { continue };
            let algorithm = algorithm.value;
            let place = Place::Frame(message.frame);
            if !by_client && handshake.version == Some(Version::Dtls13) && !accepted.contains(&algorithm) {
                // "unless no valid certificate chain can be produced without unsupported algorithms" (RFC 8446 §4.4.3).
                tally.inconclusive("the server of DTLS 1.3 may have no other certificate", [place]);
                continue;
            }
            tally.judge(Fault("algorithm-not-offered"), accepted.contains(&algorithm), place, || {
                format!("a {} is signed by {algorithm}, which the other side did not list", message.kind())
            });
        }
    }
}

/// The algorithms of a list of extensions.
fn listed(extensions: Option<Extensions<'_>>) -> Option<Vec<SignatureScheme>> {
    match extensions?.content(ExtensionType::SignatureAlgorithms)? {
        Content::Signatures(schemes) => Some(schemes.iter().collect()),
        _ => None,
    }
}

/// The algorithms of the server's CertificateRequest.
fn requested(handshake: &Handshake) -> Option<Vec<SignatureScheme>> {
    handshake.bodies().find_map(|(_, body)| match body {
        Body::CertificateRequest(CertificateRequest::Tls12 { signature_algorithms, .. }) => {
            Some(signature_algorithms?.iter().collect())
        }
        Body::CertificateRequest(CertificateRequest::Tls13 { extensions, .. }) => listed(Some(extensions)),
        _ => None,
    })
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, dtls};

    /// Has the client sign by brainpoolP256r1.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        dtls::edit_messages(evidence, dtls::CERTIFICATE_VERIFY, |body| {
            body[..2].copy_from_slice(&[0x08, 0x1a]);
            true
        });
    });
}
