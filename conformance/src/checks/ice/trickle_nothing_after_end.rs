//! RFC 8838 §13: once the end of candidates was told, no candidate of that generation and media section follows.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::PeerEvent;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "trickle-nothing-after-end",
    layer: Layer::Signalling,
    subject: "ends of candidates",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut told: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut ended: BTreeSet<(&str, &str)> = BTreeSet::new();
    for happened in evidence.events(peer) {
        let PeerEvent::IceCandidate { candidate } = happened.event else { continue };
        let place = Place::Entry(happened.entry);
        let Some(candidate) = candidate else {
            ended.append(&mut told);
            tally.pass(place);
            continue;
        };
        let ufrag = candidate.username_fragment.as_deref().unwrap_or_default();
        let section = (ufrag, candidate.sdp_mid.as_deref().unwrap_or_default());
        if candidate.candidate.is_empty() {
            continue;
        }
        if !ufrag.is_empty() && ended.contains(&section) {
            tally.fail(
                Fault("candidate-after-end"),
                format!("a candidate of {ufrag} follows the end of its candidates"),
                [place],
            );
        }
        told.insert(section);
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, events};
    use peerproof_captures::event::PeerEvent;

    /// Tells the end of candidates before the last of them.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let end = events::find(evidence, "bob", |event| {
            matches!(event, PeerEvent::IceCandidate { candidate: None })
        });
        let last = events::find_last(evidence, "bob", |event| {
            matches!(event, PeerEvent::IceCandidate { candidate: Some(_) })
        });
        events::swap(evidence, end, last);
    });
}
