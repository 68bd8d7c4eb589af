//! RFC 8445 §5.1.3: "A candidate is redundant if and only if its transport address and base equal those of another candidate. The agent SHOULD eliminate
//! the redundant candidate with the lower priority".

use super::stated::{self, Set};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{Candidate, CandidateType};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "ice-candidates-not-redundant",
    layer: Layer::Gathering,
    subject: "candidates",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// Transport, address and port.
type Address = (String, String, u16);

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut seen: BTreeMap<(Set, String, String, u32, Address, Address), Place> = BTreeMap::new();
    for stated in stated::candidates(evidence, peer) {
        let Ok(candidate) = Candidate::parse(stated.text) else { continue };
        // Those of TCP with the same address may be active and passive.
        let transport = match candidate.tcp_type() {
            Some(kind) => format!("{}/{kind}", candidate.transport.to_ascii_lowercase()),
            None => candidate.transport.to_ascii_lowercase(),
        };
        let address = (transport.clone(), candidate.address.as_str().to_ascii_lowercase(), candidate.port);
        let base = match candidate.kind {
            CandidateType::ServerReflexive | CandidateType::PeerReflexive => {
                let related = candidate.related_address.as_ref().zip(candidate.related_port);
                let Some((ip, port)) = related.filter(|(_, port)| *port != 0) else { continue };
                (transport, ip.as_str().to_ascii_lowercase(), port)
            }
            _ => address.clone(),
        };
        let key = (stated.set, stated.ufrag.clone(), stated.mid.clone(), candidate.component, address, base);
        let text =
            || format!("two candidates have the address {} {}", candidate.address.as_str(), candidate.port);
        match seen.get(&key) {
            Some(before) => tally.warn(Fault("redundant"), text(), [stated.place, *before]),
            None => {
                seen.insert(key, stated.place);
                tally.pass(stated.place);
            }
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, events};
    use peerproof_captures::event::PeerEvent;

    /// Reports a candidate twice.
    pub(super) const CONTROL: Control = Control::new(Recording::Conflict, |evidence| {
        let at = events::find(
            evidence,
            "alice",
            |event| matches!(event, PeerEvent::IceCandidate { candidate: Some(it) } if it.candidate.contains("typ host")),
        );
        let again = events::event(evidence, at).clone();
        events::insert_after(evidence, at, again);
    });
}
