//! `adapter.toml`.

use serde::Deserialize;
use std::collections::BTreeMap;

/// How an adapter is installed and started.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What it is, for people.
    pub title: String,
    /// Command and arguments. `{source}` stands for the adapter's files, `{home}` for the folder in which things are installed.
    pub program: Vec<String>,
    /// Whether it reports the secrets of its DTLS associations.
    #[serde(default)]
    pub keylog: bool,
    /// How many cases one process serves.
    #[serde(default = "one")]
    pub cases: u32,
    /// Folders of code that it shares with others.
    #[serde(default)]
    pub uses: Vec<String>,
    /// What is installed for it.
    #[serde(default)]
    pub install: Install,
}

/// What is installed for an adapter.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Install {
    /// The processors that it can be installed for, by the names of [`std::env::consts::ARCH`]. Empty: it depends on none.
    #[serde(default)]
    pub processors: Vec<String>,
    /// Packages of Debian.
    #[serde(default)]
    pub debian: Vec<String>,
    /// Programs, each with the package of Debian that is installed where the program is not in `PATH`.
    #[serde(default)]
    pub programs: BTreeMap<String, String>,
    /// Commands after that, in order; no shell reads them.
    #[serde(default)]
    pub commands: Vec<Vec<String>>,
}

impl Install {
    /// The processors that it can be installed for, if this one is none of them.
    #[must_use]
    pub fn processors_instead_of(&self, processor: &str) -> Option<String> {
        let fits = self.processors.is_empty() || self.processors.iter().any(|known| known == processor);
        (!fits).then(|| self.processors.join(" and "))
    }
}

fn one() -> u32 {
    1
}

impl Manifest {
    /// Reads the text of a manifest.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let manifest: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        if manifest.program.is_empty() || manifest.install.commands.iter().any(Vec::is_empty) {
            return Err("a command without a program".to_owned());
        }
        if manifest.cases == 0 {
            return Err("`cases` must be at least 1".to_owned());
        }
        Ok(manifest)
    }
}
