//! `peerproof report`: pages of the cases of a run, and the run's page that leads to them. A run writes them itself, unless `--pages` says otherwise.

use super::{HARNESS_ERROR, NOTHING_RAN, USAGE, complain, note, runs, say, summary};
use crate::inspect::{Beside, Given, InspectError, page};
use crate::terminal::clean;
use peerproof_conformance::deviations::pattern;
use peerproof_reports::export::{self, CASE_PAGE};
use peerproof_reports::{CaseReport, RunReport};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Pages that a run writes at its end with `--pages unexpected`.
const MOST_UNEXPECTED: usize = 50;
/// A run that writes more pages says so first: that takes some time.
const MANY: usize = 200;

/// Which run, and which of its cases.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  peerproof report runs/latest                         a page for each case, and index.html that leads to them
  peerproof report runs/latest data/echo 'dtls/**'     only for these cases
  peerproof report runs/latest --unexpected            only for cases with an unexpected result

A run writes the pages of all its cases itself, unless --pages chooses others. A page takes some 180 KB.

Exit codes: 0 written, 2 the run cannot be read, 3 a page cannot be written, 4 no case with a recording matches.")]
pub(crate) struct ReportArgs {
    /// The run: a folder
    run: PathBuf,
    /// Only cases with this in their names, or that match this pattern
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
    /// Only cases with an unexpected result
    #[arg(long)]
    unexpected: bool,
}

/// Writes the pages of a recorded run.
pub(crate) fn report(args: &ReportArgs) -> u8 {
    let run = match runs::read(std::slice::from_ref(&args.run)) {
        Ok(mut runs) if runs.len() == 1 => runs.remove(0),
        Ok(_) => return USAGE,
        Err(trouble) => {
            complain(trouble);
            return USAGE;
        }
    };
    let (folder, mut report) = (run.folder, run.report);
    let named = |case: &CaseReport| {
        args.filter.is_empty()
            || args
                .filter
                .iter()
                .any(|filter| case.name.contains(filter.as_str()) || pattern::matches(filter, &case.name))
    };
    let wanted = |case: &CaseReport| named(case) && !(args.unexpected && case.standing.is_good());
    let Pages { written, bytes, trouble } = pages(&mut report, &folder, wanted, usize::MAX);
    if written == 0 && trouble.is_empty() {
        complain("no case with a recording matches");
        return NOTHING_RAN;
    }
    let mut code = 0;
    for trouble in &trouble {
        complain(clean(trouble));
        code = HARNESS_ERROR;
    }
    for (name, exporter) in
        export::files().into_iter().filter(|(name, _)| ["run.json", "index.html"].contains(name))
    {
        if let Err(trouble) = summary::write_one(&report, &folder, name, exporter) {
            complain(trouble);
            return HARNESS_ERROR;
        }
    }
    say(format_args!(
        "{written} {}, {} MB, and {}",
        if written == 1 { "page" } else { "pages" },
        bytes.div_ceil(1 << 20),
        folder.join("index.html").display()
    ));
    code
}

/// Writes the pages that a run has at its end. Returns what went wrong.
pub(super) fn at_the_end(report: &mut RunReport, folder: &Path, which: super::args::Pages) -> Vec<String> {
    use super::args::Pages::{All, None, Unexpected};
    // Those of a run that was in this folder before are of other recordings.
    for case in &mut report.cases {
        if let Some(of) = &case.folder {
            let _ = std::fs::remove_file(folder.join(of).join(CASE_PAGE));
        }
        case.files.retain(|file| file != CASE_PAGE);
    }
    match which {
        All => {
            if report.cases.len() > MANY {
                note(format_args!("writing the pages of {} cases", report.cases.len()));
            }
            pages(report, folder, |_| true, usize::MAX).trouble
        }
        Unexpected => pages(report, folder, |case| !case.standing.is_good(), MOST_UNEXPECTED).trouble,
        None => Vec::new(),
    }
}

/// What was written.
struct Pages {
    written: usize,
    bytes: u64,
    trouble: Vec<String>,
}

/// Writes the pages of cases beside their recordings, several at a time, and names them in the report.
fn pages(report: &mut RunReport, folder: &Path, wanted: impl Fn(&CaseReport) -> bool, most: usize) -> Pages {
    let chosen: Vec<(usize, PathBuf)> = report
        .cases
        .iter()
        .enumerate()
        .filter(|(_, case)| wanted(case))
        .filter_map(|(index, case)| Some((index, folder.join(case.folder.as_ref()?))))
        .filter(|(_, folder)| folder.join("capture.pcapng").is_file())
        .take(most)
        .collect();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(chosen.len().max(1));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((index, case)) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let written = write(case).map_err(|error| format!("{}: {error}", case.display()));
                    if let Ok(mut done) = done.lock() {
                        done.push((*index, written));
                    }
                }
            });
        }
    });
    let mut all = done.into_inner().unwrap_or_default();
    all.sort_by_key(|(index, _)| *index);
    let mut pages = Pages { written: 0, bytes: 0, trouble: Vec::new() };
    for (index, written) in all {
        match written {
            Ok(bytes) => {
                pages.written += 1;
                pages.bytes += bytes;
                if let Some(case) = report.cases.get_mut(index)
                    && !case.files.iter().any(|file| file == CASE_PAGE)
                {
                    case.files.push(CASE_PAGE.to_owned());
                    case.files.sort();
                }
            }
            Err(trouble) => pages.trouble.push(trouble),
        }
    }
    pages
}

/// Writes the page of a case into its folder. Returns its size.
fn write(case: &Path) -> Result<u64, InspectError> {
    let html = page(&Given::read(case, &Beside::default())?, None)?;
    let path = case.join(CASE_PAGE);
    // Not through a link that somebody else put there.
    if path.symlink_metadata().is_ok_and(|it| !it.is_file()) {
        return Err(InspectError::Export { path, error: std::io::Error::other("it is no regular file") });
    }
    std::fs::write(&path, &html).map_err(|error| InspectError::Export { path, error })?;
    Ok(html.len() as u64)
}
