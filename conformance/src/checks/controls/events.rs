//! Edits of a timeline's events.

use crate::evidence::Evidence;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::{Answer, Entry, What};
use serde_json::Value;

/// Index of the first event of a peer that is wanted.
pub(in crate::checks) fn find(evidence: &Evidence, name: &str, wanted: impl Fn(&PeerEvent) -> bool) -> usize {
    evidence.timeline.iter().position(|entry| is(entry, name, &wanted)).unwrap()
}

/// Index of the last one.
pub(in crate::checks) fn find_last(
    evidence: &Evidence,
    name: &str,
    wanted: impl Fn(&PeerEvent) -> bool,
) -> usize {
    evidence.timeline.iter().rposition(|entry| is(entry, name, &wanted)).unwrap()
}

fn is(entry: &Entry, name: &str, wanted: &impl Fn(&PeerEvent) -> bool) -> bool {
    matches!(&entry.what, What::Event { peer, event, .. } if peer == name && wanted(event))
}

/// The event at an index.
pub(in crate::checks) fn event(evidence: &mut Evidence, at: usize) -> &mut PeerEvent {
    match &mut evidence.timeline[at].what {
        What::Event { event, .. } => event,
        other => panic!("{other:?} is not an event"),
    }
}

/// Swaps two events; each takes the other's place and number.
pub(in crate::checks) fn swap(evidence: &mut Evidence, one: usize, other: usize) {
    let first = event(evidence, one).clone();
    let second = std::mem::replace(event(evidence, other), first);
    *event(evidence, one) = second;
}

/// Inserts an event of the same peer behind another.
pub(in crate::checks) fn insert_after(evidence: &mut Evidence, at: usize, new: PeerEvent) {
    let mut entry = evidence.timeline[at].clone();
    if let What::Event { event, .. } = &mut entry.what {
        *event = new;
    }
    evidence.timeline.insert(at + 1, entry);
}

/// Edits every event of a peer.
pub(in crate::checks) fn edit_each(evidence: &mut Evidence, name: &str, edit: impl Fn(&mut PeerEvent)) {
    for entry in &mut evidence.timeline {
        if let What::Event { peer, event, .. } = &mut entry.what
            && peer == name
        {
            edit(event);
        }
    }
}

/// Edits the result of a peer's first call of an operation.
pub(in crate::checks) fn edit_result(
    evidence: &mut Evidence,
    name: &str,
    operation: &str,
    edit: impl Fn(&mut Value),
) {
    let peer = evidence.peer(name).unwrap();
    let answered = evidence.calls(peer).iter().find(|call| call.name == operation).unwrap().answered;
    let entry = evidence.timeline.iter_mut().find(|entry| entry.n == answered).unwrap();
    match &mut entry.what {
        What::Answer { answer: Answer::Ok(value), .. } => edit(value),
        other => panic!("{other:?} is not a result"),
    }
}

/// Edits the arguments of a peer's first call of an operation.
pub(in crate::checks) fn edit_args(
    evidence: &mut Evidence,
    name: &str,
    operation: &str,
    edit: impl Fn(&mut Value),
) {
    let args = evidence.timeline.iter_mut().find_map(|entry| match &mut entry.what {
        What::Command { peer, name: called, args, .. } if peer == name && called == operation => Some(args),
        _ => None,
    });
    edit(args.unwrap());
}

/// Adds a call that was done, behind everything else.
pub(in crate::checks) fn add_call(evidence: &mut Evidence, name: &str, operation: &str, args: Value) {
    let last = evidence.timeline.last().unwrap();
    let (n, t_us, peer) = (last.n, last.t_us, name.to_owned());
    let id = u64::MAX;
    let stated = What::Command { peer: peer.clone(), id, name: operation.to_owned(), args };
    let done = What::Answer { peer, id, answer: Answer::Ok(Value::Null) };
    evidence.timeline.push(Entry { n: n + 1, t_us, what: stated });
    evidence.timeline.push(Entry { n: n + 2, t_us, what: done });
}

/// Adds a call that was rejected with an error of that name, behind everything else.
pub(in crate::checks) fn add_rejected(
    evidence: &mut Evidence,
    name: &str,
    operation: &str,
    args: Value,
    error: &str,
) {
    add_call(evidence, name, operation, args);
    reject_last(evidence, name, operation, error);
}

/// The answer to a peer's last call of an operation.
pub(in crate::checks) fn last_answer<'a>(
    evidence: &'a mut Evidence,
    name: &str,
    operation: &str,
) -> &'a mut Answer {
    let peer = evidence.peer(name).unwrap();
    let answered = evidence.calls(peer).iter().rfind(|call| call.name == operation).unwrap().answered;
    let entry = evidence.timeline.iter_mut().find(|entry| entry.n == answered).unwrap();
    match &mut entry.what {
        What::Answer { answer, .. } => answer,
        other => panic!("{other:?} is not an answer"),
    }
}

/// Has a peer's last call of an operation rejected with an error of that name.
pub(in crate::checks) fn reject_last(evidence: &mut Evidence, name: &str, operation: &str, error: &str) {
    *last_answer(evidence, name, operation) =
        Answer::Rejected { name: error.to_owned(), message: String::new() };
}

/// Edits the text of every candidate that a peer reports in an event.
pub(in crate::checks) fn edit_candidate(evidence: &mut Evidence, name: &str, edit: impl Fn(&str) -> String) {
    edit_each(evidence, name, |event| {
        if let PeerEvent::IceCandidate { candidate: Some(stated) } = event
            && !stated.candidate.is_empty()
        {
            stated.candidate = edit(&stated.candidate);
        }
    });
}

/// Edits the text of the first candidate that a peer reports in an event.
pub(in crate::checks) fn edit_first_candidate(
    evidence: &mut Evidence,
    name: &str,
    edit: impl FnOnce(&str) -> String,
) {
    let stated = |event: &PeerEvent| matches!(event, PeerEvent::IceCandidate { candidate: Some(stated) } if !stated.candidate.is_empty());
    let at = find(evidence, name, stated);
    if let PeerEvent::IceCandidate { candidate: Some(stated) } = event(evidence, at) {
        stated.candidate = edit(&stated.candidate);
    }
}

/// Adds an event behind all of a peer's.
pub(in crate::checks) fn push(evidence: &mut Evidence, name: &str, event: PeerEvent) {
    let peer = evidence.peer(name).unwrap();
    let seq = evidence.events(peer).last().map_or(0, |last| last.seq + 1);
    let last = evidence.timeline.last().unwrap();
    let (n, t_us) = (last.n + 1, last.t_us + 1);
    evidence.timeline.push(Entry { n, t_us, what: What::Event { peer: name.to_owned(), seq, event } });
}

/// Evidence of these entries in order, a millisecond apart, on a machine that delays nothing: `what` of the timeline's entries, by
/// alice and bob.
pub(in crate::checks) fn evidence(stated: impl IntoIterator<Item = Value>) -> Evidence {
    let entry = |(n, what): (usize, Value)| {
        serde_json::from_value(serde_json::json!({"n": n, "t_us": 1000 * n, "what": what})).unwrap()
    };
    let quiet = serde_json::json!({"stalls": {"window_us": 100_000, "waited_us": []}});
    let timeline = stated.into_iter().chain([quiet]).enumerate().map(entry).collect();
    Evidence::new(vec!["alice".to_owned(), "bob".to_owned()], timeline, None)
}

/// Alice's event of that number.
pub(in crate::checks) fn stated(seq: u64, event: &str, data: Value) -> Value {
    serde_json::json!({"event": {"peer": "alice", "seq": seq, "event": {"event": event, "data": data}}})
}
