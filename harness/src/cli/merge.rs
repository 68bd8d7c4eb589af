//! `peerproof merge`: one run of several.

mod whole;

use super::runs::{self, Recorded};
use super::{HARNESS_ERROR, NOTHING_RAN, USAGE, complain, note, say, summary};
use crate::input::{self, Limit};
use crate::judge::{self, JudgeError};
use crate::parallel;
use crate::run::shard;
use crate::terminal::brief;
use peerproof_conformance::verdict::Outcome;
use peerproof_reports::{CaseReport, RunReport, counted};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Which runs, and where the whole goes.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  peerproof run --shard 1/3 --output part-1      on three machines: 1/3, 2/3, 3/3
  peerproof merge part-1 part-2 part-3 --output whole
  peerproof merge part-* --output whole --copy   the parts can be deleted afterwards
  peerproof merge chrome firefox --output both   runs without a case in common
  peerproof merge runs/latest --judge --output again   its report, by this version's checks

All parts must be present once, with the same plan, seed and version of
peerproof; otherwise nothing is merged. Without --copy, recordings are linked
by relative links: parts and whole can be moved together.

Exit codes are those of `peerproof run`: 0 all as expected, 1 a verdict failed,
2 these runs cannot be merged, 3 harness error, or planned cases are missing,
4 nothing ran.")]
pub(crate) struct MergeArgs {
    /// Runs: folders, or the run.json in them
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Folder for the recordings and reports of the merged run; must be new or empty
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// Copy the recordings instead of linking to them
    #[arg(long)]
    copy: bool,
    /// Judge the recordings again, by the checks and the known deviations of this version
    #[arg(long)]
    judge: bool,
    /// A file with more known deviations to judge by
    #[arg(long, value_name = "FILE", requires = "judge")]
    expected: Vec<PathBuf>,
}

/// Makes one run of several.
pub(crate) fn merge(args: &MergeArgs) -> u8 {
    let (runs, report) = match prepare(args) {
        Ok(ready) => ready,
        Err(troubles) => {
            troubles.iter().for_each(|trouble| complain(crate::terminal::clean(trouble)));
            return USAGE;
        }
    };
    let mut code = exit_code(&report);
    for run in runs.iter().filter(|run| run.report.interrupted) {
        complain(format_args!("{} was interrupted: not all of its cases were run", run.name));
    }
    match lacks_cases(&runs) {
        Ok(false) => {}
        Ok(true) => {
            complain("planned cases are missing from these runs: they could not be recorded");
            code = HARNESS_ERROR;
        }
        Err(trouble) => {
            complain(trouble);
            return HARNESS_ERROR;
        }
    }
    if let Err(trouble) = gather(&runs, &args.output, args.copy) {
        complain(trouble);
        return HARNESS_ERROR;
    }
    summary::table(&report);
    match summary::write(&report, &args.output) {
        Ok(files) => files.iter().for_each(|file| say(format_args!("  {}", file.display()))),
        Err(error) => {
            complain(format_args!("the reports cannot be written: {error}"));
            code = HARNESS_ERROR;
        }
    }
    code
}

/// The runs, and the report of the whole; or all that speaks against it.
fn prepare(args: &MergeArgs) -> Result<(Vec<Recorded>, RunReport), Vec<String>> {
    let runs = runs::read(&args.runs).map_err(|trouble| vec![trouble])?;
    let there = fs::read_dir(&args.output).is_ok_and(|mut entries| entries.next().is_some());
    if there || args.output.is_file() {
        return Err(vec![format!("{} exists and is not empty", args.output.display())]);
    }
    let named: Vec<(&str, &RunReport)> = runs.iter().map(|run| (run.name.as_str(), &run.report)).collect();
    let mut troubles = whole::troubles(&named);
    if troubles.is_empty() {
        troubles = misplaced(&runs);
    }
    if troubles.is_empty() {
        let reports: Vec<&RunReport> = runs.iter().map(|run| &run.report).collect();
        let mut report = whole::of(&reports);
        if args.judge {
            report = again(&runs, report, &args.expected).map_err(|trouble| vec![trouble])?;
        }
        Ok((runs, report))
    } else {
        Err(troubles)
    }
}

/// The report of the whole with what this version says of its recordings.
fn again(runs: &[Recorded], before: RunReport, expected: &[PathBuf]) -> Result<RunReport, String> {
    let expected = super::accept::deviations(expected, None)?;
    let folders = runs.iter().flat_map(|run| run.report.cases.iter().map(|case| (&run.folder, case)));
    let folders: Vec<(&PathBuf, &CaseReport)> = folders.collect();
    note(format_args!("judging {}", counted(folders.len(), "case")));
    let judged = parallel::map(&folders, |(run, case)| {
        let mut report = judge::report(&run.join(case.folder.as_deref().unwrap_or_default()), &expected)?;
        report.folder.clone_from(&case.folder);
        report.files.clone_from(&case.files);
        report.snapshot_text.clone_from(&case.snapshot_text);
        Ok(report)
    });
    let cases =
        judged.into_iter().collect::<Result<_, _>>().map_err(|error: JudgeError| error.to_string())?;
    let mut report =
        RunReport::new(crate::TOOL.to_owned(), before.began_us, before.duration_us, before.seed, cases);
    report.interrupted = before.interrupted;
    Ok(report)
}

