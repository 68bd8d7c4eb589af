//! RFC 5764 §4.1.2, RFC 7714 §14.2: SRTP and SRTCP packets have a tag as long as the profile that was negotiated says.

use crate::checks::dtls::{of_all, srtp_overhead, srtp_profile};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::Protection;
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::demux::Class;

pub(super) const CHECK: Check = Check {
    id: "srtp-tag-length-matches-profile",
    layer: Layer::Srtp,
    subject: "protected media datagrams",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let profile = of_all(evidence, peer, srtp_profile);
    for packet in evidence.wire.iter().flat_map(|wire| wire.sent(peer)) {
        if !matches!(packet.class(), Class::Rtp | Class::Rtcp) {
            continue;
        }
        let place = Place::Frame(packet.frame);
        let Some(profile) = profile else {
            tally.inconclusive("the profile that the server chose is not in the recording, or a later association has another", [place]);
            continue;
        };
        match srtp_overhead(packet, profile).filter(|_| packet.protection == Protection::Opened) {
            Some((overhead, expected)) => {
                if overhead == expected {
                    tally.pass(place);
                } else if !evidence.is_faulted(packet.frame) {
                    tally.fail(
                        Fault("tag-length"),
                        format!("{} is protected by {overhead} bytes, not {expected}", packet.class()),
                        [place],
                    );
                }
            }
            // `sec-media-never-cleartext` judges what does not authenticate.
            None => tally.inconclusive("the packet cannot be opened", [place]),
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use peerproof_captures::wire::demux::Class;

    /// Cuts four bytes off the tag of a packet.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let bytes = packets.iter_mut().find(|it| it.class() == Class::Rtp).unwrap().bytes.to_mut();
        bytes.truncate(bytes.len() - 4);
    });
}
