//! The candidates that a peer reported, in events and in descriptions.

use crate::checks::Place;
use crate::checks::sdp::look;
use crate::evidence::{Evidence, Peer};
use peerproof_captures::event::PeerEvent;
use std::collections::BTreeMap;

/// What a candidate belongs together with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Set {
    /// Those of events until their end is reported, by how many ends were reported before: what is gathered later is for another
    /// transport, under the same username fragment too.
    Gathering(usize),
    /// Those of the description in that entry.
    Description(u64),
}

/// A candidate as it was signalled.
pub(super) struct Told<'a> {
    /// Its text, with or without `candidate:` before it.
    pub text: &'a str,
    /// Where it was reported.
    pub place: Place,
    /// Which others there are beside it.
    pub set: Set,
    /// The username fragment that it belongs to, if that is known.
    pub ufrag: String,
    /// The tag of its media section, if that is known.
    pub mid: String,
    /// Whether that section is one of RTP; `None` if it is not known.
    pub is_rtp: Option<bool>,
}

/// All of them: those of events first. Ends of candidates are none.
pub(super) fn candidates(evidence: &Evidence, peer: Peer) -> Vec<Told<'_>> {
    let mut kinds: BTreeMap<String, bool> = BTreeMap::new();
    for made in evidence.made_by(peer) {
        for section in made.sdp.media() {
            kinds.extend(section.mid().map(|mid| (mid, look::is_rtp(&section))));
        }
    }
    let (mut all, mut ends) = (Vec::new(), 0);
    for happened in evidence.events(peer) {
        let PeerEvent::IceCandidate { candidate } = happened.event else { continue };
        let Some(told) = candidate else {
            ends += 1;
            continue;
        };
        if told.candidate.is_empty() {
            continue;
        }
        let mid = told.sdp_mid.clone().unwrap_or_default();
        all.push(Told {
            text: &told.candidate,
            place: Place::Entry(happened.entry),
            set: Set::Gathering(ends),
            ufrag: told.username_fragment.clone().unwrap_or_default(),
            is_rtp: kinds.get(&mid).copied(),
            mid,
        });
    }
    for made in evidence.made_by(peer) {
        for (index, section) in made.sdp.media().enumerate() {
            let ufrag = made.sdp.effective_value(index, "ice-ufrag").unwrap_or_default();
            for line in section.named("candidate") {
                all.push(Told {
                    text: line.value.unwrap_or_default(),
                    place: look::line(made, line.line),
                    set: Set::Description(made.entry),
                    ufrag: ufrag.to_owned(),
                    mid: section.mid().unwrap_or_default(),
                    is_rtp: Some(look::is_rtp(&section)),
                });
            }
        }
    }
    all
}
