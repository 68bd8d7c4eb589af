//! The normal form of a case beside the recorded snapshot, where the suite of this program has one.

use crate::embedded::SCENARIOS;
use peerproof_captures::normal::Section;
use peerproof_conformance::case::{CaseRecord, Snapshot};
use peerproof_reports::session::SnapshotBeside;
use std::path::Path;

/// Longest snapshot that is shown, in bytes.
const LONGEST: usize = 256 << 10;

/// Both; nothing for a case that was not compared, or whose snapshot is somewhere else.
pub(super) fn beside(record: &CaseRecord) -> Option<SnapshotBeside> {
    record.file.snapshot.as_ref()?;
    let (scenario, pair) = record.file.name.rsplit_once('/')?;
    let (family, scenario) = scenario.split_once('/')?;
    let file =
        SCENARIOS.get_file(Path::new(family).join("snapshots").join(format!("{scenario}__{pair}.snap")))?;
    let on_record = Snapshot::read(file.contents_utf8()?).ok()?;
    // The sections are those that the scenario asked for when it was recorded.
    let sections = [("[sdp]", Section::Sdp), ("[ice]", Section::Ice), ("[dtls]", Section::Dtls)];
    let asked = sections.into_iter().filter(|(name, _)| on_record.text.lines().any(|line| line == *name));
    let seen = Snapshot::of(record, &asked.map(|(_, section)| section).collect::<Vec<_>>())?;
    if on_record.text.len().max(seen.text.len()) > LONGEST {
        return None;
    }
    let versions = on_record.versions.iter().map(|(peer, version)| format!("{peer} {version}"));
    Some(SnapshotBeside {
        versions: versions.collect::<Vec<_>>().join(", "),
        on_record: on_record.text,
        seen: seen.text,
    })
}
