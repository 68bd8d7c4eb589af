//! Finding the scenarios and controls of a folder, and reading them.

mod each;
mod lies;

pub use each::extend_schema;

use super::check;
use super::document::{Document, ValuePath};
use super::error::{ScenarioError, nearest};
use super::model::{Control, Scenario};
use super::step::{Action, Step};
use crate::embedded::SCENARIOS;
use crate::input::{self, Limit};
use std::collections::BTreeMap;
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
        let mut all: BTreeMap<String, Text> = BTreeMap::new();
        for source in sources {
            all.extend(texts(source).map_err(|error| vec![error])?);
        }
        for (name, Text { path, text }) in all {
            if name.starts_with(&format!("{CONTROLS}/")) {
                controls.push((name, path, text));
                continue;
            }
            let read =
                text.map_err(Vec::from).and_then(|text| scenarios_for(&path, &name, &text, implementations));
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
            let read =
                text.map_err(Vec::from).and_then(|text| controls_of(&path, &name, &text, &suite.scenarios));
            match read {
                Ok(files) => suite.controls.extend(files),
                Err(mut broken) => {
                    // A control of a broken scenario cannot be read; the scenario's own trouble is enough.
                    broken.retain(|error| {
                        scenarios_are_whole || !error.message.starts_with("unknown scenario")
                    });
                    errors.extend(broken);
                }
            }
        }
        if errors.is_empty() { Ok(suite) } else { Err(errors) }
    }
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
    let document = Document::parse(path, text)?;
    read_document(&document, name, text, &check::IMPLEMENTATIONS).map_err(first)
}

/// Reads the scenarios that a text stands for: several if it has `each`, named `name-word`.
///
/// # Errors
/// The first thing that is wrong with it, at its place.
pub fn scenarios(path: &Path, name: &str, text: &str) -> Result<Vec<ScenarioFile>, ScenarioError> {
    scenarios_for(path, name, text, &check::IMPLEMENTATIONS).map_err(first)
}

/// Of several errors the first in the file. There is one.
fn first(errors: Vec<ScenarioError>) -> ScenarioError {
    let none = || ScenarioError::whole(Path::new(""), "cannot be read".to_owned());
    errors.into_iter().next().unwrap_or_else(none)
}

