//! The descriptions of a page, with what their sections mean.

use super::super::events::Recording;
use super::{note, signed};
use peerproof_captures::sdp::SessionDescription;
use peerproof_conformance::evidence::{Description, Evidence};
use peerproof_conformance::facts;
use peerproof_reports::session::{Described, DescribedSection};

/// Most descriptions of a page.
const MOST: usize = 200;

/// Those that the timeline of a recording has.
pub(super) fn of_recording(recording: &Recording, left_out: &mut Vec<String>) -> Vec<Described> {
    let peers: Vec<String> = recording.case().peers.iter().map(|peer| peer.name.clone()).collect();
    let evidence = Evidence::new(peers, recording.timeline().to_vec(), None);
    let exchanges = evidence.exchanges();
    // Whom an answer answers, by the place of the offer.
    let answers = |it: &Description| {
        let exchange = exchanges.iter().find(|exchange| std::ptr::eq(exchange.answer, it))?;
        evidence.descriptions.iter().position(|offer| std::ptr::eq(exchange.offer, offer))
    };
    let of = |it: &Description| Described {
        by: evidence.name(it.by).to_owned(),
        kind: it.kind.to_string(),
        t_us: Some(signed(it.t_us)),
        entry: it.entry,
        answers: answers(it),
        munged: it.munged,
        text: it.sdp.as_str().to_owned(),
        delivered: it.delivered.as_ref().map(|sdp| sdp.as_str().to_owned()),
        sections: sections(&it.sdp),
    };
    note(left_out, evidence.descriptions.len().saturating_sub(MOST), "last descriptions");
    evidence.descriptions.iter().take(MOST).map(of).collect()
}

/// Those that were given beside a capture. Their kinds are not known: each answers the first before it that is of another peer and has no
/// answer.
pub(super) fn given(descriptions: &[(String, SessionDescription)]) -> Vec<Described> {
    let mut pending: Vec<(usize, &str)> = Vec::new();
    let mut all = Vec::new();
    for (index, (name, sdp)) in descriptions.iter().take(MOST).enumerate() {
        let offer = pending.iter().position(|(_, by)| *by != name.as_str());
        if offer.is_none() {
            pending.push((index, name.as_str()));
        }
        all.push(Described {
            by: name.clone(),
            kind: String::new(),
            t_us: None,
            entry: index as u64,
            answers: offer.map(|at| pending.remove(at).0),
            munged: false,
            text: sdp.as_str().to_owned(),
            delivered: None,
            sections: sections(sdp),
        });
    }
    all
}

/// What the sections of a description mean, that of the session first.
pub(super) fn sections(sdp: &SessionDescription) -> Vec<DescribedSection> {
    let mut media = sdp.media().filter(|section| section.media_line().is_some_and(|line| line.value.is_ok()));
    let mut all = Vec::new();
    for (name, found) in facts::sections(sdp) {
        let mut facts: Vec<(String, Vec<String>)> = Vec::new();
        let (mut mid, mut candidates) = (None, Vec::new());
        let section = if name.is_empty() {
            let groups = sdp.groups().into_iter();
            facts.push(("bundle".to_owned(), groups.flat_map(|group| group.tags).collect()));
            Some(sdp.session())
        } else {
            let section = media.next();
            if let Some(section) = &section {
                mid = section.mid();
                let state = if section.is_rejected() { "rejected" } else { "accepted" };
                facts.push(("state".to_owned(), vec![state.to_owned()]));
                facts.push(("direction".to_owned(), vec![section.direction().to_string()]));
            }
            section
        };
        if let Some(section) = &section {
            let lines = section.named("candidate").filter_map(|line| line.value);
            candidates = lines.map(str::to_owned).collect();
            for name in ["ice-ufrag", "fingerprint"] {
                let values: Vec<String> =
                    section.named(name).filter_map(|it| it.value.map(str::to_owned)).collect();
                if !values.is_empty() {
                    facts.push((name.to_owned(), values));
                }
            }
        }
        facts.extend(
            found.into_iter().map(|(name, fact)| (name, fact.values)).filter(|(_, it)| !it.is_empty()),
        );
        all.push(DescribedSection { media: name, mid, facts, candidates });
    }
    all
}
