//! The statements that a suite proves: `statements.yaml` beside its families, and what is wrong with it.
//!
//! A scenario names in `rows` the statements that it is about; the file lists for each statement its parts, the scenarios that show
//! each, and the controls. Both must agree.

use super::document::{Document, ValuePath};
use super::error::{ScenarioError, nearest};
use super::load::Source;
use super::model::Role;
use super::{ControlFile, ScenarioFile, Suite};
use crate::embedded::SCENARIOS;
use crate::input::{self, Limit};
use indexmap::IndexMap;
use peerproof_conformance::catalogue::Catalogue;
use peerproof_conformance::checks;
use peerproof_conformance::deviations::pattern;
use peerproof_conformance::verdict::Outcome;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The name of the file, in the folder of scenarios.
pub const FILE: &str = "statements.yaml";

/// The statements of a suite, by their ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Peerproof statements")]
pub struct Statements {
    /// Each statement by its id, such as `dc-2`, as scenarios name it in `rows`.
    pub statements: IndexMap<String, Statement>,
}

/// A statement of how WebRTC connects two peers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// What it says, in one sentence.
    pub says: String,
    /// How it is shown. Each part must be.
    pub shown: Vec<Part>,
}

/// A part of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Part {
    /// What is shown, in a few words.
    pub what: String,
    /// The scenarios that show it at both peers, by name or pattern. Each must have the statement in its `rows`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scenarios: Vec<String>,
    /// Those that show it at the offerer alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_offerer: Vec<String>,
    /// Those that show it at the answerer alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_answerer: Vec<String>,
    /// Requirements that decide it in the recordings of these scenarios. Without any the verdict of the case decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<String>,
    /// Controls of these scenarios that turn red when it is not so, by name or pattern. Where requirements decide it, their mutations
    /// are controls too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<String>,
    /// Who does not show it, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<Lack>,
}

/// Implementations and roles in which a part of a statement is not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lack {
    /// The implementation; any browser if absent. With `stack` the browsers show it without the stack as the other peer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Implementation>,
    /// The role; both if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Why it cannot be shown.
    pub why: String,
}

/// The implementations that every installation has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Implementation {
    /// The reference stack.
    Stack,
    /// Chrome.
    Chrome,
    /// Firefox.
    Firefox,
}

impl Implementation {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stack => "stack",
            Self::Chrome => "chrome",
            Self::Firefox => "firefox",
        }
    }
}

impl Part {
    /// The scenarios that show it.
    pub fn scenarios<'a>(&'a self, suite: &'a Suite) -> impl Iterator<Item = &'a ScenarioFile> {
        suite.scenarios.iter().filter(|file| self.names(&file.name))
    }

    /// The controls that it names.
    pub fn controls<'a>(&'a self, suite: &'a Suite) -> impl Iterator<Item = &'a ControlFile> {
        suite.controls.iter().filter(|control| self.names_control(control))
    }

    /// Why it is not shown by an implementation in a role, if the file says so.
    #[must_use]
    pub fn lack(&self, of: Implementation, role: Role) -> Option<&str> {
        let meant = |lack: &&Lack| {
            lack.peer.map_or(of != Implementation::Stack, |peer| peer == of)
                && lack.role.is_none_or(|other| other == role)
        };
        self.lacks.iter().find(meant).map(|lack| lack.why.as_str())
    }

    /// Whether a scenario of this name shows it at the peer in a role.
    #[must_use]
    pub fn shown_at(&self, name: &str, role: Role) -> bool {
        let own = match role {
            Role::Offerer => &self.by_offerer,
            Role::Answerer => &self.by_answerer,
        };
        self.scenarios.iter().chain(own).any(|pattern| pattern::matches(pattern, name))
    }

    /// Whether one of its scenarios has this name.
    fn names(&self, name: &str) -> bool {
        self.lists().into_iter().flat_map(|(_, list)| list).any(|pattern| pattern::matches(pattern, name))
    }

