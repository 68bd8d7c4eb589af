//! RTCP: reports, names and feedback.

pub(crate) use rtcp_compound_starts_with_report::is_reduced;

use crate::checks::media::is_among;
use crate::checks::sdp::look;
use crate::checks::transports::{Apart, Indices};
use crate::evidence::{Evidence, Exchange, Kind, Packet, Peer};
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::list::List;
use peerproof_captures::wire::rtcp::{
    self, Body, NackEntry, ReportBlock, SdesItemType, TransportFeedbackControl,
};
use peerproof_captures::wire::rtp::{self, Header};
use std::collections::BTreeMap;

checks! {
    rtcp_packets_well_formed,
    rtcp_mux_honoured,
    rtcp_compound_starts_with_report,
    rtcp_single_cname_per_connection,
    rtcp_cname_equals_signalled,
    rtcp_reports_sent_regularly,
    rtcp_sr_counters_match_wire,
    rtcp_sr_ntp_rtp_mapping,
    rtcp_rr_lsr_dlsr,
    avpf_only_negotiated_feedback,
    avpf_pli_format,
    ccm_fir_format_and_numbering,
    rtx_nack_names_media_stream,
    twcc_feedback_matches_arrivals,
    rtcp_bye_ends_stream,
    rtcp_report_block_of_received_source,
    rtcp_rr_loss_and_highest_seq,
    avpf_nack_reports_real_loss,
}

/// The compound packets that a peer sent.
fn compounds(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = (&Packet, rtcp::Compound<'_>)> {
    evidence.wire.iter().flat_map(move |wire| wire.rtcp(peer))
}

/// Where reduced-size RTCP (RFC 5506) was negotiated: `a=rtcp-rsize` is of a media section (§5), in the offer and in the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReducedSize {
    /// No exchange of descriptions is in the recording.
    Unknown,
    Everywhere,
    /// For some sections, or by some exchanges.
    Somewhere,
    Nowhere,
}

/// Where it was negotiated among the sections of each transport.
pub(super) fn reduced_size(evidence: &Evidence) -> Apart<ReducedSize> {
    Apart::new(evidence, |among| reduced_size_among(evidence, among))
}

fn reduced_size_among(evidence: &Evidence, among: Option<&Indices>) -> ReducedSize {
    let mut found = Vec::new();
    for Exchange { offer, answer } in evidence.exchanges() {
        for (offered, answered) in offer.sdp.media().zip(answer.sdp.media()) {
            if is_among(&answered, among) && look::is_rtp(&answered) && !answered.is_rejected() {
                found.push(offered.has("rtcp-rsize") && answered.has("rtcp-rsize"));
            }
        }
    }
    match (found.contains(&true), found.contains(&false)) {
        (true, false) => ReducedSize::Everywhere,
        (true, true) => ReducedSize::Somewhere,
        (false, true) => ReducedSize::Nowhere,
        (false, false) => ReducedSize::Unknown,
    }
}

/// The RTCP packets in them that can be read.
fn packets(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = (&Packet, rtcp::Packet<'_>, Body<'_>)> {
    compounds(evidence, peer).flat_map(|(packet, compound)| {
        compound.packets.iter().filter_map(move |rtcp| Some((packet, rtcp, rtcp.body?)))
    })
}

/// The frame of the first BYE of each source of a peer.
pub(super) fn byes(evidence: &Evidence, peer: Peer) -> BTreeMap<u32, u64> {
    let mut first = BTreeMap::new();
    for (packet, _, body) in packets(evidence, peer) {
        let Body::Bye(bye) = body else { continue };
        for source in bye.sources.iter() {
            first.entry(source.0.value).or_insert(packet.frame);
        }
    }
    first
}

/// The NACKs (RFC 4585 §6.2.1) that a peer sent, with the source whose packets they ask for.
pub(super) fn nacks(
    evidence: &Evidence,
    peer: Peer,
) -> impl Iterator<Item = (&Packet, u32, List<'_, NackEntry>)> {
    packets(evidence, peer).filter_map(|(packet, _, body)| {
        let Body::TransportFeedback(feedback) = body else { return None };
        let TransportFeedbackControl::Nack(entries) = feedback.control else { return None };
        Some((packet, feedback.media?.value, entries))
    })
}

/// The RTP packets that arrived at a peer, as its own tap saw them, by their headers, which SRTP leaves in clear.
fn arrivals(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = (&Packet, Header<'_>)> {
    let at = evidence.wire.iter().flat_map(move |wire| wire.at(peer));
    at.filter(move |packet| packet.sender != peer && packet.tap == peer).filter_map(|packet| {
        let clear = packet.clear.iter().find(|clear| clear.kind == Kind::Rtp);
        let closed = || (packet.class() == Class::Rtp).then_some(packet.bytes.as_slice());
        let bytes = clear.map(|clear| clear.bytes.as_slice()).or_else(closed)?;
        Some((packet, rtp::view(bytes).ok()?.header))
    })
}

/// The report blocks that a peer sent.
fn blocks(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = (&Packet, ReportBlock)> {
    packets(evidence, peer).flat_map(|(packet, _, body)| {
        let blocks = match body {
            Body::SenderReport(report) => Some(report.blocks),
            Body::ReceiverReport(report) => Some(report.blocks),
            _ => None,
        };
        blocks.into_iter().flat_map(|blocks| blocks.iter()).map(move |block| (packet, block))
    })
}

/// The sources with their canonical names that a peer reported.
fn cnames(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = (&Packet, u32, &[u8])> {
    packets(evidence, peer).flat_map(|(packet, _, body)| {
        let chunks = match body {
            Body::SourceDescription(chunks) => Some(chunks),
            _ => None,
        };
        let chunks = chunks.into_iter().flat_map(|chunks| chunks.iter());
        chunks.filter_map(move |chunk| Some((packet, chunk.ssrc.value, chunk.text(SdesItemType::Cname)?)))
    })
}
