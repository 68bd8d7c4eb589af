//! `expected.toml`: reading the files in which [known deviations](peerproof_conformance::deviations) stand.

use crate::adapters;
use crate::embedded::SCENARIOS;
use crate::input::{self, Limit};
use crate::scenario::ScenarioError;
use crate::scenario::check::IMPLEMENTATIONS;
use crate::scenario::error::nearest;
use peerproof_conformance::deviations::{Deviation, DeviationError, Deviations};
use serde::Deserialize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// The file of known deviations in a folder of scenarios.
const FILE: &str = "expected.toml";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    /// These are all: those that the program brings along do not apply.
    #[serde(default)]
    whole: bool,
    #[serde(default)]
    deviation: Vec<Deviation>,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ExpectedError {
    /// It cannot be read.
    #[error("{path} cannot be read: {error}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// It says something else than it may.
    #[error("{0}")]
    Malformed(Box<ScenarioError>),
    /// A deviation means nothing, or names what is not there.
    #[error("{0}")]
    Wrong(Box<ScenarioError>),
}

/// The text of a file.
struct Text<'t> {
    path: &'t str,
    text: &'t str,
}

impl Text<'_> {
    /// What is wrong with the entry of that number: at the first of these keys that it has, else at its beginning.
    fn wrong(&self, entry: usize, keys: &[&str], message: String, help: Option<&str>) -> ExpectedError {
        let place = place(self.text, entry, keys);
        let error = ScenarioError::within(Path::new(self.path), self.text, place, message);
        let help = help.map(|near| format!("did you mean `{near}`?").into());
        ExpectedError::Wrong(Box::new(ScenarioError { help, ..error }))
    }
}

/// Where an entry has one of these keys, or begins.
fn place(text: &str, entry: usize, keys: &[&str]) -> Option<Range<usize>> {
    let whole = DeTable::parse(text).ok()?.into_inner();
    let DeValue::Array(entries) = whole.get("deviation")?.get_ref() else { return None };
    let entry = entries.get(entry)?;
    let DeValue::Table(of) = entry.get_ref() else { return None };
    let key = keys.iter().find_map(|key| of.keys().find(|it| it.get_ref() == key));
    Some(key.map_or_else(|| entry.span(), toml::Spanned::span))
}

/// What the entries of a user's files can be about.
#[derive(Debug, Clone, Default)]
pub struct Subjects {
    /// The scenarios and controls of a run, before any are chosen.
    pub scenarios: Vec<String>,
    /// Implementations that can play.
    pub implementations: Vec<String>,
}

impl Subjects {
    /// Refuses an entry whose cases are of no scenario, or whose peer is a known one with a mistake in its name. Any other name may be that of
    /// a program on another machine, or what a program calls itself.
    fn check(&self, text: &Text<'_>, entry: usize, deviation: &Deviation) -> Result<(), ExpectedError> {
        let name = deviation.peer.split('@').next().unwrap_or_default();
        let mut known: Vec<&str> = self.implementations.iter().map(String::as_str).collect();
        known.extend(IMPLEMENTATIONS);
        let of_adapters: Vec<&str> = adapters::names().collect();
        known.extend(of_adapters);
        if !known.iter().any(|it| *it == name || *it == deviation.peer)
            && let Some(near) = nearest(name, known)
        {
            let message = format!("unknown implementation `{}`", deviation.peer);
            return Err(text.wrong(entry, &["peer"], message, Some(near)));
        }
        if let Some(case) = &deviation.case
            && !self.scenarios.iter().any(|scenario| deviation.is_of_scenario(scenario))
        {
            let of = case.rsplit_once('/').map_or(case.as_str(), |(scenario, _)| scenario);
            let near = nearest(of, self.scenarios.iter().map(String::as_str));
            return Err(text.wrong(entry, &["case"], format!("no scenario has a case `{case}`"), near));
        }
        Ok(())
    }
}

/// Reads a file.
///
/// # Errors
/// The file is not there, cannot be read or says something else than it may.
pub fn load(path: &Path) -> Result<Deviations, ExpectedError> {
    let (shown, text) = contents(path)?;
    Ok(Deviations::new(read(&shown, &text)?.deviation))
}

