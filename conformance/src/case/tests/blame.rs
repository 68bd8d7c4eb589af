//! Which layer and which side is named.

use super::*;

#[test]
fn the_first_layer_that_diverged_is_named() {
    let awaited = || json!({"message": {"channel": "chat", "text": "one"}});
    let mut case = CaseBuilder::new("");
    case.negotiate().timed_out("bob", awaited());
    fails(&case.verdict(), Layer::Checks, "bob", "connectivity checks of alice and bob should succeed");

    let mut case = CaseBuilder::new("");
    case.negotiate().ice().state("bob", "dtlsstatechange", "failed").timed_out("bob", awaited());
    fails(&case.verdict(), Layer::Dtls, "bob", "it failed at bob");

    let mut case = CaseBuilder::new("");
    case.negotiate().ice().dtls().state("bob", "sctpstatechange", "connected").timed_out("bob", awaited());
    fails(&case.verdict(), Layer::Sctp, "alice", "SCTP association should be established at alice");

    let mut case = CaseBuilder::new("");
    case.negotiate().ice().dtls();
    case.state("alice", "sctpstatechange", "connected").state("bob", "sctpstatechange", "connected");
    case.timed_out("bob", awaited());
    fails(&case.verdict(), Layer::DataChannel, "alice", "the channel \"chat\" should open at alice");
}

#[test]
fn a_refused_candidate_is_the_cause_only_where_no_pair_was_found() {
    let refused = |connected: bool| {
        let mut case = CaseBuilder::new("");
        case.negotiate();
        let answer = Answer::Rejected { name: "OperationError".to_owned(), message: "no".to_owned() };
        case.command("alice", "addIceCandidate", json!({}), answer);
        if connected {
            case.ice();
            case.state("bob", "dtlsstatechange", "failed").state("bob", "iceconnectionstatechange", "closed");
        }
        case.timed_out("alice", json!({"connectionState": "connected"}));
        case.verdict()
    };
    fails(&refused(false), Layer::Sdp, "alice", "it rejected it with OperationError");
    fails(&refused(true), Layer::Dtls, "bob", "it failed at bob");
}

#[test]
fn an_offer_that_never_arrives_is_signalling_and_a_refused_one_sdp() {
    let offer = json!({"type": "offer", "sdp": "v=0\r\n"});
    let mut case = CaseBuilder::new("");
    case.connects().command("alice", "createOffer", json!({}), Answer::Ok(offer.clone()));
    case.timed_out("alice", json!({"connectionState": "connected"}));
    fails(&case.verdict(), Layer::Signalling, "bob", "alice's offer should reach bob");

    // No step hands it on.
    let mut case = CaseBuilder::new("");
    case.command("alice", "createOffer", json!({}), Answer::Ok(offer.clone()));
    case.awaits("alice", json!({"connectionState": "connected"}));
    case.timed_out("alice", json!({"connectionState": "connected"}));
    fails(&case.verdict(), Layer::Signalling, "network", "no step of the scenario gave it to bob");
    // The state of who offered does not depend on that.
    let state = |value: &str| {
        let mut case = CaseBuilder::new("");
        case.command("alice", "createOffer", json!({}), Answer::Ok(offer.clone()));
        let args = json!({"command": {"name": "getState", "args": {}}});
        case.began(json!({"peer": "alice", "action": args}));
        let (command, path) = ("getState".to_owned(), serde_json::from_value(json!(["signaling"])).unwrap());
        case.ended(StepOutcome::Wrong {
            expected: Expected::AnswerValue {
                peer: "alice".into(),
                command: command.clone(),
                path: Vec::clone(&path),
                value: json!(value),
            },
            seen: Seen::AnswerValue { command, path, value: json!("have-local-offer") },
        });
        case.verdict()
    };
    fails(&state("have-remote-offer"), Layer::Sdp, "alice", "should be \"have-remote-offer\"");
    fails(&state("stable"), Layer::Signalling, "network", "no step of the scenario gave it to bob");

    let mut case = CaseBuilder::new("");
    case.connects().command("alice", "createOffer", json!({}), Answer::Ok(offer.clone()));
    let answer = Answer::Rejected { name: "OperationError".into(), message: "no".into() };
    case.command("bob", "setRemoteDescription", json!({"description": offer}), answer);
    case.ended(StepOutcome::Wrong {
        expected: Expected::Success { peer: "bob".into(), command: "setRemoteDescription".into() },
        seen: Seen::Exception { name: "OperationError".into(), message: "no".into() },
    });
    fails(&case.verdict(), Layer::Sdp, "bob", "rejected it with OperationError");
}

