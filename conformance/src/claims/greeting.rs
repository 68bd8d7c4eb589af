//! The greeting: what a peer said of itself before the first step, against what it did afterwards.

use super::{Claim, Contradiction, Fault, Session};
use crate::verdict::{Layer, Place};
use peerproof_captures::event::PeerEvent;

pub(super) const CLAIMS: &[Claim] = &[
    Claim::checked(
        "hello/unreported",
        Layer::Signalling,
        "its events: none is one that it says it never reports",
    ),
    Claim::checked(
        "hello/features",
        Layer::Signalling,
        "the steps and expectations of the scenarios that require them, and `adapter check`",
    ),
    Claim::checked(
        "hello/version",
        Layer::Signalling,
        "the version that the command line or the configuration asks for",
    ),
];

pub(super) fn check(session: &Session<'_>, found: &mut Vec<Contradiction>) {
    for (peer, _) in session.peers().filter(|(peer, _)| !peer.unreported.is_empty()) {
        let broken = session.events(&peer.name).find_map(|(entry, event)| Some((entry, said(peer, event)?)));
        if let Some((entry, said)) = broken {
            found.push(Contradiction {
                claim: "hello/unreported",
                layer: Layer::Signalling,
                fault: Fault::Peer(peer.name.clone()),
                t_us: entry.t_us,
                claimed: format!("{} says that it never reports {said}", peer.name),
                seen: "it reports it".to_owned(),
                evidence: vec![Place::Entry(entry.n)],
            });
        }
    }
}

/// The properties of a channel that an API may not have at the side that did not open it.
const OPTIONAL: [&str; 3] = ["ordered", "maxRetransmits", "maxPacketLifeTime"];

/// What the peer said never to report, if this event reports it.
fn said(peer: &crate::case_file::CasePeer, event: &PeerEvent) -> Option<String> {
    let value = serde_json::to_value(event).ok()?;
    let name = value.get("event")?.as_str()?;
    if peer.unreported.iter().any(|one| one == name) {
        return Some(name.to_owned());
    }
    let data = value.get("data")?;
    // A state, or a property of a channel that the other side opened.
    let state = data.get("state").and_then(|state| state.as_str());
    let given = |property: &str| {
        OPTIONAL.contains(&property)
            && data.get("channel").and_then(|channel| channel.get(property)).is_some()
    };
    let specific = peer.unreported.iter().find(|one| {
        one.split_once(':').is_some_and(|(of, only)| {
            of == name && (Some(only) == state || (name == "datachannel" && given(only)))
        })
    });
    specific.cloned()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{contradicted, found};
    use crate::checks::controls::Recording;
    use crate::verdict::Layer;

    #[test]
    fn who_reports_what_it_says_never_to_report_contradicts_itself() {
        let with = |unreported: &str| {
            let mut record = Recording::Data.record();
            record.file.peers[1].unreported.push(unreported.to_owned());
            (record.file.peers[1].name.clone(), found(&record, super::check))
        };
        for said in ["dtlsstatechange", "dtlsstatechange:connected"] {
            let (name, found) = with(said);
            contradicted(&found, "hello/unreported", Layer::Signalling, &name);
        }
        for said in ["dtlsstatechange:failed", "icecandidateerror"] {
            assert!(with(said).1.is_empty(), "{said}");
        }
    }
}
