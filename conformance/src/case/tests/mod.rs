//! Cases built step by step, and their verdicts.

mod builder;

use super::*;
use crate::checks::{self, Finding};
use crate::evidence::{AddressKind, ReachedBy};
use crate::expect::Expectations;
use crate::explain::{Reported, Session, explain};
use crate::verdict::{Layer, Outcome, Place, Verdict};
use builder::CaseBuilder;
use peerproof_captures::recording::Direction;
use peerproof_captures::timeline::{Answer, Expected, Lack, LossCause, Seen, StepOutcome, What};
use serde_json::{Value, json};

fn fails(verdict: &Verdict, layer: Layer, side: &str, words: &str) {
    assert_eq!(verdict.outcome, Outcome::Fail, "{verdict:#?}");
    assert_eq!(verdict.layer, Some(layer), "{verdict:#?}");
    assert_eq!(verdict.side.as_deref(), Some(side), "{verdict:#?}");
    assert!(verdict.sentence.contains(words), "{verdict:#?}");
    assert!(!verdict.evidence.is_empty(), "{verdict:#?}");
}

const CONNECTED: &str = "alice: { connectionState: connected }\nbob: { channels: { chat: { state: open, ordered: true } }, messages: { chat: [one, two] } }";

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
fn what_a_peer_says_that_it_cannot_report_makes_a_case_unsupported() {
    let built = |expect: &str, never: &str| {
        let mut case = CaseBuilder::new(expect);
        case.record.file.peers[1].unreported.push(never.to_owned());
        case.connect();
        case
    };
    let unreported = |expect: &str, never: &str| built(expect, never).verdict();
    // The case has both states, so that nothing is missing.
    let includes = "bob: { states: { dtls: { includes: [connecting, connected] } } }";
    assert_eq!(unreported(includes, "sctpstatechange:closed").outcome, Outcome::Pass);
    let closed = "bob: { states: { dtls: { includes: [connected, closed] } } }";
    fails(&unreported(closed, "sctpstatechange:closed"), Layer::Dtls, "bob", "closed is missing");
    for (expect, never) in [
        (closed, "dtlsstatechange:closed"),
        (closed, "dtlsstatechange"),
        ("bob: { states: { dtls: [new, connecting, connected, closed] } }", "dtlsstatechange:closed"),
        ("bob: { states: { dtls: { never: [failed] } } }", "dtlsstatechange:failed"),
    ] {
        let case = built(expect, never);
        let verdict = case.verdict();
        assert_eq!(verdict.outcome, Outcome::Unsupported, "{verdict:#?}");
        assert_eq!(verdict.side.as_deref(), Some("bob"));
        assert!(verdict.sentence.contains("dtlsstatechange"), "{verdict:#?}");
        let missing = Missing::of(&case.record, &verdict).unwrap();
        assert_eq!(missing.peer.as_deref(), Some("bob"));
        assert!(verdict.sentence.ends_with(&missing.reason), "{missing:?}");
    }
    for (expect, never) in [
        ("bob: { channels: { chat: { ordered: false } } }", "datachannel:ordered"),
        ("bob: { channels: { chat: { maxRetransmits: 3 } } }", "datachannel:maxRetransmits"),
        ("bob: { channels: { chat: { reliable: false } } }", "datachannel:maxPacketLifeTime"),
    ] {
        let verdict = unreported(expect, never);
        assert_eq!((verdict.outcome, verdict.side.as_deref()), (Outcome::Unsupported, Some("bob")));
        fails(&unreported(expect, "datachannel:protocol"), Layer::DataChannel, "bob", "should have");
    }
    // Who opened a channel knows how.
    let own = unreported("alice: { channels: { chat: { ordered: true } } }", "datachannel:ordered");
    assert_eq!(own.outcome, Outcome::Pass);
    let both = "bob: { states: { dtls: { includes: [failed, closed] } } }";
    fails(&unreported(both, "dtlsstatechange:closed"), Layer::Dtls, "bob", "failed is missing");
}

