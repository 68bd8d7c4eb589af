//! What decides a failure: the cause that a finding or the recording names.

use super::*;
use crate::case::{judge, released, stale_pair};
use crate::checks::controls::Recording;
use crate::evidence::Packet;
use crate::finding::{Finding, Status as Stands};
use peerproof_captures::server::ServerEvent;
use peerproof_captures::timeline::Entry;

pub(super) fn finding(
    requirement: &str,
    endpoint: &str,
    result: Stands,
    timing: bool,
    place: Place,
) -> Finding {
    Finding {
        requirement: requirement.to_owned(),
        endpoint: endpoint.to_owned(),
        result,
        faults: Vec::new(),
        sentence: "it was so".to_owned(),
        evidence: vec![place],
        timing,
        waiver: None,
    }
}

/// Bob's DTLS fails after it was negotiated, and the case has a finding.
fn failed_dtls(found: Finding) -> Verdict {
    let mut case = CaseBuilder::new("");
    case.negotiate().ice().state("bob", "dtlsstatechange", "failed");
    case.timed_out("bob", json!({"connectionState": "connected"}));
    case.record.file.findings.push(found);
    case.verdict()
}

#[test]
fn a_finding_that_names_the_cause_decides_layer_and_side() {
    let forged = "sec-fingerprint-matches-presented-cert";
    let found = |place| finding(forged, "alice", Stands::Fail, false, place);
    let verdict = failed_dtls(found(Place::Entry(2)));
    fails(&verdict, Layer::Dtls, "alice", "alice violates sec-fingerprint-matches-presented-cert");
    assert!(verdict.sentence.contains("as a consequence"), "{}", verdict.sentence);
    // One that came after the failure caused nothing.
    let mut case = CaseBuilder::new("");
    case.negotiate().ice().state("bob", "dtlsstatechange", "failed");
    case.timed_out("bob", json!({"connectionState": "connected"}));
    let later = case.record.timeline.len() as u64;
    case.event("alice", json!({"event": "log", "data": {"level": "info", "message": "later"}}));
    case.record.file.findings.push(found(Place::Entry(later)));
    fails(&case.verdict(), Layer::Dtls, "bob", "it failed at bob");
}

#[test]
fn what_comes_after_a_path_is_lost_did_not_make_it_lost() {
    let verdict = |before: bool| {
        let mut case = CaseBuilder::new("");
        case.connect();
        let awaited = json!({"message": {"channel": "chat"}});
        let violates = |case: &mut CaseBuilder| {
            let place = Place::Entry(case.record.timeline.len() as u64);
            case.event("alice", json!({"event": "log", "data": {"level": "info", "message": "here"}}));
            let found = finding("stun-response-integrity", "alice", Stands::Fail, false, place);
            case.record.file.findings.push(found);
        };
        if before {
            violates(&mut case);
        }
        case.awaits("bob", awaited.clone()).state("bob", "iceconnectionstatechange", "disconnected");
        if !before {
            violates(&mut case);
        }
        case.timed_out("bob", awaited);
        case.verdict()
    };
    fails(&verdict(true), Layer::Checks, "alice", "alice violates stun-response-integrity");
    let later = verdict(false);
    assert!(!later.sentence.contains("violates"), "{}", later.sentence);
}

#[test]
fn a_finding_above_the_failure_or_a_known_one_is_no_cause() {
    let above = finding("dcep-open-ppid-50", "alice", Stands::Fail, false, Place::Entry(2));
    fails(&failed_dtls(above), Layer::Dtls, "bob", "it failed at bob");
    let mut known = finding("ice-options-ice2", "alice", Stands::Fail, false, Place::Entry(2));
    known.waiver = Some(Waiver { reason: "so it is".to_owned(), link: String::new() });
    fails(&failed_dtls(known), Layer::Dtls, "bob", "it failed at bob");
}

