//! What the suite proves: every statement by both browsers in both roles, and every scenario file with a control.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use clap::Parser;
use peerproof::coverage::{Coverage, CoverageArgs, PartState, main};
use peerproof::peers::implementation::Roster;
use peerproof::run::{Filter, plan};
use peerproof::scenario::Suite;
use peerproof::scenario::load::Source;
use peerproof::scenario::model::Role;
use peerproof::scenario::statements::{Implementation, Statements};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

fn suite() -> &'static Suite {
    static SUITE: OnceLock<Suite> = OnceLock::new();
    SUITE.get_or_init(read)
}

fn read() -> Suite {
    Suite::load(&folder()).unwrap_or_else(|errors| {
        let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("{}", messages.join("\n\n"))
    })
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: CoverageArgs,
}

fn args(arguments: &[&str]) -> CoverageArgs {
    Line::try_parse_from([&["coverage"], arguments].concat()).unwrap().args
}

fn statements(suite: &Suite) -> Statements {
    Statements::load(&Source::Folder(folder()), suite).unwrap_or_else(|errors| {
        let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("{}", messages.join("\n\n"))
    })
}

#[test]
fn every_scenario_file_has_a_control() {
    let suite = suite();
    let controlled: BTreeSet<&str> =
        suite.controls.iter().map(|control| control.control.of.as_str()).collect();
    let files: BTreeSet<&Path> = suite.scenarios.iter().map(|file| file.path.as_path()).collect();
    let without: Vec<&&Path> = files
        .iter()
        .filter(|path| {
            let mut of_file = suite.scenarios.iter().filter(|file| file.path == ***path);
            !of_file.any(|file| controlled.contains(file.name.as_str()))
        })
        .collect();
    assert!(files.len() > 190 && without.is_empty(), "no control turns these red: {without:#?}");
}

#[test]
fn every_control_is_run_with_some_pair() {
    let names: BTreeSet<String> = plan(
        suite(),
        &Roster::default(),
        &Filter { names: vec!["controls/".to_owned()], ..Filter::default() },
    )
    .into_iter()
    .map(|case| case.file.name)
    .collect();
    let never: Vec<&str> = suite()
        .controls
        .iter()
        .map(|control| control.file.name.as_str())
        .filter(|name| !names.contains(*name))
        .collect();
    assert!(names.len() > 200 && never.is_empty(), "no pair plays {never:?}");
}

#[test]
fn every_statement_is_shown_by_both_browsers_in_both_roles_with_a_control() {
    let suite = suite();
    let coverage = Coverage::of(suite, &statements(suite), &args(&[]), None);
    assert!(coverage.total >= 36, "{}", coverage.total);
    let mut troubles = Vec::new();
    for statement in &coverage.statements {
        for part in &statement.parts {
            for by in part.by.iter().filter(|by| by.peer != Implementation::Stack) {
                if !matches!(by.state, PartState::Shown | PartState::Excepted) {
                    let (peer, role) = (by.peer.as_str(), by.role);
                    troubles.push(format!("{}: {}: {peer} {role:?} {:?}", statement.id, part.what, by.state));
                }
            }
            if part.controls.is_empty() {
                troubles.push(format!("{}: {}: no control", statement.id, part.what));
            }
        }
    }
    assert!(troubles.is_empty(), "{}", troubles.join("\n"));
    assert_eq!(coverage.whole, coverage.total);
}

#[test]
fn the_statements_of_the_executable_are_those_of_the_folder() {
    let suite = Suite::gather(&[Source::Program], &["stack", "chrome", "firefox"]).unwrap();
    assert_eq!(Statements::load(&Source::Program, &suite).unwrap(), statements(self::suite()));
}

fn refused(text: &str) -> Vec<String> {
    let errors = Statements::read(Path::new("statements.yaml"), text, suite()).unwrap_err();
    errors.iter().map(|error| error.to_string().replace('\n', " ")).collect()
}

