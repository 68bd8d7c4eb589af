//! RFC 4588 §4: retransmissions have a source of their own, which counts its own numbers. (That all sources have one CNAME, §5.2, is
//! judged by `rtcp-single-cname-per-connection`.)

use crate::checks::media::{Rising, codecs, headers};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Packet, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::rtp::Header;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "rtx-own-ssrc-and-sequence-space",
    layer: Layer::Media,
    subject: "retransmissions",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let codecs = codecs(evidence, peer);
    let rising = Rising::of(evidence, peer);
    let is_rtx = |packet: &Packet, header: &Header<'_>| {
        codecs.of(packet).get(&header.payload_type()).map(|codec| codec.is_rtx())
    };
    let media: BTreeSet<u32> = headers(evidence, peer)
        .filter(|(packet, header)| is_rtx(packet, header) == Some(false))
        .map(|(_, header)| header.ssrc.value)
        .collect();
    let mut newest: BTreeMap<u32, (u16, &Packet)> = BTreeMap::new();
    for (packet, header) in headers(evidence, peer) {
        if is_rtx(packet, &header) != Some(true) {
            continue;
        }
        let (ssrc, sequence) = (header.ssrc.value, header.sequence.value);
        let place = Place::Frame(packet.frame);
        if media.contains(&ssrc) {
            tally.fail(
                Fault("media-and-rtx-in-one-source"),
                format!("source {ssrc:#010x} sends media and retransmissions"),
                [place],
            );
            continue;
        }
        let now = (sequence, packet);
        let what = || format!("number {sequence} of source {ssrc:#010x}");
        rising.judge(Fault("numbers-skip"), newest.insert(ssrc, now), now, what, tally);
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};
    use crate::evidence::Peer;

    /// Sends a retransmission from the source of the video.
    pub(super) const CONTROL: Control = Control::new(Recording::Video, |evidence| {
        let of = |kind: u8| {
            move |it: &&mut crate::evidence::Packet| {
                rtp::is(it) && it.sender == Peer(0) && rtp::payload_type(it) == kind
            }
        };
        let media = rtp::packets(evidence).find(of(rtp::VP8)).unwrap().clear[0].bytes[8..12].to_vec();
        let packet = rtp::packets(evidence).filter(of(rtp::RTX)).last().unwrap();
        packet.clear[0].bytes[8..12].copy_from_slice(&media);
    })
    .and(&[Mutation::new(Recording::Call, "follows", |evidence| {
        let is = |it: &&mut crate::evidence::Packet| {
            rtp::is(it)
                && it.sender == Peer(0)
                && it.tap == Peer(0)
                && rtp::payload_type(it) == rtp::FIREFOX_RTX
        };
        rtp::packets(evidence).filter(is).last().unwrap().clear[0].bytes[2] ^= 0x40;
    })
    .also_breaks(&["rtp-sequence-increments-by-one"])]);
}
