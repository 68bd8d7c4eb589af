//! A case that is built step by step.

use super::super::*;
use crate::evidence::{Peer, Wire};
use crate::expect::Expectations;
use crate::verdict::Verdict;
use indexmap::IndexMap;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::recording::Direction;
use peerproof_captures::timeline::{Answer, Entry, Expected, Seen, StepOutcome, What};
use serde_json::{Value, json};

/// A case that is built step by step.
pub(super) struct CaseBuilder {
    pub(super) record: CaseRecord,
    ids: u64,
    pub(super) seqs: IndexMap<String, u64>,
    steps: usize,
}

impl CaseBuilder {
    pub(super) fn new(expect: &str) -> Self {
        let peer = |name: &str, implementation: &str, role, runs| CasePeer {
            named: None,
            name: name.to_owned(),
            implementation: implementation.to_owned(),
            version: "156.0.1".to_owned(),
            role,
            runs,
            subject: name == "bob",
            nat: None,
            features: None,
            unreported: Vec::new(),
            refuses_the_impossible: true,
        };
        let file = CaseFile {
            format: FORMAT,
            name: "data/echo/stack-chrome".to_owned(),
            title: "An echo".to_owned(),
            rows: vec![],
            peers: vec![
                peer("alice", "stack", Role::Offerer, Runs::Independent),
                peer("bob", "chrome", Role::Answerer, Runs::Driven),
            ],
            seed: 1,
            scenario_hash: String::new(),
            epoch_us: 0,
            duration_us: 0,
            time: Time::Real,
            attempt: 1,
            expect: serde_yaml::from_str::<Expectations>(expect).unwrap(),
            expect_place: None,
            control_of: None,
            liars: Vec::new(),
            ends: vec![],
            not_played: None,
            snapshot: None,
            waiver: None,
            files: std::collections::BTreeMap::new(),
            captured: std::collections::BTreeMap::new(),
            findings: vec![],
            verdict: None,
            sha256: None,
        };
        let record = CaseRecord {
            file,
            timeline: vec![],
            stats: IndexMap::new(),
            wire: Some(Wire::default()),
            reached: IndexMap::new(),
            rids: IndexMap::new(),
            flaws: Vec::new(),
        };
        Self { record, ids: 0, seqs: IndexMap::new(), steps: 0 }
    }

    pub(super) fn push(&mut self, what: What) -> &mut Self {
        let n = self.record.timeline.len() as u64;
        self.record.timeline.push(Entry { n, t_us: n * 1000, what });
        self
    }

    pub(super) fn event(&mut self, peer: &str, event: Value) -> &mut Self {
        let event: PeerEvent = serde_json::from_value(event).unwrap();
        let counter = self.seqs.entry(peer.to_owned()).or_insert(0);
        let seq = *counter;
        *counter += 1;
        self.push(What::Event { peer: peer.to_owned(), seq, event })
    }

    pub(super) fn state(&mut self, peer: &str, event: &str, state: &str) -> &mut Self {
        self.event(peer, json!({"event": event, "data": {"state": state}}))
    }

    pub(super) fn command(&mut self, peer: &str, name: &str, args: Value, answer: Answer) -> &mut Self {
        self.ids += 1;
        let (peer, id) = (peer.to_owned(), self.ids);
        self.push(What::Command { peer: peer.clone(), id, name: name.to_owned(), args });
        self.push(What::Answer { peer, id, answer })
    }

    pub(super) fn began(&mut self, definition: Value) -> &mut Self {
        let (step, definition) = (self.steps, serde_json::from_value(definition).unwrap());
        self.push(What::StepBegan { step, definition, place: None })
    }

    /// A step `connect` began.
    pub(super) fn connects(&mut self) -> &mut Self {
        self.began(json!({"action": {"harness": {"step": "connect", "args": {}}}}))
    }

    /// A step began in which something is awaited of a peer.
    pub(super) fn awaits(&mut self, peer: &str, condition: Value) -> &mut Self {
        self.began(json!({"peer": peer, "action": {"await": condition}}))
    }

    pub(super) fn ended(&mut self, outcome: StepOutcome) -> &mut Self {
        let step = self.steps;
        self.steps += 1;
        self.push(What::StepEnded { step, outcome })
    }

