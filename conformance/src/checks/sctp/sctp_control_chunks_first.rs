//! RFC 9260 §6.10: control chunks stand before DATA in a packet. PAD, which fills one up, may stand anywhere (RFC 4820 §3).

use super::packets;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::sctp::ChunkType;

pub(super) const CHECK: Check = Check {
    id: "sctp-control-chunks-first",
    layer: Layer::Sctp,
    subject: "packets with DATA",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for (packet, sctp) in packets(evidence, peer).filter(|(packet, _)| packet.sender == peer) {
        let place = Place::Frame(packet.frame);
        let is_data = |kind: ChunkType| matches!(kind, ChunkType::Data | ChunkType::IData);
        let kinds = sctp.chunks.iter().map(|chunk| chunk.kind.value);
        let mut behind = kinds.skip_while(|kind| !is_data(*kind)).peekable();
        if behind.peek().is_none() {
            continue;
        }
        match behind.find(|kind| !is_data(*kind) && *kind != ChunkType::Pad) {
            None => tally.pass(place),
            Some(kind) => {
                tally.fail(Fault("control-behind-data"), format!("{kind} stands behind DATA"), [place]);
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sctp};
    use crate::evidence::Peer;

    /// Puts an ERROR behind the data.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        sctp::edit_last_of(evidence, Peer(0), sctp::DATA, |packet| packet.extend([9, 0, 0, 4]));
    });
}
