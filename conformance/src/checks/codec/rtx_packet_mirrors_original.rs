//! RFC 4588 §4: a retransmission has the number, timestamp, marker, sources and payload of a packet that was sent before.

use crate::checks::media::{codecs, packets};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Packet, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{Codec, SsrcGroup};
use peerproof_captures::wire::payload::rtx;
use peerproof_captures::wire::rtp;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "rtx-packet-mirrors-original",
    layer: Layer::Media,
    subject: "retransmissions",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let codecs = codecs(evidence, peer);
    let complete = evidence.sees_all_sent_by(peer);
    let paired = pairs(evidence, peer, &codecs);
    let unsent = evidence.unsent(peer);
    let media_sources: BTreeSet<u32> = paired.values().copied().collect();
    // What was sent of them, by source and number; the newest counts where numbers have come round.
    let mut sent: BTreeMap<(u32, u16), (&Packet, rtp::Packet<'_>)> = BTreeMap::new();
    for (packet, rtp) in packets(evidence, peer) {
        let (ssrc, payload_type) = (rtp.header.ssrc.value, rtp.header.payload_type());
        let place = Place::Frame(packet.frame);
        let codec = codecs.of(packet).get(&payload_type);
        let Some(repaired) = codec.filter(|codec| codec.is_rtx()).map(|it| it.repairs) else {
            if media_sources.contains(&ssrc) {
                sent.insert((ssrc, rtp.header.sequence.value), (packet, rtp));
            }
            continue;
        };
        let Ok(read) = rtx::view(rtp.payload.value) else { continue };
        // One that is padding alone probes the path.
        let Some(number) = read.original_sequence.map(|it| it.value) else { continue };
        let Some(media) = paired.get(&ssrc) else {
            tally.inconclusive(format!("it is not known which source {ssrc:#010x} repairs"), [place]);
            continue;
        };
        let Some((earlier, original)) = sent.get(&(*media, number)) else {
            // The packets around the one that is missing.
            let when = |it: Option<(&(u32, u16), &(&Packet, _))>| {
                it.filter(|((ssrc, _), _)| ssrc == media).map(|(_, (packet, _))| packet.t_us)
            };
            let before = when(sent.range(..(*media, number)).next_back());
            let after = when(sent.range((*media, number)..).next());
            if unsent.touches(before.unwrap_or(0), after.unwrap_or(packet.t_us)) {
                tally.inconclusive("the original may not have left the peer", [place]);
            } else if complete {
                tally.fail(
                    Fault("repaired-was-never-sent"),
                    format!("packet {number} of source {media:#010x} is retransmitted but was never sent"),
                    [place],
                );
            } else {
                tally.inconclusive("the original is not in the recording", [place]);
            }
            continue;
        };
        match difference(&rtp, read.payload.value, original, repaired) {
            None => tally.pass(place),
            Some(_) if evidence.is_faulted(packet.frame) || evidence.is_faulted(earlier.frame) => {}
            Some(what) => tally.fail(
                Fault("repaired-differs"),
                format!("packet {number} of source {media:#010x} is retransmitted with a different {what}"),
                [place, Place::Frame(earlier.frame)],
            ),
        }
    }
}

fn difference(
    again: &rtp::Packet<'_>,
    payload: &[u8],
    original: &rtp::Packet<'_>,
    repaired: Option<u8>,
) -> Option<&'static str> {
    let csrcs =
        |packet: &rtp::Packet<'_>| packet.header.csrcs.iter().map(|it| it.0.value).collect::<Vec<u32>>();
    if repaired.is_some_and(|it| it != original.header.payload_type()) {
        Some("payload type")
    } else if again.header.timestamp.value != original.header.timestamp.value {
        Some("timestamp")
    } else if again.header.marker() != original.header.marker() {
        Some("marker")
    } else if csrcs(again) != csrcs(original) {
        Some("list of contributing sources")
    } else if payload != original.payload.value {
        Some("payload")
    } else {
        None
    }
}

/// Which source of media each source of retransmissions repairs: by `a=ssrc-group:FID`, or because only one sends what `apt` names.
fn pairs(evidence: &Evidence, peer: Peer, codecs: &BTreeMap<u8, Codec>) -> BTreeMap<u32, u32> {
    let mut pairs = BTreeMap::new();
    for section in evidence.made_by(peer).flat_map(|made| made.sdp.media()) {
        for group in section.every::<SsrcGroup>().filter(|group| group.semantics == "FID") {
            if let [media, repairs] = group.ssrcs[..] {
                pairs.insert(repairs, media);
            }
        }
    }
    let mut senders: BTreeMap<u8, BTreeSet<u32>> = BTreeMap::new();
    for (_, rtp) in packets(evidence, peer) {
        senders.entry(rtp.header.payload_type()).or_default().insert(rtp.header.ssrc.value);
    }
    for (payload_type, sources) in &senders {
        let Some(repaired) = codecs.get(payload_type).and_then(|codec| codec.repairs) else { continue };
        let media = senders.get(&repaired).filter(|media| media.len() == 1).and_then(|media| media.first());
        if let (Some(media), 1) = (media, sources.len()) {
            for source in sources {
                pairs.entry(*source).or_insert(*media);
            }
        }
    }
    pairs
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};
    use crate::evidence::{Evidence, Packet, Peer};

    /// The last retransmission.
    fn last(evidence: &mut Evidence) -> &mut Packet {
        let is = |it: &&mut Packet| {
            let repeats =
                |bytes: &[u8]| !peerproof_captures::wire::rtp::view(bytes).unwrap().payload.value.is_empty();
            rtp::is(it)
                && it.sender == Peer(0)
                && rtp::payload_type(it) == rtp::RTX
                && repeats(&it.clear[0].bytes)
        };
        rtp::packets(evidence).filter(is).last().unwrap()
    }

    /// Names the packet after the original in the last retransmission.
    pub(super) const CONTROL: Control = Control::new(Recording::Video, |evidence| {
        let bytes = &mut last(evidence).clear[0].bytes;
        let at = peerproof_captures::wire::rtp::view(bytes).unwrap().payload.range.start as usize;
        let number = u16::from_be_bytes([bytes[at], bytes[at + 1]]).wrapping_add(1);
        bytes[at..at + 2].copy_from_slice(&number.to_be_bytes());
    })
    .and(&[
        Mutation::new(Recording::Video, "with a different payload type", |evidence| {
            let bytes = &mut last(evidence).clear[0].bytes;
            bytes[1] = bytes[1] & 0x80 | 99;
        })
        .also_breaks(&["oa-rtp-payload-type-from-remote", "rtp-only-negotiated-payload-types"]),
        Mutation::new(Recording::Video, "with a different list of contributing sources", |evidence| {
            let packet = last(evidence);
            let bytes = &mut packet.clear[0].bytes;
            bytes[0] |= 1;
            bytes.to_mut().splice(12..12, [1, 2, 3, 4]);
            packet.bytes.to_mut().splice(12..12, [0; 4]);
        }),
    ]);
}
