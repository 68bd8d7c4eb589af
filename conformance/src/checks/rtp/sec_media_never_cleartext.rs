//! RFC 8827 §6.5: media is sent as SRTP and SRTCP only, protected by the keys of the handshake.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer, Protection};
use crate::verdict::Layer;
use peerproof_captures::wire::demux::Class;

pub(super) const CHECK: Check = Check {
    id: "sec-media-never-cleartext",
    layer: Layer::Srtp,
    subject: "media datagrams",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for packet in evidence.wire.iter().flat_map(|wire| wire.sent(peer)) {
        if !matches!(packet.class(), Class::Rtp | Class::Rtcp) || evidence.is_faulted(packet.frame) {
            continue;
        }
        let place = Place::Frame(packet.frame);
        match packet.protection {
            Protection::Opened => tally.pass(place),
            Protection::Forged => {
                tally.fail(
                    Fault("not-protected"),
                    format!("a datagram of {} is not protected by the negotiated keys", packet.class()),
                    [place],
                );
            }
            Protection::None | Protection::NoSecret => {
                tally.inconclusive("the keys are not in the recording", [place]);
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use crate::evidence::{Kind, Protection};

    /// Puts the plaintext of a packet in its place, which then does not authenticate.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let packet =
            packets.iter_mut().find(|it| it.clear.iter().any(|clear| clear.kind == Kind::Rtp)).unwrap();
        packet.bytes = packet.clear.remove(0).bytes;
        packet.protection = Protection::Forged;
    });
}
