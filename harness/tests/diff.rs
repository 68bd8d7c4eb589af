//! `peerproof diff` and `peerproof archive`: a repetition of a run shows no change; chance and a changed tool are listed apart.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

const SCENARIO: &str = "\
title: A connection
peers:
  alice: { role: offerer }
  bob:   { role: answerer }
steps:
  - alice: { createDataChannel: { label: chat } }
  - connect: {}
  - alice: { await: { open: chat } }
";

fn peerproof(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_peerproof")).args(args).current_dir(folder).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.code(), text.concat())
}

/// Writes the archive with some values changed, and compares the run with that.
fn changed(folder: &Path, change: impl FnOnce(&mut Value), more: &[&str]) -> (Option<i32>, String) {
    let mut archive: Value = serde_json::from_slice(&fs::read(folder.join("one.json")).unwrap()).unwrap();
    change(&mut archive);
    fs::write(folder.join("changed.json"), archive.to_string()).unwrap();
    peerproof(folder, &[&["diff", "changed.json", "two"], more].concat())
}

/// Gives both peers of that many cases another first value of a fact.
fn other(archive: &mut Value, fact: &str, cases: usize) {
    for case in archive["cases"].as_array_mut().unwrap().iter_mut().take(cases) {
        for peer in case["peers"].as_array_mut().unwrap() {
            *peer["facts"][fact].pointer_mut("/values/0").unwrap() = json!("of before");
        }
    }
}

#[test]
fn a_repetition_shows_nothing_and_what_differs_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let family = folder.join("scenarios/mine");
    fs::create_dir_all(&family).unwrap();
    for name in ["first.yaml", "second.yaml"] {
        fs::write(family.join(name), SCENARIO).unwrap();
    }
    for output in ["one", "two"] {
        let (code, shown) = peerproof(folder, &["run", "mine", "--peers", "stack", "--output", output]);
        assert_eq!(code, Some(0), "{shown}");
    }
    assert_eq!(
        peerproof(folder, &["diff", "one", "two"]),
        (Some(0), "2 cases compared: 0 ended otherwise, 0 changes\n".to_owned())
    );

    // An archive is compressed if its name says so, and says the same.
    for name in ["one.json", "one.json.gz"] {
        assert_eq!(peerproof(folder, &["archive", "one", "-o", name]).0, Some(0));
    }
    let [plain, packed] = ["one.json", "one.json.gz"].map(|name| fs::read(folder.join(name)).unwrap());
    assert!(packed.starts_with(&[0x1f, 0x8b]) && packed.len() * 3 < plain.len(), "{}", packed.len());
    let (code, shown) = peerproof(folder, &["diff", "one.json.gz", "two"]);
    assert_eq!((code, shown.contains("0 changes")), (Some(0), true), "{shown}");
    fs::write(folder.join("cut.gz"), &packed[..packed.len() / 2]).unwrap();
    assert_eq!(peerproof(folder, &["diff", "cut.gz", "two"]).0, Some(2));

    // What two cases show is a change, at a frame; what one shows may be chance.
    let fact = "check attributes";
    let (code, shown) = changed(folder, |archive| other(archive, fact, 2), &[]);
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("  check attributes: − of before  + "), "{shown}");
    assert!(shown.contains("2 scenarios, mine/first/stack-stack frame "), "{shown}");
    let (code, shown) = changed(folder, |archive| other(archive, fact, 2), &["--at-least", "3"]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("1 in fewer than 3 scenarios are left out"), "{shown}");
    let (code, shown) = changed(folder, |archive| other(archive, fact, 1), &[]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(
        shown.contains("May be chance") && shown.contains("  stack check attributes: − of before"),
        "{shown}"
    );

    // What other checks decided.
    let of_checks = |archive: &mut Value| {
        archive["tool"] = json!("peerproof 0.0.1");
        other(archive, "requirement sdp-grammar-strict", 2);
    };
    let (code, shown) = changed(folder, of_checks, &[]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("decided by different checks: peerproof 0.0.1 → "), "{shown}");
    assert!(shown.contains("of which 1 differ"), "{shown}");

    let of_format_1 = |archive: &mut Value| *archive = json!({"format": 1, "cases": []});
    let (code, shown) = changed(folder, of_format_1, &[]);
    assert_eq!(code, Some(2), "{shown}");
    assert!(shown.contains("an archive of format 1; this version reads 3 to 5: make it anew"), "{shown}");
}

/// The comparisons of `docs/changes`: the archives that are compared.
const CHANGES: [[&str; 2]; 2] = [["chrome-150", "chrome-156"], ["firefox-140", "firefox-153"]];

/// `PEERPROOF_BLESS=1` writes them anew.
#[test]
fn the_changes_of_browsers_are_what_the_archives_beside_them_show() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/changes");
    for [before, after] in CHANGES {
        let name = format!("{before}-{}", after.rsplit('-').next().unwrap());
        let [one, other] = [before, after].map(|it| format!("{it}.json.gz"));
        let preface = format!("{name}.preface.md");
        let (code, shown) =
            peerproof(&folder, &["diff", &one, &other, "--at-least", "4", "--preface", &preface]);
        assert_eq!(code, Some(1), "{shown}");
        // Each change has a case and a place in it.
        let rows = shown.lines().filter(|line| line.starts_with("| ") && line.contains(" scenarios, "));
        let rows: Vec<&str> = rows.collect();
        assert!(!rows.is_empty(), "{shown}");
        for row in rows {
            assert!(
                row.contains("stack frame ") || row.contains("stack entry ") || row.contains(" frame "),
                "{row}"
            );
        }
        let path = folder.join(format!("{name}.md"));
        if std::env::var_os("PEERPROOF_BLESS").is_some() {
            fs::write(&path, &shown).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), shown, "PEERPROOF_BLESS=1 writes {name}.md anew");
    }
}

#[test]
fn an_archive_can_be_of_some_cases_and_a_comparison_a_document() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let family = folder.join("scenarios/mine");
    fs::create_dir_all(&family).unwrap();
    for name in ["first.yaml", "second.yaml"] {
        fs::write(family.join(name), SCENARIO).unwrap();
    }
    let run = ["run", "mine", "--peers", "stack", "--output", "one", "--pages", "none"];
    assert_eq!(peerproof(folder, &run).0, Some(0));
    let (code, shown) = peerproof(folder, &["archive", "one", "--only", "second", "-o", "some.json"]);
    assert_eq!((code, shown.contains("some.json: 1 cases")), (Some(0), false), "{shown}");
    assert!(shown.contains("some.json: 1 case"), "{shown}");
    fs::write(folder.join("title.md"), "# A title\n\n\n").unwrap();
    let (code, shown) = peerproof(folder, &["diff", "some.json", "one", "--preface", "title.md"]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.starts_with("# A title\n\n1 case compared: 0 ended otherwise, 0 changes"), "{shown}");
    assert_eq!(peerproof(folder, &["diff", "some.json", "one", "--preface", "none.md"]).0, Some(2));
}
