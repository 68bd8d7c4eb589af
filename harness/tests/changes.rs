//! A snapshot that is new or differs: what is shown, what is left for review, and what `--update-snapshots` saves.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::process::Command;

const ECHO: &str = "\
title: A connection
peers:
  alice: { role: offerer }
  bob:   { role: answerer }
steps:
  - alice: { createDataChannel: { label: chat } }
  - connect: {}
  - alice: { await: { open: chat } }
snapshot: [ice]
";

fn run(folder: &Path, more: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_peerproof"))
        .args(["run", "mine/echo", "--peers", "stack"])
        .args(more)
        .current_dir(folder)
        .env("INSTA_UPDATE", if more == ["--update-snapshots"] { "no" } else { "new" })
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_change_is_shown_left_for_review_and_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let family = folder.path().join("scenarios/mine");
    fs::create_dir_all(&family).unwrap();
    fs::write(family.join("echo.yaml"), ECHO).unwrap();
    let record = family.join("snapshots/echo__stack-stack.snap");
    let proposed = family.join("snapshots/echo__stack-stack.snap.new");

    let (code, shown) = run(folder.path(), &[]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(
        shown.contains("snapshots to review: 1 new, 0 changed\n  new in 1 case, first mine/echo/stack-stack"),
        "{shown}"
    );
    assert!(shown.contains("beside the saved one, or where it belongs"), "{shown}");
    let text = fs::read_to_string(&proposed).unwrap();
    assert!(!record.exists() && text.contains("\n[ice]\n"), "{text}");

    // What `cargo insta accept` does; what it accepts is what `--update-snapshots` saves.
    fs::rename(&proposed, &record).unwrap();
    let (code, shown) = run(folder.path(), &[]);
    assert_eq!((code, shown.contains("snapshots")), (Some(0), false), "{shown}");
    fs::rename(&record, &proposed).unwrap();
    let (code, shown) = run(folder.path(), &["--update-snapshots"]);
    assert_eq!(code, Some(0), "{shown}");
    let (summary, saved) = (shown.find("snapshots to be saved: 1 new, 0 changed"), shown.find("  1 saved"));
    assert!(summary.is_some() && summary < saved, "{shown}");
    assert_eq!(fs::read_to_string(&record).unwrap(), text);
    assert!(!proposed.exists());

    // The record of another version, in which a state was another one.
    let (header, body) = text.split_once("\n---\n").unwrap();
    let line = body.lines().find(|line| line.contains('→')).unwrap();
    let old = body.replacen(line, "  connection: old", 1);
    let other_version = header.replace("stack ", "stack 0.0.0-");
    assert_ne!(other_version, header);
    fs::write(&record, format!("{other_version}\n---\n{old}")).unwrap();
    let (code, shown) = run(folder.path(), &[]);
    assert_eq!(code, Some(0), "{shown}");
    let expected = format!("    - connection: old\n    + {}", line.trim());
    assert!(shown.contains("snapshots to review: 0 new, 1 changed") && shown.contains(&expected), "{shown}");
    assert_eq!(fs::read_to_string(&proposed).unwrap(), text);

    fs::rename(&proposed, &record).unwrap();
    let (code, shown) = run(folder.path(), &[]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains("snapshots"), "{shown}");

    // What is no longer seen is no longer proposed; and a difference of the same version fails and is proposed.
    fs::write(&proposed, "---\n").unwrap();
    run(folder.path(), &[]);
    assert!(!proposed.exists());
    fs::write(&record, format!("{header}\n---\n{old}")).unwrap();
    let (code, shown) = run(folder.path(), &[]);
    assert_eq!(code, Some(1), "{shown}");
    assert_eq!(fs::read_to_string(&proposed).unwrap(), text);
}
