//! AV1 RTP §4.2, §5: the marker is set at the last packet of a temporal unit alone, and no tile list is sent. A temporal delimiter should not be
//! sent.

use super::carried;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::payload::{Format, av1};

pub(super) const CHECK: Check = Check {
    id: "codec-av1-temporal-unit-per-packet",
    layer: Layer::Media,
    subject: "packets of AV1",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for packets in carried(evidence, peer, Format::Av1, tally).values() {
        let mut before: Option<(i64, u32, bool, u64)> = None;
        for packet in packets {
            let header = &packet.rtp.header;
            let (time, marker, frame) = (header.timestamp.value, header.marker(), packet.packet.frame);
            let Ok(read) = av1::view(packet.payload) else {
                before = before.map(|it| (packet.number, it.1, it.2, it.3));
                continue;
            };
            let place = Place::Frame(frame);
            let last = before.replace((packet.number, time, marker, frame));
            let last = last.filter(|it| it.0 + 1 == packet.number && !evidence.is_faulted(it.3));
            if evidence.is_faulted(frame) {
                continue;
            }
            let has = |kind: av1::ObuType| read.elements().any(|it| it.kind() == Some(kind));
            match last {
                Some((_, then, true, earlier)) if then == time => tally.fail(
                    Fault("marker-inside-unit"),
                    "the marker is set inside a temporal unit",
                    [place, Place::Frame(earlier)],
                ),
                Some((_, then, false, earlier)) if then != time => tally.fail(
                    Fault("no-marker-at-end"),
                    "the last packet of a temporal unit has no marker",
                    [place, Place::Frame(earlier)],
                ),
                _ if has(av1::ObuType::TileList) => {
                    tally.fail(Fault("tile-list"), "a tile list is sent", [place]);
                }
                _ if has(av1::ObuType::TemporalDelimiter) => {
                    tally.warn(Fault("temporal-delimiter"), "a temporal delimiter is sent", [place]);
                }
                _ => tally.pass(place),
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};
    use crate::evidence::{Evidence, Packet, Peer};

    const BOB: Peer = Peer(1);

    fn own(evidence: &mut Evidence) -> impl Iterator<Item = &mut Packet> {
        let own = |it: &&mut Packet| rtp::is(it) && it.sender == BOB && rtp::payload_type(it) == rtp::VP8;
        rtp::packets(evidence).filter(own)
    }

    /// Sets the marker inside a unit.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Video, rtp::as_av1, |evidence| {
        let inside = |it: &&mut Packet| rtp::payload_of(it)[0] & 0x40 != 0;
        own(evidence).find(inside).unwrap().clear[0].bytes[1] |= 0x80;
    })
    .and(&[
        Mutation::new(Recording::Video, "has no marker", |evidence| {
            let ends = |it: &&mut Packet| it.clear[0].bytes[1] & 0x80 != 0;
            own(evidence).find(ends).unwrap().clear[0].bytes[1] &= 0x7f;
        })
        .prepared(rtp::as_av1),
        Mutation::new(Recording::Video, "a tile list is sent", |evidence| {
            rtp::payload_mut(own(evidence).next().unwrap())[1] = 8 << 3;
        })
        .prepared(rtp::as_av1),
        Mutation::new(Recording::Video, "a temporal delimiter is sent", |evidence| {
            rtp::payload_mut(own(evidence).next().unwrap())[1] = 2 << 3;
        })
        .prepared(rtp::as_av1),
    ]);
}
