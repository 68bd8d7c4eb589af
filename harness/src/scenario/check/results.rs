//! What a step wants of a command: its answer, its rejection.

use super::super::document::ValuePath;
use super::facts::{Facts, Given};
use super::found::Found;
use peerproof_captures::event::{ConnectionState, IceGatheringState, IceState, SignalingState};
use serde_json::{Value, json};

const DESCRIPTION: &[&str] = &["type", "sdp"];
const CHANNEL: &[&str] =
    &["label", "ordered", "maxRetransmits", "maxPacketLifeTime", "protocol", "negotiated", "id"];
const CHANNEL_NOW: &[&str] = &[
    "label",
    "ordered",
    "maxRetransmits",
    "maxPacketLifeTime",
    "protocol",
    "negotiated",
    "id",
    "readyState",
    "bufferedAmount",
];
const STATE: &[&str] = &[
    "signaling",
    "iceGathering",
    "iceConnection",
    "connection",
    "dtls",
    "ice",
    "sctp",
    "localDescription",
    "remoteDescription",
    "canTrickle",
];
const TRANSCEIVER: &[&str] =
    &["mid", "kind", "direction", "currentDirection", "stopped", "sender", "receiver"];

/// The keys of the answer to a command (docs/peer-protocol.md). Nothing if they may be any; no key if nothing is answered.
fn keys(command: &str) -> Option<&'static [&'static str]> {
    Some(match command {
        "createOffer" | "createAnswer" | "setLocalDescription" => DESCRIPTION,
        "createDataChannel" | "getDataChannel" => CHANNEL_NOW,
        "getState" => STATE,
        "getTransceivers" => TRANSCEIVER,
        "addTrack" | "addTransceiver" => &["mid"],
        "createSource" | "getUserMedia" => &["stream", "tracks"],
        "close"
        | "closeDataChannel"
        | "send"
        | "echo"
        | "setRemoteDescription"
        | "addIceCandidate"
        | "restartIce"
        | "removeTrack"
        | "setDirection"
        | "stopTransceiver"
        | "setCodecPreferences"
        | "createPeerConnection"
        | "setConfiguration"
        | "watch"
        | "join" => &[],
        _ => return None,
    })
}

/// Checks what a step wants of its command. `unsettled` says whether the peer may have closed its connection, or have an offer to answer.
pub(super) fn check(
    facts: &Facts<'_>,
    given: Given<'_>,
    unsettled: bool,
    path: &ValuePath,
    found: &mut Found<'_>,
) {
    let Given { step, name, .. } = given;
    if step.within.is_some() {
        found.add(&path.key("within"), "`within` has no effect on a command: it belongs to `await`");
    }
    if let Some(exception) = &step.rejects {
        if step.answers.is_some() {
            found.add(&path.key("answers"), "what is rejected has no answer");
        }
        if step.binds.is_some() {
            found.add(&path.key("as"), "what is rejected has no result that could be named");
        }
        let by_hand =
            facts.commands.iter().any(|it| it.peer == given.peer && it.name == "createPeerConnection");
        if name == "createOffer" && exception == "InvalidStateError" && !unsettled && !by_hand {
            let message =
                "a stable connection does not reject `createOffer` with InvalidStateError (webrtc-pc §4.4.2)";
            found.add(&path.key("rejects"), message);
        }
    }
    if let Some(wanted) = &step.answers {
        answer(given, wanted, &path.key("answers"), found);
    }
}

fn answer(given: Given<'_>, wanted: &Value, path: &ValuePath, found: &mut Found<'_>) {
    let Given { name, args, .. } = given;
    let Some(known) = keys(name) else { return };
    if known.is_empty() {
        return found.add(path, format!("`{name}` answers nothing"));
    }
    let is_list = name == "getTransceivers";
    let entries: Vec<(&Value, ValuePath)> = match wanted {
        Value::Array(list) if is_list => {
            list.iter().enumerate().map(|(n, entry)| (entry, path.index(n))).collect()
        }
        entry if !is_list && entry.is_object() => vec![(entry, path.clone())],
        _ => {
            let what = if is_list { "a list" } else { "a mapping" };
            return found.add(path, format!("`{name}` answers {what}"));
        }
    };
    for (entry, at) in entries {
        let Some(entry) = entry.as_object() else { continue };
        if entry.is_empty() && !is_list {
            found.add(&at, "nothing is expected of the answer");
        }
        for (key, value) in entry {
            let at = at.key(key);
            if known.contains(&key.as_str()) {
                member(name, args, (key, value), &at, found);
            } else {
                found.unknown(&at, format!("the answer to `{name}` has no `{key}`"), key, known);
            }
        }
    }
}

/// A word is one that the member can have.
fn member(name: &str, args: &Value, (key, value): (&str, &Value), path: &ValuePath, found: &mut Found<'_>) {
    fn all<S: serde::Serialize>(states: &[S]) -> Vec<String> {
        states.iter().filter_map(|state| Some(json!(state).as_str()?.to_owned())).collect()
    }
    let words = match (name, key) {
        ("getState", "signaling") => {
            use SignalingState::{
                Closed, HaveLocalOffer, HaveLocalPranswer, HaveRemoteOffer, HaveRemotePranswer, Stable,
            };
            all(&[Stable, HaveLocalOffer, HaveRemoteOffer, HaveLocalPranswer, HaveRemotePranswer, Closed])
        }
        ("getState", "iceGathering") => {
            use IceGatheringState::{Complete, Gathering, New};
            all(&[New, Gathering, Complete])
        }
        ("getState", "iceConnection") => {
            use IceState::{Checking, Closed, Completed, Connected, Disconnected, Failed, New};
            all(&[New, Checking, Connected, Completed, Disconnected, Failed, Closed])
        }
        ("getState", "connection") => {
            use ConnectionState::{Closed, Connected, Connecting, Disconnected, Failed, New};
            all(&[New, Connecting, Connected, Disconnected, Failed, Closed])
        }
        ("getTransceivers", "kind") => all(&["audio", "video"]),
        ("getTransceivers", "direction" | "currentDirection") => {
            all(&["sendrecv", "sendonly", "recvonly", "inactive", "stopped"])
        }
        ("getDataChannel" | "createDataChannel", "readyState") => {
            all(&["connecting", "open", "closing", "closed"])
        }
        _ => Vec::new(),
    };
    let known: Vec<&str> = words.iter().map(String::as_str).collect();
    if let Some(word) = value.as_str().filter(|word| !known.is_empty() && !known.contains(word)) {
        found.unknown(path, format!("`{key}` is never `{word}`"), word, &known);
    }
    if name == "createDataChannel" && CHANNEL.contains(&key) && key != "id" {
        let default = match key {
            "ordered" => json!(true),
            "negotiated" => json!(false),
            "protocol" => json!(""),
            _ => Value::Null,
        };
        let asked = args.get(key).cloned().unwrap_or(default);
        if asked != *value {
            found.add(path, format!("the channel is made with `{key}: {asked}`"));
        }
    }
}