    pub(super) fn timed_out(&mut self, peer: &str, condition: Value) -> &mut Self {
        let condition = serde_json::from_value(condition).unwrap();
        self.ended(StepOutcome::TimedOut {
            awaited: Expected::Condition { peer: peer.to_owned(), condition },
            within_ms: 2000,
            seen: Seen::Events { connection: None, dtls: None, last: None, nearest: None, counted: false },
        })
    }

    /// Offer, answer and candidates cross.
    pub(super) fn negotiate(&mut self) -> &mut Self {
        let sdp = "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n";
        self.connects();
        self.command(
            "alice",
            "createDataChannel",
            json!({"label": "chat"}),
            Answer::Ok(json!({"label": "chat", "ordered": true})),
        );
        for (from, to, kind) in [("alice", "bob", "offer"), ("bob", "alice", "answer")] {
            let description = json!({"type": kind, "sdp": sdp});
            let create = if kind == "offer" { "createOffer" } else { "createAnswer" };
            self.command(from, create, json!({}), Answer::Ok(description.clone()));
            if kind == "offer" {
                self.state(from, "signalingstatechange", "have-local-offer");
                self.state(to, "signalingstatechange", "have-remote-offer");
            }
            self.command(
                to,
                "setRemoteDescription",
                json!({"description": description}),
                Answer::Ok(Value::Null),
            );
            if kind == "answer" {
                self.state(from, "signalingstatechange", "stable");
                self.state(to, "signalingstatechange", "stable");
            }
        }
        for peer in ["alice", "bob"] {
            let candidate =
                json!({"candidate": "candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host", "sdpMid": "0"});
            self.event(peer, json!({"event": "icecandidate", "data": {"candidate": candidate}}));
        }
        self
    }

    pub(super) fn ice(&mut self) -> &mut Self {
        for peer in ["alice", "bob"] {
            for state in ["checking", "connected"] {
                self.state(peer, "icetransportstatechange", state);
                self.state(peer, "iceconnectionstatechange", state);
            }
            self.state(peer, "connectionstatechange", "connecting");
        }
        self
    }

    pub(super) fn dtls(&mut self) -> &mut Self {
        for peer in ["alice", "bob"] {
            self.state(peer, "dtlsstatechange", "connecting").state(peer, "dtlsstatechange", "connected");
            self.state(peer, "connectionstatechange", "connected");
        }
        self
    }

    pub(super) fn channel(&mut self) -> &mut Self {
        let channel = json!({"channel": {"label": "chat", "ordered": true, "id": 1}});
        for peer in ["alice", "bob"] {
            self.state(peer, "sctpstatechange", "connected");
        }
        self.event("bob", json!({"event": "datachannel", "data": channel}));
        for peer in ["alice", "bob"] {
            self.event(peer, json!({"event": "channelopen", "data": channel}));
        }
        self.ended(StepOutcome::Done)
    }

    /// A whole connection.
    pub(super) fn connect(&mut self) -> &mut Self {
        self.negotiate().ice().dtls().channel()
    }

    pub(super) fn send(&mut self, from: &str, text: &str) -> &mut Self {
        let args = json!({"channel": "chat", "message": {"text": text}});
        self.command(from, "send", args, Answer::Ok(Value::Null))
    }

    pub(super) fn receive(&mut self, at: &str, text: &str) -> &mut Self {
        let message =
            json!({"channel": "chat", "text": true, "size": text.len(), "crc32": crc(text), "value": text});
        self.event(at, json!({"event": "channelmessage", "data": {"message": message}}))
    }

    pub(super) fn packets(&mut self, packets: &[(&str, Direction, &[u8])]) -> &mut Self {
        let mut wire = Wire::default();
        for ((peer, direction, bytes), n) in packets.iter().zip(1..) {
            wire.put(Peer(usize::from(*peer == "bob")), *direction == Direction::Outbound, n * 1000, bytes);
        }
        self.record.wire = Some(wire);
        self
    }

    pub(super) fn verdict(&self) -> Verdict {
        judge(&self.record)
    }
}

/// CRC-32, bit by bit: another way than the one under test.
fn crc(text: &str) -> u32 {
    !text.bytes().fold(u32::MAX, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    })
}
