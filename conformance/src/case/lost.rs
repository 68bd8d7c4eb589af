//! A peer that is gone before the case has ended.

use super::judge::first_diverged;
use super::view::PeerView;
use crate::api::Views;
use crate::case_file::NotPlayed;
use crate::record::CaseRecord;
use crate::verdict::{Layer, Outcome, Place, Verdict};
use peerproof_captures::timeline::Entry;

/// A peer that runs by itself and died.
pub(super) fn lost(record: &CaseRecord, views: &Views) -> Option<Verdict> {
    if let Some(NotPlayed::Failed { peer, reason }) = &record.file.not_played {
        return Some(Verdict {
            outcome: Outcome::Fail,
            layer: Some(Layer::PeerProtocol),
            side: Some(peer.clone()),
            sentence: format!("{peer} should start, but it failed before the first step: {reason}"),
            evidence: Vec::new(),
            claim: None,
        });
    }
    let (name, lost) = views.iter().find_map(|(name, view)| {
        let lost = view.lost.as_ref()?;
        (!record.file.ends.contains(name)).then_some((name, lost))
    })?;
    let broke_protocol = views.get(name).is_some_and(|view| view.broke_protocol);
    let layer = if broke_protocol { Layer::PeerProtocol } else { reached(record, lost.n) };
    Some(Verdict {
        outcome: Outcome::Fail,
        layer: Some(layer),
        side: Some(name.clone()),
        sentence: format!("{name} should run to the end of the case, but it ended: {}", lost.is),
        evidence: vec![Place::Entry(lost.n)],
        claim: None,
    })
}

/// The layer that the session had reached at an entry: what the other peer notices later is no more than that the peer is gone, and depends on how
/// long it had for that.
fn reached(record: &CaseRecord, n: u64) -> Layer {
    let until: Vec<Entry> = record.timeline.iter().filter(|entry| entry.n <= n).cloned().collect();
    let views = crate::api::views(&until, record.file.peers.iter().map(|peer| &peer.name));
    if let Some(diverged) = first_diverged(record, &views, Layer::Media) {
        return diverged.layer;
    }
    let any = |has: fn(&PeerView) -> bool| views.values().any(has);
    if any(|view| !view.media_samples.is_empty()) {
        Layer::Media
    } else if any(|view| view.channels.values().any(|channel| channel.was_open())) {
        Layer::DataChannel
    } else {
        Layer::Signalling
    }
}
