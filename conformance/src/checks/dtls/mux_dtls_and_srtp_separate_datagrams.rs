//! RFC 5764 §4.1: DTLS records and SRTP packets never share a datagram.

use super::dtls_record_within_one_datagram::left_over;
use super::{of_all, srtp_overhead, srtp_profile};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::demux::{self, Class};

pub(super) const CHECK: Check = Check {
    id: "mux-dtls-and-srtp-separate-datagrams",
    layer: Layer::Dtls,
    subject: "datagrams of DTLS and SRTP",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let profile = of_all(evidence, peer, srtp_profile);
    for packet in evidence.wire.iter().flat_map(|wire| wire.sent(peer)) {
        let place = Place::Frame(packet.frame);
        let behind = match packet.class() {
            Class::Dtls => left_over(packet),
            Class::Rtp | Class::Rtcp => {
                let Some((overhead, expected)) = profile.and_then(|it| srtp_overhead(packet, it)) else {
                    continue;
                };
                let begin = (packet.bytes.len() + expected).saturating_sub(overhead);
                packet.bytes.get(begin..).filter(|rest| !rest.is_empty())
            }
            _ => continue,
        };
        match behind.map(demux::class) {
            None => tally.pass(place),
            Some(Class::Dtls) if packet.class() == Class::Dtls => {}
            Some(_) if evidence.is_faulted(packet.frame) => {}
            Some(class) => {
                tally.fail(
                    Fault("mixed-datagram"),
                    format!("behind what is {} there is {class} in one datagram", packet.class()),
                    [place],
                );
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use peerproof_captures::wire::demux::Class;

    /// Appends an SRTP packet to a datagram of DTLS.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let media = packets.iter().find(|it| it.class() == Class::Rtp).unwrap().bytes.clone();
        packets
            .iter_mut()
            .find(|it| it.class() == Class::Dtls)
            .unwrap()
            .bytes
            .to_mut()
            .extend_from_slice(&media);
    });
}
