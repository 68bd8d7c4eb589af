//! The SCTP association and the data channels in it.

pub(crate) mod pieces;
mod received_messages;
mod sent_calls;
mod tags;
mod transmissions;

pub(crate) use transmissions::transmissions;

use crate::evidence::{Evidence, Packet, Peer, Protection};
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::sctp::{
    self, Body, ChunkType, ParameterContent, ParameterType, ReConfigResult,
};
use pieces::Piece;
use std::collections::BTreeSet;

checks! {
    sctp_ports_match_signalling,
    sctp_init_tag_rules,
    sctp_reflected_tag,
    sctp_both_sides_initiate,
    sctp_init_announces_required_extensions,
    sctp_init_without_address_parameters,
    sctp_stream_count_and_window,
    sctp_crc32c_correct,
    sctp_cookie_echoed_exactly,
    sctp_initial_packet_size,
    idata_used_consistently,
    sctp_tsn_ssn_progression,
    sctp_fragment_flags_valid,
    sctp_sack_truthful_and_prompt,
    reconfig_request_and_response_rules,
    dcep_open_ppid_50,
    dcep_stream_id_parity,
    dcep_open_reflects_options,
    dcep_negotiated_channel_sends_no_open,
    dcep_unordered_data_ordered_until_ack,
    dcep_ack_sent_on_same_stream,
    dc_ppid_matches_payload_kind,
    dc_one_application_message_per_sctp_message,
    dc_close_resets_both_directions,
    sctp_heartbeat_echoed,
    sctp_initial_congestion_window,
    sctp_lost_data_retransmitted,
    dc_retransmission_limit_honoured,
    dc_max_message_size_respected,
    dc_empty_message_received,
    sctp_ordered_and_unordered_delivery,
    sctp_abort_on_connection_close,
    sctp_waits_for_cookie_ack,
    sctp_control_chunks_first,
    sctp_data_in_tsn_order,
    sctp_data_not_empty,
    sctp_chunk_padding_zero,
}

/// The SCTP packets that are seen nearest to a peer.
fn packets(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = (&Packet, sctp::Packet<'_>)> {
    evidence.wire.iter().flat_map(move |wire| wire.sctp(peer))
}

/// The same, chunk by chunk.
fn chunks(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = (&Packet, Body<'_>)> {
    packets(evidence, peer)
        .flat_map(|(packet, sctp)| sctp.chunks.iter().filter_map(move |chunk| Some((packet, chunk.body?))))
}

/// The DATA and I-DATA chunks that are seen nearest to a peer, in both directions.
fn data(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = Piece<'_>> {
    chunks(evidence, peer).filter_map(|(packet, body)| pieces::piece(packet, &body))
}

/// Whether all records that passed a peer, in both directions, were recorded there and could be opened.
fn reads_all_at(evidence: &Evidence, peer: Peer) -> bool {
    let closed = |packet: &Packet| {
        packet.class() == Class::Dtls
            && matches!(packet.protection, Protection::NoSecret | Protection::Forged)
    };
    let mut at = evidence.wire.iter().flat_map(|wire| wire.at(peer));
    evidence.sees_all_sent_by(peer) && !at.any(closed)
}

/// A request of a peer to reset streams on which it sends (RFC 6525 §4.1).
struct Reset {
    frame: u64,
    t_us: u64,
    /// None for all.
    streams: Vec<u16>,
}

impl Reset {
    fn resets(&self, stream: u16) -> bool {
        self.streams.is_empty() || self.streams.contains(&stream)
    }
}

/// All of them, as seen nearest to the peer.
fn reset_streams(evidence: &Evidence, peer: Peer) -> Vec<Reset> {
    reset_streams_at(evidence, peer, peer)
}

/// All of those of a sender, as seen nearest to `at`.
fn reset_streams_at(evidence: &Evidence, at: Peer, sender: Peer) -> Vec<Reset> {
    let mut resets = Vec::new();
    for (packet, body) in chunks(evidence, at).filter(|(packet, _)| packet.sender == sender) {
        let Body::ReConfig(reset) = body else { continue };
        for parameter in reset.parameters.iter() {
            if let (ParameterType::OutgoingReset, Some(ParameterContent::ResetRequest(request))) =
                (parameter.kind.value, parameter.content)
            {
                let streams = request.streams.iter().map(|stream| stream.0.value).collect();
                resets.push(Reset { frame: packet.frame, t_us: packet.t_us, streams });
            }
        }
    }
    resets
}

/// Whether all answers to a peer's requests to reset a stream say that this is in progress: the other side never performs it.
fn is_held_up(evidence: &Evidence, peer: Peer, stream: u16) -> bool {
    let mut numbers: BTreeSet<u32> = BTreeSet::new();
    let (mut waits, mut is_done) = (false, false);
    for (packet, body) in chunks(evidence, peer) {
        let Body::ReConfig(reset) = body else { continue };
        for parameter in reset.parameters.iter() {
            match parameter.content {
                Some(ParameterContent::ResetRequest(request))
                    if packet.sender == peer
                        && parameter.kind.value == ParameterType::OutgoingReset
                        && request.streams.iter().any(|it| it.0.value == stream) =>
                {
                    numbers.insert(request.request.value);
                }
                Some(ParameterContent::ResetResponse(response))
                    if packet.sender != peer && numbers.contains(&response.response.value) =>
                {
                    let in_progress = response.result.value == ReConfigResult::StillInProgress;
                    (waits, is_done) = (waits || in_progress, is_done || !in_progress);
                }
                _ => {}
            }
        }
    }
    waits && !is_done
}

/// Whether a peer asked once to reset a stream, got the answer that this is in progress, and did not ask again, as it must for the other side
/// to perform it (RFC 6525 §5.1.1, §5.2.2).
fn is_given_up(evidence: &Evidence, peer: Peer, stream: u16) -> bool {
    let asked = reset_streams(evidence, peer).iter().filter(|it| it.resets(stream)).count();
    asked == 1 && is_held_up(evidence, peer, stream)
}

/// When the peer could send user messages for the first time: RFC 9260 §5.1 lets none go before the COOKIE-ACK has come (or the
/// COOKIE-ECHO of the other side), though the other's may arrive before it if that was lost.
fn ready_us(evidence: &Evidence, peer: Peer) -> u64 {
    packets(evidence, peer)
        .filter(|(packet, _)| packet.sender != peer)
        .find(|(_, sctp)| {
            sctp.chunks
                .iter()
                .any(|chunk| matches!(chunk.kind.value, ChunkType::CookieAck | ChunkType::CookieEcho))
        })
        .map_or(0, |(packet, _)| packet.t_us)
}
