//! Finding the scenarios and controls of a folder, and reading them.

mod breaking;
mod catalogue;
mod each;
mod lies;
mod vocabulary;

use breaking::broken;
pub use each::extend_schema;

use super::check;
use super::document::{Document, Salvaged, ValuePath, read_value};
use super::error::ScenarioError;
use super::model::{Control, Scenario};
use super::statements;
use super::step::Step;
use crate::embedded::SCENARIOS;
use crate::input::{self, Limit};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Where scenarios come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The program itself.
    Program,
    /// A folder.
    Folder(PathBuf),
}

/// Most errors that are shown of one file.
const MOST_ERRORS: usize = 20;
/// Longest name of a family and of a scenario: both stand in the names of folders and files.
const LONGEST_NAME: usize = 80;

/// The folder of controls within the scenarios' folder.
pub const CONTROLS: &str = "controls";

/// The tag of the controls of the catalogue of lies.
pub const LIE: &str = "lie";

/// A scenario and where it comes from.
#[derive(Debug, Clone)]
pub struct ScenarioFile {
    /// `family/name`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of its text, as hexadecimal digits.
    pub hash: String,
    /// What it says.
    pub scenario: Scenario,
}

impl ScenarioFile {
    /// Whether the program brings along this very text.
    #[must_use]
    pub fn is_of_the_program(&self) -> bool {
        // Variants of one file have its path too.
        let family = self.name.split('/').next().unwrap_or_default();
        let file = self.path.file_name().unwrap_or_default();
        let own = SCENARIOS.get_file(Path::new(family).join(file)).and_then(include_dir::File::contents_utf8);
        own.is_some_and(|text| hash(text) == self.hash)
    }
}

/// A control, made into a scenario of its own.
#[derive(Debug, Clone)]
pub struct ControlFile {
    /// The scenario with its break, named `controls/name`.
    pub file: ScenarioFile,
    /// What the control says.
    pub control: Control,
}

/// All scenarios and controls of a folder, by name.
#[derive(Debug, Clone, Default)]
pub struct Suite {
    /// The scenarios.
    pub scenarios: Vec<ScenarioFile>,
    /// The controls.
    pub controls: Vec<ControlFile>,
}

impl Suite {
    /// Reads a folder: `family/name.yaml`, and `controls/name.yaml`.
    ///
    /// # Errors
    /// All that is wrong with every file, up to 20 errors each. Then nothing may be played.
    pub fn load(folder: &Path) -> Result<Self, Vec<ScenarioError>> {
        Self::gather(&[Source::Folder(folder.to_owned())], &check::IMPLEMENTATIONS)
    }

    /// Reads several sources, for these implementations. A file of a later source replaces one of that name before.
    ///
    /// # Errors
    /// As of [`Self::load`].
    pub fn gather(sources: &[Source], implementations: &[&str]) -> Result<Self, Vec<ScenarioError>> {
        let mut suite = Self::default();
        let mut errors = Vec::new();
        let mut controls = Vec::new();
        let names = Names { implementations, statements: &statements::known(sources) };
        let mut all: BTreeMap<String, Text> = BTreeMap::new();
        for source in sources {
            all.extend(texts(source).map_err(|error| vec![error])?);
        }
        for (name, Text { path, text }) in all {
            if name.starts_with(&format!("{CONTROLS}/")) {
                controls.push((name, path, text));
                continue;
            }
            let read = text.map_err(Vec::from).and_then(|text| scenarios_for(&path, &name, &text, &names));
            match read {
                Ok(files) => {
                    for file in files {
                        if suite.scenarios.iter().any(|other| other.name == file.name) {
                            let message = format!("duplicate scenario name `{}`", file.name);
                            errors.push(ScenarioError::whole(&path, message));
                        }
                        suite.scenarios.push(file);
                    }
                }
                Err(broken) => errors.extend(broken),
            }
        }
        let scenarios_are_whole = errors.is_empty();
        for (name, path, text) in controls {
            let read = text
                .map_err(Vec::from)
                .and_then(|text| self::controls(&path, &name, &text, &suite.scenarios));
            match read {
                Ok(files) => suite.controls.extend(files),
                Err(mut broken) => {
                    // A control of a broken scenario cannot be read; the scenario's own trouble is enough.
                    broken.retain(|error| scenarios_are_whole || !error.is_unknown_scenario);
                    errors.extend(broken);
                }
            }
        }
        if errors.is_empty() { Ok(suite) } else { Err(errors) }
    }
}

