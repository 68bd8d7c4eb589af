//! RFC 8422 §5.4, §5.7, RFC 8446 §4.2.8.2: a public key of a NIST curve is an uncompressed point, 4 and both coordinates; RFC 8422 §5.11: one of
//! X25519 has 32 bytes, one of X448 56.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::Group;
use peerproof_captures::wire::dtls::extension::{Content, ExtensionType, Extensions};
use peerproof_captures::wire::dtls::handshake::{Body, ClientKeyExchange, ServerKeyExchange};

pub(super) const CHECK: Check = Check {
    id: "dtls-key-exchange-fits-group",
    layer: Layer::Dtls,
    subject: "public keys",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// The length of a public key in bytes, the client's and the server's where they differ; nothing if it is not known here.
const fn lengths(group: Group) -> Option<[usize; 2]> {
    Some(match group {
        Group::Secp256r1 => [65; 2],
        Group::Secp384r1 => [97; 2],
        Group::Secp521r1 => [133; 2],
        Group::X25519 => [32; 2],
        Group::X448 => [56; 2],
        // The encapsulation key, or the ciphertext, and the key of X25519 (draft-ietf-tls-ecdhe-mlkem §4).
        Group::X25519MlKem768 => [1184 + 32, 1088 + 32],
        _ => return None,
    })
}

const UNCOMPRESSED: u8 = 4;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for handshake in evidence.handshakes(peer) {
        let group = group(&handshake);
        for (message, body) in handshake.bodies().filter(|(message, _)| message.sender == peer) {
            let place = Place::Frame(message.frame);
            match body {
                Body::ClientHello(hello) => shares(hello.extensions, 0, place, tally),
                Body::ServerHello(hello) if !hello.is_hello_retry_request() => {
                    shares(hello.extensions, 1, place, tally);
                }
                Body::ServerKeyExchange(ServerKeyExchange::Ecdhe { group, point, .. }) => {
                    judge(group.value, 1, point.value, place, tally);
                }
                Body::ClientKeyExchange(ClientKeyExchange::Ecdhe(point)) => {
                    if let Some(group) = group {
                        judge(group, 0, point.value, place, tally);
                    }
                }
                _ => {}
            }
        }
    }
}

/// The group of the server's key, in 1.2.
fn group(handshake: &Handshake) -> Option<Group> {
    handshake.bodies().find_map(|(_, body)| match body {
        Body::ServerKeyExchange(ServerKeyExchange::Ecdhe { group, .. }) => Some(group.value),
        _ => None,
    })
}

fn shares(extensions: Option<Extensions<'_>>, side: usize, place: Place, tally: &mut Tally) {
    let content = extensions.and_then(|all| all.content(ExtensionType::KeyShare));
    if let Some(Content::KeyShares(shares)) = content {
        for share in shares.iter() {
            judge(share.group.value, side, share.key_exchange.value, place, tally);
        }
    }
}

fn judge(group: Group, side: usize, key: &[u8], place: Place, tally: &mut Tally) {
    let Some(length) = lengths(group).and_then(|both| both.get(side).copied()) else { return };
    if key.len() != length {
        let text = format!("a public key of {group} has {} bytes, not {length}", key.len());
        tally.fail(Fault("other-length"), text, [place]);
        return;
    }
    let is_point = matches!(group, Group::Secp256r1 | Group::Secp384r1 | Group::Secp521r1);
    let form = key.first().copied().unwrap_or_default();
    tally.judge(Fault("other-form"), !is_point || form == UNCOMPRESSED, place, || {
        format!("a public key of {group} begins with {form}, not as an uncompressed point")
    });
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};

    /// Takes the last byte off the client's public key.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        dtls::edit_messages(evidence, dtls::CLIENT_KEY_EXCHANGE, |body| {
            body.pop();
            body[0] -= 1;
            true
        });
    })
    .and(&[Mutation::new(Recording::Media, "not as an uncompressed point", |evidence| {
        // A key of P-256 in place of whichever it is, compressed.
        let point = |form: u8| [&[65, form][..], &[7; 64]].concat();
        dtls::edit_messages(evidence, dtls::SERVER_KEY_EXCHANGE, |body| {
            let end = 4 + usize::from(body[3]);
            body[1..3].copy_from_slice(&[0, 23]);
            body.splice(3..end, point(4));
            true
        });
        dtls::edit_messages(evidence, dtls::CLIENT_KEY_EXCHANGE, |body| {
            *body = point(2);
            true
        });
    })]);
}
