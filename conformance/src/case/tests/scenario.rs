//! What the scenario itself did, changed or never asked for, and whose fault it is not.

use super::*;

#[test]
fn a_candidate_that_comes_after_the_close_is_no_error_of_the_scenario() {
    let refuse = |case: &mut CaseBuilder| {
        let answer = Answer::Rejected { name: "InvalidStateError".into(), message: "closed".into() };
        case.command("alice", "addIceCandidate", json!({}), answer);
    };
    let mut case = CaseBuilder::new("alice: { errors: [] }");
    case.connect().command("alice", "close", json!({}), Answer::Ok(Value::Null));
    refuse(&mut case);
    assert_eq!(case.verdict().outcome, Outcome::Pass, "{:#?}", case.verdict());
    let mut case = CaseBuilder::new("alice: { errors: [] }");
    case.connect();
    refuse(&mut case);
    fails(&case.verdict(), Layer::Sdp, "alice", "it rejected addIceCandidate");
}

#[test]
fn what_a_control_broke_is_nobodys_fault_and_only_where_it_shows() {
    let verdict = |class: &str, place: &str, control: bool| {
        let mut case = CaseBuilder::new("");
        case.record.file.control_of = control.then(|| "data/echo".to_owned());
        let matches = json!({"class": class});
        let step: peerproof_captures::timeline::Step = serde_json::from_value(
            json!({"action": {"harness": {"step": "network", "args": {"drop": &matches}}}}),
        )
        .unwrap();
        case.push(What::StepBegan { step: 90, definition: step, place: Some(place.to_owned()) });
        let rule = serde_json::from_value(json!({"action": "drop", "matches": matches})).unwrap();
        let peer = "alice".to_owned();
        case.push(What::Faulted {
            peer,
            rule: Some(rule),
            action: peerproof_captures::timeline::RuleAction::Drop,
            frame: Some(7),
        });
        case.negotiate().ice().state("bob", "dtlsstatechange", "failed");
        case.timed_out("bob", json!({"message": {"channel": "chat", "text": "one"}}));
        case.verdict()
    };
    let broken = verdict("dtls", "controls/no-handshake.yaml:3", true);
    fails(&broken, Layer::Dtls, "network", "a rule of the control acted on 1 packet");
    assert!(broken.evidence.contains(&Place::Frame(7)));
    // At another layer, in a step of the scenario's own, or in a scenario, it explains nothing.
    for other in [
        verdict("srtp", "controls/no-handshake.yaml:3", true),
        verdict("dtls", "data/echo.yaml:3", true),
        verdict("dtls", "controls/no-handshake.yaml:3", false),
    ] {
        fails(&other, Layer::Dtls, "bob", "it failed at bob");
    }
}

#[test]
fn what_no_description_provides_for_is_held_against_nobody() {
    let create = json!({"label": "late"});
    let created = || Answer::Ok(json!({"label": "late", "ordered": true}));
    let offered = |sdp: &str, again: bool| {
        let mut case = CaseBuilder::new("");
        case.connects();
        for (from, to, kind, name) in
            [("alice", "bob", "offer", "createOffer"), ("bob", "alice", "answer", "createAnswer")]
        {
            let description = json!({"type": kind, "sdp": sdp});
            case.command(from, name, json!({}), Answer::Ok(description.clone()));
            let states =
                if kind == "offer" { ["have-local-offer", "have-remote-offer"] } else { ["stable"; 2] };
            case.state(from, "signalingstatechange", states[0]);
            case.state(to, "signalingstatechange", states[1]);
            case.command(
                to,
                "setRemoteDescription",
                json!({"description": description}),
                Answer::Ok(Value::Null),
            );
        }
        for peer in ["alice", "bob"] {
            let candidate = "candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host";
            let candidate = json!({"candidate": candidate, "sdpMid": "0"});
            case.event(peer, json!({"event": "icecandidate", "data": {"candidate": candidate}}));
        }
        case.ice().dtls().command("alice", "createDataChannel", create.clone(), created());
        if again {
            case.command("alice", "createOffer", json!({}), Answer::Ok(json!({"type": "offer", "sdp": sdp})));
        }
        case
    };
    let audio = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=recvonly\r\n";
    let mut case = offered(audio, false);
    case.timed_out("bob", json!({"datachannel": "late"}));
    let verdict = case.verdict();
    assert_eq!((verdict.layer, verdict.side.as_deref()), (Some(Layer::DataChannel), None), "{verdict:?}");
    assert!(verdict.sentence.contains("no offer was made after the channel was created"), "{verdict:?}");
    // An offer that lacks the section is its peer's.
    let mut case = offered(audio, true);
    case.timed_out("bob", json!({"datachannel": "late"}));
    assert!(case.verdict().side.is_some(), "{:?}", case.verdict());

    let mut case = offered(audio, false);
    case.timed_out("bob", json!({"media": {"kind": "audio"}}));
    let verdict = case.verdict();
    assert_eq!((verdict.layer, verdict.side.as_deref()), (Some(Layer::Media), None), "{verdict:?}");
    assert!(verdict.sentence.contains("alice sends no audio by its last offer"), "{verdict:?}");
    let mut case = offered("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendonly\r\n", false);
    case.timed_out("bob", json!({"media": {"kind": "audio"}}));
    assert!(case.verdict().side.is_some(), "{:?}", case.verdict());
}

