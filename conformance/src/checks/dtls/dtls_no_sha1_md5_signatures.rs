//! RFC 9155 §2: "Clients MUST include the signature_algorithms extension. Clients MUST NOT include MD5 and SHA-1 in this extension"; §3: servers SHOULD
//! NOT request them; §4, §5: neither side signs by them.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::extension::{Content, ExtensionType};
use peerproof_captures::wire::dtls::handshake::{Body, CertificateRequest, ServerKeyExchange};
use peerproof_captures::wire::dtls::{SignatureScheme, Version};

pub(super) const CHECK: Check = Check {
    id: "dtls-no-sha1-md5-signatures",
    layer: Layer::Dtls,
    subject: "lists of algorithms and signatures",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Whether a scheme has MD5 or SHA-1: 1 and 2 of the registry of hash algorithms (RFC 5246 §7.4.1.4.1).
const fn is_weak(scheme: SignatureScheme) -> bool {
    matches!(scheme.raw() >> 8, 1 | 2)
}

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for handshake in evidence.handshakes(peer) {
        for (message, body) in handshake.bodies().filter(|(message, _)| message.sender == peer) {
            let place = Place::Frame(message.frame);
            let signature = match body {
                // The RFC is about 1.2.
                Body::ClientHello(hello) if !hello.offers(Version::Dtls12) => continue,
                Body::ClientHello(hello) => {
                    let Some(Content::Signatures(all)) = hello.extension(ExtensionType::SignatureAlgorithms)
                    else {
                        tally.fail(Fault("no-list"), "the ClientHello has no signature_algorithms", [place]);
                        continue;
                    };
                    let weak = all.iter().find(|it| is_weak(*it));
                    match weak {
                        Some(weak) => {
                            tally.fail(Fault("offered"), format!("the client accepts {weak}"), [place]);
                        }
                        None => tally.pass(place),
                    }
                    continue;
                }
                Body::CertificateRequest(CertificateRequest::Tls12 { signature_algorithms, .. }) => {
                    let weak = signature_algorithms.and_then(|all| all.iter().find(|it| is_weak(*it)));
                    match weak {
                        Some(weak) => {
                            tally.warn(Fault("requested"), format!("the server accepts {weak}"), [place]);
                        }
                        None => tally.pass(place),
                    }
                    continue;
                }
                Body::ServerKeyExchange(ServerKeyExchange::Ecdhe { signature, .. }) => signature,
                Body::CertificateVerify(verify) => Some(verify),
                _ => None,
            };
            if let Some(algorithm) = signature.and_then(|it| it.algorithm) {
                let algorithm = algorithm.value;
                tally.judge(Fault("signed"), !is_weak(algorithm), place, || {
                    format!("a {} is signed by {algorithm}", message.kind())
                });
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};
    use crate::evidence::Evidence;

    const SIGNATURE_ALGORITHMS: u16 = 13;

    /// Replaces SHA-1 in what both sides list by a scheme that is listed too.
    fn strengthen(evidence: &mut Evidence) {
        for kind in [dtls::CLIENT_HELLO, dtls::CERTIFICATE_REQUEST] {
            dtls::edit_messages(evidence, kind, |body| {
                let (at, length) = if kind == dtls::CLIENT_HELLO {
                    let at = dtls::extension(body, SIGNATURE_ALGORITHMS).unwrap() + 4;
                    (at + 2, usize::from(u16::from_be_bytes([body[at], body[at + 1]])))
                } else {
                    let at = 1 + usize::from(body[0]);
                    (at + 2, usize::from(u16::from_be_bytes([body[at], body[at + 1]])))
                };
                let schemes = body[at..at + length].chunks_exact_mut(2);
                schemes.filter(|it| it[0] < 3).for_each(|it| it.copy_from_slice(&[4, 3]));
                true
            });
        }
    }

    /// Has the client accept SHA-1.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Media, strengthen, |evidence| {
        dtls::edit_messages(evidence, dtls::CLIENT_HELLO, |body| {
            let at = dtls::extension(body, SIGNATURE_ALGORITHMS).unwrap() + 6;
            let last = at + usize::from(u16::from_be_bytes([body[at - 2], body[at - 1]])) - 2;
            body[last..last + 2].copy_from_slice(&[2, 3]);
            true
        });
    })
    .and(&[
        Mutation::new(Recording::Media, "has no signature_algorithms", |evidence| {
            dtls::remove_extension(evidence, dtls::CLIENT_HELLO, SIGNATURE_ALGORITHMS);
        })
        .prepared(strengthen),
        Mutation::new(Recording::Media, "the server accepts", |evidence| {
            dtls::edit_messages(evidence, dtls::CERTIFICATE_REQUEST, |body| {
                let at = 1 + usize::from(body[0]) + 2;
                let last = at + usize::from(u16::from_be_bytes([body[at - 2], body[at - 1]])) - 2;
                body[last..last + 2].copy_from_slice(&[2, 3]);
                true
            });
        })
        .prepared(strengthen),
        Mutation::new(Recording::Media, "is signed by", |evidence| {
            dtls::edit_messages(evidence, dtls::CERTIFICATE_VERIFY, |body| {
                body[..2].copy_from_slice(&[2, 3]);
                true
            });
        })
        .prepared(strengthen)
        .also_breaks(&["dtls-signature-algorithm-was-offered"]),
    ]);
}
