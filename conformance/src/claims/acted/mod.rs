//! What a peer that negotiates by itself (`join`) reports of its operations, against what the signalling server carried and against its
//! own events.

mod replayed;
mod signalled;
#[cfg(test)]
mod tests;

use super::answers::bound;
use super::observed::{PATIENCE_US, against, lacks};
use super::{Contradiction, Session};
use crate::case_file::CasePeer;
use crate::explain::counted;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::{Description, PeerEvent};
use peerproof_captures::timeline::{Entry, What};
use serde::Deserialize;
use signalled::Owners;

const OPERATION: (&str, Layer) = ("event/acted.operation", Layer::Signalling);
const DESCRIPTION: (&str, Layer) = ("event/acted.description", Layer::Sdp);
const ERROR: (&str, Layer) = ("event/acted.error", Layer::Signalling);
const JOIN: (&str, Layer) = ("answer/join", Layer::Signalling);

/// An operation that a peer reported.
#[derive(Clone, Copy)]
struct Act<'a> {
    entry: &'a Entry,
    operation: &'a str,
    description: Option<&'a Description>,
    error: Option<&'a str>,
}

/// A description that the signalling server carried.
struct Carried<'a> {
    entry: &'a Entry,
    from: &'a str,
    description: Description,
}

pub(super) fn check(session: &Session<'_>, found: &mut Vec<Contradiction>) {
    let owners = Owners::of(session);
    let carried: Vec<Carried<'_>> =
        session.record.timeline.iter().filter_map(|entry| carried(entry, &owners)).collect();
    for (peer, _) in session.peers() {
        let joins = session.asked(&peer.name);
        let joins: Vec<&Entry> = joins
            .iter()
            .filter(|it| it.name == "join")
            .filter(|it| it.result().is_some())
            .map(|it| it.entry)
            .collect();
        let Some(join) = joins.first() else { continue };
        let acts: Vec<Act<'_>> =
            session.events(&peer.name).filter_map(|(entry, event)| act(entry, event)).collect();
        if acts.is_empty() {
            if !peer.is_translated() && !peer.never_reports("acted", "") {
                absent(session, peer, join, found);
            }
            continue;
        }
        repeated(peer, &acts, joins.len(), found);
        failed(peer, &acts, found);
        replayed::check(session, peer, &acts, found);
        let before = found.len();
        signalled::check(session, peer, &acts, &owners, found);
        // What was not carried has nothing to differ from.
        if found.len() == before {
            described(session, peer, &acts, &carried, found);
        }
    }
}

fn act<'a>(entry: &'a Entry, event: &'a PeerEvent) -> Option<Act<'a>> {
    match event {
        PeerEvent::Acted { operation, description, error } => {
            Some(Act { entry, operation, description: description.as_ref(), error: error.as_deref() })
        }
        _ => None,
    }
}

fn carried<'a>(entry: &'a Entry, owners: &Owners<'a>) -> Option<Carried<'a>> {
    let What::Signalled { from, message } = &entry.what else { return None };
    let description = Description::deserialize(message.get("description")?).ok()?;
    Some(Carried { entry, from: owners.of_client(from)?, description })
}

/// A peer that joined a call reports that and takes part: with the other side there, a message of it comes to the server.
fn absent(session: &Session<'_>, peer: &CasePeer, join: &Entry, found: &mut Vec<Contradiction>) {
    let timeline = &session.record.timeline;
    let is_own = |entry: &Entry| matches!(&entry.what, What::Signalled { from, .. } if *from == peer.name);
    let there = |entry: &&Entry| match &entry.what {
        What::Signalled { from, .. } => *from != peer.name,
        What::Event { peer: of, event: PeerEvent::Acted { operation, error: None, .. }, .. } => {
            *of != peer.name && operation == "join"
        }
        _ => false,
    };
    let Some(other) = timeline.iter().find(there) else { return };
    let last_us = timeline.iter().map(|entry| entry.t_us).max().unwrap_or(0);
    let since_us = other.t_us.max(join.t_us);
    let limit = PATIENCE_US.saturating_add(session.stalled(since_us, last_us));
    if timeline.iter().any(is_own) || last_us <= since_us.saturating_add(limit) {
        return;
    }
    let claimed = format!("{} answers that it joined the call", peer.name);
    let seen = "it reports no operation, and the signalling server never got a message from it";
    let evidence = [Place::Entry(join.n), Place::Entry(other.n)];
    found.push(against(&peer.name, JOIN, join.t_us, claimed, seen, evidence));
}

