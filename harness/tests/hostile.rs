//! Input that somebody else wrote: nothing of it reaches a terminal, a page or the name of a file as anything but text, and nothing that is no
//! regular file is waited for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::poison::poisoned;
use peerproof_captures::timeline::Entry;
use peerproof_conformance::case::CaseFile;
use peerproof_reports::RunReport;
use peerproof_reports::escape::is_hidden;
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const PEERPROOF: &str = env!("CARGO_BIN_EXE_peerproof");

/// Begins a line of its own wherever a line break gets through.
const FORGED: &str = "FORGED";
/// What [`poisoned`] adds to every string.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}31m\r\nFORGED |`x`|<script>alert(1)</script>../../\u{202e}\u{2066}\u{2028}FORGED\u{85}FORGED\u{feff}\u{e0041}\u{7f}";

fn peerproof(arguments: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    Command::new(PEERPROOF).args(arguments).current_dir(root).output().unwrap()
}

fn file(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A run with a case that failed as it had to and one that passed, every string of which is hostile.
fn hostile_run(folder: &Path) -> PathBuf {
    let run = folder.join("run");
    let filters = ["data/echo/stack-stack", "controls/echo-corrupts/stack-stack"];
    let output = run.to_str().unwrap();
    let played = peerproof(&[&["run", "--peers", "stack", "--output", output][..], &filters].concat());
    assert_eq!(played.status.code(), Some(0), "{}", String::from_utf8_lossy(&played.stdout));
    for name in filters {
        let case = run.join("cases").join(name);
        let mut json = file(&case.join("case.json"));
        let count = poisoned(&mut json, HOSTILE, &|json| CaseFile::read(json.to_string().as_bytes()).is_ok());
        assert!(count > 20, "{count} strings of case.json can be anything");
        // It is judged anew, and the verdict that it must get is another one than it gets.
        fs::write(case.join("case.json"), json.to_string()).unwrap();
        let timeline = fs::read_to_string(case.join("timeline.jsonl")).unwrap();
        let lines = timeline.lines().map(|line| {
            let mut entry: Value = serde_json::from_str(line).unwrap();
            poisoned(&mut entry, HOSTILE, &|entry| serde_json::from_value::<Entry>(entry.clone()).is_ok());
            entry.to_string() + "\n"
        });
        fs::write(case.join("timeline.jsonl"), lines.collect::<String>()).unwrap();
        // The names of interfaces, which have as many bytes.
        let mut capture = fs::read(case.join("capture.pcapng")).unwrap();
        let places: Vec<usize> =
            (0..capture.len()).filter(|at| capture[*at..].starts_with(b"alice (")).collect();
        assert!(!places.is_empty());
        for at in places {
            capture[at..at + 7].copy_from_slice(b"a\x1b[2J\n(");
        }
        fs::write(case.join("capture.pcapng"), capture).unwrap();
    }
    let mut report = file(&run.join("run.json"));
    // Recordings stay where they are, and a case that nobody expected is shown in full.
    let folders: Vec<Value> =
        report["cases"].as_array().unwrap().iter().map(|case| case["folder"].clone()).collect();
    let same = |report: &Value| {
        report["cases"]
            .as_array()
            .unwrap()
            .iter()
            .zip(&folders)
            .all(|(case, folder)| case["folder"] == *folder)
    };
    for case in report["cases"].as_array_mut().unwrap() {
        case["standing"] = "unexpected".into();
        case["control_of"].take();
    }
    let count = poisoned(&mut report, HOSTILE, &|json| {
        same(json) && RunReport::read(json.to_string().as_bytes()).is_ok()
    });
    assert!(count > 20, "{count} strings of run.json can be anything");
    fs::write(run.join("run.json"), report.to_string()).unwrap();
    run
}

/// Nothing hidden, and the text is there.
fn hides_nothing(what: &str, text: &str) {
    assert!(text.contains(FORGED), "{what} shows nothing of what is hostile: {text}");
    let hidden = text.chars().find(|c| is_hidden(*c) && !matches!(c, '\n' | '\t'));
    assert_eq!(hidden, None, "{what} has a hidden character");
}

/// Nothing hidden, and no line that a text began.
fn is_harmless(what: &str, text: &str) {
    hides_nothing(what, text);
    for line in text.lines() {
        assert!(!line.trim_start().starts_with(FORGED), "{what} has a forged line: {line}");
    }
}

/// The reports that a run writes for people and for continuous integration.
fn are_harmless(folder: &Path) {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    for name in ["summary.md", "junit.xml"] {
        is_harmless(name, &read(name));
    }
    for name in ["summary.md", "junit.xml"] {
        assert!(!read(name).contains("<script"), "{name} has a script");
    }
    // All that it shows of others is compressed data, of which its scripts make text nodes (tests/html.rs opens such pages).
    let page = read("index.html");
    assert!(!page.contains("<script>alert"), "index.html has foreign markup");
    assert_eq!(page.chars().find(|c| is_hidden(*c) && *c != '\n'), None, "index.html has a hidden character");
}

#[test]
fn nothing_in_a_recording_or_a_report_reaches_an_output_unescaped() {
    let folder = tempfile::tempdir().unwrap();
    let run = hostile_run(folder.path());
    let run_path = run.to_str().unwrap();
    let case = run.join("cases/controls/echo-corrupts/stack-stack");
    let case = case.to_str().unwrap();
    let capture = format!("{case}/capture.pcapng");
    for arguments in [
        &["judge", run_path][..],
        &["judge", "--all", run_path],
        &["judge", "--json", run_path],
        &["inspect", case],
        &["inspect", "--json", case],
        &["matrix", run_path],
    ] {
        let output = peerproof(arguments);
        let what = arguments.join(" ");
        let text = String::from_utf8(output.stdout).unwrap();
        let complaints = String::from_utf8(output.stderr).unwrap();
        assert!(!text.is_empty(), "{what}: {complaints}");
        is_harmless(&what, &format!("{text}{complaints}"));
    }
    for arguments in [
        &["inspect", "--ladder", case][..],
        &["inspect", "--packets", case],
        &["inspect", "--frame", "1", case],
        &["judge", "--all", &capture],
    ] {
        let text = String::from_utf8(peerproof(arguments).stdout).unwrap();
        assert!(!text.chars().any(|c| is_hidden(c) && c != '\n'), "{arguments:?}");
    }

    let markdown =
        String::from_utf8(peerproof(&["matrix", "--format", "markdown", run_path]).stdout).unwrap();
    is_harmless("matrix --format markdown", &markdown);
    assert!(!markdown.contains("<script"), "{markdown}");
    let page = folder.path().join("matrix.html");
    assert!(peerproof(&["matrix", run_path, "-o", page.to_str().unwrap()]).status.code().is_some());
    let page = fs::read_to_string(page).unwrap();
    hides_nothing("matrix.html", &page);
    assert!(!page.contains("<script"), "{page}");

    // All reports are written anew of the one that was read.
    let whole = folder.path().join("whole");
    let merged = peerproof(&["merge", run_path, "--output", whole.to_str().unwrap(), "--copy"]);
    is_harmless("merge", &String::from_utf8([merged.stdout, merged.stderr].concat()).unwrap());
    are_harmless(&whole);
    let json = fs::read_to_string(whole.join("run.json")).unwrap();
    assert!(!json.chars().any(|c| is_hidden(c) && c != '\n'));
    let before = RunReport::read(&fs::read(run.join("run.json")).unwrap()).unwrap();
    assert!(
        RunReport::read(json.as_bytes()).unwrap().cases == before.cases,
        "the report for programs says what it said"
    );
    let summary = fs::read_to_string(whole.join("summary.md")).unwrap();
    let columns = |line: &str| line.replace("\\|", "").matches('|').count();
    let table: Vec<usize> = summary.lines().filter(|line| line.starts_with('|')).map(columns).collect();
    assert!(table.len() >= 3 && table.windows(2).all(|pair| pair[0] == pair[1]), "{summary}");
}

/// A program that rejects every command with a hostile name and message, as the W3C API would with harmless ones.
fn hostile_program() -> String {
    let hostile = serde_json::to_string(HOSTILE).unwrap();
    let ascii: String = hostile
        .chars()
        .flat_map(|c| {
            let units = c.encode_utf16(&mut [0; 2]).to_vec();
            if c.is_ascii_graphic() || c == ' ' {
                vec![c.to_string()]
            } else {
                units.into_iter().map(|unit| format!("\\u{unit:04x}")).collect()
            }
        })
        .collect();
    format!(
        r#"#!/bin/sh
while IFS= read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  case "$line" in
    *'"hello"'*) answer='{{"ok":{{"protocol":2,"implementation":"hostile","version":"1","commands":["createPeerConnection","createDataChannel"]}}}}' ;;
    *'"impossible"'*) answer='{{"unsupported":{{"reason":{ascii}}}}}' ;;
    *) answer='{{"rejected":{{"name":{ascii},"message":{ascii}}}}}' ;;
  esac
  printf '{{"id":%s,"answer":%s}}\n' "$id" "$answer"
