//! `peerproof diff` and `peerproof archive`: what changed from one run to another, and what is kept of a run to compare with later.

use super::{HARNESS_ERROR, NOTHING_RAN, USAGE, complain, note, say, say_json};
use crate::input::{self, Limit};
use crate::judge;
use crate::terminal::{Paint, Style, clean};
use peerproof_conformance::deviations::pattern;
use peerproof_conformance::facts::{Change, Comparison, Facts, compare};
use peerproof_reports::escape;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Version of the format of archives.
const FORMAT: u32 = 1;
/// Exit code: something changed.
const CHANGED: u8 = 1;
/// Longest archive that is read, in bytes; one of 2,000 cases has some 20 MB.
const LONGEST: u64 = 512 << 20;

/// Which runs, and how the changes are shown.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  peerproof diff runs/yesterday runs/latest          verdicts, descriptions, hellos, SCTP, RTCP, states, statistics
  peerproof diff chrome-150.json runs/latest         against an archive
  peerproof diff old new --only 'dtls/**' --json     of some cases, as data
  peerproof diff old new --markdown >> CHANGES.md

A change is what every case of a scenario shows with an implementation in the second run, and none did in the first. Addresses, keys,
times and what differs from case to case are none. `chrome@150` and `chrome` are one implementation.

Exit codes: 0 no change, 1 changes, 2 a run cannot be read, 4 the runs have no case in common.")]
pub(crate) struct DiffArgs {
    /// The first run: a folder, or an archive
    before: PathBuf,
    /// The second run
    after: PathBuf,
    /// Only cases with this in their names, or that match this pattern
    #[arg(long, value_delimiter = ',', value_name = "FILTER")]
    only: Vec<String>,
    /// Print JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print Markdown
    #[arg(long)]
    markdown: bool,
}

/// Which run is kept, and where.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  peerproof archive runs/latest --output chrome-150.json

Exit codes: 0 written, 2 the run cannot be read.")]
pub(crate) struct ArchiveArgs {
    /// The run: a folder
    run: PathBuf,
    /// The file
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Replace the file if there is one
    #[arg(long)]
    force: bool,
}

/// What is kept of a run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Archive {
    /// Version of the format.
    format: u32,
    /// The facts of its cases.
    cases: Vec<Facts>,
}

/// Writes an archive.
pub(crate) fn archive(args: &ArchiveArgs) -> u8 {
    if args.output.exists() && !args.force {
        complain(format_args!("{} exists; --force replaces it", args.output.display()));
        return USAGE;
    }
    let cases = match of_folder(&args.run) {
        Ok(cases) => cases,
        Err(trouble) => {
            complain(trouble);
            return USAGE;
        }
    };
    let count = cases.len();
    let written = serde_json::to_vec(&Archive { format: FORMAT, cases }).map_err(|error| error.to_string());
    let written = written.and_then(|bytes| fs::write(&args.output, bytes).map_err(|error| error.to_string()));
    match written {
        Ok(()) => {
            note(format_args!("{}: {count} cases", args.output.display()));
            0
        }
        Err(error) => {
            complain(format_args!("{}: {error}", args.output.display()));
            HARNESS_ERROR
        }
    }
}

/// Shows what changed.
pub(crate) fn diff(args: &DiffArgs) -> u8 {
    let read = |path: &Path| -> Result<Vec<Facts>, String> {
        let mut cases = if path.is_dir() { of_folder(path)? } else { of_archive(path)? };
        cases.retain(|case| wanted(&args.only, &case.case));
        Ok(cases)
    };
    let (before, after) = match (read(&args.before), read(&args.after)) {
        (Ok(before), Ok(after)) => (before, after),
        (before, after) => {
            let troubles = [before.err(), after.err()].into_iter().flatten();
            troubles.for_each(|trouble| complain(clean(&trouble)));
            return USAGE;
        }
    };
    let comparison = compare(&before, &after);
    if comparison.cases == 0 {
        complain("the runs have no case in common");
        return NOTHING_RAN;
    }
    if args.json {
        match say_json(&comparison) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                complain(error);
                return HARNESS_ERROR;
            }
            _ => {}
        }
    } else if args.markdown {
        say(markdown(&comparison).trim_end());
    } else {
        say(text(&comparison, &Style::of_stdout()).trim_end());
    }
    if comparison.changes.is_empty() && comparison.verdicts.is_empty() { 0 } else { CHANGED }
}

fn wanted(only: &[String], case: &str) -> bool {
    only.is_empty()
        || only.iter().any(|wanted| case.contains(wanted.as_str()) || pattern::matches(wanted, case))
}

fn of_folder(path: &Path) -> Result<Vec<Facts>, String> {
    let records = judge::records(path).map_err(|error| error.to_string())?;
    records.map(|record| record.map(|record| Facts::of(&record)).map_err(|error| error.to_string())).collect()
}

