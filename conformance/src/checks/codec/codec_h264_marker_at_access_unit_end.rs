//! RFC 6184 §5.1: the marker is set at the last packet of an access unit, which all packets of one timestamp are, and not before.

use super::carried;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::payload::Format;

pub(super) const CHECK: Check = Check {
    id: "codec-h264-marker-at-access-unit-end",
    layer: Layer::Media,
    subject: "boundaries of access units",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for packets in carried(evidence, peer, Format::H264, tally).values() {
        // The newest packet of a unit, and the number after which nothing is missing.
        let mut before: Option<(&super::Carried<'_>, i64)> = None;
        for packet in packets {
            let whole = before.filter(|(_, newest)| newest + 1 == packet.number);
            if packet.payload.is_empty() {
                // Padding belongs to no unit.
                before = whole.map(|(last, _)| (last, packet.number));
                continue;
            }
            before = Some((packet, packet.number));
            let Some((last, _)) = whole else { continue };
            if [last, packet].iter().any(|it| evidence.is_faulted(it.packet.frame)) {
                continue;
            }
            let places = [Place::Frame(packet.packet.frame), Place::Frame(last.packet.frame)];
            let same = last.rtp.header.timestamp.value == packet.rtp.header.timestamp.value;
            match (same, last.rtp.header.marker()) {
                (true, true) => {
                    tally.fail(
                        Fault("marker-inside-unit"),
                        "the marker is set inside an access unit",
                        places,
                    );
                }
                (false, false) => tally.fail(
                    Fault("no-marker-at-end"),
                    "the last packet of an access unit has no marker",
                    places,
                ),
                _ => tally.pass(places[0]),
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};
    use crate::evidence::{Evidence, Packet, Peer};

    const ALICE: Peer = Peer(0);

    fn flip(evidence: &mut Evidence, second: u8) {
        let is = |it: &&mut Packet| rtp::is(it) && it.sender == ALICE && it.clear[0].bytes[1] == second;
        rtp::packets(evidence).find(is).unwrap().clear[0].bytes[1] ^= 0x80;
    }

    /// Clears the first marker.
    pub(super) const CONTROL: Control = Control::new(Recording::H264, |evidence| {
        flip(evidence, rtp::H264 | 0x80);
    })
    .also_breaks(&["rtx-packet-mirrors-original"])
    .and(&[Mutation::new(Recording::H264, "inside an access unit", |evidence| flip(evidence, rtp::H264))]);
}
