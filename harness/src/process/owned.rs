//! The harness's side: a program that runs as long as its [`Owned`] lives.

use super::{FILES_VARIABLE, SCRATCH_PREFIX, SCRATCH_VARIABLE, sweep};
use crate::machine::within;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;

/// Longest output that is kept: the newest bytes.
const OUTPUT_KEPT: usize = 256 * 1024;
/// How long the supervisor may take to end its descendants: its grace, its rounds of killing, and some.
const END_DEADLINE: Duration = Duration::from_secs(10);

/// What to start.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The peerproof executable, which plays the supervisor.
    pub peerproof: PathBuf,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Environment variables beyond the inherited ones. `HOME` and `TMPDIR` are in the scratch directory in any case.
    pub env: Vec<(OsString, OsString)>,
    /// Files to put into its scratch directory before it starts, by name. Only their owner can read them.
    pub files: Vec<(String, String)>,
    /// Its scratch directory, from [`Spec::fresh_scratch`]: made before the program starts, removed when it has ended.
    pub scratch: PathBuf,
    /// Whether its standard input and output are the harness's to use ([`Owned::talk`]). Otherwise it reads nothing, and what it writes
    /// there is output as on its standard error.
    pub talks: bool,
    /// Where it runs, if not in the harness's own directory.
    pub directory: Option<PathBuf>,
}

impl Spec {
    /// A path for a scratch directory that does not exist yet.
    #[must_use]
    pub fn fresh_scratch() -> PathBuf {
        std::env::temp_dir().join(format!(
            "{SCRATCH_PREFIX}{}-{:08x}",
            std::process::id(),
            rand::random::<u32>()
        ))
    }
}

/// Why a program could not be started or did not say what was awaited.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The supervisor could not be started.
    #[error("cannot start the supervisor {0}: {1}")]
    Start(PathBuf, std::io::Error),
    /// The program ended before it said what was awaited.
    #[error("{program} ended before it was ready: {output}")]
    Ended {
        /// The program.
        program: PathBuf,
        /// The end of its output.
        output: String,
    },
    /// The program did not say in time what was awaited.
    #[error("{program} was not ready after {seconds} s: {output}")]
    NotReady {
        /// The program.
        program: PathBuf,
        /// How long was waited.
        seconds: u64,
        /// The end of its output.
        output: String,
    },
}

/// A program, everything it starts and its scratch directory. Gone when this is ended or dropped, see the
/// [module](super) for what holds when.
#[derive(Debug)]
pub struct Owned {
    program: PathBuf,
    scratch: PathBuf,
    /// While this is open the program runs.
    line: Option<ChildStdin>,
    /// What a program that talks writes to its standard output.
    said: Option<ChildStdout>,
    supervisor: Child,
    output: Arc<Output>,
    grown: watch::Receiver<()>,
}

#[derive(Debug, Default)]
struct Output(Mutex<String>);

impl Output {
    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, bytes: &[u8]) {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text.push_str(&String::from_utf8_lossy(bytes));
        if text.len() > OUTPUT_KEPT {
            let mut cut = text.len() - OUTPUT_KEPT;
            while !text.is_char_boundary(cut) {
                cut += 1;
            }
            text.drain(..cut);
        }
    }
}

