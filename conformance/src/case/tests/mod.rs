//! Cases told step by step, and their verdicts.

mod tale;

use super::*;
use crate::checks::{self, Finding};
use crate::evidence::{AddressKind, ReachedBy};
use crate::expect::Expectations;
use crate::explain::{Reported, Session, explain};
use crate::verdict::{Layer, Outcome, Place, Verdict};
use peerproof_captures::recording::Direction;
use peerproof_captures::timeline::{Answer, Expected, Lack, Seen, StepOutcome, What};
use serde_json::{Value, json};
use tale::Tale;

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
    let mut tale = Tale::new(CONNECTED);
    tale.connect().send("alice", "one").send("alice", "two").receive("bob", "one").receive("bob", "two");
    let verdict = tale.verdict();
    assert_eq!(verdict.outcome, Outcome::Pass, "{verdict:#?}");
    assert!(verdict.sentence.contains("bob received 2 messages as alice sent them"), "{}", verdict.sentence);
    assert_eq!(standing(&tale.record.file, &verdict), Standing::Expected);
}

#[test]
fn a_message_too_few_too_many_or_out_of_order_fails() {
    for (arrives, words) in [
        (&["one"][..], "only 1 came"),
        (&["one", "two", "two"][..], "too many"),
        (&["two", "one"][..], "it was \"two\""),
    ] {
        let mut tale = Tale::new(CONNECTED);
        tale.connect().send("alice", "one").send("alice", "two");
        for text in arrives {
            tale.receive("bob", text);
        }
        fails(&tale.verdict(), Layer::DataChannel, "bob", words);
    }
}

#[test]
fn what_was_never_sent_fails_even_if_nobody_asked() {
    let mut tale = Tale::new("");
    tale.connect().send("alice", "one").receive("bob", "one");
    assert_eq!(tale.verdict().outcome, Outcome::Pass);
    tale.receive("bob", "ghost");
    fails(&tale.verdict(), Layer::DataChannel, "bob", "\"ghost\" came, which alice never had");
    let mut tale = Tale::new("");
    tale.connect().send("alice", "one").receive("bob", "one").receive("bob", "one");
    fails(&tale.verdict(), Layer::DataChannel, "bob", "more often than it was sent");
}

#[test]
fn an_echo_that_changes_a_byte_or_the_order_is_blamed_on_the_one_who_echoes() {
    for back in [["one", "twp"], ["two", "one"]] {
        let mut tale = Tale::new("");
        tale.connect();
        tale.command("bob", "echo", json!({"channel": "chat"}), Answer::Ok(Value::Null));
        tale.awaits("alice", json!({"message": {"channel": "chat"}}));
        tale.send("alice", "one").send("alice", "two").receive("bob", "one").receive("bob", "two");
        tale.receive("alice", back[0]).receive("alice", back[1]);
        tale.timed_out("alice", json!({"message": {"channel": "chat", "text": "two"}}));
        fails(
            &tale.verdict(),
            Layer::DataChannel,
            "bob",
            "bob should send back on \"chat\" what it received",
        );
    }
}

#[test]
fn the_first_layer_that_diverged_is_named() {
    let awaited = || json!({"message": {"channel": "chat", "text": "one"}});
    let mut tale = Tale::new("");
    tale.negotiate().timed_out("bob", awaited());
    fails(&tale.verdict(), Layer::Checks, "bob", "connectivity checks of alice and bob should succeed");

    let mut tale = Tale::new("");
    tale.negotiate().ice().state("bob", "dtlsstatechange", "failed").timed_out("bob", awaited());
    fails(&tale.verdict(), Layer::Dtls, "bob", "it failed at bob");

    let mut tale = Tale::new("");
    tale.negotiate().ice().dtls().state("bob", "sctpstatechange", "connected").timed_out("bob", awaited());
    fails(&tale.verdict(), Layer::Sctp, "alice", "SCTP association should be established at alice");

    let mut tale = Tale::new("");
    tale.negotiate().ice().dtls();
    tale.state("alice", "sctpstatechange", "connected").state("bob", "sctpstatechange", "connected");
    tale.timed_out("bob", awaited());
    fails(&tale.verdict(), Layer::DataChannel, "alice", "the channel \"chat\" should open at alice");
}