fn of_archive(path: &Path) -> Result<Vec<Facts>, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let about = fs::metadata(path).map_err(|error| wrong(&error))?;
    if !about.is_file() || about.len() > LONGEST {
        return Err(wrong(&"neither the folder of a run nor an archive"));
    }
    let bytes = input::bytes(path, Limit::RUN).map_err(|error| wrong(&error))?;
    let archive: Archive = serde_json::from_slice(&bytes).map_err(|error| wrong(&error))?;
    if archive.format == FORMAT {
        return Ok(archive.cases);
    }
    Err(wrong(&format_args!("an archive of format {}; this version reads {FORMAT}", archive.format)))
}

/// By implementation: the versions, and the changes.
fn by_implementation(comparison: &Comparison) -> BTreeMap<&str, (String, Vec<&Change>)> {
    let mut all: BTreeMap<&str, (String, Vec<&Change>)> = BTreeMap::new();
    for (name, versions) in &comparison.versions {
        let list =
            |all: &std::collections::BTreeSet<String>| all.iter().cloned().collect::<Vec<_>>().join(", ");
        let text = format!("{name} {} → {}", list(&versions.before), list(&versions.after));
        all.entry(name).or_default().0 = text;
    }
    for change in &comparison.changes {
        let of = all.entry(&change.implementation).or_default();
        if of.0.is_empty() {
            of.0.clone_from(&change.implementation);
        }
        of.1.push(change);
    }
    all
}

fn what(change: &Change) -> String {
    let mut parts: Vec<String> = change.removed.iter().map(|it| format!("− {it}")).collect();
    parts.extend(change.added.iter().map(|it| format!("+ {it}")));
    if let Some(order) = &change.order {
        parts.push(format!("in another order: {}", order.join(", ")));
    }
    parts.join("  ")
}

fn place(change: &Change) -> String {
    let frame = change.frame.map_or_else(String::new, |frame| format!(" frame {frame}"));
    let noun = if change.scenarios == 1 { "scenario" } else { "scenarios" };
    format!("{} {noun}, {}{frame}", change.scenarios, change.case)
}

fn ended(ended: Option<&peerproof_conformance::facts::Ended>) -> String {
    let Some(ended) = ended else { return "not judged".to_owned() };
    let word = serde_json::to_value(ended.outcome).unwrap_or_default();
    let mut text = word.as_str().unwrap_or_default().to_owned();
    for part in [ended.layer.map(|it| it.to_string()), ended.side.clone()].into_iter().flatten() {
        text += &format!(", {part}");
    }
    text
}

/// What is said at the end.
fn totals(comparison: &Comparison) -> String {
    let mut text = format!(
        "{} cases compared: {} ended otherwise, {} changes",
        comparison.cases,
        comparison.verdicts.len(),
        comparison.changes.len()
    );
    for (names, which) in [(&comparison.only_before, "first"), (&comparison.only_after, "second")] {
        if !names.is_empty() {
            let _ = write!(text, "; {} cases are in the {which} run alone", names.len());
        }
    }
    text
}

fn text(comparison: &Comparison, style: &Style) -> String {
    let mut out = String::new();
    for change in &comparison.verdicts {
        let (before, after) = (ended(change.before.as_ref()), ended(change.after.as_ref()));
        let _ = writeln!(out, "{}", clean(&format!("{}  {before} → {after}", change.case)));
    }
    for (title, changes) in by_implementation(comparison).values() {
        if !out.is_empty() {
            out.push('\n');
        }
        let _ = writeln!(out, "{}", style.paint(Paint::Remarkable, &clean(title)));
        for change in changes {
            let _ = writeln!(out, "  {}", clean(&format!("{}: {}", change.fact, what(change))));
            let _ = writeln!(out, "      {}", style.paint(Paint::Soft, &clean(&place(change))));
        }
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out + &totals(comparison)
}

fn markdown(comparison: &Comparison) -> String {
    let cell = escape::markdown;
    let mut out = String::new();
    if !comparison.verdicts.is_empty() {
        out.push_str("| case | before | after |\n| --- | --- | --- |\n");
        for change in &comparison.verdicts {
            let (before, after) = (ended(change.before.as_ref()), ended(change.after.as_ref()));
            let _ = writeln!(out, "| {} | {} | {} |", cell(&change.case), cell(&before), cell(&after));
        }
        out.push('\n');
    }
    for (title, changes) in by_implementation(comparison).values() {
        let _ = writeln!(out, "## {}\n", cell(title));
        if changes.is_empty() {
            out.push_str("No change.\n\n");
            continue;
        }
        out.push_str("| what | change | where |\n| --- | --- | --- |\n");
        for change in changes {
            let _ = writeln!(
                out,
                "| {} | {} | {} |",
                cell(&change.fact),
                cell(&what(change)),
                cell(&place(change))
            );
        }
        out.push('\n');
    }
    out + &totals(comparison)
}
