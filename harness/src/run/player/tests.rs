//! The player against peers in memory that behave as a test wants.

use super::command::differs;
use super::*;
use crate::machine::Limit;
use crate::peers::protocol::Command;
use crate::peers::{CaseClock, Peer, PeerInfo, Reported};
use async_trait::async_trait;
use peerproof_captures::event::{ConnectionState, IceState, PeerEvent};
use peerproof_captures::timeline::{Answer, Entry, Key, Lack, PeerState};
use serde_json::json;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Answers by a table and reports what the test puts in.
struct Fake {
    info: PeerInfo,
    called: Arc<Mutex<Vec<String>>>,
    /// Statistics are answered as long as it has permits.
    statistics: Arc<Semaphore>,
    events: Mutex<Option<UnboundedSender<Reported>>>,
}

#[async_trait]
impl Peer for Fake {
    fn info(&self) -> &PeerInfo {
        &self.info
    }

    async fn call(&self, command: Command) -> Answer {
        let name = command.name();
        self.called.lock().unwrap().push(format!("{} {name}", self.info.name));
        match command {
            Command::CreateOffer { .. } => {
                Answer::Ok(json!({"type": "offer", "sdp": "v=0\r\na=setup:actpass\r\n"}))
            }
            Command::CreateAnswer => Answer::Ok(json!({"type": "answer", "sdp": "v=0\r\n"})),
            Command::SetRemoteDescription { description } if description.sdp.contains("broken") => {
                Answer::Rejected { name: "InvalidAccessError".to_owned(), message: String::new() }
            }
            Command::GetState => Answer::Ok(json!({
                "localDescription": { "type": "offer", "sdp": "v=0\r\na=setup:actpass\r\na=candidate:1\r\n" }
            })),
            Command::RestartIce => Answer::Unsupported { reason: "never".to_owned() },
            Command::GetStats => {
                self.statistics.acquire().await.unwrap().forget();
                Answer::Ok(json!({}))
            }
            _ => Answer::Ok(json!({})),
        }
    }

    fn reported(&self) -> u64 {
        0
    }

    async fn end(&self) {
        self.events.lock().unwrap().take();
    }
}

struct Table {
    player: Player,
    called: Arc<Mutex<Vec<String>>>,
    statistics: Arc<Semaphore>,
    bob: UnboundedSender<Reported>,
    journal: Arc<Journal>,
    _folder: tempfile::TempDir,
}

fn table() -> Table {
    table_without(&[])
}

/// Two peers that never report these events besides.
fn table_without(also: &[&str]) -> Table {
    let folder = tempfile::tempdir().unwrap();
    let journal = Arc::new(Journal::create(&folder.path().join("t.jsonl"), CaseClock::start()).unwrap());
    let stage = CaseCapture::create(&folder.path().join("c.pcapng"), "t", Arc::clone(&journal)).unwrap();
    let called = Arc::new(Mutex::new(Vec::new()));
    let statistics = Arc::new(Semaphore::new(0));
    let mut parts = IndexMap::new();
    let mut senders = Vec::new();
    for name in ["alice", "bob"] {
        let (events, reported) = unbounded_channel();
        let info = PeerInfo {
            name: name.to_owned(),
            implementation: "fake".to_owned(),
            version: "1".to_owned(),
            features: None,
            unreported: ["icecandidateerror", "sctpstatechange", "dtlsstatechange:connecting"]
                .iter()
                .chain(also)
                .map(ToString::to_string)
                .collect(),
        };
        let (called, statistics) = (Arc::clone(&called), Arc::clone(&statistics));
        let fake = Fake { info, called, statistics, events: Mutex::new(Some(events.clone())) };
        let actor = Actor::new(Box::new(fake), Arc::clone(&journal));
        let carrier = Carrier::new();
        tokio::spawn(Arc::clone(&actor).listen(reported, Arc::clone(&carrier), Arc::clone(&stage), false));
        parts.insert(name.to_owned(), Part { actor, carrier });
        senders.push(events);
    }
    let player = Player::new(parts, Arc::clone(&journal), stage, 1, None, (Arc::default(), None));
    Table { player, called, statistics, bob: senders.remove(1), journal, _folder: folder }
}