#[test]
fn a_refused_candidate_is_the_cause_only_where_no_pair_was_found() {
    let refused = |connected: bool| {
        let mut tale = Tale::new("");
        tale.negotiate();
        let answer = Answer::Rejected { name: "OperationError".to_owned(), message: "no".to_owned() };
        tale.command("alice", "addIceCandidate", json!({}), answer);
        if connected {
            tale.ice();
            tale.state("bob", "dtlsstatechange", "failed").state("bob", "iceconnectionstatechange", "closed");
        }
        tale.timed_out("alice", json!({"connectionState": "connected"}));
        tale.verdict()
    };
    fails(&refused(false), Layer::Sdp, "alice", "it rejected it with OperationError");
    fails(&refused(true), Layer::Dtls, "bob", "it failed at bob");
}

#[test]
fn what_a_peer_says_that_it_cannot_tell_makes_a_case_unsupported() {
    let told = |expect: &str, never: &str| {
        let mut tale = Tale::new(expect);
        tale.record.file.peers[1].unreported.push(never.to_owned());
        tale.connect();
        tale
    };
    let unreported = |expect: &str, never: &str| told(expect, never).verdict();
    // The tale has both states, so that nothing is missing.
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
        let tale = told(expect, never);
        let verdict = tale.verdict();
        assert_eq!(verdict.outcome, Outcome::Unsupported, "{verdict:#?}");
        assert_eq!(verdict.side.as_deref(), Some("bob"));
        assert!(verdict.sentence.contains("dtlsstatechange"), "{verdict:#?}");
        let missing = Missing::of(&tale.record, &verdict).unwrap();
        assert_eq!(missing.peer.as_deref(), Some("bob"));
        assert!(verdict.sentence.ends_with(&missing.reason), "{missing:?}");
    }
    let both = "bob: { states: { dtls: { includes: [failed, closed] } } }";
    fails(&unreported(both, "dtlsstatechange:closed"), Layer::Dtls, "bob", "failed is missing");
}

#[test]
fn a_peer_without_statistics_makes_a_case_that_asks_for_them_unsupported() {
    let mut tale = Tale::new("bob: { stats: [{ type: transport, count: 1 }] }");
    tale.connect();
    assert_eq!(tale.verdict().outcome, Outcome::Inconclusive, "nobody asked");
    let none = Answer::Unsupported { reason: "no statistics".to_owned() };
    tale.command("bob", "getStats", json!({}), none);
    let verdict = tale.verdict();
    assert_eq!(
        (verdict.outcome, verdict.side.as_deref()),
        (Outcome::Unsupported, Some("bob")),
        "{verdict:#?}"
    );
    tale.record.file.peers[1].refuses_the_impossible = false;
    assert_eq!(tale.verdict().outcome, Outcome::Inconclusive, "its word proves nothing");
}

#[test]
fn an_offer_that_never_arrives_is_signalling_and_a_refused_one_sdp() {
    let offer = json!({"type": "offer", "sdp": "v=0\r\n"});
    let mut tale = Tale::new("");
    tale.connects().command("alice", "createOffer", json!({}), Answer::Ok(offer.clone()));
    tale.timed_out("alice", json!({"connectionState": "connected"}));
    fails(&tale.verdict(), Layer::Signalling, "bob", "alice's offer should reach bob");

    let mut tale = Tale::new("");
    tale.connects().command("alice", "createOffer", json!({}), Answer::Ok(offer.clone()));
    let answer = Answer::Rejected { name: "OperationError".into(), message: "no".into() };
    tale.command("bob", "setRemoteDescription", json!({"description": offer}), answer);
    tale.ended(StepOutcome::Wrong {
        expected: Expected::Success { peer: "bob".into(), command: "setRemoteDescription".into() },
        seen: Seen::Exception { name: "OperationError".into(), message: "no".into() },
    });
    fails(&tale.verdict(), Layer::Sdp, "bob", "rejected it with OperationError");
}

#[test]
fn candidates_that_were_withheld_both_ways_are_signalling() {
    let mut tale = Tale::new("");
    tale.negotiate();
    for (from, to) in [("alice", "bob"), ("bob", "alice")] {
        let sent = Some(
            serde_json::from_value(json!({"candidate": "candidate:1 1 udp 1 192.0.2.7 5 typ host"})).unwrap(),
        );
        tale.push(What::CarriedCandidate { from: from.into(), to: to.into(), sent, delivered: None });
    }
    tale.timed_out("alice", json!({"connectionState": "connected"}));
    fails(&tale.verdict(), Layer::Signalling, "bob", "withheld");
}

