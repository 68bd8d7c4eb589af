//! What RTP carries: payload formats and retransmissions.

use super::media::{Extender, codecs, packets, payload};
use crate::evidence::{Evidence, Packet, Peer};
use peerproof_captures::sdp::Codec;
use peerproof_captures::wire::payload::Format;
use peerproof_captures::wire::rtp;
use std::collections::BTreeMap;

checks! {
    codec_opus_single_packet_per_payload,
    codec_opus_timestamp_increment,
    codec_vp8_descriptor_consistent,
    codec_vp8_frame_boundaries,
    codec_vp8_picture_id_and_tl0picidx,
    codec_h264_fu_a_well_formed,
    codec_h264_packetization_mode_obeyed,
    codec_h264_parameter_sets_in_band,
    rtx_own_ssrc_and_sequence_space,
    rtx_packet_mirrors_original,
    codec_vp9_frame_flags,
    codec_vp9_picture_id_rules,
    codec_av1_aggregation_header_consistent,
    codec_av1_temporal_unit_per_packet,
    codec_opus_receiver_preferences_respected,
    codec_h264_stap_a_well_formed,
    codec_h264_forbidden_bit_zero,
    codec_h264_marker_at_access_unit_end,
    codec_vp8_key_frame_header,
}

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
