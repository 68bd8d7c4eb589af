//! RFC 9628 §4.2, §4.1: B is set at the first packet of a frame of a layer and E at its last, and the marker at the last packet of a picture; and
//! nowhere else.

use super::{Carried, carried};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::payload::{Format, vp9};

pub(super) const CHECK: Check = Check {
    id: "codec-vp9-frame-flags",
    layer: Layer::Media,
    subject: "boundaries of VP9 frames",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for packets in carried(evidence, peer, Format::Vp9, tally).values() {
        for pair in packets.windows(2) {
            let [last, packet] = pair else { continue };
            let whole = last.number + 1 == packet.number;
            let faulted = pair.iter().any(|it| evidence.is_faulted(it.packet.frame));
            let (Ok(was), Ok(now)) = (vp9::view(last.payload), vp9::view(packet.payload)) else { continue };
            if !whole || faulted {
                continue;
            }
            let place = Place::Frame(packet.packet.frame);
            match fault(last, &was, packet, &now) {
                None => tally.pass(place),
                Some((fault, sentence)) => {
                    tally.fail(fault, sentence, [place, Place::Frame(last.packet.frame)]);
                }
            }
        }
    }
}

fn fault(
    last: &Carried<'_>,
    was: &vp9::Vp9<'_>,
    packet: &Carried<'_>,
    now: &vp9::Vp9<'_>,
) -> Option<(Fault, &'static str)> {
    let picture = last.rtp.header.timestamp.value == packet.rtp.header.timestamp.value;
    let frame = picture && was.spatial_layer() == now.spatial_layer();
    Some(match (picture, last.rtp.header.marker()) {
        (true, true) => (Fault("marker-inside-picture"), "the marker is set inside a picture"),
        (false, false) => (Fault("no-marker-at-end"), "the last packet of a picture has no marker"),
        _ if frame && was.is_end() => (Fault("end-inside-frame"), "E is set inside a frame"),
        _ if frame && now.is_start() => (Fault("start-inside-frame"), "B is set inside a frame"),
        _ if !frame && !was.is_end() => (Fault("no-end"), "the last packet of a frame has no E"),
        _ if !frame && !now.is_start() => (Fault("no-start"), "the first packet of a frame has no B"),
        _ => return None,
    })
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};
    use crate::evidence::{Evidence, Packet, Peer};

    const BOB: Peer = Peer(1);

    /// Numbers of packets of the stack's video: the second of a frame, the first of the next.
    fn places(evidence: &Evidence) -> [usize; 2] {
        let wire = evidence.wire.as_ref().unwrap();
        let own = wire
            .packets
            .iter()
            .filter(|it| rtp::is(it) && it.sender == BOB && rtp::payload_type(it) == rtp::VP8);
        let starts: Vec<bool> = own.map(|it| rtp::payload_of(it)[0] & 8 != 0).collect();
        let inside = starts.windows(2).position(|two| two == [true, false]).unwrap() + 1;
        let next = starts.iter().skip(inside).position(|start| *start).unwrap() + inside;
        [inside, next]
    }

    fn flip(evidence: &mut Evidence, nth: usize, bits: u8) {
        rtp::edit_nth(evidence, BOB, rtp::VP8, nth, |payload| payload[0] ^= bits);
    }

    fn flip_marker(evidence: &mut Evidence, nth: usize) {
        let own = |it: &&mut Packet| rtp::is(it) && it.sender == BOB && rtp::payload_type(it) == rtp::VP8;
        rtp::packets(evidence).filter(own).nth(nth).unwrap().clear[0].bytes[1] ^= 0x80;
    }

    /// Clears E at the end of a frame.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Video, rtp::as_vp9, |evidence| {
        let [_, next] = places(evidence);
        flip(evidence, next - 1, 4);
    })
    .and(&[
        Mutation::new(Recording::Video, "the first packet of a frame has no B", |evidence| {
            let [_, next] = places(evidence);
            flip(evidence, next, 8);
        })
        .prepared(rtp::as_vp9),
        Mutation::new(Recording::Video, "B is set inside a frame", |evidence| {
            let [inside, _] = places(evidence);
            flip(evidence, inside, 8);
        })
        .prepared(rtp::as_vp9),
        Mutation::new(Recording::Video, "E is set inside a frame", |evidence| {
            let [inside, _] = places(evidence);
            flip(evidence, inside - 1, 4);
        })
        .prepared(rtp::as_vp9),
        Mutation::new(Recording::Video, "the marker is set inside a picture", |evidence| {
            let [inside, _] = places(evidence);
            flip_marker(evidence, inside - 1);
        })
        .prepared(rtp::as_vp9),
        Mutation::new(Recording::Video, "has no marker", |evidence| {
            let [_, next] = places(evidence);
            flip_marker(evidence, next - 1);
        })
        .prepared(rtp::as_vp9),
    ]);
}
