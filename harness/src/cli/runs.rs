//! Recorded runs: found, read, and linked to.

use crate::input::{self, Limit};
use crate::terminal::brief;
use peerproof_reports::RunReport;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The report for programs in the folder of a run.
pub(super) const REPORT: &str = "run.json";

/// A recorded run.
pub(super) struct Recorded {
    /// What the user called it.
    pub(super) name: String,
    /// Its folder, without links in the path: `runs/latest` may be another one tomorrow.
    pub(super) folder: PathBuf,
    /// Its report.
    pub(super) report: RunReport,
}

/// Reads runs. Each is named by its folder or by its `run.json`, and only once.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Recorded>, String> {
    let mut runs: Vec<Recorded> = Vec::new();
    for path in paths {
        let run = read_one(path)?;
        if let Some(same) = runs.iter().find(|other| other.folder == run.folder) {
            return Err(format!("{} and {} are the same run", same.name, run.name));
        }
        runs.push(run);
    }
    Ok(runs)
}

fn read_one(path: &Path) -> Result<Recorded, String> {
    let file = if path.is_dir() { path.join(REPORT) } else { path.to_owned() };
    let trouble = |error: &dyn std::fmt::Display| format!("{}: {}", file.display(), brief(error));
    let bytes = input::bytes(&file, Limit::RUN).map_err(|error| match error.kind() {
        // Cases are recorded from the beginning, the report is written at the end.
        std::io::ErrorKind::NotFound if path.join("cases").is_dir() => format!(
            "{} is of a run that was killed or is still in progress: it has no {REPORT}, and `peerproof judge` judges the cases that are finished",
            path.display()
        ),
        std::io::ErrorKind::NotFound => {
            format!("no run in {}: start one with `peerproof run`", path.display())
        }
        _ => trouble(&error),
    })?;
    let report = RunReport::read(&bytes).map_err(|error| trouble(&error))?;
    let file = fs::canonicalize(&file).map_err(|error| trouble(&error))?;
    let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
    Ok(Recorded { name: path.display().to_string(), folder, report })
}

/// The way from one folder to a file or folder. Both are absolute and without links.
pub(super) fn relative(from: &Path, to: &Path) -> PathBuf {
    let from: Vec<Component<'_>> = from.components().collect();
    let to: Vec<Component<'_>> = to.components().collect();
    let common = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    let up = from.iter().skip(common).map(|_| Component::ParentDir);
    up.chain(to.into_iter().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_goes_up_to_what_both_have_in_common_and_down_from_there() {
        let way = |from: &str, to: &str| relative(Path::new(from), Path::new(to)).display().to_string();
        assert_eq!(way("/a/b", "/a/c/d"), "../c/d");
        assert_eq!(way("/a", "/a/b"), "b");
        assert_eq!(way("/a/b", "/a"), "..");
        assert_eq!(way("/a", "/a"), "");
        assert_eq!(way("/", "/x"), "x");
    }

    #[test]
    fn what_a_killed_run_left_behind_is_called_so() {
        let folder = tempfile::tempdir().unwrap();
        let trouble = || read(&[folder.path().to_owned()]).err().unwrap();
        assert!(trouble().contains("no run in"), "{}", trouble());
        fs::create_dir_all(folder.path().join("cases/data/echo")).unwrap();
        assert!(trouble().contains("was killed or is still in progress"), "{}", trouble());
    }

    #[test]
    fn a_run_that_is_named_twice_and_one_of_a_newer_version_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let report = RunReport::new("peerproof".to_owned(), 0, 0, 1, vec![]);
        let path = folder.path().join(REPORT);
        fs::write(&path, serde_json::to_vec(&report).unwrap()).unwrap();
        assert_eq!(read(&[folder.path().to_owned()]).unwrap().len(), 1);
        let twice = read(&[folder.path().to_owned(), path.clone()]).err().unwrap();
        assert!(twice.ends_with("are the same run"), "{twice}");
        fs::write(&path, br#"{"format": 99, "surprise": true}"#).unwrap();
        let newer = read(&[path]).err().unwrap();
        assert!(newer.contains("it has format 99"), "{newer}");
    }
}