#[test]
fn a_channel_that_nobody_was_asked_to_close_stays_by_nobodys_fault() {
    let judged = |asked: Option<(&str, &str, &str)>| {
        let mut case = CaseBuilder::new("");
        case.connect();
        if let Some((peer, command, channel)) = asked {
            case.command(peer, command, json!({"channel": channel}), Answer::Ok(Value::Null));
        }
        case.timed_out("bob", json!({"close": "chat"}));
        case.state("bob", "dtlsstatechange", "closed");
        case.verdict()
    };
    for asked in [None, Some(("alice", "closeDataChannel", "other"))] {
        let verdict = judged(asked);
        assert_eq!((verdict.layer, verdict.side.as_deref()), (Some(Layer::DataChannel), None), "{verdict:?}");
        assert!(verdict.sentence.contains("neither peer was asked to close the channel"), "{verdict:?}");
    }
    for asked in [("alice", "closeDataChannel", "chat"), ("alice", "close", "")] {
        let verdict = judged(Some(asked));
        assert_eq!(verdict.side.as_deref(), Some("bob"), "{verdict:?}");
    }
}

#[test]
fn nothing_happens_at_a_connection_that_the_scenario_closed() {
    let judged = |closed: &str, anew: bool| {
        let mut case = CaseBuilder::new("");
        case.connect();
        case.began(json!({"peer": closed, "action": {"command": {"name": "close", "args": {}}}}));
        case.command(closed, "close", json!({}), Answer::Ok(Value::Null)).ended(StepOutcome::Done);
        if anew {
            case.command(closed, "createPeerConnection", json!({}), Answer::Ok(Value::Null));
        }
        let message = json!({"message": {"channel": "chat", "text": "x"}});
        case.awaits("bob", message.clone()).timed_out("bob", message);
        case.verdict()
    };
    let verdict = judged("bob", false);
    assert_eq!((verdict.outcome, verdict.side.as_deref()), (Outcome::Fail, None), "{verdict:?}");
    assert!(verdict.sentence.contains("the scenario had closed bob before"), "{verdict:?}");
    fails(&judged("alice", false), Layer::DataChannel, "alice", "the scenario had closed alice before");
    // A connection that was made after it is not closed.
    for peer in ["alice", "bob"] {
        assert!(!judged(peer, true).sentence.contains("had closed"));
    }
}

#[test]
fn a_channel_that_its_own_side_closed_need_not_open() {
    let verdict = |closed: &str| {
        let mut case = CaseBuilder::new("");
        case.negotiate();
        for label in ["chat", "gone"] {
            let made = Answer::Ok(json!({"label": label, "ordered": true}));
            case.command("alice", "createDataChannel", json!({"label": label}), made);
        }
        case.command("alice", "closeDataChannel", json!({"channel": closed}), Answer::Ok(Value::Null));
        case.ice().dtls();
        for peer in ["alice", "bob"] {
            case.state(peer, "sctpstatechange", "connected");
        }
        case.timed_out("bob", json!({"datachannel": "chat"}));
        case.verdict().sentence
    };
    let gone = verdict("gone");
    assert!(!gone.contains("\"gone\"") && gone.contains("\"chat\""), "{gone}");
    assert!(verdict("chat").contains("\"gone\" should open"), "{}", verdict("chat"));
}

#[test]
fn a_connection_that_should_fail_after_the_network_changed_is_one_of_ice() {
    let judged = |changes: bool| {
        let mut case = CaseBuilder::new("");
        case.negotiate().ice().dtls().channel();
        if changes {
            let action = json!({"harness": {"step": "network", "args": {"cut": "internet"}}});
            case.began(json!({"action": action})).ended(StepOutcome::Done);
        }
        case.timed_out("bob", json!({"connectionState": "failed"}));
        case.verdict()
    };
    fails(&judged(true), Layer::Checks, "bob", "should come within");
    fails(&judged(false), Layer::Dtls, "bob", "should come within");
}