#[test]
fn a_peer_without_statistics_makes_a_case_that_asks_for_them_unsupported() {
    let mut case = CaseBuilder::new("bob: { stats: [{ type: transport, count: 1 }] }");
    case.connect();
    assert_eq!(case.verdict().outcome, Outcome::Inconclusive, "nobody asked");
    let none = Answer::Unsupported { reason: "no statistics".to_owned() };
    case.command("bob", "getStats", json!({}), none);
    let verdict = case.verdict();
    assert_eq!(
        (verdict.outcome, verdict.side.as_deref()),
        (Outcome::Unsupported, Some("bob")),
        "{verdict:#?}"
    );
    case.record.file.peers[1].refuses_the_impossible = false;
    assert_eq!(case.verdict().outcome, Outcome::Inconclusive, "its answers prove nothing");
}

#[test]
fn an_offer_that_never_arrives_is_signalling_and_a_refused_one_sdp() {
    let offer = json!({"type": "offer", "sdp": "v=0\r\n"});
    let mut case = CaseBuilder::new("");
    case.connects().command("alice", "createOffer", json!({}), Answer::Ok(offer.clone()));
    case.timed_out("alice", json!({"connectionState": "connected"}));
    fails(&case.verdict(), Layer::Signalling, "bob", "alice's offer should reach bob");

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
    fails(&case.verdict(), Layer::Signalling, "bob", "withheld");
}