#[test]
fn what_is_wrong_with_statements_is_named_at_its_place() {
    let whole = std::fs::read_to_string(folder().join("statements.yaml")).unwrap();
    let one = |from: &str, to: &str| {
        assert!(whole.contains(from), "{from}");
        let errors = refused(&whole.replacen(from, to, 1));
        let line = whole.lines().position(|line| line.contains(from)).unwrap() + 1;
        let at = format!("statements.yaml:{line}:");
        assert!(errors.iter().any(|error| error.starts_with(&at)), "{at} {errors:#?}");
        errors.join("\n")
    };
    let text = one("scenarios: [data/unordered]", "scenarios: [data/unorderd]");
    assert!(
        text.contains("unknown scenario `data/unorderd`") && text.contains("did you mean `data/unordered`?")
    );
    let text = one("controls: [message-of-many-lost]", "controls: [message-of-many-losd]");
    assert!(text.contains("did you mean `message-of-many-lost`?"), "{text}");
    let text = one("controls: [message-of-many-lost]", "controls: [echo-swaps]");
    assert!(text.contains("is of `data/echo-series`, which this part does not name"), "{text}");
    let text = one("requirements: [ice-candidate-priorities]", "requirements: [ice-candidate-prioritie]");
    assert!(text.contains("did you mean `ice-candidate-priorities`?"), "{text}");
    let text = one("scenarios: [data/unordered]", "scenarios: [data/echo]");
    assert!(text.contains("`data/echo` does not have `dc-3` in its `rows`"), "{text}");
    let renamed = refused(&whole.replacen("\n  dc-3:", "\n  dc-33:", 1)).join("\n");
    assert!(renamed.contains("has the unknown statement `dc-3` in its `rows`"), "{renamed}");
}

fn printed(arguments: &[&str]) -> (Coverage, String) {
    let mut out = Vec::new();
    let scenarios = folder();
    let arguments = [&["--scenarios", scenarios.to_str().unwrap()], arguments].concat();
    let coverage = main(&args(&arguments), &mut out).unwrap();
    (coverage, String::from_utf8(out).unwrap())
}

#[test]
fn filters_choose_statements_roles_and_peers() {
    let (coverage, text) = printed(&["dc-2"]);
    assert_eq!((coverage.total, coverage.whole), (1, 1));
    for words in ["data/retransmits-are-counted", "controls/one-retransmission-too-many", "chrome offers"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let (coverage, _) = printed(&["dc-2", "--peer", "firefox", "--role", "answerer"]);
    let by: Vec<_> = coverage.statements[0].parts.iter().flat_map(|part| &part.by).collect();
    assert!(!by.is_empty() && by.iter().all(|by| by.peer == Implementation::Firefox), "{by:?}");
    let (open, text) = printed(&["--open"]);
    assert!(open.total > 0 && open.total < 36 && text.contains("Debian's Firefox has no H.264"), "{text}");
    let (_, json) = printed(&["dc-2", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["statements"][0]["parts"][0]["by"][0]["state"], "shown");
}

/// A run of an echo and of its control shows the greeting by the stack, and by nobody once the verdict of the case is another one.
#[test]
fn a_run_shows_what_its_cases_have_shown() {
    let folder_of_runs = tempfile::tempdir().unwrap();
    let run = folder_of_runs.path().join("run");
    let output = run.to_str().unwrap();
    let names = ["data/echo/stack-stack", "controls/echo-corrupts/stack-stack"];
    let scenarios = folder();
    let played = Command::new(env!("CARGO_BIN_EXE_peerproof"))
        .args(["run", "--peers", "stack", "--output", output, "--scenarios"])
        .arg(&scenarios)
        .args(names)
        .output()
        .unwrap();
    assert_eq!(played.status.code(), Some(0), "{}", String::from_utf8_lossy(&played.stdout));
    let shown = |peer: Implementation| {
        let (coverage, text) = printed(&["dc-4", "--run", output]);
        let greeting = &coverage.statements[0].parts[0];
        let held = greeting.controls.iter().find(|control| control.name == "controls/echo-corrupts");
        assert_eq!(held.unwrap().held, Some([1, 0]), "{text}");
        let by = greeting.by.iter().find(|by| by.peer == peer && by.role == Role::Offerer).unwrap();
        let failed: Vec<String> = by.failed.iter().map(|failed| failed.case.clone()).collect();
        (coverage.whole, by.state, by.cases.clone(), failed)
    };
    let case = vec!["data/echo/stack-stack".to_owned()];
    assert_eq!(shown(Implementation::Stack), (0, PartState::Shown, case.clone(), Vec::new()));
    assert_eq!(shown(Implementation::Chrome), (0, PartState::Missing, Vec::new(), Vec::new()));

    let file = run.join("cases/data/echo/stack-stack/case.json");
    let mut written: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    written["verdict"]["outcome"] = "inconclusive".into();
    std::fs::write(&file, serde_json::to_vec(&written).unwrap()).unwrap();
    assert_eq!(shown(Implementation::Stack), (0, PartState::Missing, Vec::new(), case));
}

#[test]
fn an_unknown_id_is_refused_with_the_nearest() {
    let scenarios = folder();
    let args = args(&["--scenarios", scenarios.to_str().unwrap(), "dc-22"]);
    let error = main(&args, &mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains("unknown statement `dc-22`") && error.contains("did you mean `dc-2`?"), "{error}");
}
