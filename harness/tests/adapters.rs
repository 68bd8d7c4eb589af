//! The adapters of this repository, each with the reference stack in both roles. One that is not installed (`peerproof setup --peers NAME`)
//! is skipped with a line that says so, or fails the test if `PEERPROOF_REQUIRE` names it.

use peerproof::adapters;
use peerproof::run::peers::{is_required, missing};
use std::path::Path;
use std::process::Command;

#[test]
fn each_adapter_exchanges_messages_with_the_stack() {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let mut played = 0;
    for name in adapters::names() {
        if let Some(reason) = missing(name) {
            assert!(!is_required(name), "{name} is required: {reason}");
            println!("skipped: {reason}");
            continue;
        }
        let output = tempfile::tempdir().unwrap();
        let done = Command::new(env!("CARGO_BIN_EXE_peerproof"))
            .args(["run", "data/echo/", "--with", name, "--peers", &format!("stack,{name}")])
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
        // With itself too.
        assert_eq!(cases.len(), 3, "{name}: {told}");
        for case in cases {
            let (case, verdict) = (&case["name"], &case["verdict"]["outcome"]);
            // Janus only answers; what else is not played would show nothing.
            let offers = case.as_str().unwrap().contains(&format!("/{name}-"));
            assert!(verdict != "unsupported" || (offers && name == "janus"), "{case}: {told}");
        }
        played += 1;
    }
    println!("{played} adapters were played");
}
