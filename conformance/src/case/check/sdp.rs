//! Descriptions, candidates and the pair in use.

use super::{Checked, Mismatch, words};
use crate::case::view::{At, PeerView, candidate_address, candidate_type};
use crate::expect::{CandidateErrorMatch, CandidatesMatch, Lines, PairMatch, PeerExpectations};
use crate::verdict::Layer;
use peerproof_captures::event::SdpType;
use peerproof_captures::sdp::Candidate;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

pub(super) fn check(
    name: &str,
    expected: &PeerExpectations,
    view: &PeerView,
    report: Option<&Value>,
    checked: &mut Checked,
) {
    if let Some(sdp) = &expected.sdp {
        for (kind, lines) in
            [(SdpType::Offer, &sdp.offer), (SdpType::Answer, &sdp.answer), (SdpType::Pranswer, &sdp.pranswer)]
        {
            if let Some(lines) = lines {
                checked.add(description(name, kind, lines, view));
            }
        }
    }
    if let Some(wanted) = &expected.candidates {
        checked.add(candidates(name, wanted, view));
    }
    for wanted in &expected.candidate_errors {
        checked.add(candidate_error(name, wanted, view));
    }
    if let Some(wanted) = &expected.pair {
        checked.add(pair(name, wanted, view, report));
    }
}

fn description(name: &str, kind: SdpType, wanted: &Lines, view: &PeerView) -> Option<Mismatch> {
    let Some(At { n, is, .. }) = view.last_local(kind) else {
        let text = format!("{name} should make an {kind}");
        return Some(Mismatch::new(Layer::Sdp, name, text, "it made none"));
    };
    let has = |piece: &str| is.sdp.lines().map(str::trim_end).find(|line| line.contains(piece));
    if let Some(missing) = wanted.contains.iter().find(|piece| has(piece).is_none()) {
        let text = format!("{name}'s {kind} should contain {missing:?}");
        return Some(Mismatch::new(Layer::Sdp, name, text, "no line does").at(Some(*n)));
    }
    let (piece, line) = wanted.lacks.iter().find_map(|piece| Some((piece, has(piece)?)))?;
    let text = format!("{name}'s {kind} should not contain {piece:?}");
    Some(Mismatch::new(Layer::Sdp, name, text, format!("it says {line:?}")).at(Some(*n)))
}

fn candidates(name: &str, wanted: &CandidatesMatch, view: &PeerView) -> Option<Mismatch> {
    let own = view.own_candidates();
    let types: BTreeSet<&str> = own.iter().filter_map(|at| candidate_type(&at.is)).collect();
    let differs = |text: String, is: String| {
        Some(Mismatch::new(Layer::Gathering, name, text, is).at(own.last().map(|at| at.n)))
    };
    let has = || format!("it gathered {}", words(&types));
    // That a peer has no candidates says nothing unless it gathers.
    let absent = wanted.types.as_ref().is_some_and(Vec::is_empty)
        || !wanted.lacks.is_empty()
        || wanted.end == Some(false);
    if absent
        && own.is_empty()
        && view.gathering.is_empty()
        && view.candidates.is_empty()
        && view.local.is_empty()
    {
        let text = format!("{name} should lack certain candidates");
        return differs(text, "it never gathered".to_owned()).map(Mismatch::undecided);
    }
    if let Some(exactly) = &wanted.types {
        let exactly: BTreeSet<&str> = exactly.iter().map(String::as_str).collect();
        if exactly != types {
            return differs(format!("{name} should gather {}", words(&exactly)), has());
        }
    }
    if let Some(missing) = wanted.includes.iter().find(|kind| !types.contains(kind.as_str())) {
        return differs(format!("{name} should gather {missing}"), has());
    }
    if let Some(outlawed) = wanted.lacks.iter().find(|kind| types.contains(kind.as_str())) {
        return differs(format!("{name} should not gather {outlawed}"), has());
    }
    if let Some(mdns) = wanted.mdns {
        let hosts = own.iter().filter(|at| candidate_type(&at.is) == Some("host"));
        let hidden =
            |at: &At<String>| candidate_address(&at.is).is_some_and(|address| address.ends_with(".local"));
        if let Some(other) = hosts.into_iter().find(|at| hidden(at) != mdns) {
            let text =
                format!("{name}'s host candidates should {}be .local names", if mdns { "" } else { "not " });
            return differs(text, format!("one is {:?}", other.is));
        }
    }
    if let Some(end) = wanted.end {
        let signalled =
            view.candidates.iter().any(|at| at.is.as_ref().is_none_or(|c| c.candidate.is_empty()));
        if signalled != end {
            let (text, is) = if end {
                (format!("{name} should signal the end of candidates"), "it did not")
            } else {
                (format!("{name} should not signal the end of candidates"), "it did")
            };
            return differs(text, is.to_owned());
        }
    }
    None
}

