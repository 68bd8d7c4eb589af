//! `run --watch` plays again when what it plays changes, and only then.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(120);

const ECHO: &str = "\
title: An echo
peers:
  alice: { role: offerer }
  bob:   { role: answerer }
steps:
  - bob: { echo: { channel: chat } }
  - alice: { createDataChannel: { label: chat } }
  - connect: {}
  - alice: { await: { open: chat } }
";

/// A run that watches, and the lines that it writes, of both outputs in the order in which they were written.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        // One pipe for both: of two, the lines would be read in any order.
        let (both, writer) = std::io::pipe().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_peerproof"))
            .arg("run")
            .args(arguments)
            .arg("--watch")
            .current_dir(folder)
            .stdout(writer.try_clone().unwrap())
            .stderr(writer)
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            BufReader::new(both).lines().map_while(Result::ok).try_for_each(|it| sender.send(it))
        });
        Self { child, lines }
    }

    /// The lines up to the one that contains this.
    #[track_caller]
    fn until(&self, wanted: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.lines.recv_timeout(DEADLINE);
            let line = line.unwrap_or_else(|error| panic!("{wanted}: {error} after {lines:#?}"));
            let done = line.contains(wanted);
            lines.push(line);
            if done {
                return lines;
            }
        }
    }

    fn end(mut self) -> Option<i32> {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), Signal::SIGINT).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watching {
    /// A test that fails leaves no process.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn played(lines: &[String], case: &str) -> usize {
    lines.iter().filter(|line| line.starts_with('[') && line.contains(case)).count()
}

#[test]
fn it_plays_again_when_a_scenario_of_its_cases_changes() {
    let folder = tempfile::tempdir().unwrap();
    let family = folder.path().join("scenarios/mine");
    fs::create_dir_all(&family).unwrap();
    let (echo, other) = (family.join("echo.yaml"), family.join("other.yaml"));
    fs::write(&echo, ECHO).unwrap();
    fs::write(&other, ECHO).unwrap();
    let run = Watching::start(folder.path(), &["mine/echo", "--peers", "stack", "--virtual"]);
    let first = run.until("watching ");
    assert_eq!((played(&first, "mine/echo/stack-stack"), played(&first, "mine/other")), (1, 0), "{first:#?}");

    // Another scenario is not one of its cases.
    fs::write(&other, ECHO.replace("An echo", "Another")).unwrap();
    // As editors do: a new file in the place of the old one.
    let beside = family.join(".echo.yaml.new");
    fs::write(&beside, ECHO.replace("An echo", "An echo, changed")).unwrap();
    fs::rename(&beside, &echo).unwrap();
    let second = run.until("watching ");
    assert!(
        second.iter().any(|line| line.contains("changed: ") && line.contains("echo.yaml")),
        "{second:#?}"
    );
    assert_eq!(played(&second, "mine/echo/stack-stack"), 1, "{second:#?}");

    // A broken one is named, and it goes on when it is mended.
    fs::write(&echo, ECHO.replace("steps:", "stepz:")).unwrap();
    let broken = run.until("watching ");
    assert!(broken.iter().any(|line| line.contains("stepz")), "{broken:#?}");
    assert_eq!(played(&broken, "mine/echo"), 0, "{broken:#?}");
    fs::write(&echo, ECHO).unwrap();
    assert_eq!(played(&run.until("watching "), "mine/echo/stack-stack"), 1);
    assert_eq!(run.end(), Some(0));
    let runs = fs::read_dir(folder.path().join("runs")).unwrap().flatten();
    let runs = runs.filter(|entry| entry.file_name() != "latest").count();
    assert_eq!(runs, 3, "each time has a folder of its own");
}

#[test]
fn it_plays_again_when_a_program_changes() {
    let folder = tempfile::tempdir().unwrap();
    let family = folder.path().join("scenarios/mine");
    fs::create_dir_all(&family).unwrap();
    fs::write(family.join("echo.yaml"), ECHO).unwrap();
    let script = folder.path().join("adapter.sh");
    let text = format!("exec {} adapter stack\n", env!("CARGO_BIN_EXE_peerproof"));
    fs::write(&script, &text).unwrap();
    let configuration =
        "[implementations.mine]\nprogram = ['/bin/sh', 'adapter.sh']\nimplementation = 'stack'\n";
    fs::write(folder.path().join("peerproof.toml"), configuration).unwrap();
    let run = Watching::start(folder.path(), &["mine/echo/mine-stack", "--with", "mine"]);
    assert_eq!(played(&run.until("watching "), "mine/echo/mine-stack"), 1);
    fs::write(&script, format!("# changed\n{text}")).unwrap();
    let again = run.until("watching ");
    assert!(again.iter().any(|line| line.contains("changed: ") && line.contains("adapter.sh")), "{again:#?}");
    assert_eq!(played(&again, "mine/echo/mine-stack"), 1, "{again:#?}");
    assert_eq!(run.end(), Some(0));
}
