//! What a failure at a STUN or TURN server says of the peers.

use super::causes::finding;
use super::*;
use crate::evidence::{Peer, Wire};
use crate::finding::Status as Stands;
use peerproof_captures::server::ServerEvent;

/// Ends a step that awaited an event of a server in vain.
fn in_vain(case: &mut CaseBuilder, server: &str, expected: Value) {
    case.ended(StepOutcome::TimedOut {
        awaited: serde_json::from_value(expected).unwrap(),
        within_ms: 2000,
        seen: Seen::ServerEvents { server: server.to_owned(), events: Vec::new() },
    });
}

#[test]
fn an_error_of_a_server_is_awaited_of_the_peer_that_should_report_it() {
    let mut case = CaseBuilder::new("");
    let sdp = "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n";
    let configuration = json!({"configuration": {"iceServers": [{"urls": ["turn:192.0.2.2:3478"]}]}});
    case.command("alice", "createPeerConnection", configuration, Answer::Ok(Value::Null));
    case.connects();
    for (from, to, kind) in [("alice", "bob", "offer"), ("bob", "alice", "answer")] {
        let description = json!({"type": kind, "sdp": sdp});
        let create = if kind == "offer" { "createOffer" } else { "createAnswer" };
        case.command(from, create, json!({}), Answer::Ok(description.clone()));
        case.command(
            to,
            "setRemoteDescription",
            json!({"description": description}),
            Answer::Ok(Value::Null),
        );
    }
    let error = json!({"url": "turn:192.0.2.2:3478", "errorCode": 401, "errorText": "Unauthorized"});
    case.event("alice", json!({"event": "icecandidateerror", "data": error}));
    case.ended(StepOutcome::Done);
    case.awaits("bob", json!({"icecandidateerror": {"code": 401}}));
    case.timed_out("bob", json!({"icecandidateerror": {"code": 401}}));
    fails(&case.verdict(), Layer::Gathering, "bob", "icecandidateerror");
}

/// A server event of each client, and a step that awaits it of two sockets.
fn sockets(clients: &[&str]) -> Verdict {
    let mut case = CaseBuilder::new("");
    case.negotiate().ended(StepOutcome::Done);
    let step = json!({"action": {"harness": {"step": "server", "args": {"relay": {"await": "refreshed"}}}}});
    case.began(step.clone()).ended(StepOutcome::Done);
    case.began(step);
    for client in clients {
        let event = ServerEvent::Refreshed { client: (*client).to_owned(), lifetime: 600 };
        case.push(What::Server { server: "relay".to_owned(), event });
    }
    let expected = json!({"server_event": {"server": "relay", "event": "refreshed", "sockets": 2}});
    in_vain(&mut case, "relay", expected);
    let mut wire = Wire::default();
    wire.put_server(Peer(0), "192.0.2.1:1000");
    case.record.wire = Some(wire);
    case.verdict()
}

#[test]
fn the_peer_whose_socket_a_server_did_not_see_is_named() {
    fails(&sockets(&["udp 192.0.2.9:5000"]), Layer::Gathering, "alice", "refreshed");
    fails(&sockets(&["udp 192.0.2.1:1000"]), Layer::Gathering, "bob", "refreshed");
}

/// What each client was refused at the server relay, the error that alice reports, and a step that awaits a refusal with that code of two
/// sockets. Neither peer's packets are recorded.
fn unseen(refused: &[(&str, u16)], error: Option<u16>, code: u16) -> Verdict {
    unseen_of(["stack", "chrome"], refused, error, code)
}