/// Errors in the order of the file, not more than are of use.
fn in_order(mut errors: Vec<ScenarioError>) -> Vec<ScenarioError> {
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
    implementations: &[&str],
) -> Result<Vec<ScenarioFile>, Vec<ScenarioError>> {
    // Those of a file differ in a word: what is wrong with the first is wrong with all.
    each::variants(Document::parse(path, text)?)?
        .iter()
        .map(|each::Variant { suffix, document }| {
            let name = suffix.as_ref().map_or_else(|| name.to_owned(), |suffix| format!("{name}-{suffix}"));
            read_document(document, &name, text, implementations)
        })
        .collect()
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
    implementations: &[&str],
) -> Result<ScenarioFile, Vec<ScenarioError>> {
    name_allowed(document.file(), name)?;
    let mut scenario: Scenario = document.read_with::<_, Step>("steps").map_err(in_order)?;
    place(document, &mut scenario.steps, &ValuePath::default().key("steps"));
    let errors = check::scenario(document, &scenario, implementations);
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

/// The controls of a file: those of the catalogue of lies, or one.
fn controls_of(
    path: &Path,
    name: &str,
    text: &str,
    scenarios: &[ScenarioFile],
) -> Result<Vec<ControlFile>, Vec<ScenarioError>> {
    if name == lies::CATALOGUE {
        return lies::controls(path, text, scenarios);
    }
    control_of(path, name, text, scenarios).map(|file| vec![file])
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
    control_of(path, name, text, scenarios).map_err(first)
}

fn control_of(
    path: &Path,
    name: &str,
    text: &str,
    scenarios: &[ScenarioFile],
) -> Result<ControlFile, Vec<ScenarioError>> {
    let document = Document::parse(path, text)?;
    name_allowed(path, name)?;
    let control: Control = document.read()?;
    broken(&document, name, text, control, scenarios)
}

/// The broken scenario of a control that stands in a document; `text` is what it is made of.
fn broken(
    document: &Document,
    name: &str,
    text: &str,
    mut control: Control,
    scenarios: &[ScenarioFile],
) -> Result<ControlFile, Vec<ScenarioError>> {
    let root = ValuePath::default();
    let broken = &mut control.broken;
    for (key, steps) in
        [("before", &mut broken.before), ("connected", &mut broken.connected), ("after", &mut broken.after)]
    {
        place(document, steps, &root.key("break").key(key));
    }
    let Some(base) = scenarios.iter().find(|file| file.name == control.of) else {
        let help = nearest(&control.of, scenarios.iter().map(|file| file.name.as_str()))
            .map(|near| format!("did you mean `{near}`?"));
        let message = format!("unknown scenario `{}`", control.of);
        return Err(document.error(&root.key("of"), message, help).into());
    };
    let mut scenario = base.scenario.clone();
    scenario.title.clone_from(&control.title);
    scenario.tags.clone_from(&control.tags);
    scenario.snapshot.clear();
    scenario.expect.verdict = Some(peerproof_conformance::expect::ExpectedVerdict {
        outcome: control.expect.verdict,
        layer: control.expect.layer,
        side: control.expect.side.clone(),
    });
    break_it(document, &control, &mut scenario).map_err(in_order)?;
    let hash = hash(&format!("{}{text}", base.hash));
    let path = document.file().to_owned();
    let file = ScenarioFile { name: name.to_owned(), path, hash, scenario };
    Ok(ControlFile { file, control })
}

fn break_it(
    document: &Document,
    control: &Control,
    scenario: &mut Scenario,
) -> Result<(), Vec<ScenarioError>> {
    let root = ValuePath::default();
    let at = root.key("break");
    let broken = &control.broken;
    if *broken == super::model::Break::default() {
        return Err(document.error(&at, "nothing to break", None).into());
    }
    for (peer, plays) in &control.plays {
        match scenario.peers.get_mut(peer) {
            Some(spec) => spec.plays.clone_from(plays),
            None => {
                let path = root.key("plays").key(peer);
                return Err(document.error(&path, format!("unknown peer `{peer}`"), None).into());
            }
        }
    }
    for (peer, defect) in &broken.echo {
        let mut found = false;
        for step in &mut scenario.steps {
            if let Action::Command { peer: actor, name, args } = &mut step.action
                && actor == peer
                && name == "echo"
                && let Some(args) = args.as_object_mut()
            {
                args.insert("defect".to_owned(), serde_json::Value::String(defect.clone()));
                found = true;
            }
        }
        if !found {
            let message = format!("`{peer}` has no echo in {}", control.of);
            return Err(document.error(&at.key("echo").key(peer), message, None).into());
        }
    }
    lies::told(document, &at.key("lie"), control, scenario)?;
    let connect = scenario
        .steps
        .iter()
        .position(|step| matches!(step.action, Action::Connect(_) | Action::Negotiate(_)));
    if let Some(rewrite) = &broken.rewrite {
        check::rewrite(document, rewrite, &at.key("rewrite"))?;
        let place = place_of(document, &at.key("rewrite"));
        let step = connect.and_then(|n| scenario.steps.get_mut(n));
        match step.map(|step| (&mut step.action, &mut step.place)) {
            Some((Action::Connect(connect), at)) => (connect.rewrite, *at) = (rewrite.clone(), place),
            Some((Action::Negotiate(negotiate), at)) => (negotiate.rewrite, *at) = (rewrite.clone(), place),
            _ => {
                let message =
                    format!("{} has no `connect` whose descriptions could be rewritten", control.of);
                return Err(document.error(&at.key("rewrite"), message, None).into());
            }
        }
    }
    let mut connected: Vec<Step> = broken.connected.clone();
    if let Some(peer) = &broken.dead {
        if !scenario.peers.contains_key(peer) {
            let message = format!("unknown peer `{peer}`");
            return Err(document.error(&at.key("dead"), message, None).into());
        }
        let place = place_of(document, &at.key("dead"));
        let close = Action::Command {
            peer: peer.clone(),
            name: "close".to_owned(),
            args: serde_json::Value::Object(serde_json::Map::new()),
        };
        connected.push(Step {
            action: close,
            within: None,
            rejects: None,
            binds: None,
            answers: None,
            place,
        });
    }
    let mut errors = check::steps(document, scenario, &broken.before, &at.key("before"));
    errors.extend(check::steps(document, scenario, &broken.connected, &at.key("connected")));
    let earlier = [broken.before.as_slice(), &scenario.steps].concat();
    errors.extend(check::later_steps(document, scenario, &earlier, &broken.after, &at.key("after")));
    if !errors.is_empty() {
        return Err(errors);
    }
    if !connected.is_empty() {
        let Some(n) = connect else {
            return Err(document.error(&at, format!("{} has no `connect`", control.of), None).into());
        };
        scenario.steps.splice(n + 1..n + 1, connected);
    }
    scenario.steps.splice(0..0, broken.before.clone());
    scenario.steps.extend(broken.after.iter().cloned());
    Ok(())
}

fn hash(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
