//! The supervisor's side: `peerproof supervisor --scratch DIR -- PROGRAM ARGS…`. Not for people.
//!
//! Standard input is the line to the harness: its end is the order to finish. With `--talk` it and standard output are the program's, and the
//! supervisor only notices that the other end was closed.

use super::{FILES_VARIABLE, SCRATCH_VARIABLE, tree};
use crate::machine::processes;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::{Pid, getppid};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Time from SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// Between two rounds of SIGKILL, while something is left.
const ROUND: Duration = Duration::from_millis(50);
/// Rounds of SIGKILL before the supervisor gives up (a process in uninterruptible sleep cannot be killed).
const ROUNDS: u32 = 100;
/// Exit code for a failure of the supervisor itself.
const FAILED: u8 = 125;

/// What the supervisor waits for.
enum Said {
    /// The program ended with this exit code.
    Ended(u8),
    /// No descendant is left.
    AllGone,
    /// The harness closed the line.
    Orphaned,
}

/// Why the supervisor could not do its work.
#[derive(Debug, thiserror::Error)]
enum SupervisorError {
    #[error("usage: peerproof supervisor --scratch DIR [--talk] -- PROGRAM [ARG]…")]
    Usage,
    #[error("cannot become the subreaper: {0}")]
    Subreaper(Errno),
    #[error("cannot watch for signals: {0}")]
    Signals(std::io::Error),
    #[error("cannot create the scratch directory {0}: {1}")]
    Scratch(PathBuf, std::io::Error),
    #[error("cannot start {0}: {1}")]
    Start(PathBuf, std::io::Error),
}

/// The role's whole life. `args` are the arguments after `supervisor`.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let outcome = match args.as_slice() {
        [flag, scratch, dashes, program, rest @ ..] if flag == "--scratch" && dashes == "--" => {
            guard(Path::new(scratch), Path::new(program), rest, false)
        }
        // What looks for supervisors finds the scratch directory at the same place.
        [flag, scratch, talk, dashes, program, rest @ ..]
            if flag == "--scratch" && talk == "--talk" && dashes == "--" =>
        {
            guard(Path::new(scratch), Path::new(program), rest, true)
        }
        [flag, parent, dashes, program, rest @ ..] if flag == "--exec" && dashes == "--" => {
            Err(become_program(parent.to_str().and_then(|text| text.parse().ok()), Path::new(program), rest))
        }
        _ => Err(SupervisorError::Usage),
    };
    outcome.unwrap_or_else(|error| {
        // Standard error is the harness's record of this process; if even that is closed there is nobody to report to.
        let _ = writeln!(std::io::stderr(), "supervisor: {error}");
        ExitCode::from(FAILED)
    })
}

/// The step between the supervisor and its program: asks the kernel to be killed with the supervisor, then becomes the program.
/// (The parent-death signal survives `execve` but not `fork`, so only a process itself can ask for it.)
fn become_program(parent: Option<i32>, program: &Path, args: &[OsString]) -> SupervisorError {
    let Some(parent) = parent else { return SupervisorError::Usage };
    if let Err(errno) = prctl::set_pdeathsig(Signal::SIGKILL) {
        return SupervisorError::Start(program.to_owned(), errno.into());
    }
    if getppid() != Pid::from_raw(parent) {
        return SupervisorError::Start(program.to_owned(), std::io::Error::other("the supervisor is gone"));
    }
    SupervisorError::Start(program.to_owned(), Command::new(program).args(args).exec())
}

fn guard(
    scratch: &Path,
    program: &Path,
    args: &[OsString],
    talks: bool,
) -> Result<ExitCode, SupervisorError> {
    prctl::set_child_subreaper(true).map_err(SupervisorError::Subreaper)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(SupervisorError::Signals)?;
    let outcome = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(SupervisorError::Signals)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(SupervisorError::Signals)?;
        let mut hang_up = signal(SignalKind::hangup()).map_err(SupervisorError::Signals)?;
        make_scratch(scratch)?;
        let program = start(scratch, program, args, talks)?;
        let (say, mut heard) = mpsc::unbounded_channel();
        let line = say.clone();
        std::thread::spawn(move || {
            if talks {
                await_hang_up();
            } else {
                let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
            }
            let _ = line.send(Said::Orphaned);
        });
        std::thread::spawn(move || reap(program, &say));
        let mut code = ExitCode::SUCCESS;
        let mut all_gone = false;
        tokio::select! {
            said = heard.recv() => match said {
                Some(Said::Ended(status)) => code = ExitCode::from(status),
                Some(Said::AllGone) => all_gone = true,
                Some(Said::Orphaned) | None => {}
            },
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hang_up.recv() => {}
        }
        if !all_gone {
            end_descendants(&mut heard).await;
        }
        Ok(code)
    });
    // Nothing lives any more that could write there, so once is enough.
    if let Err(error) = std::fs::remove_dir_all(scratch)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        let _ = writeln!(std::io::stderr(), "supervisor: cannot remove {}: {error}", scratch.display());
    }
    outcome
}

