//! For tests: recorded cases, changed in one place.

use super::{Contradiction, Fault, Session};
use crate::api::{PeerView, Views};
use crate::record::CaseRecord;
use crate::verdict::Layer;
use peerproof_captures::timeline::Entry;
use serde_json::Value;

/// What a family finds in a case.
pub(super) fn found(
    record: &CaseRecord,
    check: fn(&Session<'_>, &mut Vec<Contradiction>),
) -> Vec<Contradiction> {
    let of = |name: &String| (name.clone(), PeerView::of(&record.timeline, name));
    let views: Views = record.file.peers.iter().map(|peer| of(&peer.name)).collect();
    let mut found = Vec::new();
    check(&Session::new(record, &views), &mut found);
    found.sort_by_key(|it| (it.t_us, it.layer));
    found
}

/// Changes every entry of a timeline, as JSON. How many were changed: none would prove nothing.
pub(super) fn edit(record: &mut CaseRecord, mut change: impl FnMut(&mut Value) -> bool) {
    let mut changed = 0;
    for entry in &mut record.timeline {
        let mut value = serde_json::to_value(&*entry).unwrap();
        if change(&mut value) {
            changed += 1;
            *entry = serde_json::from_value(value).unwrap();
        }
    }
    assert!(changed > 0, "nothing was changed");
}

/// Changes the answers to a command of a peer that succeeded.
pub(super) fn answers(
    record: &mut CaseRecord,
    peer: &str,
    command: &str,
    mut change: impl FnMut(&mut Value),
) {
    let mut ids = Vec::new();
    edit(record, |entry| {
        let what = &mut entry["what"];
        if what["command"]["peer"] == peer && what["command"]["name"] == command {
            ids.push(what["command"]["id"].clone());
        }
        let is_answer = what["answer"]["peer"] == peer && ids.contains(&what["answer"]["id"]);
        match what["answer"]["answer"].get_mut("ok").filter(|_| is_answer) {
            Some(value) => {
                change(value);
                true
            }
            None => false,
        }
    });
}

/// Adds an entry at the end, a millisecond after the last.
pub(super) fn add(record: &mut CaseRecord, what: Value) -> u64 {
    let (n, t_us) = record.timeline.last().map_or((0, 0), |entry| (entry.n + 1, entry.t_us + 1_000));
    add_at(record, n, t_us, what)
}

/// Adds an entry at the end with that time.
pub(super) fn add_at(record: &mut CaseRecord, n: u64, t_us: u64, what: Value) -> u64 {
    let entry: Entry =
        serde_json::from_value(serde_json::json!({"n": n, "t_us": t_us, "what": what})).unwrap();
    record.timeline.push(entry);
    n
}

/// Adds a command with its answer, a second after all before.
pub(super) fn command(record: &mut CaseRecord, peer: &str, name: &str, args: Value, answer: Value) -> u64 {
    let id = 1_000 + record.timeline.len();
    let (n, t_us) = record.timeline.iter().fold((0, 0), |(n, t_us), it| (it.n.max(n), it.t_us.max(t_us)));
    let what = serde_json::json!({"command": {"peer": peer, "id": id, "name": name, "args": args}});
    add_at(record, n + 1, t_us + 1_000_000, what);
    let what = serde_json::json!({"answer": {"peer": peer, "id": id, "answer": {"ok": answer}}});
    add_at(record, n + 2, t_us + 1_001_000, what)
}

/// Asserts that something of that claim was found, with that layer at that side.
#[track_caller]
pub(super) fn contradicted(found: &[Contradiction], claim: &str, layer: Layer, side: &str) {
    let fits = |it: &&Contradiction| {
        it.claim == claim && it.layer == layer && it.fault == Fault::Peer(side.to_owned())
    };
    assert!(found.iter().any(|it| fits(&it)), "{claim} at {layer} of {side} is not in {found:#?}");
    assert!(found.iter().filter(|it| it.claim == claim).all(|it| fits(&it)), "{found:#?}");
}
