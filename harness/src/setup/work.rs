//! A step at work: its processes, what they say, and how they end.

use super::{Lane, Step};
use crate::process::Spec;
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, PipeReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most lines that are kept of what a step says: the newest.
const KEPT: usize = 40;
/// Most letters of a line that is shown while the step works.
const WIDTH: usize = 90;
/// How long to wait for the last lines of a step that has ended. A service that it started may hold its output open forever.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The newest lines of a step, and how many there were.
#[derive(Debug, Default)]
struct Said {
    lines: VecDeque<String>,
    count: usize,
}

/// A step that is being done.
#[derive(Debug)]
pub(super) struct Work {
    child: Child,
    /// Closed, it has the supervisor end everything; a step without a supervisor has none.
    line: Option<ChildStdin>,
    given_up: bool,
    said: Arc<Mutex<Said>>,
    /// Ends with the output.
    read: Receiver<()>,
    began: Instant,
    /// How many lines there were when one was last shown.
    shown: usize,
}

impl Work {
    /// Starts the step. `peerproof` is the executable that plays the supervisor of programs that are built.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(step: &Step, peerproof: &Path) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let mut command = match step.lane {
            Lane::Programs | Lane::Peers => in_supervisor(step, peerproof),
            Lane::Rights | Lane::Packages => alone(step),
        };
        let mut child = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
        // It holds the writing end of the pipe, which would never close.
        drop(command);
        let line = child.stdin.take();
        let said = Arc::new(Mutex::new(Said::default()));
        let (end, read) = mpsc::channel();
        let keep = Arc::clone(&said);
        std::thread::spawn(move || {
            keep_lines(reader, &keep);
            drop(end);
        });
        Ok(Self { child, line, given_up: false, said, read, began: Instant::now(), shown: 0 })
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When the system does not say it.
    pub(super) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        if status.is_some() {
            // Its end and the time-out are alike: more will not come.
            let _ = self.read.recv_timeout(LAST_WORDS);
        }
        Ok(status)
    }

    /// Ends it, if it may be ended in the middle.
    pub(super) fn give_up(&mut self) {
        self.given_up |= self.line.take().is_some();
    }

    /// Whether its end says nothing, since it was brought about.
    pub(super) fn was_given_up(&self) -> bool {
        self.given_up
    }

    /// Its newest line, if nothing later was shown.
    pub(super) fn news(&mut self) -> Option<String> {
        let said = lock(&self.said);
        let newest = said.lines.back().filter(|_| said.count > self.shown)?;
        let shortened = newest.trim_start().chars().take(WIDTH).collect();
        self.shown = said.count;
        Some(shortened)
    }

    /// The end of what it said.
    pub(super) fn last_words(&self) -> Vec<String> {
        lock(&self.said).lines.iter().cloned().collect()
    }

    /// How long it has been at work.
    pub(super) fn took(&self) -> Duration {
        self.began.elapsed()
    }
}

fn lock(said: &Mutex<Said>) -> MutexGuard<'_, Said> {
    said.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep_lines(reader: PipeReader, said: &Mutex<Said>) {
    for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        // Progress that overwrites itself: what it came to.
        let line = line.trim_end().rsplit('\r').next().unwrap_or_default();
        if line.is_empty() {
            continue;
        }
        let mut said = lock(said);
        said.lines.push_back(line.to_owned());
        if said.lines.len() > KEPT {
            said.lines.pop_front();
        }
        said.count += 1;
    }
}

/// The step's command, with nothing to read.
pub(super) fn alone(step: &Step) -> Command {
    let mut command = Command::new(&step.program);
    command.args(&step.args).envs(step.env.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
    command
}

/// The step's command under a supervisor, in a scratch directory that holds all that is built until it is installed.
fn in_supervisor(step: &Step, peerproof: &Path) -> Command {
    let mut command = Command::new(peerproof);
    command
        .arg("supervisor")
        .arg("--scratch")
        .arg(Spec::fresh_scratch())
        .arg("--")
        .arg(&step.program)
        .args(&step.args)
        .envs(step.env.iter().map(|(name, value)| (name, value)))
        .envs(cargo_folders())
        // The target folder of whoever calls is locked while something is built there.
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("CARGO_BUILD_TARGET_DIR")
        .stdin(Stdio::piped())
        // Ctrl-C is this program's to obey: it closes the line.
        .process_group(0);
    command
}

/// Where cargo and rustup have their things, since the supervisor gives what it starts another home.
fn cargo_folders() -> Vec<(&'static str, PathBuf)> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")]
        .into_iter()
        .filter(|(name, _)| std::env::var_os(name).is_none())
        .filter_map(|(name, folder)| Some((name, home.as_ref()?.join(folder))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(script: &str) -> Work {
        let step = Step {
            title: "Try".into(),
            lane: Lane::Packages,
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            env: vec![],
        };
        let mut work = Work::start(&step, Path::new("/nonexistent")).unwrap();
        while work.ended().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        work
    }

    #[test]
    fn the_newest_line_is_shown_once() {
        let mut work = done("echo one; printf '1 %%\\r99 %%\\n'; echo >&2; printf two >&2");
        assert_eq!(work.last_words(), ["one", "99 %", "two"]);
        assert_eq!(work.news().as_deref(), Some("two"));
        assert_eq!(work.news(), None);
    }

    #[test]
    fn the_end_of_a_long_output_is_kept() {
        let work = done("i=0; while [ $i -lt 100 ]; do echo $i; i=$((i + 1)); done");
        assert_eq!(work.last_words().len(), KEPT);
        assert_eq!(work.last_words().last().map(String::as_str), Some("99"));
    }

    #[test]
    fn a_service_that_holds_the_output_open_is_not_waited_for() {
        let begun = Instant::now();
        let work = done("sleep 20 & echo begun");
        assert_eq!(work.last_words(), ["begun"]);
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}
