//! What a program must refuse: commands before there is a connection, and commands with wrong arguments.

use super::outcome::{Group, Tried};
use super::reply::Reply;
use super::session::{Ground, START_DEADLINE, Session, Trouble};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A command that must be refused.
struct Refused {
    command: &'static str,
    args: Value,
    /// What is wrong with it, in words.
    what: &'static str,
    /// The names of the rejection; any if there are none.
    names: &'static [&'static str],
    /// Whether it is the standard that refuses it, by what is done with the arguments; otherwise it is the arguments themselves.
    by_standard: bool,
}

impl Refused {
    /// Whether the reply rejects it; otherwise it is unsupported.
    fn judge(&self, reply: &Reply) -> Tried<bool> {
        if self.by_standard { reply.refused_by_standard(self.names) } else { reply.refused(self.names) }
    }
}

const STATE: &[&str] = &["InvalidStateError"];
const UNFOUND: &[&str] = &["NotFoundError"];
/// What names something that cannot be there yet.
const EITHER: &[&str] = &["InvalidStateError", "NotFoundError"];
const ANY: &[&str] = &[];

fn refused(
    command: &'static str,
    args: Value,
    what: &'static str,
    names: &'static [&'static str],
) -> Refused {
    Refused { command, args, what, names, by_standard: false }
}

/// What is well-formed, and wrong by the standard alone.
fn forbidden(
    command: &'static str,
    args: Value,
    what: &'static str,
    names: &'static [&'static str],
) -> Refused {
    Refused { by_standard: true, ..refused(command, args, what, names) }
}

/// A description that is whole, so that it is the state that is wrong.
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";

/// Commands on the connection, before there is one.
fn early() -> Vec<Refused> {
    let before = |command, args, names| refused(command, args, "before createPeerConnection", names);
    vec![
        before("createOffer", json!({}), STATE),
        before("createAnswer", Value::Null, STATE),
        before("setLocalDescription", json!({}), STATE),
        before("setRemoteDescription", json!({ "description": { "type": "offer", "sdp": SDP } }), STATE),
        before("addIceCandidate", json!({}), STATE),
        before("setConfiguration", json!({ "configuration": {} }), STATE),
        before("restartIce", Value::Null, STATE),
        before("getState", Value::Null, STATE),
        before("getStats", Value::Null, STATE),
        before("getTransceivers", Value::Null, STATE),
        before("createDataChannel", json!({ "label": "early" }), STATE),
        before("addTransceiver", json!({ "kind": "audio" }), STATE),
        before("setDirection", json!({ "transceiver": 0, "direction": "inactive" }), EITHER),
        before("stopTransceiver", json!({ "transceiver": 0 }), EITHER),
        before("setCodecPreferences", json!({ "transceiver": 0, "mimeTypes": ["audio/opus"] }), EITHER),
        before("send", json!({ "channel": "early", "message": { "text": "x" } }), EITHER),
        before("closeDataChannel", json!({ "channel": "early" }), EITHER),
        before("getDataChannel", json!({ "channel": "early" }), EITHER),
        before("addTrack", json!({ "track": "early" }), EITHER),
        before("removeTrack", json!({ "track": "early" }), EITHER),
        before("replaceTrack", json!({ "track": "early" }), EITHER),
        before("watch", json!({ "track": "early" }), EITHER),
        before("join", json!({ "url": "ws://127.0.0.1:9/", "room": "r", "polite": true }), STATE),
        before("close", Value::Null, STATE),
    ]
}

/// Wrong arguments that are tried before there is a connection.
fn malformed_creation() -> Vec<Refused> {
    let create = |args, what| refused("createPeerConnection", args, what, ANY);
    vec![
        create(json!({ "configuration": 5 }), "a configuration that is a number"),
        create(json!({ "configuration": { "iceServers": 5 } }), "iceServers that are a number"),
        create(json!({ "configuration": { "iceTransportPolicy": "some" } }), "an unknown policy"),
        refused("getUserMedia", json!({}), "no constraints", ANY),
        forbidden("getUserMedia", json!({ "constraints": {} }), "constraints that ask for nothing", ANY),
        refused("createSource", json!({}), "no kind", ANY),
        refused("createSource", json!({ "kind": "smell" }), "an unknown kind", ANY),
        refused("createSource", json!({ "kind": "video", "width": "wide" }), "a width that is a word", ANY),
    ]
}

