//! Each lie of the catalogue is told, and its teller must be found out; each claim that evidence can contradict has a lie.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use peerproof::cli::prepare;
use peerproof::machine::processors;
use peerproof::peers::implementation::Roster;
use peerproof::run::session::{self, Time};
use peerproof::run::{Case, Filter, Jobs, Played, RunOptions, plan, simulated};
use peerproof::scenario::load::LIE;
use peerproof::scenario::{ControlFile, Suite};
use peerproof_conformance::claims::{By, claims};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn suite() -> Suite {
    Suite::load(&root().join("scenarios")).unwrap()
}

fn lies(suite: &Suite) -> impl Iterator<Item = &ControlFile> {
    suite.controls.iter().filter(|control| control.control.tags.iter().any(|tag| tag == LIE))
}

/// Compares a committed file with what it should say; `PEERPROOF_BLESS=1` writes it anew.
fn compare(file: &str, now: &str) {
    let path = root().join(file);
    if std::env::var_os("PEERPROOF_BLESS").is_some() {
        std::fs::write(&path, now).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let lines = |text: &str| -> BTreeSet<String> { text.lines().map(str::to_owned).collect() };
    let (before, after) = (lines(&committed), lines(now));
    let differing: Vec<String> = before
        .difference(&after)
        .map(|gone| format!("- {gone}"))
        .chain(after.difference(&before).map(|new| format!("+ {new}")))
        .collect();
    assert!(
        committed == now,
        "{file} is not what is so (PEERPROOF_BLESS=1 writes it anew):\n{}",
        differing.join("\n")
    );
}

async fn play(cases: &[Case]) -> Vec<Played> {
    let folder = tempfile::tempdir().unwrap();
    let peerproof = Path::new(env!("CARGO_BIN_EXE_peerproof"));
    let scenarios = root().join("scenarios");
    let prepared = prepare(&scenarios, folder.path().to_owned(), peerproof, 7, false).await.unwrap();
    let options = RunOptions { jobs: Jobs::Fixed(2 * processors()), repeat: 1, time: Time::Virtual };
    let run = session::run(prepared.setting.clone(), cases, options, &mut ()).await.unwrap();
    assert_eq!((run.broken.as_slice(), run.left), ([].as_slice(), 0));
    prepared.shutdown().await;
    run.played
}

/// What came out of a lie that is not found out, in a line.
fn line(played: &Played) -> String {
    let verdict = &played.verdict;
    let layer = verdict.layer.map(|layer| format!(" {layer}")).unwrap_or_default();
    let side = verdict.side.as_ref().map(|side| format!(" {side}")).unwrap_or_default();
    let outcome = serde_json::to_value(verdict.outcome).unwrap();
    let name = played.record.file.name.trim_start_matches("controls/").trim_end_matches("/stack-stack");
    format!("{name}: {}{layer}{side}", outcome.as_str().unwrap())
}

/// Lies that are not found out yet, or of which somebody else or another layer is accused, stand in a file with what comes out; the
/// list is exact.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_lies_is_found_out() {
    let suite = suite();
    let names: Vec<String> = lies(&suite).map(|lie| format!("{}/stack-stack", lie.file.name)).collect();
    assert!(names.len() >= 100, "{}", names.len());
    let mut cases = plan(&suite, &Roster::default(), &Filter { names, ..Filter::default() });
    cases.retain(|case| case.pair() == "stack-stack");
    let unfit: Vec<_> = cases.iter().filter_map(simulated::unfit).collect();
    assert_eq!((cases.len(), unfit), (lies(&suite).count(), Vec::new()), "each is told in virtual time");
    let played = play(&cases).await;
    let mut now = String::new();
    for played in played.iter().filter(|played| !played.standing.is_good()) {
        writeln!(now, "{}", line(played)).unwrap();
    }
    compare("harness/tests/lies/not-yet.txt", &now);
}

#[test]
fn each_claim_that_evidence_can_contradict_has_a_lie() {
    let suite = suite();
    let stated: BTreeSet<&str> =
        lies(&suite).flat_map(|lie| &lie.control.claims).map(String::as_str).collect();
    let known: BTreeSet<&str> = claims().into_iter().map(|claim| claim.name).collect();
    let checked = claims().into_iter().filter(|claim| matches!(claim.by, By::Evidence(_)));
    let mut now = String::new();
    for claim in checked.filter(|claim| !stated.contains(claim.name)) {
        writeln!(now, "no lie: {}", claim.name).unwrap();
    }
    for name in stated.difference(&known) {
        writeln!(now, "no claim: {name}").unwrap();
    }
    compare("harness/tests/lies/claims.txt", &now);
}

#[test]
fn the_documentation_lists_every_claim_with_its_lies() {
    compare("docs/claims.md", &peerproof::scenario::claims::document(&suite()));
}
