//! RFC 8446 §4.2: of the server, use_srtp is in EncryptedExtensions; the table of extensions has it in ClientHello and EncryptedExtensions alone, and one
//! elsewhere is an illegal parameter.

use super::use_srtp;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::extension::ExtensionType;
use peerproof_captures::wire::dtls::handshake::Body;

pub(super) const CHECK: Check = Check {
    id: "dtls13-use-srtp-in-encrypted-extensions",
    layer: Layer::Dtls,
    subject: "answers to use_srtp in DTLS 1.3",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for handshake in evidence.handshakes(peer) {
        if handshake.version != Some(Version::Dtls13) {
            tally.not_applicable("DTLS 1.3 was not negotiated");
            continue;
        }
        for (message, body) in handshake.bodies().filter(|(message, _)| message.sender == peer) {
            let place = Place::Frame(message.frame);
            match body {
                Body::ServerHello(hello) => {
                    let here = hello.extensions.is_some_and(|it| it.find(ExtensionType::UseSrtp).is_some());
                    if here {
                        tally.fail(Fault("in-server-hello"), "use_srtp is in the ServerHello", [place]);
                    }
                }
                Body::Certificate(certificate) if handshake.client() != Some(peer) => {
                    let extensions = certificate.entries().filter_map(|entry| entry.extensions);
                    if extensions.into_iter().any(|it| it.find(ExtensionType::UseSrtp).is_some()) {
                        tally.fail(Fault("in-certificate"), "use_srtp is in the Certificate", [place]);
                    }
                }
                Body::EncryptedExtensions(extensions) if use_srtp(Some(extensions)).is_some() => {
                    tally.pass(place);
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};
    use crate::evidence::{Evidence, Kind};

    /// Copies use_srtp to the ServerHello.
    pub(super) const CONTROL: Control = Control::new(Recording::Call, |evidence| {
        dtls::edit_messages(evidence, dtls::SERVER_HELLO, |body| {
            dtls::append_extension(body, &[0, 14, 0, 5, 0, 2, 0, 1, 0]);
            true
        });
    })
    .and(&[Mutation::new(Recording::Call, "use_srtp is in the Certificate", |evidence| {
        edit_certificates(evidence, |body| {
            // The context, the list, and the first certificate in it come before its extensions.
            let context = usize::from(body[0]);
            let at = 1 + context + 3;
            let number = |at: usize| u32::from_be_bytes([0, body[at], body[at + 1], body[at + 2]]) as usize;
            let extensions = at + 3 + number(at);
            let (list, added) = (number(1 + context), [0, 14, 0, 5, 0, 2, 0, 1, 0]);
            let length = u16::from_be_bytes([body[extensions], body[extensions + 1]]) + 9;
            body[extensions..extensions + 2].copy_from_slice(&length.to_be_bytes());
            body[1 + context..4 + context].copy_from_slice(&((list + 9) as u32).to_be_bytes()[1..]);
            body.splice(extensions + 2..extensions + 2, added);
        });
    })]);

    /// Edits the body of each Certificate that was opened and is in one piece.
    fn edit_certificates(evidence: &mut Evidence, edit: impl Fn(&mut Vec<u8>)) {
        let mut edited = 0;
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        for clear in packets.iter_mut().flat_map(|it| &mut it.clear) {
            if !matches!(clear.kind, Kind::Record { content_type: 22, .. }) {
                continue;
            }
            let (mut all, mut rest) = (Vec::new(), clear.bytes.as_slice());
            while rest.len() >= 12 {
                let number = |at: usize| u32::from_be_bytes([0, rest[at], rest[at + 1], rest[at + 2]]);
                let (message, after) = rest.split_at(12 + number(9) as usize);
                let mut body = message[12..].to_vec();
                if message[0] == dtls::CERTIFICATE && number(1) == number(9) {
                    edit(&mut body);
                    edited += 1;
                }
                let length = &(body.len() as u32).to_be_bytes()[1..];
                if message[0] == dtls::CERTIFICATE && number(1) == number(9) {
                    all.extend_from_slice(&[&[11], length, &message[4..9], length, &body].concat());
                } else {
                    all.extend_from_slice(message);
                }
                rest = after;
            }
            clear.bytes = all.into();
        }
        assert!(edited > 0, "no Certificate was opened");
    }
}
