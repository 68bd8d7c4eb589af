//! Messages and echoes.

use super::*;

#[test]
fn what_alice_sent_and_bob_received_passes_and_says_so() {
    let mut case = CaseBuilder::new(CONNECTED);
    case.connect().send("alice", "one").send("alice", "two").receive("bob", "one").receive("bob", "two");
    let verdict = case.verdict();
    assert_eq!(verdict.outcome, Outcome::Pass, "{verdict:#?}");
    assert!(verdict.sentence.contains("bob received 2 messages as alice sent them"), "{}", verdict.sentence);
    assert_eq!(standing(&case.record.file, &verdict), Standing::Expected);
}

#[test]
fn a_message_too_few_too_many_or_out_of_order_fails() {
    for (arrives, words) in [
        (&["one"][..], "only 1 came"),
        (&["one", "two", "two"][..], "too many"),
        (&["two", "one"][..], "it was \"two\""),
    ] {
        let mut case = CaseBuilder::new(CONNECTED);
        case.connect().send("alice", "one").send("alice", "two");
        for text in arrives {
            case.receive("bob", text);
        }
        fails(&case.verdict(), Layer::DataChannel, "bob", words);
    }
}

#[test]
fn what_was_never_sent_fails_even_if_nobody_asked() {
    let mut case = CaseBuilder::new("");
    case.connect().send("alice", "one").receive("bob", "one");
    assert_eq!(case.verdict().outcome, Outcome::Pass);
    case.receive("bob", "ghost");
    fails(&case.verdict(), Layer::DataChannel, "bob", "\"ghost\" came, which alice never sent");
    let mut case = CaseBuilder::new("");
    case.connect().send("alice", "one").receive("bob", "one").receive("bob", "one");
    fails(&case.verdict(), Layer::DataChannel, "bob", "more often than it was sent");
}

#[test]
fn an_echo_that_changes_a_byte_or_the_order_is_blamed_on_the_one_who_echoes() {
    for back in [["one", "twp"], ["two", "one"]] {
        let mut case = CaseBuilder::new("");
        case.connect();
        case.command("bob", "echo", json!({"channel": "chat"}), Answer::Ok(Value::Null));
        case.awaits("alice", json!({"message": {"channel": "chat"}}));
        case.send("alice", "one").send("alice", "two").receive("bob", "one").receive("bob", "two");
        case.receive("alice", back[0]).receive("alice", back[1]);
        case.timed_out("alice", json!({"message": {"channel": "chat", "text": "two"}}));
        fails(
            &case.verdict(),
            Layer::DataChannel,
            "bob",
            "bob should send back on \"chat\" what it received",
        );
    }
}

#[test]
fn an_echo_that_loses_messages_is_blamed_on_the_one_who_echoes() {
    let mut case = CaseBuilder::new("");
    case.connect();
    case.command("bob", "echo", json!({"channel": "chat"}), Answer::Ok(Value::Null));
    case.awaits("alice", json!({"message": {"channel": "chat"}})).send("alice", "one").send("alice", "two");
    case.receive("bob", "one").receive("bob", "two").receive("alice", "one");
    case.timed_out("alice", json!({"message": {"channel": "chat", "times": 2}}));
    fails(&case.verdict(), Layer::DataChannel, "bob", "1 came back to alice");
}

#[test]
fn who_was_closed_is_named_where_something_is_awaited_of_it() {
    let verdict = |before: bool, peer: &str| {
        let awaited = json!({"message": {"channel": "chat", "text": "two"}});
        let mut case = CaseBuilder::new("");
        case.connect().send("alice", "one").receive("bob", "one");
        if !before {
            case.awaits("alice", awaited.clone());
        }
        case.command(peer, "close", json!({}), Answer::Ok(Value::Null));
        if before {
            case.ended(StepOutcome::Done).awaits("alice", awaited.clone());
        }
        case.timed_out("alice", awaited);
        case.verdict()
    };
    fails(&verdict(true, "bob"), Layer::DataChannel, "bob", "the scenario had closed bob before");
    let while_awaited = verdict(false, "bob");
    fails(&while_awaited, Layer::DataChannel, "alice", "at alice should come");
    for verdict in [while_awaited, verdict(true, "alice")] {
        assert!(!verdict.sentence.contains("closed bob"), "{}", verdict.sentence);
    }
}

#[test]
fn each_of_several_channels_of_a_label_has_its_own_order() {
    let second = json!({"channel": {"label": "chat", "ordered": true, "id": 3}});
    let mut case = CaseBuilder::new("");
    case.connect();
    for id in [1, 3] {
        let info = json!({"label": "chat", "id": id, "ordered": true, "protocol": "", "negotiated": false});
        case.command("alice", "createDataChannel", json!({"label": "chat"}), Answer::Ok(info));
    }
    case.event("bob", json!({"event": "datachannel", "data": second}));
    case.event("bob", json!({"event": "channelopen", "data": second}));
    case.send("alice", "one").send("alice", "two").receive("bob", "two").receive("bob", "one");
    assert_eq!(case.verdict().outcome, Outcome::Pass, "{:#?}", case.verdict());
    case.receive("bob", "one");
    fails(&case.verdict(), Layer::DataChannel, "bob", "more often than it was sent");
}