impl Owned {
    /// Starts the program under a supervisor. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the supervisor cannot be started. That the program itself cannot be started shows in its output and its end.
    pub fn spawn(spec: &Spec) -> Result<Self, ProcessError> {
        let failed = |error| ProcessError::Start(spec.peerproof.clone(), error);
        let files = serde_json::to_string(&spec.files).map_err(|error| failed(error.into()))?;
        let (reader, writer) = std::io::pipe().map_err(failed)?;
        let mut command = Command::new(&spec.peerproof);
        command.arg("supervisor");
        if let Some(directory) = &spec.directory {
            command.current_dir(directory);
        }
        let said = if spec.talks { Stdio::piped() } else { writer.try_clone().map_err(failed)?.into() };
        let mut supervisor = command
            .arg("--scratch")
            .arg(&spec.scratch)
            .args(spec.talks.then_some("--talk"))
            .arg("--")
            .arg(&spec.program)
            .args(&spec.args)
            .envs(spec.env.iter().map(|(name, value)| (name, value)))
            .env(FILES_VARIABLE, files)
            .env_remove(SCRATCH_VARIABLE)
            .stdin(Stdio::piped())
            .stdout(said)
            .stderr(writer)
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        // Both keep the writing end of the pipe until they are gone.
        drop(command);
        let (line, said) = (supervisor.stdin.take(), supervisor.stdout.take());
        let output = Arc::new(Output::default());
        let (changed, grown) = watch::channel(());
        let mut pipe =
            tokio::net::unix::pipe::Receiver::from_owned_fd(OwnedFd::from(reader)).map_err(failed)?;
        let sink = Arc::clone(&output);
        tokio::spawn(async move {
            let mut buffer = vec![0; 16 * 1024];
            while let Ok(count) = pipe.read(&mut buffer).await {
                if count == 0 {
                    break;
                }
                sink.add(buffer.get(..count).unwrap_or_default());
                changed.send_replace(());
            }
        });
        let (program, scratch) = (spec.program.clone(), spec.scratch.clone());
        Ok(Self { program, scratch, line, said, supervisor, output, grown })
    }

    /// The scratch directory.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// Standard input and output of a program that talks; nothing if it does not, or they were taken before. The end of its input is the
    /// order to finish: whoever takes them drops them, at the latest when this is ended.
    pub fn talk(&mut self) -> Option<(ChildStdin, ChildStdout)> {
        let said = self.said.take()?;
        Some((self.line.take()?, said))
    }

    /// What the program wrote to standard error, and if it does not talk to standard output, the newest 256 KiB.
    #[must_use]
    pub fn output(&self) -> String {
        self.output.text()
    }

    /// The supervisor's process id, while it lives.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.supervisor.id()
    }

    /// Waits until `find` finds what it looks for in a complete line of the output.
    ///
    /// # Errors
    /// When the program ends or `deadline` passes before.
    pub async fn ready<T>(
        &mut self,
        deadline: Duration,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T, ProcessError> {
        let awaited = async {
            loop {
                self.grown.borrow_and_update();
                let text = self.output.text();
                let complete = text.rfind('\n').and_then(|end| text.get(..end)).unwrap_or_default();
                if let Some(found) = complete.lines().find_map(&find) {
                    return Some(found);
                }
                // An error means that every writing end is closed: the program and all its children are gone.
                if self.grown.changed().await.is_err() {
                    return None;
                }
            }
        };
        match within(deadline, awaited).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(ProcessError::Ended { program: self.program.clone(), output: self.last_lines() }),
            Err(_) => Err(ProcessError::NotReady {
                program: self.program.clone(),
                seconds: deadline.as_secs(),
                output: self.last_lines(),
            }),
        }
    }

    /// The end of its output, in one line.
    #[must_use]
    pub fn last_lines(&self) -> String {
        let text = self.output.text();
        let lines: Vec<&str> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
    }

    /// Waits until the program, everything it started and the scratch directory are gone.
    pub async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        let status = self.supervisor.wait().await?;
        if status.signal().is_some() {
            // The supervisor was killed before it could do its work.
            let scratches = BTreeSet::from([self.scratch.clone()]);
            let _ = tokio::task::spawn_blocking(move || sweep::scratches(&scratches)).await;
        }
        Ok(status)
    }

    /// Ends the program and waits until everything is gone (at most ten seconds, then by force).
    pub async fn end(mut self) {
        self.line = None;
        // Whoever talks to it may not have let go yet.
        if let Some(supervisor) = self.id().and_then(|id| i32::try_from(id).ok()) {
            let _ = nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(supervisor),
                nix::sys::signal::Signal::SIGTERM,
            );
        }
        if within(END_DEADLINE, self.wait()).await.is_err() {
            let _ = self.supervisor.start_kill();
            let _ = self.wait().await;
        }
    }
}

impl Drop for Owned {
    /// The line closes, and the supervisor does the rest; unless it was killed before.
    fn drop(&mut self) {
        if matches!(self.supervisor.try_wait(), Ok(Some(status)) if status.signal().is_some()) {
            sweep::scratches(&BTreeSet::from([self.scratch.clone()]));
        }
    }
}
