//! RFC 6544 §10.1, RFC 4571 §2: what goes over TCP between the peers has a length of 16 bits before it; RFC 7983: what is framed is STUN, DTLS, RTP or RTCP.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::demux::Class;

pub(super) const CHECK: Check = Check {
    id: "icetcp-connects-and-frames",
    layer: Layer::Checks,
    subject: "frames over TCP",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("nothing between the peers went over TCP");
    for packet in evidence.wire.iter().flat_map(|wire| wire.sent(peer)) {
        if !packet.tcp || packet.via.is_some() || evidence.is_faulted(packet.frame) {
            continue;
        }
        let class = packet.class();
        let expected = matches!(class, Class::Stun | Class::Dtls | Class::Rtp | Class::Rtcp);
        tally.judge(Fault("other-content"), expected, Place::Frame(packet.frame), || {
            format!("a frame over TCP is {class}")
        });
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use crate::evidence::Evidence;

    /// As if everything had gone over TCP.
    fn over_tcp(evidence: &mut Evidence) {
        evidence.wire.as_mut().unwrap().packets.iter_mut().for_each(|it| it.tcp = true);
    }

    /// Has a frame begin two bytes too late.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Data, over_tcp, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let packet = packets.iter_mut().rfind(|it| it.bytes[0] == 23).unwrap();
        packet.clear.clear();
        packet.bytes.to_mut().splice(0..2, [0xd0]);
    })
    .also_breaks(&["mux-sent-datagram-first-byte-class"]);
}