/// What scenarios may name that does not stand in them.
struct Names<'a> {
    implementations: &'a [&'a str],
    /// Ids of statements.
    statements: &'a BTreeSet<String>,
}

/// A file and what stands in it.
struct Text {
    path: PathBuf,
    text: Result<String, ScenarioError>,
}

/// The YAML files of a source by their names.
fn texts(source: &Source) -> Result<Vec<(String, Text)>, ScenarioError> {
    match source {
        Source::Folder(folder) => {
            let named = files(folder)?.into_iter().map(|path| (name_of(folder, &path), path));
            Ok(named.map(|(name, path)| (name, Text { text: read(&path), path })).collect())
        }
        Source::Program => {
            let families = SCENARIOS.dirs().flat_map(include_dir::Dir::files);
            let yaml = families.filter(|file| file.path().extension().is_some_and(|ext| ext == "yaml"));
            let text = |file: &include_dir::File<'_>| Text {
                path: Path::new("scenarios").join(file.path()),
                text: Ok(file.contents_utf8().unwrap_or_default().to_owned()),
            };
            Ok(yaml.map(|file| (name_of(Path::new(""), file.path()), text(file))).collect())
        }
    }
}

fn read(path: &Path) -> Result<String, ScenarioError> {
    input::text(path, Limit::SCENARIO)
        .map_err(|error| ScenarioError::whole(path, format!("cannot be read: {error}")))
}

/// The YAML files two levels down, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>, ScenarioError> {
    let list = |folder: &Path| -> Result<Vec<PathBuf>, ScenarioError> {
        let trouble =
            |error: std::io::Error| ScenarioError::whole(folder, format!("cannot be read: {error}"));
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(trouble)? {
            paths.push(entry.map_err(trouble)?.path());
        }
        paths.sort();
        Ok(paths)
    };
    let mut found = Vec::new();
    for family in list(folder)?.into_iter().filter(|path| path.is_dir()) {
        found.extend(
            list(&family)?.into_iter().filter(|path| path.extension().is_some_and(|ext| ext == "yaml")),
        );
    }
    Ok(found)
}

fn name_of(folder: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(folder).unwrap_or(path).with_extension("");
    relative.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Reads one scenario from its text.
///
/// # Errors
/// The first thing that is wrong with it, at its place.
pub fn scenario(path: &Path, name: &str, text: &str) -> Result<ScenarioFile, ScenarioError> {
    let document = is_mapping(Document::parse(path, text)?)?;
    let statements = statements::known(&[Source::Program]);
    let names = Names { implementations: &check::IMPLEMENTATIONS, statements: &statements };
    read_document(&document, name, text, &names).map_err(first)
}

/// Reads the scenarios that a text stands for: several if it has `each`, named `name-word`.
///
/// # Errors
/// The first thing that is wrong with it, at its place.
pub fn scenarios(path: &Path, name: &str, text: &str) -> Result<Vec<ScenarioFile>, ScenarioError> {
    let statements = statements::known(&[Source::Program]);
    let names = Names { implementations: &check::IMPLEMENTATIONS, statements: &statements };
    scenarios_for(path, name, text, &names).map_err(first)
}

/// Of several errors the first in the file. There is one.
fn first(errors: Vec<ScenarioError>) -> ScenarioError {
    let none = || ScenarioError::whole(Path::new(""), "cannot be read".to_owned());
    errors.into_iter().next().unwrap_or_else(none)
}

/// Errors in the order of the file, not more than are of use.
pub(super) fn in_order(mut errors: Vec<ScenarioError>) -> Vec<ScenarioError> {
    errors.sort_by_key(|error| error.place.map(|place| (place.line, place.column)));
    errors.dedup();
    if errors.len() > MOST_ERRORS {
        let more = errors.len() - MOST_ERRORS;
        errors.truncate(MOST_ERRORS);
        let file = errors.first().map(|error| error.file.clone()).unwrap_or_default();
        errors.push(ScenarioError::whole(&file, format!("{more} more errors")));
    }
    errors
}

fn scenarios_for(
    path: &Path,
    name: &str,
    text: &str,
    names: &Names<'_>,
) -> Result<Vec<ScenarioFile>, Vec<ScenarioError>> {
    let document = is_mapping(Document::parse(path, text)?)?;
    // Those of a file differ in a word: what is wrong with the first is wrong with all.
    each::variants(document)?
        .iter()
        .map(|each::Variant { suffix, document }| {
            let name = suffix.as_ref().map_or_else(|| name.to_owned(), |suffix| format!("{name}-{suffix}"));
            read_document(document, &name, text, names)
        })
        .collect()
}

/// A scenario is a mapping. What is read as something else would be called a list of other things.
fn is_mapping(document: Document) -> Result<Document, ScenarioError> {
    let what = match &document.value {
        Value::Array(_) => "a list",
        Value::String(_) => "a text",
        Value::Number(_) => "a number",
        Value::Bool(_) => "`true` or `false`",
        Value::Null | Value::Object(_) => return Ok(document),
    };
    let message = format!("expected a mapping with `title`, `peers` and `steps`, not {what}");
    Err(document.error(&ValuePath::default(), message, None))
}

/// A family and a scenario have names that can stand in the names of folders and files.
fn name_allowed(path: &Path, name: &str) -> Result<(), ScenarioError> {
    let bad = |part: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        part.len() > LONGEST_NAME || part.is_empty() || part.starts_with('.') || !part.chars().all(allowed)
    };
    if name.split('/').any(bad) {
        let message = format!(
            "`{name}` cannot be the name of a scenario: its parts have letters, digits, `-`, `_` and `.`, begin with no dot, and have \
             at most {LONGEST_NAME} characters"
        );
        return Err(ScenarioError::whole(path, message));
    }
    Ok(())
}