const CHECK: &[u8] = &[0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
const ALERT: &[u8] = &[21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 2, 42];
const SRTP: &[u8] = &[0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5];

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
fn a_case_that_wants_a_refusal_passes_on_it_and_fails_without() {
    let expect = "bob: { dtlsState: failed, channels: none }\nwire: [{ from: bob, dtls: alert, level: fatal }, { from: bob, srtp: any, times: 0 }]";
    let mut case = CaseBuilder::new(expect);
    case.negotiate().ice().state("bob", "dtlsstatechange", "failed").ended(StepOutcome::Done);
    case.packets(&[("alice", Direction::Inbound, ALERT)]);
    assert_eq!(case.verdict().outcome, Outcome::Pass, "{:#?}", case.verdict());

    case.packets(&[("alice", Direction::Inbound, CHECK)]);
    fails_without_evidence(
        &case.verdict(),
        Layer::Dtls,
        "bob",
        "bob should send at least 1 dtls alert (fatal)",
    );

    case.packets(&[("alice", Direction::Inbound, ALERT), ("alice", Direction::Inbound, SRTP)]);
    fails(&case.verdict(), Layer::Srtp, "bob", "should send none SRTP");
}

fn fails_without_evidence(verdict: &Verdict, layer: Layer, side: &str, words: &str) {
    let with = Verdict { evidence: vec![Place::Entry(0)], ..verdict.clone() };
    fails(&with, layer, side, words);
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
fn two_browsers_pass_on_their_word_and_the_sentence_says_that_no_packets_were_seen() {
    let mut case =
        CaseBuilder::new("alice: { connectionState: connected }\nwire: [{ from: bob, dtls: any }]");
    case.connect();
    let blind = |case: &mut CaseBuilder, runs| {
        for peer in &mut case.record.file.peers {
            peer.runs = runs;
        }
        case.verdict()
    };
    let verdict = blind(&mut case, Runs::Driven);
    assert_eq!(verdict.outcome, Outcome::Pass, "{verdict:#?}");
    assert!(verdict.sentence.contains("no packets captured"), "{}", verdict.sentence);
    // Where they could have been seen, they are missing.
    assert_eq!(blind(&mut case, Runs::Independent).outcome, Outcome::Inconclusive);
}

#[test]
fn unsupported_counts_only_from_a_peer_that_refuses_the_impossible() {
    let mut case = CaseBuilder::new("");
    case.began(json!({"peer": "bob", "action": {"command": {"name": "setCodecPreferences", "args": {}}}}));
    case.ended(StepOutcome::Unsupported {
        peer: "bob".into(),
        reason: Lack::Answered("no such method".into()),
    });
    assert_eq!(case.verdict().outcome, Outcome::Unsupported);
    case.record.file.peers[1].refuses_the_impossible = false;
    assert_eq!(case.verdict().outcome, Outcome::Inconclusive);
}

#[test]
fn a_peer_that_cannot_watch_a_track_is_not_blamed_for_what_it_did_not_see() {
    let mut case = CaseBuilder::new("");
    case.connect();
    case.command("bob", "getStats", json!({}), Answer::Unsupported { reason: "no statistics".into() });
    case.awaits("bob", json!({"media": {"kind": "audio"}}))
        .timed_out("bob", json!({"media": {"kind": "audio"}}));
    assert_eq!(case.verdict().outcome, Outcome::Fail, "what no step needs decides nothing");

    let mut case = CaseBuilder::new("");
    case.connect();
    let cannot = Answer::Unsupported { reason: "passes RTP through".into() };
    case.command("bob", "watch", json!({ "track": "t" }), cannot);
    case.awaits("bob", json!({"media": {"kind": "audio"}}))
        .timed_out("bob", json!({"media": {"kind": "audio"}}));
    let verdict = case.verdict();
    assert_eq!((verdict.outcome, verdict.side.as_deref()), (Outcome::Unsupported, Some("bob")));
    assert!(verdict.sentence.contains("passes RTP through"), "{}", verdict.sentence);

    // What failed below is no question of watching.
    let mut case = CaseBuilder::new("");
    case.negotiate();
    let cannot = Answer::Unsupported { reason: "passes RTP through".into() };
    case.command("bob", "watch", json!({ "track": "t" }), cannot);
    case.connects().timed_out("alice", json!({"connectionState": "connected"}));
    assert_eq!(case.verdict().outcome, Outcome::Fail);
}

#[test]
fn no_pass_without_a_recording_a_probe_or_a_step() {
    let mut whole = CaseBuilder::new("");
    whole.connect();
    assert_eq!(whole.verdict().outcome, Outcome::Pass);

    let mut case = CaseBuilder::new("");
    assert_eq!(case.verdict().outcome, Outcome::HarnessError, "no step");
    case.connect().record.wire = None;
    assert_eq!(case.verdict().outcome, Outcome::HarnessError, "no capture");
    whole.record.file.peers[0].refuses_the_impossible = false;
    assert_eq!(whole.verdict().outcome, Outcome::Inconclusive, "a peer that says yes to everything");

    let mut gap = CaseBuilder::new("");
    gap.connect().seqs.insert("bob".to_owned(), 90);
    gap.state("bob", "connectionstatechange", "connected");
    assert_eq!(gap.verdict().outcome, Outcome::HarnessError, "a gap");
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
    fails(&case.verdict(), Layer::Signalling, "alice", "it ended: the page crashed");

    let mut case = CaseBuilder::new("");
    case.connect().event("bob", lost).record.file.ends.push("bob".into());
    case.state("alice", "iceconnectionstatechange", "disconnected");
    case.awaits("alice", json!({"message": {"channel": "chat"}}))
        .timed_out("alice", json!({"message": {"channel": "chat"}}));
    fails(&case.verdict(), Layer::Nomination, "bob", "after bob was gone");
}

#[test]
fn a_peer_that_gave_up_while_its_path_worked_is_named_and_not_the_one_that_lost_it_then() {
    let mut case = CaseBuilder::new("");
    case.negotiate();
    for peer in ["alice", "bob"] {
        case.state(peer, "iceconnectionstatechange", "checking").state(
            peer,
            "iceconnectionstatechange",
            "connected",
        );
        case.state(peer, "dtlsstatechange", "connecting");
    }
    case.state("alice", "dtlsstatechange", "connected");
    case.state("bob", "connectionstatechange", "failed");
    case.state("alice", "iceconnectionstatechange", "disconnected");
    case.timed_out("bob", json!({"connectionState": "connected"}));
    fails(&case.verdict(), Layer::Dtls, "bob", "the DTLS state of bob stayed connecting");

    // If its path went too, the path is what went first.
    case.state("bob", "iceconnectionstatechange", "disconnected");
    fails(&case.verdict(), Layer::Nomination, "alice", "iceConnectionState became disconnected");
}

#[test]
fn a_snapshot_that_differs_fails_under_the_same_versions_and_is_a_change_under_others() {
    let differs = |same_versions| {
        let mut case = CaseBuilder::new("");
        case.connect().record.file.snapshot = Some(SnapshotResult::Differs {
            section: "sdp".into(),
            line: 3,
            expected: "a=x".into(),
            seen: "a=y".into(),
            same_versions,
        });
        let verdict = case.verdict();
        let standing = standing(&case.record.file, &verdict);
        (verdict.outcome, standing)
    };
    assert_eq!(differs(true), (Outcome::Fail, Standing::Unexpected));
    assert_eq!(differs(false), (Outcome::Pass, Standing::Changed));
}

#[test]
fn a_control_must_get_its_verdict_and_a_waiver_its_deviation() {
    let mut case = CaseBuilder::new("verdict: { outcome: fail, layer: checks, side: bob }");
    case.negotiate().timed_out("alice", json!({"connectionState": "connected"}));
    assert_eq!(standing(&case.record.file, &case.verdict()), Standing::ControlHeld);
    let mut case = CaseBuilder::new("verdict: { outcome: fail, layer: checks }");
    case.connect();
    assert_eq!(standing(&case.record.file, &case.verdict()), Standing::ControlBroken);

    let waiver = Some(Waiver { reason: "known".into(), link: "RFC 8832 §5".into() });
    let mut case = CaseBuilder::new("alice: { connectionState: failed }");
    case.connect().record.file.waiver = waiver;
    assert_eq!(standing(&case.record.file, &case.verdict()), Standing::Known);
    case.record.file.expect = Expectations::default();
    assert_eq!(standing(&case.record.file, &case.verdict()), Standing::WaiverStale);
}

#[test]
fn a_recording_is_explained_as_its_verdict_says() {
    let mut case = CaseBuilder::new("");
    case.negotiate()
        .ice()
        .state("alice", "dtlsstatechange", "failed")
        .timed_out("alice", json!({"connectionState": "connected"}));
    let verdict = case.verdict();
    let reported = Reported::of(["alice", "bob"], &case.record.timeline);
    let found = explain(&Session::default().with_reported(&reported));
    let [found] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!((Some(found.layer), &found.side), (verdict.layer, &verdict.side));
    assert!(verdict.sentence.starts_with(&found.what), "{}", verdict.sentence);
    assert!(found.evidence.iter().all(|place| verdict.evidence.contains(place)), "{:?}", found.evidence);
    assert!(found.kind.is_of_api());
    let mut case = CaseBuilder::new("");
    case.connect();
    let reported = Reported::of(["alice", "bob"], &case.record.timeline);
    assert_eq!(explain(&Session::default().with_reported(&reported)), []);
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
fn states_statistics_candidates_descriptions_and_errors_are_compared() {
    for (expect, holds) in [
        ("alice: { states: { iceConnection: [new, checking, connected] } }", true),
        ("alice: { states: { iceConnection: [new, connected] } }", false),
        ("alice: { states: { iceConnection: { anyOf: [[new], [new, checking, connected]] } } }", true),
        ("alice: { states: { iceConnection: { never: [failed] } } }", true),
        ("alice: { states: { iceConnection: { never: [checking] } } }", false),
        ("alice: { states: { iceConnection: { includes: [checking, connected] } } }", true),
        ("alice: { states: { iceConnection: { includes: [connected, checking] } } }", false),
        ("alice: { candidates: { types: [host] } }", true),
        ("alice: { candidates: { types: [] } }", false),
        ("alice: { candidates: { includes: [relay] } }", false),
        ("alice: { candidates: { mdns: true } }", false),
        ("alice: { candidates: { end: false } }", true),
        ("alice: { sdp: { offer: { contains: ['UDP/DTLS/SCTP'], lacks: ['a=ice-lite'] } } }", true),
        ("alice: { sdp: { offer: { contains: ['m=video'] } } }", false),
        ("alice: { sdp: { answer: { contains: ['m='] } } }", false),
        ("alice: { stats: [{ type: transport, field: bytesSent, above: 5 }] }", true),
        ("alice: { stats: [{ type: transport, field: bytesSent, above: 50 }] }", false),
        ("alice: { stats: [{ type: transport, follow: pair, field: nominated, equals: true }] }", true),
        ("alice: { stats: [{ type: transport, count: 2 }] }", false),
        ("alice: { errors: [] }", true),
        ("alice: { errors: [{ createAnswer: InvalidStateError }] }", false),
        ("alice: { tracks: none, media: none }", true),
        ("alice: { tracks: { audio: 1 } }", false),
        ("alice: { media: { audio: { tone: 440 } } }", false),
        ("alice: { channels: none }", false),
        ("alice: { channels: { chat: { id: 1, maxRetransmits: 3 } } }", false),
        ("alice: { channels: { chat: { id: 1, reliable: true }, other: none } }", true),
    ] {
        let mut case = CaseBuilder::new(expect);
        case.connect().record.stats.insert(
            "alice".into(),
            json!({"T": {"type": "transport", "bytesSent": 10, "pair": "P"}, "P": {"type": "candidate-pair", "nominated": true}}),
        );
        let verdict = case.verdict();
        let outcome = if holds { Outcome::Pass } else { Outcome::Fail };
        assert_eq!(verdict.outcome, outcome, "{expect}: {verdict:#?}");
    }
}

#[test]
fn the_transport_of_the_pair_in_use_is_reported_by_event_or_statistics() {
    let tcp = "candidate:2 1 TCP 1518280447 203.0.113.100 9 typ host tcptype active";
    let udp = "candidate:1 1 udp 2130706431 203.0.113.100 5000 typ host";
    for (local, holds) in [(tcp, true), (udp, false)] {
        let mut case = CaseBuilder::new("alice: { pair: { local: host, transport: tcp } }");
        let change = json!({"event": "selectedcandidatepairchange", "data": {"local": local, "remote": udp}});
        case.connect().event("alice", change);
        assert_eq!(case.verdict().outcome == Outcome::Pass, holds, "{local}");
        let mut case = CaseBuilder::new("alice: { pair: { local: host, transport: tcp } }");
        let protocol = if holds { "tcp" } else { "udp" };
        let candidate = json!({"type": "local-candidate", "candidateType": "host", "protocol": protocol});
        let pair = json!({"type": "candidate-pair", "state": "succeeded", "nominated": true,
            "localCandidateId": "L", "remoteCandidateId": "L"});
        case.connect().record.stats.insert("alice".into(), json!({"P": pair, "L": candidate}));
        assert_eq!(case.verdict().outcome == Outcome::Pass, holds, "{protocol}");
    }
}

#[test]
fn by_which_address_a_peer_was_reached_is_judged_by_the_packets() {
    let reached = |kind| ReachedBy { kind, address: ([203, 0, 113, 2], 4000).into(), left: 7, arrived: 9 };
    let cases = [
        (Some(AddressKind::Srflx), Outcome::Pass),
        (Some(AddressKind::Relay), Outcome::Pass),
        (Some(AddressKind::Host), Outcome::Fail),
        (None, Outcome::Inconclusive),
    ];
    for (kind, outcome) in cases {
        let mut case = CaseBuilder::new("alice: { reachedBy: [srflx, relay] }");
        case.connect();
        case.record.reached = kind.map(|kind| ("alice".to_owned(), reached(kind))).into_iter().collect();
        let verdict = case.verdict();
        assert_eq!(verdict.outcome, outcome, "{kind:?}: {verdict:#?}");
        if outcome == Outcome::Fail {
            assert_eq!((verdict.layer, verdict.side.as_deref()), (Some(Layer::Nomination), Some("alice")));
            assert!(verdict.sentence.contains("203.0.113.2:4000, which is host"), "{}", verdict.sentence);
            assert_eq!(verdict.evidence, [Place::Frame(9), Place::Frame(7)]);
        }
    }
}

#[test]
fn the_eight_steps_have_their_times_in_order() {
    let mut case = CaseBuilder::new("");
    case.connect().send("alice", "one").receive("bob", "one");
    let steps = steps(&case.record);
    assert_eq!(steps.iter().map(|step| step.step).collect::<Vec<_>>(), StepName::ALL);
    let began: Vec<_> = steps.iter().filter_map(|step| step.began_us).collect();
    assert!(began.is_sorted(), "{steps:#?}");
    // No selected pair was reported and no packet seen: nothing is made up.
    assert_eq!(steps[4].began_us, None);
    assert!(steps[7].ended_us > steps[5].ended_us);
}

#[test]
fn a_verdict_survives_being_written_to_case_json_and_judged_again() {
    let mut case = CaseBuilder::new(CONNECTED);
    case.connect().send("alice", "one").receive("bob", "one");
    let first = case.verdict();
    case.record.file.verdict = Some(first.clone());
    let json = serde_json::to_string(&case.record.file).unwrap();
    case.record.file = serde_json::from_str(&json).unwrap();
    let lines: Vec<String> = case.record.timeline.iter().map(|e| serde_json::to_string(e).unwrap()).collect();
    case.record.timeline = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(case.verdict(), first);
    assert_eq!(case.record.file.verdict, Some(first));
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
fn what_goes_down_with_a_peer_that_closed_is_not_the_association_s_fault() {
    let mut case = CaseBuilder::new("");
    case.negotiate().ice().dtls().ended(StepOutcome::Done);
    case.command("bob", "close", json!({}), Answer::Ok(Value::Null));
    case.awaits("alice", json!({"open": "chat"})).timed_out("alice", json!({"open": "chat"}));
    fails(&case.verdict(), Layer::DataChannel, "alice", "open chat at alice should come");
}

fn finding(requirement: &str, result: checks::Result, waiver: Option<Waiver>) -> Finding {
    Finding {
        requirement: requirement.to_owned(),
        endpoint: "bob".to_owned(),
        result,
        sentence: "it is otherwise".to_owned(),
        evidence: vec![Place::Frame(7), Place::Line { entry: 3, line: 9 }],
        timing: false,
        waiver,
    }
}

fn passing() -> CaseBuilder {
    let mut case = CaseBuilder::new("{}");
    case.negotiate();
    case.ended(StepOutcome::Done);
    case
}

#[test]
fn a_requirement_that_is_broken_fails_the_case_at_its_layer_unless_it_is_known_or_recommended() {
    let waiver = Waiver { reason: "it was always so".to_owned(), link: "RFC".to_owned() };
    let verdict = |findings: Vec<Finding>| {
        let mut case = passing();
        case.record.file.findings = findings;
        judge(&case.record)
    };
    use checks::Result::{Fail, Inconclusive, Pass, Warn};
    assert_eq!(verdict(vec![]).outcome, Outcome::Pass);
    let failed = verdict(vec![
        finding("sctp-crc32c-correct", Fail, None),
        finding("dtls-no-compression", Fail, None),
        finding("sdp-grammar-strict", Fail, Some(waiver.clone())),
    ]);
    assert_eq!((failed.outcome, failed.layer), (Outcome::Fail, Some(Layer::Dtls)));
    assert_eq!(failed.side.as_deref(), Some("bob"));
    assert!(failed.sentence.contains("dtls-no-compression") && failed.sentence.contains("RFC"), "{failed:?}");
    assert_eq!(failed.evidence, [Place::Frame(7), Place::Line { entry: 3, line: 9 }]);
    for harmless in [
        finding("dtls-no-compression", Fail, Some(waiver)),
        finding("dtls-no-compression", Warn, None),
        finding("dtls-no-compression", Inconclusive, None),
        finding("dtls-no-compression", Pass, None),
    ] {
        assert_eq!(verdict(vec![harmless]).outcome, Outcome::Pass);
    }
}

#[test]
fn a_control_is_judged_by_what_it_expects_alone() {
    let mut case = passing();
    case.record.file.findings = vec![finding("dtls-no-compression", checks::Result::Fail, None)];
    case.record.file.control_of = Some("data/echo".to_owned());
    assert_eq!(judge(&case.record).outcome, Outcome::Pass);
}

#[test]
fn a_known_deviation_of_a_case_hides_no_requirement_that_is_broken_too() {
    let mut file = passing().record.file;
    file.waiver = Some(Waiver { reason: "r".to_owned(), link: "l".to_owned() });
    let verdict = Verdict {
        outcome: Outcome::Fail,
        layer: Some(Layer::Sdp),
        side: None,
        sentence: String::new(),
        evidence: vec![],
    };
    assert_eq!(standing(&file, &verdict), Standing::Known);
    file.findings = vec![finding("dtls-no-compression", checks::Result::Fail, None)];
    assert_eq!(standing(&file, &verdict), Standing::Unexpected);
}
