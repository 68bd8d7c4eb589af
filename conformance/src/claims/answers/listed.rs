//! `getTransceivers`: the section, the kind and the direction of each are those of the descriptions that were set.

use super::{done, succeeded, without_effect};
use crate::case_file::CasePeer;
use crate::claims::session::Asked;
use crate::claims::{Contradiction, Session};
use crate::verdict::{Layer, Place};
use peerproof_captures::sdp::SessionDescription;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What the descriptions that a peer set have of its sections.
#[derive(Debug, Default)]
struct Described {
    /// The kinds of the sections by their MID.
    kinds: BTreeMap<String, BTreeSet<String>>,
    /// The direction that the last answer gave to each, as the peer sees it, and the entry with which it was set.
    current: BTreeMap<String, (String, u64)>,
    is_rolled_back: bool,
}

impl Described {
    /// Those that were set before a command; none if one was being set when it was given.
    fn before(asked: &[Asked<'_>], n: u64) -> Option<Self> {
        let mut described = Self::default();
        let set = asked.iter().filter(|it| it.entry.n < n);
        for call in set.filter(|it| matches!(it.name, "setLocalDescription" | "setRemoteDescription")) {
            call.answered().filter(|answer| answer.n < n)?;
            let Some((entry, _, value)) = succeeded(call) else { continue };
            let given = call.args.get("description").filter(|it| it.get("sdp").is_some()).unwrap_or(value);
            let kind = call.args.get("asType").or_else(|| given.get("type")).and_then(Value::as_str)?;
            described.is_rolled_back |= kind == "rollback";
            let sdp = SessionDescription::parse(given.get("sdp").and_then(Value::as_str).unwrap_or_default());
            for section in sdp.media() {
                let media = section.media_line().and_then(|line| line.value.ok()).map(|line| line.media);
                let (Some(mid), Some(media)) = (section.mid(), media) else { continue };
                described.kinds.entry(mid.clone()).or_default().insert(media);
                let direction = section.direction().to_string();
                if kind.ends_with("answer") {
                    let own =
                        if call.name == "setLocalDescription" { direction } else { reversed(&direction) };
                    described.current.insert(mid, (own, entry));
                }
            }
        }
        Some(described)
    }
}

/// A direction as the other side sees it.
fn reversed(direction: &str) -> String {
    match direction {
        "sendonly" => "recvonly",
        "recvonly" => "sendonly",
        same => same,
    }
    .to_owned()
}

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    asked: &[Asked<'_>],
    found: &mut Vec<Contradiction>,
) {
    if !session.reports_all(peer) || !session.has_one_connection(&peer.name) {
        return;
    }
    for (command, n, t_us, value) in done(asked, "getTransceivers") {
        let Some(described) = Described::before(asked, command.entry.n) else { continue };
        let wrong = value.as_array().into_iter().flatten().find_map(|listed| differs(listed, &described));
        if let Some((claimed, seen, set)) = wrong {
            let evidence = std::iter::once(n).chain(set).map(Place::Entry).collect();
            let claimed = format!("getTransceivers with {claimed}");
            let claim = "answer/getTransceivers";
            found.push(without_effect(claim, Layer::Sdp, &peer.name, t_us, claimed, seen, evidence));
        }
    }
}

/// What is wrong of a transceiver: what is claimed, what is so, and the entry that shows it.
fn differs(listed: &Value, described: &Described) -> Option<(String, String, Option<u64>)> {
    let text = |name: &str| listed.get(name).and_then(Value::as_str);
    let mid = text("mid")?;
    let Some(kinds) = described.kinds.get(mid) else {
        let seen = "no description that was set has that section".to_owned();
        return Some((format!("one of the section {mid:?}"), seen, None));
    };
    if let Some(kind) = text("kind").filter(|kind| !kinds.contains(*kind)) {
        let is: Vec<&str> = kinds.iter().map(String::as_str).collect();
        let seen = format!("the section {mid} is of {}", is.join(" or "));
        return Some((format!("one of the kind {kind}"), seen, None));
    }
    // An offer alone changes nothing (webrtc-pc §5.4, `currentDirection`), and what a rollback leaves depends on more.
    let (is, set) = described.current.get(mid).filter(|_| !described.is_rolled_back)?;
    let says = text("currentDirection").filter(|says| says != is && *says != "stopped")?;
    let claimed = format!("the currentDirection {says} of the section {mid}");
    Some((claimed, format!("by the last answer it is {is}"), Some(*set)))
}

#[cfg(test)]
mod tests {
    use crate::checks::controls::Recording;
    use crate::claims::answers::check;
    use crate::claims::testing::{command, edit, found};
    use crate::claims::{Contradiction, Fault};
    use crate::verdict::Layer;
    use serde_json::{Value, json};

    /// Has a peer list its transceivers at the end, and says whether that is contradicted in these words.
    fn lists(recording: Recording, peer: &str, listed: Value, words: &str) -> bool {
        let mut record = recording.record();
        command(&mut record, peer, "getTransceivers", json!({}), json!([listed]));
        let found = found(&record, check);
        let is = |it: &&Contradiction| it.claim == "answer/getTransceivers" && it.sentence().contains(words);
        found.iter().any(|it| is(&it) && it.layer == Layer::Sdp && it.fault == Fault::Peer(peer.to_owned()))
    }

    #[test]
    fn transceivers_are_those_of_the_descriptions() {
        for peer in ["alice", "bob"] {
            let accused = |mid: &str, kind: &str, direction: Value, words: &str| {
                let listed = json!({"mid": mid, "kind": kind, "currentDirection": direction});
                lists(Recording::Video, peer, listed, words)
            };
            assert!(!accused("0", "audio", json!("sendrecv"), ""));
            assert!(!accused("0", "audio", Value::Null, ""), "it says nothing");
            assert!(accused("9", "audio", json!("sendrecv"), "no description that was set has that section"));
            assert!(accused("0", "video", json!("sendrecv"), "the section 0 is of audio"));
            assert!(accused("0", "audio", json!("recvonly"), "by the last answer it is sendrecv"));
        }
    }

    #[test]
    fn the_other_side_sees_a_direction_reversed() {
        let accused = |peer: &str, says: &str| {
            let mut record = Recording::Video.record();
            let restrict = |sdp: &mut Value| {
                *sdp = json!(sdp.as_str().unwrap().replace("a=sendrecv", "a=recvonly"));
            };
            edit(&mut record, |entry| {
                let command = &mut entry["what"]["command"];
                let is_set = command["name"]
                    .as_str()
                    .is_some_and(|name| name.starts_with("set") && name.ends_with("Description"));
                if is_set && command["args"]["description"]["type"] == "answer" {
                    restrict(&mut command["args"]["description"]["sdp"]);
                }
                is_set
            });
            let listed = json!({"mid": "0", "kind": "audio", "currentDirection": says});
            command(&mut record, peer, "getTransceivers", json!({}), json!([listed]));
            let found = found(&record, check);
            found.iter().any(|it| it.claim == "answer/getTransceivers")
        };
        assert!(!accused("bob", "recvonly") && accused("bob", "sendonly"));
        assert!(!accused("alice", "sendonly") && accused("alice", "recvonly"));
    }
}
