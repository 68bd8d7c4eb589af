//! One command of the way, timed, bounded and logged.

use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often a command is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// Lines of its log that a failure shows.
const SHOWN: usize = 30;

/// What a command took.
pub(super) struct Taken {
    /// Until it ended.
    pub(super) time: Duration,
    /// Until the line that was awaited, with that line.
    pub(super) line: Option<(Duration, String)>,
    /// How it ended.
    pub(super) status: ExitStatus,
    /// Where its output is.
    pub(super) log: PathBuf,
}

impl Taken {
    /// Itself, if the command succeeded.
    ///
    /// # Errors
    /// With the end of its output if it did not.
    pub(super) fn well(self) -> Result<Self> {
        if self.status.success() {
            return Ok(self);
        }
        bail!("{} ended with {}:\n{}", name(&self.log), self.status, end_of(&self.log))
    }
}

/// Runs a command until it ends. Its output goes into `log`, where the first line that `awaited` likes is
/// looked for.
///
/// # Errors
/// If it cannot be run or takes longer than `deadline`; then it may still run, and is for the supervisor to end.
pub(super) fn run(
    command: &mut Command,
    log: &Path,
    deadline: Duration,
    awaited: Option<fn(&str) -> bool>,
) -> Result<Taken> {
    let output = File::create(log)?;
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .with_context(|| format!("{} cannot be run", command.get_program().display()))?;
    let mut line = None;
    loop {
        let status = child.try_wait()?;
        let time = begun.elapsed();
        if let (None, Some(awaited)) = (&line, awaited) {
            line = found(log, awaited)?.map(|line| (time, line));
        }
        match status {
            Some(status) => return Ok(Taken { time, line, status, log: log.to_owned() }),
            None if time > deadline => {
                bail!("{} takes longer than {} s:\n{}", name(log), deadline.as_secs(), end_of(log))
            }
            None => std::thread::sleep(LOOK),
        }
    }
}

fn found(log: &Path, awaited: fn(&str) -> bool) -> Result<Option<String>> {
    let text = String::from_utf8_lossy(&fs::read(log)?).into_owned();
    let complete = text.rfind('\n').and_then(|end| text.get(..end)).unwrap_or_default();
    Ok(complete.lines().find(|line| awaited(line)).map(str::to_owned))
}

fn name(log: &Path) -> String {
    log.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn end_of(log: &Path) -> String {
    let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(SHOWN)..).unwrap_or_default().join("\n")
}

/// Variables by which git reads a repository of another user's: this one, which runs already.
pub(super) fn trust(root: &Path) -> [(&'static str, String); 3] {
    [
        ("GIT_CONFIG_COUNT", "1".to_owned()),
        ("GIT_CONFIG_KEY_0", "safe.directory".to_owned()),
        ("GIT_CONFIG_VALUE_0", root.display().to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, deadline: Duration) -> Result<Taken> {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let log = std::env::temp_dir().join(format!("peerproof-stage-{}-{number}.log", std::process::id()));
        let taken =
            run(Command::new("sh").args(["-c", script]), &log, deadline, Some(|line| line.starts_with('[')));
        let taken = taken.and_then(Taken::well);
        fs::remove_file(&log).unwrap();
        taken
    }

    #[test]
    fn the_awaited_line_is_timed_apart_from_the_end() {
        let taken = shell("echo x; echo '[1/1] pass'; sleep 0.3", Duration::from_secs(20)).unwrap();
        let (time, line) = taken.line.unwrap();
        assert_eq!(line, "[1/1] pass");
        assert!(time < taken.time);
    }

    #[test]
    fn a_failure_shows_the_end_of_the_log() {
        let error = shell("echo broken >&2; exit 3", Duration::from_secs(20)).err().unwrap().to_string();
        assert!(error.contains("exit status: 3") && error.ends_with("\nbroken"), "{error}");
    }

    #[test]
    fn what_takes_too_long_is_not_waited_for() {
        let error = shell("sleep 2", Duration::from_millis(50)).err().unwrap().to_string();
        assert!(error.contains("takes longer"), "{error}");
    }
}
