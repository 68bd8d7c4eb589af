//! Runs that were killed: found by the next run, which says what is left of them.
//!
//! While a run goes on, a file in its folder is locked (flock(2)). The kernel drops the lock however the process ends, so a file
//! without a lock is what a killed run left behind, and one with a lock belongs to a run that goes on beside this one.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The file.
const MARK: &str = "running.lock";
/// The most folders of runs, and of cases in one, that are looked at.
const MOST: usize = 10_000;
/// So deep below a run's folder cases are: `cases/family/scenario/pair/attempt-2`.
const DEEPEST: usize = 5;
/// The most cases that are named.
const NAMED: usize = 5;

/// The mark of a run that goes on. Dropping it ends the run.
#[derive(Debug)]
pub(super) struct Mark {
    path: PathBuf,
    /// Holds the lock.
    _file: File,
}

impl Mark {
    /// Marks the run in a folder.
    ///
    /// # Errors
    /// The file cannot be made, or another run goes on in this folder.
    pub(super) fn set(folder: &Path) -> io::Result<Self> {
        let path = folder.join(MARK);
        let file = File::options().create(true).truncate(false).write(true).open(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path, _file: file }),
            Err(TryLockError::WouldBlock) => Err(io::Error::other("another run goes on in this folder")),
            // A file system without locks does without.
            Err(TryLockError::Error(_)) => Ok(Self { path, _file: file }),
        }
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        // What cannot be removed is found by the next run, which says too much then.
        let _ = fs::remove_file(&self.path);
    }
}

/// A run that was killed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unfinished {
    folder: PathBuf,
    /// The cases that were in progress, sorted: they have a timeline and no verdict.
    cases: Vec<String>,
}

impl std::fmt::Display for Unfinished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the run in {} was killed: it has no report", self.folder.display())?;
        let noun = if self.cases.len() == 1 { "case" } else { "cases" };
        if !self.cases.is_empty() {
            let named: Vec<&str> = self.cases.iter().take(NAMED).map(String::as_str).collect();
            let more = if self.cases.len() > NAMED { ", …" } else { "" };
            write!(f, ", and {} {noun} no verdict: {}{more}", self.cases.len(), named.join(", "))?;
        }
        Ok(())
    }
}

/// The runs in a folder, and the one in `output`, that were killed. Each is found once.
pub(super) fn find(runs: &Path, output: &Path) -> Vec<Unfinished> {
    let entries = fs::read_dir(runs).into_iter().flatten().flatten().take(MOST);
    // Not through links: `runs/latest` would be found twice.
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut folders: Vec<PathBuf> = folders.map(|entry| entry.path()).collect();
    if !folders.iter().any(|folder| folder == output) {
        folders.push(output.to_owned());
    }
    folders.sort();
    folders.into_iter().filter_map(unfinished).collect()
}

fn unfinished(folder: PathBuf) -> Option<Unfinished> {
    let path = folder.join(MARK);
    if !path.is_file() {
        return None;
    }
    // For writing, which some file systems want for an exclusive lock.
    let file = File::options().write(true).open(&path).ok()?;
    file.try_lock().ok()?;
    let mut cases = Vec::new();
    let mut left = MOST;
    below(&folder.join("cases"), "", 0, &mut left, &mut cases);
    cases.sort();
    let _ = fs::remove_file(path);
    Some(Unfinished { folder, cases })
}

/// Cases in a folder that have a timeline and no verdict.
fn below(folder: &Path, name: &str, depth: usize, left: &mut usize, found: &mut Vec<String>) {
    if folder.join("timeline.jsonl").is_file() && !folder.join("case.json").is_file() {
        found.push(name.to_owned());
    }
    if depth >= DEEPEST {
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if *left == 0 {
            return;
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            *left -= 1;
            let own = entry.file_name().to_string_lossy().into_owned();
            let name = if name.is_empty() { own } else { format!("{name}/{own}") };
            below(&entry.path(), &name, depth + 1, left, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run's folder with a case that has a verdict and one that has none.
    fn run(runs: &Path, name: &str) -> PathBuf {
        let folder = runs.join(name);
        for (case, files) in [
            ("data/echo/stack-chrome", &["timeline.jsonl", "case.json"][..]),
            ("data/echo/stack-stack", &["timeline.jsonl"]),
        ] {
            let case = folder.join("cases").join(case);
            fs::create_dir_all(&case).unwrap();
            files.iter().for_each(|file| fs::write(case.join(file), "").unwrap());
        }
        folder
    }

    #[test]
    fn a_killed_run_is_found_once_with_its_cases_in_progress() {
        let runs = tempfile::tempdir().unwrap();
        let killed = run(runs.path(), "killed");
        // What is left if nothing ran to its end.
        fs::write(killed.join(MARK), "").unwrap();
        let ended = run(runs.path(), "ended");
        drop(Mark::set(&ended).unwrap());
        let going_on = run(runs.path(), "going-on");
        let mark = Mark::set(&going_on).unwrap();
        let found = find(runs.path(), &runs.path().join("mine"));
        let cases = vec!["data/echo/stack-stack".to_owned()];
        assert_eq!(found, [Unfinished { folder: killed.clone(), cases }]);
        assert_eq!(
            found[0].to_string(),
            format!(
                "the run in {} was killed: it has no report, and 1 case no verdict: data/echo/stack-stack",
                killed.display()
            )
        );
        assert_eq!(find(runs.path(), &runs.path().join("mine")), []);
        assert!(Mark::set(&going_on).unwrap_err().to_string().contains("another run"));
        drop(mark);
        assert!(!going_on.join(MARK).exists());
    }

    #[test]
    fn the_folder_of_the_run_is_looked_at_wherever_it_is() {
        let runs = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let killed = run(elsewhere.path(), "own");
        fs::write(killed.join(MARK), "").unwrap();
        assert_eq!(find(runs.path(), &killed).len(), 1);
    }
}
