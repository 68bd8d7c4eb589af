//! In virtual time the same seed gives the same recording, byte for byte, and another seed another.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use peerproof::cli::prepare;
use peerproof::machine::processors;
use peerproof::peers::implementation::Roster;
use peerproof::run::session::{self, Time};
use peerproof::run::{Case, Filter, Jobs, Played, RunOptions, plan, simulated};
use peerproof::scenario::Suite;
use peerproof::scenario::load::LIE;
use peerproof::scenario::model::Clock;
use peerproof_captures::timeline::{RuleAction, What};
use peerproof_conformance::verdict::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Nobody looks on.
fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

fn cases(suite: &Suite, names: &[&str]) -> Vec<Case> {
    let names: Vec<String> = names.iter().map(|name| format!("{name}/stack-stack")).collect();
    let cases = plan(suite, &Roster::default(), &Filter { names: names.clone(), ..Filter::default() });
    assert_eq!(cases.len(), names.len());
    cases
}

/// Plays the cases in virtual time, several at once, so that whatever they shared would show.
async fn play(cases: &[Case], seed: u64) -> (tempfile::TempDir, Vec<Played>) {
    play_by(Time::Virtual, cases, seed).await
}

async fn play_by(time: Time, cases: &[Case], seed: u64) -> (tempfile::TempDir, Vec<Played>) {
    let folder = tempfile::tempdir().unwrap();
    let peerproof = Path::new(env!("CARGO_BIN_EXE_peerproof"));
    let prepared = prepare(&scenarios(), folder.path().to_owned(), peerproof, seed, false).await.unwrap();
    let options = RunOptions { jobs: Jobs::Fixed(4 * processors()), repeat: 1, time };
    let run = session::run(prepared.setting.clone(), cases, options, &mut ()).await.unwrap();
    assert_eq!((run.broken.as_slice(), run.left), ([].as_slice(), 0));
    prepared.shutdown().await;
    (folder, run.played)
}

/// All files below a folder, by their paths in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// What the rules did to packets, and to which.
fn faults(played: &Played) -> Vec<(u64, RuleAction, Option<u64>)> {
    let faulted = |what: &What| match what {
        What::Faulted { action, frame, .. } => Some((action.clone(), *frame)),
        _ => None,
    };
    let entries = played.record.timeline.iter();
    entries
        .filter_map(|entry| faulted(&entry.what).map(|(action, frame)| (entry.t_us, action, frame)))
        .collect()
}