impl Table {
    /// Plays steps and returns how the last one ended.
    async fn play(&self, yaml: &str) -> StepOutcome {
        let value: Value = serde_yaml::from_str(yaml).unwrap();
        let steps: Vec<Step> = serde_json::from_value(value).unwrap();
        self.player.play(&steps, &Limit::new(Duration::from_secs(20))).await;
        let (entries, _) = self.journal.entries();
        let last = entries.into_iter().rev().find_map(|entry| match entry.what {
            What::StepEnded { outcome, .. } => Some(outcome),
            _ => None,
        });
        last.unwrap()
    }

    fn report(&self, seq: u64, event: PeerEvent) {
        self.bob.send(Reported { seq, at_us: 0, time: None, event }).unwrap();
    }
}

#[tokio::test]
async fn a_reading_delays_no_step_and_none_is_asked_for_before_it_is_answered() {
    let mut table = table();
    table.player = table.player.reading(Some(Duration::from_millis(1)));
    let yaml = "[bob: { createPeerConnection: {} }, bob: { never: { event: { connectionState: closed }, for: 50ms } }, bob: { close: {} }]";
    let last = async {
        // Nothing is answered before the last step has ended.
        let ended = |entry: &Entry| matches!(entry.what, What::StepEnded { step: 2, .. });
        while !table.journal.entries().0.iter().any(ended) {
            tokio::task::yield_now().await;
        }
        table.statistics.add_permits(1);
    };
    let (outcome, ()) = tokio::join!(table.play(yaml), last);
    assert_eq!(outcome, StepOutcome::Done);
    let called = table.called.lock().unwrap().clone();
    assert_eq!(called, ["bob createPeerConnection", "bob getStats", "bob close"], "alice has no connection");
    let kept = |entry: &Entry| matches!(&entry.what, What::Stats { peer, .. } if peer == "bob");
    assert_eq!(table.journal.entries().0.iter().filter(|entry| kept(entry)).count(), 1);
}

#[tokio::test]
async fn what_a_peer_never_reports_can_be_awaited_by_nobody() {
    let table = table();
    for step in [
        "[bob: { await: { icecandidateerror: { code: 701 } }, within: 20s }]",
        "[bob: { await: { sctpState: connected }, within: 20s }]",
        "[bob: { never: { event: { sctpState: closed }, for: 1ms } }]",
        "[bob: { await: { dtlsState: connecting }, within: 20s }]",
        "[bob: { never: { event: { dtlsState: [connecting, failed] }, for: 1ms } }]",
    ] {
        let outcome = table.play(step).await;
        assert!(
            matches!(&outcome, StepOutcome::Unsupported { peer, reason: Lack::Unreported { .. } } if peer == "bob"),
            "{outcome:?}"
        );
    }
    // Other events and states are awaited as ever, and one of several states does.
    for step in [
        "[bob: { await: { datachannel: chat }, within: 20ms }]",
        "[bob: { await: { dtlsState: [connecting, connected] }, within: 20ms }]",
    ] {
        assert!(matches!(table.play(step).await, StepOutcome::TimedOut { .. }), "{step}");
    }
    let watched = table.play("[bob: { never: { event: { dtlsState: failed }, for: 1ms } }]").await;
    assert_eq!(watched, StepOutcome::Done);
}

fn message(text: &str) -> PeerEvent {
    let bytes = text.as_bytes();
    PeerEvent::ChannelMessage {
        message: peerproof_captures::event::Message {
            channel: "chat".to_owned(),
            text: true,
            size: bytes.len() as u64,
            crc32: crate::scenario::pattern::crc32(bytes),
            value: None,
        },
        id: None,
    }
}

#[tokio::test]
async fn negotiating_calls_both_sides_in_the_order_of_the_standard() {
    let table = table();
    assert_eq!(table.play("[negotiate: {}]").await, StepOutcome::Done);
    assert_eq!(
        *table.called.lock().unwrap(),
        [
            "alice createOffer",
            "alice setLocalDescription",
            "bob setRemoteDescription",
            "bob createAnswer",
            "bob setLocalDescription",
            "alice setRemoteDescription"
        ]
    );
}

#[tokio::test]
async fn connecting_ends_when_a_side_has_failed() {
    let table = table();
    table.report(0, PeerEvent::ConnectionStateChange { state: ConnectionState::Connecting });
    let (outcome, ()) = tokio::join!(table.play("[connect: { within: 15s }]"), async {
        tokio::task::yield_now().await;
        table.report(1, PeerEvent::ConnectionStateChange { state: ConnectionState::Failed });
    });
    let StepOutcome::Wrong { expected, seen } = outcome else { panic!("{outcome:?}") };
    assert_eq!(
        (expected.to_string().as_str(), seen.to_string().as_str()),
        ("connectionState connected at bob", "connectionState failed")
    );
}

