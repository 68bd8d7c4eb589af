//! The way on which the peers met, and the one that their NATs allow.

use super::sdp::selected_types;
use super::{Mismatch, Views};
use crate::case::view::PeerView;
use crate::nat::{self, Nat, Way};
use crate::record::CaseRecord;
use crate::verdict::Layer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How two peers behind NATs met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Meeting {
    /// The offerer's NAT.
    pub offerer: Nat,
    /// The answerer's.
    pub answerer: Nat,
    /// Whether one of the peers had a relayed candidate.
    pub relay: bool,
    /// The way that these allow.
    pub allowed: Way,
    /// The way that was in use at the end.
    pub seen: Way,
}

impl Meeting {
    /// How the peers of a case met; nothing if not each is behind a NAT of its own, or the case was not played.
    #[must_use]
    pub fn of(record: &CaseRecord) -> Option<Self> {
        let views: Views = record
            .file
            .peers
            .iter()
            .map(|peer| (peer.name.clone(), PeerView::of(&record.timeline, &peer.name)))
            .collect();
        meeting(record, &views)
    }
}

fn meeting(record: &CaseRecord, views: &Views) -> Option<Meeting> {
    let [offerer, answerer] = record.file.peers.as_slice() else { return None };
    let (offerer, answerer) = (offerer.nat?, answerer.nat?);
    if record.file.not_played.is_some() {
        return None;
    }
    let is_relay = |candidate: &str| candidate.contains(" typ relay");
    let reported = views.values().flat_map(|view| &view.candidates).filter_map(|at| at.is.as_ref());
    let relay = reported.clone().any(|candidate| is_relay(&candidate.candidate));
    let mut seen = Way::Nowhere;
    for (name, view) in views {
        let Some((_, local, remote)) = selected_types(view, record.stats.get(name)) else { continue };
        // A peer that was never connected may have selected a pair for its checks.
        if view.ice_connected().is_none() {
            continue;
        }
        let way = if local == "relay" || remote == "relay" { Way::Relay } else { Way::Direct };
        seen = if seen == Way::Relay { seen } else { way };
    }
    Some(Meeting { offerer, answerer, relay, allowed: nat::way(offerer, answerer, relay), seen })
}

pub(super) fn check(record: &CaseRecord, views: &Views) -> Option<Mismatch> {
    let expected = "the peers should use the path that their NATs allow";
    let side = record.file.peers.first().map_or("", |peer| peer.name.as_str());
    let mismatch = |text: String, seen: String| {
        let mut mismatch = Mismatch::new(Layer::Checks, side, text, seen);
        mismatch.side = None;
        mismatch
    };
    let Some(Meeting { offerer, answerer, allowed, seen, .. }) = meeting(record, views) else {
        let seen = "the peers are not behind two NATs".to_owned();
        return Some(mismatch(expected.to_owned(), seen).undecided());
    };
    (allowed != seen).then(|| {
        let text = format!("{expected} ({offerer} / {answerer}: {allowed})");
        mismatch(text, format!("it is {seen}"))
    })
}
