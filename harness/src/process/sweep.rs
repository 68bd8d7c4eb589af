//! Ending what a supervisor that was itself killed left behind.

use super::{SCRATCH_PREFIX, tree};
use crate::machine::processes;
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long to try, in all.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks at `/proc`: a killed process takes a moment to be gone.
const PAUSE: Duration = Duration::from_millis(10);

/// What was found and ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Processes ended.
    pub processes: usize,
    /// Scratch directories removed.
    pub directories: usize,
}

/// Ends every process marked with one of `scratches` and removes those directories. Blocks, at most five seconds.
pub(super) fn scratches(scratches: &BTreeSet<PathBuf>) -> Swept {
    let deadline = Instant::now() + PATIENCE;
    let mut ended = BTreeSet::new();
    loop {
        let marked: Vec<i32> = processes::all()
            .into_iter()
            .filter(|&pid| tree::mark(pid).is_some_and(|mark| scratches.contains(&mark)))
            .collect();
        if marked.is_empty() || Instant::now() > deadline {
            break;
        }
        for pid in marked {
            tree::send(pid, Signal::SIGKILL);
            ended.insert(pid);
        }
        std::thread::sleep(PAUSE);
    }
    let directories = scratches.iter().filter(|path| std::fs::remove_dir_all(path).is_ok()).count();
    Swept { processes: ended.len(), directories }
}

/// Ends processes and removes scratch directories whose supervisor no longer lives: what a `kill -9` of both harness and
/// supervisor left. Blocks, at most five seconds; a few milliseconds when there is nothing to do.
pub fn stale() -> Swept {
    // Look at the directories and marks first, at the supervisors last: a supervisor names its scratch on its command line before
    // it makes it, so that one which is starting right now is never taken for dead.
    let mut found: BTreeSet<PathBuf> = processes::all().into_iter().filter_map(tree::mark).collect();
    if let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) {
        found.extend(
            entries
                .flatten()
                .filter(|entry| entry.file_name().to_string_lossy().starts_with(SCRATCH_PREFIX))
                .map(|entry| entry.path()),
        );
    }
    for pid in processes::all() {
        if let Some(scratch) = supervisor_of(pid) {
            found.remove(&scratch);
        }
    }
    if found.is_empty() { Swept::default() } else { scratches(&found) }
}

/// The scratch directory that a process is the supervisor of. The flag alone identifies a supervisor: another version of this program
/// may have another name for the role, and what it owns is not ours to end.
fn supervisor_of(pid: i32) -> Option<PathBuf> {
    let line = tree::command_line(pid);
    match line.as_slice() {
        [_, _, flag, scratch, ..] if flag == "--scratch" => Some(Path::new(scratch).to_owned()),
        _ => None,
    }
}
