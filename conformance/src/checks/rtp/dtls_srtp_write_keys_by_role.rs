//! RFC 5764 §4.2: SRTP keys come out of the handshake, and each side protects with the write key of its own role in it.

use crate::checks::dtls::of_all;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Handshake, Kind, Peer, Protection};
use crate::verdict::Layer;
use peerproof_captures::decrypt::Side;
use peerproof_captures::wire::demux::Class;

pub(super) const CHECK: Check = Check {
    id: "dtls-srtp-write-keys-by-role",
    layer: Layer::Srtp,
    subject: "protected media datagrams",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let client = of_all(evidence, peer, Handshake::client);
    let own = client.map(|client| if client == peer { Side::Client } else { Side::Server });
    let media = evidence.wire.iter().flat_map(|wire| wire.sent(peer));
    for packet in media.filter(|packet| matches!(packet.class(), Class::Rtp | Class::Rtcp)) {
        let place = Place::Frame(packet.frame);
        let key_of = packet
            .clear
            .iter()
            .find(|clear| matches!(clear.kind, Kind::Rtp | Kind::Rtcp))
            .and_then(|clear| clear.key_of);
        match (key_of, own) {
            (Some(key_of), Some(own)) if key_of == own => tally.pass(place),
            (Some(_), Some(_)) if evidence.is_faulted(packet.frame) => {}
            (Some(_), Some(own)) => {
                let (own, other) = match own {
                    Side::Client => ("client", "server"),
                    Side::Server => ("server", "client"),
                };
                tally.fail(
                    Fault("key-of-other-role"),
                    format!("the DTLS {own} protects {} with the write key of the {other}", packet.class()),
                    [place],
                );
            }
            // `sec-media-never-cleartext` judges what neither key opens.
            (None, _) if packet.protection == Protection::Forged => {}
            _ => tally.inconclusive(
                "the handshake or its keys are not in the recording, or a later association has other roles",
                [place],
            ),
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};

    /// Swaps the keys of the two sides.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        for clear in packets.iter_mut().flat_map(|packet| &mut packet.clear) {
            clear.key_of = clear.key_of.map(peerproof_captures::decrypt::Side::other);
        }
    });
}
