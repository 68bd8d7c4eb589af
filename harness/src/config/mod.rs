//! `peerproof.toml`: implementations of the user's own, where their scenarios and known deviations are, and where recordings go.

mod build;
mod error;
mod page;

pub use build::Configuration;
pub use error::{ConfigError, ConfigErrors};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use toml::Spanned;

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
    /// Implementations by name.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Entry>")]
    pub implementations: IndexMap<String, Spanned<Entry>>,
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

/// The JSON Schema of the file, for editors.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(File)
}
