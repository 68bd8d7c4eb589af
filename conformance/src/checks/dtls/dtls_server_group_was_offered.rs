//! RFC 8422 §5.4: the server's key share is of a curve of the client's list: "the server MUST NOT negotiate the use of an ECC cipher suite
//! unless it can complete the handshake"; RFC 8446 §4.2.8: in 1.3 it "MUST be in the same group as the KeyShareEntry value offered by the
//! client".

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::Group;
use peerproof_captures::wire::dtls::extension::{Content, ExtensionType};
use peerproof_captures::wire::dtls::handshake::{Body, ClientHello, ServerKeyExchange};

pub(super) const CHECK: Check = Check {
    id: "dtls-server-group-was-offered",
    layer: Layer::Dtls,
    subject: "key shares of servers",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for handshake in evidence.handshakes(peer) {
        let Some([(_, Body::ClientHello(client)), (message, Body::ServerHello(server))]) = handshake.hellos()
        else {
            continue;
        };
        if message.sender != peer {
            continue;
        }
        if let Some(Content::KeyShares(shares)) = server.extension(ExtensionType::KeyShare) {
            let offered = shared(&client);
            for share in shares.iter() {
                let group = share.group.value;
                tally.judge(
                    Fault("no-share-of-group"),
                    offered.contains(&group),
                    Place::Frame(message.frame),
                    || format!("the server's key share is of {group}, of which the client sent none"),
                );
            }
        }
        let exchanges = handshake.bodies().filter_map(|(message, body)| match body {
            Body::ServerKeyExchange(ServerKeyExchange::Ecdhe { group, .. }) => Some((message, group.value)),
            _ => None,
        });
        for (message, group) in exchanges.filter(|(message, _)| message.sender == peer) {
            let place = Place::Frame(message.frame);
            // A client without the extension takes any (§4).
            let Some(Content::Groups(groups)) = client.extension(ExtensionType::SupportedGroups) else {
                tally.pass(place);
                continue;
            };
            let offered = groups.iter().any(|it| it == group);
            tally.judge(Fault("group-not-offered"), offered, place, || {
                format!("the server's key is of {group}, which the client did not offer")
            });
        }
    }
}

/// The groups of which the client sent a key share.
fn shared(client: &ClientHello<'_>) -> Vec<Group> {
    match client.extension(ExtensionType::KeyShare) {
        Some(Content::KeyShares(shares)) => shares.iter().map(|share| share.group.value).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};

    /// Makes the curve of the server's key another one.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        dtls::edit_messages(evidence, dtls::SERVER_KEY_EXCHANGE, |body| {
            body[2] = 26;
            true
        });
    })
    .and(&[Mutation::new(Recording::Conflict, "of which the client sent none", |evidence| {
        dtls::edit_messages(evidence, dtls::SERVER_HELLO, |body| {
            let at = dtls::extension(body, 51).unwrap();
            body[at + 4..at + 6].copy_from_slice(&[0, 26]);
            true
        });
    })]);
}
