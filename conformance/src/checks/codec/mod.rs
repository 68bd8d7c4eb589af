//! What RTP carries: payload formats and retransmissions.

mod recognise;

use super::Tally;
use super::media::{Extender, codecs, packets, payload};
use crate::evidence::{Evidence, Packet, Peer};
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
/// something else, padding or error correction, are among them with an empty payload. Sources that send something else under the
/// payload type are left out, and counted as not applicable.
fn carried<'a>(
    evidence: &'a Evidence,
    peer: Peer,
    format: Format,
    tally: &mut Tally,
) -> BTreeMap<u32, Vec<Carried<'a>>> {
    let mut sources = announced(evidence, peer, format);
    sources.retain(|_, packets| {
        let is_another = recognise::is_another(evidence, packets, format);
        if is_another {
            tally.not_applicable(
                "the payload is not recognised as the announced format: it is encrypted end to end, or something else",
            );
        }
        !is_another
    });
    sources
}

/// The same with all sources of which the descriptions announce that format.
fn announced(evidence: &Evidence, peer: Peer, format: Format) -> BTreeMap<u32, Vec<Carried<'_>>> {
    let codecs = codecs(evidence, peer);
    let mut extenders: BTreeMap<u32, Extender> = BTreeMap::new();
    let mut sources: BTreeMap<u32, BTreeMap<i64, Carried<'_>>> = BTreeMap::new();
    for (packet, rtp) in packets(evidence, peer) {
        let ssrc = rtp.header.ssrc.value;
        let number = extenders.entry(ssrc).or_default().extend(rtp.header.sequence.value);
        let payload = match payload(codecs.of(packet), &rtp) {
            Some((found, payload)) if found == format => payload,
            Some(_) if sources.contains_key(&ssrc) => &[],
            _ => continue,
        };
        sources.entry(ssrc).or_default().entry(number).or_insert(Carried { packet, rtp, number, payload });
    }
    sources.into_iter().map(|(ssrc, packets)| (ssrc, packets.into_values().collect())).collect()
}

/// For each peer and format of which it is so: how many sources hold something else than the format that the descriptions announce, a
/// sentence each.
#[must_use]
pub fn unrecognised(evidence: &Evidence) -> Vec<String> {
    let mut all = Vec::new();
    for peer in evidence.each_peer() {
        for (format, name) in [(Format::Vp8, "VP8"), (Format::H264, "H264")] {
            let mut sources = announced(evidence, peer, format);
            sources.retain(|_, packets| recognise::is_another(evidence, packets, format));
            let Some((ssrc, packets)) = sources.first_key_value() else { continue };
            let frame = packets.first().map_or(0, |packet| packet.packet.frame);
            let more = match sources.len() - 1 {
                0 => String::new(),
                more => format!(", and of {more} more"),
            };
            all.push(format!(
                "the payload of source {ssrc:#010x} of {}{more} is announced as {name} and is not recognised as that (from frame {frame} \
                 on): it is encrypted end to end, or something else; the rules of {name} are not applied to it",
                evidence.name(peer)
            ));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::unrecognised;
    use crate::checks::controls::{Recording, rtp};
    use crate::checks::{Status, all};
    use crate::evidence::{Evidence, Peer};

    /// What is found of each check of a format, after the payloads of it that alice sent became noise, but for the first `kept`.
    fn of_noise(
        recording: Recording,
        payload_type: u8,
        kept: usize,
    ) -> (Evidence, Vec<(&'static str, Status)>) {
        let mut evidence = recording.evidence();
        let mut state = 1_u32;
        let is = |it: &&mut crate::evidence::Packet| {
            rtp::is(it) && it.sender == Peer(0) && rtp::payload_type(it) == payload_type
        };
        for packet in rtp::packets(&mut evidence).filter(is).skip(kept) {
            for byte in rtp::payload_mut(packet) {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = (state >> 24) as u8;
            }
        }
        let name = if payload_type == rtp::VP8 { "codec-vp8-" } else { "codec-h264-" };
        // Two of H.264 are of descriptions.
        let of_payload = |id: &str| id.starts_with(name) && !id.contains("-sdp") && !id.contains("-answer-");
        let of_alice = |check: &crate::checks::Check| check.run(&evidence).swap_remove(0).result;
        let found = all().filter(|check| of_payload(check.id)).map(|check| (check.id, of_alice(check)));
        let found = found.collect();
        (evidence, found)
    }

    #[test]
    fn noise_under_an_announced_format_is_not_judged_by_its_rules() {
        for (recording, payload_type, name) in
            [(Recording::Video, rtp::VP8, "VP8"), (Recording::H264, rtp::H264, "H264")]
        {
            let (evidence, found) = of_noise(recording, payload_type, 0);
            assert!(found.len() >= 4, "{found:?}");
            assert!(found.iter().all(|(_, result)| *result == Status::NotApplicable), "{found:?}");
            let said = unrecognised(&evidence);
            assert!(said.len() == 1 && said[0].contains(name), "{said:?}");
        }
    }

    #[test]
    fn a_stream_that_is_recognised_is_judged() {
        for (recording, payload_type) in [(Recording::Video, rtp::VP8), (Recording::H264, rtp::H264)] {
            let (evidence, found) = of_noise(recording, payload_type, usize::MAX);
            assert!(found.iter().any(|(_, result)| *result == Status::Pass), "{found:?}");
            assert_eq!(unrecognised(&evidence), [""; 0]);
        }
    }
}