#[test]
fn two_offers_that_were_each_set_as_an_answer_arrived() {
    let sdp = "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n";
    let mut case = CaseBuilder::new("");
    case.connects();
    for peer in ["alice", "bob"] {
        let offer = Answer::Ok(json!({"type": "offer", "sdp": sdp}));
        case.command(peer, "createOffer", json!({}), offer);
    }
    for peer in ["alice", "bob"] {
        let description = json!({"description": {"type": "answer", "sdp": sdp}});
        case.command(peer, "setRemoteDescription", description, Answer::Ok(Value::Null));
    }
    for peer in ["alice", "bob"] {
        let candidate =
            json!({"candidate": "candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host", "sdpMid": "0"});
        case.event(peer, json!({"event": "icecandidate", "data": {"candidate": candidate}}));
    }
    case.timed_out("alice", json!({"connectionState": "connected"}));
    case.packets(&[("alice", Direction::Outbound, CHECK), ("alice", Direction::Outbound, CHECK)]);
    fails(&case.verdict(), Layer::Checks, "bob", "bob answered none of alice's 2 Binding requests");
}

#[test]
fn what_a_changed_description_makes_fail_is_neither_peers_fault() {
    let judged = |changed: Option<(&str, &str)>, kind: &str, awaited: Value, ice: bool| {
        let mut case = CaseBuilder::new("");
        case.negotiate();
        let sdp =
            "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=ice-pwd:one\r\na=setup:active\r\n";
        let sent = json!({"type": kind, "sdp": sdp});
        let delivered = changed.map(|(was, is)| json!({"type": kind, "sdp": sdp.replace(was, is)}));
        let (from, to) = if kind == "offer" { ("alice", "bob") } else { ("bob", "alice") };
        let carried = json!({"from": from, "to": to, "sent": sent, "delivered": delivered});
        case.push(serde_json::from_value(json!({ "carried": carried })).unwrap());
        if ice {
            case.ice().state("alice", "dtlsstatechange", "failed");
        }
        case.timed_out("alice", awaited);
        case.verdict()
    };
    let connected = || json!({"connectionState": "connected"});
    let (password, role) = (Some(("pwd:one", "pwd:two")), Some(("active", "passive")));
    let words = "the scenario changed ice-pwd in bob's answer on its way to alice";
    fails(&judged(password, "answer", connected(), false), Layer::Checks, "network", words);
    fails(&judged(role, "answer", connected(), true), Layer::Dtls, "network", "the scenario changed setup");
    // What shows at another layer, what the answer follows, what nobody changed, and a failure that is awaited.
    fails(&judged(password, "answer", connected(), true), Layer::Dtls, "alice", "it failed at alice");
    fails(&judged(role, "offer", connected(), true), Layer::Dtls, "alice", "it failed at alice");
    fails(&judged(None, "answer", connected(), false), Layer::Checks, "bob", "should succeed");
    let failed = judged(role, "answer", json!({"connectionState": "failed"}), false);
    assert_ne!(failed.side.as_deref(), Some("network"), "{failed:?}");
}