const CHECK: &[u8] = &[0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
const ALERT: &[u8] = &[21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 2, 42];
const SRTP: &[u8] = &[0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5];

#[test]
fn checks_without_an_answer_name_the_one_who_does_not_answer_with_the_frame() {
    let mut tale = Tale::new("");
    tale.negotiate().timed_out("alice", json!({"connectionState": "connected"}));
    tale.packets(&[("alice", Direction::Outbound, CHECK), ("alice", Direction::Outbound, CHECK)]);
    let verdict = tale.verdict();
    fails(&verdict, Layer::Checks, "bob", "bob answered none of alice's 2 Binding requests");
    assert!(verdict.evidence.contains(&Place::Frame(1)));
}

#[test]
fn what_left_a_peer_and_never_arrived_is_the_network_s() {
    let (out, arrives) = (Direction::Outbound, Direction::Inbound);
    let mut tale = Tale::new("");
    tale.negotiate().timed_out("alice", json!({"connectionState": "connected"}));
    tale.packets(&[("alice", out, CHECK), ("bob", out, CHECK), ("alice", out, CHECK)]);
    let verdict = tale.verdict();
    fails(&verdict, Layer::Checks, "network", "of 2 Binding requests that left alice none arrived at bob");
    assert!(verdict.evidence.contains(&Place::Frame(1)));

    // One that arrived is enough for the other to answer.
    tale.packets(&[("alice", out, CHECK), ("bob", arrives, CHECK), ("alice", out, CHECK)]);
    fails(&tale.verdict(), Layer::Checks, "bob", "bob answered none of alice's 2 Binding requests");
}

#[test]
fn a_case_that_wants_a_refusal_passes_on_it_and_fails_without() {
    let expect = "bob: { dtlsState: failed, channels: none }\nwire: [{ from: bob, dtls: alert, level: fatal }, { from: bob, srtp: any, times: 0 }]";
    let mut tale = Tale::new(expect);
    tale.negotiate().ice().state("bob", "dtlsstatechange", "failed").ended(StepOutcome::Done);
    tale.packets(&[("alice", Direction::Inbound, ALERT)]);
    assert_eq!(tale.verdict().outcome, Outcome::Pass, "{:#?}", tale.verdict());

    tale.packets(&[("alice", Direction::Inbound, CHECK)]);
    fails_without_evidence(
        &tale.verdict(),
        Layer::Dtls,
        "bob",
        "bob should send at least 1 dtls alert (fatal)",
    );

    tale.packets(&[("alice", Direction::Inbound, ALERT), ("alice", Direction::Inbound, SRTP)]);
    fails(&tale.verdict(), Layer::Srtp, "bob", "should send none SRTP");
}

fn fails_without_evidence(verdict: &Verdict, layer: Layer, side: &str, words: &str) {
    let with = Verdict { evidence: vec![Place::Entry(0)], ..verdict.clone() };
    fails(&with, layer, side, words);
}

#[test]
fn an_encrypted_alert_does_not_decide() {
    let mut tale = Tale::new("wire: [{ from: bob, dtls: alert, level: fatal }]");
    tale.negotiate().ice().ended(StepOutcome::Done);
    let mut encrypted = ALERT.to_vec();
    encrypted[4] = 1;
    tale.packets(&[("alice", Direction::Inbound, &encrypted)]);
    let verdict = tale.verdict();
    assert_eq!(verdict.outcome, Outcome::Inconclusive, "{verdict:#?}");
}

#[test]
fn two_browsers_pass_on_their_word_and_the_sentence_says_that_no_packets_were_seen() {
    let mut tale = Tale::new("alice: { connectionState: connected }\nwire: [{ from: bob, dtls: any }]");
    tale.connect();
    let blind = |tale: &mut Tale, runs| {
        for peer in &mut tale.record.file.peers {
            peer.runs = runs;
        }
        tale.verdict()
    };
    let verdict = blind(&mut tale, Runs::Driven);
    assert_eq!(verdict.outcome, Outcome::Pass, "{verdict:#?}");
    assert!(verdict.sentence.contains("no packets were seen"), "{}", verdict.sentence);
    // Where they could have been seen, they are missing.
    assert_eq!(blind(&mut tale, Runs::ByItself).outcome, Outcome::Inconclusive);
}

#[test]
fn unsupported_counts_only_from_a_peer_that_refuses_the_impossible() {
    let mut tale = Tale::new("");
    tale.began(json!({"peer": "bob", "action": {"command": {"name": "setCodecPreferences", "args": {}}}}));
    tale.ended(StepOutcome::Unsupported {
        peer: "bob".into(),
        reason: Lack::Answered("no such method".into()),
    });
    assert_eq!(tale.verdict().outcome, Outcome::Unsupported);
    tale.record.file.peers[1].refuses_the_impossible = false;
    assert_eq!(tale.verdict().outcome, Outcome::Inconclusive);
}

#[test]
fn a_peer_that_cannot_watch_a_track_is_not_blamed_for_what_it_did_not_see() {
    let mut tale = Tale::new("");
    tale.connect();
    tale.command("bob", "getStats", json!({}), Answer::Unsupported { reason: "no statistics".into() });
    tale.awaits("bob", json!({"media": {"kind": "audio"}}))
        .timed_out("bob", json!({"media": {"kind": "audio"}}));
    assert_eq!(tale.verdict().outcome, Outcome::Fail, "what no step needs decides nothing");

    let mut tale = Tale::new("");
    tale.connect();
    let cannot = Answer::Unsupported { reason: "passes RTP through".into() };
    tale.command("bob", "watch", json!({ "track": "t" }), cannot);
    tale.awaits("bob", json!({"media": {"kind": "audio"}}))
        .timed_out("bob", json!({"media": {"kind": "audio"}}));
    let verdict = tale.verdict();
    assert_eq!((verdict.outcome, verdict.side.as_deref()), (Outcome::Unsupported, Some("bob")));
    assert!(verdict.sentence.contains("passes RTP through"), "{}", verdict.sentence);

    // What failed below is no question of watching.
    let mut tale = Tale::new("");
    tale.negotiate();
    let cannot = Answer::Unsupported { reason: "passes RTP through".into() };
    tale.command("bob", "watch", json!({ "track": "t" }), cannot);
    tale.connects().timed_out("alice", json!({"connectionState": "connected"}));
    assert_eq!(tale.verdict().outcome, Outcome::Fail);
}

#[test]
fn no_pass_without_a_recording_a_probe_or_a_step() {
    let mut whole = Tale::new("");
    whole.connect();
    assert_eq!(whole.verdict().outcome, Outcome::Pass);

    let mut tale = Tale::new("");
    assert_eq!(tale.verdict().outcome, Outcome::HarnessError, "no step");
    tale.connect().record.wire = None;
    assert_eq!(tale.verdict().outcome, Outcome::HarnessError, "no capture");
    whole.record.file.peers[0].refuses_the_impossible = false;
    assert_eq!(whole.verdict().outcome, Outcome::Inconclusive, "a peer that says yes to everything");

    let mut gap = Tale::new("");
    gap.connect().seqs.insert("bob".to_owned(), 90);
    gap.state("bob", "connectionstatechange", "connected");
    assert_eq!(gap.verdict().outcome, Outcome::HarnessError, "a gap");
}

#[test]
fn a_lost_browser_is_ours_a_lost_stack_its_own_and_a_killed_peer_part_of_the_case() {
    let lost = json!({"event": "lost", "data": {"reason": "the page crashed"}});
    let mut tale = Tale::new("");
    tale.connect().event("bob", lost.clone());
    let verdict = tale.verdict();
    assert_eq!((verdict.outcome, verdict.side.as_deref()), (Outcome::HarnessError, Some("bob")));

    let mut tale = Tale::new("");
    tale.connect().event("alice", lost.clone());
    fails(&tale.verdict(), Layer::Signalling, "alice", "it died: the page crashed");

    let mut tale = Tale::new("");
    tale.connect().event("bob", lost).record.file.ends.push("bob".into());
    tale.state("alice", "iceconnectionstatechange", "disconnected");
    tale.awaits("alice", json!({"message": {"channel": "chat"}}))
        .timed_out("alice", json!({"message": {"channel": "chat"}}));
    fails(&tale.verdict(), Layer::Nomination, "bob", "after bob was gone");
}

#[test]
fn a_snapshot_that_differs_fails_under_the_same_versions_and_is_a_change_under_others() {
    let differs = |same_versions| {
        let mut tale = Tale::new("");
        tale.connect().record.file.snapshot = Some(SnapshotResult::Differs {
            section: "sdp".into(),
            line: 3,
            expected: "a=x".into(),
            seen: "a=y".into(),
            same_versions,
        });
        let verdict = tale.verdict();
        let standing = standing(&tale.record.file, &verdict);
        (verdict.outcome, standing)
    };
    assert_eq!(differs(true), (Outcome::Fail, Standing::Unexpected));
    assert_eq!(differs(false), (Outcome::Pass, Standing::Changed));
}

#[test]
fn a_control_must_get_its_verdict_and_a_waiver_its_deviation() {
    let mut tale = Tale::new("verdict: { outcome: fail, layer: checks, side: bob }");
    tale.negotiate().timed_out("alice", json!({"connectionState": "connected"}));
    assert_eq!(standing(&tale.record.file, &tale.verdict()), Standing::ControlHeld);
    let mut tale = Tale::new("verdict: { outcome: fail, layer: checks }");
    tale.connect();
    assert_eq!(standing(&tale.record.file, &tale.verdict()), Standing::ControlBroken);

    let waiver = Some(Waiver { reason: "known".into(), link: "RFC 8832 §5".into() });
    let mut tale = Tale::new("alice: { connectionState: failed }");
    tale.connect().record.file.waiver = waiver;
    assert_eq!(standing(&tale.record.file, &tale.verdict()), Standing::Known);
    tale.record.file.expect = Expectations::default();
    assert_eq!(standing(&tale.record.file, &tale.verdict()), Standing::WaiverStale);
}

#[test]
fn a_recording_is_explained_as_its_verdict_says() {
    let mut tale = Tale::new("");
    tale.negotiate()
        .ice()
        .state("alice", "dtlsstatechange", "failed")
        .timed_out("alice", json!({"connectionState": "connected"}));
    let verdict = tale.verdict();
    let reported = Reported::of(["alice", "bob"], &tale.record.timeline);
    let found = explain(&Session::default().with_reported(&reported));
    let [found] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!((Some(found.layer), &found.side), (verdict.layer, &verdict.side));
    assert!(verdict.sentence.starts_with(&found.what), "{}", verdict.sentence);
    assert!(found.evidence.iter().all(|place| verdict.evidence.contains(place)), "{:?}", found.evidence);
    assert!(found.kind.is_of_api());
    let mut tale = Tale::new("");
    tale.connect();
    let reported = Reported::of(["alice", "bob"], &tale.record.timeline);
    assert_eq!(explain(&Session::default().with_reported(&reported)), []);
}

#[test]
fn a_failure_above_is_explained_by_what_failed_below_unless_that_was_wanted() {
    let mut tale = Tale::new("bob: { messages: { chat: [one] } }");
    tale.negotiate().ice().state("alice", "dtlsstatechange", "failed").ended(StepOutcome::Done);
    fails(&tale.verdict(), Layer::Dtls, "alice", "so bob should receive 1 messages");
    let mut tale = Tale::new("alice: { dtlsState: failed }\nbob: { messages: { chat: [one] } }");
    tale.negotiate().ice().state("alice", "dtlsstatechange", "failed").ended(StepOutcome::Done);
    fails_without_evidence(&tale.verdict(), Layer::DataChannel, "bob", "only 0 came");
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
        let mut tale = Tale::new(expect);
        tale.connect().record.stats.insert(
            "alice".into(),
            json!({"T": {"type": "transport", "bytesSent": 10, "pair": "P"}, "P": {"type": "candidate-pair", "nominated": true}}),
        );
        let verdict = tale.verdict();
        let outcome = if holds { Outcome::Pass } else { Outcome::Fail };
        assert_eq!(verdict.outcome, outcome, "{expect}: {verdict:#?}");
    }
}