#[tokio::test]
async fn a_failure_is_no_end_where_something_else_is_awaited() {
    let table = table();
    table.report(0, PeerEvent::ConnectionStateChange { state: ConnectionState::Failed });
    let outcome = table.play("[connect: { await: { iceConnectionState: connected }, within: 50ms }]").await;
    assert!(matches!(outcome, StepOutcome::TimedOut { within_ms: 50, .. }), "{outcome:?}");
}

#[tokio::test]
async fn an_event_counts_once_and_a_second_one_is_waited_for() {
    let table = table();
    table.report(0, message("one"));
    assert_eq!(
        table.play("[bob: { await: { message: { channel: chat, text: one } } }]").await,
        StepOutcome::Done
    );
    let again = table.play("[bob: { await: { message: { channel: chat, text: one } }, within: 20ms }]").await;
    assert!(matches!(again, StepOutcome::TimedOut { within_ms: 20, .. }), "{again:?}");
    table.report(1, message("one"));
    assert_eq!(
        table.play("[bob: { await: { message: { channel: chat, text: one } } }]").await,
        StepOutcome::Done
    );
}

#[tokio::test]
async fn a_state_that_was_passed_through_counts() {
    let table = table();
    let state = |state| PeerEvent::IceConnectionStateChange { state };
    table.report(0, state(IceState::Connected));
    table.report(1, state(IceState::Completed));
    let passed = table.play("[bob: { await: { iceConnectionState: connected } }]").await;
    assert_eq!(passed, StepOutcome::Done);
    let missed = table.play("[bob: { await: { iceConnectionState: failed }, within: 20ms }]").await;
    assert!(
        matches!(
            &missed,
            StepOutcome::TimedOut {
                seen: Seen::State(PeerState::IceConnectionState(IceState::Completed)),
                ..
            }
        ),
        "{missed:?}"
    );
}

#[tokio::test]
async fn rejections_are_as_the_scenario_says() {
    let table = table();
    let outcome = table.play("[negotiate: { rewrite: { offer: { add-lines: [x], replace: [{ regex: actpass, with: broken }] } } }]").await;
    assert!(
        matches!(&outcome, StepOutcome::Wrong { seen: Seen::Exception { name, .. }, .. } if name == "InvalidAccessError"),
        "{outcome:?}"
    );
    let outcome = table.play("[alice: { createOffer: {}, rejects: InvalidStateError }]").await;
    assert!(matches!(&outcome, StepOutcome::Wrong { .. }), "{outcome:?}");
    let outcome = table.play("[alice: restartIce]").await;
    assert!(matches!(&outcome, StepOutcome::Unsupported { peer, .. } if peer == "alice"), "{outcome:?}");
}

#[tokio::test]
async fn candidates_that_are_no_event_are_carried_with_the_description() {
    let offer_of = |table: &Table| {
        let carried = table.journal.entries().0.into_iter().find_map(|entry| match entry.what {
            What::Carried { sent, .. } => Some(sent.sdp),
            _ => None,
        });
        carried.unwrap()
    };
    let table = table();
    assert_eq!(table.play("[negotiate: {}]").await, StepOutcome::Done);
    assert!(!offer_of(&table).contains("a=candidate:"));
    let table = table_without(&["icecandidate", "icegatheringstatechange"]);
    assert_eq!(table.play("[negotiate: {}]").await, StepOutcome::Done);
    assert!(offer_of(&table).contains("a=candidate:"));
}

#[tokio::test]
async fn a_rewriting_that_changes_nothing_ends_the_step() {
    let table = table();
    for (rewrite, says) in [
        (
            "offer: { remove-lines: ['^a=nosuchattribute'] }",
            "the rewriting changes nothing of alice's description",
        ),
        (
            "answer: { replace: [{ regex: nosuchattribute, with: x }] }",
            "the rewriting changes nothing of bob's description",
        ),
    ] {
        let outcome = table.play(&format!("[negotiate: {{ rewrite: {{ {rewrite} }} }}]")).await;
        assert!(matches!(&outcome, StepOutcome::Broken { cause } if cause == says), "{outcome:?}");
    }
    let outcome =
        table.play("[negotiate: { trickle: false, rewrite: { candidate: { twice: true } } }]").await;
    assert!(matches!(&outcome, StepOutcome::Broken { .. }), "{outcome:?}");
    // There need be no candidates.
    assert_eq!(
        table.play("[negotiate: { rewrite: { offer: { no-candidates: true } } }]").await,
        StepOutcome::Done
    );
}

