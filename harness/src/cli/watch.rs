//! `peerproof run --watch`: runs the cases again when a file of theirs changes.

use super::args::RunArgs;
use super::play::{self, FOLDER, Wanted};
use super::{HARNESS_ERROR, complain, say};
use crate::config::FILE;
use crate::terminal::clean;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::net::unix::pipe::Receiver;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, timeout_at};

/// A file is often written in several steps. Cases run when nothing has happened for this long.
const QUIET: Duration = Duration::from_millis(200);
/// Cases run after this time at the latest, since a folder may never be quiet.
const LONGEST: Duration = Duration::from_secs(2);
/// How deep folders are watched below that of the scenarios: families.
const DEPTH: usize = 2;
/// Most folders that are watched.
const MOST_FOLDERS: usize = 256;

/// Runs the cases until a signal comes. The exit code is that of the last run.
pub(super) async fn run(args: &RunArgs) -> u8 {
    let signals = signal(SignalKind::interrupt()).and_then(|one| Ok((one, signal(SignalKind::terminate())?)));
    let (mut interrupt, mut terminate) = match signals {
        Ok(signals) => signals,
        Err(error) => return trouble(&error),
    };
    let (mut watch, mut seen) = match look(args, &Seen::default()) {
        Ok(looked) => looked,
        Err(error) => return trouble(&error),
    };
    loop {
        let code = match play::ready(args) {
            Ok(wanted) => play::play(args, wanted).await,
            Err(code) => code,
        };
        if stopped(&mut interrupt) || stopped(&mut terminate) {
            return code;
        }
        let count = seen.stamps.len();
        say(format_args!("\nwatching {count} {}; Ctrl-C ends", if count == 1 { "file" } else { "files" }));
        loop {
            tokio::select! {
                biased;
                _ = interrupt.recv() => return code,
                _ = terminate.recv() => return code,
                changed = watch.wait() => if let Err(error) = changed { return trouble(&error) },
            }
            let next = match look(args, &seen) {
                Ok(next) => next,
                Err(error) => return trouble(&error),
            };
            let changed = next.1.differs(&seen);
            (watch, seen) = next;
            if let Some(changed) = changed {
                say(format_args!("\nchanged: {}", clean(&changed)));
                break;
            }
        }
    }
}

/// What is there now, and a watch over all of its folders that began before: no later change is missed, in a new folder either.
fn look(args: &RunArgs, before: &Seen) -> io::Result<(Watch, Seen)> {
    let mut seen = Seen::of(args, before);
    loop {
        let watch = Watch::of(&seen)?;
        let now = Seen::of(args, &seen);
        if now.watched() == seen.watched() {
            return Ok((watch, now));
        }
        seen = now;
    }
}

fn trouble(error: &io::Error) -> u8 {
    complain(format_args!("files cannot be watched: {error}"));
    HARNESS_ERROR
}

/// Whether the signal has come.
fn stopped(signal: &mut Signal) -> bool {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    signal.poll_recv(&mut context).is_ready()
}

/// A file as it is: when it was changed, its length.
type Stamp = Option<(SystemTime, u64)>;

/// What was there at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    /// All files that are watched.
    stamps: BTreeMap<PathBuf, Stamp>,
    /// Files of scenarios among them.
    scenarios: BTreeSet<PathBuf>,
    /// Folders in which files of scenarios may appear.
    folders: BTreeSet<PathBuf>,
    /// The cases with their scenarios' hashes, or why there are none.
    plan: Result<Vec<(String, String)>, String>,
}

impl Default for Seen {
    fn default() -> Self {
        let plan = Ok(Vec::new());
        Self { stamps: BTreeMap::new(), scenarios: BTreeSet::new(), folders: BTreeSet::new(), plan }
    }
}

