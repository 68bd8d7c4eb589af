//! RFC 8838 §13: after the end of candidates no candidate of that generation and media section follows.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::sdp::Candidate;
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
    let mut stated: BTreeSet<(String, String)> = BTreeSet::new();
    let mut ended: BTreeSet<(String, String)> = BTreeSet::new();
    // Those that a description lists. Their events may come after its end of candidates.
    let mut listed: BTreeSet<String> = BTreeSet::new();
    let mut described = evidence.made_by(peer).peekable();
    for happened in evidence.events(peer) {
        let PeerEvent::IceCandidate { candidate } = happened.event else { continue };
        while let Some(made) = described.next_if(|made| made.entry < happened.entry) {
            for section in ends(made) {
                ended.insert(section);
                tally.pass(Place::Entry(made.entry));
            }
            let all = made.sdp.media().flat_map(|section| section.candidates());
            listed.extend(all.map(|candidate| candidate_key(&candidate)));
        }
        let place = Place::Entry(happened.entry);
        let Some(candidate) = candidate else {
            ended.append(&mut stated);
            tally.pass(place);
            continue;
        };
        let ufrag = candidate.username_fragment.clone().unwrap_or_default();
        let section = (ufrag.clone(), candidate.sdp_mid.clone().unwrap_or_default());
        if candidate.candidate.is_empty() {
            // The end for one media section.
            ended.insert(section);
            tally.pass(place);
            continue;
        }
        let is_listed =
            Candidate::parse(&candidate.candidate).is_ok_and(|it| listed.contains(&candidate_key(&it)));
        if !ufrag.is_empty() && ended.contains(&section) && !is_listed {
            tally.fail(
                Fault("candidate-after-end"),
                format!("a candidate of {ufrag} follows the end of its candidates"),
                [place],
            );
        }
        stated.insert(section);
    }
}

/// What makes a candidate the same one.
fn candidate_key(candidate: &Candidate) -> String {
    let Candidate { component, transport, address, port, kind, .. } = candidate;
    format!("{component} {} {address} {port} {kind}", transport.to_ascii_lowercase())
}

/// The media sections, with their username fragments, whose candidates end with a description: by `a=end-of-candidates` (RFC 8840 §4.4).
fn ends(made: &Description) -> Vec<(String, String)> {
    let of_all = made.sdp.session().has("end-of-candidates");
    let sections = made.sdp.media().enumerate().filter(|(_, it)| of_all || it.has("end-of-candidates"));
    let named = sections.filter_map(|(at, section)| {
        Some((made.sdp.effective_value(at, "ice-ufrag")?.to_owned(), section.mid()?))
    });
    named.collect()
}

#[cfg(test)]
mod control {
    use crate::checks::Status;
    use crate::checks::controls::{Control, Recording, events};
    use crate::evidence::{Evidence, Peer};
    use peerproof_captures::event::{IceCandidate, PeerEvent};
    use peerproof_captures::sdp::SessionDescription;

    /// Reports the end of candidates before the last of them.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let end = events::find(evidence, "bob", |event| {
            matches!(event, PeerEvent::IceCandidate { candidate: None })
        });
        let last = events::find_last(evidence, "bob", |event| {
            matches!(event, PeerEvent::IceCandidate { candidate: Some(_) })
        });
        events::swap(evidence, end, last);
    });

    /// What says that the candidates of the section end that Bob's last candidate is of, before that comes.
    fn end_before_last(evidence: &mut Evidence, end: impl Fn(&mut Evidence, usize, &IceCandidate)) {
        let last = events::find_last(evidence, "bob", |event| {
            matches!(event, PeerEvent::IceCandidate { candidate: Some(_) })
        });
        let PeerEvent::IceCandidate { candidate: Some(stated) } = events::event(evidence, last).clone()
        else {
            unreachable!()
        };
        end(evidence, last, &stated);
    }

    #[test]
    fn a_section_has_an_end_of_its_own() {
        let check = super::CHECK;
        let results = |evidence: &Evidence| -> Vec<Status> {
            check.run(evidence).into_iter().map(|finding| finding.result).collect()
        };
        let whole = Recording::Descriptions.evidence();
        assert_eq!(results(&whole), [Status::Pass; 2]);
        let mut by_event = whole.clone();
        end_before_last(&mut by_event, |evidence, last, stated| {
            let candidate = IceCandidate { candidate: String::new(), ..stated.clone() };
            events::insert_after(evidence, last - 1, PeerEvent::IceCandidate { candidate: Some(candidate) });
        });
        assert_eq!(results(&by_event), [Status::Pass, Status::Fail]);
        let mut of_another = whole.clone();
        end_before_last(&mut of_another, |evidence, last, stated| {
            let candidate =
                IceCandidate { candidate: String::new(), sdp_mid: Some("none".into()), ..stated.clone() };
            events::insert_after(evidence, last - 1, PeerEvent::IceCandidate { candidate: Some(candidate) });
        });
        assert_eq!(results(&of_another), [Status::Pass; 2]);
        let mut by_line = whole;
        end_before_last(&mut by_line, |evidence, last, _| {
            let entry = evidence.timeline[last].n;
            let made =
                evidence.descriptions.iter_mut().rfind(|it| it.by == Peer(1) && it.entry < entry).unwrap();
            let text = made.sdp.as_str().replace("a=mid:", "a=end-of-candidates\r\na=mid:");
            made.sdp = SessionDescription::parse(text);
        });
        assert_eq!(results(&by_line), [Status::Pass, Status::Fail]);
        // The candidate is listed in the description that ends them.
        let mut listed = by_line.clone();
        let events = listed.events(Peer(1));
        let stated: String = events
            .iter()
            .filter_map(|happened| match happened.event {
                PeerEvent::IceCandidate { candidate: Some(stated) } => {
                    Some(format!("a={}\r\n", stated.candidate))
                }
                _ => None,
            })
            .collect();
        for made in listed.descriptions.iter_mut().filter(|it| it.by == Peer(1)) {
            let text = made.sdp.as_str().replace("a=mid:", &format!("{stated}a=mid:"));
            made.sdp = SessionDescription::parse(text);
        }
        assert_eq!(results(&listed), [Status::Pass, Status::Pass]);
    }
}
