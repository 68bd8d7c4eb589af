//! `cargo xtask bench fresh`: what a newcomer waits for, from a clean clone to the first verdict of a browser.
//!
//! All of it happens in a temporary folder that a supervisor owns: clones, target folders, crates, recordings. However this ends, the
//! supervisor ends what is left of it and removes the folder.

mod place;
mod report;
mod stage;
mod timings;

use anyhow::{Context, Result, bail, ensure};
use peerproof::process::{SCRATCH_VARIABLE, Spec};
use place::{Measured, Place};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// For the part that runs under the supervisor: where the user's cargo folder is.
const CARGO_HOME: &str = "PEERPROOF_BENCH_CARGO_HOME";
/// For it: where temporary files usually are.
const TEMPORARY: &str = "PEERPROOF_BENCH_TMPDIR";

#[derive(clap::Args)]
#[command(after_help = "\
Needs git, the libraries that the build needs (README), the network, and some GB in the folder for temporary files (TMPDIR). \
Nothing is written elsewhere, but for Debian packages that `setup` finds missing: they stay installed, and count in the first round \
only. Where they have to be installed, be root, or have a sudo that asks nothing. A geckodriver in PATH hides that `setup` builds \
one; that of an earlier `setup` does not.

Examples:
  cargo xtask bench fresh                          what is committed here
  cargo xtask bench fresh --base HEAD~5 --rounds 3   next to an earlier commit, in turns
  cargo xtask bench fresh --skip-setup --suite     without installing anything; the suite, too
  cargo xtask bench fresh --ci --deadline 90       what a change waits for, too")]
pub(crate) struct Arguments {
    /// Measure this commit
    #[arg(long, default_value = "HEAD", value_name = "REV")]
    commit: String,
    /// Measure this commit, too, in turns with the other one
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// Number of measurements of each commit; medians are shown
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Leave `setup` out
    #[arg(long)]
    skip_setup: bool,
    /// Time the whole suite, too
    #[arg(long)]
    suite: bool,
    /// Time `.ci/run`, too, from an empty target folder
    #[arg(long)]
    ci: bool,
    /// The case whose verdict is the first one
    #[arg(long, default_value = "data/echo/chrome-chrome", value_name = "CASE")]
    case: String,
    /// Number of parallel build jobs [default: that of cargo]
    #[arg(long, value_name = "N")]
    jobs: Option<u32>,
    /// Number of crates to show
    #[arg(long, default_value_t = 25, value_name = "N")]
    top: usize,
    /// Give up when one step takes longer
    #[arg(long, default_value_t = 40, value_name = "MINUTES")]
    deadline: u64,
}

pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    match std::env::var_os(SCRATCH_VARIABLE) {
        // That of another supervisor, if this is part of something else, is no place to be.
        Some(scratch) if std::env::var_os(CARGO_HOME).is_some() => {
            measure(root, Path::new(&scratch), arguments)
        }
        _ => under_a_supervisor(),
    }
}

/// Runs the same command under a supervisor, which is this program, too.
fn under_a_supervisor() -> Result<()> {
    let home = PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?);
    let folder =
        |name: &str, usual: &str| std::env::var_os(name).map_or_else(|| home.join(usual), PathBuf::from);
    let me = std::env::current_exe()?;
    let mut supervisor = Command::new(&me)
        .arg("supervisor")
        .arg("--scratch")
        .arg(Spec::fresh_scratch())
        .arg("--")
        .arg(&me)
        .args(std::env::args_os().skip(1))
        .env(CARGO_HOME, folder("CARGO_HOME", ".cargo"))
        .env(TEMPORARY, std::env::temp_dir())
        .env("RUSTUP_HOME", folder("RUSTUP_HOME", ".rustup"))
        .stdin(Stdio::piped())
        .spawn()?;
    // Its line: when this program ends, so does everything.
    let _line = supervisor.stdin.take();
    let status = supervisor.wait()?;
    ensure!(status.success(), "the measurement failed");
    Ok(())
}

fn measure(root: &Path, scratch: &Path, arguments: &Arguments) -> Result<()> {
    let mut commits = Vec::new();
    if let Some(base) = &arguments.base {
        commits.push((base.clone(), commit(root, base)?));
    }
    commits.push((arguments.commit.clone(), commit(root, &arguments.commit)?));
    let deadline = Duration::from_secs(arguments.deadline * 60);
    let mut measured: Vec<Vec<Measured>> = commits.iter().map(|_| Vec::new()).collect();
    for round in 1..=arguments.rounds {
        for ((name, commit), results) in commits.iter().zip(&mut measured) {
            say(&format!("round {round} of {}: {name} ({})", arguments.rounds, short(commit)));
            let place = Place::new(root, scratch, commit, deadline, arguments.jobs)?;
            results.push(walk(&place, arguments)?);
            place.remove()?;
        }
    }
    let names: Vec<String> =
        commits.iter().map(|(name, commit)| format!("{name} {}", short(commit))).collect();
    say("");
    say(report::render(&names, &measured, arguments.top).trim_end());
    Ok(())
}

/// A newcomer's way, step by step.
fn walk(place: &Place, arguments: &Arguments) -> Result<Measured> {
    let mut measured = Measured::default();
    place.fetch(&mut measured)?;
    place.build(&mut measured)?;
    if !arguments.skip_setup {
        place.setup(&mut measured)?;
    }
    place.verdict(&arguments.case, &mut measured)?;
    if arguments.suite {
        place.suite(&mut measured)?;
    }
    if arguments.ci {
        place.ci(&mut measured)?;
    }
    Ok(measured)
}

/// The full name of a commit.
fn commit(root: &Path, name: &str) -> Result<String> {
    let asked = Command::new("git")
        .args(["rev-parse", "--verify", "--end-of-options", &format!("{name}^{{commit}}")])
        .envs(stage::trust(root))
        .current_dir(root)
        .output()
        .context("git cannot be run")?;
    if !asked.status.success() {
        bail!("there is no commit {name}: {}", String::from_utf8_lossy(&asked.stderr).trim());
    }
    Ok(String::from_utf8(asked.stdout)?.trim().to_owned())
}

fn short(commit: &str) -> &str {
    commit.get(..9).unwrap_or(commit)
}

#[expect(clippy::print_stdout, reason = "a measurement is for the terminal")]
fn say(text: &str) {
    println!("{text}");
}