#[test]
fn a_finding_in_a_description_causes_only_what_it_can() {
    // The line of alice's offer at which the finding is, whether the peers connect, and whether both exchange descriptions again.
    let is_cause = |requirement: &str, line: usize, connects: bool, again: bool| {
        let mut case = CaseBuilder::new("");
        let carried = |from: &str, to: &str, kind: &str| {
            let sdp = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96\r\na=setup:active\r\na=fmtp:96 x\r\n";
            let what = json!({"carried": {"from": from, "to": to, "sent": {"type": kind, "sdp": sdp}}});
            serde_json::from_value::<What>(what).unwrap()
        };
        case.push(carried("alice", "bob", "offer")).push(carried("bob", "alice", "answer"));
        case.negotiate().ice();
        if connects {
            case.dtls();
        }
        if again {
            case.push(carried("alice", "bob", "offer")).push(carried("bob", "alice", "answer"));
        }
        case.timed_out("bob", json!({"datachannel": "chat"}));
        let place = Place::Line { entry: 0, line };
        case.record.file.findings.push(finding(requirement, "alice", Stands::Fail, false, place));
        case.verdict().sentence.contains("as a consequence")
    };
    let setup = "dtls-offer-actpass";
    assert!(is_cause(setup, 3, true, false));
    assert!(is_cause(setup, 3, false, true));
    // The peers connected by it, and other descriptions have taken its place.
    assert!(!is_cause(setup, 3, true, true));
    // What a codec takes does not keep a channel from opening.
    assert!(!is_cause("sdp-attributes-of-listed-formats", 4, true, false));
    assert!(!is_cause("sdp-fmtp-once-per-format", 4, true, false));
    assert!(is_cause("sdp-fmtp-once-per-format", 2, true, false));
    assert!(!is_cause("jsep-balanced-bundle-only", 2, true, false));
}

#[test]
fn a_finding_that_only_the_load_leaves_in_doubt_names_the_other_side() {
    let lost = "dtls-lost-flight-retransmitted";
    let doubtful = finding(lost, "alice", Stands::Inconclusive, true, Place::Entry(2));
    fails(&failed_dtls(doubtful), Layer::Dtls, "alice", "seems to violate");
    let unclear = finding(lost, "alice", Stands::Inconclusive, false, Place::Entry(2));
    fails(&failed_dtls(unclear), Layer::Dtls, "bob", "it failed at bob");
}

#[test]
fn controls_listen_to_findings_too() {
    let mut case = CaseBuilder::new("");
    case.negotiate().ice().state("bob", "dtlsstatechange", "failed");
    case.timed_out("bob", json!({"connectionState": "connected"}));
    case.record.file.control_of = Some("data/echo".to_owned());
    let found =
        finding("sec-fingerprint-matches-presented-cert", "alice", Stands::Fail, false, Place::Entry(2));
    case.record.file.findings.push(found);
    fails(&case.verdict(), Layer::Dtls, "alice", "violates");
}

#[test]
fn a_description_that_contradicts_itself_is_its_makers_fault() {
    let refused = |sdp: &str, delivered: Option<&str>| {
        let mut case = CaseBuilder::new("");
        let offer = json!({"type": "offer", "sdp": sdp});
        case.connects().command("alice", "createOffer", json!({}), Answer::Ok(offer.clone()));
        let got = delivered.map(|sdp| json!({"type": "offer", "sdp": sdp}));
        let carried = json!({"carried": {"from": "alice", "to": "bob", "sent": offer, "delivered": got}});
        case.push(serde_json::from_value(carried).unwrap());
        let answer = Answer::Rejected { name: "OperationError".into(), message: "no".into() };
        let set = got.unwrap_or(offer);
        case.command("bob", "setRemoteDescription", json!({"description": set}), answer);
        case.ended(StepOutcome::Wrong {
            expected: Expected::Success { peer: "bob".into(), command: "setRemoteDescription".into() },
            seen: Seen::Exception { name: "OperationError".into(), message: "no".into() },
        });
        case.verdict()
    };
    let video = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 VP8/90000\r\n";
    fails(&refused(video, None), Layer::Sdp, "bob", "rejected it with OperationError");
    let stray = format!("{video}a=rtcp-fb:97 nack\r\n");
    fails(&refused(&stray, None), Layer::Sdp, "alice", "section 0 has a=rtcp-fb:97 nack");
    // A command may hand it on, instead of a step that carries it.
    let mut case = CaseBuilder::new("");
    let offer = json!({"type": "offer", "sdp": stray});
    case.command("alice", "createOffer", json!({}), Answer::Ok(offer.clone()));
    let args = json!({"description": "offer"});
    case.began(json!({"peer": "bob", "action": {"command": {"name": "setRemoteDescription", "args": args}}}));
    let answer = Answer::Rejected { name: "OperationError".into(), message: "no".into() };
    case.command("bob", "setRemoteDescription", json!({"description": offer}), answer);
    case.ended(StepOutcome::Wrong {
        expected: Expected::Success { peer: "bob".into(), command: "setRemoteDescription".into() },
        seen: Seen::Exception { name: "OperationError".into(), message: "no".into() },
    });
    fails(&case.verdict(), Layer::Sdp, "alice", "section 0 has a=rtcp-fb:97 nack");
    // Changed on the way it is neither's.
    let changed = refused(video, Some(&stray));
    fails(&changed, Layer::Sdp, "network", "which the scenario changed on the way, but it rejected it");
}