/// Those of several files, with those that the program brings along for its suite; of a folder of scenarios those in its
/// `expected.toml`. Where it is known what there is, the files are checked against that.
///
/// # Errors
/// A file cannot be read, says something else than it may, or names what is not there.
pub fn gather(
    files: &[PathBuf],
    folder: Option<&Path>,
    known: &[(String, &str)],
    subjects: Option<&Subjects>,
) -> Result<Deviations, ExpectedError> {
    let beside = folder.map(|folder| folder.join(FILE)).filter(|path| path.exists());
    let texts: Vec<(String, String)> =
        beside.iter().chain(files).map(|path| contents(path)).collect::<Result<_, _>>()?;
    let mut all = Vec::new();
    let mut alone = false;
    for (path, text) in &texts {
        let Whole { whole, deviation } = read(path, text)?;
        alone |= whole;
        if let Some(subjects) = subjects {
            let text = Text { path, text };
            deviation.iter().enumerate().try_for_each(|(n, one)| subjects.check(&text, n, one))?;
        }
        all.extend(deviation);
    }
    let suite = SCENARIOS.get_file(FILE).and_then(include_dir::File::contents_utf8);
    let suite = suite.filter(|_| !alone).map(|text| (FILE.to_owned(), text));
    for (path, text) in suite.iter().chain(known) {
        all.extend(read(path, text)?.deviation);
    }
    Ok(Deviations::new(all))
}

fn contents(path: &Path) -> Result<(String, String), ExpectedError> {
    let shown = path.display().to_string();
    match input::text(path, Limit::CONFIGURATION) {
        Ok(text) => Ok((shown, text)),
        Err(error) => Err(ExpectedError::Unreadable { path: shown, error }),
    }
}

fn read(path: &str, text: &str) -> Result<Whole, ExpectedError> {
    let mut whole: Whole = toml::from_str(text).map_err(|error| {
        ExpectedError::Malformed(Box::new(ScenarioError::of_toml(Path::new(path), text, &error)))
    })?;
    for (n, deviation) in whole.deviation.iter_mut().enumerate() {
        path.clone_into(&mut deviation.file);
        let wrong =
            |error: DeviationError| Text { path, text }.wrong(n, &error.keys(), error.to_string(), None);
        deviation.validate().map_err(wrong)?;
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("expcted.toml");
        let error = load(&path).unwrap_err().to_string();
        assert!(error.contains("expcted.toml"), "{error}");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_reported_with_its_path() {
        let of_nothing = "[[deviation]]\npeer = 'stack'\nreason = 'r'\nlink = 'l'\n";
        let error = read("e.toml", of_nothing).unwrap_err().to_string();
        assert!(error.starts_with("e.toml:1:1: ") && error.contains("neither"), "{error}");
        let second =
            "\n[[deviation]]\npeer = 'stack'\nrequirement = 'ice-options-ice2'\nreason = 'r'\nlink = 'l'\n";
        let first = second.replace("reason", "fault = 'option-missing'\nreason");
        let error = read("e.toml", &format!("{first}{second}")).unwrap_err().to_string();
        assert!(
            error.starts_with("e.toml:11:1: the deviation of stack from") && error.contains("its `fault`"),
            "{error}"
        );
        assert!(error.contains("11 | requirement = 'ice-options-ice2'\n    | ^^^^^^^^^^^"), "{error}");
        let error = read("e.toml", &first.replace("link = 'l'", "link = ''")).unwrap_err().to_string();
        assert!(error.starts_with("e.toml:7:1: ") && error.contains("empty `link`"), "{error}");
        let error = read("e.toml", "[[deviation]]\npeer = 'stack'\n").unwrap_err().to_string();
        assert!(error.starts_with("e.toml:1:1: ") && error.contains("reason"), "{error}");
        let long = format!("[[deviation]]\npeer = 'stack\u{1b}[2J{}'\n", "x".repeat(10_000));
        let error = read("e.toml", &long).unwrap_err().to_string();
        assert!(error.starts_with("e.toml:2:") && error.len() < 1000 && !error.contains('\u{1b}'), "{error}");
    }

    #[test]
    fn what_is_not_there_is_refused_and_what_may_be_elsewhere_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let subjects = Subjects {
            scenarios: vec!["data/echo".to_owned(), "controls/dead".to_owned()],
            implementations: vec!["mine".to_owned()],
        };
        let gathered = |case: &str, peer: &str| {
            let entry = format!(
                "[[deviation]]\ncase = '{case}'\npeer = '{peer}'\nlayer = 'dtls'\nreason = 'r'\nlink = 'l'\n"
            );
            let path = folder.path().join("own.toml");
            std::fs::write(&path, entry).unwrap();
            gather(&[path], None, &[], Some(&subjects))
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default()
        };
        let error = gathered("data/echo/*", "stak");
        assert!(error.contains("own.toml:3:1: unknown implementation `stak`"), "{error}");
        assert!(error.ends_with("did you mean `stack`?"), "{error}");
        let error = gathered("data/eco/*", "stack");
        assert!(error.contains("no scenario has a case `data/eco/*`"), "{error}");
        assert!(error.ends_with("did you mean `data/echo`?"), "{error}");
        for peer in ["mine", "stack", "chrome@150", "pion", "theirs-elsewhere"] {
            assert_eq!(gathered("data/*/*", peer), "", "{peer}");
        }
        assert_eq!(gathered("controls/dead/stack-*", "stack"), "");
    }
}