fn candidate_error(name: &str, wanted: &CandidateErrorMatch, view: &PeerView) -> Option<Mismatch> {
    let fits = |(code, url): &(u16, String)| {
        (wanted.codes.is_empty() || wanted.codes.contains(code))
            && wanted.url.as_ref().is_none_or(|piece| url.contains(piece.as_str()))
    };
    (!view.candidate_errors.iter().any(|at| fits(&at.is))).then(|| {
        let codes = words(&wanted.codes);
        let text = format!("{name} should report icecandidateerror with code {codes}");
        let seen = words(view.candidate_errors.iter().map(|at| at.is.0));
        Mismatch::new(Layer::Gathering, name, text, format!("it reported {seen}"))
            .at(view.candidate_errors.last().map(|at| at.n))
    })
}

fn pair(name: &str, wanted: &PairMatch, view: &PeerView, report: Option<&Value>) -> Option<Mismatch> {
    let Some((n, local, remote)) = selected_types(view, report) else {
        let text = format!("{name} should report its selected pair");
        let mismatch = Mismatch::new(Layer::Nomination, name, text, "neither event nor statistics do");
        return Some(match &view.no_stats {
            Some(at) if report.is_none() => mismatch.at(Some(at.n)).lacking(format!(
                "it reports its selected pair neither by selectedcandidatepairchange nor by getStats: {}",
                at.is
            )),
            _ => mismatch.undecided(),
        });
    };
    for (which, expected, kind) in [("local", &wanted.local, local), ("remote", &wanted.remote, remote)] {
        if let Some(expected) = expected
            && !expected.0.iter().any(|expected| expected.to_string() == kind)
        {
            let text = format!("the {which} candidate in use at {name} should be {expected}");
            return Some(Mismatch::new(Layer::Nomination, name, text, format!("it is {kind}")).at(n));
        }
    }
    let expected = wanted.transport.as_ref()?;
    let text = format!("the transport in use at {name} should be {expected}");
    match selected_transport(view, report) {
        Some(transport) if expected.0.iter().any(|expected| expected.to_string() == transport) => None,
        Some(transport) => {
            Some(Mismatch::new(Layer::Nomination, name, text, format!("it is {transport}")).at(n))
        }
        None => Some(
            Mismatch::new(Layer::Nomination, name, text, "neither an event nor the statistics report it")
                .undecided(),
        ),
    }
}

/// Types of the local and the remote candidate of the pair in use, with the event that reports it.
pub(super) fn selected_types(
    view: &PeerView,
    report: Option<&Value>,
) -> Option<(Option<u64>, String, String)> {
    // Not every peer has the event (Firefox has not): then its statistics have it.
    let by_event = view.pairs.last().map(|at| {
        let kind = |candidate: &str| candidate_type(candidate).unwrap_or("unknown").to_owned();
        (Some(at.n), kind(&at.is.0), kind(&at.is.1))
    });
    by_event.or_else(|| pair_in_stats(report))
}

/// Transport of the local candidate of the pair in use, in lower case.
fn selected_transport(view: &PeerView, report: Option<&Value>) -> Option<String> {
    let by_event = view.pairs.last().and_then(|at| Some(Candidate::parse(&at.is.0).ok()?.transport));
    let from_stats = || {
        let report = report?.as_object()?;
        let local = text(used_pair(report)?, "localCandidateId")?;
        text(report.get(&local)?, "protocol")
    };
    by_event.or_else(from_stats).map(|transport| transport.to_ascii_lowercase())
}

/// Types of the candidates of the pair that the transport uses.
fn pair_in_stats(report: Option<&Value>) -> Option<(Option<u64>, String, String)> {
    let report = report?.as_object()?;
    let used = used_pair(report)?;
    let kind = |by: &str| text(report.get(&text(used, by)?)?, "candidateType");
    Some((None, kind("localCandidateId")?, kind("remoteCandidateId")?))
}

fn text(dictionary: &Value, member: &str) -> Option<String> {
    Some(dictionary.get(member)?.as_str()?.to_owned())
}

/// The pair that the transport uses, or one that is nominated and has succeeded.
fn used_pair(report: &Map<String, Value>) -> Option<&Value> {
    report.values().find_map(|dictionary| report.get(&text(dictionary, "selectedCandidatePairId")?)).or_else(
        || {
            report.values().find(|dictionary| {
                text(dictionary, "type").as_deref() == Some("candidate-pair")
                    && text(dictionary, "state").as_deref() == Some("succeeded")
                    && dictionary.get("nominated") == Some(&Value::Bool(true))
            })
        },
    )
}
