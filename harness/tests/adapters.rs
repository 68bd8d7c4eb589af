//! The adapters of this repository, each with Chrome in both roles. One that is not installed (`peerproof setup --peers NAME`)
//! is skipped with a line that says so, or fails the test if `PEERPROOF_REQUIRE` names it.

use peerproof::adapters;
use peerproof::run::peers::{is_required, missing};
use std::path::Path;
use std::process::Command;

#[test]
fn each_adapter_connects_with_chrome() {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
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
        let output = tempfile::tempdir().unwrap();
        let done = Command::new(env!("CARGO_BIN_EXE_peerproof"))
            .arg("run")
            .args(["data/echo", "ice/non-trickle"].iter().flat_map(|scenario| {
                [format!("{scenario}/chrome-{name}"), format!("{scenario}/{name}-chrome")]
            }))
            .args(["--with", name])
            .arg("--scenarios")
            .arg(&scenarios)
            .arg("--output")
            .arg(output.path())
            .env_remove("PEERPROOF_REQUIRE")
            .output()
            .unwrap();
        let told =
            String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{name}: {told}");
        let run = std::fs::read(output.path().join("run.json")).unwrap();
        let run: serde_json::Value = serde_json::from_slice(&run).unwrap();
        let cases = run["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 4, "{name}: {told}");
        // Some cannot offer, some have no messages of their own; at least one pass shows that it was there at all.
        let passes = |case: &&serde_json::Value| {
            case["verdict"]["outcome"] == "pass"
                && case["name"].as_str() == Some(&format!("ice/non-trickle/chrome-{name}"))
        };
        assert_eq!(cases.iter().filter(passes).count(), 1, "{name}: {told}");
        played += 1;
    }
    println!("{played} adapters were played");
}