    /// Its lists of scenarios by their keys.
    fn lists(&self) -> [(&'static str, &[String]); 3] {
        [("scenarios", &self.scenarios), ("by-offerer", &self.by_offerer), ("by-answerer", &self.by_answerer)]
    }

    /// Whether it is one of its controls: a lie that nothing can contradict must pass, and turns nothing red.
    fn names_control(&self, control: &ControlFile) -> bool {
        control.control.expect.verdict == Outcome::Fail
            && self.controls.iter().any(|pattern| is_control(pattern, control))
            && self.names(&control.control.of)
    }
}

fn is_control(pattern: &str, control: &ControlFile) -> bool {
    control.file.name.split_once('/').is_some_and(|(_, name)| pattern::matches(pattern, name))
}

impl Statements {
    /// Reads the statements of a source and compares them with its suite.
    ///
    /// # Errors
    /// All that is wrong, each at its place.
    pub fn load(source: &Source, suite: &Suite) -> Result<Self, Vec<ScenarioError>> {
        match source {
            Source::Program => Self::read(&Path::new("scenarios").join(FILE), embedded(), suite),
            Source::Folder(folder) => {
                let path = folder.join(FILE);
                let text = input::text(&path, Limit::SCENARIO)
                    .map_err(|error| vec![ScenarioError::whole(&path, format!("cannot be read: {error}"))])?;
                Self::read(&path, &text, suite)
            }
        }
    }

    /// Reads statements from their text.
    ///
    /// # Errors
    /// As of [`Self::load`].
    pub fn read(path: &Path, text: &str, suite: &Suite) -> Result<Self, Vec<ScenarioError>> {
        let document = Document::parse(path, text)?;
        let statements: Self = document.read()?;
        let errors = statements.troubles(&document, suite);
        if errors.is_empty() { Ok(statements) } else { Err(super::load::in_order(errors)) }
    }

    fn troubles(&self, document: &Document, suite: &Suite) -> Vec<ScenarioError> {
        let at = ValuePath::default().key("statements");
        let mut errors = Vec::new();
        for (id, statement) in &self.statements {
            let at = at.key(id);
            for (n, part) in statement.shown.iter().enumerate() {
                errors.extend(of_part(document, suite, id, part, &at.key("shown").index(n)));
            }
            if statement.shown.is_empty() {
                errors.push(document.error(&at.key("shown"), "a statement needs at least one part", None));
            }
            for file in suite.scenarios.iter().filter(|file| file.scenario.rows.contains(id)) {
                if !statement.shown.iter().any(|part| part.names(&file.name)) {
                    let message = format!("`{}` has `{id}` in its `rows`, but no part names it", file.name);
                    errors.push(document.error(&at, message, None));
                }
            }
        }
        for file in &suite.scenarios {
            for id in file.scenario.rows.iter().filter(|id| !self.statements.contains_key(*id)) {
                let help = nearest(id, self.statements.keys().map(String::as_str))
                    .map(|near| format!("did you mean `{near}`?"));
                let message = format!("`{}` has the unknown statement `{id}` in its `rows`", file.name);
                errors.push(document.error(&at, message, help));
            }
        }
        errors
    }
}

/// The text of this program's own statements.
fn embedded() -> &'static str {
    SCENARIOS.get_file(FILE).and_then(include_dir::File::contents_utf8).unwrap_or_default()
}

/// What the statements of this program say, by their ids.
#[must_use]
pub fn sentences() -> BTreeMap<String, String> {
    let read =
        Document::parse(Path::new(FILE), embedded()).and_then(|document| document.read::<Statements>());
    let statements = read.map(|read| read.statements).unwrap_or_default();
    statements.into_iter().map(|(id, statement)| (id, statement.says)).collect()
}

