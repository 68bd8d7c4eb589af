//! Snapshots: what a case looked like in its normal form, and how that compares with what is recorded.

use crate::case_file::SnapshotResult;
use crate::record::CaseRecord;
use indexmap::IndexMap;
use peerproof_captures::normal::{self, Played, Section};
use serde::{Deserialize, Serialize};

/// The normal form of a case, with who played it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Peer to implementation and version.
    pub versions: IndexMap<String, String>,
    /// The sections that the scenario asks for.
    pub text: String,
}

/// The header of a snapshot's file, in insta's format.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    source: String,
    expression: String,
    #[serde(default)]
    info: IndexMap<String, String>,
}

/// A text is no snapshot's file: it lacks the header between `---` lines, or that is no YAML.
#[derive(Debug, thiserror::Error)]
#[error("not a snapshot")]
pub struct NoSnapshot;

impl Snapshot {
    /// The snapshot of a recorded case; nothing if no section is asked for.
    #[must_use]
    pub fn of(record: &CaseRecord, sections: &[Section]) -> Option<Self> {
        if sections.is_empty() {
            return None;
        }
        let peers: Vec<&str> = record.file.peers.iter().map(|peer| peer.name.as_str()).collect();
        let sent = record.handshake();
        let played = Played { peers: &peers, timeline: &record.timeline, sent: sent.as_deref() };
        let peers = record.file.peers.iter();
        let versions =
            peers.map(|peer| (peer.name.clone(), format!("{} {}", peer.implementation, peer.version)));
        Some(Self { versions: versions.collect(), text: normal::snapshot(&played, sections) })
    }

    /// Reads a snapshot's file.
    ///
    /// # Errors
    /// It has no header.
    pub fn read(file: &str) -> Result<Self, NoSnapshot> {
        let rest = file.strip_prefix("---\n").ok_or(NoSnapshot)?;
        let (header, text) = rest.split_once("\n---\n").ok_or(NoSnapshot)?;
        let header: Header = serde_yaml::from_str(header).map_err(|_| NoSnapshot)?;
        Ok(Self { versions: header.info, text: text.to_owned() })
    }

    /// The snapshot's file for a case of that name.
    ///
    /// # Errors
    /// The header is no YAML, which names and versions do not bring about.
    pub fn file(&self, case: &str) -> Result<String, serde_yaml::Error> {
        let header = Header {
            source: "harness/tests/suite.rs".to_owned(),
            expression: case.to_owned(),
            info: self.versions.clone(),
        };
        Ok(format!("---\n{}---\n{}", serde_yaml::to_string(&header)?, self.text))
    }

    /// How it compares with the recorded one.
    #[must_use]
    pub fn compare(&self, on_record: Option<&Self>) -> SnapshotResult {
        let Some(on_record) = on_record else { return SnapshotResult::New };
        match first_difference(&on_record.text, &self.text) {
            None => SnapshotResult::Same,
            Some((section, line, expected, seen)) => {
                let same_versions = on_record.versions == self.versions;
                SnapshotResult::Differs { section, line, expected, seen, same_versions }
            }
        }
    }
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
                let shown = |line: Option<&str>| line.unwrap_or("(nothing)").to_owned();
                return Some((section, line, shown(one), shown(other)));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(version: &str, text: &str) -> Snapshot {
        let versions = [("alice".to_owned(), version.to_owned())].into_iter().collect();
        Snapshot { versions, text: text.to_owned() }
    }

    #[test]
    fn a_difference_is_shown_with_its_section_and_line() {
        let one = snapshot("chrome 150", "[sdp]\nx\n[ice]\na\n");
        assert_eq!(one.compare(None), SnapshotResult::New);
        assert_eq!(one.compare(Some(&one)), SnapshotResult::Same);
        let differs = |same_versions| SnapshotResult::Differs {
            section: "ice".to_owned(),
            line: 4,
            expected: "a".to_owned(),
            seen: "b".to_owned(),
            same_versions,
        };
        let other = |version| snapshot(version, "[sdp]\nx\n[ice]\nb\n");
        assert_eq!(other("chrome 150").compare(Some(&one)), differs(true));
        assert_eq!(other("chrome 156").compare(Some(&one)), differs(false));
        assert!(matches!(one.compare(Some(&snapshot("", "[sdp]\nx\n"))), SnapshotResult::Differs { .. }));
    }

    #[test]
    fn a_file_is_read_as_it_is_written() {
        let one = snapshot("chrome 150", "[ice]\na\n---\nb\n");
        assert_eq!(Snapshot::read(&one.file("a/b/c").unwrap()).unwrap(), one);
        for no_snapshot in ["", "[ice]\na\n", "---\nexpression: x\n", "---\n- 1\n---\n"] {
            assert!(Snapshot::read(no_snapshot).is_err(), "{no_snapshot:?}");
        }
    }
}