/// Wrong arguments on a connection that has one channel, `there`.
fn malformed() -> Vec<Refused> {
    let candidate = json!({ "candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host", "sdpMid": "0" });
    let description = |kind: &str, sdp: &str| json!({ "description": { "type": kind, "sdp": sdp } });
    vec![
        refused("createPeerConnection", json!({}), "a second time", STATE),
        refused("setConfiguration", json!({}), "no configuration", ANY),
        refused("setConfiguration", json!({ "configuration": "x" }), "a configuration that is a word", ANY),
        refused("createDataChannel", json!({}), "no label", ANY),
        refused("createDataChannel", json!({ "label": 5 }), "a label that is a number", ANY),
        refused("createDataChannel", json!({ "label": "c", "ordered": "x" }), "ordered that is a word", ANY),
        forbidden(
            "createDataChannel",
            json!({ "label": "c", "maxRetransmits": 1, "maxPacketLifeTime": 1 }),
            "both limits",
            ANY,
        ),
        forbidden(
            "createDataChannel",
            json!({ "label": "c", "negotiated": true }),
            "negotiated, without id",
            ANY,
        ),
        refused("send", json!({ "channel": "there" }), "no message", ANY),
        refused("send", json!({ "channel": "there", "message": {} }), "an empty message object", ANY),
        refused("send", json!({ "channel": "there", "message": { "binary": "?" } }), "broken base64", ANY),
        refused(
            "send",
            json!({ "channel": "there", "message": { "pattern": { "seed": 1 } } }),
            "a pattern without size",
            ANY,
        ),
        refused(
            "send",
            json!({ "channel": "gone", "message": { "text": "x" } }),
            "an unknown channel",
            UNFOUND,
        ),
        refused("echo", json!({}), "no channel", ANY),
        refused("echo", json!({ "channel": "there", "defect": "nonsense" }), "an unknown defect", ANY),
        refused("closeDataChannel", json!({}), "no channel", ANY),
        refused("closeDataChannel", json!({ "channel": "gone" }), "an unknown channel", UNFOUND),
        refused("getDataChannel", json!({ "channel": 5 }), "a channel that is a number", ANY),
        refused("getDataChannel", json!({ "channel": "gone" }), "an unknown channel", UNFOUND),
        refused("createOffer", json!({ "iceRestart": "no" }), "iceRestart that is a word", ANY),
        forbidden("createAnswer", Value::Null, "without an offer", STATE),
        refused("setLocalDescription", json!({ "description": 5 }), "a description that is a number", ANY),
        refused("setLocalDescription", json!({ "asType": "nonsense" }), "an unknown type", ANY),
        refused("setRemoteDescription", json!({}), "no description", ANY),
        refused("setRemoteDescription", description("nonsense", SDP), "an unknown type", ANY),
        forbidden("setRemoteDescription", description("offer", "nonsense"), "text that is not SDP", ANY),
        forbidden("setRemoteDescription", description("answer", SDP), "an answer without an offer", ANY),
        refused("addIceCandidate", json!({ "candidate": 5 }), "a candidate that is a number", ANY),
        forbidden(
            "addIceCandidate",
            json!({ "candidate": candidate }),
            "before the remote description",
            STATE,
        ),
        refused(
            "applyConstraints",
            json!({ "track": "gone", "constraints": {} }),
            "an unknown track",
            UNFOUND,
        ),
        refused("addTrack", json!({}), "no track", ANY),
        refused("addTrack", json!({ "track": "gone" }), "an unknown track", UNFOUND),
        refused("removeTrack", json!({ "track": "gone" }), "an unknown track", UNFOUND),
        refused("replaceTrack", json!({ "track": "gone" }), "an unknown track", UNFOUND),
        refused("addTransceiver", json!({}), "no kind", ANY),
        refused("addTransceiver", json!({ "kind": "smell" }), "an unknown kind", ANY),
        refused("addTransceiver", json!({ "kind": "audio", "direction": "up" }), "an unknown direction", ANY),
        refused("addTransceiver", json!({ "kind": "audio", "track": "gone" }), "an unknown track", UNFOUND),
        refused("setDirection", json!({}), "no arguments", ANY),
        refused(
            "setDirection",
            json!({ "transceiver": 99, "direction": "sendrecv" }),
            "no such transceiver",
            UNFOUND,
        ),
        refused("stopTransceiver", json!({ "transceiver": 99 }), "no such transceiver", UNFOUND),
        refused("stopTransceiver", json!({ "transceiver": -1 }), "a negative index", ANY),
        refused(
            "setCodecPreferences",
            json!({ "transceiver": 99, "mimeTypes": ["audio/opus"] }),
            "no such transceiver",
            UNFOUND,
        ),
        refused("watch", json!({}), "no track", ANY),
        refused("watch", json!({ "track": "gone" }), "an unknown track", UNFOUND),
        refused("join", json!({}), "no arguments", ANY),
    ]
}

/// Counts what is well, and notes what is not as a check of its own: few people want to read sixty lines that say nothing.
#[derive(Default)]
struct Tally {
    rejected: usize,
    unsupported: BTreeSet<&'static str>,
    wrong: usize,
}