/// The ids of statements that scenarios of these sources may name: those of the executable and of a folder's own file. What is wrong
/// with that file is said by [`Statements::load`].
pub(super) fn known(sources: &[Source]) -> BTreeSet<String> {
    let folders = sources.iter().filter_map(|source| match source {
        Source::Folder(folder) => input::text(&folder.join(FILE), Limit::SCENARIO).ok(),
        Source::Program => None,
    });
    let documents = std::iter::once(embedded().to_owned())
        .chain(folders)
        .filter_map(|text| Document::parse(Path::new(FILE), &text).ok());
    let ids = |document: Document| {
        let statements = document.value.get("statements").and_then(Value::as_object).cloned();
        statements.into_iter().flatten().map(|(id, _)| id)
    };
    documents.flat_map(ids).collect()
}

/// What is wrong with the `rows` of a scenario.
pub(super) fn rows(document: &Document, rows: &[String], known: &BTreeSet<String>) -> Vec<ScenarioError> {
    let at = ValuePath::default().key("rows");
    let mut errors = Vec::new();
    for (n, row) in rows.iter().enumerate() {
        let at = at.index(n);
        if rows.iter().take(n).any(|other| other == row) {
            errors.push(document.error(&at, format!("duplicate statement `{row}`"), None));
        } else if !known.contains(row) {
            let help = nearest(row, known.iter().map(String::as_str)).map_or_else(
                || format!("`peerproof coverage` lists them; {FILE} beside your families adds others, and `tags` takes any word"),
                |near| format!("did you mean `{near}`?"),
            );
            errors.push(document.error(&at, format!("unknown statement `{row}`"), Some(help)));
        }
    }
    errors
}

/// What is wrong with a part of the statement `id`.
fn of_part(document: &Document, suite: &Suite, id: &str, part: &Part, at: &ValuePath) -> Vec<ScenarioError> {
    let mut errors = Vec::new();
    let near = |word: &str, words: &mut dyn Iterator<Item = &str>| {
        nearest(word, words).map(|near| format!("did you mean `{near}`?"))
    };
    let lists = part.lists();
    if lists.iter().all(|(_, list)| list.is_empty()) {
        let message = "a part needs at least one of `scenarios`, `by-offerer`, `by-answerer`";
        errors.push(document.error(at, message, None));
    }
    let patterns =
        lists.into_iter().flat_map(|(key, list)| list.iter().enumerate().map(move |(n, it)| (key, n, it)));
    for (key, n, pattern) in patterns {
        let at = at.key(key).index(n);
        let mut any = false;
        for file in suite.scenarios.iter().filter(|file| pattern::matches(pattern, &file.name)) {
            any = true;
            if !file.scenario.rows.iter().any(|row| row == id) {
                let message = format!("`{}` does not have `{id}` in its `rows`", file.name);
                errors.push(document.error(&at, message, None));
            }
        }
        if !any {
            let help = near(pattern, &mut suite.scenarios.iter().map(|file| file.name.as_str()));
            errors.push(document.error(&at, format!("unknown scenario `{pattern}`"), help));
        }
    }
    for (n, name) in part.requirements.iter().enumerate() {
        let at = at.key("requirements").index(n);
        let mut ids = Catalogue::get().requirements().map(|it| it.id.as_str());
        if Catalogue::get().requirements().all(|it| it.id != *name) {
            let help = near(name, &mut ids);
            errors.push(document.error(&at, format!("unknown requirement `{name}`"), help));
        } else if checks::of(name).is_none() {
            errors.push(document.error(&at, format!("no check decides `{name}`"), None));
        }
    }
    for (n, pattern) in part.controls.iter().enumerate() {
        let at = at.key("controls").index(n);
        let meant: Vec<&ControlFile> =
            suite.controls.iter().filter(|control| is_control(pattern, control)).collect();
        if meant.is_empty() {
            let names = suite.controls.iter().filter_map(|control| control.file.name.split_once('/'));
            let help = near(pattern, &mut names.map(|(_, name)| name));
            errors.push(document.error(&at, format!("unknown control `{pattern}`"), help));
        } else if !meant.iter().any(|control| part.names(&control.control.of)) {
            let of = &meant.first().map_or("", |control| control.control.of.as_str());
            let message = format!("control `{pattern}` is of `{of}`, which this part does not name");
            errors.push(document.error(&at, message, None));
        }
    }
    errors
}
