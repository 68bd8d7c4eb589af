//! RFC 7983 §7: the first byte of each datagram is of the range of the protocol that it holds.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::evidence::{Kind, Packet};
use crate::verdict::Layer;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::{foreign, rtcp, rtp, stun};

pub(super) const CHECK: Check = Check {
    id: "mux-sent-datagram-first-byte-class",
    layer: Layer::Srtp,
    subject: "datagrams",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let faulted = evidence.faulted();
    for packet in evidence.wire.iter().flat_map(|wire| wire.sent(peer)) {
        let (Some(first), class) = (packet.bytes.first(), packet.class()) else { continue };
        // Channel data goes to TURN servers, which are no peers.
        if class == Class::TurnChannel || faulted.contains(&packet.frame) {
            continue;
        }
        tally.judge(
            Fault("other-content-than-first-byte"),
            is_what_it_seems(packet, class),
            Place::Frame(packet.frame),
            || format!("a datagram begins with the byte {first}, that of {class}, and holds something else"),
        );
    }
}

fn is_what_it_seems(packet: &Packet, class: Class) -> bool {
    let opened = |kind: Kind| packet.clear.iter().all(|clear| clear.kind == kind);
    match class {
        Class::Stun => stun::view(&packet.bytes).is_ok(),
        Class::Dtls => {
            let records = packet.clear.iter().all(|clear| matches!(clear.kind, Kind::Record { .. }));
            // Where records end is judged by `dtls-record-within-one-datagram`. A unified header begins with 001 (RFC 9147 §4).
            let begins = matches!(packet.bytes[..], [32..64, ..] | [_, 0xfe, ..]);
            records && begins
        }
        Class::Rtp => opened(Kind::Rtp) && rtp::view(&packet.bytes).is_ok(),
        Class::Rtcp => opened(Kind::Rtcp) && rtcp::view(&packet.bytes).packets.iter().next().is_some(),
        // Both share the port by RFC 7983 and RFC 9443.
        Class::Zrtp | Class::Quic => foreign::recognise(&packet.bytes).is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use peerproof_captures::wire::demux::Class;

    /// Sets the second bit of an SRTP packet.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        packets.iter_mut().find(|it| it.class() == Class::Rtp).unwrap().bytes[0] |= 0x40;
    })
    .also_breaks(&["rtp-header-well-formed"]);
}