/// Cases whose folder cannot be taken over: what is read may come from elsewhere, and must not lead out of the run's folder.
fn misplaced(runs: &[Recorded]) -> Vec<String> {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    let mut troubles = Vec::new();
    for run in runs {
        for case in &run.report.cases {
            let Some(folder) = &case.folder else {
                troubles.push(format!("{}: {} names no folder of its recording", run.name, case.name));
                continue;
            };
            let within = |part: Component<'_>| matches!(part, Component::Normal(_));
            if folder.is_empty() || !Path::new(folder).components().all(within) {
                troubles.push(format!("{}: {} names the folder {folder}", run.name, case.name));
            } else if !run.folder.join(folder).is_dir() {
                troubles.push(format!("{}: the recording of {} is not in {folder}", run.name, case.name));
            } else if let Some(owner) = owners.insert(folder, &case.name) {
                troubles
                    .push(format!("{}: {} and {owner} have the same folder {folder}", run.name, case.name));
            }
        }
    }
    whole::shorten(troubles)
}

/// What `case.json` says of the plan.
#[derive(Deserialize)]
struct Planned {
    name: String,
    scenario_hash: String,
}

/// Whether cases are missing that were planned: the plan's hash shows it if the runs are the parts of one and none was interrupted.
fn lacks_cases(runs: &[Recorded]) -> Result<bool, String> {
    let mut planned = Vec::new();
    let mut wanted = None;
    for run in runs {
        let Some(shard) = &run.report.shard else { return Ok(false) };
        if run.report.interrupted {
            return Ok(false);
        }
        wanted = Some(&shard.cases_hash);
        for case in &run.report.cases {
            let path = run.folder.join(case.folder.as_deref().unwrap_or_default()).join("case.json");
            let trouble = |error: &dyn std::fmt::Display| format!("{}: {}", path.display(), brief(error));
            let bytes = input::bytes(&path, Limit::CASE).map_err(|error| trouble(&error))?;
            let own: Planned = serde_json::from_slice(&bytes).map_err(|error| trouble(&error))?;
            if own.name != case.name {
                return Err(trouble(&format!("it is of {}, not of {}", own.name, case.name)));
            }
            planned.push((own.name, own.scenario_hash, shard.index));
        }
    }
    let played = shard::hash(planned.iter().map(|(name, hash, part)| (name.as_str(), hash.as_str(), *part)));
    Ok(wanted.is_some_and(|wanted| *wanted != played))
}

/// Brings the recordings of all cases into one folder.
fn gather(runs: &[Recorded], output: &Path, copy: bool) -> Result<(), String> {
    let trouble = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| format!("{path}: {error}")
    };
    fs::create_dir_all(output).map_err(trouble(output))?;
    let output = fs::canonicalize(output).map_err(trouble(output))?;
    let mut files = 0_usize;
    for run in runs {
        for folder in run.report.cases.iter().filter_map(|case| case.folder.as_deref()) {
            let from = run.folder.join(folder);
            for file in recording(&from).map_err(trouble(&from))? {
                let source = from.join(&file);
                let target = output.join(folder).join(&file);
                let parent = target.parent().unwrap_or(&output);
                fs::create_dir_all(parent).map_err(trouble(parent))?;
                if copy {
                    fs::copy(&source, &target).map_err(trouble(&target))?;
                } else {
                    // To the file itself, so that a chain of merged runs does not become a chain of links.
                    let real = fs::canonicalize(&source).map_err(trouble(&source))?;
                    let way = runs::relative(parent, &real);
                    std::os::unix::fs::symlink(way, &target).map_err(trouble(&target))?;
                }
                files += 1;
            }
        }
    }
    note(format_args!("{files} files of recordings are {}", if copy { "copied" } else { "linked" }));
    Ok(())
}

/// The files of one recording, relative to its folder. Not folders but files are linked, since whoever looks for cases
/// (`peerproof judge`) does not follow links to folders. Further attempts are recordings of their own.
fn recording(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(folder.join(&next))? {
            let entry = entry?;
            let path = next.join(entry.file_name());
            let attempt = || entry.file_name().to_string_lossy().starts_with("attempt-");
            if entry.file_type()?.is_dir() {
                if !(next.as_os_str().is_empty() && attempt()) {
                    open.push(path);
                }
            } else if fs::metadata(folder.join(&path))?.is_file() {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The exit code that a run of these cases has.
fn exit_code(report: &RunReport) -> u8 {
    let unexpected = || report.cases.iter().filter(|case| !case.standing.is_good());
    if unexpected().any(|case| case.verdict.outcome == Outcome::HarnessError) {
        HARNESS_ERROR
    } else if unexpected().next().is_some() {
        1
    } else if report.cases.iter().all(|case| case.verdict.outcome == Outcome::Unsupported) {
        NOTHING_RAN
    } else {
        0
    }
}

#[cfg(test)]
mod tests;