done
"#
    )
}

#[test]
fn nothing_that_a_peer_says_reaches_the_terminal_or_a_report_of_a_run_unescaped() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("hostile.sh");
    fs::write(&program, hostile_program()).unwrap();
    let output = folder.path().join("run");
    let run = peerproof(&[
        "run",
        "--program",
        &format!("hostile=sh {}", program.display()),
        "--peers",
        "hostile,stack",
        "--with",
        "hostile",
        "--output",
        output.to_str().unwrap(),
        "data/echo",
    ]);
    let text = String::from_utf8([run.stdout, run.stderr].concat()).unwrap();
    is_harmless("run", &text);
    are_harmless(&output);
    let mut open = vec![output];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            assert!(name.chars().all(allowed), "{name:?}");
            if entry.path().is_dir() {
                open.push(entry.path());
            }
        }
    }
}

/// A FIFO, and whether somebody opened it to read from it. Who did gets the end of the file, so that nothing waits.
struct Pipe {
    path: PathBuf,
    opened: Arc<AtomicBool>,
}

impl Pipe {
    fn new(path: PathBuf) -> Self {
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let opened = Arc::new(AtomicBool::new(false));
        let (seen, at) = (Arc::clone(&opened), path.clone());
        // Ends when the test looks.
        std::thread::spawn(move || {
            while let Ok(_writer) = File::options().write(true).open(&at) {
                if seen.swap(true, Ordering::SeqCst) {
                    return;
                }
            }
        });
        Self { path, opened }
    }

