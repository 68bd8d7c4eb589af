//! RFC 5764 §4.1, RFC 5763 §6.2: SRTP and SRTCP are sent only after the handshake, with the other side's Finished, is done.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::demux::Class;

pub(super) const CHECK: Check = Check {
    id: "dtls-srtp-none-before-handshake-complete",
    layer: Layer::Srtp,
    subject: "media datagrams",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let (Some(wire), Some(other)) = (&evidence.wire, evidence.other(peer)) else { return };
    let finished = evidence.first_finished(peer, other).map(|(frame, _)| frame);
    let mut done = false;
    for packet in wire.at(peer) {
        done |= Some(packet.frame) == finished;
        if packet.sender != peer || !matches!(packet.class(), Class::Rtp | Class::Rtcp) {
            continue;
        }
        let place = Place::Frame(packet.frame);
        match finished {
            None => tally.inconclusive("the other side's Finished is not in the recording", [place]),
            Some(_) if done => tally.pass(place),
            Some(frame) if !evidence.whole => {
                tally.inconclusive(
                    "the other side's first Finished may be missing in the capture",
                    [place, Place::Frame(frame)],
                );
            }
            Some(frame) => tally.fail(
                Fault("before-finished"),
                format!("{} was sent before the other side's Finished", packet.class()),
                [place, Place::Frame(frame)],
            ),
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use peerproof_captures::wire::demux::Class;

    /// Moves the first SRTP packet before the handshake.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let at =
            |packets: &[crate::evidence::Packet], class| packets.iter().position(|it| it.class() == class);
        let media = packets.remove(at(packets, Class::Rtp).unwrap());
        let hello = at(packets, Class::Dtls).unwrap();
        packets.insert(hello, media);
    });
}
