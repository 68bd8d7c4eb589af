//! Each kind of lie, told about a peer that does what the test says.

use super::teller::{Action, Teller};
use super::*;
use crate::peers::clock::Doubt;
use peerproof_captures::event::{ConnectionState, PeerEvent};
use serde_json::{Value, json};

fn lie(lie: Value) -> Lie {
    let lie: Lie = serde_json::from_value(lie).unwrap();
    assert_eq!(lie.trouble(), None);
    lie
}

fn teller(of: Value) -> Teller {
    Teller::new(lie(of))
}

fn states() -> Vec<Reported> {
    let states = [ConnectionState::Connecting, ConnectionState::Connected, ConnectionState::Closed];
    let event = |(n, state): (usize, ConnectionState)| Reported {
        seq: n as u64,
        at_us: 1000 * (n as u64 + 1),
        time: None,
        event: PeerEvent::ConnectionStateChange { state },
    };
    states.into_iter().enumerate().map(event).collect()
}

/// What is reported of three states, with the number and the time of each.
fn stated(of: Value) -> Vec<String> {
    let mut teller = teller(of);
    let mut stated: Vec<Reported> = states().into_iter().flat_map(|one| teller.event(one, 9_000)).collect();
    stated.extend(teller.rest(9_000));
    assert_eq!(teller.passed(), stated.len() as u64);
    assert!(stated.iter().enumerate().all(|(n, one)| one.seq == n as u64), "{stated:?}");
    let shown = |one: &Reported| {
        let whole = serde_json::to_value(&one.event).unwrap();
        let state = whole["data"]["state"].as_str().or(whole["data"]["id"].as_str());
        format!("{} {}", one.at_us / 1000, state.unwrap_or_default())
    };
    stated.iter().map(shown).collect()
}

#[test]
fn events_are_swallowed_doubled_delayed_altered_and_invented() {
    let of = |kind: &str, more: Value| {
        let mut of = json!({ "event": "connectionstatechange", "with": { "state": "connected" } });
        of.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        stated(json!({ kind: of }))
    };
    assert_eq!(of("swallow", json!({})), ["1 connecting", "3 closed"]);
    assert_eq!(of("double", json!({})), ["1 connecting", "2 connected", "2 connected", "3 closed"]);
    assert_eq!(of("delay", json!({})), ["1 connecting", "3 closed", "3 connected"]);
    let failed = json!({ "fields": { "state": { "to": "failed" } } });
    assert_eq!(of("alter", failed.clone()), ["1 connecting", "2 failed", "3 closed"]);
    assert_eq!(of("double", failed), ["1 connecting", "2 connected", "2 failed", "3 closed"]);
    assert_eq!(of("alter", json!({ "fields": { "state": { "to": "x" } } })).len(), 3, "no event is lost");
    assert_eq!(of("swallow", json!({ "nth": 2 })).len(), 3, "there is one only");
    let invented = json!({ "invent": {
        "after": { "event": "connectionstatechange", "nth": 3 },
        "events": [{ "event": "trackmute", "data": { "id": "x" } }]
    } });
    assert_eq!(stated(invented), ["1 connecting", "2 connected", "3 closed", "3 x"]);
    assert_eq!(
        stated(json!({ "delay": { "event": "connectionstatechange", "nth": 3 } })),
        ["1 connecting", "2 connected", "3 closed"],
        "what none follows comes at the end"
    );
}

