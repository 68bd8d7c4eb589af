//! AV1 RTP §4.4: W is the number of elements or zero, Z says that the first element continues one of the packet before, which says so by Y, and
//! N, at the beginning of a coded video sequence, is never with Z.

use super::carried;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::payload::{Format, av1};

pub(super) const CHECK: Check = Check {
    id: "codec-av1-aggregation-header-consistent",
    layer: Layer::Media,
    subject: "aggregation headers of AV1",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

const CONTINUES: u8 = 0x80;
const GOES_ON: u8 = 0x40;
const BEGINS: u8 = 0x08;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for packets in carried(evidence, peer, Format::Av1, tally).values() {
        // The packet before, if nothing is missing between: its number, its header and its frame.
        let mut before: Option<(i64, u8, u64)> = None;
        for packet in packets {
            let Ok(read) = av1::view(packet.payload) else {
                // Padding stands between.
                before = before.map(|it| (packet.number, it.1, it.2));
                continue;
            };
            let frame = packet.packet.frame;
            let (place, header) = (Place::Frame(frame), read.header.value);
            let last = before.replace((packet.number, header, frame));
            let last = last.filter(|last| last.0 + 1 == packet.number && !evidence.is_faulted(last.2));
            if evidence.is_faulted(frame) {
                continue;
            }
            let stated = usize::from(header >> 4 & 3);
            let count = read.elements().count();
            let goes_on = last.map(|last| last.1 & GOES_ON != 0);
            let continues = header & CONTINUES != 0;
            if stated != 0 && stated != count {
                tally.fail(
                    Fault("other-count"),
                    format!("W is {stated}, and there are {count} elements"),
                    [place],
                );
            } else if continues && header & BEGINS != 0 {
                tally.fail(Fault("begins-and-continues"), "both Z and N are set", [place]);
            } else if goes_on.is_some_and(|goes_on| goes_on != continues) {
                tally.fail(
                    Fault("continuation-differs"),
                    "Y of a packet and Z of the next one differ",
                    [place, Place::Frame(last.map_or(frame, |last| last.2))],
                );
            } else {
                tally.pass(place);
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};
    use crate::evidence::{Packet, Peer};

    const BOB: Peer = Peer(1);

    /// Says that the first packet continues an element.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Video, rtp::as_av1, |evidence| {
        let own = |it: &&mut Packet| rtp::is(it) && it.sender == BOB && rtp::payload_type(it) == rtp::VP8;
        let begins = |it: &&mut Packet| rtp::payload_of(it)[0] & 0x80 == 0;
        rtp::payload_mut(rtp::packets(evidence).filter(own).filter(begins).nth(1).unwrap())[0] |= 0x80;
    })
    .and(&[
        Mutation::new(Recording::Video, "W is 2", |evidence| {
            rtp::edit_nth(evidence, BOB, rtp::VP8, 0, |payload| {
                payload[0] = payload[0] & !0x30 | 0x20;
                // The first of the two is all of the payload.
                let length = payload.len() - 3;
                (payload[1], payload[2]) = (length as u8 & 0x7f | 0x80, (length >> 7) as u8);
            });
        })
        .prepared(rtp::as_av1),
        Mutation::new(Recording::Video, "both Z and N are set", |evidence| {
            let own = |it: &&mut Packet| rtp::is(it) && it.sender == BOB && rtp::payload_type(it) == rtp::VP8;
            let inside = |it: &&mut Packet| rtp::payload_of(it)[0] & 0x80 != 0;
            rtp::payload_mut(rtp::packets(evidence).filter(own).find(inside).unwrap())[0] |= 8;
        })
        .prepared(rtp::as_av1),
    ]);
}
