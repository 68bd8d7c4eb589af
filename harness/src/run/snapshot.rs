//! The files of snapshots: one a case, in insta's format, with the versions of the peers in its header.

use super::plan::Case;
use crate::embedded::SCENARIOS;
use crate::input::{self, Limit};
use crate::recording::files::RECORDED_SNAPSHOT;
use crate::scenario::model::Section;
use peerproof_captures::normal;
use peerproof_conformance::case::{CaseRecord, Snapshot, SnapshotResult};
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The recorded snapshots.
#[derive(Debug, Clone)]
pub struct Snapshots {
    /// The folder of scenarios, if it is not the program's suite; each family has its `snapshots` in it.
    pub folder: Option<PathBuf>,
    /// Whether what is new or differs is recorded.
    update: bool,
    /// What is to be recorded when the run has ended, by the paths of the files.
    pending: Arc<Mutex<BTreeMap<PathBuf, Pending>>>,
}

/// A snapshot that is to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The name of the case.
    pub case: String,
    /// How it compares with the recorded one: new, or another one.
    pub result: SnapshotResult,
    file: String,
}

impl Snapshots {
    /// Those of this folder of scenarios, if it is not the program's suite; with `update`, what is new or differs is recorded by
    /// [`Snapshots::save`].
    #[must_use]
    pub fn new(folder: Option<PathBuf>, update: bool) -> Self {
        Self { folder, update, pending: Arc::default() }
    }

    /// What is to be recorded, by the paths of the files.
    #[must_use]
    pub fn pending(&self) -> BTreeMap<PathBuf, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records what is to be recorded. Returns how many there were.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn save(&self) -> io::Result<usize> {
        let pending = std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        for (path, one) in &pending {
            write(path, &one.file)
                .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
            discard(path);
        }
        Ok(pending.len())
    }

    /// Where the snapshot of a case is; nothing if no folder is there for it.
    #[must_use]
    pub fn path(&self, case: &Case) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(Self::within(case)))
    }

    /// Copies the recorded snapshot into the folder of a case, so that its page can show both, unless it is the one of the program's suite.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn keep(&self, case: &Case, folder: &Path) -> io::Result<()> {
        let Some(path) = self.path(case).filter(|path| path.is_file()) else { return Ok(()) };
        let text = input::text(&path, Limit::SNAPSHOT)?;
        let embedded = SCENARIOS.get_file(Self::within(case)).and_then(include_dir::File::contents_utf8);
        if embedded == Some(text.as_str()) { Ok(()) } else { fs::write(folder.join(RECORDED_SNAPSHOT), text) }
    }

    /// Where it is within a folder of scenarios.
    fn within(case: &Case) -> PathBuf {
        let (family, scenario) = case.file.name.split_once('/').unwrap_or(("", &case.file.name));
        Path::new(family).join("snapshots").join(format!("{scenario}__{}.snap", case.pair()))
    }

    /// The recorded snapshot: in the user's folder, or of a scenario of the program's suite in the program.
    fn on_record(&self, case: &Case) -> io::Result<Option<Snapshot>> {
        if let Some(path) = self.path(case)
            && let Some(found) = read(&path)?
        {
            return Ok(Some(found));
        }
        if !case.file.is_of_the_program() {
            return Ok(None);
        }
        let embedded = SCENARIOS.get_file(Self::within(case)).and_then(include_dir::File::contents_utf8);
        embedded.map(|text| parse(text, &Self::within(case))).transpose()
    }
}

/// Compares a played case with its snapshot; nothing if the scenario wants none, or none is saved and there is no folder to save it in.
///
/// # Errors
/// The snapshot cannot be read or written.
pub fn compare(
    snapshots: &Snapshots,
    case: &Case,
    record: &CaseRecord,
) -> io::Result<Option<SnapshotResult>> {
    let Some(seen) = Snapshot::of(record, &sections(case)) else { return Ok(None) };
    let result = seen.compare(snapshots.on_record(case)?.as_ref());
    // Without a folder a new one could not be saved, so that there is nothing to review.
    let Some(path) = snapshots.path(case) else {
        return Ok(Some(result).filter(|it| *it != SnapshotResult::New));
    };
    if result == SnapshotResult::Same {
        discard(&path);
        return Ok(Some(result));
    }
    let file = seen.file(&case.name).map_err(io::Error::other)?;
    if snapshots.update {
        let pending = Pending { case: case.name.clone(), result, file };
        snapshots.pending.lock().unwrap_or_else(PoisonError::into_inner).insert(path, pending);
        return Ok(Some(SnapshotResult::Same));
    }
    if leaves_proposals() {
        // It is for the review; nothing depends on it, and the folder may be read-only.
        let _ = write(&proposed(&path), &file);
    }
    Ok(Some(result))
}

/// Whether what is new or differs is left for the review: insta's own variables decide for both.
#[must_use]
pub fn leaves_proposals() -> bool {
    let of = |name: &str| env::var(name).ok();
    proposes(of("INSTA_UPDATE").as_deref(), of("CI").as_deref())
}

/// By `INSTA_UPDATE` and, where that does not say, by `CI`: nobody reviews on a machine of CI.
fn proposes(update: Option<&str>, ci: Option<&str>) -> bool {
    match update {
        Some("no") => false,
        None | Some("auto" | "") => ci.is_none_or(|ci| matches!(ci, "" | "0" | "false")),
        Some(_) => true,
    }
}

/// The text that is compared; nothing if the scenario wants no snapshot.
#[must_use]
pub fn text(case: &Case, record: &CaseRecord) -> Option<String> {
    Snapshot::of(record, &sections(case)).map(|snapshot| snapshot.text)
}

/// The sections that the scenario asks for.
fn sections(case: &Case) -> Vec<normal::Section> {
    let wanted = case.scenario().snapshot.iter();
    let sections = wanted.map(|section| match section {
        Section::Sdp => normal::Section::Sdp,
        Section::Ice => normal::Section::Ice,
        Section::Dtls => normal::Section::Dtls,
    });
    sections.collect()
}

fn read(path: &Path) -> io::Result<Option<Snapshot>> {
    let text = match input::text(path, Limit::SNAPSHOT) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    parse(&text, path).map(Some)
}

fn parse(text: &str, path: &Path) -> io::Result<Snapshot> {
    Snapshot::read(text).map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
}

/// Where insta looks for what is to be reviewed: `NAME.snap.new` beside `NAME.snap`, or in its place.
fn proposed(path: &Path) -> PathBuf {
    path.with_extension("snap.new")
}

/// Removes what was proposed before, which is recorded now or no longer seen.
fn discard(path: &Path) {
    // Most often there is none.
    let _ = fs::remove_file(proposed(path));
}

fn write(path: &Path, file: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insta_s_variables_decide_whether_a_proposal_is_left() {
        for (update, ci, leaves) in [
            (None, None, true),
            (None, Some("true"), false),
            (None, Some("false"), true),
            (Some("auto"), Some("1"), false),
            (Some("no"), None, false),
            (Some("new"), Some("true"), true),
            (Some("always"), None, true),
        ] {
            assert_eq!(proposes(update, ci), leaves, "{update:?} {ci:?}");
        }
    }
}
