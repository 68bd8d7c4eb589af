//! The text of a scenario as a value, together with the place of each key and element.
//!
//! serde_yaml reads the values, and a second reader of the same text notes where each stands, so that an error found in
//! the value (a wrong type, an unknown peer) can be shown at its line.

use super::error::{Place, ScenarioError, nearest};
use indexmap::IndexMap;
use saphyr_parser::{Event, Parser, Span};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;
use std::path::{Path, PathBuf};

/// One step on the way to a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// An element of a list, from zero.
    Index(usize),
    /// A key of a mapping.
    Key(String),
}

/// The way from the root of a document to a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ValuePath(pub Vec<Segment>);

impl ValuePath {
    /// This way, and then the key.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let mut path = self.clone();
        path.0.push(Segment::Key(key.to_owned()));
        path
    }

    /// This way, and then the element.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut path = self.clone();
        path.0.push(Segment::Index(index));
        path
    }
}

impl fmt::Display for ValuePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if n == 0 => write!(f, "{key}")?,
                Segment::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

/// Where the parts of a document stand.
#[derive(Debug, Clone, Default)]
struct Marks {
    /// Place of each key of a mapping (by its path) and of each element of a list.
    places: IndexMap<ValuePath, Place>,
}

/// A scenario's text, its value, and the places of its parts.
#[derive(Debug, Clone)]
pub struct Document {
    file: PathBuf,
    text: String,
    marks: Marks,
    /// What the text says.
    pub value: Value,
}

impl Document {
    /// Reads a text.
    ///
    /// # Errors
    /// The text is no YAML, has a key twice, or is not one document.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ScenarioError> {
        let mut document = Self {
            file: file.to_owned(),
            text: text.to_owned(),
            marks: Marks::default(),
            value: Value::Null,
        };
        document.value = serde_yaml::from_str(text).map_err(|error| {
            let place = error.location().map(|at| Place { line: at.line(), column: at.column(), length: 1 });
            document.error_at(place, strip_location(&error.to_string()), None)
        })?;
        document.marks = read_marks(text).map_err(|trouble| match trouble {
            Trouble::Duplicate(place, key) => {
                document.error_at(Some(place), format!("duplicate key `{key}`"), None)
            }
            Trouble::Syntax(place, message) => document.error_at(Some(place), message, None),
        })?;
        Ok(document)
    }

    /// The part at a path as a document of its own, in which everything keeps its place in the text; empty if nothing is there.
    #[must_use]
    pub fn part(&self, path: &ValuePath) -> Self {
        let value = path.0.iter().try_fold(&self.value, |value, segment| match segment {
            Segment::Index(index) => value.get(*index),
            Segment::Key(key) => value.get(key.as_str()),
        });
        let below = self.marks.places.iter().filter_map(|(at, place)| {
            let rest = at.0.strip_prefix(path.0.as_slice())?;
            Some((ValuePath(rest.to_vec()), *place))
        });
        Self {
            file: self.file.clone(),
            text: self.text.clone(),
            marks: Marks { places: below.collect() },
            value: value.cloned().unwrap_or_default(),
        }
    }

    /// The file that was read.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Reads the whole document as a type.
    ///
    /// # Errors
    /// Unknown or missing keys and wrong types, each at its place.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ScenarioError> {
        read_value(&self.value).map_err(|(path, message)| self.type_error(&path, &message))
    }

    /// An error at a path of the document.
    #[must_use]
    pub fn error(&self, path: &ValuePath, message: impl Into<String>, help: Option<String>) -> ScenarioError {
        self.error_at(self.place(path), message.into(), help)
    }

    /// An error of serde's at a path, its message bettered: shorter, pointing at the key it speaks of, with a suggestion.
    #[must_use]
    pub fn type_error(&self, path: &ValuePath, message: &str) -> ScenarioError {
        let mut quoted = message.split('`').skip(1).step_by(2);
        let word = quoted.next().unwrap_or_default().to_owned();
        let choices: Vec<&str> = quoted.collect();
        let mut path = path.clone();
        let at_key = path.key(&word);
        if message.starts_with("unknown ") && self.marks.places.contains_key(&at_key) {
            path = at_key;
        }
        let (message, help) =
            if message.starts_with("unknown field") || message.starts_with("unknown variant") {
                let what = if message.starts_with("unknown field") { "key" } else { "word" };
                let help = match nearest(&word, choices.iter().copied()) {
                    Some(near) => Some(format!("did you mean `{near}`?")),
                    None if choices.is_empty() => Some("no key is allowed here".to_owned()),
                    None => Some(format!("known here: {}", choices.join(", "))),
                };
                (format!("unknown {what} `{word}`"), help)
            } else {
                (super::words::plain(message), None)
            };
        self.error(&path, message, help)
    }

    /// The line of a path, from one.
    #[must_use]
    pub fn line(&self, path: &ValuePath) -> Option<usize> {
        self.place(path).map(|place| place.line)
    }

    fn error_at(&self, place: Option<Place>, message: String, help: Option<String>) -> ScenarioError {
        let source_line = place.and_then(|place| self.text.lines().nth(place.line - 1)).map(Box::from);
        ScenarioError { file: self.file.clone(), place, message, help, source_line }
    }

    /// The place of a path, or of its nearest ancestor that has one.
    fn place(&self, path: &ValuePath) -> Option<Place> {
        (0..=path.0.len()).rev().find_map(|n| {
            self.marks.places.get(&ValuePath(path.0.iter().take(n).cloned().collect::<Vec<_>>())).copied()
        })
    }
}