#[test]
fn candidates_that_all_were_changed_on_their_way_are_neither_peers_fault() {
    let judged = |intact: bool, rewritten: Option<&str>| {
        let mut case = CaseBuilder::new("");
        case.negotiate();
        for (from, to) in [("alice", "bob"), ("bob", "alice")] {
            let candidate =
                |address: &str| json!({"candidate": format!("candidate:1 1 udp 1 {address} 5 typ host")});
            let is_intact = intact && from == "bob";
            let got = candidate(if is_intact { "192.0.2.7" } else { "198.51.100.66" });
            let carried = json!({"from": from, "to": to, "sent": candidate("192.0.2.7"), "delivered": got});
            case.push(serde_json::from_value(json!({ "carried_candidate": carried })).unwrap());
        }
        if let Some(sdp) = rewritten {
            let sent = json!({"type": "answer", "sdp": sdp});
            let carried = json!({"from": "bob", "to": "alice", "sent": sent, "delivered": null});
            case.push(serde_json::from_value(json!({ "carried": carried })).unwrap());
        }
        case.timed_out("alice", json!({"connectionState": "connected"}));
        case.verdict()
    };
    let words = "the scenario changed or dropped every candidate on its way";
    fails(&judged(false, None), Layer::Checks, "network", words);
    fails(&judged(true, None), Layer::Checks, "bob", "should succeed");
    let inside = "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=candidate:1 1 udp 1 192.0.2.7 5 typ host\r\n";
    fails(&judged(false, Some(inside)), Layer::Checks, "bob", "should succeed");
}

#[test]
fn an_expectation_of_a_connection_fails_by_a_changed_description_too() {
    let judged = |expect: &str| {
        let mut case = CaseBuilder::new(expect);
        case.negotiate();
        let description = |password: &str| {
            let sdp = format!(
                "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=ice-pwd:{password}\r\n"
            );
            json!({"type": "answer", "sdp": sdp})
        };
        let carried = json!({"from": "bob", "to": "alice", "sent": description("one"), "delivered": description("two")});
        case.push(serde_json::from_value(json!({ "carried": carried })).unwrap());
        case.ended(StepOutcome::Done);
        case.verdict()
    };
    let connected = judged("alice: { channels: { chat: open } }");
    fails(&connected, Layer::Checks, "network", "the scenario changed ice-pwd");
    let failed = judged("alice: { connectionState: failed }");
    assert_ne!(failed.side.as_deref(), Some("network"), "{failed:?}");
}

#[test]
fn who_keeps_its_role_after_a_487_is_named() {
    // Header, then ICE-CONTROLLING or ICE-CONTROLLED with a tiebreaker (RFC 8445 §16.1).
    let check = |role: u8| {
        let mut bytes = CHECK.to_vec();
        bytes[3] = 12;
        bytes.extend([0x80, role, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1]);
        bytes
    };
    let mut conflict = CHECK.to_vec();
    conflict[..4].copy_from_slice(&[1, 0x11, 0, 8]);
    conflict.extend([0, 9, 0, 4, 0, 0, 4, 87]);
    let verdict = |next: &[u8]| {
        let mut case = CaseBuilder::new("");
        case.negotiate().timed_out("bob", json!({"connectionState": "connected"}));
        case.packets(&[
            ("alice", Direction::Outbound, &check(0x2a)),
            ("alice", Direction::Inbound, &conflict),
            ("alice", Direction::Outbound, next),
        ]);
        case.verdict()
    };
    let kept = verdict(&check(0x2a));
    fails(
        &kept,
        Layer::Checks,
        "alice",
        "487 (Role Conflict) to 1 Binding request of alice, which kept its role",
    );
    assert!(kept.evidence.contains(&Place::Frame(2)));
    fails(&verdict(&check(0x29)), Layer::Checks, "bob", "bob answered none of alice's 2 Binding requests");
}

