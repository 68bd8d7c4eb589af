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
pub(super) struct Stated<'a> {
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

/// The kind of a section at an entry. What is gathered for a description may be reported before that is: where the one before and the one
/// behind differ, it is not known.
fn kind_at(kinds: &BTreeMap<u64, bool>, entry: u64) -> Option<bool> {
    let before = kinds.range(..=entry).next_back().map(|(_, is_rtp)| *is_rtp);
    let behind = kinds.range(entry..).next().map(|(_, is_rtp)| *is_rtp);
    let is_known = before.is_none() || behind.is_none() || before == behind;
    before.or(behind).filter(|_| is_known)
}

/// All of them: those of events first. Ends of candidates are none.
pub(super) fn candidates(evidence: &Evidence, peer: Peer) -> Vec<Stated<'_>> {
    // Whether the section of a tag is one of RTP in each description, by its entry: a tag that was rolled back may come again.
    let mut kinds: BTreeMap<String, BTreeMap<u64, bool>> = BTreeMap::new();
    for made in evidence.made_by(peer) {
        for section in made.sdp.media() {
            let Some(mid) = section.mid() else { continue };
            kinds.entry(mid).or_default().insert(made.entry, look::is_rtp(&section));
        }
    }
    let (mut all, mut ends) = (Vec::new(), 0);
    for happened in evidence.events(peer) {
        let PeerEvent::IceCandidate { candidate } = happened.event else { continue };
        let Some(stated) = candidate else {
            ends += 1;
            continue;
        };
        if stated.candidate.is_empty() {
            continue;
        }
        let mid = stated.sdp_mid.clone().unwrap_or_default();
        all.push(Stated {
            text: &stated.candidate,
            place: Place::Entry(happened.entry),
            set: Set::Gathering(ends),
            ufrag: stated.username_fragment.clone().unwrap_or_default(),
            is_rtp: kinds.get(&mid).and_then(|kinds| kind_at(kinds, happened.entry)),
            mid,
        });
    }
    for made in evidence.made_by(peer) {
        for (index, section) in made.sdp.media().enumerate() {
            let ufrag = made.sdp.effective_value(index, "ice-ufrag").unwrap_or_default();
            for line in section.named("candidate") {
                all.push(Stated {
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

#[cfg(test)]
mod tests {
    use super::kind_at;
    use std::collections::BTreeMap;

    #[test]
    fn a_tag_may_be_that_of_another_section_later() {
        let kinds = BTreeMap::from([(10, true), (20, false), (30, false)]);
        assert_eq!(kind_at(&kinds, 5), Some(true));
        assert_eq!(kind_at(&kinds, 15), None, "the description of the candidate may be either");
        assert_eq!([20, 25, 40].map(|entry| kind_at(&kinds, entry)), [Some(false); 3]);
        assert_eq!(kind_at(&BTreeMap::new(), 5), None);
    }
}
