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
pub(super) fn called(evidence: &Evidence, peer: Peer) -> Vec<Called<'_>> {
    let calls = evidence.calls(peer);
    let made = calls.iter().filter(|call| call.name == "createPeerConnection").count();
    if made > 1 || calls.iter().any(|call| call.name == "join") {
        return Vec::new();
    }
    let (mut state, mut has_remote) = (State::Stable, false);
    let follow = |call| {
        let called = Called { call, state, has_remote };
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
