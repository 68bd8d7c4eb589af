//! Cases built step by step, and their verdicts.

mod blame;
mod builder;
mod causes;
mod messages;
mod scenario;
mod servers;

use super::*;
use crate::checks::{self, Finding};
use crate::evidence::{AddressKind, Flaw, Peer, ReachedBy};
use crate::expect::Expectations;
use crate::explain::{Reported, Session, explain};
use crate::verdict::{Layer, Outcome, Place, Verdict};
use builder::CaseBuilder;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::recording::Direction;
use peerproof_captures::timeline::{
    Answer, Condition, Expected, Lack, LossCause, Rule, RuleAction, Seen, StepOutcome, What,
};
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
fn what_a_peer_says_that_it_cannot_report_makes_a_case_unsupported() {
    let built = |expect: &str, never: &str| {
        let mut case = CaseBuilder::new(expect);
        case.record.file.peers[1].unreported.push(never.to_owned());
        case.connect();
        for entry in &mut case.record.timeline {
            if let What::Event { event: PeerEvent::DataChannel { channel }, .. } = &mut entry.what {
                match never {
                    "datachannel:ordered" => channel.ordered = None,
                    "datachannel:maxRetransmits" => channel.max_retransmits = None,
                    "datachannel:maxPacketLifeTime" => channel.max_packet_life_time = None,
                    _ => {}
                }
            }
        }
        if never == "dtlsstatechange" {
            let mut seq = 0;
            case.record.timeline.retain_mut(|entry| match &mut entry.what {
                What::Event { peer, event: PeerEvent::DtlsStateChange { .. }, .. } if peer == "bob" => false,
                What::Event { peer, seq: number, .. } if peer == "bob" => {
                    *number = seq;
                    seq += 1;
                    true
                }
                _ => true,
            });
        }
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
fn a_property_that_the_api_does_not_show_of_the_other_sides_channel_is_not_missing() {
    let verdict = |never: &str, is_own: bool, seen: Value| {
        let mut case = CaseBuilder::new("");
        case.record.file.peers[1].unreported.push(never.to_owned());
        case.connect();
        for entry in &mut case.record.timeline {
            if let What::Event { event: PeerEvent::DataChannel { channel }, .. } = &mut entry.what {
                channel.ordered = None;
            }
        }
        if is_own {
            case.command(
                "bob",
                "createDataChannel",
                json!({"label": "chat"}),
                Answer::Ok(json!({"label": "chat"})),
            );
        }
        case.command(
            "bob",
            "getDataChannel",
            json!({"channel": "chat"}),
            Answer::Ok(json!({"label": "chat"})),
        );
        let path = json!({"command": "getDataChannel", "path": ["ordered"]});
        let with = |key: &str, value: Value| {
            let mut path = path.clone();
            path[key] = value;
            path
        };
        let mut expected = with("value", json!(false));
        expected["peer"] = json!("bob");
        case.ended(StepOutcome::Wrong {
            expected: serde_json::from_value(json!({ "answer_value": expected })).unwrap(),
            seen: serde_json::from_value(json!({ "answer_value": with("value", seen) })).unwrap(),
        });
        case.verdict()
    };
    let lacking = verdict("datachannel:ordered", false, Value::Null);
    assert_eq!(lacking.outcome, Outcome::Unsupported, "{}", lacking.sentence);
    for (never, is_own, seen) in [
        ("datachannel:maxRetransmits", false, Value::Null),
        ("datachannel:ordered", true, Value::Null),
        ("datachannel:ordered", false, json!(true)),
    ] {
        fails(&verdict(never, is_own, seen), Layer::DataChannel, "bob", "ordered should be false");
    }
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

const CHECK: &[u8] = &[0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
const ALERT: &[u8] = &[21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 2, 42];
const SRTP: &[u8] = &[0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5];

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

#[test]
fn what_fails_below_explains_what_is_not_sent_and_nothing_that_is_sent() {
    for (wanted, layer) in [("atLeast: 2", Layer::Nomination), ("atMost: 0", Layer::Dtls)] {
        let mut case = CaseBuilder::new(&format!("wire: [{{ from: bob, dtls: any, {wanted} }}]"));
        case.connect();
        case.state("bob", "iceconnectionstatechange", "disconnected");
        case.state("bob", "connectionstatechange", "disconnected");
        case.packets(&[("alice", Direction::Inbound, ALERT)]);
        fails(&case.verdict(), layer, "bob", "bob should send");
    }
}

fn fails_without_evidence(verdict: &Verdict, layer: Layer, side: &str, words: &str) {
    let with = Verdict { evidence: vec![Place::Entry(0)], ..verdict.clone() };
    fails(&with, layer, side, words);
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
fn nobody_sees_the_packets_of_two_programs_outside_a_lab() {
    let played = |expect: &str, outside: &[&str], in_lab: bool| {
        let mut case = CaseBuilder::new(expect);
        case.connect();
        for peer in &mut case.record.file.peers {
            peer.runs = Runs::Independent;
        }
        for peer in outside {
            let clock =
                What::PeerClock { peer: (*peer).to_owned(), offset_us: 0, drift_ppm: 0.0, error_us: 10 };
            case.push(clock);
        }
        if let Some(wire) = case.record.wire.as_mut().filter(|_| in_lab) {
            wire.hosts.insert(Peer(0));
        }
        case.verdict()
    };
    let connected = "alice: { connectionState: connected }";
    let with_wire = format!("{connected}\nwire: [{{ from: bob, dtls: any }}]");
    let sentence = |expect: &str, outside: &[&str], in_lab| {
        let verdict = played(expect, outside, in_lab);
        assert_eq!(verdict.outcome, Outcome::Pass, "{verdict:#?}");
        verdict.sentence
    };
    let both = ["alice", "bob"];
    assert!(sentence(connected, &both, false).ends_with("no packets captured; based on API events only"));
    assert!(sentence(&with_wire, &both, false).ends_with("1 expectation on the wire was not checked"));
    // One tap is enough, and so is a lab.
    for (outside, in_lab) in [(&both[1..], false), (&both[..], true)] {
        assert!(sentence(connected, outside, in_lab).ends_with("no packets were sent"));
        assert_eq!(played(&with_wire, outside, in_lab).outcome, Outcome::Inconclusive);
    }
}

#[test]
fn what_closes_is_closed_without_an_event() {
    let verdict = |state: &str, expected: &str, closes: bool| {
        let mut case = CaseBuilder::new(&format!("alice: {{ {state}: {expected} }}"));
        case.connects().negotiate().ice().dtls().ended(StepOutcome::Done);
        if closes {
            case.command("alice", "close", json!({}), Answer::Ok(json!(null)));
        }
        case.verdict().outcome
    };
    for (state, other) in [
        ("connectionState", "failed"),
        ("iceConnectionState", "failed"),
        ("signalingState", "have-local-offer"),
    ] {
        assert_eq!(verdict(state, "closed", true), Outcome::Pass, "{state}");
        assert_eq!(verdict(state, "closed", false), Outcome::Fail, "{state}");
        assert_eq!(verdict(state, other, true), Outcome::Fail, "{state}");
    }
}

#[test]
fn a_transport_that_bundle_gave_up_is_not_the_one_that_is_expected() {
    let verdict = |expected: &str, sections: usize, sctp: &str| {
        let mut case = CaseBuilder::new(&format!("alice: {{ {expected} }}"));
        case.connect();
        let section = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n";
        let sdp = format!("v=0\r\n{}", section.repeat(sections));
        let offer = json!({"type": "offer", "sdp": sdp});
        case.command("alice", "createOffer", json!({}), Answer::Ok(offer));
        case.state("alice", "signalingstatechange", "have-local-offer");
        case.state("alice", "signalingstatechange", "stable");
        case.state("alice", "dtlsstatechange", "closed").state("alice", "icetransportstatechange", "closed");
        case.state("alice", "sctpstatechange", sctp);
        case.verdict()
    };
    for expected in [
        "dtlsState: connected",
        "states: { dtls: [new, connecting, connected] }",
        "states: { iceTransport: { never: [closed] } }",
    ] {
        assert_eq!(verdict(expected, 2, "connected").outcome, Outcome::Pass, "{expected}");
        // Of one section there is one transport, and an association goes with its own.
        assert_eq!(verdict(expected, 1, "connected").outcome, Outcome::Fail, "{expected}");
        assert_eq!(verdict(expected, 2, "closed").outcome, Outcome::Fail, "{expected}");
    }
    assert_eq!(verdict("dtlsState: closed", 2, "connected").outcome, Outcome::Fail);
}

#[test]
fn an_offer_that_is_ignored_is_none_of_the_peers_own() {
    let local = |operation: &str| {
        let mut case = CaseBuilder::new("");
        let data = json!({"operation": operation, "description": {"type": "offer", "sdp": "v=0\r\n"}});
        case.event("alice", json!({"event": "acted", "data": data}));
        crate::api::PeerView::of(&case.record.timeline, "alice").local.len()
    };
    assert_eq!(["setLocalDescription", "ignoreOffer"].map(local), [1, 0]);
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
    let (claimed, seen) = ("event 4 of bob should be there".to_owned(), "event 5 follows".to_owned());
    gap.connect().record.flaws.push(Flaw { t_us: 0, claimed, seen, evidence: Vec::new() });
    assert_eq!(gap.verdict().outcome, Outcome::HarnessError, "a gap");
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
        case.connect();
        for (peer, candidate) in [("alice", local), ("bob", udp)] {
            let candidate = json!({"candidate": candidate, "sdpMid": "0"});
            case.event(peer, json!({"event": "icecandidate", "data": {"candidate": candidate}}));
        }
        case.event("alice", change);
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
fn a_peer_that_reports_no_pair_by_either_way_lacks_it() {
    let mut case = CaseBuilder::new("alice: { pair: { remote: host } }");
    // Who was not asked for statistics has not said that it cannot.
    assert_eq!(case.connect().verdict().outcome, Outcome::Inconclusive);
    case.command("alice", "getStats", json!({}), Answer::Unsupported { reason: "no statistics".into() });
    let lacking = case.verdict();
    assert_eq!((lacking.outcome, lacking.side.as_deref()), (Outcome::Unsupported, Some("alice")));
    assert!(lacking.sentence.contains("nor by getStats: no statistics"), "{}", lacking.sentence);
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
fn a_step_that_never_ended_is_not_done() {
    let mut case = CaseBuilder::new("");
    case.negotiate().ice();
    case.state("alice", "dtlsstatechange", "connecting").state("alice", "dtlsstatechange", "failed");
    let steps = steps(&case.record);
    assert!(steps[3].ended_us.is_some(), "the checks are done: {steps:#?}");
    assert!(steps[5].began_us.is_some() && steps[5].ended_us.is_none(), "DTLS is not: {steps:#?}");
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

fn finding(requirement: &str, result: checks::Status, waiver: Option<Waiver>) -> Finding {
    Finding {
        requirement: requirement.to_owned(),
        endpoint: "bob".to_owned(),
        result,
        faults: Vec::new(),
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
    use checks::Status::{Fail, Inconclusive, Pass, Warn};
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
    case.record.file.findings = vec![finding("dtls-no-compression", checks::Status::Fail, None)];
    case.record.file.control_of = Some("data/echo".to_owned());
    assert_eq!(judge(&case.record).outcome, Outcome::Pass);
    case.record.file.liars = vec!["bob".to_owned()];
    assert_eq!(judge(&case.record).outcome, Outcome::Fail, "but for one in which a peer lies");
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
        claim: None,
    };
    assert_eq!(standing(&file, &verdict), Standing::Known);
    file.findings = vec![finding("dtls-no-compression", checks::Status::Fail, None)];
    assert_eq!(standing(&file, &verdict), Standing::Unexpected);
}

#[test]
fn an_absence_needs_evidence_in_which_it_could_have_been_seen() {
    for expect in [
        "alice: { candidates: { types: [] } }",
        "alice: { candidates: { lacks: [relay] } }",
        "bob: { tracks: none }",
    ] {
        let mut case = CaseBuilder::new(expect);
        case.awaits("alice", json!({"connectionState": "new"})).ended(StepOutcome::Done);
        assert_eq!(case.verdict().outcome, Outcome::Inconclusive, "{expect}: {:#?}", case.verdict());
    }
    let mut case = CaseBuilder::new("bob: { tracks: none }");
    case.connect();
    assert_eq!(case.verdict().outcome, Outcome::Pass, "{:#?}", case.verdict());
}

#[test]
fn what_must_not_happen_and_happens_is_its_own_cause() {
    let mut case = CaseBuilder::new("");
    case.connects().negotiate().ice().ended(StepOutcome::Done);
    case.began(
        json!({"peer": "bob", "action": {"never": {"event": {"dtlsState": "connected"}, "for_ms": 1000}}}),
    );
    let condition: Condition = serde_json::from_value(json!({"dtlsState": "connected"})).unwrap();
    let expected = Expected::NoCondition { peer: "bob".to_owned(), condition: condition.clone() };
    let seen = Seen::Occurred(condition);
    case.ended(StepOutcome::Wrong { expected, seen });
    fails(&case.verdict(), Layer::Dtls, "bob", "bob should not report dtlsState connected, but it did");
}
