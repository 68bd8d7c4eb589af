//! How much media a peer sent over time, out of the capture.

use crate::record::CaseRecord;
use peerproof_captures::observe::Unit;
use peerproof_captures::timeline::{LinkRate, What};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Shortest slice of time, in microseconds: shorter ones show frames, not rates.
const SHORTEST_SLICE: u64 = 500_000;
/// Most slices: a long case has longer ones.
const MOST_SLICES: u64 = 600;

/// The rate at which a peer sent protected RTP, headers and tags included, those of UDP and IP not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bitrate {
    /// The peer.
    pub peer: String,
    /// When its first packet left, in microseconds since the case began.
    pub from_us: u64,
    /// Length of a slice, in microseconds.
    pub slice_us: u64,
    /// Kilobits per second in each slice, whole slices only.
    pub kbit: Vec<u64>,
    /// What links became, before and meanwhile.
    pub links: Vec<LinkChange>,
}

/// A change of a link, as in the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkChange {
    /// When, in microseconds since the case began.
    pub t_us: u64,
    /// The name of the step that changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The interface or segment.
    pub of: String,
    /// The way from it, if that was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<LinkRate>,
    /// The way to it, if that was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<LinkRate>,
}

impl Bitrate {
    /// The rates of the peers of whom a scenario expects one and whose packets were seen.
    #[must_use]
    pub fn of(record: &CaseRecord) -> Vec<Self> {
        let expected = record.file.expect.peers.iter().filter(|(_, expected)| !expected.bitrate.is_empty());
        expected.filter_map(|(name, _)| rate_of(record, name)).collect()
    }
}

fn rate_of(record: &CaseRecord, name: &str) -> Option<Bitrate> {
    let packets = sent(record, name)?;
    let (from, to) = (packets.iter().map(|at| at.0).min()?, steps_end(record)?);
    let span = to.saturating_sub(from);
    let slice_us = span.div_ceil(MOST_SLICES).max(SHORTEST_SLICE);
    let count = usize::try_from(span / slice_us).ok()?;
    let mut bits = vec![0_u64; count];
    for (t_us, length) in packets {
        let slice = usize::try_from(t_us.saturating_sub(from) / slice_us).unwrap_or(usize::MAX);
        if let Some(bits) = bits.get_mut(slice) {
            *bits = bits.saturating_add(length as u64 * 8);
        }
    }
    let kbit = bits.into_iter().map(|bits| bits.saturating_mul(1000) / slice_us).collect();
    Some(Bitrate { peer: name.to_owned(), from_us: from, slice_us, kbit, links: links(record) })
}

fn links(record: &CaseRecord) -> Vec<LinkChange> {
    let changes = record.timeline.iter().filter_map(|entry| match &entry.what {
        What::Link { name, of, up, down } => {
            Some(LinkChange { t_us: entry.t_us, name: name.clone(), of: of.clone(), up: *up, down: *down })
        }
        _ => None,
    });
    changes.collect()
}

/// When the last step ended.
fn steps_end(record: &CaseRecord) -> Option<u64> {
    let ends = record.timeline.iter().filter(|entry| matches!(entry.what, What::StepEnded { .. }));
    ends.map(|entry| entry.t_us).max()
}

/// Times and lengths of the protected RTP packets that a peer sent, those by a relay not; nothing if packets of it were not seen, or
/// not all.
fn sent(record: &CaseRecord, name: &str) -> Option<Vec<(u64, usize)>> {
    let other = record.other(name)?;
    if record.packets()?.cut {
        return None;
    }
    let lengths = record.sent(name, other)?.filter_map(|seen| match seen.unit {
        Unit::Srtp { length, .. } => Some((seen.t_us, length)),
        _ => None,
    });
    Some(lengths.collect())
}

/// The time that began with the change of that name, from and to.
pub(super) fn phase(record: &CaseRecord, name: &str) -> Option<(u64, u64)> {
    let links = links(record);
    let began = links.iter().position(|change| change.name.as_deref() == Some(name))?;
    let from = links.get(began)?.t_us;
    let to = links.get(began + 1).map(|next| next.t_us).or_else(|| steps_end(record))?;
    (to > from).then_some((from, to))
}

/// The mean rate of a peer in kilobits per second from one time to another.
pub(super) fn mean(record: &CaseRecord, name: &str, (from, to): (u64, u64)) -> Option<u64> {
    // Who never sent any did not send at a low rate.
    let packets = sent(record, name).filter(|packets| !packets.is_empty())?;
    let within = packets.into_iter().filter(|(t_us, _)| (from..to).contains(t_us));
    let bits = within.fold(0_u64, |bits, (_, length)| bits.saturating_add(length as u64 * 8));
    bits.saturating_mul(1000).checked_div(to.saturating_sub(from))
}

#[cfg(test)]
mod tests;