#[test]
fn a_rule_that_never_acted_names_the_sender_that_it_waited_for_and_its_layer() {
    let mut hello = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 14];
    hello.extend([1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 7, 7]);
    let verdict = |matches: Value| {
        let mut case = CaseBuilder::new("");
        let step = |args: Value| json!({"action": {"harness": {"step": "network", "args": args}}});
        case.record.file.peers[1].subject = false;
        case.began(step(json!({ "drop": matches }))).ended(StepOutcome::Done);
        case.connect();
        case.packets(&[("alice", Direction::Inbound, &hello)]);
        case.began(step(json!({"acts": {"rule": "lost"}}))).ended(StepOutcome::TimedOut {
            awaited: Expected::RuleActs { rule: "lost".into(), times: 1 },
            within_ms: 10_000,
            seen: Seen::RuleActed { times: 0, undecrypted: 0 },
        });
        case.verdict()
    };
    let rule = |from: &str| json!({"name": "lost", "from": from, "handshake": "HelloVerifyRequest"});
    fails(&verdict(rule("dtls-server")), Layer::Dtls, "alice", "it matched 0 times");
    fails(&verdict(rule("dtls-client")), Layer::Dtls, "bob", "it matched 0 times");
    fails(&verdict(rule("bob")), Layer::Dtls, "bob", "it matched 0 times");
    let of_anybody = verdict(json!({"name": "lost", "sctp": "INIT"}));
    assert_eq!((of_anybody.layer, of_anybody.side), (Some(Layer::Sctp), None));
}

#[test]
fn candidates_that_were_withheld_both_ways_are_signalling() {
    let mut case = CaseBuilder::new("");
    case.negotiate();
    for (from, to) in [("alice", "bob"), ("bob", "alice")] {
        let sent = Some(
            serde_json::from_value(json!({"candidate": "candidate:1 1 udp 1 192.0.2.7 5 typ host"})).unwrap(),
        );
        case.push(What::CarriedCandidate { from: from.into(), to: to.into(), sent, delivered: None });
    }
    case.timed_out("alice", json!({"connectionState": "connected"}));
    fails(&case.verdict(), Layer::Signalling, "network", "withheld");
}

#[test]
fn checks_without_an_answer_name_the_one_who_does_not_answer_with_the_frame() {
    let mut case = CaseBuilder::new("");
    case.negotiate().timed_out("alice", json!({"connectionState": "connected"}));
    case.packets(&[("alice", Direction::Outbound, CHECK), ("alice", Direction::Outbound, CHECK)]);
    let verdict = case.verdict();
    fails(&verdict, Layer::Checks, "bob", "bob answered none of alice's 2 Binding requests");
    assert!(verdict.evidence.contains(&Place::Frame(1)));
}

#[test]
fn what_left_a_peer_and_never_arrived_is_the_network_s() {
    let (out, arrives) = (Direction::Outbound, Direction::Inbound);
    let mut case = CaseBuilder::new("");
    case.negotiate().timed_out("alice", json!({"connectionState": "connected"}));
    case.packets(&[("alice", out, CHECK), ("bob", out, CHECK), ("alice", out, CHECK)]);
    let verdict = case.verdict();
    fails(&verdict, Layer::Checks, "network", "of 2 Binding requests that left alice none arrived at bob");
    assert!(verdict.evidence.contains(&Place::Frame(1)));

    // The timeline of a lab knows where and why.
    for (frame, cause) in [(1, LossCause::NoRoute), (3, LossCause::QueueFull), (2, LossCause::Firewall)] {
        case.push(What::Lost { frame: Some(frame), place: "internet".to_owned(), cause });
    }
    let lost = "none arrived at bob: 1 lost at internet: no route, 1 lost at internet: queue full";
    fails(&case.verdict(), Layer::Checks, "network", lost);

    // One that arrived is enough for the other to answer.
    case.packets(&[("alice", out, CHECK), ("bob", arrives, CHECK), ("alice", out, CHECK)]);
    fails(&case.verdict(), Layer::Checks, "bob", "bob answered none of alice's 2 Binding requests");
}

