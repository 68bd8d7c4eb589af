//! The list of what the readers are known to see differently, each with who is right and why.

use crate::facts::{Differs, FIELDS, Facts, MOVED, UNOPENED};
use regex_lite::Regex;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    #[serde(default)]
    pub(crate) arguments: Vec<Arguments>,
    #[serde(default)]
    pub(crate) difference: Vec<Entry>,
}

/// What tshark has to know about a capture and cannot see in it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arguments {
    pub(crate) captures: Pattern,
    pub(crate) arguments: Vec<String>,
    #[serde(rename = "why")]
    _why: String,
}

/// A known difference.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// Which captures, by their names.
    pub(crate) captures: Pattern,
    /// Which fields.
    pub(crate) fields: Vec<String>,
    /// What we say.
    pub(crate) ours: Pattern,
    /// What tshark says.
    pub(crate) tshark: Pattern,
    /// What we say in other fields of the same frame; `moved` is one if it lies on another path than the handshake's hellos,
    /// `unopened` if it holds ChannelData of a client of which no STUN message was seen.
    #[serde(default)]
    pub(crate) with: BTreeMap<String, Pattern>,
    /// Who is right.
    #[serde(rename = "right")]
    _right: Right,
    /// Why.
    pub(crate) why: String,
    /// It shows in recordings that are made anew only sometimes, so that it may match nothing.
    #[serde(default)]
    pub(crate) sometimes: bool,
    #[serde(skip)]
    pub(crate) matched: AtomicU64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Right {
    Peerproof,
    Tshark,
    Both,
}

/// A regular expression for all of a text.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Pattern(Regex);

impl TryFrom<String> for Pattern {
    type Error = regex_lite::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Regex::new(&format!("^(?:{text})$")).map(Self)
    }
}

impl Pattern {
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl List {
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let list: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        match list.difference.iter().find(|entry| entry.why.trim().is_empty()) {
            Some(entry) => Err(format!("a difference without a reason: {entry:?}")),
            None => Ok(list),
        }
    }

    /// Arguments for the capture of this name.
    pub(crate) fn arguments(&self, capture: &str) -> Vec<String> {
        let fitting = self.arguments.iter().filter(|arguments| arguments.captures.matches(capture));
        fitting.flat_map(|arguments| arguments.arguments.iter().cloned()).collect()
    }

    /// Whether the difference is listed; the entry counts it.
    pub(crate) fn knows(&self, capture: &str, ours: &Facts, differs: &Differs) -> bool {
        let says = |field: &str, pattern: &Pattern| {
            let mut fields = FIELDS.iter().map(|(name, _)| *name).chain([MOVED, UNOPENED]);
            let field = fields.find(|name| *name == field);
            field.is_some_and(|field| pattern.matches(&ours.of(differs.frame, field).join(",")))
        };
        let known = self.difference.iter().find(|entry| {
            entry.fields.iter().any(|field| field == differs.field)
                && entry.captures.matches(capture)
                && entry.ours.matches(&differs.ours)
                && entry.tshark.matches(&differs.tshark)
                && entry.with.iter().all(|(field, pattern)| says(field, pattern))
        });
        if let Some(entry) = known {
            entry.matched.fetch_add(1, Ordering::Relaxed);
        }
        known.is_some()
    }

    /// Entries that matched nothing.
    pub(crate) fn unused(&self) -> Vec<String> {
        let unused = self
            .difference
            .iter()
            .filter(|entry| !entry.sometimes && entry.matched.load(Ordering::Relaxed) == 0);
        unused.map(|entry| format!("{:?} of {}: {}", entry.fields, entry.captures.0, entry.why)).collect()
    }
}
