//! One process of a program under its supervisor.

use super::lines::{self, NoLine};
use crate::machine::within;
use crate::network::lab::Namespace;
use crate::peers::OpenError;
use crate::peers::start::start_in;
use crate::process::{Owned, Spec};
use std::fmt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::mpsc::{Receiver, Sender, UnboundedSender, channel, unbounded_channel};

/// Lines that may wait to be taken up. Beyond that the program waits.
const MOST_WAITING: usize = 1024;
/// How long a program that closed its output may take to end before it is said so.
const LAST_MOMENTS: Duration = Duration::from_secs(5);

/// What comes from a process: its lines, at last why there are no more.
pub(crate) type Heard = Result<String, NoMore>;

/// Why no more lines come from a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoMore {
    /// It wrote what is no line of the protocol: why.
    NoLine(String),
    /// It ended, or closed its output: how, and its last words.
    Ended {
        /// How.
        how: End,
        /// Its last words, empty if there are none.
        words: String,
    },
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It exited with that status.
    Exited(i32),
    /// That signal terminated it.
    Signal(i32),
    /// It closed its output and goes on, or it is not known how it ended.
    ClosedOutput,
    /// It was killed together with its supervisor.
    WithSupervisor,
    /// The harness terminated it.
    Terminated,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "the program exited with status {status}"),
            Self::Signal(signal) => write!(f, "the program was terminated by signal {signal}"),
            Self::ClosedOutput => f.pad("the program closed its standard output"),
            Self::WithSupervisor => f.pad("the program was killed together with its supervisor"),
            Self::Terminated => f.pad("the program was terminated"),
        }
    }
}

impl NoMore {
    /// The reason in one sentence.
    pub(crate) fn into_reason(self) -> String {
        match self {
            Self::NoLine(reason) => reason,
            Self::Ended { how, words } if words.is_empty() => how.to_string(),
            Self::Ended { how, words } => format!("{how}: {words}"),
        }
    }
}

/// Where its lines go: the case that it serves.
type Listener = Arc<Mutex<Option<Sender<Heard>>>>;

/// A running process. It is ended with [`Process::end`], or when this is dropped.
pub(crate) struct Process {
    owned: Arc<tokio::sync::Mutex<Option<Owned>>>,
    say: Mutex<Option<UnboundedSender<String>>>,
    listener: Listener,
    dead: Arc<AtomicBool>,
}

impl Process {
    /// Starts it, on this machine or in a host of a lab.
    pub(crate) async fn start(spec: Spec, namespace: Option<&Arc<Namespace>>) -> Result<Self, OpenError> {
        let broken = |error: &dyn std::fmt::Display| OpenError::Broken(error.to_string());
        let mut owned = start_in(spec, namespace).await.map_err(|error| broken(&error))?;
        let (input, output) = owned.talk().ok_or_else(|| broken(&"the program has no pipes"))?;
        let owned = Arc::new(tokio::sync::Mutex::new(Some(owned)));
        let (say, to_say) = unbounded_channel();
        tokio::spawn(write(input, to_say));
        let (listener, dead) = (Listener::default(), Arc::new(AtomicBool::new(false)));
        tokio::spawn(read(output, Arc::clone(&listener), Arc::clone(&dead), Arc::clone(&owned)));
        Ok(Self { owned, say: Mutex::new(Some(say)), listener, dead })
    }

    /// Where to send lines to, and what it says from now on. Whoever listened before hears no more.
    pub(crate) fn talk(&self) -> (Option<UnboundedSender<String>>, Receiver<Heard>) {
        let (heard, hear) = channel(MOST_WAITING);
        *lock(&self.listener) = Some(heard);
        (lock(&self.say).clone(), hear)
    }

    /// Whether it still runs, as far as is known.
    pub(super) fn lives(&self) -> bool {
        !self.dead.load(Ordering::Acquire)
    }

    /// What it wrote to its standard error.
    pub(super) async fn output(&self) -> String {
        self.owned.lock().await.as_ref().map(Owned::output).unwrap_or_default()
    }

    /// The end of what it wrote to its standard error, in one line.
    pub(super) async fn last_words(&self) -> String {
        self.owned.lock().await.as_ref().map(words).unwrap_or_default()
    }

    /// Ends it and returns when nothing of it is left.
    pub(crate) async fn end(&self) {
        *lock(&self.say) = None;
        *lock(&self.listener) = None;
        let owned = self.owned.lock().await.take();
        if let Some(owned) = owned {
            owned.end().await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn write(mut input: ChildStdin, mut lines: tokio::sync::mpsc::UnboundedReceiver<String>) {
    while let Some(mut line) = lines.recv().await {
        line.push('\n');
        // The reader knows why it is gone.
        if input.write_all(line.as_bytes()).await.is_err() || input.flush().await.is_err() {
            return;
        }
    }
}

async fn read(
    output: ChildStdout,
    listener: Listener,
    dead: Arc<AtomicBool>,
    owned: Arc<tokio::sync::Mutex<Option<Owned>>>,
) {
    let mut output = BufReader::new(output);
    loop {
        let heard = match lines::next(&mut output).await {
            Ok(line) => Ok(line),
            Err(NoLine::NoText) => Err(NoMore::NoLine("the program wrote invalid UTF-8".to_owned())),
            Err(NoLine::TooLong) => {
                let longest = lines::LONGEST_LINE;
                Err(NoMore::NoLine(format!("the program wrote a line of more than {longest} bytes")))
            }
            Err(NoLine::End) => {
                dead.store(true, Ordering::Release);
                Err(epitaph(&owned).await)
            }
        };
        let over = heard.is_err();
        let to = lock(&listener).clone();
        if let Some(to) = to {
            // Between two cases nobody listens.
            let _ = to.send(heard).await;
        }
        if over {
            dead.store(true, Ordering::Release);
            return;
        }
    }
}

/// How a program ended, with its last words.
async fn epitaph(owned: &tokio::sync::Mutex<Option<Owned>>) -> NoMore {
    let mut owned = owned.lock().await;
    let Some(owned) = owned.as_mut() else {
        return NoMore::Ended { how: End::Terminated, words: String::new() };
    };
    let how = match within(LAST_MOMENTS, owned.wait()).await {
        Ok(Ok(status)) => how_it_ended(status),
        _ => End::ClosedOutput,
    };
    NoMore::Ended { how, words: words(owned) }
}

fn how_it_ended(status: ExitStatus) -> End {
    match status.code() {
        // As shells and the supervisor report a signal.
        Some(code) if code > 128 => End::Signal(code - 128),
        Some(code) => End::Exited(code),
        None => End::WithSupervisor,
    }
}

/// Its last words, without what a terminal would obey.
fn words(owned: &Owned) -> String {
    let words = owned.last_lines();
    words.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(600).collect()
}