#[test]
fn an_answer_that_must_be_refused_is_its_makers_fault_known_or_not() {
    let refused = |requirement: &str, entry: u64| {
        let sdp = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";
        let mut case = CaseBuilder::new("");
        case.connects();
        let answer = json!({"type": "answer", "sdp": sdp});
        case.command("bob", "createAnswer", json!({}), Answer::Ok(answer.clone()));
        let carried = json!({"carried": {"from": "bob", "to": "alice", "sent": answer, "delivered": null}});
        case.push(serde_json::from_value(carried).unwrap());
        let rejected = Answer::Rejected { name: "InvalidAccessError".into(), message: "no".into() };
        case.command("alice", "setRemoteDescription", json!({"description": answer}), rejected);
        case.ended(StepOutcome::Wrong {
            expected: Expected::Success { peer: "alice".into(), command: "setRemoteDescription".into() },
            seen: Seen::Exception { name: "InvalidAccessError".into(), message: "no".into() },
        });
        let place = Place::Line { entry, line: 2 };
        let mut found = finding(requirement, "bob", Stands::Fail, false, place);
        found.waiver = Some(Waiver { reason: "known".to_owned(), link: String::new() });
        case.record.file.findings.push(found);
        case.verdict()
    };
    let role = "dtls-role-kept-on-renegotiation";
    for known in [role, "extmap-no-remap-on-renegotiation"] {
        fails(&refused(known, 2), Layer::Sdp, "bob", known);
    }
    fails(&refused("ice-options-ice2", 2), Layer::Sdp, "alice", "alice should accept");
    // Of another description.
    fails(&refused(role, 0), Layer::Sdp, "alice", "alice should accept");
}

#[test]
fn a_message_that_the_other_side_does_not_allow_is_its_fault_unless_the_scenario_wants_the_rejection() {
    let judged = |last: &str, offer: &str, answer: &str| {
        let mut case = CaseBuilder::new("");
        case.connect();
        for (from, to, kind, line) in [("alice", "bob", "offer", offer), ("bob", "alice", "answer", answer)] {
            let sdp = format!("v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n{line}");
            let sent = json!({"type": kind, "sdp": sdp});
            let carried = json!({"carried": {"from": from, "to": to, "sent": sent, "delivered": null}});
            case.push(serde_json::from_value(carried).unwrap());
        }
        let wrong = StepOutcome::Wrong {
            expected: Expected::Success { peer: "alice".into(), command: "send".into() },
            seen: Seen::Exception { name: "TypeError".into(), message: "no".into() },
        };
        for (text, outcome) in [("too long", StepOutcome::Done), (last, wrong)] {
            case.awaits("alice", json!({"connectionState": "connected"}));
            let args = json!({"channel": "chat", "message": {"text": text}});
            let answer = Answer::Rejected { name: "TypeError".into(), message: "no".into() };
            case.command("alice", "send", args, answer).ended(outcome);
        }
        case.verdict()
    };
    let five = "a=max-message-size:5\r\n";
    fails(&judged("too long", "", five), Layer::DataChannel, "bob", "announces a=max-message-size:5");
    fails(&judged("short", "", five), Layer::DataChannel, "alice", "TypeError");
    // A description that does not say it stands for 64 KiB (RFC 8841 §6.1).
    let long = "x".repeat(65_537);
    let more = "a=max-message-size:262144\r\n";
    fails(&judged(&long, more, ""), Layer::DataChannel, "bob", "announces no a=max-message-size");
    fails(&judged(&long[1..], more, ""), Layer::DataChannel, "alice", "TypeError");
    for less in ["", "a=max-message-size:65536\r\n"] {
        fails(&judged(&long, less, ""), Layer::DataChannel, "alice", "TypeError");
    }
}