fn unseen_of(peers: [&str; 2], refused: &[(&str, u16)], error: Option<u16>, code: u16) -> Verdict {
    let mut case = CaseBuilder::new("");
    for (peer, of) in case.record.file.peers.iter_mut().zip(peers) {
        of.clone_into(&mut peer.implementation);
    }
    let url = "turn:192.0.2.2:3478";
    let started = json!({"server": "relay", "event": {"started": {"software": "", "urls": [format!("{url}?transport=udp")]}}});
    case.push(serde_json::from_value(json!({ "server": started })).unwrap());
    let configuration = json!({"configuration": {"iceServers": [{"urls": [url]}]}});
    for peer in ["alice", "bob"] {
        case.command(peer, "createPeerConnection", configuration.clone(), Answer::Ok(Value::Null));
    }
    case.negotiate().ended(StepOutcome::Done);
    case.record.timeline.retain(|entry| !matches!(&entry.what, What::Event { event, .. } if matches!(event, PeerEvent::IceCandidate { .. })));
    case.began(json!({"action": {"harness": {"step": "server", "args": {"relay": {"await": "refused"}}}}}));
    for (client, code) in refused {
        let refused = json!({"client": client, "method": "Allocate", "code": code});
        let event = serde_json::from_value(json!({ "refused": refused })).unwrap();
        case.push(What::Server { server: "relay".to_owned(), event });
    }
    if let Some(error) = error {
        let error = json!({"url": url, "errorCode": error, "errorText": ""});
        case.event("alice", json!({"event": "icecandidateerror", "data": error}));
    }
    let expected =
        json!({"server_event": {"server": "relay", "event": "refused", "code": code, "sockets": 2}});
    in_vain(&mut case, "relay", expected);
    case.verdict()
}

#[test]
fn of_two_peers_of_one_implementation_either_is_why_nobody_came_to_a_server() {
    let alike = ["stack", "stack"];
    fails(&unseen_of(alike, &[], None, 300), Layer::Gathering, "alice", "it gathered none");
    // Who came was not refused: that is the server's doing.
    for (peers, refused) in [(["stack", "chrome"], &[][..]), (alike, &[("udp 192.0.2.1:1000", 401)])] {
        let verdict = unseen_of(peers, refused, None, 300);
        assert!(verdict.sentence.starts_with("refused 300"), "{}", verdict.sentence);
    }
}

#[test]
fn a_server_that_one_peer_was_given_is_missed_by_that_one() {
    for given in [["alice"].as_slice(), &["bob"], &["alice", "bob"]] {
        let mut case = CaseBuilder::new("");
        let url = "stun:192.0.2.2:3478";
        let started = ServerEvent::Started { software: String::new(), urls: vec![url.to_owned()] };
        case.push(What::Server { server: "stun".to_owned(), event: started });
        for peer in given {
            let configuration = json!({"configuration": {"iceServers": [{"urls": [url]}]}});
            case.command(peer, "setConfiguration", configuration, Answer::Ok(Value::Null));
        }
        case.negotiate().ended(StepOutcome::Done);
        case.began(json!({"action": {"harness": {"step": "server", "args": {"stun": {"await": "bound"}}}}}));
        case.state("alice", "iceconnectionstatechange", "checking");
        let expected = json!({"server_event": {"server": "stun", "event": "bound", "sockets": 1}});
        in_vain(&mut case, "stun", expected);
        if let [only] = given {
            fails(&case.verdict(), Layer::Gathering, only, "bound of 1 socket");
        } else {
            assert!(case.verdict().sentence.starts_with("bound"), "{}", case.verdict().sentence);
        }
    }
}

#[test]
fn who_was_closed_should_release_its_allocation() {
    for closed in ["alice", "bob"] {
        let mut case = CaseBuilder::new("");
        case.connect();
        case.command(closed, "close", json!({}), Answer::Ok(Value::Null));
        case.began(json!({"action": {"harness": {"step": "server", "args": {"relay": {"await": "ended"}}}}}));
        let expected = json!({"server_event": {"server": "relay", "event": "ended"}});
        in_vain(&mut case, "relay", expected);
        fails(&case.verdict(), Layer::Gathering, closed, "ended at relay should come");
    }
}

