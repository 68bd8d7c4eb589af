//! Answers have the form that the peer protocol gives them (docs/peer-protocol.md): a description, or nothing.

use super::super::observed::against;
use super::super::{Contradiction, Session};
use super::{CLAIMS, succeeded};
use crate::verdict::{Layer, Place};
use peerproof_captures::event::Description;
use serde::Deserialize;
use serde_json::Value;

/// The commands whose answer is `null`.
const NOTHING: [&str; 16] = [
    "addIceCandidate",
    "close",
    "closeDataChannel",
    "createPeerConnection",
    "echo",
    "join",
    "removeTrack",
    "replaceTrack",
    "restartIce",
    "send",
    "setCodecPreferences",
    "setConfiguration",
    "setDirection",
    "setRemoteDescription",
    "stopTransceiver",
    "watch",
];

/// The first answer of a peer with success that does not have the form of one.
pub(super) fn check(session: &Session<'_>, peer: &str, found: &mut Vec<Contradiction>) {
    found.extend(session.asked(peer).iter().find_map(|asked| {
        let (n, t_us, value) = succeeded(asked)?;
        let due = match asked.name {
            name if NOTHING.contains(&name) && !value.is_null() => "null",
            "setLocalDescription" if !value.is_null() && !is_description(value) => "a description, or null",
            "createOffer" | "createAnswer" if !is_description(value) => "a description",
            _ => return None,
        };
        let claim = CLAIMS.iter().find(|it| it.name.strip_prefix("answer/") == Some(asked.name))?;
        let claimed = format!("{peer} answered {} with success", asked.name);
        let seen = format!("its answer is not {due}, which the peer protocol asks for");
        Some(against(peer, (claim.name, Layer::PeerProtocol), t_us, claimed, seen, [Place::Entry(n)]))
    }));
}

fn is_description(value: &Value) -> bool {
    Description::deserialize(value).is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{answers, contradicted, found};
    use crate::checks::controls::Recording;
    use crate::claims::Contradiction;
    use crate::verdict::Layer;
    use serde_json::{Value, json};

    fn after(peer: &str, command: &str, change: impl Fn(&mut Value)) -> Vec<Contradiction> {
        let mut record = Recording::Data.record();
        answers(&mut record, peer, command, change);
        found(&record, super::super::check)
    }

    #[test]
    fn an_answer_of_another_form_is_the_peers_fault() {
        for command in ["createPeerConnection", "setRemoteDescription", "addIceCandidate"] {
            let found = after("alice", command, |value| *value = json!("zz"));
            contradicted(&found, &format!("answer/{command}"), Layer::PeerProtocol, "alice");
        }
        for (peer, command) in
            [("alice", "createOffer"), ("bob", "createAnswer"), ("bob", "setLocalDescription")]
        {
            for broken in
                [json!("zz"), json!({"type": "offex", "sdp": ""}), json!({"type": "answer", "sdp": 1})]
            {
                let found = after(peer, command, |value| *value = broken.clone());
                let is = |it: &Contradiction| {
                    it.layer == Layer::PeerProtocol && it.claim == format!("answer/{command}")
                };
                assert!(found.iter().any(is), "{command} {broken}: {found:#?}");
            }
        }
    }

    #[test]
    fn answers_of_whole_recordings_have_their_form() {
        for recording in Recording::ALL {
            let found = found(&recording.record(), super::super::check);
            assert!(!found.iter().any(|it| it.layer == Layer::PeerProtocol), "{recording:?}: {found:#?}");
        }
    }
}