#[test]
fn who_keeps_its_credentials_in_a_restart_is_why_the_path_does_not_come_back() {
    let verdict = |state: &str, awaited: &str| {
        let mut case = CaseBuilder::new("");
        case.connect();
        let mut kept =
            finding("ice-restart-changes-both-credentials", "bob", Stands::Fail, false, Place::Entry(9));
        kept.waiver = Some(Waiver { reason: "so it is".to_owned(), link: String::new() });
        case.record.file.findings.push(kept);
        case.state("alice", "iceconnectionstatechange", state);
        case.timed_out("alice", json!({"iceConnectionState": awaited}));
        case.verdict()
    };
    fails(&verdict("disconnected", "connected"), Layer::Sdp, "bob", "bob violates ice-restart-changes");
    fails(&verdict("checking", "completed"), Layer::Sdp, "bob", "as a consequence");
    for other in [verdict("connected", "completed"), verdict("disconnected", "failed")] {
        assert!(!other.sentence.contains("violates"), "{}", other.sentence);
        assert_eq!(other.side.as_deref(), Some("alice"));
    }
}

#[test]
fn an_answer_with_a_role_that_was_not_free_is_why_nobody_begins_a_handshake() {
    let verdict = |connects: bool| {
        let mut case = CaseBuilder::new("");
        case.negotiate().ice();
        if connects {
            case.dtls();
        }
        let mut found = finding("dtls-answer-setup-valid", "bob", Stands::Fail, false, Place::Entry(9));
        found.waiver = Some(Waiver { reason: "so it is".to_owned(), link: String::new() });
        case.record.file.findings.push(found);
        case.timed_out("alice", json!({"open": "chat"}));
        case.verdict()
    };
    fails(&verdict(false), Layer::Sdp, "bob", "bob violates dtls-answer-setup-valid");
    assert!(!verdict(true).sentence.contains("violates"));
}

#[test]
fn who_closed_by_itself_is_why_the_other_loses_the_path() {
    let verdict = |closes: bool| {
        let mut case = CaseBuilder::new("");
        // Its states are not those of the standard: no claim is contradicted.
        case.record.file.peers[0].features = Some(Vec::new());
        case.connect();
        if closes {
            case.state("alice", "iceconnectionstatechange", "closed");
            case.state("alice", "connectionstatechange", "closed");
        }
        case.state("bob", "iceconnectionstatechange", "disconnected");
        case.state("bob", "connectionstatechange", "disconnected");
        case.timed_out("bob", json!({"message": {"channel": "chat", "text": "x"}}));
        case.verdict()
    };
    fails(&verdict(true), Layer::Nomination, "alice", "after alice had closed by itself");
    fails(&verdict(false), Layer::Nomination, "bob", "should stay alive");
}