#[tokio::test]
async fn what_must_never_happen_ends_the_step_when_it_happens() {
    let table = table();
    let quiet = table.play("[bob: { never: { event: { open: chat }, for: 20ms } }]").await;
    assert_eq!(quiet, StepOutcome::Done);
    table.report(0, message("one"));
    let never = "[bob: { never: { event: { message: { channel: chat } }, for: 5s } }]";
    let (outcome, ()) = tokio::join!(table.play(never), async {
        tokio::task::yield_now().await;
        table.report(1, message("two"));
    });
    assert!(matches!(outcome, StepOutcome::Wrong { .. }), "{outcome:?}");
}

#[tokio::test]
async fn what_came_instead_is_named() {
    let table = table();
    table.report(0, message("Hello!"));
    table.report(1, message("Hallo?"));
    table.report(2, PeerEvent::NegotiationNeeded);
    let first = "bob: { await: { message: { channel: chat, text: Hello! } } }";
    let second = "bob: { await: { message: { channel: chat, text: Hallo! } }, within: 20ms }";
    let StepOutcome::TimedOut { seen, .. } = table.play(&format!("[{first}, {second}]")).await else {
        panic!("there is no such message")
    };
    // What an earlier step awaited did not come instead.
    assert!(
        seen.to_string().starts_with("a message of 6 bytes of channel \"chat\" came instead; "),
        "{seen}"
    );
    let Seen::Events { nearest: Some(nearest), .. } = seen else { panic!("{seen:?}") };
    assert_eq!(*nearest, message("Hallo?"));
}

#[tokio::test]
async fn what_an_earlier_step_counted_and_what_came_on_another_channel_is_named() {
    let table = table();
    table.report(0, message("Hello!"));
    table.report(1, PeerEvent::BufferedAmountLow { channel: "chat".to_owned() });
    let step = |channel: &str| {
        format!("bob: {{ await: {{ message: {{ channel: {channel}, text: Hello! }} }}, within: 20ms }}")
    };
    let seen = |outcome: StepOutcome| match outcome {
        StepOutcome::TimedOut { seen, .. } => seen.to_string(),
        outcome => panic!("{outcome:?}"),
    };
    let text = seen(table.play(&format!("[{}]", step("other"))).await);
    assert!(text.ends_with("the last event was a message of 6 bytes of channel \"chat\""), "{text}");
    table.report(2, PeerEvent::NegotiationNeeded);
    let text = seen(table.play(&format!("[{}]", step("other"))).await);
    assert!(text.starts_with("a message of 6 bytes of channel \"chat\" came instead; "), "{text}");
    assert!(text.ends_with("the last event was negotiationneeded"), "{text}");
    let text = seen(table.play(&format!("[{}, {}]", step("chat"), step("chat"))).await);
    assert!(
        text.starts_with("a message of 6 bytes of channel \"chat\", which an earlier step counted; "),
        "{text}"
    );
}

#[tokio::test]
async fn a_lost_peer_ends_the_step_that_waits_for_it() {
    let table = table();
    table.report(0, PeerEvent::Lost { reason: "crashed".to_owned(), violates: false });
    let outcome = table.play("[bob: { await: { open: chat } }]").await;
    assert!(
        matches!(&outcome, StepOutcome::Wrong { seen: Seen::Gone { reason, .. }, .. } if reason == "crashed"),
        "{outcome:?}"
    );
}

#[test]
fn an_answer_may_hold_more_than_the_scenario_wants() {
    let seen = json!({"id": 1, "sctp": [{"readyState": "open"}]});
    assert_eq!(differs(&json!({"sctp": [{}]}), &seen), None);
    assert_eq!(differs(&json!({"id": 2}), &seen), Some((vec![Key::Name("id".into())], json!(2), json!(1))));
    let (path, _, seen) = differs(&json!({"sctp": [{"readyState": "closed"}]}), &seen).unwrap();
    let seen = Seen::AnswerValue { command: "getState".into(), path, value: seen };
    assert_eq!(seen.to_string(), "getState.sctp[0].readyState = \"open\"");
}
