//! A call of two peers that negotiate by themselves, and what contradicts it.

use super::super::testing::{contradicted, found};
use super::super::{Contradiction, Fault};
use crate::checks::controls::Recording;
use crate::record::CaseRecord;
use crate::verdict::Layer;
use serde_json::{Value, json};

const OPERATION: &str = "event/acted.operation";

fn sdp(of: &str) -> String {
    format!("v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\na=ice-ufrag:{of}\r\n")
}

fn event(peer: &str, event: &str, data: Value) -> Value {
    json!({"event": {"peer": peer, "seq": 0, "event": {"event": event, "data": data}}})
}

fn act(peer: &str, operation: &str, kind: &str, of: &str) -> Value {
    event(peer, "acted", json!({"operation": operation, "description": {"type": kind, "sdp": sdp(of)}}))
}

fn state(peer: &str, state: &str) -> Value {
    event(peer, "signalingstatechange", json!({"state": state}))
}

fn candidate(port: u16) -> Value {
    json!({"candidate": format!("candidate:1 1 udp 1 192.0.2.2 {port} typ host"), "sdpMid": "0"})
}

fn reported(peer: &str, candidate: &Value) -> Value {
    event(peer, "icecandidate", json!({"candidate": candidate}))
}

fn signalled(from: &str, message: &Value) -> Value {
    json!({"signalled": {"from": from, "message": message}})
}

fn carried(from: &str, kind: &str, of: &str) -> Value {
    signalled(from, &json!({"type": "description", "description": {"type": kind, "sdp": sdp(of)}}))
}

fn carried_candidate(from: &str, candidate: &Value) -> Value {
    signalled(from, &json!({"type": "candidate", "candidate": candidate}))
}

fn command(peer: &str, id: u64, name: &str) -> Value {
    json!({"command": {"peer": peer, "id": id, "name": name, "args": {}}})
}

fn answer(peer: &str, id: u64) -> Value {
    json!({"answer": {"peer": peer, "id": id, "answer": {"ok": null}}})
}

/// Both offer at once, and bob gives way. Alice is the stack's, bob's page is named by the server.
fn glare() -> Vec<Value> {
    vec![
        command("alice", 0, "join"),
        answer("alice", 0),
        event("alice", "acted", json!({"operation": "join"})),
        command("bob", 0, "join"),
        answer("bob", 0),
        event("bob", "acted", json!({"operation": "join"})),
        act("alice", "createOffer", "offer", "a"),
        act("alice", "setLocalDescription", "offer", "a"),
        state("alice", "have-local-offer"),
        reported("alice", &candidate(1)),
        reported("alice", &candidate(2)),
        reported("alice", &Value::Null),
        act("bob", "setLocalDescription", "offer", "b"),
        state("bob", "have-local-offer"),
        reported("bob", &candidate(3)),
        reported("bob", &Value::Null),
        carried("alice", "offer", "a"),
        carried_candidate("alice", &candidate(1)),
        carried_candidate("alice", &candidate(2)),
        carried_candidate("alice", &Value::Null),
        carried("client-1", "offer", "b"),
        carried_candidate("client-1", &candidate(3)),
        carried_candidate("client-1", &Value::Null),
        state("bob", "stable"),
        state("bob", "have-remote-offer"),
        act("bob", "setRemoteDescription", "offer", "a"),
        state("bob", "stable"),
        act("bob", "setLocalDescription", "answer", "c"),
        carried("client-1", "answer", "c"),
        act("alice", "setRemoteDescription", "answer", "c"),
        state("alice", "stable"),
        // Another negotiation, which alice answers.
        act("bob", "setLocalDescription", "offer", "d"),
        state("bob", "have-local-offer"),
        carried("client-1", "offer", "d"),
        state("alice", "have-remote-offer"),
        act("alice", "setRemoteDescription", "offer", "d"),
        act("alice", "createAnswer", "answer", "e"),
        act("alice", "setLocalDescription", "answer", "e"),
        state("alice", "stable"),
        carried("alice", "answer", "e"),
        act("bob", "setRemoteDescription", "answer", "e"),
        state("bob", "stable"),
        command("alice", 1, "getStats"),
        answer("alice", 1),
        command("bob", 1, "getStats"),
        answer("bob", 1),
    ]
}

fn of(what: &[Value]) -> Vec<Contradiction> {
    let record = Recording::Data.record();
    let clock = json!({"peer_clock": {"peer": "bob", "offset_us": 0, "drift_ppm": 0.0, "error_us": 1}});
    let entry = |(n, what): (usize, &Value)| json!({"n": n, "t_us": 1_000 * n, "what": what});
    let entries = what.iter().chain([&clock]).enumerate().map(entry);
    let timeline = entries.map(|it| serde_json::from_value(it).unwrap()).collect();
    found(&CaseRecord { timeline, wire: None, ..record }, super::check)
}

#[test]
fn a_call_of_peers_that_negotiate_by_themselves_contradicts_nothing() {
    assert_eq!(of(&glare()), []);
}

#[test]
fn each_line_of_such_a_call_is_missed() {
    let whole = glare();
    let mut unmissed = Vec::new();
    for missing in 0..whole.len() {
        let mut what = whole.clone();
        let gone = what.remove(missing);
        if gone.get("command").is_none() && gone.get("answer").is_none() && of(&what).is_empty() {
            unmissed.push(missing);
        }
    }
    // The last messages of each: what a peer reports last may not have been sent yet. 23 is the `stable` of an offer that gives way, which
    // some do not report; 29 is an answer that may as well have come too late for the offer that is rolled back afterwards.
    assert_eq!(
        unmissed,
        [19, 22, 23, 29, 39],
        "{:?}",
        unmissed.iter().map(|n| &whole[*n]).collect::<Vec<_>>()
    );
}

#[test]
fn what_is_reported_twice_or_of_another_state_contradicts_itself() {
    let whole = glare();
    for twice in [2, 6, 7, 8, 9, 12, 13, 25, 36, 37, 40] {
        let mut what = whole.clone();
        what.insert(twice, what[twice].clone());
        assert!(!of(&what).is_empty(), "{}", whole[twice]);
    }
    let mut other = glare();
    other[8] = state("alice", "have-remote-offer");
    let found = of(&other);
    contradicted(&found, OPERATION, Layer::Signalling, "alice");
    assert!(found[0].seen.ends_with("it became have-local-offer"), "{found:#?}");
}

#[test]
fn what_the_server_carried_and_the_peer_does_not_report_is_the_peers_fault_and_the_contrary_the_recordings() {
    let without = |n: usize| {
        let mut what = glare();
        what.remove(n);
        of(&what)
    };
    contradicted(&without(9), "event/icecandidate", Layer::Gathering, "alice");
    contradicted(&without(14), "event/icecandidate", Layer::Gathering, "bob");
    for n in [17, 20, 28, 33] {
        let found = without(n);
        assert!(found.iter().all(|it| it.fault == Fault::Recording), "{n}: {found:#?}");
    }
}
