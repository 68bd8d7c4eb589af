//! What the signalling server carried for a peer that negotiates by itself, against what the peer reports: it sends each description that it
//! sets, and each of its candidates, in order.

use super::super::candidates::EVENT;
use super::super::observed::{against, lacks};
use super::super::{Contradiction, Session};
use super::{Act, OPERATION};
use crate::case_file::CasePeer;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::{Description, PeerEvent, SdpType};
use peerproof_captures::timeline::{Entry, What};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The peers by their names at the signalling server. A page is named by the server; the candidates and descriptions that it sends are
/// those that it reports.
pub(super) struct Owners<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Owners<'a> {
    pub(super) fn of(session: &Session<'a>) -> Self {
        let mut reported: BTreeMap<&str, Option<&str>> = BTreeMap::new();
        for (peer, _) in session.peers() {
            for (_, event) in session.events(&peer.name) {
                let text = match event {
                    PeerEvent::IceCandidate { candidate: Some(candidate) } => &candidate.candidate,
                    PeerEvent::Acted { operation, description: Some(description), error: None }
                        if operation == "setLocalDescription" =>
                    {
                        &description.sdp
                    }
                    _ => continue,
                };
                let of = reported.entry(text).or_insert(Some(&peer.name));
                *of = of.filter(|it| *it == peer.name);
            }
        }
        let mut owners: BTreeMap<&str, &str> =
            session.peers().map(|(peer, _)| (peer.name.as_str(), peer.name.as_str())).collect();
        for entry in &session.record.timeline {
            let What::Signalled { from, message } = &entry.what else { continue };
            let text = |of: &str, text: &str| message.get(of).and_then(|it| it.get(text)?.as_str());
            let text = text("candidate", "candidate").or_else(|| text("description", "sdp"));
            if let Some(Some(owner)) = text.and_then(|it| reported.get(it)) {
                owners.entry(from).or_insert(owner);
            }
        }
        Self(owners)
    }

    pub(super) fn of_client(&self, client: &str) -> Option<&'a str> {
        self.0.get(client).copied()
    }
}

/// How what was sent differs from what was reported.
enum Differs<'a> {
    /// The peer reports this, and it was not sent before what it reports later.
    NotSent(&'a Entry),
    /// This was sent, and the peer does not report it.
    NotReported(&'a Entry),
}

/// The first difference. What is reported last may not have been sent yet.
fn difference<'a, T: PartialEq>(
    reported: &[(&'a Entry, T)],
    sent: &[(&'a Entry, T)],
    is_heard: impl Fn(&Entry) -> bool,
) -> Option<Differs<'a>> {
    let at = sent.iter().zip(reported).position(|((_, sent), (_, reported))| sent != reported);
    let at = at.unwrap_or_else(|| sent.len().min(reported.len()));
    let (entry, value) = sent.get(at)?;
    let rest = reported.get(at..).unwrap_or_default();
    match rest.first() {
        Some((lost, _)) if rest.iter().any(|(_, it)| it == value) => Some(Differs::NotSent(lost)),
        Some(_) => Some(Differs::NotReported(entry)),
        None => is_heard(entry).then_some(Differs::NotReported(entry)),
    }
}

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    acts: &[Act<'_>],
    owners: &Owners<'_>,
    found: &mut Vec<Contradiction>,
) {
    if !session.reports_all(peer)
        || peer.never_reports("acted", "")
        || !session.has_one_connection(&peer.name)
    {
        return;
    }
    let messages: Vec<(&Entry, &Value)> = session
        .record
        .timeline
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Signalled { from, message } if owners.of_client(from) == Some(&peer.name) => {
                Some((entry, message))
            }
            _ => None,
        })
        .collect();
    let is_heard = |entry: &Entry| session.answered_since(&peer.name, entry.n);
    descriptions(peer, acts, &messages, is_heard, found);
    if !peer.never_reports("icecandidate", "") {
        candidates(session, peer, &messages, is_heard, found);
    }
}

fn descriptions(
    peer: &CasePeer,
    acts: &[Act<'_>],
    messages: &[(&Entry, &Value)],
    is_heard: impl Fn(&Entry) -> bool,
    found: &mut Vec<Contradiction>,
) {
    let set = acts.iter().filter(|act| act.operation == "setLocalDescription" && act.error.is_none());
    let set = set.filter_map(|act| Some((act.entry, act.description?.kind)));
    let set: Vec<(&Entry, SdpType)> = set.filter(|(_, kind)| *kind != SdpType::Rollback).collect();
    let sent = messages.iter().filter_map(|(entry, message)| {
        Some((*entry, Description::deserialize(message.get("description")?).ok()?.kind))
    });
    let sent: Vec<(&Entry, SdpType)> = sent.collect();
    match difference(&set, &sent, is_heard) {
        Some(Differs::NotSent(act)) => {
            let claimed = format!("{} reports that it did setLocalDescription", peer.name);
            let seen = "the timeline does not say that the signalling server carried that description";
            found.push(lacks(Layer::Signalling, act.t_us, claimed, seen, [Place::Entry(act.n)]));
        }
        Some(Differs::NotReported(entry)) => {
            let claimed = format!("{} sent a description to the signalling server", peer.name);
            let seen = "it does not report that it did setLocalDescription of that one";
            let evidence = [Place::Entry(entry.n)];
            found.push(against(&peer.name, OPERATION, entry.t_us, claimed, seen, evidence));
        }
        None => {}
    }
}

fn candidates(
    session: &Session<'_>,
    peer: &CasePeer,
    messages: &[(&Entry, &Value)],
    is_heard: impl Fn(&Entry) -> bool,
    found: &mut Vec<Contradiction>,
) {
    let reported = session.events(&peer.name).filter_map(|(entry, event)| match event {
        PeerEvent::IceCandidate { candidate } => {
            Some((entry, candidate.as_ref().map(|it| it.candidate.as_str())))
        }
        _ => None,
    });
    let reported: Vec<(&Entry, Option<&str>)> = reported.collect();
    let sent = messages.iter().filter_map(|(entry, message)| match message.get("candidate")? {
        Value::Null => Some((*entry, None)),
        candidate => Some((*entry, Some(candidate.get("candidate")?.as_str()?))),
    });
    let sent: Vec<(&Entry, Option<&str>)> = sent.collect();
    match difference(&reported, &sent, is_heard) {
        Some(Differs::NotSent(event)) => {
            let claimed = format!("{} reports a candidate, or the end of them", peer.name);
            let seen = "the timeline does not say that the signalling server carried it";
            found.push(lacks(Layer::Signalling, event.t_us, claimed, seen, [Place::Entry(event.n)]));
        }
        Some(Differs::NotReported(entry)) => {
            let claimed =
                format!("{} sent a candidate, or the end of them, to the signalling server", peer.name);
            let seen = "it does not report it";
            let evidence = [Place::Entry(entry.n)];
            found.push(against(&peer.name, EVENT, entry.t_us, claimed, seen, evidence));
        }
        None => {}
    }
}