    fn was_opened(&self) -> bool {
        self.opened.load(Ordering::SeqCst)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.opened.store(true, Ordering::SeqCst);
        let _ = File::options().read(true).custom_flags(nix::libc::O_NONBLOCK).open(&self.path);
    }
}

#[test]
fn a_fifo_is_refused_by_its_name_wherever_a_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let output = run.to_str().unwrap();
    let played = peerproof(&["run", "--peers", "stack", "--output", output, "data/echo/stack-stack"]);
    assert_eq!(played.status.code(), Some(0), "{}", String::from_utf8_lossy(&played.stdout));
    let case = run.join("cases/data/echo/stack-stack");
    let capture = case.join("capture.pcapng");
    let capture = capture.to_str().unwrap();
    let pipe = Pipe::new(folder.path().join("pipe"));
    let path = pipe.path.to_str().unwrap();
    let with_pipe = |name: &str| {
        let copy = folder.path().join(format!("with-{name}"));
        fs::create_dir(&copy).unwrap();
        for file in ["case.json", "timeline.jsonl", "capture.pcapng"] {
            if file != name {
                fs::copy(case.join(file), copy.join(file)).unwrap();
            }
        }
        let pipe = Pipe::new(copy.join(name));
        (copy.to_str().unwrap().to_owned(), pipe)
    };
    let (no_case, case_pipe) = with_pipe("case.json");
    let (no_timeline, timeline_pipe) = with_pipe("timeline.jsonl");
    let (no_capture, capture_pipe) = with_pipe("capture.pcapng");
    let described = folder.path().join("with-description");
    fs::create_dir_all(described.join("sdp")).unwrap();
    for file in ["case.json", "timeline.jsonl", "capture.pcapng"] {
        fs::copy(case.join(file), described.join(file)).unwrap();
    }
    let description_pipe = Pipe::new(described.join("sdp/01-alice-offer.sdp"));
    let described = described.to_str().unwrap();
    let scenarios = folder.path().join("scenarios");
    fs::create_dir_all(scenarios.join("data")).unwrap();
    let scenario_pipe = Pipe::new(scenarios.join("data/pipe.yaml"));
    let scenarios = scenarios.to_str().unwrap();
    for (arguments, pipe) in [
        (&["judge", path][..], &pipe),
        (&["judge", &no_case], &case_pipe),
        (&["judge", &no_timeline], &timeline_pipe),
        (&["judge", &no_capture], &capture_pipe),
        (&["judge", described], &description_pipe),
        (&["judge", described, "--changed"], &description_pipe),
        (&["judge", output, "--expected", path], &pipe),
        (&["inspect", path], &pipe),
        (&["inspect", &no_capture], &capture_pipe),
        (&["inspect", capture, "--keylog", path], &pipe),
        (&["inspect", capture, "--sdp", path], &pipe),
        (&["inspect", path, "--packets"], &pipe),
        (&["matrix", path], &pipe),
        (&["matrix", output, "--preface", path], &pipe),
        (&["merge", path, "--output", "whole"], &pipe),
        (&["list", "--config", path], &pipe),
        (&["list", "--scenarios", scenarios], &scenario_pipe),
        (&["run", "--expected", path, "data/echo/stack-stack"], &pipe),
        (&["run", "--shard", "1/2", "--durations", path, "data/echo"], &pipe),
    ] {
        let output = peerproof(arguments);
        let stated = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!pipe.was_opened(), "{arguments:?} opens it");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stated}");
        let name = pipe.path.to_str().unwrap();
        assert!(stated.contains(name) && stated.contains("a FIFO"), "{arguments:?}: {stated}");
    }
}
