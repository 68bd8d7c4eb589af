//! Runs of three shards, as they are put together.

use super::*;
use peerproof_reports::{CaseReport, Shard};
use serde_json::json;
use std::fs;

/// The recordings of a part of a run, and its report.
fn record(folder: &Path, cases: &[&str], shard: Option<Shard>) {
    let reports = cases.iter().map(|name| {
        let own = folder.join("cases").join(name);
        fs::create_dir_all(own.join("sdp")).unwrap();
        fs::write(own.join("case.json"), json!({"name": name, "scenario_hash": "h", "more": 1}).to_string())
            .unwrap();
        fs::write(own.join("sdp/01-alice-offer.sdp"), name).unwrap();
        // Another attempt, which is a case of its own.
        fs::create_dir_all(own.join("attempt-2")).unwrap();
        fs::write(own.join("attempt-2/case.json"), "{}").unwrap();
        serde_json::from_value::<CaseReport>(json!({
            "name": name, "title": "t", "peers": [], "standing": "expected", "steps": [], "duration_us": 1,
            "verdict": {"outcome": "pass", "sentence": "s"}, "attempt": 1, "seed": 1,
            "folder": format!("cases/{name}")
        }))
        .unwrap()
    });
    let mut report = RunReport::new("peerproof 0.1.0".to_owned(), 0, 1, 1, reports.collect());
    report.shard = shard;
    fs::write(folder.join("run.json"), serde_json::to_vec(&report).unwrap()).unwrap();
}

fn part(index: u32, all: &[(&str, &str, u32)]) -> Option<Shard> {
    Some(Shard { index, of: 2, cases_hash: shard::hash(all.iter().copied()) })
}

const ALL: [(&str, &str, u32); 3] = [("data/a/x-y", "h", 1), ("data/b/x-y", "h", 2), ("ice/c/x-y", "h", 1)];

/// Merges the parts `a` and `b` of a folder into `whole`, and returns the exit code.
fn merge_in(folder: &Path, copy: bool) -> u8 {
    let [one, other, output] = ["a", "b", "whole"].map(|name| folder.join(name));
    merge(&MergeArgs { runs: vec![one, other], output, copy, judge: false, expected: vec![] })
}

fn parts(all: &[(&str, &str, u32)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    record(&folder.path().join("a"), &["data/a/x-y", "ice/c/x-y"], part(1, all));
    record(&folder.path().join("b"), &["data/b/x-y"], part(2, all));
    folder
}

#[test]
fn links_lead_to_the_recordings_and_move_with_them() {
    let folder = parts(&ALL);
    assert_eq!(merge_in(folder.path(), false), 0);
    let link = folder.path().join("whole/cases/data/b/x-y/sdp/01-alice-offer.sdp");
    let way = fs::read_link(&link).unwrap();
    assert_eq!(way, Path::new("../../../../../../b/cases/data/b/x-y/sdp/01-alice-offer.sdp"));
    assert_eq!(fs::read_to_string(&link).unwrap(), "data/b/x-y");
    assert!(!folder.path().join("whole/cases/data/a/x-y/attempt-2").exists());
    let whole = fs::read(folder.path().join("whole/run.json")).unwrap();
    let whole = RunReport::read(&whole).unwrap();
    let names: Vec<&str> = whole.cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, ["data/a/x-y", "data/b/x-y", "ice/c/x-y"]);
    assert!(whole.shard.is_none() && !whole.interrupted);
    for report in ["junit.xml", "index.html", "summary.md"] {
        assert!(folder.path().join("whole").join(report).is_file(), "{report}");
    }
    // What is there is not written over.
    assert_eq!(merge_in(folder.path(), false), USAGE);
}

#[test]
fn copies_need_their_originals_no_more() {
    let folder = parts(&ALL);
    assert_eq!(merge_in(folder.path(), true), 0);
    fs::remove_dir_all(folder.path().join("b")).unwrap();
    let file = folder.path().join("whole/cases/data/b/x-y/sdp/01-alice-offer.sdp");
    assert!(!file.is_symlink());
    assert_eq!(fs::read_to_string(file).unwrap(), "data/b/x-y");
}

#[test]
fn a_case_that_was_planned_and_is_nowhere_is_an_error_of_the_harness() {
    let mut all = ALL.to_vec();
    all.push(("sdp/d/x-y", "h", 2));
    let folder = parts(&all);
    assert_eq!(merge_in(folder.path(), false), HARNESS_ERROR);
}

#[test]
fn runs_that_are_no_parts_are_put_together_if_they_share_no_case() {
    let folder = tempfile::tempdir().unwrap();
    record(&folder.path().join("a"), &["data/a/x-y"], None);
    record(&folder.path().join("b"), &["data/b/x-y"], None);
    assert_eq!(merge_in(folder.path(), false), 0);
    fs::remove_dir_all(folder.path().join("whole")).unwrap();
    record(&folder.path().join("b"), &["data/b/x-y", "data/a/x-y"], None);
    let args = MergeArgs {
        runs: vec![folder.path().join("a"), folder.path().join("b")],
        output: folder.path().join("whole"),
        copy: false,
        judge: false,
        expected: vec![],
    };
    let troubles = prepare(&args).err().unwrap();
    assert!(troubles.iter().any(|it| it.starts_with("data/a/x-y is in ")), "{troubles:?}");
}

#[test]
fn no_folder_leads_out_of_its_run() {
    let folder = parts(&ALL);
    let path = folder.path().join("b/run.json");
    let text = fs::read_to_string(&path).unwrap();
    for outside in ["../a/cases/data/a/x-y", "/etc", "cases/nowhere", ""] {
        fs::write(&path, text.replace("\"cases/data/b/x-y\"", &format!("\"{outside}\""))).unwrap();
        assert_eq!(merge_in(folder.path(), false), USAGE, "{outside}");
        assert!(!folder.path().join("whole").exists());
    }
}