impl Seen {
    /// What is there now. Where a scenario or the configuration is broken, the files are those from `before`.
    fn of(args: &RunArgs, before: &Self) -> Self {
        let chosen = &args.chosen;
        let wanted = play::wanted(chosen);
        let mut files: BTreeSet<PathBuf> =
            wanted.as_ref().map(Wanted::files).unwrap_or_default().into_iter().collect();
        files.insert(chosen.config.clone().unwrap_or_else(|| PathBuf::from(FILE)));
        let mut scenarios = BTreeSet::new();
        let mut folders = BTreeSet::new();
        let here = || Some(PathBuf::from(FOLDER)).filter(|folder| folder.is_dir());
        let folder = match &wanted {
            Ok(wanted) => wanted.folder().map(Path::to_owned),
            Err(_) => chosen.scenarios.clone().or_else(here),
        };
        if let Some(folder) = folder {
            gather(&folder, DEPTH, &mut folders, &mut scenarios);
        }
        if wanted.is_err() {
            files.extend(before.stamps.keys().cloned());
            folders.extend(before.folders.iter().cloned());
        }
        files.extend(scenarios.iter().cloned());
        let plan = wanted.map(|wanted| {
            wanted.cases.into_iter().map(|case| (case.name, case.file.hash)).collect::<Vec<_>>()
        });
        let stamps = files.into_iter().map(|path| (path.clone(), stamp(&path))).collect();
        Self { stamps, scenarios, folders, plan }
    }

    /// The folders of its files: editors and linkers put a new file in the place of an old one.
    fn watched(&self) -> BTreeSet<PathBuf> {
        let parent = |path: &PathBuf| match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        self.stamps.keys().map(parent).chain(self.folders.iter().cloned()).collect()
    }

    /// The names of the files that changed, if that changes a case. A scenario outside the cases does not matter.
    fn differs(&self, before: &Self) -> Option<String> {
        let all: BTreeSet<&PathBuf> = self.stamps.keys().chain(before.stamps.keys()).collect();
        let changed = all.into_iter().filter(|path| self.stamps.get(*path) != before.stamps.get(*path));
        let mut names = Vec::new();
        let mut matters = self.plan != before.plan;
        for path in changed {
            matters |= !self.scenarios.contains(path) && !before.scenarios.contains(path);
            names.push(path.display().to_string());
        }
        matters.then(|| if names.is_empty() { "the cases".to_owned() } else { names.join(", ") })
    }
}

fn stamp(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Folders and scenarios below a folder; snapshots are none.
fn gather(folder: &Path, depth: usize, folders: &mut BTreeSet<PathBuf>, files: &mut BTreeSet<PathBuf>) {
    if folders.len() >= MOST_FOLDERS || !folders.insert(folder.to_owned()) {
        return;
    }
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if depth > 0 && !path.ends_with("snapshots") {
                gather(&path, depth - 1, folders, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "toml") {
            files.insert(path);
        }
    }
}

/// Folders in which something may change.
struct Watch(Receiver);

impl Watch {
    fn of(seen: &Seen) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE;
        for folder in seen.watched().iter().filter(|folder| folder.is_dir()) {
            inotify.add_watch(folder, flags)?;
        }
        // Tokio knows no inotify(7), but reads from any descriptor that can be waited for.
        let descriptor = inotify.as_fd().try_clone_to_owned()?;
        Ok(Self(Receiver::from_owned_fd_unchecked(descriptor)?))
    }

    /// Waits for a change, and then until there is no more for a while.
    async fn wait(&self) -> io::Result<()> {
        self.events().await?;
        let end = Instant::now() + LONGEST;
        while let Ok(more) = timeout_at(end.min(Instant::now() + QUIET), self.events()).await {
            more?;
            if Instant::now() >= end {
                break;
            }
        }
        Ok(())
    }

    /// Waits for events and reads them; which they are does not matter, since the files are looked at.
    async fn events(&self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            self.0.readable().await?;
            match self.0.try_read(&mut buffer) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_matters_if_it_changes_a_case() {
        let path = PathBuf::from("scenarios/data/echo.yaml");
        let seen = |length: u64, hash: &str| Seen {
            stamps: BTreeMap::from([(path.clone(), Some((SystemTime::UNIX_EPOCH, length)))]),
            scenarios: BTreeSet::from([path.clone()]),
            folders: BTreeSet::new(),
            plan: Ok(vec![("data/echo/stack-stack".to_owned(), hash.to_owned())]),
        };
        let before = seen(1, "one");
        assert_eq!(seen(2, "one").differs(&before), None);
        assert_eq!(seen(2, "other").differs(&before).as_deref(), Some("scenarios/data/echo.yaml"));
        let program = Seen { scenarios: BTreeSet::new(), ..seen(1, "one") };
        let changed = Seen { scenarios: BTreeSet::new(), ..seen(2, "one") };
        assert!(changed.differs(&program).is_some());
    }
}