/// Makes the directory and those in it that the program takes for its home and for temporary files.
fn make_scratch(scratch: &Path) -> Result<(), SupervisorError> {
    let failed = |error| SupervisorError::Scratch(scratch.to_owned(), error);
    let mut builder = std::fs::DirBuilder::new();
    builder.mode(0o700);
    // Not recursive: it must not exist yet, or somebody else could have prepared it.
    builder.create(scratch).map_err(failed)?;
    for name in ["home", "tmp"] {
        builder.create(scratch.join(name)).map_err(failed)?;
    }
    let files = std::env::var(FILES_VARIABLE).unwrap_or_default();
    if files.is_empty() {
        return Ok(());
    }
    let files: Vec<(String, String)> = serde_json::from_str(&files).map_err(|error| failed(error.into()))?;
    for (name, content) in files {
        // The directory is its owner's alone.
        std::fs::write(scratch.join(name), content).map_err(failed)?;
    }
    Ok(())
}

/// Starts the program, by way of [`become_program`]. Its process id stays the same.
fn start(scratch: &Path, program: &Path, args: &[OsString], talks: bool) -> Result<i32, SupervisorError> {
    let failed = |error| SupervisorError::Start(program.to_owned(), error);
    let me = std::env::current_exe().map_err(failed)?;
    let child = Command::new(me)
        .arg("supervisor")
        .arg("--exec")
        .arg(std::process::id().to_string())
        .arg("--")
        .arg(program)
        .args(args)
        .env(SCRATCH_VARIABLE, scratch)
        .env_remove(FILES_VARIABLE)
        .env("HOME", scratch.join("home"))
        .env("TMPDIR", scratch.join("tmp"))
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_CACHE_HOME")
        .env_remove("XDG_DATA_HOME")
        .stdin(if talks { Stdio::inherit() } else { Stdio::null() })
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    i32::try_from(child.id()).map_err(|error| failed(std::io::Error::other(error)))
}

/// Returns when the other end of standard input is closed, whether or not the program has read what came before.
fn await_hang_up() {
    let input = std::io::stdin();
    loop {
        // No events are asked for: a hang-up and an error are reported in any case.
        match poll(&mut [PollFd::new(input.as_fd(), PollFlags::empty())], PollTimeout::NONE) {
            Err(Errno::EINTR) => {}
            _ => return,
        }
    }
}

/// Collects every descendant that dies, adopted ones too.
fn reap(program: i32, say: &mpsc::UnboundedSender<Said>) {
    loop {
        match wait() {
            Ok(WaitStatus::Exited(pid, status)) if pid.as_raw() == program => {
                let _ = say.send(Said::Ended(u8::try_from(status & 0xFF).unwrap_or(FAILED)));
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid.as_raw() == program => {
                let status = u8::try_from(signal as i32).map_or(FAILED, |number| number.saturating_add(128));
                let _ = say.send(Said::Ended(status));
            }
            Ok(_) | Err(Errno::EINTR) => {}
            // No child is left, and with none left there is nobody who could start another.
            Err(_) => {
                let _ = say.send(Said::AllGone);
                return;
            }
        }
    }
}

/// SIGTERM to every descendant, a grace, then SIGKILL until none is left.
async fn end_descendants(heard: &mut mpsc::UnboundedReceiver<Said>) {
    let signal_all = |signal| {
        for pid in processes::descendants(i32::try_from(std::process::id()).unwrap_or_default()) {
            tree::send(pid, signal);
        }
    };
    signal_all(Signal::SIGTERM);
    if tokio::time::timeout(GRACE, all_gone(heard)).await.is_ok() {
        return;
    }
    for _ in 0..ROUNDS {
        signal_all(Signal::SIGKILL);
        if tokio::time::timeout(ROUND, all_gone(heard)).await.is_ok() {
            return;
        }
    }
}

async fn all_gone(heard: &mut mpsc::UnboundedReceiver<Said>) {
    while let Some(said) = heard.recv().await {
        if matches!(said, Said::AllGone) {
            return;
        }
    }
    // The reaper only stops talking after it said so.
}