#[test]
fn what_a_rule_lets_nothing_through_of_is_the_network_s() {
    const RECORD: &[u8] = &[23, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4];
    let (out, arrives) = (Direction::Outbound, Direction::Inbound);
    let judged_until = |late_us: Option<u64>, lost: usize, action: &RuleAction, matches: Value| {
        let mut case = CaseBuilder::new("");
        case.negotiate().ice().dtls().channel();
        case.timed_out("bob", json!({"message": {"channel": "chat", "text": "one"}}));
        let mut packets = vec![("alice", out, RECORD), ("bob", arrives, RECORD)];
        packets.extend(std::iter::repeat_n(("alice", out, RECORD), 5));
        case.packets(&packets);
        if let Some(late_us) = late_us {
            case.record.wire.as_mut().unwrap().put(Peer(0), true, late_us, RECORD);
        }
        let rule = Rule { action: action.clone(), matches };
        for frame in (3..).take(lost) {
            let (rule, action) = (Some(rule.clone()), action.clone());
            case.push(What::Faulted { peer: "alice".to_owned(), rule, action, frame: Some(frame) });
        }
        case.verdict()
    };
    let judged = |lost, action: &RuleAction, matches| judged_until(None, lost, action, matches);
    let layer = Layer::DataChannel;
    let dropped = "of 5 DTLS records that left alice none arrived at bob: 5 dropped by a rule";
    let all = || json!({"from": "alice", "probability": 1.0});
    fails(&judged(5, &RuleAction::Drop, all()), layer, "network", dropped);
    fails(&judged(5, &RuleAction::Corrupt { byte: 20 }, all()), layer, "network", "5 changed by a rule");
    // What leaves after the step has failed passes again.
    let late = |late_us| judged_until(Some(late_us), 5, &RuleAction::Drop, all());
    fails(&late(60_000_000), layer, "network", dropped);
    fails(&late(10_000), layer, "bob", "should come within");
    // One that was let through, losses by chance, and a rule that ends leave it with the peer.
    fails(&judged(4, &RuleAction::Drop, all()), layer, "bob", "should come within");
    fails(&judged(5, &RuleAction::Duplicate, all()), layer, "bob", "should come within");
    for limit in
        [json!({"probability": 0.5}), json!({"until": "4s"}), json!({"first": 5}), json!({"steps": 2})]
    {
        fails(&judged(5, &RuleAction::Drop, limit), layer, "bob", "should come within");
    }
}

#[test]
fn what_a_peer_claims_after_a_step_failed_did_not_make_it_fail() {
    let judged = |late: bool| {
        let mut case = CaseBuilder::new("");
        case.negotiate().ice().dtls().channel();
        let lie = |case: &mut CaseBuilder| {
            case.state("alice", "connectionstatechange", "failed");
        };
        if !late {
            lie(&mut case);
        }
        case.timed_out("bob", json!({"message": {"channel": "chat", "text": "one"}}));
        if late {
            lie(&mut case);
        }
        case.verdict()
    };
    fails(&judged(false), Layer::Dtls, "alice", "connectionState became failed");
    fails(&judged(true), Layer::DataChannel, "bob", "should come within");
}

#[test]
fn an_encrypted_alert_does_not_decide() {
    let mut case = CaseBuilder::new("wire: [{ from: bob, dtls: alert, level: fatal }]");
    case.negotiate().ice().ended(StepOutcome::Done);
    let mut encrypted = ALERT.to_vec();
    encrypted[4] = 1;
    case.packets(&[("alice", Direction::Inbound, &encrypted)]);
    let verdict = case.verdict();
    assert_eq!(verdict.outcome, Outcome::Inconclusive, "{verdict:#?}");
}

#[test]
fn a_lost_browser_is_ours_a_lost_stack_its_own_and_a_killed_peer_part_of_the_case() {
    let lost = json!({"event": "lost", "data": {"reason": "the page crashed"}});
    let mut case = CaseBuilder::new("");
    case.connect().event("bob", lost.clone());
    let verdict = case.verdict();
    assert_eq!((verdict.outcome, verdict.side.as_deref()), (Outcome::HarnessError, Some("bob")));

    let mut case = CaseBuilder::new("");
    case.connect().event("alice", lost.clone());
    fails(&case.verdict(), Layer::DataChannel, "alice", "it ended: the page crashed");

    let violates = json!({"event": "lost", "data": {"reason": "no answer to send", "violates": true}});
    let mut case = CaseBuilder::new("");
    case.connect().event("alice", violates);
    fails(&case.verdict(), Layer::PeerProtocol, "alice", "it ended: no answer to send");

    let mut case = CaseBuilder::new("");
    case.connect().event("bob", lost).record.file.ends.push("bob".into());
    for event in ["icetransportstatechange", "iceconnectionstatechange", "connectionstatechange"] {
        case.state("alice", event, "disconnected");
    }
    case.awaits("alice", json!({"message": {"channel": "chat"}}))
        .timed_out("alice", json!({"message": {"channel": "chat"}}));
    fails(&case.verdict(), Layer::Nomination, "bob", "after bob was gone");
}