#[test]
fn a_relay_that_is_gone_and_announced_again() {
    let verdict_of = |address: &str, connects: bool| {
        let mut case = CaseBuilder::new("");
        case.negotiate();
        let server = |event| What::Server { server: "relay".to_owned(), event };
        let client = "udp 192.0.2.1:1000".to_owned();
        case.push(server(ServerEvent::Allocated {
            client: client.clone(),
            username: "u".to_owned(),
            relayed: vec!["192.0.2.200:4000".to_owned()],
            lifetime: 600,
        }));
        let carried = |ufrag: &str| {
            let sdp =
                format!("v=0\r\na=ice-ufrag:{ufrag}\r\na=candidate:1 1 udp 1 {address} 4000 typ relay\r\n");
            let sent = json!({"type": "offer", "sdp": sdp});
            serde_json::from_value(json!({"carried": {"from": "alice", "to": "bob", "sent": sent}})).unwrap()
        };
        case.push(carried("one"));
        case.push(server(ServerEvent::Ended { client, ending: "ended".to_owned(), sent: 0, received: 0 }));
        case.push(carried("two"));
        if connects {
            case.state("alice", "iceconnectionstatechange", "connected");
        }
        case.timed_out("alice", json!({"iceConnectionState": "connected"}));
        case.verdict()
    };
    let verdict = |address: &str| verdict_of(address, false);
    fails(&verdict("192.0.2.200"), Layer::Gathering, "alice", "192.0.2.200:4000 has ended");
    assert_eq!(verdict("192.0.2.201").layer, Some(Layer::Checks));
    // The checks succeed nevertheless.
    let connected = verdict_of("192.0.2.200", true);
    assert!(!connected.sentence.contains("has ended"), "{connected:?}");
}

#[test]
fn a_transport_that_is_begun_anew_without_a_restart() {
    let verdict = |follows: bool| {
        let mut case = CaseBuilder::new("");
        case.connect();
        case.state("alice", "icetransportstatechange", "new").state(
            "alice",
            "iceconnectionstatechange",
            "new",
        );
        if follows {
            case.state("bob", "icetransportstatechange", "new").state(
                "bob",
                "iceconnectionstatechange",
                "new",
            );
        }
        case.send("alice", "one");
        case.awaits("bob", json!({"message": {"channel": "chat", "text": "one"}}));
        case.timed_out("bob", json!({"message": {"channel": "chat", "text": "one"}}));
        case.verdict()
    };
    fails(&verdict(true), Layer::DataChannel, "alice", "went from connected to new");
    fails(&verdict(false), Layer::DataChannel, "bob", "should come within");
}

/// What alice is blamed for that selects, in an ICE restart, a pair with a candidate of bob's of this username fragment, which the
/// candidate's text `names`, or which bob alone reported.
fn restarted_with_a_pair_to(remote: &str, names: bool) -> Option<(Layer, String)> {
    let candidate = |port: u16, ufrag: &str| {
        format!("candidate:1 1 udp 2122252543 192.0.2.2 {port} typ host generation 1 ufrag {ufrag}")
    };
    let nameless = "candidate:1 1 UDP 2122252543 192.0.2.2 6001 typ host";
    let described = |from: &str, to: &str, ufrag: &str| {
        let sent = json!({"type": "offer", "sdp": format!("v=0\r\na=ice-ufrag:{ufrag}\r\n")});
        serde_json::from_value(json!({"carried": {"from": from, "to": to, "sent": sent, "delivered": null}}))
            .unwrap()
    };
    let mut case = CaseBuilder::new("");
    case.connect();
    case.push(described("alice", "bob", "a1")).push(described("bob", "alice", "b1"));
    case.push(described("alice", "bob", "a2"));
    let known = json!({"candidate": nameless, "sdpMid": "0", "usernameFragment": remote});
    case.event("bob", json!({"event": "icecandidate", "data": {"candidate": known}}));
    let remote = if names { candidate(6001, remote) } else { nameless.to_owned() };
    let local = candidate(5002, "a2");
    case.event(
        "alice",
        json!({"event": "selectedcandidatepairchange", "data": {"local": local, "remote": remote}}),
    );
    case.push(described("bob", "alice", "b2"));
    let cause = stale_pair::cause(&case.record, Layer::DataChannel, u64::MAX);
    cause.map(|cause| (cause.layer, cause.side))
}

#[test]
fn a_pair_with_a_candidate_of_before_the_restart_is_the_fault_of_who_selected_it() {
    let alice = || Some((Layer::Nomination, "alice".to_owned()));
    assert_eq!(restarted_with_a_pair_to("b1", true), alice());
    assert_eq!(restarted_with_a_pair_to("b2", true), None);
    assert_eq!(restarted_with_a_pair_to("b1", false), alice());
    assert_eq!(restarted_with_a_pair_to("b2", false), None);
}

