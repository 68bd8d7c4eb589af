//! The peers: whatever is under test or serves as its counterpart, behind one set of commands and events.

pub mod browser;
pub mod clock;
pub mod greeting;
pub mod implementation;
pub mod liar;
pub mod line;
pub mod name;
pub mod program;
pub mod protocol;
pub mod request;
pub mod stack;
pub mod start;

use async_trait::async_trait;
use clock::{Estimate, ReportedTime};
use peerproof_captures::event::PeerEvent;
use peerproof_captures::feature::Feature;
use peerproof_captures::timeline::Answer;
use protocol::Command;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;

/// The one clock of a case: microseconds since it began.
#[derive(Debug, Clone, Copy)]
pub struct CaseClock {
    start: Instant,
    epoch: std::time::SystemTime,
}

impl CaseClock {
    /// Starts the clock now.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now(), epoch: std::time::SystemTime::now() }
    }

    /// Microseconds since the start.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        self.at_us(Instant::now())
    }

    /// Microseconds from the start to `instant` (zero if that was before).
    #[must_use]
    pub fn at_us(&self, instant: Instant) -> u64 {
        u64::try_from(instant.saturating_duration_since(self.start).as_micros()).unwrap_or(u64::MAX)
    }

    /// The start.
    #[must_use]
    pub fn began(&self) -> Instant {
        self.start
    }

    /// The start on the wall clock.
    #[must_use]
    pub fn epoch(&self) -> std::time::SystemTime {
        self.epoch
    }
}

/// Who a peer is: reported by itself, never assumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerInfo {
    /// Name in the scenario (`alice`).
    pub name: String,
    /// The implementation as the command line names it (`stack`, `chrome`, `firefox`).
    pub implementation: String,
    /// Its exact version (`156.0.8078.79`).
    pub version: String,
    /// What the implementation has, sorted; nothing if it does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<Feature>>,
    /// Events that it never reports, by their names in the protocol, some with a state (`dtlsstatechange:connecting`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreported: Vec<String>,
}

/// An event with its place and time.
#[derive(Debug, Clone, PartialEq)]
pub struct Reported {
    /// Number of the event at this peer, from zero, without gaps.
    pub seq: u64,
    /// When it happened at the peer, on the case's clock, by what was known when it came.
    pub at_us: u64,
    /// What the peer itself said of the time; nothing if its clock is the case's, or it did not say.
    pub time: Option<ReportedTime>,
    /// What happened.
    pub event: PeerEvent,
}

/// A peer in a case: one peer connection, driven by commands.
///
/// A peer that breaks answers [`Answer::Lost`] to everything from then on and reports one [`PeerEvent::Lost`].
#[async_trait]
pub trait Peer: Send + Sync {
    /// Who this is.
    fn info(&self) -> &PeerInfo;

    /// Gives a command and waits for its answer. Never panics, never waits forever: an implementation without an answer
    /// after its own deadline is [`Answer::Lost`].
    async fn call(&self, command: Command) -> Answer;

    /// How many events the peer has reported. An answer counts as given after all of these.
    fn reported(&self) -> u64;

    /// What is known of the peer's clock by now; nothing if it is the case's own.
    fn clock(&self) -> Option<Estimate> {
        None
    }

    /// Ends the peer's part in the case and frees what it holds (connection, page, sockets). Called once, on every way out.
    async fn end(&self);

    /// Where the peer's process writes its secrets down, from the place where this peer was opened; nothing if it does not.
    /// Lines of other cases in the same process may be among them.
    fn key_log_file(&self) -> Option<KeyLogFile> {
        None
    }

    /// The secrets that the peer's process has written down since this peer was opened, in the NSS key log format; empty
    /// where there are none. Lines of other cases in the same process may be among them.
    async fn keylog(&self) -> String {
        String::new()
    }

    /// What belongs to the recording of every case, as files: what a program wrote to its standard error. Call before
    /// [`Peer::end`].
    async fn files(&self) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }

    /// What helps to understand a failure, as files: name and content (`screenshot.png`, `console.log`). Call before
    /// [`Peer::end`].
    async fn diagnostics(&self) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }
}

/// A file in the NSS key log format that a process is writing.
#[derive(Debug, Clone)]
pub struct KeyLogFile {
    path: PathBuf,
    /// What comes before this was read already.
    read: u64,
}

impl KeyLogFile {
    /// A file, from a byte on.
    #[must_use]
    pub fn new(path: PathBuf, from: u64) -> Self {
        Self { path, read: from }
    }

    /// The complete lines that are new. Reads no more than [`MOST_KEY_LOG`] at once; empty if the file cannot be read.
    pub fn news(&mut self) -> String {
        let Ok(mut file) = File::open(&self.path) else { return String::new() };
        let mut new = Vec::new();
        if file.seek(SeekFrom::Start(self.read)).is_err()
            || file.take(MOST_KEY_LOG).read_to_end(&mut new).is_err()
        {
            return String::new();
        }
        let end = new.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        new.truncate(end);
        self.read += end as u64;
        String::from_utf8_lossy(&new).into_owned()
    }
}

/// Most bytes of a key log that are read at once; one association has less than a thousand.
const MOST_KEY_LOG: u64 = 1 << 20;

/// A peer that was opened, and what it reports.
pub struct Opened {
    /// The peer.
    pub peer: Box<dyn Peer>,
    /// Its events in order. Closed when the peer has ended.
    pub events: UnboundedReceiver<Reported>,
}

/// What a case wants of a peer's surroundings, beyond the commands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Surroundings {
    /// What the user answers when camera and microphone are asked for.
    pub permission: Permission,
    /// Where the page comes from.
    pub origin: Origin,
    /// Whether host addresses are hidden behind `.local` names (draft-ietf-mmusic-mdns-ice-candidates).
    pub mdns: bool,
}

/// The user's answer to a media permission prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// Yes.
    #[default]
    Granted,
    /// No.
    Denied,
}

/// Where a page comes from (Secure Contexts §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// `http://localhost`: a secure context.
    #[default]
    Localhost,
    /// Plain HTTP from an address that is not local: not a secure context.
    Insecure,
}

/// Why a peer could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The machine lacks it: the case is `unsupported`, which says nothing about a peer.
    #[error("{0}")]
    Missing(String),
    /// The implementation cannot do this: the case is `unsupported` by it.
    #[error("{0}")]
    Unsupported(String),
    /// It should have worked: the case is a `harness-error`.
    #[error("{0}")]
    Broken(String),
    /// The same of a browser that did not start, with what its driver and it wrote.
    #[error("{cause}")]
    NotStarted {
        /// Why, and the driver's last lines.
        cause: String,
        /// What both wrote, as far as it is kept.
        log: String,
    },
    /// The implementation under test failed by itself: the case is a `fail` at its side.
    #[error("{0}")]
    Failed(String),
}

/// How long a peer may take to answer one command before it counts as lost.
pub const ANSWER_DEADLINE: Duration = Duration::from_secs(20);
