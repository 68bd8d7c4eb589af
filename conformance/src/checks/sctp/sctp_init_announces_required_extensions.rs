//! RFC 8831 §6.1: INIT and INIT ACK announce partial reliability and the reset of streams.

use super::chunks;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::sctp::{Body, ChunkType, ParameterType};

pub(super) const CHECK: Check = Check {
    id: "sctp-init-announces-required-extensions",
    layer: Layer::Sctp,
    subject: "INITs and INIT ACKs",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for (packet, body) in chunks(evidence, peer).filter(|(packet, _)| packet.sender == peer) {
        let (Body::Init(init) | Body::InitAck(init)) = body else { continue };
        let place = Place::Frame(packet.frame);
        if init.parameter(ParameterType::ForwardTsnSupported).is_none() {
            tally.fail(
                Fault("forward-tsn-missing"),
                "the parameter Forward-TSN-Supported is missing",
                [place],
            );
        } else {
            tally.judge(Fault("re-config-missing"), init.supports(ChunkType::ReConfig), place, || {
                "RE-CONFIG is not among the supported extensions".to_owned()
            });
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, sctp};

    /// Names another chunk in the place of RE-CONFIG.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        sctp::edit_first(evidence, sctp::INIT, |packet| {
            let at = packet.windows(2).position(|it| it == [0x80, 0x08]).unwrap();
            let end = at + usize::from(packet[at + 3]);
            packet[at + 4..end].iter_mut().filter(|kind| **kind == 130).for_each(|kind| *kind = 132);
        });
    })
    .and(&[Mutation::new(Recording::Data, "Forward-TSN-Supported is missing", |evidence| {
        sctp::edit_first(evidence, sctp::INIT, |packet| {
            let at = packet.windows(4).position(|it| it == [0xc0, 0, 0, 4]).unwrap();
            packet[at + 1] = 0xfe;
        });
    })]);
}