fn read_document(
    document: &Document,
    name: &str,
    text: &str,
    names: &Names<'_>,
) -> Result<ScenarioFile, Vec<ScenarioError>> {
    name_allowed(document.file(), name)?;
    let missing = [("title", json!("")), ("peers", json!({})), ("steps", json!([]))];
    let read = document.clone().salvage(&missing, |value| Ok(read_value::<Scenario>(value)?));
    let Salvaged { value, document, mut errors } = read;
    let Some(mut scenario) = value else { return Err(in_order(errors)) };
    place(&document, &mut scenario.steps, &ValuePath::default().key("steps"));
    scenario.expect_place = place_of(&document, &ValuePath::default().key("expect"));
    let found = check::scenario(&document, &scenario, names.implementations);
    let rows = statements::rows(&document, &scenario.rows, names.statements);
    errors.extend(found.into_iter().chain(rows).filter(|error| !document.explains(error)));
    if !errors.is_empty() {
        return Err(in_order(errors));
    }
    let path = document.file().to_owned();
    Ok(ScenarioFile { name: name.to_owned(), path, hash: hash(text), scenario })
}

/// Says of each step where it stands.
fn place(document: &Document, steps: &mut [Step], path: &ValuePath) {
    for (n, step) in steps.iter_mut().enumerate() {
        step.place = place_of(document, &path.index(n));
    }
}

/// Family, file and line of a path.
fn place_of(document: &Document, path: &ValuePath) -> Option<Box<str>> {
    let line = document.line(path)?;
    let name = document.file().file_name()?.to_string_lossy();
    let family = document.file().parent().and_then(Path::file_name).map(|it| it.to_string_lossy());
    Some(match family {
        Some(family) => format!("{family}/{name}:{line}").into(),
        None => format!("{name}:{line}").into(),
    })
}

/// Reads the controls of a text: those of a catalogue, or one.
///
/// # Errors
/// All that is wrong with them, each at its place.
pub fn controls(
    path: &Path,
    name: &str,
    text: &str,
    scenarios: &[ScenarioFile],
) -> Result<Vec<ControlFile>, Vec<ScenarioError>> {
    let document = Document::parse(path, text)?;
    if document.value.get(lies::LIES).is_some() {
        return lies::controls(&document, scenarios);
    }
    if document.value.get(catalogue::BREAKS).is_some() {
        return catalogue::breaks(&document, scenarios);
    }
    control_of(&document, name, text, scenarios).map(|file| vec![file])
}

/// Reads one control from its text and makes the broken scenario of it.
///
/// # Errors
/// The first thing that is wrong with it, at its place.
pub fn control(
    path: &Path,
    name: &str,
    text: &str,
    scenarios: &[ScenarioFile],
) -> Result<ControlFile, ScenarioError> {
    control_of(&Document::parse(path, text)?, name, text, scenarios).map_err(first)
}

fn control_of(
    document: &Document,
    name: &str,
    text: &str,
    scenarios: &[ScenarioFile],
) -> Result<ControlFile, Vec<ScenarioError>> {
    name_allowed(document.file(), name)?;
    let control: Control = document.read_all().map_err(in_order)?;
    broken(document, name, text, control, scenarios)
}

fn hash(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