#[test]
fn who_gives_its_relay_up_before_it_said_goodbye_is_to_blame_that_the_other_waits() {
    let blamed = |answers_with_dtls: bool, lifetime: u8| {
        let mut record = Recording::Relay.record();
        let wire = record.wire.as_mut().unwrap();
        let relayed =
            wire.packets.iter().rfind(|it| it.via.is_some() && it.tap == it.sender).unwrap().clone();
        let user = relayed.sender;
        wire.packets.retain(|it| it.t_us <= relayed.t_us);
        wire.servers.retain(|it| it.t_us <= relayed.t_us);
        record.timeline.retain(|it| it.t_us <= relayed.t_us);
        let (t_us, frame) = (relayed.t_us, relayed.frame);
        if answers_with_dtls {
            let alert = [21, 254, 253, 0, 1, 0, 0, 0, 0, 0, 1, 0, 2, 1, 0].to_vec();
            wire.packets.push(Packet { t_us: t_us + 2, frame: frame + 2, bytes: alert.into(), ..relayed });
        }
        let mut refresh = vec![0, 4, 0, 8, 0x21, 0x12, 0xa4, 0x42];
        refresh.extend([7; 12]);
        refresh.extend([0, 13, 0, 4, 0, 0, 0, lifetime]);
        let mut message = wire.servers.iter().find(|it| it.peer == user && it.sent).unwrap().clone();
        (message.t_us, message.frame, message.bytes) = (t_us + 3, frame + 3, refresh.into());
        wire.servers.push(message);
        let name = record.file.peers[user.0].name.clone();
        let other = record.other(&name).unwrap().to_owned();
        let what = What::Command { peer: name.clone(), id: 9_000, name: "close".to_owned(), args: json!({}) };
        record.timeline.push(Entry { n: 9_000, t_us: t_us + 1, what });
        let mut failure = judge::verdict(Outcome::Fail, String::new());
        failure.side = Some(other);
        released::cause(&record, Layer::Dtls, &failure).map(|cause| cause.side == name)
    };
    assert_eq!(blamed(false, 0), Some(true));
    assert_eq!(blamed(true, 0), None);
    assert_eq!(blamed(false, 1), None);
}

#[test]
fn a_step_that_sends_before_the_channel_is_open_is_no_peers_fault() {
    let verdict = |is_open: bool| {
        let mut case = CaseBuilder::new("");
        case.connect();
        let label = if is_open { "chat" } else { "second" };
        let args = json!({"channel": label, "message": {"text": "one"}});
        case.began(json!({"peer": "bob", "action": {"command": {"name": "send", "args": args}}}));
        let rejected = Answer::Rejected { name: "InvalidStateError".into(), message: "connecting".into() };
        case.command("bob", "send", args, rejected);
        case.ended(StepOutcome::Wrong {
            expected: Expected::Success { peer: "bob".into(), command: "send".into() },
            seen: Seen::Exception { name: "InvalidStateError".into(), message: "connecting".into() },
        });
        case.verdict()
    };
    let early = verdict(false);
    assert_eq!(early.outcome, Outcome::Inconclusive);
    assert!(early.sentence.contains("should await { open: second } at bob"), "{}", early.sentence);
    assert_eq!(verdict(true).outcome, Outcome::Fail);
}

