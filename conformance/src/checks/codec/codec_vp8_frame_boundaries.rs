//! RFC 7741 §4.1, §4.2: the first packet of a frame begins its first partition, and the last one, and no other, has the marker.

use super::carried;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::payload::{Format, vp8};

pub(super) const CHECK: Check = Check {
    id: "codec-vp8-frame-boundaries",
    layer: Layer::Media,
    subject: "boundaries of VP8 frames",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for packets in carried(evidence, peer, Format::Vp8, tally).values() {
        // The newest packet of a frame, and the number after which nothing is missing.
        let mut before: Option<(&super::Carried<'_>, i64)> = None;
        for packet in packets {
            let whole = before.filter(|(_, newest)| newest + 1 == packet.number);
            if packet.payload.is_empty() {
                // Padding belongs to no frame.
                before = whole.map(|(last, _)| (last, packet.number));
                continue;
            }
            let last = whole.map(|(last, _)| last);
            before = Some((packet, packet.number));
            let (Some(last), Ok(read)) = (last, vp8::view(packet.payload)) else { continue };
            let place = Place::Frame(packet.packet.frame);
            let same = last.rtp.header.timestamp.value == packet.rtp.header.timestamp.value;
            let begins = read.is_start() && read.partition() == 0;
            let (fault, sentence) = match (same, last.rtp.header.marker()) {
                (true, true) => (Fault("marker-inside-frame"), "the marker is set inside a frame"),
                (false, false) => (Fault("no-marker-at-end"), "the last packet of a frame has no marker"),
                (false, true) if !begins => (
                    Fault("first-partition-not-begun"),
                    "the first packet of a frame does not begin its first partition",
                ),
                _ => {
                    tally.pass(place);
                    continue;
                }
            };
            let faulted = [last, packet].iter().any(|it| evidence.is_faulted(it.packet.frame));
            if !faulted {
                tally.fail(fault, sentence, [place, Place::Frame(last.packet.frame)]);
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};
    use crate::evidence::Peer;

    /// Clears the first marker of the stack's video, of which nothing is retransmitted.
    pub(super) const CONTROL: Control = Control::new(Recording::Video, |evidence| {
        let is = |it: &&mut crate::evidence::Packet| {
            rtp::is(it) && it.sender == Peer(1) && it.clear[0].bytes[1] == rtp::VP8 | 0x80
        };
        rtp::packets(evidence).find(is).unwrap().clear[0].bytes[1] &= 0x7f;
    })
    .and(&[
        Mutation::new(Recording::Video, "the marker is set inside a frame", |evidence| {
            let is = |it: &&mut crate::evidence::Packet| {
                rtp::is(it) && it.sender == Peer(1) && it.clear[0].bytes[1] == rtp::VP8
            };
            rtp::packets(evidence).find(is).unwrap().clear[0].bytes[1] |= 0x80;
        }),
        Mutation::new(Recording::Video, "does not begin its first partition", |evidence| {
            let is = |it: &&mut crate::evidence::Packet| {
                rtp::is(it)
                    && it.sender == Peer(1)
                    && rtp::payload_type(it) == rtp::VP8
                    && rtp::payload_of(it)[0] & 0x10 != 0
            };
            rtp::payload_mut(rtp::packets(evidence).filter(is).nth(1).unwrap())[0] &= !0x10;
        }),
    ]);
}
