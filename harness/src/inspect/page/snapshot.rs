//! The normal form of a case beside the recorded snapshot: the copy in its folder, or the one in the suite of this program.

use crate::embedded::SCENARIOS;
use crate::input::{self, Limit};
use crate::recording::files::RECORDED_SNAPSHOT;
use peerproof_captures::normal::Section;
use peerproof_conformance::case::{CaseRecord, Snapshot};
use peerproof_reports::session::SnapshotBeside;
use std::path::Path;

/// Longest snapshot that is shown, in bytes.
const LONGEST: usize = 256 << 10;

/// Both; nothing for a case that was not compared, or whose snapshot is somewhere else.
pub(super) fn beside(record: &CaseRecord, folder: Option<&Path>) -> Option<SnapshotBeside> {
    record.file.snapshot.as_ref()?;
    let kept = folder.and_then(|folder| input::text(&folder.join(RECORDED_SNAPSHOT), Limit::SNAPSHOT).ok());
    let on_record = match &kept {
        Some(kept) => kept.as_str(),
        None => of_the_suite(&record.file.name)?,
    };
    let on_record = Snapshot::read(on_record).ok()?;
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

/// The one in the suite of this program.
fn of_the_suite(case: &str) -> Option<&'static str> {
    let (scenario, pair) = case.rsplit_once('/')?;
    let (family, scenario) = scenario.split_once('/')?;
    let name = format!("{scenario}__{pair}.snap");
    SCENARIOS.get_file(Path::new(family).join("snapshots").join(name))?.contents_utf8()
}