#[test]
fn the_transport_of_the_pair_in_use_is_told_by_event_or_statistics() {
    let tcp = "candidate:2 1 TCP 1518280447 203.0.113.100 9 typ host tcptype active";
    let udp = "candidate:1 1 udp 2130706431 203.0.113.100 5000 typ host";
    for (local, holds) in [(tcp, true), (udp, false)] {
        let mut tale = Tale::new("alice: { pair: { local: host, transport: tcp } }");
        let told = json!({"event": "selectedcandidatepairchange", "data": {"local": local, "remote": udp}});
        tale.connect().event("alice", told);
        assert_eq!(tale.verdict().outcome == Outcome::Pass, holds, "{local}");
        let mut tale = Tale::new("alice: { pair: { local: host, transport: tcp } }");
        let protocol = if holds { "tcp" } else { "udp" };
        let candidate = json!({"type": "local-candidate", "candidateType": "host", "protocol": protocol});
        let pair = json!({"type": "candidate-pair", "state": "succeeded", "nominated": true,
            "localCandidateId": "L", "remoteCandidateId": "L"});
        tale.connect().record.stats.insert("alice".into(), json!({"P": pair, "L": candidate}));
        assert_eq!(tale.verdict().outcome == Outcome::Pass, holds, "{protocol}");
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
        let mut tale = Tale::new("alice: { reachedBy: [srflx, relay] }");
        tale.connect();
        tale.record.reached = kind.map(|kind| ("alice".to_owned(), reached(kind))).into_iter().collect();
        let verdict = tale.verdict();
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
    let mut tale = Tale::new("");
    tale.connect().send("alice", "one").receive("bob", "one");
    let steps = steps(&tale.record);
    assert_eq!(steps.iter().map(|step| step.step).collect::<Vec<_>>(), StepName::ALL);
    let began: Vec<_> = steps.iter().filter_map(|step| step.began_us).collect();
    assert!(began.is_sorted(), "{steps:#?}");
    // No selected pair was told and no packet seen: nothing is made up.
    assert_eq!(steps[4].began_us, None);
    assert!(steps[7].ended_us > steps[5].ended_us);
}

#[test]
fn a_verdict_survives_being_written_to_case_json_and_judged_again() {
    let mut tale = Tale::new(CONNECTED);
    tale.connect().send("alice", "one").receive("bob", "one");
    let first = tale.verdict();
    tale.record.file.verdict = Some(first.clone());
    let json = serde_json::to_string(&tale.record.file).unwrap();
    tale.record.file = serde_json::from_str(&json).unwrap();
    let lines: Vec<String> = tale.record.timeline.iter().map(|e| serde_json::to_string(e).unwrap()).collect();
    tale.record.timeline = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(tale.verdict(), first);
    assert_eq!(tale.record.file.verdict, Some(first));
}

#[test]
fn an_echo_that_loses_messages_is_blamed_on_the_one_who_echoes() {
    let mut tale = Tale::new("");
    tale.connect();
    tale.command("bob", "echo", json!({"channel": "chat"}), Answer::Ok(Value::Null));
    tale.awaits("alice", json!({"message": {"channel": "chat"}})).send("alice", "one").send("alice", "two");
    tale.receive("bob", "one").receive("bob", "two").receive("alice", "one");
    tale.timed_out("alice", json!({"message": {"channel": "chat", "times": 2}}));
    fails(&tale.verdict(), Layer::DataChannel, "bob", "1 came back to alice");
}

#[test]
fn a_candidate_that_comes_after_the_close_is_no_error_of_the_scenario() {
    let refuse = |tale: &mut Tale| {
        let answer = Answer::Rejected { name: "InvalidStateError".into(), message: "closed".into() };
        tale.command("alice", "addIceCandidate", json!({}), answer);
    };
    let mut tale = Tale::new("alice: { errors: [] }");
    tale.connect().command("alice", "close", json!({}), Answer::Ok(Value::Null));
    refuse(&mut tale);
    assert_eq!(tale.verdict().outcome, Outcome::Pass, "{:#?}", tale.verdict());
    let mut tale = Tale::new("alice: { errors: [] }");
    tale.connect();
    refuse(&mut tale);
    fails(&tale.verdict(), Layer::Sdp, "alice", "it rejected addIceCandidate");
}

#[test]
fn what_goes_down_with_a_peer_that_closed_is_not_the_association_s_fault() {
    let mut tale = Tale::new("");
    tale.negotiate().ice().dtls().ended(StepOutcome::Done);
    tale.command("bob", "close", json!({}), Answer::Ok(Value::Null));
    tale.awaits("alice", json!({"open": "chat"})).timed_out("alice", json!({"open": "chat"}));
    fails(&tale.verdict(), Layer::DataChannel, "alice", "open chat at alice should come");
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

fn passing() -> Tale {
    let mut tale = Tale::new("{}");
    tale.negotiate();
    tale.ended(StepOutcome::Done);
    tale
}

#[test]
fn a_requirement_that_is_broken_fails_the_case_at_its_layer_unless_it_is_known_or_recommended() {
    let waiver = Waiver { reason: "it was always so".to_owned(), link: "RFC".to_owned() };
    let verdict = |findings: Vec<Finding>| {
        let mut tale = passing();
        tale.record.file.findings = findings;
        judge(&tale.record)
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
    let mut tale = passing();
    tale.record.file.findings = vec![finding("dtls-no-compression", checks::Result::Fail, None)];
    tale.record.file.control_of = Some("data/echo".to_owned());
    assert_eq!(judge(&tale.record).outcome, Outcome::Pass);
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