#[test]
fn a_step_that_sends_after_the_scenario_closed_the_channel_is_no_peers_fault() {
    let closed = |asked: Option<(&str, &str)>, event: &str| {
        let mut case = CaseBuilder::new("");
        case.connect();
        if let Some((peer, command)) = asked {
            let args = json!({"channel": "chat"});
            case.began(json!({"peer": peer, "action": {"command": {"name": command, "args": args}}}));
            case.command(peer, command, args, Answer::Ok(Value::Null)).ended(StepOutcome::Done);
        }
        if event != "none" {
            case.event("bob", json!({"event": event, "data": {"channel": "chat"}}));
        }
        let args = json!({"channel": "chat", "message": {"text": "one"}});
        case.began(json!({"peer": "bob", "action": {"command": {"name": "send", "args": args}}}));
        let rejected = Answer::Rejected { name: "InvalidStateError".into(), message: "closed".into() };
        case.command("bob", "send", args, rejected);
        case.ended(StepOutcome::Wrong {
            expected: Expected::Success { peer: "bob".into(), command: "send".into() },
            seen: Seen::Exception { name: "InvalidStateError".into(), message: "closed".into() },
        });
        case
    };
    let verdict = |asked, event| closed(asked, event).verdict();
    let [closing, close] = ["channelclosing", "channelclose"];
    for (asked, event) in
        [(("alice", "close"), closing), (("alice", "closeDataChannel"), close), (("bob", "close"), "none")]
    {
        let late = verdict(Some(asked), event);
        assert_eq!(late.outcome, Outcome::Inconclusive, "{late:?}");
        assert!(late.sentence.contains("after the scenario had it closed"), "{}", late.sentence);
    }
    assert_eq!(verdict(None, close).outcome, Outcome::Fail);
    // A control shows that the failure is found.
    let mut case = closed(Some(("alice", "close")), close);
    case.record.file.control_of = Some("data/echo".to_owned());
    assert_eq!(case.verdict().outcome, Outcome::Fail);
    fails(&verdict(Some(("alice", "close")), "none"), Layer::DataChannel, "bob", "InvalidState");
}

#[test]
fn a_section_that_is_offered_on_after_it_was_stopped_keeps_the_track_from_ending() {
    let verdict = |endpoint: &str, awaited: Value| {
        let mut case = CaseBuilder::new("");
        case.connect();
        let place = Place::Entry(case.record.timeline.len() as u64);
        case.command("alice", "createOffer", json!({}), Answer::Ok(Value::Null));
        case.timed_out("bob", awaited);
        let mut known = finding("jsep-stopped-section-port-zero", endpoint, Stands::Fail, false, place);
        known.waiver = Some(Waiver { reason: "so it is".to_owned(), link: String::new() });
        // What is of the same moment does not come before it.
        let other = finding("oa-answer-direction-compatible", "bob", Stands::Fail, false, place);
        case.record.file.findings.extend([other, known]);
        case.verdict()
    };
    let ended = || json!({"ended": "seen"});
    fails(&verdict("alice", ended()), Layer::Sdp, "alice", "as a consequence, ended seen at bob should come");
    let message = json!({"message": {"channel": "chat", "text": "x"}});
    for other in [verdict("bob", ended()), verdict("alice", message)] {
        assert!(!other.sentence.contains("jsep-stopped"), "{other:?}");
    }
    // The transceiver of the section is still there.
    let transceivers = |seen: Value| {
        let mut case = CaseBuilder::new("");
        case.connect();
        let place = Place::Entry(case.record.timeline.len() as u64);
        let sdp = "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n";
        let offer = json!({"type": "offer", "sdp": sdp});
        case.command("alice", "createOffer", json!({}), Answer::Ok(offer));
        let args = json!({"command": {"name": "getTransceivers", "args": {}}});
        case.began(json!({"peer": "bob", "action": args}));
        let (command, path) = ("getTransceivers".to_owned(), Vec::new());
        let value = json!([{"kind": "audio"}]);
        case.ended(StepOutcome::Wrong {
            expected: Expected::AnswerValue {
                peer: "bob".into(),
                command: command.clone(),
                path: path.clone(),
                value,
            },
            seen: Seen::AnswerValue { command, path, value: seen },
        });
        let mut known = finding("jsep-stopped-section-port-zero", "alice", Stands::Fail, false, place);
        known.waiver = Some(Waiver { reason: "so it is".to_owned(), link: String::new() });
        case.record.file.findings.push(known);
        case.verdict()
    };
    let two = transceivers(json!([{"kind": "audio"}, {"kind": "video"}]));
    fails(&two, Layer::Sdp, "alice", "as a consequence, getTransceivers should be");
    fails(&transceivers(json!([{"kind": "video"}])), Layer::Media, "bob", "getTransceivers should be");
}
