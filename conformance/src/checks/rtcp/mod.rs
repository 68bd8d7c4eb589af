//! RTCP: reports, names and feedback.

mod cname_is_signalled;
mod compounds_are_whole;
mod feedback_is_negotiated;
mod fir;
mod last_sender_report;
mod mux;
mod nack_names_media;
mod one_cname;
mod pli;
mod reports_are_sent;
mod sender_report_clocks;
mod sender_report_counts;
mod transport_feedback;

pub(super) use compounds_are_whole::is_reduced;

use super::Check;
use crate::evidence::{Evidence, Packet, Peer};
use peerproof_captures::wire::rtcp::{self, Body, ReportBlock, SdesItemType};

pub(super) const CHECKS: &[Check] = &[
    mux::CHECK,
    compounds_are_whole::CHECK,
    one_cname::CHECK,
    cname_is_signalled::CHECK,
    reports_are_sent::CHECK,
    sender_report_counts::CHECK,
    sender_report_clocks::CHECK,
    last_sender_report::CHECK,
    feedback_is_negotiated::CHECK,
    pli::CHECK,
    fir::CHECK,
    nack_names_media::CHECK,
    transport_feedback::CHECK,
];

/// The compound packets that a peer sent.
fn compounds(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = (&Packet, rtcp::Compound<'_>)> {
    evidence.wire.iter().flat_map(move |wire| wire.rtcp(peer))
}

/// The RTCP packets in them that can be read.
fn packets(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = (&Packet, rtcp::Packet<'_>, Body<'_>)> {
    compounds(evidence, peer).flat_map(|(packet, compound)| {
        compound.packets.iter().filter_map(move |rtcp| Some((packet, rtcp, rtcp.body?)))
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

/// The sources with their canonical names that a peer told.
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