/// Reads a value as a type; an error names the path at which it arose.
///
/// # Errors
/// Path and message of serde's error.
pub fn read_value<T: DeserializeOwned>(value: &Value) -> Result<T, (ValuePath, String)> {
    serde_path_to_error::deserialize(value.clone()).map_err(|error| {
        let path = error
            .path()
            .iter()
            .filter_map(|segment| match segment {
                serde_path_to_error::Segment::Seq { index } => Some(Segment::Index(*index)),
                serde_path_to_error::Segment::Map { key } => Some(Segment::Key(key.clone())),
                serde_path_to_error::Segment::Enum { variant } => Some(Segment::Key(variant.clone())),
                serde_path_to_error::Segment::Unknown => None,
            })
            .collect();
        (ValuePath(path), error.inner().to_string())
    })
}

/// serde_yaml ends its messages with the location, which is shown on its own.
fn strip_location(message: &str) -> String {
    message.rfind(" at line ").map_or(message, |at| &message[..at]).to_owned()
}

enum Trouble {
    Duplicate(Place, String),
    Syntax(Place, String),
}

/// A mapping or list that is being read.
enum Open {
    Mapping { path: ValuePath, key: Option<String> },
    List { path: ValuePath, next: usize },
}

fn read_marks(text: &str) -> Result<Marks, Trouble> {
    let mut marks = Marks::default();
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let at = error.marker();
            Trouble::Syntax(
                Place { line: at.line(), column: at.col() + 1, length: 1 },
                error.info().to_owned(),
            )
        })?;
        let place = place_of(&span);
        match event {
            Event::Scalar(text, ..) => {
                if let Some(Open::Mapping { path, key: key @ None }) = open.last_mut() {
                    let at = path.key(&text);
                    if marks.places.contains_key(&at) {
                        return Err(Trouble::Duplicate(place, text.into_owned()));
                    }
                    marks.places.insert(at, place);
                    *key = Some(text.into_owned());
                } else {
                    begin_value(&mut open, &mut marks, place);
                }
            }
            Event::Alias(_) => {
                begin_value(&mut open, &mut marks, place);
            }
            Event::MappingStart(..) => {
                let path = begin_value(&mut open, &mut marks, place);
                open.push(Open::Mapping { path, key: None });
            }
            Event::SequenceStart(..) => {
                let path = begin_value(&mut open, &mut marks, place);
                open.push(Open::List { path, next: 0 });
            }
            Event::MappingEnd | Event::SequenceEnd => {
                open.pop();
            }
            _ => {}
        }
    }
    Ok(marks)
}

/// The path of the value that begins here; an element of a list gets its place noted.
fn begin_value(open: &mut [Open], marks: &mut Marks, place: Place) -> ValuePath {
    match open.last_mut() {
        None => ValuePath::default(),
        Some(Open::Mapping { path, key }) => key.take().map_or_else(|| path.clone(), |key| path.key(&key)),
        Some(Open::List { path, next }) => {
            let at = path.index(*next);
            *next += 1;
            marks.places.insert(at.clone(), place);
            at
        }
    }
}

fn place_of(span: &Span) -> Place {
    let length = if span.start.line() == span.end.line() {
        span.end.col().saturating_sub(span.start.col())
    } else {
        1
    };
    Place { line: span.start.line(), column: span.start.col() + 1, length: length.max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document::parse(Path::new("t.yaml"), text).unwrap()
    }

    #[test]
    fn each_key_and_element_has_its_place() {
        let document = document("a:\n  - b: 1\n  - { c: [x, y] }\n");
        let root = ValuePath::default();
        let place = |path: &ValuePath| document.place(path).map(|at| (at.line, at.column));
        assert_eq!(place(&root.key("a")), Some((1, 1)));
        assert_eq!(place(&root.key("a").index(0).key("b")), Some((2, 5)));
        assert_eq!(place(&root.key("a").index(1).key("c").index(1)), Some((3, 14)));
        assert_eq!(place(&root.key("a").index(1).key("absent")), Some((3, 5)));
    }

    #[test]
    fn a_part_keeps_the_places_of_the_whole() {
        let part =
            document("a:\n  - b: 1\n  - { c: [x, y] }\n").part(&ValuePath::default().key("a").index(1));
        let root = ValuePath::default();
        let place = |path: &ValuePath| part.place(path).map(|at| (at.line, at.column));
        assert_eq!(part.value, serde_json::json!({ "c": ["x", "y"] }));
        assert_eq!(place(&root.key("c").index(1)), Some((3, 14)));
        assert_eq!(place(&root.key("absent")), Some((3, 5)));
    }

    #[test]
    fn a_key_that_stands_twice_is_refused_at_its_second_place() {
        let error = Document::parse(Path::new("t.yaml"), "a: 1\nb: 2\na: 3\n").unwrap_err();
        assert_eq!(error.place.unwrap().line, 3, "{error}");
    }

    #[test]
    fn broken_yaml_is_refused_with_its_place() {
        let error = Document::parse(Path::new("t.yaml"), "a: [1, 2\nb: 3\n").unwrap_err();
        assert!(error.place.is_some_and(|at| at.line >= 1), "{error}");
    }

    #[test]
    fn an_unknown_key_is_pointed_at_with_a_suggestion() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Inner {
            #[expect(dead_code, reason = "only its name matters here")]
            trickle: Option<bool>,
        }
        let document = document("a:\n  trickel: true\n");
        let error = document.read::<IndexMap<String, Inner>>().unwrap_err();
        assert_eq!(error.place.map(|at| (at.line, at.column, at.length)), Some((2, 3, 7)));
        assert_eq!(error.help.as_deref(), Some("did you mean `trickle`?"));
    }
}