/// A client has an allocation whose address is a candidate of alice's, if it is the one named, and alone refreshes it.
#[test]
fn whose_a_client_is_its_candidates_say_where_no_packets_are_seen() {
    for (relayed, side) in [("192.0.2.2:40994", "bob"), ("192.0.2.2:9", "alice")] {
        let mut case = CaseBuilder::new("");
        case.negotiate();
        for (peer, port) in [("alice", 40994), ("bob", 9)] {
            let text = format!("candidate:1 1 udp 16777215 192.0.2.2 {port} typ relay raddr 0.0.0.0 rport 9");
            let candidate = json!({"candidate": text, "sdpMid": "0"});
            case.event(peer, json!({"event": "icecandidate", "data": {"candidate": candidate}}));
        }
        let client = "udp 192.0.2.2:60860";
        let relayed = [relayed.to_owned()].to_vec();
        let allocated =
            ServerEvent::Allocated { client: client.into(), username: "u".into(), relayed, lifetime: 600 };
        let refreshed = ServerEvent::Refreshed { client: client.into(), lifetime: 600 };
        case.push(What::Server { server: "relay".to_owned(), event: allocated })
            .ice()
            .ended(StepOutcome::Done);
        case.began(
            json!({"action": {"harness": {"step": "server", "args": {"relay": {"await": "refreshed"}}}}}),
        );
        case.push(What::Server { server: "relay".to_owned(), event: refreshed });
        let expected = json!({"server_event": {"server": "relay", "event": "refreshed", "sockets": 2}});
        in_vain(&mut case, "relay", expected);
        fails(&case.verdict(), Layer::Gathering, side, "refreshed of 2 sockets");
    }
}

#[test]
fn who_reports_the_refusal_that_is_awaited_of_both_is_not_the_one_that_lacks_it() {
    let (one, other) = ("udp 192.0.2.1:1000", "udp 192.0.2.1:2000");
    // The code that was awaited; any, where the server had one client; none that answers.
    fails(&unseen(&[(one, 401), (one, 486)], Some(486), 486), Layer::Gathering, "bob", "refused 486");
    fails(&unseen(&[(one, 401), (other, 401), (one, 486)], Some(486), 486), Layer::Gathering, "bob", "486");
    fails(&unseen(&[(one, 300)], Some(401), 300), Layer::Gathering, "bob", "refused 300");
    for (refused, error) in [(&[(one, 300)][..], Some(701)), (&[(one, 300)], None), (&[], Some(401))] {
        let verdict = unseen(refused, error, 300);
        assert!(verdict.sentence.starts_with("refused 300"), "{}", verdict.sentence);
    }
}

