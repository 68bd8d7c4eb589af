//! Edits of a timeline's events.

use crate::evidence::Evidence;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::{Entry, What};

/// Index of the first event of a peer that is wanted.
pub(in crate::checks) fn find(evidence: &Evidence, name: &str, wanted: impl Fn(&PeerEvent) -> bool) -> usize {
    evidence.timeline.iter().position(|entry| is(entry, name, &wanted)).unwrap()
}

/// Index of the last one.
pub(in crate::checks) fn find_last(
    evidence: &Evidence,
    name: &str,
    wanted: impl Fn(&PeerEvent) -> bool,
) -> usize {
    evidence.timeline.iter().rposition(|entry| is(entry, name, &wanted)).unwrap()
}

fn is(entry: &Entry, name: &str, wanted: &impl Fn(&PeerEvent) -> bool) -> bool {
    matches!(&entry.what, What::Event { peer, event, .. } if peer == name && wanted(event))
}

/// The event at an index.
pub(in crate::checks) fn event(evidence: &mut Evidence, at: usize) -> &mut PeerEvent {
    match &mut evidence.timeline[at].what {
        What::Event { event, .. } => event,
        other => panic!("{other:?} is no event"),
    }
}

/// Swaps two events; each takes the other's place and number.
pub(in crate::checks) fn swap(evidence: &mut Evidence, one: usize, other: usize) {
    let first = event(evidence, one).clone();
    let second = std::mem::replace(event(evidence, other), first);
    *event(evidence, one) = second;
}

/// Inserts an event of the same peer behind another.
pub(in crate::checks) fn insert_after(evidence: &mut Evidence, at: usize, new: PeerEvent) {
    let mut entry = evidence.timeline[at].clone();
    if let What::Event { event, .. } = &mut entry.what {
        *event = new;
    }
    evidence.timeline.insert(at + 1, entry);
}

/// Edits every event of a peer.
pub(in crate::checks) fn edit_each(evidence: &mut Evidence, name: &str, edit: impl Fn(&mut PeerEvent)) {
    for entry in &mut evidence.timeline {
        if let What::Event { peer, event, .. } = &mut entry.what
            && peer == name
        {
            edit(event);
        }
    }
}
