//! `peerproof diff` and `peerproof archive`: what changed from one run to another, and what is kept of a run to compare with later.

use super::{NOTHING_RAN, USAGE, complain, note, say, say_json};
use crate::input::{self, Limit};
use crate::judge;
use crate::terminal::{Paint, Style, clean};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use peerproof_conformance::deviations::pattern;
use peerproof_conformance::facts::{CHECKS, Change, Comparison, Facts, Run, VerdictChange, compare};
use peerproof_reports::counted;
use peerproof_reports::export::comparison::{
    Changed, MAY_BE_CHANCE, by_implementation, checks, decided, document, ended, html, markdown, place,
    totals, verdicts_apart, what,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::fs;
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Version of the format of archives.
const FORMAT: u32 = 5;
/// The formats that are read: 3 has fewer places. Earlier ones have other facts, so that some would seem to have changed.
const READ: RangeInclusive<u32> = 3..=FORMAT;
/// First bytes of a file that gzip wrote.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Exit code: something changed.
const CHANGED: u8 = 1;
/// Longest archive that is read, in bytes; one of 2,000 cases has some 20 MB.
const LONGEST: u64 = 512 << 20;

/// Which runs, and how the changes are shown.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  peerproof diff runs/yesterday runs/latest          verdicts, descriptions, hellos, SCTP, RTCP, states, statistics
  peerproof diff chrome-150.json.gz runs/latest      against an archive
  peerproof diff old new --only 'dtls/**' --json     of some cases, as data
  peerproof diff old new --markdown >> CHANGES.md
  peerproof diff old new --html changes.html         a page for a browser
  peerproof diff old new --preface title.md > changes.md    a document, after a text of yours
  peerproof diff old new --at-least 4                what four scenarios show

A change is a fact that every case of a scenario shows with an implementation in the second run, and no case shows in the first.
Addresses, keys, and values that vary between cases are ignored. A fact that a single case shows may be chance: it is listed apart, and is no
change. Times are compared by their ranges. `chrome@150` and `chrome` are one implementation.

Exit codes: 0 no change, 1 changes, 2 a run cannot be read or a file would be replaced, 4 the runs have no case in common.")]
pub(crate) struct DiffArgs {
    /// The first run: a folder, or an archive
    before: PathBuf,
    /// The second run
    after: PathBuf,
    /// Only cases with this in their names, or that match this pattern
    #[arg(long, value_delimiter = ',', value_name = "FILTER")]
    only: Vec<String>,
    /// Leave out changes that fewer scenarios show, and of what may be chance, too
    #[arg(long, value_name = "N")]
    at_least: Option<NonZeroUsize>,
    /// Print JSON
    #[arg(long, conflicts_with_all = ["markdown", "html"])]
    json: bool,
    /// Print Markdown
    #[arg(long, conflicts_with = "html")]
    markdown: bool,
    /// Print a document: this Markdown text, which holds its title, and the comparison
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "html"])]
    preface: Option<PathBuf>,
    /// Write a page for a browser, in one file
    #[arg(long, value_name = "OUT.html")]
    html: Option<PathBuf>,
    /// Replace the file of --html if there is one
    #[arg(long, requires = "html")]
    force: bool,
}

/// Which run is kept, and where.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  peerproof archive runs/latest --output chrome-150.json.gz    compressed, as any name that ends in .gz
  peerproof archive runs/latest --output chrome-150.json
  peerproof archive runs/latest --only chrome@150-stack,stack-chrome@150 -o chrome-150.json.gz