#[test]
fn commands_are_ignored_repeated_and_done_otherwise() {
    let send = |text: &str| -> Command {
        serde_json::from_value(
            json!({ "command": "send", "args": { "channel": "chat", "message": { "text": text } } }),
        )
        .unwrap()
    };
    let mut ignores = teller(json!({ "ignore": { "command": "send", "nth": 2 } }));
    assert_eq!(ignores.command(send("a")), Action::Once(send("a")));
    assert_eq!(ignores.command(Command::RestartIce), Action::Once(Command::RestartIce));
    assert_eq!(ignores.command(send("b")), Action::Not(Value::Null));
    let mut repeats = teller(json!({ "repeat": { "command": "send", "with": { "message.text": "b" } } }));
    assert_eq!(repeats.command(send("a")), Action::Once(send("a")));
    assert_eq!(repeats.command(send("b")), Action::Twice(send("b")));
    let mut alters = teller(json!({ "misdo": { "command": "send", "fields": { "message.text": "flip" } } }));
    assert_eq!(alters.command(send("a")), Action::Once(send("b")));
    let channel = json!({ "command": "createDataChannel", "args": { "label": "chat", "ordered": false } });
    let mut ignores = teller(json!({ "ignore": { "command": "createDataChannel" } }));
    let Action::Not(answer) = ignores.command(serde_json::from_value(channel).unwrap()) else { panic!() };
    assert_eq!((&answer["label"], &answer["ordered"]), (&json!("chat"), &json!(false)));
}

fn answered(teller: &mut Teller, command: &Command, answer: Value) -> Value {
    match teller.answer(command, Answer::Ok(answer), (0, 0)) {
        Answer::Ok(value) => value,
        other => panic!("{other:?}"),
    }
}

#[test]
fn answers_are_altered_and_out_of_date() {
    let mut alters = teller(
        json!({ "misanswer": { "command": "getState", "fields": { "connection": { "to": "failed" } } } }),
    );
    let state = answered(&mut alters, &Command::GetState, json!({ "connection": "connected" }));
    assert_eq!(state["connection"], "failed");
    let mut rejects = teller(json!({ "reject": { "command": "restartIce", "exception": "TypeError" } }));
    let rejected = rejects.answer(&Command::RestartIce, Answer::Ok(Value::Null), (0, 0));
    assert!(matches!(rejected, Answer::Rejected { name, .. } if name == "TypeError"));
    let mut stale = teller(json!({ "stale": { "command": "getStats", "but": ["timestamp"] } }));
    let report = |n: u64| json!({ "a": { "type": "inbound-rtp", "packetsReceived": n, "timestamp": n } });
    assert_eq!(answered(&mut stale, &Command::GetStats, report(1)), report(1));
    let second = answered(&mut stale, &Command::GetStats, report(2));
    assert_eq!(second["a"], json!({ "type": "inbound-rtp", "packetsReceived": 1, "timestamp": 2 }));
    let more = json!({ "of": "inbound-rtp", "fields": { "packetsReceived": { "times": 10 } } });
    let mut tenfold = teller(json!({ "statistics": more }));
    assert_eq!(answered(&mut tenfold, &Command::GetStats, report(7))["a"]["packetsReceived"], 70);
}

#[test]
fn a_description_is_another_one_for_all_but_the_peer() {
    let mut liar = teller(json!({ "misdescribe": { "sdp": { "flip-in": r"a=ice-pwd:.*(\S)" } } }));
    let own = "v=0\r\na=ice-pwd:abc\r\n";
    let offer = Command::CreateOffer { ice_restart: false };
    let said = answered(&mut liar, &offer, json!({ "type": "offer", "sdp": own }));
    assert_eq!(said["sdp"], "v=0\r\na=ice-pwd:abd\r\n");
    let set = |sdp: &str| Command::SetLocalDescription {
        description: Some(serde_json::from_value(json!({ "type": "offer", "sdp": sdp })).unwrap()),
        as_type: None,
    };
    assert_eq!(liar.command(set("v=0\r\na=ice-pwd:abd\r\n")), Action::Once(set(own)));
    let state = json!({ "localDescription": { "type": "offer", "sdp": own } });
    let state = answered(&mut liar, &Command::GetState, state);
    assert_eq!(state["localDescription"]["sdp"], said["sdp"]);
}

