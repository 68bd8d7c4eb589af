//! `peerproof accept`: records what runs show: how often known deviations occurred, and what the suite decided.

use super::runs::REPORT;
use super::{USAGE, complain, say};
use crate::input::{self, Limit};
use crate::ratchet::{FLOORS, OBSERVED, OnRecord, of_again};
use crate::terminal::clean;
use crate::{adapters, expected, judge};
use peerproof_conformance::deviations::Deviations;
use peerproof_conformance::floors::Played;
use serde::Deserialize;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Exit code: there are changes, and nobody accepted them.
const NOT_ACCEPTED: u8 = 1;

/// Which runs are accepted.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  peerproof accept                              what the newest run changes, and whether to write it
  peerproof accept runs/1 runs/2 runs/3 --yes   what all three runs decide, and how much that varies between them

It judges the runs again, shows what changes in scenarios/floors.toml and scenarios/observed.toml, and writes both when you confirm. The
records of cases that are not in the runs stay as they are; those of the others are replaced. Give several runs, of a quiet and of a busy
machine, or what chance decides will be missed in later runs.

Exit codes: 0 written or nothing to write, 1 not confirmed, 2 a run cannot be read.")]
pub(crate) struct AcceptArgs {
    /// Folders of runs
    #[arg(value_name = "RUN", default_value = "runs/latest")]
    runs: Vec<PathBuf>,
    /// The folder of scenarios in which the record is
    #[arg(long, value_name = "FOLDER", default_value = "scenarios")]
    scenarios: PathBuf,
    /// Write without asking
    #[arg(long)]
    yes: bool,
}

/// What identifies a run.
#[derive(Deserialize)]
struct Identity {
    began_us: u64,
}

pub(crate) fn accept(args: &AcceptArgs) -> u8 {
    match run(args) {
        Ok(code) => code,
        Err(trouble) => {
            complain(clean(&trouble));
            USAGE
        }
    }
}

fn run(args: &AcceptArgs) -> Result<u8, String> {
    let folder = &args.scenarios;
    if !folder.is_dir() {
        return Err(format!("{}: not a folder of scenarios (--scenarios)", folder.display()));
    }
    let before = OnRecord::load(Some(folder))?;
    let mut after = before.clone();
    // A run that is recorded already is judged again, but its attempts are not counted twice.
    let (fresh, known) = (deviations(&[], Some(folder))?, deviations(&[], Some(folder))?);
    let mut judged = Vec::new();
    for path in &args.runs {
        let is_new = began(path).is_none_or(|began_us| after.observed.runs.insert(began_us));
        let by = if is_new { &fresh } else { &known };
        judged.push(judge::again(path, by).map_err(|error| error.to_string())?);
    }
    let runs: Vec<Vec<Played<'_>>> = judged.iter().map(|run| run.iter().map(of_again).collect()).collect();
    after.floors.accept(&runs);
    after.observed.add(fresh.counted());
    after.observed.retain(|name| fresh.knows(name));
    let changes = changes(&before, &after);
    if after.floors == before.floors && after.observed == before.observed {
        say("nothing changes");
        return Ok(0);
    }
    changes.iter().for_each(|line| say(clean(line)));
    if !args.yes && !confirmed() {
        complain("not written (--yes writes without asking)");
        return Ok(NOT_ACCEPTED);
    }
    write(&folder.join(FLOORS), "What the suite decides", &after.floors)?;
    write(
        &folder.join(OBSERVED),
        "How often known deviations showed, of how many attempts",
        &after.observed,
    )?;
    Ok(0)
}

/// Those of some files, of a folder of scenarios or the suite, and of all adapters.
pub(super) fn deviations(files: &[PathBuf], folder: Option<&Path>) -> Result<Deviations, String> {
    let known = adapters::names()
        .filter_map(|name| Some((format!("{name}/expected.toml"), adapters::expected(name)?)));
    let known: Vec<(String, &str)> = known.collect();
    expected::gather(files, folder, &known, None).map_err(|error| error.to_string())
}

/// When a run began, if it says so.
fn began(run: &Path) -> Option<u64> {
    let bytes = input::bytes(&run.join(REPORT), Limit::RUN).ok()?;
    Some(serde_json::from_slice::<Identity>(&bytes).ok()?.began_us)
}

fn changes(before: &OnRecord, after: &OnRecord) -> Vec<String> {
    let mut lines = after.floors.changes(&before.floors);
    for name in after.observed.deviation.keys() {
        let (was, now) = (before.observed.of(name), after.observed.of(name));
        if was != now {
            lines.push(format!("{name}  shown in {was} -> {now}"));
        }
    }
    for name in before.observed.deviation.keys().filter(|name| !after.observed.deviation.contains_key(*name))
    {
        lines.push(format!("{name}  is no longer a known deviation"));
    }
    if lines.is_empty() {
        lines.push("only the list of the runs that were counted changes".to_owned());
    }
    lines
}

fn confirmed() -> bool {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return false;
    }
    let mut out = std::io::stdout();
    let mut line = String::new();
    let asked = write!(out, "write this? [y/N] ").and_then(|()| out.flush());
    asked.is_ok() && stdin.lock().read_line(&mut line).is_ok() && line.trim().eq_ignore_ascii_case("y")
}

fn write(path: &Path, what: &str, value: &impl serde::Serialize) -> Result<(), String> {
    let text = toml::to_string(value).map_err(|error| error.to_string())?;
    let text = format!("# {what}; written by `peerproof accept`, see docs/deviations.md.\n\n{text}");
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    say(format_args!("  {}", path.display()));
    Ok(())
}
