//! What the expectation language takes and what it refuses.

use super::*;
use peerproof_captures::event::{ConnectionState, SignalingState};

fn read(yaml: &str) -> Result<Expectations, serde_yaml::Error> {
    serde_yaml::from_str(yaml)
}

const WHOLE: &str = "
alice:
  connectionState: connected
  iceConnectionState: [connected, completed]
  messages:
    chat: [one, { pattern: { size: 65536, seed: 7 } }, { text: again, times: 3 }]
    lossy: { inOrder: [{ pattern: { size: 9, seed: 1 }, times: 50 }], atLeast: 20 }
    quiet: none
  states: { signaling: [stable, have-local-offer, stable], connection: { never: [failed] } }
  channels: { chat: open, lossy: { state: closed, ordered: false, maxRetransmits: 0 } }
  tracks: { audio: 1 }
  media: { video: { numbers: increasing, minFrames: 5 }, audio: { tone: 440 } }
  errors: [{ createAnswer: InvalidStateError }, { send: [TypeError, OperationError] }]
  sdp: { offer: { contains: ['a=setup:actpass'], lacks: ['a=ice-lite'] } }
  candidates: { types: [host], end: true }
  candidateErrors: [{ codes: [401] }]
  pair: { local: host, remote: [host, prflx], transport: udp }
  bitrate: [{ during: narrow, lastMs: 4000, atMostKbit: 200 }, { during: wide, atLeastKbit: 250 }]
  stats: [{ type: inbound-rtp, where: { kind: video }, field: framesDecoded, above: 0 }]
bob: { dtlsState: failed, channels: none, media: none, tracks: none }
wire:
  - { from: bob, dtls: alert, level: fatal }
  - { from: bob, srtp: any, times: 0 }
verdict: { outcome: fail, layer: data-channel, side: bob }
";

#[test]
fn the_whole_language_is_read_and_written_without_loss() {
    let first = read(WHOLE).unwrap();
    assert_eq!(first.peers.keys().collect::<Vec<_>>(), ["alice", "bob"]);
    let alice = &first.peers["alice"];
    assert_eq!(alice.connection_state, Some(AnyOf(vec![ConnectionState::Connected])));
    assert_eq!(
        alice.states.as_ref().unwrap().signaling.as_ref().unwrap().any_of,
        [[SignalingState::Stable, SignalingState::HaveLocalOffer, SignalingState::Stable]]
    );
    assert_eq!(alice.messages["quiet"].exactly, Some(vec![]));
    assert_eq!(first.peers["bob"].channels, Some(OrNone::None));
    assert_eq!(first.wire[0].class().unwrap(), ("dtls", "alert"));

    let yaml = serde_yaml::to_string(&first).unwrap();
    assert_eq!(read(&yaml).unwrap(), first, "{yaml}");
    let json = serde_json::to_string(&first).unwrap();
    assert_eq!(serde_json::from_str::<Expectations>(&json).unwrap(), first, "{json}");
}

#[test]
fn mistakes_are_refused_with_their_place() {
    for (yaml, wants) in [
        ("alice:\n  conectionState: connected", "conectionState"),
        ("alice:\n  connectionState: conected", "conected"),
        ("alice:\n  connectionState: []", "empty"),
        ("alice:\n  channels: nothing", "`none`"),
        ("alice:\n  channels:\n    chat: ajar", "ajar"),
        ("alice:\n  messages:\n    chat: { unordered: [a], exactly: [a] }", "only one of"),
        ("alice:\n  messages:\n    chat: [{ text: a, size: 3 }]", "either"),
        ("alice:\n  messages:\n    chat: [{ times: 3 }]", "needs"),
        ("alice:\n  errors: [{ a: B, c: D }]", "one command"),
        ("alice: {}\nalice: {}", "twice"),
        ("wire: [{ from: bob, dtsl: alert }]", "dtsl"),
        ("verdict: { outcome: sixth }", "sixth"),
    ] {
        let error = read(yaml).expect_err(yaml).to_string();
        assert!(error.contains(wants), "{yaml}: {error}");
        assert!(
            error.contains("line") || error.contains("alice") || error.contains("twice"),
            "{yaml}: {error}"
        );
    }
}

#[test]
fn a_wire_expectation_names_exactly_one_protocol() {
    let none: WireMatch = serde_yaml::from_str("{ from: bob }").unwrap();
    let both: WireMatch = serde_yaml::from_str("{ from: bob, dtls: any, srtp: any }").unwrap();
    assert!(none.class().unwrap_err().contains("no protocol"));
    assert!(both.class().unwrap_err().contains("both dtls and srtp"));
}

#[test]
fn counts_default_to_at_least_one() {
    let count = |yaml: &str| serde_yaml::from_str::<WireMatch>(yaml).unwrap().count();
    assert_eq!(count("{ from: a, dtls: any }").to_string(), "at least 1");
    assert_eq!(count("{ from: a, dtls: any, times: 0 }").to_string(), "none");
    assert_eq!(count("{ from: a, dtls: any, atMost: 2 }").to_string(), "at most 2");
    assert!(!count("{ from: a, dtls: any, times: 4 }").allows(3));
    assert!(count("{ from: a, dtls: any, atLeast: 1, atMost: 3 }").allows(3));
}

#[test]
fn a_controls_verdict_may_be_written_either_way_and_leaves_open_what_it_does_not_name() {
    let expected: ExpectedVerdict =
        serde_yaml::from_str("{ verdict: fail, layer: data channel, side: bob }").unwrap();
    let verdict = |layer, side: &str| Verdict {
        outcome: Outcome::Fail,
        layer: Some(layer),
        side: Some(side.to_owned()),
        sentence: String::new(),
        evidence: vec![],
        claim: None,
    };
    assert!(expected.matches(&verdict(Layer::DataChannel, "bob")));
    assert!(!expected.matches(&verdict(Layer::DataChannel, "alice")));
    assert!(!expected.matches(&verdict(Layer::Dtls, "bob")));
    let open = ExpectedVerdict { layer: None, side: None, ..expected };
    assert!(open.matches(&verdict(Layer::Dtls, "alice")));
}

#[test]
fn the_schema_knows_every_part() {
    let schema = schemars::schema_for!(Expectations);
    let text = serde_json::to_string(&schema).unwrap();
    for part in ["connectionState", "framesDecoded", "maxRetransmits", "useCandidate", "someOf"] {
        let known = text.contains(&format!("\"{part}\""));
        assert_eq!(known, part != "framesDecoded", "{part}");
    }
}
