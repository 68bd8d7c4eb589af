//! RFC 8445 §5.1.1.3: "Two candidates have the same foundation when all of the following are true: They have the same type. Their bases have the same IP
//! address. … They were obtained using the same transport protocol", and different ones otherwise.

use super::stated::{self, Set};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{Candidate, CandidateType};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "ice-candidate-foundations",
    layer: Layer::Gathering,
    subject: "candidates",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// What a foundation stands for: type, transport, and the address of the base, where that is reported.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Origin {
    kind: String,
    transport: String,
    base: Option<String>,
}

impl Origin {
    fn of(candidate: &Candidate) -> Self {
        let base = match candidate.kind {
            CandidateType::Host => Some(&candidate.address),
            CandidateType::ServerReflexive | CandidateType::PeerReflexive => {
                candidate.related_address.as_ref()
            }
            // The related address of a relay is not its base; its base is itself, and by another server each.
            _ => None,
        };
        // A base that is not to be known is written as an address that nothing has (RFC 8839 §5.1).
        let hidden = |text: &str| text == "0.0.0.0" || text == "::";
        let base = base.map(|it| it.as_str().to_ascii_lowercase()).filter(|it| !hidden(it));
        Self { kind: candidate.kind.to_string(), transport: candidate.transport.to_ascii_lowercase(), base }
    }

    fn contradicts(&self, other: &Self) -> bool {
        let bases = self.base.as_ref().zip(other.base.as_ref());
        self.kind != other.kind
            || self.transport != other.transport
            || bases.is_some_and(|(one, other)| one != other)
    }
}

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut origins: BTreeMap<(Set, String, String), Origin> = BTreeMap::new();
    let mut foundations: BTreeMap<(Set, String, Origin), (String, Place)> = BTreeMap::new();
    for stated in stated::candidates(evidence, peer) {
        let Ok(candidate) = Candidate::parse(stated.text) else { continue };
        let origin = Origin::of(&candidate);
        let foundation = candidate.foundation.clone();
        let key = (stated.set, stated.ufrag.clone(), foundation.clone());
        let first = origins.entry(key).or_insert_with(|| origin.clone());
        if first.contradicts(&origin) {
            let name = |it: &Origin| {
                let base = it.base.as_deref().unwrap_or("?");
                format!("{}/{}/{base}", it.kind, it.transport)
            };
            let text =
                format!("the foundation {foundation} is that of {} and of {}", name(first), name(&origin));
            tally.fail(Fault("shared"), text, [stated.place]);
            continue;
        }
        // Only of host candidates over UDP all is known that decides.
        let is_known = candidate.kind == CandidateType::Host && candidate.is_udp() && origin.base.is_some();
        if !is_known {
            tally.pass(stated.place);
            continue;
        }
        let key = (stated.set, stated.ufrag.clone(), origin.clone());
        let (before, there) = foundations.entry(key).or_insert((foundation.clone(), stated.place));
        if *before == foundation {
            tally.pass(stated.place);
        } else {
            let base = origin.base.unwrap_or_default();
            let text = format!("host candidates of {base} have the foundations {before} and {foundation}");
            tally.fail(Fault("differs"), text, [stated.place, *there]);
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};
    use crate::evidence::Evidence;
    use peerproof_captures::event::PeerEvent;

    /// Has Alice report her first host candidate once more, with another port and something else in it.
    fn again(evidence: &mut Evidence, place: usize, word: &str) {
        let at = events::find(
            evidence,
            "alice",
            |event| matches!(event, PeerEvent::IceCandidate { candidate: Some(it) } if it.candidate.contains("typ host")),
        );
        let PeerEvent::IceCandidate { candidate: Some(mut stated) } = events::event(evidence, at).clone()
        else {
            unreachable!()
        };
        let mut words: Vec<String> = stated.candidate.split(' ').map(str::to_owned).collect();
        words[3] = "2122000001".to_owned();
        words[5] = "9999".to_owned();
        words[place] = word.to_owned();
        stated.candidate = words.join(" ");
        events::insert_after(evidence, at, PeerEvent::IceCandidate { candidate: Some(stated) });
    }

    /// Gives a second host candidate the foundation of the first, with another address.
    pub(super) const CONTROL: Control =
        Control::new(Recording::Conflict, |evidence| again(evidence, 4, "192.168.7.7")).and(&[
            Mutation::new(Recording::Conflict, "have the foundations", |evidence| {
                again(evidence, 0, "candidate:4711");
            }),
        ]);
}
