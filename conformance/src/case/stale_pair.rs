//! A pair that an ICE restart left behind, as the cause of what does not arrive after it.

use super::cause::Cause;
use crate::record::CaseRecord;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::PeerEvent;
use peerproof_captures::sdp::{Candidate, IceUfrag, SessionDescription};
use peerproof_captures::timeline::What;
use std::collections::{BTreeMap, BTreeSet};

/// The pair that a peer has selected last.
struct Selected<'a> {
    t_us: u64,
    n: u64,
    /// The username fragments of its candidates.
    local: String,
    remote: String,
    peer: &'a str,
}

/// The transport address of a candidate.
type Key = (String, String, u16);

fn key(candidate: &Candidate) -> Key {
    (candidate.transport.to_ascii_lowercase(), candidate.address.to_string(), candidate.port)
}

/// The peer whose pair joins a candidate of its own restart to one that the other peer had before it. The agent has a new check list for
/// the restart, in which no such pair is (RFC 8445 §9, §6.1.2.2), and the other peer gives up the old one.
pub(super) fn cause(record: &CaseRecord, top: Layer, by: u64) -> Option<Cause> {
    if top < Layer::Nomination {
        return None;
    }
    // The username fragments that each peer's descriptions had, and those of the last.
    let mut known: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut last: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut selected: BTreeMap<&str, Selected<'_>> = BTreeMap::new();
    // With which username fragments each peer reported its candidate of an address and port.
    let mut reported: BTreeMap<(&str, Key), BTreeSet<String>> = BTreeMap::new();
    for entry in record.timeline.iter().filter(|entry| entry.t_us <= by) {
        match &entry.what {
            What::Carried { from, sent, delivered, .. } => {
                let sdp = SessionDescription::parse(delivered.as_ref().unwrap_or(sent).sdp.as_str());
                let sections = std::iter::once(sdp.session()).chain(sdp.media());
                let ufrags: BTreeSet<String> =
                    sections.filter_map(|section| section.first::<IceUfrag>()).map(|it| it.0).collect();
                known.entry(from).or_default().extend(ufrags.iter().cloned());
                last.insert(from, ufrags);
            }
            What::Event { peer, event: PeerEvent::SelectedCandidatePairChange { local, remote }, .. } => {
                // Not every implementation names the fragment in the text: then that counts with which it was reported alone.
                let ufrag = |of: &str, text: &str| {
                    let candidate = Candidate::parse(text).ok()?;
                    let named = || match reported.get(&(of, key(&candidate)))?.iter().collect::<Vec<_>>()[..]
                    {
                        [only] => Some(only.clone()),
                        _ => None,
                    };
                    candidate.ufrag().map(str::to_owned).or_else(named)
                };
                selected.remove(peer.as_str());
                let Some(other) = record.other(peer) else { continue };
                if let (Some(local), Some(remote)) = (ufrag(peer, local), ufrag(other, remote)) {
                    let pair = Selected { t_us: entry.t_us, n: entry.n, local, remote, peer };
                    selected.insert(peer, pair);
                }
            }
            What::Event { peer, event: PeerEvent::IceCandidate { candidate: Some(candidate) }, .. } => {
                let Ok(parsed) = Candidate::parse(&candidate.candidate) else { continue };
                let ufrag = candidate.username_fragment.as_deref().or(parsed.ufrag());
                reported.entry((peer, key(&parsed))).or_default().extend(ufrag.map(str::to_owned));
            }
            _ => {}
        }
    }
    let is = |of: &BTreeMap<&str, BTreeSet<String>>, peer: &str, ufrag: &str| {
        of.get(peer).is_some_and(|all| all.contains(ufrag))
    };
    let is_stale = |pair: &&Selected<'_>| {
        record.other(pair.peer).is_some_and(|other| {
            let restarted = known.get(pair.peer).is_some_and(|all| all.len() > 1);
            restarted
                && is(&last, pair.peer, &pair.local)
                && is(&known, other, &pair.remote)
                && !is(&last, other, &pair.remote)
        })
    };
    let pair = selected.values().filter(is_stale).min_by_key(|pair| pair.t_us)?;
    let Selected { peer, local, remote, .. } = pair;
    Some(Cause {
        t_us: pair.t_us,
        layer: Layer::Nomination,
        side: (*peer).to_owned(),
        sentence: format!(
            "{peer} should select a pair of the ICE restart, but that of its candidate with the new username fragment {local} has a remote candidate with {remote}, of before the restart (RFC 8445 §9)"
        ),
        evidence: vec![Place::Entry(pair.n)],
    })
}