Exit codes: 0 written, 2 the run cannot be read.")]
pub(crate) struct ArchiveArgs {
    /// The run: a folder
    run: PathBuf,
    /// Only cases with this in their names, or that match this pattern
    #[arg(long, value_delimiter = ',', value_name = "FILTER")]
    only: Vec<String>,
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
pub(super) struct Archive {
    /// Version of the format.
    format: u32,
    /// Which checks decided how requirements stand.
    tool: String,
    /// The facts of its cases.
    cases: Vec<Facts>,
}

/// What all formats have.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// Writes an archive.
pub(crate) fn archive(args: &ArchiveArgs) -> u8 {
    if args.output.exists() && !args.force {
        complain(format_args!("{} exists; --force replaces it", args.output.display()));
        return USAGE;
    }
    let Run { tool, cases } = match of_folder(&args.run, &args.only) {
        Ok(run) => run,
        Err(trouble) => {
            complain(trouble);
            return USAGE;
        }
    };
    let count = cases.len();
    if count == 0 {
        complain(format_args!("{}: no case of it is wanted (--only)", args.run.display()));
        return NOTHING_RAN;
    }
    let written = serde_json::to_vec(&Archive { format: FORMAT, tool, cases }).map_err(io::Error::from);
    let is_compressed = args.output.extension().is_some_and(|ending| ending == "gz");
    let packed = written.and_then(|bytes| if is_compressed { gzip(&bytes) } else { Ok(bytes) });
    match packed.and_then(|bytes| fs::write(&args.output, bytes)) {
        Ok(()) => {
            note(format_args!("{}: {}", args.output.display(), counted(count, "case")));
            0
        }
        Err(error) => {
            complain(format_args!("{}: {error}", args.output.display()));
            USAGE
        }
    }
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Shows what changed.
pub(crate) fn diff(args: &DiffArgs) -> u8 {
    if let Some(to) = args.html.as_ref().filter(|to| !args.force && to.exists()) {
        complain(format_args!("{} exists; --force replaces it", to.display()));
        return USAGE;
    }
    let preface = match super::preface(args.preface.as_deref()) {
        Ok(preface) => preface,
        Err(trouble) => {
            complain(trouble);
            return USAGE;
        }
    };
    let read = |path: &Path| -> Result<Run, String> {
        let mut run = if path.is_dir() { of_folder(path, &args.only)? } else { of_archive(path)? };
        run.cases.retain(|case| wanted(&args.only, &case.case));
        Ok(run)
    };
    let (before, after) = match (read(&args.before), read(&args.after)) {
        (Ok(before), Ok(after)) => (before, after),
        (before, after) => {
            let troubles = [before.err(), after.err()].into_iter().flatten();
            troubles.for_each(|trouble| complain(clean(&trouble)));
            return USAGE;
        }
    };
    let mut comparison = compare(&before, &after);
    if let Some(scenarios) = args.at_least {
        comparison.keep_at_least(scenarios.get());
    }
    if comparison.cases == 0 {
        complain("the runs have no case in common");
        return NOTHING_RAN;
    }
    if args.json {
        match say_json(&comparison) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                complain(error);
                return USAGE;
            }
            _ => {}
        }
    } else if let Some(to) = &args.html {
        let name = |path: &Path| path.display().to_string();
        let page = html(&comparison, &name(&args.before), &name(&args.after));
        let page = page.map_err(|error| error.to_string());
        if let Err(error) = page.and_then(|page| fs::write(to, page).map_err(|error| error.to_string())) {
            complain(format_args!("{}: {error}", to.display()));
            return USAGE;
        }
        note(format_args!("{}: {}", to.display(), totals(&comparison)));
    } else if let Some(preface) = preface {
        say(document(&comparison, &preface).trim_end());
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

fn of_folder(path: &Path, only: &[String]) -> Result<Run, String> {
    let is_wanted = |case: &str| wanted(only, case);
    let facts = judge::records(path, is_wanted, |record| Facts::of(&record));
    let facts = facts.map_err(|error| error.to_string())?;
    Ok(Run { tool: CHECKS.to_owned(), cases: facts })
}

fn of_archive(path: &Path) -> Result<Run, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let about = fs::metadata(path).map_err(|error| wrong(&error))?;
    if !about.is_file() || about.len() > LONGEST {
        return Err(wrong(&"neither the folder of a run nor an archive"));
    }
    let mut bytes = input::bytes(path, Limit::RUN).map_err(|error| wrong(&error))?;
    if bytes.starts_with(&GZIP) {
        bytes = input::limited(MultiGzDecoder::new(bytes.as_slice()), Limit::RUN)
            .map_err(|error| wrong(&error))?;
    }
    // Before its content, which may be of another format.
    let Format { format } = serde_json::from_slice(&bytes)
        .map_err(|error| wrong(&format_args!("no archive (`peerproof archive` writes one): {error}")))?;
    if !READ.contains(&format) {
        let (first, last) = (READ.start(), READ.end());
        return Err(wrong(&format_args!(
            "an archive of format {format}; this version reads {first} to {last}: make it anew from the recordings"
        )));
    }
    let Archive { tool, cases, .. } = serde_json::from_slice(&bytes).map_err(|error| wrong(&error))?;
    Ok(Run { tool, cases })
}

fn text(comparison: &Comparison, style: &Style) -> String {
    let mut out = String::new();
    for change in &comparison.verdicts {
        verdict(&mut out, "", change, style);
    }
    for Changed { title, changes } in by_implementation(comparison) {
        head(&mut out, &title, style);
        changes.into_iter().for_each(|it| change(&mut out, it, "", style));
    }
    for (title, changes) in [
        (MAY_BE_CHANCE.to_owned(), &comparison.once),
        (checks(comparison).unwrap_or_default(), &comparison.tool.changes),
    ] {
        if !changes.is_empty() {
            head(&mut out, &title, style);
        }
        changes.iter().for_each(|it| change(&mut out, it, &it.implementation, style));
    }
    for (title, changes) in verdicts_apart(comparison) {
        head(&mut out, title, style);
        changes.iter().for_each(|change| verdict(&mut out, "  ", change, style));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out + &totals(comparison)
}

fn verdict(out: &mut String, indent: &str, change: &VerdictChange, style: &Style) {
    let ([before, after], place) = (ended(change), decided(change));
    let _ = writeln!(out, "{indent}{}", clean(&format!("{}  {before} → {after}", change.case)));
    if !place.is_empty() {
        let _ = writeln!(out, "{indent}    {}", style.paint(Paint::Soft, &place));
    }
}

fn head(out: &mut String, title: &str, style: &Style) {
    if !out.is_empty() {
        out.push('\n');
    }
    let _ = writeln!(out, "{}", style.paint(Paint::Remarkable, &clean(title)));
}

fn change(out: &mut String, change: &Change, of: &str, style: &Style) {
    let of = if of.is_empty() { String::new() } else { format!("{of} ") };
    let _ = writeln!(out, "  {}", clean(&format!("{of}{}: {}", change.fact, what(change))));
    let _ = writeln!(out, "      {}", style.paint(Paint::Soft, &clean(&place(change))));
}
