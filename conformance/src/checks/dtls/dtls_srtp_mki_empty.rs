//! RFC 8827 §6.5: no master key identifier is used: the server's `srtp_mki` is empty, and no SRTP packet has room for one. One that the client
//! offers is not used by that alone (RFC 5764 §4.1.3), but for nothing: a warning.

use super::{srtp_overhead, srtp_profile, use_srtp};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::Protection;
use crate::evidence::{Evidence, Handshake, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::handshake::Body;

pub(super) const CHECK: Check = Check {
    id: "dtls-srtp-mki-empty",
    layer: Layer::Dtls,
    subject: "uses of SRTP",
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
    for (message, body) in handshake.bodies().filter(|(message, _)| message.sender == peer) {
        let extensions = match body {
            Body::ClientHello(hello) => hello.extensions,
            Body::ServerHello(hello) => hello.extensions,
            Body::EncryptedExtensions(extensions) => Some(extensions),
            _ => continue,
        };
        let Some(use_srtp) = use_srtp(extensions) else { continue };
        let length = use_srtp.mki.value.len();
        let place = Place::Frame(message.frame);
        if length > 0 && matches!(body, Body::ClientHello(_)) {
            tally.warn(Fault("mki-offered"), format!("an srtp_mki of {length} bytes is offered"), [place]);
        } else {
            tally.judge(Fault("mki-in-extension"), length == 0, place, || {
                format!("srtp_mki has {length} bytes, not none")
            });
        }
    }
    let Some(profile) = srtp_profile(handshake) else { return };
    for packet in evidence.wire.iter().flat_map(|wire| wire.sent(peer)) {
        let Some((overhead, expected)) = srtp_overhead(packet, profile) else { continue };
        if packet.protection != Protection::Opened
            || overhead <= expected
            || evidence.is_faulted(packet.frame)
        {
            continue;
        }
        let more = overhead - expected;
        tally.fail(
            Fault("mki-in-packet"),
            format!("an SRTP packet is {more} bytes longer than its tag without key identifier needs"),
            [Place::Frame(packet.frame)],
        );
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};
    use crate::evidence::{Evidence, Protection};
    use peerproof_captures::wire::demux::Class;

    fn name_a_key(evidence: &mut Evidence, message: u8) {
        dtls::edit_messages(evidence, message, |body| {
            let at = dtls::extension(body, 14).unwrap();
            let mki = at + 6 + usize::from(body[at + 5]);
            body[mki] = 4;
            dtls::insert(body, at, mki + 1, &[1, 2, 3, 4]);
            true
        });
    }

    /// Offers a key of four bytes.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        name_a_key(evidence, dtls::CLIENT_HELLO);
    })
    .and(&[
        Mutation::new(Recording::Media, "srtp_mki has 4 bytes", |evidence| {
            name_a_key(evidence, dtls::SERVER_HELLO);
        }),
        Mutation::new(Recording::Media, "4 bytes longer than its tag", |evidence| {
            let packets = &mut evidence.wire.as_mut().unwrap().packets;
            let packet = packets
                .iter_mut()
                .find(|it| it.class() == Class::Rtp && it.protection == Protection::Opened)
                .unwrap();
            packet.bytes.to_mut().extend([0xff; 4]);
        })
        .also_breaks(&["mux-dtls-and-srtp-separate-datagrams", "srtp-tag-length-matches-profile"]),
    ]);
}
