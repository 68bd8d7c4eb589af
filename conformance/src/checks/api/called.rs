//! What a peer was asked to do, each call with the state of its connection when it was made.

use super::signaling_state_transitions::{kind, transitions};
use crate::evidence::{Call, Evidence, Peer};
use peerproof_captures::event::{SdpType, SignalingState as State};
use peerproof_captures::timeline::Answer;
use serde_json::Value;

/// A call, with what was so when it was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Called<'a> {
    pub(super) call: Call<'a>,
    /// The state of the connection.
    pub(super) state: State,
    /// Whether a description of the other side was applied.
    pub(super) has_remote: bool,
}

impl<'a> Called<'a> {
    /// The type of the description that it sets.
    pub(super) fn kind(&self) -> Option<SdpType> {
        kind(&self.call.args["description"])
    }

    /// Whether it was done.
    pub(super) const fn is_done(&self) -> bool {
        matches!(self.call.answer, Answer::Ok(_))
    }

    /// The name of the error with which it was rejected.
    pub(super) fn error(&self) -> Option<&'a str> {
        match self.call.answer {
            Answer::Rejected { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Whether it sets a description.
    pub(super) fn sets(&self) -> bool {
        matches!(self.call.name, "setLocalDescription" | "setRemoteDescription")
    }
}

/// The calls of a peer, in the order of their results, without those that were rejected since the connection was closed meanwhile. None of a peer
/// that has several connections, or that acts by itself: the state is not known then.
pub(super) fn called<'a>(evidence: &'a Evidence, peer: Peer) -> Vec<Called<'a>> {
    let calls = evidence.calls(peer);
    let made = calls.iter().filter(|call| call.name == "createPeerConnection").count();
    if made > 1 || calls.iter().any(|call| call.name == "join") {
        return Vec::new();
    }
    // Operations are chained (webrtc-pc §4.4.1.2): one that was asked for before is done before, whichever answer comes first.
    let set =
        calls.iter().filter(|it| it.name == "setRemoteDescription" && matches!(it.answer, Answer::Ok(_)));
    let set =
        set.filter(|it| kind(&it.args["description"]) != Some(SdpType::Rollback)).map(|it| it.entry).min();
    let (mut state, mut has_remote) = (State::Stable, false);
    let follow = |call: Call<'a>| {
        let has_remote_by_then = has_remote || set.is_some_and(|set| set < call.entry);
        let called = Called { call, state, has_remote: has_remote_by_then };
        let Answer::Ok(result) = called.call.answer else { return called };
        match called.call.name {
            "close" => state = State::Closed,
            "setLocalDescription" | "setRemoteDescription" => {
                let local = called.call.name == "setLocalDescription";
                if let Some(kind) = called.kind().or_else(|| kind(result)) {
                    state = transitions(state, local, kind).last().copied().unwrap_or(state);
                    has_remote |= !local && kind != SdpType::Rollback;
                }
            }
            _ => {}
        }
        called
    };
    let closes = calls.iter().find(|call| call.name == "close").map(|call| call.entry);
    let overtaken = |call: &Call<'_>| {
        matches!(call.answer, Answer::Rejected { .. })
            && closes.is_some_and(|closes| call.entry < closes && closes < call.answered)
    };
    calls.into_iter().filter(|call| !overtaken(call)).map(follow).collect()
}

/// The text of the description that a call sets.
pub(super) fn text(args: &Value) -> Option<&str> {
    args.get("description")?.get("sdp")?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_description_that_was_asked_for_before_counts_as_set() {
        let has_remote = |order: [&str; 4]| {
            let offer = json!({"type": "offer", "sdp": "v=0"});
            let what = |word: &str| match word {
                "set" => {
                    json!({"command": {"peer": "alice", "id": 1, "name": "setRemoteDescription", "args": {"description": offer}}})
                }
                "add" => {
                    json!({"command": {"peer": "alice", "id": 2, "name": "addIceCandidate", "args": {"candidate": null}}})
                }
                id => {
                    let id: u64 = id.parse().unwrap();
                    json!({"answer": {"peer": "alice", "id": id, "answer": {"ok": null}}})
                }
            };
            let entry =
                |(n, word)| serde_json::from_value(json!({"n": n, "t_us": n, "what": what(word)})).unwrap();
            let timeline = order.into_iter().enumerate().map(entry).collect();
            let evidence = Evidence::new(vec!["alice".to_owned()], timeline, None);
            let all = called(&evidence, Peer(0));
            all.iter().find(|it| it.call.name == "addIceCandidate").unwrap().has_remote
        };
        assert!(has_remote(["set", "add", "2", "1"]));
        assert!(has_remote(["set", "1", "add", "2"]));
        assert!(!has_remote(["add", "set", "2", "1"]));
    }

    #[test]
    fn what_a_close_overtakes_may_be_rejected() {
        let names = |order: [&str; 3]| -> Vec<String> {
            let what = |word: &str| match word {
                "call" => {
                    json!({"command": {"peer": "alice", "id": 1, "name": "addIceCandidate", "args": {"candidate": null}}})
                }
                "close" => json!({"command": {"peer": "alice", "id": 2, "name": "close", "args": {}}}),
                _ => {
                    json!({"answer": {"peer": "alice", "id": 1, "answer": {"rejected": {"name": "AbortError", "message": ""}}}})
                }
            };
            let mut all: Vec<Value> = order.into_iter().map(what).collect();
            all.push(json!({"answer": {"peer": "alice", "id": 2, "answer": {"ok": null}}}));
            let entry = |(n, what)| serde_json::from_value(json!({"n": n, "t_us": n, "what": what})).unwrap();
            let timeline = all.into_iter().enumerate().map(entry).collect();
            let evidence = Evidence::new(vec!["alice".to_owned()], timeline, None);
            called(&evidence, Peer(0)).iter().map(|it| it.call.name.to_owned()).collect()
        };
        assert_eq!(names(["call", "close", "rejected"]), ["close"]);
        assert_eq!(names(["call", "rejected", "close"]), ["addIceCandidate", "close"]);
        assert_eq!(names(["close", "call", "rejected"]), ["addIceCandidate", "close"]);
    }
}
