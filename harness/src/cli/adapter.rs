//! `peerproof adapter`.

use super::args::{AdapterCommand, CheckArgs};
use super::{HARNESS_ERROR, USAGE, complain, note};
use crate::adapters::check::{Report, check};
use crate::peers::implementation::{Implementation, Program};
use crate::peers::program::ProgramSpec;
use crate::peers::stack;
use crate::terminal::Style;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use tokio::runtime::Runtime;

/// The protocol is violated.
const VIOLATED: u8 = 1;

/// Does what is asked for.
pub(crate) fn adapter(what: &AdapterCommand) -> u8 {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(format_args!("the runtime failed to start: {error}"));
            return HARNESS_ERROR;
        }
    };
    let code = match what {
        AdapterCommand::Stack => match runtime.block_on(stack::serve()) {
            Ok(()) => 0,
            Err(trouble) => {
                complain(trouble);
                USAGE
            }
        },
        AdapterCommand::Check(args) => try_program(args, &runtime),
    };
    // Standard input is read by a thread that may wait there forever.
    runtime.shutdown_background();
    code
}

/// Shows what is tried, where somebody waits for it.
fn begins(group: &str) {
    if io::stderr().is_terminal() {
        note(format_args!("checking: {group}"));
    }
}

fn try_program(args: &CheckArgs, runtime: &Runtime) -> u8 {
    if let Some(missing) = missing(&args.command) {
        complain(missing);
        return USAGE;
    }
    let checked = std::env::current_exe()
        .map_err(|error| error.to_string())
        .and_then(|peerproof| runtime.block_on(check(peerproof, &args.command, &begins)));
    let report = match checked {
        Ok(report) => report,
        Err(trouble) => {
            complain(trouble);
            return HARNESS_ERROR;
        }
    };
    match write(&report, args.json) {
        // A reader that went away (`| head`) is no error of ours.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(error);
            HARNESS_ERROR
        }
        _ if report.violations() > 0 => VIOLATED,
        _ => 0,
    }
}

fn write(report: &Report, json: bool) -> io::Result<()> {
    if json {
        return super::say_json(report);
    }
    let mut out = super::stdout(false);
    report.write(&Style::of_stdout(), &mut out)?;
    out.flush()
}

/// Why the program cannot be started, if that shows before it is tried.
fn missing(command: &[String]) -> Option<String> {
    let name = command.first()?.clone();
    let spec = ProgramSpec {
        is: name.clone(),
        program: PathBuf::from(&name),
        name,
        args: Vec::new(),
        directory: None,
        env: Vec::new(),
        cases: 1,
        exposes_keys: false,
        missing: None,
    };
    Program::new(spec).missing()
}
