//! A clean clone with everything of its own, and the steps of a newcomer in it.

use super::stage::{self, Taken};
use super::{CARGO_HOME, TEMPORARY, timings};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What is measured, in the order in which it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// Seconds of `cargo fetch` into an empty cargo folder.
    Fetch,
    /// Seconds of the release build.
    Build,
    /// Seconds of `setup --yes`.
    Setup,
    /// Seconds from the start of `run` to the first verdict of a browser.
    Verdict,
    /// All of these together.
    Wait,
    /// Seconds of the whole suite.
    Suite,
    /// Seconds of `.ci/run`, with a target folder of its own.
    Ci,
    /// Megabytes of the executable.
    Executable,
    /// Crates that are compiled.
    Crates,
    /// Seconds of all compilations of the release build, one after the other.
    Work,
}

/// What one walk gave.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) numbers: BTreeMap<What, f64>,
    /// Seconds by crate.
    pub(super) crates: BTreeMap<String, f64>,
    /// What a number does not show.
    pub(super) remarks: Vec<String>,
}

impl Measured {
    /// Something that the newcomer waits for.
    fn waited(&mut self, what: What, time: Duration) {
        self.numbers.insert(what, time.as_secs_f64());
        *self.numbers.entry(What::Wait).or_default() += time.as_secs_f64();
    }
}

/// The clone and what belongs to it. There is one at a time.
pub(super) struct Place {
    folder: PathBuf,
    deadline: Duration,
    jobs: Option<u32>,
}

impl Place {
    /// Clones the commit.
    ///
    /// # Errors
    /// If git or the file system refuses.
    pub(super) fn new(
        root: &Path,
        scratch: &Path,
        commit: &str,
        deadline: Duration,
        jobs: Option<u32>,
    ) -> Result<Self> {
        let place = Self { folder: scratch.join("place"), deadline, jobs };
        fs::create_dir(&place.folder)?;
        fs::create_dir(place.folder.join("cargo"))?;
        // Where crates come from here, if that was set. Nothing else of that folder.
        let home = PathBuf::from(std::env::var_os(CARGO_HOME).unwrap_or_default());
        for name in ["config.toml", "config"] {
            if home.join(name).is_file() {
                fs::copy(home.join(name), place.folder.join("cargo").join(name))?;
            }
        }
        let mut clone = Command::new("git");
        clone.args(["clone", "--quiet", "--no-checkout"]).arg(root).arg(place.clone_folder());
        place.run("clone", clone.envs(stage::trust(root)))?.well()?;
        let mut checkout = Command::new("git");
        checkout.args(["checkout", "--quiet", "--detach", commit]).current_dir(place.clone_folder());
        place.run("checkout", &mut checkout)?.well()?;
        Ok(place)
    }

    /// Removes all of it.
    ///
    /// # Errors
    /// If the file system refuses.
    pub(super) fn remove(self) -> Result<()> {
        Ok(fs::remove_dir_all(&self.folder)?)
    }

    fn clone_folder(&self) -> PathBuf {
        self.folder.join("peerproof")
    }

    fn target(&self) -> PathBuf {
        self.clone_folder().join("target")
    }

    fn run(&self, name: &str, command: &mut Command) -> Result<Taken> {
        stage::run(command, &self.folder.join(format!("{name}.log")), self.deadline, None)
    }

    /// A program in the clone, as if it had been the first one on this machine.
    fn command(&self, program: impl Into<OsString>, args: &[&str]) -> Command {
        let mut command = Command::new(program.into());
        command
            .args(args)
            .current_dir(self.clone_folder())
            .env("CARGO_HOME", self.folder.join("cargo"))
            .env("CARGO_TARGET_DIR", self.target())
            .env("CARGO_TERM_COLOR", "never")
            .env("XDG_DATA_HOME", self.folder.join("data"))
            .env_remove("PEERPROOF_REQUIRE");
        if let Some(jobs) = self.jobs {
            command.env("CARGO_BUILD_JOBS", jobs.to_string());
        }
        command
    }

