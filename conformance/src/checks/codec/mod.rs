//! What RTP carries: payload formats and retransmissions.

mod h264_fragments;
mod h264_mode;
mod h264_parameter_sets;
mod opus_packets;
mod opus_timestamps;
mod rtx_mirrors;
mod rtx_source;
mod vp8_descriptor;
mod vp8_frames;
mod vp8_numbers;

use super::Check;
use super::media::{Extender, codecs, packets, payload};
use crate::evidence::{Evidence, Packet, Peer};
use peerproof_captures::sdp::Codec;
use peerproof_captures::wire::payload::Format;
use peerproof_captures::wire::rtp;
use std::collections::BTreeMap;

pub(super) const CHECKS: &[Check] = &[
    opus_packets::CHECK,
    opus_timestamps::CHECK,
    vp8_descriptor::CHECK,
    vp8_frames::CHECK,
    vp8_numbers::CHECK,
    h264_fragments::CHECK,
    h264_mode::CHECK,
    h264_parameter_sets::CHECK,
    rtx_source::CHECK,
    rtx_mirrors::CHECK,
];

/// A packet of a format, with its number counted on beyond 16 bits.
struct Carried<'a> {
    packet: &'a Packet,
    rtp: rtp::Packet<'a>,
    number: i64,
    /// Empty if it is padding.
    payload: &'a [u8],
}

/// What a peer sent in a format, source by source, each number once and in order. Packets of the same sources that hold
/// something else, padding or error correction, are among them with an empty payload.
fn carried(evidence: &Evidence, peer: Peer, format: Format) -> BTreeMap<u32, Vec<Carried<'_>>> {
    let codecs: BTreeMap<u8, Codec> = codecs(evidence, peer);
    let mut extenders: BTreeMap<u32, Extender> = BTreeMap::new();
    let mut sources: BTreeMap<u32, BTreeMap<i64, Carried<'_>>> = BTreeMap::new();
    for (packet, rtp) in packets(evidence, peer) {
        let ssrc = rtp.header.ssrc.value;
        let number = extenders.entry(ssrc).or_default().extend(rtp.header.sequence.value);
        let payload = match payload(&codecs, &rtp) {
            Some((found, payload)) if found == format => payload,
            Some(_) if sources.contains_key(&ssrc) => &[],
            _ => continue,
        };
        sources.entry(ssrc).or_default().entry(number).or_insert(Carried { packet, rtp, number, payload });
    }
    sources.into_iter().map(|(ssrc, packets)| (ssrc, packets.into_values().collect())).collect()
}
