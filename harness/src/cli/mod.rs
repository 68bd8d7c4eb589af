//! The command line: what can be asked for, and how it is answered.

mod absent;
mod accept;
mod adapter;
mod args;
mod begin;
mod changes;
mod check_server;
mod coverage;
mod diff;
mod help;
mod inspect;
mod judge;
mod list;
mod machine;
mod matrix;
mod merge;
mod play;
mod progress;
mod report;
mod requirements;
mod runs;
mod schema;
mod summary;
mod unfinished;
mod watch;

pub use args::{Args, Chosen};
pub use play::{Prepared, prepare};

use crate::input::{self, Limit};
use crate::terminal::{Guard, colour};
use args::Command;
use clap::FromArgMatches;
use std::io::{BufWriter, Stderr, StdoutLock, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Usage or a broken scenario.
pub const USAGE: u8 = 2;
/// Ours to fix.
pub const HARNESS_ERROR: u8 = 3;
/// Nothing ran.
pub const NOTHING_RAN: u8 = 4;

/// Whether some output could not be written.
static UNSAID: AtomicBool = AtomicBool::new(false);

/// Reads the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    let parsed = help::command().try_get_matches().and_then(|mut matches| {
        Args::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut help::command()))
    });
    let args = match parsed {
        Ok(args) => args,
        Err(error) => {
            let code = if error.use_stderr() { USAGE } else { 0 };
            // Nothing can be printed if the terminal is gone.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    if let Command::Run(_) | Command::Doctor(_) | Command::List(_) = &args.command {
        // Before any thread is started.
        crate::network::lab::prepare_process();
    }
    let code = match args.command {
        Command::Run(run) => play::run(run),
        Command::Init { file } => begin::init(file.as_deref()),
        Command::New { name, scenarios } => begin::scenario(&name, Some(&scenarios)),
        Command::Inspect(inspect) => inspect::inspect(&inspect),
        Command::Judge(args) => judge::judge(&args),
        Command::Accept(args) => accept::accept(&args),
        Command::List(chosen) => list::list(&chosen),
        Command::Doctor(args) => machine::doctor(&args),
        Command::Setup(args) => machine::setup(&args),
        Command::Matrix(args) => matrix::matrix(&args),
        Command::Report(args) => report::report(&args),
        Command::Diff(args) => diff::diff(&args),
        Command::Archive(args) => diff::archive(&args),
        Command::Merge(args) => merge::merge(&args),
        Command::Coverage(args) => coverage::coverage(&args),
        Command::CheckServer(args) => check_server::check_server(&args),
        Command::Requirements(args) => requirements::requirements(&args),
        Command::Adapter { what } => adapter::adapter(&what),
        Command::Schema { what } => schema::schema(what),
    };
    match code {
        0 if UNSAID.load(Ordering::Relaxed) => ExitCode::from(USAGE),
        code => ExitCode::from(code),
    }
}

/// Standard output behind its guard, for text or for JSON.
pub(crate) fn stdout(json: bool) -> Guard<BufWriter<StdoutLock<'static>>> {
    let stdout = std::io::stdout();
    let colour = colour(&stdout);
    let out = BufWriter::new(stdout.lock());
    if json { Guard::json(out) } else { Guard::text(out, colour) }
}

fn stderr() -> Guard<Stderr> {
    let stderr = std::io::stderr();
    let colour = colour(&stderr);
    Guard::text(stderr, colour)
}

/// Writes a line for the user.
pub(crate) fn say(text: impl std::fmt::Display) {
    let mut out = stdout(false);
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
        failed_to_say(&error);
    }
}

/// The output of a command could not be written, which is said once. A reader that went away (`| head`) is no error.
fn failed_to_say(error: &std::io::Error) {
    if error.kind() != std::io::ErrorKind::BrokenPipe && !UNSAID.swap(true, Ordering::Relaxed) {
        complain(format_args!("the output cannot be written: {error}"));
    }
}

/// Writes a value as JSON for programs.
pub(crate) fn say_json(value: &impl serde::Serialize) -> std::io::Result<()> {
    let mut out = stdout(true);
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)?;
    out.flush()
}

/// Writes a line that belongs to no output.
pub(crate) fn note(text: impl std::fmt::Display) {
    let _ = writeln!(stderr(), "note: {text}");
}

/// The text with which a document begins, if one is given.
fn preface(path: Option<&Path>) -> Result<Option<String>, String> {
    let read = |path: &Path| {
        input::text(path, Limit::PREFACE).map_err(|error| format!("{}: {error}", path.display()))
    };
    path.map(read).transpose()
}

/// Writes a line about trouble.
pub(crate) fn complain(text: impl std::fmt::Display) {
    let _ = writeln!(stderr(), "error: {text}");
}
