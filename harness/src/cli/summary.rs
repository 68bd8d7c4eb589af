//! What a run came to: the table at its end, and the files for other programs.

use super::{complain, say};
use crate::run::case::Played;
use crate::run::session::Run;
use crate::terminal::{Style, clean};
use peerproof_conformance::case::Standing;
use peerproof_conformance::verdict::Outcome;
use peerproof_reports::export::{self, Exporter};
use peerproof_reports::{CaseReport, RunReport};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A word of the language of verdicts (`pass`, `control-held`).
fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// One case in one line.
pub(super) fn line(played: &Played) -> String {
    let file = &played.record.file;
    let attempt = if file.attempt > 1 { format!(" (attempt {})", file.attempt) } else { String::new() };
    let seconds = file.duration_us as f64 / 1e6;
    let time = if file.time.is_real() { "" } else { " (virtual time)" };
    let outcome = word(played.verdict.outcome);
    let mut text = format!("{outcome:<14} {seconds:>5.1}s {}{attempt}{time}", clean(&file.name));
    if !matches!(played.standing, Standing::Expected) {
        text.push_str(&format!("  [{}]", word(played.standing)));
    }
    if played.verdict.outcome != Outcome::Pass {
        let at = [played.verdict.layer.map(word), played.verdict.side.clone()];
        let at: Vec<String> = at.into_iter().flatten().collect();
        if !at.is_empty() {
            text.push_str(&format!("  {}", clean(&at.join(", "))));
        }
        // Why an unexpected case failed stands in the table at the end. A peer may have put anything into it.
        if !played.standing.is_good() {
            return text;
        }
        text.push_str(&format!("\n               {}", clean(&played.verdict.sentence)));
    }
    text
}

/// The report of a run.
pub(super) fn report(run: &Run, began: SystemTime, seed: u64, output: &Path) -> RunReport {
    let cases = run.played.iter().map(|played| {
        let mut case = CaseReport::of(&played.record, &played.verdict);
        let folder = played.folder.strip_prefix(output).unwrap_or(&played.folder);
        case.folder = Some(folder.display().to_string());
        case.files = files_in(&played.folder);
        case.snapshot_text.clone_from(&played.snapshot_text);
        case
    });
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let tool = crate::TOOL.to_owned();
    let began_us = micros(began.duration_since(UNIX_EPOCH).unwrap_or_default());
    let mut report = RunReport::new(tool, began_us, micros(run.took), seed, cases.collect());
    report.interrupted = run.left > 0;
    report
}

/// The files of a recording, relative to its folder, sorted.
fn files_in(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        // What cannot be listed is not linked.
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if !entry.file_name().to_string_lossy().starts_with("attempt-") {
                    folders.push(path);
                }
            } else if let Ok(relative) = path.strip_prefix(folder) {
                files.push(relative.display().to_string());
            }
        }
    }
    files.sort();
    files
}

/// The table at the end of a run.
pub(super) fn table(report: &RunReport) {
    let Style { colour, width } = Style::of_stdout();
    let table = export::Terminal { colour, width };
    match table.serialize(report) {
        Ok(text) => say(String::from_utf8_lossy(&text).trim_end()),
        Err(error) => complain(error),
    }
}

/// What a run came to.
pub(super) fn print(report: &RunReport, run: &Run) {
    table(report);
    for (name, trouble) in &run.broken {
        complain(clean(&format!("{name} could not be recorded: {trouble}")));
    }
    if run.left > 0 {
        complain(format_args!("{} cases were not run", run.left));
    }
}

/// Writes the reports. Returns where they are.
pub(super) fn write(report: &RunReport, output: &Path) -> Result<Vec<PathBuf>, String> {
    export::files().into_iter().map(|(name, exporter)| write_one(report, output, name, exporter)).collect()
}

/// Writes one of the reports. Returns where it is.
pub(super) fn write_one(
    report: &RunReport,
    output: &Path,
    name: &str,
    exporter: &dyn Exporter,
) -> Result<PathBuf, String> {
    let path = output.join(name);
    let bytes = exporter.serialize(report).map_err(|error| format!("{}: {error}", path.display()))?;
    std::fs::write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}
