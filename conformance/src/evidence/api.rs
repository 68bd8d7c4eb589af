//! What a peer was asked to do and what it said, in its own order.

use super::{Description, Evidence, Peer};
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::{Answer, Entry, What};
use serde_json::Value;
use std::collections::BTreeSet;

/// An event of a peer.
#[derive(Debug, Clone, Copy)]
pub struct Happened<'a> {
    /// Its entry in the timeline.
    pub entry: u64,
    /// Its number at the peer.
    pub seq: u64,
    /// Microseconds since the case began.
    pub t_us: u64,
    /// What happened.
    pub event: &'a PeerEvent,
}

/// An operation of the API with its result.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its arguments.
    pub args: &'a Value,
    /// The entry that reports the call.
    pub entry: u64,
    /// When it was made, in microseconds since the case began.
    pub t_us: u64,
    /// The entry that reports the result.
    pub answered: u64,
    /// When the result was there.
    pub answered_us: u64,
    /// The result.
    pub answer: &'a Answer,
}

/// Between which moments a peer applied a description, in microseconds since the case began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// Not before.
    pub from_us: u64,
    /// By then for sure.
    pub by_us: u64,
}

impl Evidence {
    /// The events of a peer, in the order in which they happened there.
    #[must_use]
    pub fn events(&self, peer: Peer) -> Vec<Happened<'_>> {
        let name = self.name(peer);
        let mut events: Vec<_> = self
            .timeline
            .iter()
            .filter_map(|entry| match &entry.what {
                What::Event { peer, seq, event } if peer == name => {
                    Some(Happened { entry: entry.n, seq: *seq, t_us: entry.t_us, event })
                }
                _ => None,
            })
            .collect();
        events.sort_by_key(|event| event.seq);
        events
    }

    /// The operations of a peer that gave a result, in the order of the results.
    #[must_use]
    pub fn calls(&self, peer: Peer) -> Vec<Call<'_>> {
        let own = self.name(peer);
        let mut open: Vec<(u64, &str, &Value, &Entry)> = Vec::new();
        let mut calls = Vec::new();
        for entry in &self.timeline {
            match &entry.what {
                What::Command { peer, id, name, args } if peer == own => {
                    open.push((*id, name, args, entry));
                }
                What::Answer { peer, id, answer } if peer == own => {
                    let Some(at) = open.iter().position(|(asked, ..)| asked == id) else { continue };
                    let (_, name, args, asked) = open.remove(at);
                    calls.push(Call {
                        name,
                        args,
                        entry: asked.n,
                        t_us: asked.t_us,
                        answered: entry.n,
                        answered_us: entry.t_us,
                        answer,
                    });
                }
                _ => {}
            }
        }
        calls
    }

    /// Whether the recording ends before the result of an operation of one of these names, so that it may have had its effect.
    #[must_use]
    pub fn awaits_result(&self, peer: Peer, names: &[&str]) -> bool {
        let own = self.name(peer);
        let mut open = BTreeSet::new();
        for entry in &self.timeline {
            match &entry.what {
                What::Command { peer, id, name, .. } if peer == own && names.contains(&name.as_str()) => {
                    open.insert(*id);
                }
                What::Answer { peer, id, .. } if peer == own => {
                    open.remove(id);
                }
                _ => {}
            }
        }
        !open.is_empty()
    }

    /// When a peer applied a description. One of the other side: from the call until its result, or until the peer said so that acts on its
    /// own. Its own: from the call until it was carried. Where the call is not reported, it is taken for applied when it was carried.
    #[must_use]
    pub fn applied(&self, peer: Peer, description: &Description) -> Applied {
        let Description { t_us, entry, .. } = *description;
        let mut calls = self.calls(peer).into_iter().filter(|call| matches!(call.answer, Answer::Ok(_)));
        if description.by == peer {
            let call = calls.rfind(|call| call.name == "setLocalDescription" && call.entry < entry);
            return Applied { from_us: call.map_or(t_us, |call| call.t_us), by_us: t_us };
        }
        const OPERATION: &str = "setRemoteDescription";
        let call = calls.find(|call| call.name == OPERATION && call.entry > entry);
        if let Some(Call { t_us: from_us, answered_us: by_us, .. }) = call {
            return Applied { from_us, by_us };
        }
        let acted =
            |event: &PeerEvent| matches!(event, PeerEvent::Acted { operation, .. } if operation == OPERATION);
        let event = self.events(peer).into_iter().find(|it| it.entry > entry && acted(it.event));
        // Its clock may be behind.
        let by_us = event.map_or(t_us, |it| it.t_us.saturating_add(self.clock_error(peer)));
        Applied { from_us: t_us, by_us: by_us.max(t_us) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_description_is_applied_between_the_call_and_its_result() {
        let offer = json!({"type": "offer", "sdp": "v=0\r\n"});
        let command = |peer: &str, id: u32, name: &str| json!({"command": {"peer": peer, "id": id, "name": name, "args": {}}});
        let answer =
            |peer: &str, id: u32| json!({"answer": {"peer": peer, "id": id, "answer": {"ok": null}}});
        let acted = json!({"event": "acted", "data": {"operation": "setRemoteDescription"}});
        let carried = json!({"carried": {"from": "alice", "to": "bob", "sent": offer}});
        let applied = |then: &[Value]| {
            let before = [command("alice", 1, "setLocalDescription"), answer("alice", 1), carried.clone()];
            let all = before.iter().chain(then).enumerate();
            let timeline = all.map(|(n, what)| json!({"n": n, "t_us": 1_000 * n, "what": what}));
            let timeline = timeline.map(|entry| serde_json::from_value(entry).unwrap()).collect();
            let peers = vec!["alice".to_owned(), "bob".to_owned()];
            let mut evidence = Evidence::new(peers, timeline, None);
            evidence.blur_clock(Peer(1), 50);
            let applied = |peer| {
                let Applied { from_us, by_us } = evidence.applied(Peer(peer), &evidence.descriptions[0]);
                (from_us, by_us)
            };
            [applied(0), applied(1)]
        };
        assert_eq!(applied(&[]), [(0, 2_000), (2_000, 2_000)]);
        let stated = [command("bob", 1, "setRemoteDescription"), answer("bob", 1)];
        assert_eq!(applied(&stated)[1], (3_000, 4_000));
        let acted = json!({"event": {"peer": "bob", "seq": 0, "event": acted}});
        assert_eq!(applied(&[acted])[1], (2_000, 3_050));
    }
}
