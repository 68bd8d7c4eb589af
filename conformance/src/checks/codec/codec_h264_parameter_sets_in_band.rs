//! RFC 7742 §6.2: the parameter sets of H.264 are sent in the stream, before the first picture that needs them.

use super::carried;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::payload::Format;
use peerproof_captures::wire::payload::h264::{self, NalType};

pub(super) const CHECK: Check = Check {
    id: "codec-h264-parameter-sets-in-band",
    layer: Layer::Media,
    subject: "IDR pictures of H.264",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let complete = evidence.sees_all_sent_by(peer);
    for packets in carried(evidence, peer, Format::H264, tally).values() {
        let (mut sequence, mut picture) = (false, false);
        // The timestamp of the last IDR picture: one may have several slices.
        let mut last = None;
        for packet in packets {
            let Ok(read) = h264::view(packet.payload) else { continue };
            let at = packet.rtp.header.timestamp.value;
            for kind in read.begins() {
                match kind {
                    NalType::Sps => sequence = true,
                    NalType::Pps => picture = true,
                    NalType::Idr if last != Some(at) => {
                        let place = Place::Frame(packet.packet.frame);
                        match (sequence && picture, last) {
                            (true, _) => tally.pass(place),
                            (false, None) if complete => {
                                tally.fail(
                                    Fault("no-parameter-sets"),
                                    "no parameter sets come before the first IDR picture",
                                    [place],
                                );
                            }
                            (false, None) => {
                                tally.inconclusive(
                                    "the parameter sets may have come before the recording",
                                    [place],
                                );
                            }
                            (false, Some(_)) => {
                                tally.warn(
                                    Fault("no-parameter-sets-later"),
                                    "no parameter sets come with a later IDR picture",
                                    [place],
                                );
                            }
                        }
                        last = Some(at);
                        (sequence, picture) = (false, false);
                    }
                    _ => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};
    use crate::evidence::Peer;

    /// Takes the parameter sets that the stack sends by themselves for other units.
    pub(super) const CONTROL: Control = Control::new(Recording::H264, |evidence| {
        let sets = rtp::packets(evidence).filter(|it| rtp::is(it) && it.sender == Peer(1));
        let mut count = 0;
        for packet in sets {
            let payload = rtp::payload_mut(packet);
            if payload.first().is_some_and(|header| [7, 8].contains(&(header & 0x1f))) {
                // Supplemental enhancement information, which nobody has to understand.
                payload[0] = 6;
                count += 1;
            }
        }
        assert!(count >= 2);
    })
    .and(&[Mutation::new(Recording::H264, "no parameter sets come with a later IDR picture", |evidence| {
        // As if the last picture in fragments (FU-A) were one, of which the recording has only the first.
        let is_own = |it: &&mut crate::evidence::Packet| rtp::is(it) && it.sender == Peer(1);
        let is_slice = |payload: &[u8]| {
            matches!(payload, [indicator, header, ..] if indicator & 0x1f == 28 && header & 0x1f == 1)
        };
        let timestamp = |packet: &crate::evidence::Packet| packet.clear[0].bytes[4..8].to_vec();
        let slices = rtp::packets(evidence).filter(is_own).filter(|it| is_slice(rtp::payload_of(it)));
        let last = slices.map(|it| timestamp(it)).last().unwrap();
        for packet in rtp::packets(evidence).filter(is_own).filter(|it| timestamp(it) == last) {
            let header = &mut rtp::payload_mut(packet)[1];
            *header = *header & 0xe0 | 5;
        }
    })]);
}
