//! Simulcast (RFC 8853): which streams of a section a peer offered to send, which of them the other side takes, and the sources that it
//! sends for the section.

use crate::checks::media::{codecs, extensions, headers};
use crate::checks::negotiated_state::Sections;
use crate::evidence::{Evidence, Peer};
use peerproof_captures::event::SdpType;
use peerproof_captures::sdp::{Rid, RidDirection, Section, Simulcast};
use peerproof_captures::wire::payload::Format;
use peerproof_captures::wire::rtp::ExtensionKind;
use std::collections::{BTreeMap, BTreeSet};

/// Among how many packets of a source there must be one with its identifier: the choice of the catalogue.
pub(super) const FIRST: usize = 50;

/// What is agreed on the streams of one section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Streams {
    /// The identifiers of what the peer's own description would send.
    pub(super) offered: BTreeSet<String>,
    /// Those of them that the other side's description, as it arrived, receives.
    pub(super) kept: BTreeSet<String>,
    /// Whether both sides map the header extensions that name a stream, and the one that it repairs.
    pub(super) is_named: bool,
    pub(super) repair_is_named: bool,
    /// The entry of the answer.
    pub(super) entry: u64,
}

/// What is agreed, by `a=mid`, for the sections on which the peer would send several streams. Nothing if later exchanges changed it.
pub(super) fn agreed(evidence: &Evidence, peer: Peer) -> Option<BTreeMap<String, Streams>> {
    let mut agreed: BTreeMap<String, Streams> = BTreeMap::new();
    for exchange in evidence.exchanges().iter().filter(|it| it.answer.kind == SdpType::Answer) {
        let (own, remote) = if exchange.answer.by == peer {
            (exchange.answer, exchange.offer)
        } else {
            (exchange.offer, exchange.answer)
        };
        for (own, remote) in own.sdp.media().zip(remote.received().media()) {
            let Some(mid) = own.mid() else { continue };
            let offered = rids(&own, RidDirection::Send);
            if offered.len() < 2 {
                continue;
            }
            let taken = rids(&remote, RidDirection::Recv);
            let kept = offered.intersection(&taken).cloned().collect();
            let mapped = |kind: ExtensionKind| {
                let has = |section: &Section<'_>| {
                    section.extmaps().iter().any(|map| ExtensionKind::from_uri(&map.uri) == kind)
                };
                has(&own) && has(&remote)
            };
            let now = Streams {
                offered,
                kept,
                is_named: mapped(ExtensionKind::Rid),
                repair_is_named: mapped(ExtensionKind::RepairedRid),
                entry: exchange.answer.entry,
            };
            let before = agreed.entry(mid).or_insert_with(|| now.clone());
            if (&before.offered, &before.kept) != (&now.offered, &now.kept) {
                return None;
            }
        }
    }
    Some(agreed)
}

/// The identifiers of the streams of a section in one direction: those in `a=simulcast` that have an `a=rid`.
fn rids(section: &Section<'_>, direction: RidDirection) -> BTreeSet<String> {
    let Some(simulcast) = section.first::<Simulcast>() else { return BTreeSet::new() };
    let named: BTreeSet<&str> =
        simulcast.streams(direction).iter().flatten().map(|stream| stream.rid.as_str()).collect();
    let restricted = section.every::<Rid>().filter(|rid| rid.direction == direction);
    restricted.map(|rid| rid.id).filter(|id| named.contains(id.as_str())).collect()
}

/// What a peer sent from one source.
#[derive(Debug, Clone, Default)]
pub(super) struct Source {
    /// The section that it belongs to.
    pub(super) mid: String,
    /// Its first packet.
    pub(super) frame: u64,
    /// Whether it repairs another one (RTX).
    pub(super) repairs: bool,
    pub(super) packets: usize,
    /// The identifiers that it carries, with the first frame of each.
    pub(super) rids: BTreeMap<String, u64>,
    /// Whether one of the first [`FIRST`] packets carries one.
    pub(super) named: bool,
    /// When its first and its last packet were sent.
    pub(super) from_us: u64,
    pub(super) to_us: u64,
}

/// The sources of media and of their retransmissions, by SSRC.
pub(super) fn sources(evidence: &Evidence, peer: Peer) -> BTreeMap<u32, Source> {
    let (codecs, extensions) = (codecs(evidence, peer), extensions(evidence, peer));
    let sections = Sections::of(evidence, peer);
    let mut sources: BTreeMap<u32, Source> = BTreeMap::new();
    for (packet, header) in headers(evidence, peer) {
        let Some(codec) = codecs.of(packet).get(&header.payload_type()) else { continue };
        let (Some(mid), false) = (sections.mid(packet, &header), is_repair_of_all(codec.format())) else {
            continue;
        };
        let source = sources.entry(header.ssrc.value).or_insert_with(|| Source {
            mid,
            frame: packet.frame,
            repairs: codec.is_rtx(),
            from_us: packet.t_us,
            ..Source::default()
        });
        source.packets += 1;
        source.to_us = packet.t_us;
        let wanted = if source.repairs { ExtensionKind::RepairedRid } else { ExtensionKind::Rid };
        let mut elements = header.elements();
        let Some(rid) = elements.find(|it| extensions.of(packet).get(it.id) == wanted) else { continue };
        source.named |= source.packets <= FIRST;
        let rid = String::from_utf8_lossy(rid.value.value).into_owned();
        if !evidence.is_faulted(packet.frame) {
            source.rids.entry(rid).or_insert(packet.frame);
        }
    }
    sources
}

/// Whether that is forward error correction, whose sources protect others.
fn is_repair_of_all(format: Option<Format>) -> bool {
    matches!(format, Some(Format::Flexfec | Format::Flexfec03 | Format::Ulpfec))
}
