//! `peerproof.toml`: implementations of the user's own, where their scenarios and known deviations are, and where recordings go.

mod build;
mod error;
mod page;
mod set;

pub use build::Configuration;
pub use error::ConfigErrors;

use crate::span::Span;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// The name of the file that is read if there is one and no other is named.
pub const FILE: &str = "peerproof.toml";

/// What `peerproof init` writes.
pub const EXAMPLE: &str = include_str!("example.toml");

/// The file, as it is written. Paths are taken from the folder of the file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "peerproof.toml")]
pub struct File {
    /// Folder of scenarios of your own: `family/name.yaml`.
    #[serde(default)]
    pub scenarios: Option<PathBuf>,
    /// Whether the scenarios that the program brings along are played too. Default: only if `scenarios` is absent.
    #[serde(default)]
    pub suite: Option<bool>,
    /// Files of known deviations, beside those that the program brings along.
    #[serde(default)]
    pub expected: Vec<PathBuf>,
    /// Folder in which each run gets a folder. Default: `runs`.
    #[serde(default)]
    pub output: Option<PathBuf>,
    /// How often the statistics of both peers are read while steps wait, from `100ms` on. Default: only once, at the end.
    #[serde(default, deserialize_with = "given_stats_every")]
    pub stats_every: Option<Span>,
    /// Implementations by name.
    #[serde(default)]
    pub implementations: IndexMap<String, Entry>,
}

/// One implementation: one of `program`, `chrome`, `firefox`, `webdriver`, `page`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// A program that speaks the peer protocol on standard input and output: command and arguments. A command without a slash is looked for
    /// in `PATH`.
    #[serde(default)]
    pub program: Option<Vec<String>>,
    /// Where the program runs. Default: the folder of this file.
    #[serde(default)]
    pub directory: Option<PathBuf>,
    /// Variables in the program's environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// How many cases one process of the program serves, one after the other. Default: 1.
    #[serde(default)]
    pub cases: Option<u32>,
    /// Whether the program reports the secrets of its DTLS associations (event `keylog`).
    #[serde(default)]
    pub keylog: bool,
    /// What the program answers to `hello` as its implementation, if it is not the name here (without `@` and version).
    #[serde(default)]
    pub implementation: Option<String>,
    /// Executable of a Chrome or Chromium.
    #[serde(default)]
    pub chrome: Option<PathBuf>,
    /// Executable of a Firefox.
    #[serde(default)]
    pub firefox: Option<PathBuf>,
    /// Executable of the driver that belongs to `chrome` or `firefox`. Default: the one of this machine.
    #[serde(default)]
    pub driver: Option<PathBuf>,
    /// URL of a remote end of WebDriver, such as a Selenium Grid.
    #[serde(default)]
    pub webdriver: Option<String>,
    /// Which browser the remote end is asked for: `chrome` or `firefox`.
    #[serde(default)]
    pub browser: Option<String>,
    /// Further capabilities for the remote end.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub capabilities: toml::Table,
    /// A browser that somebody opens, without WebDriver: what it says that it is: `chrome`, `firefox`, `safari`, or `browser` for any other.
    /// `peerproof run` prints the URL of its page.
    #[serde(default)]
    pub page: Option<String>,
    /// Where that page is served: an IP address of this machine, perhaps with `:` and a port. Default: loopback, which only this machine
    /// reaches.
    #[serde(default)]
    pub listen: Option<String>,
    /// How many seconds that browser may take to come. Default: 300.
    #[serde(default)]
    pub wait: Option<u64>,
    /// File of known deviations of this implementation.
    #[serde(default)]
    pub expected: Option<PathBuf>,
}

/// Shortest and longest time between two readings of statistics. A reading of a browser is some 30 KB in the recording.
const STATS_EVERY: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);

/// A duration between two readings of statistics.
///
/// # Errors
/// It is no duration, or one that is too short or too long.
pub fn stats_every(text: &str) -> Result<Span, String> {
    let span: Span = text.parse()?;
    if STATS_EVERY.contains(&span.0) {
        Ok(span)
    } else {
        Err(format!("`{text}` is not within 100ms and an hour"))
    }
}

fn given_stats_every<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Span>, D::Error> {
    let span = Span::deserialize(deserializer)?;
    stats_every(&span.to_string()).map(Some).map_err(D::Error::custom)
}

/// The JSON Schema of the file, for editors.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(File)
}