#[test]
fn a_peer_that_gave_up_while_its_path_worked_is_named_and_not_the_one_that_lost_it_then() {
    let mut case = CaseBuilder::new("");
    case.negotiate();
    for peer in ["alice", "bob"] {
        for state in ["checking", "connected"] {
            case.state(peer, "icetransportstatechange", state).state(peer, "iceconnectionstatechange", state);
        }
        case.state(peer, "dtlsstatechange", "connecting").state(peer, "connectionstatechange", "connecting");
    }
    case.state("alice", "dtlsstatechange", "connected");
    case.state("bob", "connectionstatechange", "failed");
    for event in ["icetransportstatechange", "iceconnectionstatechange", "connectionstatechange"] {
        case.state("alice", event, "disconnected");
    }
    case.timed_out("bob", json!({"connectionState": "connected"}));
    fails(&case.verdict(), Layer::Dtls, "bob", "the DTLS state of bob stayed connecting");

    // If its path went too, the path is what went first.
    case.state("bob", "icetransportstatechange", "disconnected");
    case.state("bob", "iceconnectionstatechange", "disconnected");
    fails(&case.verdict(), Layer::Nomination, "alice", "iceConnectionState became disconnected");
}

#[test]
fn a_failure_above_is_explained_by_what_failed_below_unless_that_was_wanted() {
    let mut case = CaseBuilder::new("bob: { messages: { chat: [one] } }");
    case.negotiate().ice().state("alice", "dtlsstatechange", "failed").ended(StepOutcome::Done);
    fails(&case.verdict(), Layer::Dtls, "alice", "so bob should receive 1 messages");
    let mut case = CaseBuilder::new("alice: { dtlsState: failed }\nbob: { messages: { chat: [one] } }");
    case.negotiate().ice().state("alice", "dtlsstatechange", "failed").ended(StepOutcome::Done);
    fails_without_evidence(&case.verdict(), Layer::DataChannel, "bob", "only 0 came");
}

#[test]
fn what_goes_down_with_a_peer_that_closed_is_not_the_association_s_fault() {
    let mut case = CaseBuilder::new("");
    case.negotiate().ice().dtls().ended(StepOutcome::Done);
    case.command("bob", "close", json!({}), Answer::Ok(Value::Null));
    case.awaits("alice", json!({"open": "chat"})).timed_out("alice", json!({"open": "chat"}));
    fails(&case.verdict(), Layer::DataChannel, "bob", "open chat at alice should come");
}

#[test]
fn a_peer_that_is_completed_before_it_checks_is_not_connected() {
    let verdict = |states: &[&str]| {
        let mut case = CaseBuilder::new("");
        for peer in &mut case.record.file.peers {
            peer.features = Some(Vec::new());
        }
        case.negotiate();
        for state in states {
            case.state("bob", "iceconnectionstatechange", state);
        }
        case.state("alice", "iceconnectionstatechange", "failed");
        case.timed_out("alice", json!({"connectionState": "connected"}));
        case.verdict()
    };
    fails(
        &verdict(&["completed", "checking"]),
        Layer::Checks,
        "bob",
        "checks of alice and bob should succeed",
    );
    fails(&verdict(&["completed"]), Layer::Checks, "alice", "checks of alice should succeed");
    fails(&verdict(&["checking", "completed"]), Layer::Checks, "alice", "checks of alice should succeed");
}

