//! The messages of a channel as packets carry them.

use super::super::Session;
use super::super::channels::known::Known;
use super::super::observed::Tap;
use crate::api::message::Fingerprint;
use crate::checks::sctp::pieces::{first_seen, messages};
use crate::evidence::{Peer, Wire};
use peerproof_captures::wire::sctp::{Body, PayloadProtocol};
use std::collections::BTreeSet;

/// A user message on the wire.
pub(super) struct Carried {
    pub(super) frame: u64,
    pub(super) t_us: u64,
    pub(super) is: Fingerprint,
    /// Whether the receiver acknowledged all of it and all before it.
    pub(super) is_acknowledged: bool,
}

/// The messages of a sender on the streams of a channel, in the order of their TSNs, as they were seen nearest to a peer. None where they
/// cannot be distinguished.
pub(super) fn carried(tap: Tap<'_>, sender: Peer, streams: &BTreeSet<u16>) -> Option<Vec<Carried>> {
    if associations(tap.wire, tap.peer, sender) > 1 {
        return None;
    }
    let pieces = first_seen(tap.wire, tap.peer, sender);
    let newest = acknowledged(tap.wire, tap.peer, sender);
    let mut all = Vec::new();
    for message in messages(&pieces) {
        if !streams.contains(&message.first.stream) || message.protocol == PayloadProtocol::Dcep {
            continue;
        }
        let text = message.protocol.is_text()?;
        let bytes = message.bytes();
        let content: &[u8] = if message.protocol.is_empty() { &[] } else { &bytes };
        let is = Fingerprint::of(content, text);
        let last = message.first.tsn.wrapping_add(u32::try_from(message.count().saturating_sub(1)).ok()?);
        // The pieces of one that was interleaved with others have TSNs anywhere.
        let is_in_a_row = message.first.fragment.is_none() || message.count() == 1;
        let is_acknowledged =
            is_in_a_row && newest.is_some_and(|newest| (newest.wrapping_sub(last) as i32) >= 0);
        let packet = message.first.packet;
        all.push((
            message.first.tsn,
            Carried { frame: packet.frame, t_us: packet.t_us, is, is_acknowledged },
        ));
    }
    let first = all.iter().map(|(tsn, _)| *tsn).next().unwrap_or(0);
    all.sort_by_key(|(tsn, _)| tsn.wrapping_sub(first) as i32);
    Some(all.into_iter().map(|(_, carried)| carried).collect())
}

/// How many associations a sender's packets belong to: each has its own verification tag.
fn associations(wire: &Wire, at: Peer, sender: Peer) -> usize {
    let sent = wire.sctp(at).filter(|(packet, _)| packet.sender == sender);
    let tags: BTreeSet<u32> =
        sent.map(|(_, sctp)| sctp.verification_tag.value).filter(|tag| *tag != 0).collect();
    tags.len()
}

/// The highest TSN up to which the other side acknowledged everything of a sender.
fn acknowledged(wire: &Wire, at: Peer, sender: Peer) -> Option<u32> {
    let mut newest: Option<u32> = None;
    for (_, sctp) in wire.sctp(at).filter(|(packet, _)| packet.sender != sender) {
        for chunk in sctp.chunks.iter() {
            let Some(Body::Sack(sack)) = chunk.body else { continue };
            let tsn = sack.cumulative_tsn.value;
            newest = Some(
                newest.map_or(tsn, |newest| if (tsn.wrapping_sub(newest) as i32) > 0 { tsn } else { newest }),
            );
        }
    }
    newest
}

/// The streams of a channel, if it is the only one of its label and they are its alone.
pub(super) fn streams(label: &str, one: &Known<'_>, other: &Known<'_>) -> Option<BTreeSet<u16>> {
    if one.has_several(label) || other.has_several(label) {
        return None;
    }
    let streams: BTreeSet<u16> = one.ids(label).union(&other.ids(label)).copied().collect();
    let others = [one, other].into_iter().flat_map(|known| {
        let created = known.created.iter().map(|it| it.label);
        created.chain(known.announced.iter().map(|it| it.info.label.as_str())).filter(|it| *it != label)
    });
    let taken: BTreeSet<u16> =
        others.flat_map(|it| one.ids(it).union(&other.ids(it)).copied().collect::<Vec<_>>()).collect();
    (streams.len() == 1 && streams.is_disjoint(&taken)).then_some(streams)
}

/// Whether the peer went quiet: it sent no user data in the last second before the end.
pub(super) fn is_idle(session: &Session<'_>, tap: Tap<'_>, since_us: u64, until_us: u64) -> bool {
    const QUIET_US: u64 = 1_000_000;
    let end_us = session.record.timeline.iter().map(|entry| entry.t_us).max().unwrap_or(0).min(until_us);
    let data = tap.wire.sctp(tap.peer).filter(|(packet, _)| packet.sender == tap.peer).filter(|(_, sctp)| {
        sctp.chunks.iter().any(|chunk| matches!(chunk.body, Some(Body::Data(_) | Body::IData(_))))
    });
    let last_us = data.map(|(packet, _)| packet.t_us).max().unwrap_or(0).max(since_us);
    let stalled = session.stalled(last_us, end_us);
    end_us > last_us.saturating_add(QUIET_US).saturating_add(stalled)
}
