//! RFC 5764 §4.1.1: the server answers use_srtp with one profile, which the client offered.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::extension::{Content, ExtensionType, Extensions};
use peerproof_captures::wire::dtls::handshake::Body;

pub(super) const CHECK: Check = Check {
    id: "dtls-server-use-srtp-single-offered-profile",
    layer: Layer::Dtls,
    subject: "answers to use_srtp",
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
    let Some([(_, Body::ClientHello(client)), _]) = handshake.hellos() else { return };
    let offered = profiles(client.extensions).unwrap_or_default();
    for (message, body) in handshake.bodies().filter(|(message, _)| message.sender == peer) {
        let extensions = match body {
            Body::ServerHello(hello) => hello.extensions,
            Body::EncryptedExtensions(extensions) => Some(extensions),
            _ => continue,
        };
        let Some(chosen) = profiles(extensions) else { continue };
        let place = Place::Frame(message.frame);
        match chosen[..] {
            [one] => tally.judge(Fault("profile-not-offered"), offered.contains(&one), place, || {
                format!("the server chose SRTP profile {one:#06x}, which the client did not offer")
            }),
            _ => tally.fail(
                Fault("not-one-profile"),
                format!("the server chose {} SRTP profiles, not one", chosen.len()),
                [place],
            ),
        }
    }
}

fn profiles(extensions: Option<Extensions<'_>>) -> Option<Vec<u16>> {
    match extensions?.content(ExtensionType::UseSrtp)? {
        Content::UseSrtp(use_srtp) => Some(use_srtp.profiles.iter().map(u16::from).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};

    /// Lets the server choose a profile that does not exist.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        dtls::edit_messages(evidence, dtls::SERVER_HELLO, |body| {
            let at = body.windows(6).position(|it| it == [0, 14, 0, 5, 0, 2]).unwrap();
            body[at + 6..at + 8].copy_from_slice(&[0x7a, 0x7a]);
            true
        });
    })
    .and(&[Mutation::new(Recording::Media, "the server chose 2 SRTP profiles", |evidence| {
        dtls::edit_messages(evidence, dtls::SERVER_HELLO, |body| {
            let at = dtls::extension(body, 14).unwrap();
            body[at + 5] = 4;
            dtls::insert(body, at, at + 8, &[0, 2]);
            true
        });
    })]);
}