#[test]
fn who_reports_a_candidate_of_no_section_is_to_blame_for_its_rejection() {
    let rejected = |reported: Value, name: &str| {
        let mut case = CaseBuilder::new("");
        case.negotiate();
        let answer = json!({"type": "answer", "sdp": "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n"});
        let carried = json!({"carried": {"from": "bob", "to": "alice", "sent": answer, "delivered": null}});
        case.push(serde_json::from_value(carried).unwrap());
        let candidate = json!({"candidate": reported});
        case.event("bob", json!({"event": "icecandidate", "data": candidate}));
        let answer = Answer::Rejected { name: name.to_owned(), message: "no section".to_owned() };
        case.command("alice", "addIceCandidate", candidate, answer);
        case.timed_out("alice", json!({"connectionState": "connected"}));
        case.verdict()
    };
    let text = "candidate:2 1 udp 2122260223 192.0.2.8 50001 typ host";
    let side = |verdict: &Verdict| verdict.side.clone().unwrap_or_default();
    let none = json!({"candidate": text});
    assert_eq!(side(&rejected(none.clone(), "TypeError")), "bob");
    assert_eq!(side(&rejected(none, "OperationError")), "alice");
    assert_eq!(side(&rejected(json!({"candidate": text, "sdpMid": "0"}), "TypeError")), "alice");
    // A MID that no section of its description has.
    let of = |mid: &str| json!({"candidate": text, "sdpMid": mid, "sdpMLineIndex": 0});
    assert_eq!(side(&rejected(of(""), "OperationError")), "bob");
    assert_eq!(side(&rejected(of("0"), "OperationError")), "alice");
}

#[test]
fn an_answer_that_rejects_all_sections_leaves_nothing_to_gather_for() {
    let verdict = |port: u16| {
        let mut case = CaseBuilder::new("");
        case.connects();
        let sdp = |port: u16| format!("v=0\r\nm=video {port} UDP/TLS/RTP/SAVPF 96\r\n");
        for (from, to, kind, create, port) in
            [("alice", "bob", "offer", "createOffer", 9), ("bob", "alice", "answer", "createAnswer", port)]
        {
            let description = json!({"type": kind, "sdp": sdp(port)});
            case.command(from, create, json!({}), Answer::Ok(description.clone()));
            let args = json!({"description": description});
            case.command(to, "setRemoteDescription", args, Answer::Ok(Value::Null));
        }
        case.timed_out("alice", json!({"connectionState": "connected"}));
        case.verdict()
    };
    fails(&verdict(0), Layer::Sdp, "bob", "should accept a section of the offer, but it rejects all");
    assert!(verdict(9).sentence.contains("should gather candidates"), "{:?}", verdict(9));
}

#[test]
fn a_dtls_transport_that_fails_later_did_not_lack_its_handshake() {
    let verdict = |connects: bool| {
        let mut case = CaseBuilder::new("");
        case.negotiate().ice();
        if connects {
            case.dtls();
        }
        case.state("bob", "dtlsstatechange", "failed").state("bob", "connectionstatechange", "failed");
        case.timed_out("bob", json!({"datachannel": "chat"}));
        case.verdict()
    };
    fails(
        &verdict(true),
        Layer::Dtls,
        "bob",
        "the DTLS transport of bob should stay connected, but it failed",
    );
    fails(&verdict(false), Layer::Dtls, "bob", "handshake between alice and bob should complete");
}

#[test]
fn the_layer_of_a_peer_that_died_is_the_one_reached_by_then() {
    let lost = |later: bool, connects: bool| {
        let mut case = CaseBuilder::new("");
        case.record.file.peers[0].runs = Runs::Independent;
        if connects {
            case.connect();
        } else {
            case.negotiate();
        }
        case.event("alice", json!({"event": "lost", "data": {"reason": "it ended"}}));
        if later {
            case.state("bob", "iceconnectionstatechange", "disconnected");
            case.state("bob", "iceconnectionstatechange", "failed");
        }
        case.verdict()
    };
    for later in [false, true] {
        fails(&lost(later, true), Layer::DataChannel, "alice", "alice should run to the end of the case");
        assert_ne!(lost(later, false).layer, Some(Layer::DataChannel));
    }
}