impl Tally {
    fn count(&mut self, group: &mut Group, tried: &Refused, refusal: Tried<bool>) {
        match refusal {
            Ok(true) => self.rejected += 1,
            Ok(false) => {
                self.unsupported.insert(tried.command);
            }
            Err(outcome) => {
                self.wrong += 1;
                let _: Option<()> = group.add(format!("{}: {}", tried.command, tried.what), Err(outcome));
            }
        }
    }

    fn add_to(self, group: &mut Group, what: &str) {
        let others = if self.wrong > 0 { "the others of " } else { "" };
        if self.rejected > 0 {
            group.add(format!("{others}{what} are rejected"), Ok(()));
            let unsupported: Vec<&str> = self.unsupported.into_iter().collect();
            if unsupported.is_empty() {
                group.note(format!("{} tried", self.rejected));
            } else {
                group.note(format!("{} tried; unsupported: {}", self.rejected, unsupported.join(", ")));
            }
        } else if self.wrong == 0 {
            group.skip(format!("{what} are rejected"), "none of these commands is supported");
        }
    }
}

/// Commands before createPeerConnection, in one process.
pub(super) async fn before(ground: &Ground, listed: &BTreeSet<String>) -> Result<Group, Trouble> {
    let mut group = Group::new("before createPeerConnection");
    let mut tally = Tally::default();
    let mut session = Session::start(ground, "before createPeerConnection").await?;
    session.untracked();
    session.call_within("hello", Value::Null, START_DEADLINE).await;
    for case in early().into_iter().filter(|case| listed.contains(case.command)) {
        let reply = session.call(case.command, case.args.clone()).await;
        tally.count(&mut group, &case, case.judge(&reply));
        if session.over().is_some() {
            session.end().await;
            session = Session::start(ground, "before createPeerConnection").await?;
            session.untracked();
            session.call_within("hello", Value::Null, START_DEADLINE).await;
        }
    }
    tally.add_to(&mut group, "commands without a connection");
    session.end().await;
    Ok(group)
}

/// Commands with wrong arguments. A process that dies or falls silent is replaced.
pub(super) async fn wrong(ground: &Ground, listed: &BTreeSet<String>) -> Result<Group, Trouble> {
    let mut group = Group::new("wrong arguments");
    let mut tally = Tally::default();
    for (connected, cases) in [(false, malformed_creation()), (true, malformed())] {
        let mut session = None;
        for case in cases.into_iter().filter(|case| listed.contains(case.command)) {
            let mut current = match session.take() {
                Some(session) => session,
                None => fresh(ground, connected).await?,
            };
            let reply = current.call(case.command, case.args.clone()).await;
            let refusal = case.judge(&reply);
            let broken = refusal.is_err();
            tally.count(&mut group, &case, refusal);
            if broken {
                // What was done instead may be the cause of what comes next.
                current.end().await;
            } else {
                session = Some(current);
            }
        }
        if let Some(mut session) = session {
            if connected && listed.contains("getState") {
                let alive = session.call("getState", Value::Null).await.done().map(|_| ());
                group.add("the connection works as before", alive);
            }
            session.end().await;
        }
    }
    tally.add_to(&mut group, "wrong commands");
    Ok(group)
}

/// A process, if so with a connection and the channel `there`.
async fn fresh(ground: &Ground, connected: bool) -> Result<Session, Trouble> {
    let mut session = Session::start(ground, "wrong arguments").await?;
    session.untracked();
    session.call_within("hello", Value::Null, START_DEADLINE).await;
    if connected {
        session.call("createPeerConnection", json!({})).await;
        session.call("createDataChannel", json!({ "label": "there" })).await;
    }
    Ok(session)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::command;

    #[test]
    fn what_is_refused_are_commands_of_the_protocol() {
        let known = command::names();
        for case in early().into_iter().chain(malformed_creation()).chain(malformed()) {
            assert!(known.contains(&case.command.to_owned()), "{}", case.command);
        }
        // All but those that take no arguments, and those that are possible at any time.
        let wrong: BTreeSet<&str> =
            malformed_creation().iter().chain(&malformed()).map(|case| case.command).collect();
        let free =
            ["hello", "impossible", "end", "close", "restartIce", "getState", "getStats", "getTransceivers"];
        let missing: Vec<&String> = known
            .iter()
            .filter(|name| !wrong.contains(name.as_str()) && !free.contains(&name.as_str()))
            .collect();
        assert_eq!(missing, Vec::<&String>::new());
    }

    #[test]
    fn early_commands_are_well_formed() {
        for case in early() {
            let mut whole = json!({ "command": case.command });
            if let (Value::Object(whole), false) =
                (&mut whole, case.args.as_object().is_none_or(serde_json::Map::is_empty))
            {
                whole.insert("args".to_owned(), case.args.clone());
            } else if case.args.is_object() {
                whole["args"] = json!({});
            }
            let read = serde_json::from_value::<crate::peers::protocol::Command>(whole);
            assert!(read.is_ok(), "{}: {read:?}", case.command);
        }
    }
}
