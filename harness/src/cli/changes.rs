//! What changed against the saved snapshots: each change once, with the number of cases that show it.

use super::say;
use crate::run::snapshot::{Snapshots, leaves_proposals};
use crate::terminal::clean;
use indexmap::IndexMap;
use peerproof_conformance::case::{SnapshotResult, Standing};
use peerproof_reports::{RunReport, counted};
use std::fmt::Write;
use std::io;

/// Most changes that are shown.
const MOST: usize = 40;
/// Longest line of a snapshot that is shown, in characters.
const LONGEST: usize = 160;

/// Shows what changed. Snapshots to be saved are shown before they are written.
pub(super) fn report(report: &RunReport, snapshots: &Snapshots) -> io::Result<()> {
    let changed = report.cases.iter().filter(|case| case.standing == Standing::Changed);
    let changed: Vec<_> =
        changed.filter_map(|case| Some((case.name.as_str(), case.snapshot.as_ref()?))).collect();
    if !changed.is_empty() {
        let text = text("snapshots to review", &changed);
        let advice = match (snapshots.folder.is_some(), leaves_proposals()) {
            (true, true) => {
                "each is in a file .snap.new beside the saved one, or where it belongs; --update-snapshots saves all"
            }
            (true, false) => "--update-snapshots saves all (no .snap.new is left: INSTA_UPDATE=no, or CI)",
            (false, _) => "those of the built-in suite are saved in its repository, with --update-snapshots",
        };
        say(format_args!("\n{text}  {advice}"));
    }
    let pending = snapshots.pending();
    if !pending.is_empty() {
        let pending: Vec<_> = pending.values().map(|one| (one.case.as_str(), &one.result)).collect();
        say(format_args!("\n{}", text("snapshots to be saved", &pending).trim_end()));
        let saved = snapshots.save()?;
        say(format_args!("  {saved} saved"));
    }
    Ok(())
}

/// The section, the line that was expected and the one that came.
type Change<'a> = (&'a str, &'a str, &'a str);

/// Each change with how many cases show it and the first of them, the most frequent first.
fn text(heading: &str, cases: &[(&str, &SnapshotResult)]) -> String {
    let mut new = Vec::new();
    let mut changes: IndexMap<Change<'_>, Vec<(&str, u32)>> = IndexMap::new();
    for (case, result) in cases {
        match result {
            SnapshotResult::New => new.push(*case),
            SnapshotResult::Differs { section, line, expected, seen, .. } => {
                changes.entry((section, expected, seen)).or_default().push((case, *line));
            }
            SnapshotResult::Same => {}
        }
    }
    changes.sort_by(|_, one, _, other| other.len().cmp(&one.len()));
    let differing: usize = changes.values().map(Vec::len).sum();
    let mut text = format!("{heading}: {} new, {differing} changed\n", new.len());
    // Writing to a string never fails.
    if let Some(first) = new.first() {
        let _ = writeln!(text, "  new in {}, first {}", counted(new.len(), "case"), clean(first));
    }
    for ((section, expected, seen), cases) in changes.iter().take(MOST) {
        let Some((first, line)) = cases.first() else { continue };
        let _ = writeln!(
            text,
            "  {section} in {}, first {} line {line}",
            counted(cases.len(), "case"),
            clean(first)
        );
        let _ = writeln!(text, "    - {}\n    + {}", shown(expected), shown(seen));
    }
    if changes.len() > MOST {
        let _ = writeln!(text, "  and {} other changes", changes.len() - MOST);
    }
    text
}

/// A line of a snapshot, which a peer wrote.
fn shown(line: &str) -> String {
    clean(&peerproof_reports::escape::shortened(line.trim(), LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_once_with_the_number_of_its_cases() {
        let differs = |line, seen: &str| SnapshotResult::Differs {
            section: "sdp".to_owned(),
            line,
            expected: "  a=old".to_owned(),
            seen: seen.to_owned(),
            same_versions: false,
        };
        let (one, other, hostile) = (differs(3, "  a=new"), differs(9, "  a=new"), differs(4, "\u{1b}[2J"));
        let cases = [
            ("d/x/a-b", &hostile),
            ("d/e/a-b", &one),
            ("d/f/a-b", &other),
            ("d/n/a-b", &SnapshotResult::New),
        ];
        assert_eq!(
            text("changed", &cases),
            "changed: 1 new, 3 changed\n  new in 1 case, first d/n/a-b\n\
             \x20 sdp in 2 cases, first d/e/a-b line 3\n    - a=old\n    + a=new\n\
             \x20 sdp in 1 case, first d/x/a-b line 4\n    - a=old\n    + \u{fffd}[2J\n"
        );
    }
}