/// A peer joins as often as it is asked to, and sets a description once.
fn repeated(peer: &CasePeer, acts: &[Act<'_>], joins: usize, found: &mut Vec<Contradiction>) {
    let claimed = |act: &Act<'_>| format!("{} reports that it did {}", peer.name, act.operation);
    let joined = acts.iter().filter(|act| act.operation == "join");
    if let Some(act) = joined.clone().nth(joins) {
        let seen = format!("it was asked to join {}", counted(joins as u64, "time"));
        let evidence = [Place::Entry(act.entry.n)];
        found.push(against(&peer.name, OPERATION, act.entry.t_us, claimed(act), seen, evidence));
        return;
    }
    for pair in acts.windows(2) {
        let [before, act] = pair else { continue };
        let is_same = act.operation == before.operation
            && act.description.is_some()
            && act.description == before.description
            && act.error.is_none()
            && before.error.is_none()
            && act.operation.starts_with("set");
        if is_same {
            let evidence = [Place::Entry(act.entry.n), Place::Entry(before.entry.n)];
            let seen = "it had reported the same before";
            found.push(against(&peer.name, OPERATION, act.entry.t_us, claimed(act), seen, evidence));
            return;
        }
    }
}

/// A peer that could not join does nothing in the call afterwards.
fn failed(peer: &CasePeer, acts: &[Act<'_>], found: &mut Vec<Contradiction>) {
    let Some((at, act)) =
        acts.iter().enumerate().find(|(_, act)| act.operation == "join" && act.error.is_some())
    else {
        return;
    };
    let later = acts.iter().skip(at + 1).find(|later| later.error.is_none());
    if let Some(later) = later.filter(|later| later.operation != "join") {
        let error = act.error.unwrap_or_default();
        let claimed = format!("{} reports that it could not join the call: {error}", peer.name);
        let seen = format!("it goes on with {}", later.operation);
        let evidence = [Place::Entry(act.entry.n), Place::Entry(later.entry.n)];
        found.push(against(&peer.name, ERROR, act.entry.t_us, claimed, seen, evidence));
    }
}

/// The descriptions that were set are those that the signalling server carried.
fn described(
    session: &Session<'_>,
    peer: &CasePeer,
    acts: &[Act<'_>],
    carried: &[Carried<'_>],
    found: &mut Vec<Contradiction>,
) {
    let Some(other) = session.record.other(&peer.name) else { return };
    let sent = carried.iter().filter(|it| it.from == peer.name).count();
    let mut set_so_far = 0;
    for act in acts.iter().filter(|act| act.error.is_none()) {
        let from = match act.operation {
            "setLocalDescription" => peer.name.as_str(),
            "setRemoteDescription" => other,
            _ => continue,
        };
        let Some(set) = act.description.filter(|it| !it.sdp.is_empty()) else { continue };
        if from == peer.name {
            set_so_far += 1;
            // What was set last may not have been sent yet.
            if set_so_far > sent {
                continue;
            }
        }
        let mut same_kind = carried.iter().filter(|it| it.from == from && it.description.kind == set.kind);
        let Some(first) = same_kind.clone().next() else { continue };
        let lines = bound(&set.sdp);
        if same_kind.any(|it| bound(&it.description.sdp) == lines) {
            continue;
        }
        let claimed = format!("{} reports {} of the {}", peer.name, act.operation, set.kind);
        // The other side set the same one: the peers agree, so the timeline lacks what was carried.
        let is_of_other = session.events(other).any(|(_, event)| match event {
            PeerEvent::Acted { operation, description: Some(made), error: None } => {
                operation == "setLocalDescription" && bound(&made.sdp) == lines
            }
            _ => false,
        });
        if from == other && is_of_other {
            let seen = "the timeline does not say that the signalling server carried that description";
            found.push(lacks(Layer::Signalling, act.entry.t_us, claimed, seen, [Place::Entry(act.entry.n)]));
            return;
        }
        let seen = format!("the {} that the signalling server carried is different", set.kind);
        let evidence = [Place::Entry(act.entry.n), Place::Entry(first.entry.n)];
        found.push(against(&peer.name, DESCRIPTION, act.entry.t_us, claimed, seen, evidence));
        return;
    }
}
