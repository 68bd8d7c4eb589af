//! The adapters of this repository, each with Chrome in both roles, and the oldest versions of the browsers that are installed beside the
//! system's with the stack. What is not installed (`peerproof setup --peers NAME`) is skipped with a line that says so, or fails the test if
//! `PEERPROOF_REQUIRE` names it.

use peerproof::adapters;
use peerproof::run::peers::{is_required, missing};
use peerproof::versions::{Wanted, debian::upstream};
use std::path::Path;
use std::process::Command;

/// Plays what the arguments of `run` choose with an implementation. What it printed, and `run.json`.
#[expect(clippy::unwrap_used, reason = "a helper of the tests below")]
fn run(name: &str, args: &[&str]) -> (String, serde_json::Value) {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let output = tempfile::tempdir().unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_peerproof"))
        .arg("run")
        .args(args)
        .args(["--with", name])
        .arg("--scenarios")
        .arg(scenarios)
        .arg("--output")
        .arg(output.path())
        .env_remove("PEERPROOF_REQUIRE")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{name}: {printed}");
    let run = std::fs::read(output.path().join("run.json")).unwrap();
    (printed, serde_json::from_slice(&run).unwrap())
}

/// The archive moves on: the names say no number, so that what is required is always available.
#[test]
fn the_oldest_version_of_each_browser_is_the_one_that_plays() {
    for name in ["chrome@oldest", "firefox@oldest"] {
        let wanted = Wanted::parse(name).unwrap();
        if let Some(reason) = missing(name).or_else(|| missing(wanted.kind.name())) {
            assert!(!is_required(name), "{name} is required: {reason}");
            println!("skipped: {reason}");
            continue;
        }
        let installed = wanted.installed().unwrap();
        let plays = installed.name();
        let peers = format!("stack,{name}");
        let (printed, run) = run(name, &["data/echo/", "--peers", &peers]);
        let mut cases: Vec<&str> =
            run["cases"].as_array().unwrap().iter().map(|case| case["name"].as_str().unwrap()).collect();
        cases.sort_unstable();
        let (with_stack, alone) = (format!("data/echo/{plays}-stack"), format!("data/echo/{plays}-{plays}"));
        assert_eq!(cases, [alone, with_stack, format!("data/echo/stack-{plays}")], "{printed}");
        for case in run["cases"].as_array().unwrap() {
            assert_eq!(case["verdict"]["outcome"], "pass", "{printed}");
            for peer in case["peers"].as_array().unwrap().iter().filter(|peer| peer["named"] == *plays) {
                assert_eq!(peer["version"], upstream(&installed.version), "{printed}");
            }
        }
    }
}

#[test]
fn each_adapter_connects_with_chrome() {
    if let Some(reason) = missing("chrome") {
        assert!(!is_required("chrome"), "chrome is required: {reason}");
        println!("skipped: {reason}");
        return;
    }
    let mut played = 0;
    for name in adapters::names() {
        if let Some(reason) = missing(name) {
            assert!(!is_required(name), "{name} is required: {reason}");
            println!("skipped: {reason}");
            continue;
        }
        let filters = ["data/echo", "ice/non-trickle"]
            .map(|scenario| [format!("{scenario}/chrome-{name}"), format!("{scenario}/{name}-chrome")]);
        let filters: Vec<&str> = filters.iter().flatten().map(String::as_str).collect();
        let (printed, run) = run(name, &filters);
        let cases = run["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 4, "{name}: {printed}");
        // Some cannot offer, some have no messages of their own; at least one pass shows that it was there at all.
        let passes = |case: &&serde_json::Value| {
            case["verdict"]["outcome"] == "pass"
                && case["name"].as_str() == Some(&format!("ice/non-trickle/chrome-{name}"))
        };
        assert_eq!(cases.iter().filter(passes).count(), 1, "{name}: {printed}");
        played += 1;
    }
    println!("{played} adapters were played");
}
