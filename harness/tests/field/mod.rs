//! Inputs as people have them who report that a call fails: captures that are short, merged, without a network layer, or no WebRTC at all;
//! descriptions of which one line is wrong; keys that do not fit. Each is put together here, and `inspect` and `judge` have to say what is right.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod causes;
mod described;
mod descriptions;
mod foreign;
mod keys;
mod packets;
mod parts;
mod proofs;
mod reports;

use serde_json::Value;
use std::fs;
use std::process::{Command, Output};

fn peerproof(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_peerproof")).args(arguments).output().unwrap()
}

/// A folder with files, and what the program says of them.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// What `inspect` prints, on one line.
fn inspect(arguments: &[&str]) -> String {
    let output = peerproof(&[&["inspect"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    on_one_line(&output.stdout)
}

fn on_one_line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What `judge` says, as data, and its exit code.
fn judge(arguments: &[&str]) -> (i32, Vec<Value>) {
    let output = peerproof(&[&["judge", "--json"], arguments].concat());
    let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("{}", String::from_utf8_lossy(&output.stderr));
    });
    (output.status.code().unwrap(), json["judged"].as_array().unwrap().clone())
}

/// The findings with that result, with their peer and sentence, of all that was judged.
fn findings(judged: &[Value], result: &str) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = judged.iter().flat_map(|one| one["findings"].as_array().into_iter().flatten());
    let of = all.filter(|it| it["result"] == result);
    of.map(|it| (text(&it["requirement"]), text(&it["endpoint"]), text(&it["sentence"]))).collect()
}

/// The one failing finding of a requirement.
#[track_caller]
fn failing(judged: &[Value], requirement: &str) -> (String, String) {
    let all = findings(judged, "fail");
    let found = all.iter().find(|(id, ..)| id == requirement);
    let (_, peer, sentence) = found.unwrap_or_else(|| panic!("{requirement} is not among {all:#?}"));
    (peer.clone(), sentence.clone())
}

/// All notes of what was judged.
fn notices(judged: &[Value]) -> Vec<String> {
    let all = judged.iter().flat_map(|one| one["notices"].as_array().into_iter().flatten());
    all.map(|it| it.as_str().unwrap().to_owned()).collect()
}