/// A STUN message with a transaction: attributes are padded to four bytes.
fn stun(kind: [u8; 2], transaction: u8, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (of, value) in attributes {
        body.extend(of.to_be_bytes());
        body.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        body.extend(*value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let mut bytes = kind.to_vec();
    bytes.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    bytes.extend([0x21, 0x12, 0xA4, 0x42]);
    bytes.extend([transaction; 12]);
    bytes.extend(body);
    bytes
}

const ALLOCATE: [u8; 2] = [0, 3];
const ALLOCATE_ERROR: [u8; 2] = [1, 0x13];
const PERMISSION: [u8; 2] = [0, 8];
const PERMISSION_ERROR: [u8; 2] = [1, 0x18];

/// A case in which a server got and sent these messages of alice, and a connection was awaited.
fn served(messages: &[(bool, Vec<u8>)], candidates: bool, servers: &[&str], proven: bool) -> Verdict {
    let mut case = CaseBuilder::new("");
    case.command(
        "alice",
        "createPeerConnection",
        json!({"configuration": {"iceServers": [{"urls": servers}]}}),
        Answer::Ok(Value::Null),
    );
    case.negotiate();
    let is_candidate = |what: &What| matches!(what, What::Event { peer, event: PeerEvent::IceCandidate { .. }, .. } if peer == "alice");
    match candidates {
        true => {
            for entry in &mut case.record.timeline {
                if let What::Event { event: PeerEvent::IceCandidate { candidate: Some(it) }, .. } =
                    &mut entry.what
                {
                    it.candidate = it.candidate.replace("typ host", "typ relay raddr 0.0.0.0 rport 0");
                }
            }
        }
        false => case.record.timeline.retain(|entry| !is_candidate(&entry.what)),
    }
    case.timed_out("alice", json!({"connectionState": "connected"}));
    let wire = case.record.wire.as_mut().unwrap();
    for (sent, bytes) in messages {
        wire.put_server(crate::evidence::Peer(0), "192.0.2.7:50000");
        let last = wire.servers.last_mut().unwrap();
        (last.sent, last.bytes) = (*sent, bytes.clone().into());
    }
    if proven {
        let place = Place::Frame(1);
        case.record.file.findings.push(finding("turn-auth-handshake", "alice", Stands::Pass, false, place));
    }
    case.verdict()
}

#[test]
fn a_server_that_does_not_serve_is_no_peers_fault() {
    const INTEGRITY: (u16, &[u8]) = (8, &[0; 20]);
    let refused = |hundreds: u8, rest: u8| {
        let code = [0, 0, hundreds, rest];
        vec![
            (true, stun(ALLOCATE, 1, &[])),
            (false, stun(ALLOCATE_ERROR, 1, &[(9, &[0, 0, 4, 1])])),
            (true, stun(ALLOCATE, 2, &[INTEGRITY])),
            (false, stun(ALLOCATE_ERROR, 2, &[(9, &code)])),
        ]
    };
    let one = ["turn:192.0.2.200:3478"];
    let gathering = Layer::Gathering;
    fails(
        &served(&refused(4, 86), false, &one, false),
        gathering,
        "network",
        "answered 486 to alice's Allocate",
    );
    fails(
        &served(&refused(4, 1), false, &one, true),
        gathering,
        "network",
        "answered 401 to the credentials",
    );
    let silent = [(true, stun(ALLOCATE, 1, &[])), (true, stun(ALLOCATE, 1, &[]))];
    fails(
        &served(&silent, false, &one, false),
        gathering,
        "network",
        "answered none of alice's 2 Allocate requests",
    );
    // Credentials that may be wrong, what a client can mend, and a server that was never asked.
    for other in [
        served(&refused(4, 1), false, &one, false),
        served(&refused(4, 38), false, &one, true),
        served(&refused(4, 1)[..2], false, &one, true),
        served(&silent, false, &["turn:192.0.2.200:3478", "turn:192.0.2.201:3478"], false),
        served(&[], false, &one, true),
    ] {
        fails(&other, gathering, "alice", "alice should gather candidates");
    }
    let forbidden =
        [(true, stun(PERMISSION, 3, &[])), (false, stun(PERMISSION_ERROR, 3, &[(9, &[0, 0, 4, 3])]))];
    fails(
        &served(&forbidden, true, &one, false),
        Layer::Checks,
        "network",
        "answered 403 to CreatePermission",
    );
    let stale =
        [(true, stun(PERMISSION, 3, &[])), (false, stun(PERMISSION_ERROR, 3, &[(9, &[0, 0, 4, 38])]))];
    assert_ne!(served(&stale, true, &one, false).side.as_deref(), Some("network"));
}

#[test]
fn a_relay_that_the_scenario_stopped_is_no_peers_fault() {
    let verdict = |pair: &str, events: &[&str]| {
        let mut case = CaseBuilder::new("");
        let local = format!("candidate:1 1 udp 1 192.0.2.7 5 {pair}");
        let candidate = json!({"candidate": local, "sdpMid": "0"});
        case.connect();
        case.event("alice", json!({"event": "icecandidate", "data": {"candidate": candidate}}));
        let remote = "candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host";
        let pair = json!({"local": local, "remote": remote});
        case.event("alice", json!({"event": "selectedcandidatepairchange", "data": pair}));
        for event in events {
            let event = match *event {
                "stopped" => json!("stopped"),
                _ => json!({"started": {"software": "", "urls": []}}),
            };
            let what = json!({"server": {"server": "relay", "event": event}});
            case.push(serde_json::from_value(what).unwrap());
        }
        case.state("alice", "icetransportstatechange", "disconnected");
        case.state("alice", "iceconnectionstatechange", "disconnected");
        case.state("alice", "connectionstatechange", "disconnected");
        case.timed_out("bob", json!({"message": {"channel": "chat", "text": "x"}}));
        case.verdict()
    };
    let relay = "typ relay raddr 0.0.0.0 rport 0";
    let stopped = verdict(relay, &["started", "stopped"]);
    fails(&stopped, Layer::Nomination, "network", "the scenario had stopped the server relay");
    for other in [verdict("typ host", &["started", "stopped"]), verdict(relay, &["stopped", "started"])] {
        fails(&other, Layer::Nomination, "alice", "should stay alive");
    }
}