/// Whether `one` and `other`, folders of runs, hold the same of a case; if not, the first file that differs.
fn differs(played: &Played, one: &Path, other: &Path) -> Option<PathBuf> {
    let folder = played.folder.strip_prefix(one).unwrap();
    let (first, second) = (files(&one.join(folder)), files(&other.join(folder)));
    assert!(["capture.pcapng", "timeline.jsonl"].iter().all(|name| first.contains_key(Path::new(name))));
    let names: BTreeSet<_> = first.keys().chain(second.keys()).collect();
    names.into_iter().find(|name| first.get(*name) != second.get(*name)).cloned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_comes_out_as_expected_and_the_same_each_time() {
    let suite = Suite::load(&scenarios()).unwrap();
    let mut cases = plan(&suite, &Roster::default(), &Filter::default());
    cases.retain(|case| simulated::unfit(case).is_none());
    let of_the_catalogue = |case: &Case| case.scenario().tags.iter().any(|tag| tag == LIE);
    assert!(!cases.iter().any(of_the_catalogue), "lies are told when they are asked for");
    assert!(cases.len() > 90, "{}", cases.len());
    let (one, played) = play(&cases, 7).await;
    // What is broken in a control makes it no less the same; once is enough.
    cases.retain(|case| case.control.is_none());
    let (again, _) = play(&cases, 7).await;
    for played in &played {
        assert!(played.standing.is_good(), "{}: {}", played.record.file.name, played.verdict.sentence);
        if played.record.file.control_of.is_some() {
            continue;
        }
        assert_eq!(differs(played, one.path(), again.path()), None, "{}", played.record.file.name);
    }
}

/// Data, messages over several packets, sound and pictures, a restart, a relay; lost, late and reordered packets.
const SOME: [&str; 8] = [
    "data/echo",
    "data/large-message",
    "data/ordered-under-reordering",
    "ice/restart",
    "media/both-ways",
    "sdp/add-audio-later",
    "signalling/glare",
    "turn/relay-udp",
];

/// A normal run plays these by the machine's clock, and all others of the stack with itself in virtual time. That one can stand for
/// the other shows here.
#[tokio::test(flavor = "multi_thread")]
async fn both_clocks_agree() {
    let suite = Suite::load(&scenarios()).unwrap();
    let mut cases = plan(&suite, &Roster::default(), &Filter::default());
    cases.retain(|case| case.scenario().clock == Clock::Real && case.control.is_none());
    cases.retain(|case| simulated::unfit(case).is_none());
    let families: BTreeSet<_> = cases.iter().filter_map(|case| case.name.split('/').next()).collect();
    assert!(families.len() >= 6, "{families:?}");
    let (_real, by_machine) = play_by(Time::AsFits, &cases, 7).await;
    let (_virtual, simulated) = play(&cases, 7).await;
    for (real, simulated) in by_machine.iter().zip(&simulated) {
        let file = &real.record.file;
        assert!(file.time.is_real() && !simulated.record.file.time.is_real(), "{}", file.name);
        for one in [real, simulated] {
            assert!(one.standing.is_good(), "{}: {}", file.name, one.verdict.sentence);
        }
        assert_eq!(real.verdict.outcome, simulated.verdict.outcome, "{}", file.name);
        assert_eq!(real.snapshot_text, simulated.snapshot_text, "{}", file.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_seed_gives_another_recording() {
    let suite = Suite::load(&scenarios()).unwrap();
    let cases = cases(&suite, &SOME);
    let (one, played) = play(&cases, 7).await;
    let (other, _) = play(&cases, 8).await;
    for played in &played {
        let first = differs(played, one.path(), other.path());
        assert_eq!(first, Some("capture.pcapng".into()), "{}", played.record.file.name);
    }
}

/// Chance decides which packets are lost and which are late.
const CHANCE: &str = "
title: Everything arrives although packets are lost and late by chance
peers:
  alice: { role: offerer }
  bob: { role: answerer }
steps:
  - alice: { createDataChannel: { label: chat } }
  - connect: {}
  - alice: { await: { open: chat } }
  - network: { drop: { content: application-data, probability: 0.15 } }
  - network: { delay: { content: application-data, probability: 0.2, by: 30ms } }
  - alice: { send: { channel: chat, message: { pattern: { size: 1000, seed: 1 } }, times: 60 } }
  - bob: { await: { message: { channel: chat, size: 1000, times: 60 } }, within: 30s }
";

#[tokio::test(flavor = "multi_thread")]
async fn what_chance_does_to_packets_is_replayed_by_its_seed() {
    let file = peerproof::scenario::load::scenario(Path::new("t.yaml"), "data/chance", CHANCE).unwrap();
    let suite = Suite { scenarios: vec![file], controls: Vec::new() };
    let cases = cases(&suite, &["data/chance"]);
    let mut patterns = Vec::new();
    for seed in [1, 1, 2] {
        let (_folder, played) = play(&cases, seed).await;
        let [played] = played.as_slice() else { unreachable!("one case was played") };
        assert_eq!(played.verdict.outcome, Outcome::Pass, "{}", played.verdict.sentence);
        patterns.push(faults(played));
    }
    assert!(patterns[0].iter().any(|(_, action, _)| *action == RuleAction::Drop), "{:?}", patterns[0]);
    assert!(
        patterns[0].iter().any(|(_, action, _)| matches!(action, RuleAction::Delay { .. })),
        "{:?}",
        patterns[0]
    );
    assert!(patterns[0] == patterns[1] && patterns[0] != patterns[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lives_in_real_time_is_unsupported_and_says_so() {
    let suite = Suite::load(&scenarios()).unwrap();
    let mut wanted = cases(&suite, &["network/lan", "turn/relay-udp-coturn"]);
    let browsers = Filter { names: vec!["data/echo/stack-chrome".to_owned()], ..Filter::default() };
    wanted.extend(plan(&suite, &Roster::default(), &browsers));
    let (_folder, played) = play(&wanted, 1).await;
    let reasons = ["is a lab", "coturn runs", "chrome runs"];
    assert_eq!(played.len(), reasons.len());
    for (played, reason) in played.iter().zip(reasons) {
        assert_eq!(played.verdict.outcome, Outcome::Unsupported);
        assert!(played.verdict.sentence.contains(reason), "{}", played.verdict.sentence);
    }
}
