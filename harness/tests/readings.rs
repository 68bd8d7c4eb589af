//! `run --stats-every`: a recording with statistics over time, and one like any other without.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use peerproof_captures::timeline::{self, Entry, What};
use std::fs;
use std::path::Path;
use std::process::Command;

/// A channel is open for three seconds; then one side closes, and the other goes on for two.
const SCENARIO: &str = "\
title: A channel
peers:
  alice: { role: offerer }
  bob:   { role: answerer }
steps:
  - alice: { createDataChannel: { label: chat } }
  - connect: {}
  - alice: { await: { open: chat } }
  - alice: { never: { event: { close: chat }, for: 3s } }
  - alice: { close: {} }
  - bob: { never: { event: { connectionState: new }, for: 2s } }
expect:
  bob: { signalingState: stable }
";

/// Runs the scenario and returns the timeline and the capture.
fn run(folder: &Path, name: &str, arguments: &[&str]) -> (Vec<Entry>, Vec<u8>) {
    let scenarios = folder.join("scenarios");
    fs::create_dir_all(scenarios.join("data")).unwrap();
    fs::write(scenarios.join("data/channel.yaml"), SCENARIO).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_peerproof"))
        .args(["run", "--peers", "stack", "--pages", "none", "--output", name])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let case = folder.join(name).join("cases/data/channel/stack-stack");
    let timeline = timeline::read(&fs::read(case.join("timeline.jsonl")).unwrap()).unwrap();
    (timeline, fs::read(case.join("capture.pcapng")).unwrap())
}

/// The commands that ask a peer for its statistics.
fn asked<'a>(timeline: &'a [Entry], name: &str) -> Vec<&'a Entry> {
    let is = |what: &What| matches!(what, What::Command { peer, name: command, .. } if peer == name && command == "getStats");
    timeline.iter().filter(|entry| is(&entry.what)).collect()
}

/// The packets that a peer says it has sent, reading by reading.
fn sent(timeline: &[Entry], name: &str) -> Vec<u64> {
    let report = |what: &What| match what {
        What::Stats { peer, report } if peer == name => Some(report.clone()),
        _ => None,
    };
    let sent = |report: serde_json::Value| {
        let of =
            |stat: &serde_json::Value| (stat["type"] == "transport").then(|| stat["packetsSent"].as_u64())?;
        report.as_object()?.values().find_map(of)
    };
    timeline.iter().filter_map(|entry| report(&entry.what)).filter_map(sent).collect()
}

#[test]
fn statistics_are_read_while_steps_wait_and_never_of_a_closed_peer() {
    let folder = tempfile::tempdir().unwrap();
    for clock in ["--real", "--virtual"] {
        let (timeline, _) = run(folder.path(), &clock[2..], &[clock, "--stats-every", "200ms"]);
        let last = |is: fn(&What) -> bool| timeline.iter().rfind(|entry| is(&entry.what)).unwrap().n;
        let closed = last(|what| matches!(what, What::Command { name, .. } if name == "close"));
        let over = last(|what| matches!(what, What::StepEnded { .. }));
        let count = |name: &str, from: u64, to: u64| {
            asked(&timeline, name).iter().filter(|entry| (from..to).contains(&entry.n)).count()
        };
        for name in ["alice", "bob"] {
            assert!(count(name, 0, closed) > 0, "{clock}: {name} is asked");
            // Once more when all steps are over.
            assert_eq!(count(name, over, u64::MAX), 1, "{clock}: {name}");
        }
        assert_eq!(count("alice", closed, over), 0, "{clock}");
        assert!(count("bob", closed, over) > 0, "{clock}");
        let counted = sent(&timeline, "bob");
        assert_eq!(counted.len(), asked(&timeline, "bob").len(), "each answer is kept");
        assert!(counted.is_sorted() && counted.first() < counted.last(), "{counted:?}");
    }
}

#[test]
fn readings_of_virtual_time_are_the_same_each_time_and_those_of_no_run_that_asks_for_none() {
    let folder = tempfile::tempdir().unwrap();
    let often = ["--virtual", "--stats-every", "200ms"];
    let (one, capture) = run(folder.path(), "one", &often);
    // The configuration asks for the same.
    fs::write(
        folder.path().join("peerproof.toml"),
        "scenarios = 'scenarios'\nsuite = false\nstats_every = '200ms'\n",
    )
    .unwrap();
    let (other, same) = run(folder.path(), "other", &["--virtual"]);
    assert_eq!((&one, capture == same), (&other, true));
    // By the virtual clock none is late.
    let times: Vec<u64> = asked(&one, "bob").iter().map(|entry| entry.t_us).collect();
    let on_time = times.windows(2).filter(|two| two[1] - two[0] == 200_000).count();
    assert!(on_time >= 20, "{times:?}");

    fs::remove_file(folder.path().join("peerproof.toml")).unwrap();
    let (without, _) = run(folder.path(), "without", &["--virtual"]);
    assert_eq!(["alice", "bob"].map(|name| asked(&without, name).len()), [1, 1]);
}

#[test]
fn a_distance_that_makes_no_sense_is_refused() {
    for wrong in ["1", "50ms", "0s", "2h"] {
        let output = Command::new(env!("CARGO_BIN_EXE_peerproof"))
            .args(["run", "data/echo", "--peers", "stack", "--stats-every", wrong])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong}");
    }
}
