//! Implementations: what can be a peer, what each can do, and how it is opened. Nothing else in the harness compares their names.

mod builtin;
mod page;
mod program;
mod roster;

pub use builtin::{Browser, Stack};
pub use page::Page;
pub use program::Program;
pub use roster::Roster;

use super::browser::{Browsers, Kind};
use super::program::Programs;
use super::request::OpenRequest;
use super::{OpenError, Opened};
use async_trait::async_trait;
use peerproof_conformance::case::Runs;
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

/// What an implementation can do beyond the commands of the peer protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Abilities {
    /// Its sockets can be tapped where there is no lab: rules act on its packets, and they are recorded.
    pub tapped: bool,
    /// It lives in the harness's process: virtual time is its time too, and what it says of its keys was read, not claimed.
    pub in_process: bool,
    /// It can be provoked: a scenario may ask it for an ICE agent that no application asks a browser for (lite, TCP).
    pub provoked: bool,
    /// It exposes the secrets of its DTLS associations.
    pub exposes_keys: bool,
    /// It can live in a host of a lab.
    pub in_lab: bool,
    /// What it costs to start is worth that a host of a lab is kept for its next case.
    pub keeps_host: bool,
}

/// The processes that peers of a run share.
pub struct House {
    /// The browsers.
    pub browsers: Browsers,
    /// The programs.
    pub programs: Arc<Programs>,
}

/// The implementations that can play in every installation, as the command line names them.
pub const BUILT_IN: [&str; 3] = [Stack::NAME, Kind::Chrome.name(), Kind::Firefox.name()];

/// The browsers among [`BUILT_IN`].
fn browsers() -> impl Iterator<Item = &'static str> {
    [Kind::Chrome, Kind::Firefox].into_iter().map(Kind::name)
}

/// Whether a role for which a scenario names these implementations is one for anybody: both Chrome and Firefox may play it.
#[must_use]
pub fn is_for_anybody(named: &[String]) -> bool {
    browsers().all(|browser| named.iter().any(|name| name == browser))
}

/// Whether a scenario names browsers alone for a role, none of which can be provoked.
#[must_use]
pub fn is_for_browsers(named: &[String]) -> bool {
    named.iter().all(|name| browsers().any(|browser| name == browser))
}

/// Whether the implementation that everybody has by that name lives in the harness's process.
#[must_use]
pub fn is_in_process(name: &str) -> bool {
    Roster::default().get(name).is_some_and(|it| it.abilities().in_process)
}

/// Something that can be a peer: the reference stack, a browser in one version, a browser that somebody opens, a program.
#[async_trait]
pub trait Implementation: Debug + Send + Sync {
    /// Its name on the command line, in the configuration and in the names of cases: `stack`, `chrome@150`. See [`NAME`](super::name::NAME).
    fn name(&self) -> &str;

    /// What it says it is when it is asked (`chrome`), as known deviations name it.
    fn is(&self) -> &str;

    /// What it can do.
    fn abilities(&self) -> Abilities;

    /// Where it runs: what its sudden end means depends on it.
    fn runs(&self) -> Runs;

    /// Whether it is a program that the user brought.
    fn is_program(&self) -> bool {
        false
    }

    /// Whether it may play a role for which a scenario names these implementations.
    fn may_play(&self, named: &[String]) -> bool;

    /// Why this machine cannot run it, if it cannot.
    fn missing(&self) -> Option<String>;

    /// The files that its developers change: a program, and those of its arguments that are files.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Waits for what must be there before the first case begins: a browser that somebody opens.
    ///
    /// # Errors
    /// It did not come.
    async fn ready(&self, _: &House) -> Result<(), OpenError> {
        Ok(())
    }

    /// Opens it for a case.
    ///
    /// # Errors
    /// The machine or the implementation cannot do it, it should have worked and did not, or the implementation itself failed.
    async fn open(&self, house: &House, request: OpenRequest) -> Result<Opened, OpenError>;
}