#[test]
fn a_peer_may_be_another_than_it_says() {
    let info = PeerInfo {
        name: "bob".to_owned(),
        implementation: "it".to_owned(),
        version: "1".to_owned(),
        features: None,
        unreported: Vec::new(),
    };
    let lie =
        lie(json!({ "misgreet": { "version": "flip", "unreported": { "to": ["track"] }, "name": "flip" } }));
    let greeting = lie.greeting(&info);
    assert_eq!((greeting.version.as_str(), greeting.unreported), ("2", vec!["track".to_owned()]));
    assert_eq!(greeting.name, "bob");
}

/// A peer whose commands take 100 µs of a case of ten seconds, and the estimate of its clock.
fn clock(of: Value) -> Estimate {
    let mut teller = teller(of);
    for n in 0..100 {
        let at_us = 100_000 * n + 50;
        let event = Reported { seq: n, at_us, time: None, event: PeerEvent::NegotiationNeeded };
        assert_eq!(teller.event(event, at_us + 50).len(), 1);
        teller.answer(&Command::GetStats, Answer::Ok(json!({})), (at_us - 50, at_us + 50));
    }
    teller.estimate().unwrap()
}

#[test]
fn a_clock_that_is_wrong_contradicts_itself() {
    let doubt = |of: Value| match clock(json!({ "clock": of })).doubt {
        Some(Doubt::Impossible { by_us }) => by_us,
        other => panic!("{other:?}"),
    };
    assert!(doubt(json!({ "ahead-ms": 500 })) > 200_000);
    assert!(doubt(json!({ "drift": 0.2 })) > 100_000);
    assert!(doubt(json!({ "ahead-ms": 500, "from": 50 })) > 200_000);
    assert!(doubt(json!({ "answers-ahead-ms": 500, "from": 50 })) > 200_000);
    assert_eq!(clock(json!({ "clock": { "silent": true } })).doubt, Some(Doubt::Unknown));
    assert_eq!(clock(json!({ "clock": { "drift": 0.0001 } })).doubt, None, "a quartz may be as wrong");
}

#[test]
fn keys_are_others_and_still_a_line_of_a_key_log() {
    #[derive(Debug, Default)]
    struct Kept(std::sync::Mutex<Vec<String>>);

    impl SecretSink for Kept {
        fn key_log(&self, line: &str) {
            self.0.lock().unwrap().push(line.to_owned());
        }

        fn srtp_keying_material(&self, _: &[u8]) {}
    }

    let kept = std::sync::Arc::new(Kept::default());
    let sink = lying_keys(Change::Flip, kept.clone());
    let line = |last: char| format!("CLIENT_RANDOM {} {}{last}", "ab".repeat(32), "c".repeat(95));
    for last in ['0', '9', 'f'] {
        sink.key_log(&(line(last) + "\n"));
    }
    assert_eq!(*kept.0.lock().unwrap(), ['1', '0', 'a'].map(line));
}

#[test]
fn a_lie_that_cannot_be_told_says_why() {
    let trouble = |of: Value| serde_json::from_value::<Lie>(of).unwrap().trouble().unwrap_or_default();
    assert_eq!(trouble(json!({ "swallow": { "event": "datachanel" } })), "unknown event `datachanel`");
    assert_eq!(trouble(json!({ "swallow": { "event": "track", "nth": 0 } })), "`nth` counts from one");
    assert_eq!(trouble(json!({ "alter": { "event": "track" } })), "no field is changed");
    assert_eq!(trouble(json!({ "ignore": { "command": "hello" } })), "no peer lies about `hello`");
    assert_eq!(trouble(json!({ "ignore": { "command": "restart" } })), "unknown command `restart`");
    assert!(trouble(json!({ "misdescribe": { "sdp": { "flip-in": "(" } } })).starts_with("invalid regular"));
    assert!(!trouble(json!({ "clock": {} })).is_empty());
    assert!(serde_json::from_value::<Lie>(json!({ "swallow": { "events": "track" } })).is_err());
}