    fn cargo(&self, args: &[&str]) -> Command {
        self.command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), args)
    }

    fn executable(&self) -> PathBuf {
        self.target().join("release/peerproof")
    }

    /// `cargo fetch`.
    pub(super) fn fetch(&self, measured: &mut Measured) -> Result<()> {
        let taken = self.run("fetch", &mut self.cargo(&["fetch", "--locked"]))?.well()?;
        measured.waited(What::Fetch, taken.time);
        Ok(())
    }

    /// The release build of README.
    pub(super) fn build(&self, measured: &mut Measured) -> Result<()> {
        let args = ["build", "--release", "--locked", "--package", "peerproof", "--timings"];
        let taken = self.run("build", &mut self.cargo(&args))?.well()?;
        measured.waited(What::Build, taken.time);
        let page = fs::read_to_string(self.target().join("cargo-timings/cargo-timing.html"))?;
        measured.crates = timings::by_crate(&page).context("cargo's timings")?;
        measured.numbers.insert(What::Crates, measured.crates.len() as f64);
        measured.numbers.insert(What::Work, measured.crates.values().sum());
        let bytes = fs::metadata(self.executable())?.len();
        measured.numbers.insert(What::Executable, bytes as f64 / 1e6);
        Ok(())
    }

    /// `setup --yes`. The folder in which it puts programs is empty.
    pub(super) fn setup(&self, measured: &mut Measured) -> Result<()> {
        let taken = self.run("setup", &mut self.command(self.executable(), &["setup", "--yes"]))?.well()?;
        measured.waited(What::Setup, taken.time);
        let said = fs::read_to_string(&taken.log)?;
        // The plan stands before the first empty line, each step with its command below it.
        let plan = said.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with(' '));
        measured.remarks.extend(plan.map(|line| format!("setup: {line}")));
        Ok(())
    }

    /// From the start of `run` to the verdict of the first case.
    pub(super) fn verdict(&self, case: &str, measured: &mut Measured) -> Result<()> {
        let output = self.folder.join("run").display().to_string();
        let mut command = self.playing(&["run", case, "--output", &output]);
        let log = self.folder.join("verdict.log");
        let taken = stage::run(&mut command, &log, self.deadline, Some(|line| line.starts_with("[1/")))?;
        let Some((time, line)) = taken.line.clone() else {
            taken.well()?;
            anyhow::bail!("{case} gave no verdict");
        };
        ensure!(!line.contains("harness-error"), "{case} has no verdict of a browser: {line}");
        measured.waited(What::Verdict, time);
        measured.remarks.push(format!("verdict: {line}"));
        Ok(())
    }

    /// Peerproof, as it plays. Its browsers have sockets in the folder for temporary files, whose path must not be long
    /// (`sun_path` in unix(7)); what they put there is removed by supervisors of their own.
    fn playing(&self, args: &[&str]) -> Command {
        let mut command = self.command(self.executable(), args);
        if let Some(temporary) = std::env::var_os(TEMPORARY) {
            command.env("TMPDIR", temporary);
        }
        command
    }

    /// The whole suite. Failing verdicts are reported; they are no error of the measurement.
    pub(super) fn suite(&self, measured: &mut Measured) -> Result<()> {
        let output = self.folder.join("suite").display().to_string();
        let taken = self.run("suite", &mut self.playing(&["run", "--output", &output]))?;
        // 1 is a verdict that failed; what is above it is a run that was none.
        ensure!(taken.status.code().is_some_and(|code| code < 2), "the suite ended with {}", taken.status);
        measured.numbers.insert(What::Suite, taken.time.as_secs_f64());
        measured.remarks.push(format!("suite: {}", taken.status));
        Ok(())
    }

    /// `.ci/run`, from an empty target folder. Tests that fail are reported; they are no error of the measurement.
    pub(super) fn ci(&self, measured: &mut Measured) -> Result<()> {
        if self.target().exists() {
            fs::remove_dir_all(self.target())?;
        }
        let mut command = self.command("bash", &[".ci/run"]);
        if let Some(temporary) = std::env::var_os(TEMPORARY) {
            command.env("TMPDIR", temporary);
        }
        let taken = self.run("ci", &mut command)?;
        measured.numbers.insert(What::Ci, taken.time.as_secs_f64());
        let said = fs::read_to_string(&taken.log)?;
        let count = said.lines().rfind(|line| line.contains(" passed, ") && !line.starts_with("test result"));
        measured.remarks.push(format!(".ci/run: {}, {}", taken.status, count.unwrap_or("no count of tests")));
        Ok(())
    }
}
