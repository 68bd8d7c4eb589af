//! Comparing a case with its snapshot: one file a case, in insta's format, with the versions of the peers in its header.

use super::plan::Case;
use crate::embedded::SCENARIOS;
use crate::scenario::model::Section;
use indexmap::IndexMap;
use peerproof_captures::normal;
use peerproof_conformance::case::{CaseRecord, SnapshotResult};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The snapshots on record.
#[derive(Debug, Clone)]
pub struct Snapshots {
    /// The folder of scenarios, if it is not the program's suite; each family has its `snapshots` in it.
    pub folder: Option<PathBuf>,
    /// Whether what is new or differs is put on record.
    pub update: bool,
}

/// The header of a snapshot file.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    source: String,
    expression: String,
    /// Peer to implementation and version.
    #[serde(default)]
    info: IndexMap<String, String>,
}

impl Snapshots {
    /// Where the snapshot of a case is; nothing if no folder is there for it.
    #[must_use]
    pub fn path(&self, case: &Case) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(Self::within(case)))
    }

    /// Where it is within a folder of scenarios.
    fn within(case: &Case) -> PathBuf {
        let (family, scenario) = case.file.name.split_once('/').unwrap_or(("", &case.file.name));
        Path::new(family).join("snapshots").join(format!("{scenario}__{}.snap", case.pair()))
    }

    /// The snapshot on record: in the user's folder, or of a scenario of the program's suite in the program.
    fn on_record(&self, case: &Case) -> io::Result<Option<(Header, String)>> {
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

/// Compares a played case with its snapshot; nothing if the scenario wants none.
///
/// # Errors
/// The snapshot cannot be read or written.
pub fn compare(
    snapshots: &Snapshots,
    case: &Case,
    record: &CaseRecord,
) -> io::Result<Option<SnapshotResult>> {
    let Some(seen) = text(case, record) else { return Ok(None) };
    let info = versions(record);
    let result = match snapshots.on_record(case)? {
        None => SnapshotResult::New,
        Some((header, expected)) => match first_difference(&expected, &seen) {
            None => SnapshotResult::Same,
            Some((section, line, expected, seen)) => {
                let same_versions = header.info == info;
                SnapshotResult::Differs { section, line, expected, seen, same_versions }
            }
        },
    };
    if let (true, Some(path)) = (snapshots.update && result != SnapshotResult::Same, snapshots.path(case)) {
        write(&path, case, info, &seen)?;
        return Ok(Some(SnapshotResult::Same));
    }
    Ok(Some(result))
}

/// The text that is compared; nothing if the scenario wants no snapshot.
#[must_use]
pub fn text(case: &Case, record: &CaseRecord) -> Option<String> {
    let peers: Vec<&str> = record.file.peers.iter().map(|peer| peer.name.as_str()).collect();
    let played = normal::Played { peers: &peers, timeline: &record.timeline, wire: record.packets() };
    let sections: Vec<normal::Section> = case
        .scenario()
        .snapshot
        .iter()
        .map(|section| match section {
            Section::Sdp => normal::Section::Sdp,
            Section::Ice => normal::Section::Ice,
            Section::Dtls => normal::Section::Dtls,
        })
        .collect();
    (!sections.is_empty()).then(|| normal::snapshot(&played, &sections))
}

fn versions(record: &CaseRecord) -> IndexMap<String, String> {
    let told =
        |peer: &peerproof_conformance::case::CasePeer| format!("{} {}", peer.implementation, peer.version);
    record.file.peers.iter().map(|peer| (peer.name.clone(), told(peer))).collect()
}

fn read(path: &Path) -> io::Result<Option<(Header, String)>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    parse(&text, path).map(Some)
}

fn parse(text: &str, path: &Path) -> io::Result<(Header, String)> {
    let malformed = || io::Error::other(format!("{} is not a snapshot", path.display()));
    let rest = text.strip_prefix("---\n").ok_or_else(malformed)?;
    let (header, contents) = rest.split_once("\n---\n").ok_or_else(malformed)?;
    let header = serde_yaml::from_str(header).map_err(|_| malformed())?;
    Ok((header, contents.to_owned()))
}

fn write(path: &Path, case: &Case, info: IndexMap<String, String>, contents: &str) -> io::Result<()> {
    let header = Header { source: "harness/tests/suite.rs".to_owned(), expression: case.name.clone(), info };
    let header = serde_yaml::to_string(&header).map_err(io::Error::other)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, format!("---\n{header}---\n{contents}"))
}

/// Section, line (from one) and both texts of the first line that differs.
fn first_difference(expected: &str, seen: &str) -> Option<(String, u32, String, String)> {
    let (mut before, mut now) = (expected.trim_end().lines(), seen.trim_end().lines());
    for line in 1u32.. {
        match (before.next(), now.next()) {
            (None, None) => return None,
            (one, other) if one == other => {}
            (one, other) => {
                let of = if other.is_some() { seen } else { expected };
                let section = normal::section_of_line(of, line).unwrap_or_default().to_owned();
                let told = |line: Option<&str>| line.unwrap_or("(nothing)").to_owned();
                return Some((section, line, told(one), told(other)));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_told_with_its_section_and_line() {
        assert_eq!(first_difference("[ice]\na\n", "[ice]\na\n"), None);
        let difference = first_difference("[sdp]\nx\n[ice]\na\n", "[sdp]\nx\n[ice]\nb\n");
        assert_eq!(difference, Some(("ice".to_owned(), 4, "a".to_owned(), "b".to_owned())));
        assert!(first_difference("[ice]\n", "[ice]\na\n").is_some());
    }
}
