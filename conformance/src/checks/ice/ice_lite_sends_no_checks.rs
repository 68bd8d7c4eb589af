//! RFC 8445 §2.5: lite agents "do not generate connectivity checks"; §7: such an implementation "only acts as a STUN server".

use super::{Lite, checks};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "ice-lite-sends-no-checks",
    layer: Layer::Checks,
    subject: "responses of lite agents",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    match Lite::of(evidence.made_by(peer).map(Description::is_lite)) {
        Lite::Never => {
            tally.not_applicable("the peer is a full agent");
            return;
        }
        Lite::Sometimes => {
            tally.inconclusive("not all descriptions of the peer are of a lite agent", []);
            return;
        }
        Lite::Always => {}
    }
    for (packet, _) in checks(evidence, peer).filter(|(packet, _)| !evidence.is_faulted(packet.frame)) {
        tally.fail(
            Fault("check-of-lite"),
            "a lite agent sends a connectivity check",
            [Place::Frame(packet.frame)],
        );
    }
    for (packet, message) in evidence.wire.iter().flat_map(|wire| wire.stun(peer)) {
        if packet.sender == peer
            && super::is_binding(&message, peerproof_captures::wire::stun::Class::Success)
        {
            tally.pass(Place::Frame(packet.frame));
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use crate::evidence::{Evidence, Packet, Peer};
    use peerproof_captures::sdp::SessionDescription;

    const ALICE: Peer = Peer(0);

    fn is_own_check(packet: &Packet) -> bool {
        packet.bytes[..2] == [0, 1] && packet.sender == ALICE
    }

    /// As if Alice were lite: without checks of hers, and their answers.
    fn lite(evidence: &mut Evidence) {
        for made in evidence.descriptions.iter_mut().filter(|it| it.by == ALICE) {
            let text = made.sdp.as_str().replacen("\r\nt=0 0\r\n", "\r\nt=0 0\r\na=ice-lite\r\n", 1);
            made.sdp = SessionDescription::parse(text);
        }
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let is_answer = |it: &Packet| it.bytes[0] == 1 && it.sender != ALICE;
        packets.retain(|it| !is_own_check(it) && !is_answer(it));
    }

    /// Puts her first check back.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Data, lite, |evidence| {
        let whole = Recording::Data.evidence();
        let check = whole.wire.unwrap().packets.into_iter().find(is_own_check).unwrap();
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let at = packets.iter().position(|it| it.frame > check.frame).unwrap();
        packets.insert(at, check);
    });
}
