//! The text of a scenario as a value, together with the place of each key and element.
//!
//! serde_yaml reads the values, and another reader of the same text notes first where each stands, so that an error found in
//! the value (a wrong type, an unknown peer) can be shown at its line. It also keeps the limits, event by event, so that nothing beyond them
//! is ever held or handed to serde_yaml, whose time grows with the square of the depth.

mod salvage;

pub use salvage::{Refusal, Salvaged, quoted, words};

use super::error::{ScenarioError, TextSpan, nearest};
use crate::input::{Limit, unmarked};
use indexmap::IndexMap;
use peerproof_reports::escape::shortened;
use saphyr_parser::{Event, Parser, Span};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most values that contain one another.
pub const DEEPEST: usize = 64;
/// Most values, keys included. What an alias stands for counts at each alias.
pub const MOST_VALUES: usize = 50_000;
/// Longest message of an error, in characters: what is wrong may be quoted in it.
const LONGEST_MESSAGE: usize = 300;

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

/// Where the parts of a document stand: a tree, since paths would repeat long keys.
#[derive(Debug, Clone)]
struct Marks {
    /// The first is the root.
    nodes: Vec<Mark>,
}

/// A value.
#[derive(Debug, Clone, Default)]
struct Mark {
    /// Its key's place in a mapping, its own in a list.
    place: Option<TextSpan>,
    /// What it holds, by their indices among the nodes.
    parts: IndexMap<Segment, usize>,
}

impl Default for Marks {
    fn default() -> Self {
        Self { nodes: vec![Mark::default()] }
    }
}

impl Marks {
    /// Adds a part of a value; nothing if it has such a part.
    fn add(&mut self, to: usize, segment: Segment, place: TextSpan) -> Option<usize> {
        let new = self.nodes.len();
        let parts = &mut self.nodes.get_mut(to)?.parts;
        if parts.contains_key(&segment) {
            return None;
        }
        parts.insert(segment, new);
        self.nodes.push(Mark { place: Some(place), parts: IndexMap::new() });
        Some(new)
    }

    /// The marks on the way along a path, from that of `root` on, as far as they go.
    fn along<'a>(&'a self, root: usize, path: &'a ValuePath) -> impl Iterator<Item = &'a Mark> {
        let mut segments = path.0.iter();
        std::iter::successors(self.nodes.get(root), move |mark| {
            self.nodes.get(*mark.parts.get(segments.next()?)?)
        })
    }

    /// The index of the part at a path below that of `root`.
    fn find(&self, root: usize, path: &ValuePath) -> Option<usize> {
        path.0.iter().try_fold(root, |at, segment| self.nodes.get(at)?.parts.get(segment).copied())
    }
}

/// A scenario's text, its value, and the places of its parts.
#[derive(Debug, Clone)]
pub struct Document {
    file: PathBuf,
    text: Arc<str>,
    marks: Arc<Marks>,
    /// Where this document begins among the marks.
    root: usize,
    /// What was taken out of the value, if anything was.
    lost: Option<salvage::Lost>,
    /// What the text says.
    pub value: Value,
}

impl Document {
    /// Reads a text.
    ///
    /// # Errors
    /// The text is no YAML, has a key twice, is not one document, or exceeds a limit.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ScenarioError> {
        let text = unmarked(text);
        let mut document = Self {
            file: file.to_owned(),
            text: text.into(),
            marks: Arc::default(),
            root: 0,
            lost: None,
            value: Value::Null,
        };
        if text.len() as u64 > Limit::SCENARIO.bytes {
            let message = format!("too large: a scenario has at most {} bytes", Limit::SCENARIO.bytes);
            return Err(document.error_at(None, message, None));
        }
        let marks =
            read_marks(text).map_err(|(place, message)| document.error_at(Some(place), message, None))?;
        document.marks = Arc::new(marks);
        document.value = serde_yaml::from_str(text).map_err(|error| {
            let place =
                error.location().map(|at| TextSpan { line: at.line(), column: at.column(), length: 1 });
            document.error_at(place, strip_location(&error.to_string()), None)
        })?;
        Ok(document)
    }

    /// The part at a path as a document of its own, in which everything keeps its place in the text; empty if nothing is there.
    #[must_use]
    pub fn part(&self, path: &ValuePath) -> Self {
        Self {
            file: self.file.clone(),
            text: Arc::clone(&self.text),
            marks: Arc::clone(&self.marks),
            root: self.marks.find(self.root, path).unwrap_or(self.root),
            lost: None,
            value: self.at(path).cloned().unwrap_or_default(),
        }
    }

    /// What stands at a path.
    fn at(&self, path: &ValuePath) -> Option<&Value> {
        path.0.iter().try_fold(&self.value, |value, segment| match segment {
            Segment::Index(index) => value.get(*index),
            Segment::Key(key) => value.get(key.as_str()),
        })
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

    /// The same, with all that is wrong.
    ///
    /// # Errors
    /// As of [`Self::read`], in the order in which they were found.
    pub fn read_all<T: DeserializeOwned>(&self) -> Result<T, Vec<ScenarioError>> {
        match self.clone().salvage(&[], |value| Ok(read_value(value)?)) {
            Salvaged { value: Some(value), errors, .. } if errors.is_empty() => Ok(value),
            Salvaged { errors, .. } => Err(errors),
        }
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
        if message.starts_with("unknown ")
            && self.marks.along(self.root, &at_key).count() == at_key.0.len() + 1
        {
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

    fn error_at(&self, place: Option<TextSpan>, message: String, help: Option<String>) -> ScenarioError {
        let line = |place: TextSpan| self.text.lines().nth(place.line.saturating_sub(1));
        let message = shortened(&message, LONGEST_MESSAGE).into_owned();
        ScenarioError {
            file: self.file.clone(),
            place,
            message,
            help: help.map(Box::from),
            source_line: place.and_then(line).map(Box::from),
            is_unknown_scenario: false,
        }
    }

    /// The place of a path, or of its nearest ancestor that has one.
    fn place(&self, path: &ValuePath) -> Option<TextSpan> {
        self.marks.along(self.root, path).filter_map(|mark| mark.place).last()
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

/// A mapping or list that is being read.
struct Open {
    node: usize,
    kind: Kind,
    /// What alias it can be named by; 0 for none.
    anchor: usize,
    /// How many values had been read when it began.
    before: usize,
    /// How deep its deepest value is below it.
    height: usize,
}

enum Kind {
    /// With the node of the key whose value comes next.
    Mapping(Option<usize>),
    /// With the next index.
    List(usize),
}

/// What an alias stands for: how many values, and how deep they go.
#[derive(Clone, Copy)]
struct Extent {
    values: usize,
    height: usize,
}

/// The reader of places.
#[derive(Default)]
struct Reading {
    marks: Marks,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Extent>,
    values: usize,
}

type Refused = (TextSpan, String);

fn too_deep() -> String {
    format!("too deep: at most {DEEPEST} values contain one another")
}

fn read_marks(text: &str) -> Result<Marks, Refused> {
    let mut reading = Reading::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let at = error.marker();
            (
                TextSpan { line: at.line(), column: at.col() + 1, length: 1 },
                if error.info().starts_with("recursion limit") {
                    too_deep()
                } else {
                    error.info().to_owned()
                },
            )
        })?;
        reading.take(event, place_of(&span))?;
    }
    Ok(reading.marks)
}

impl Reading {
    fn take(&mut self, event: Event<'_>, place: TextSpan) -> Result<(), Refused> {
        match event {
            Event::Scalar(text, _, anchor, _) => {
                let leaf = Extent { values: 1, height: 0 };
                self.grow(leaf, place)?;
                self.anchors.insert(anchor, leaf);
                if let Some(Open { node, kind: Kind::Mapping(key @ None), .. }) = self.open.last_mut() {
                    let text = text.into_owned();
                    let new = self.marks.add(*node, Segment::Key(text.clone()), place);
                    *key = Some(new.ok_or_else(|| (place, format!("duplicate key `{text}`")))?);
                } else {
                    self.begin_value(place);
                }
            }
            Event::Alias(anchor) => {
                let inside = || (place, "an alias stands in the value that it names".to_owned());
                let extent = self.anchors.get(&anchor).copied().ok_or_else(inside)?;
                self.grow(extent, place)?;
                self.begin_value(place);
            }
            Event::MappingStart(anchor, _) => self.begin(Kind::Mapping(None), anchor, place)?,
            Event::SequenceStart(anchor, _) => self.begin(Kind::List(0), anchor, place)?,
            Event::MappingEnd | Event::SequenceEnd => {
                if let Some(Open { anchor, before, height, .. }) = self.open.pop() {
                    self.anchors.insert(anchor, Extent { values: self.values - before, height });
                    self.reaches(height);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Counts what comes, and refuses what is too much.
    fn grow(&mut self, Extent { values, height }: Extent, place: TextSpan) -> Result<(), Refused> {
        self.values = self.values.saturating_add(values);
        if self.values > MOST_VALUES {
            return Err((place, format!("too large: a scenario has at most {MOST_VALUES} values")));
        }
        if self.open.len() + height >= DEEPEST {
            return Err((place, too_deep()));
        }
        self.reaches(height);
        Ok(())
    }

    /// Notes in the value that is open how deep one in it is.
    fn reaches(&mut self, height: usize) {
        if let Some(open) = self.open.last_mut() {
            open.height = open.height.max(height + 1);
        }
    }

    fn begin(&mut self, kind: Kind, anchor: usize, place: TextSpan) -> Result<(), Refused> {
        let before = self.values;
        self.grow(Extent { values: 1, height: 0 }, place)?;
        let node = self.begin_value(place);
        self.open.push(Open { node, kind, anchor, before, height: 0 });
        Ok(())
    }

    /// The node of the value that begins here; an element of a list gets its place noted.
    fn begin_value(&mut self, place: TextSpan) -> usize {
        match self.open.last_mut() {
            None => 0,
            Some(Open { node, kind: Kind::Mapping(key), .. }) => key.take().unwrap_or(*node),
            Some(Open { node, kind: Kind::List(next), .. }) => {
                let index = *next;
                *next += 1;
                self.marks.add(*node, Segment::Index(index), place).unwrap_or(*node)
            }
        }
    }
}

fn place_of(span: &Span) -> TextSpan {
    let length = if span.start.line() == span.end.line() {
        span.end.col().saturating_sub(span.start.col())
    } else {
        1
    };
    TextSpan { line: span.start.line(), column: span.start.col() + 1, length: length.max(1) }
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

    fn refused(text: &str) -> String {
        let error = Document::parse(Path::new("t.yaml"), text).unwrap_err();
        assert!(error.place.is_some() && error.to_string().len() < 1000, "{error}");
        error.message
    }

    #[test]
    fn what_is_too_deep_is_refused_before_it_is_read() {
        let deep = "too deep: at most 64 values contain one another";
        for text in ["[".repeat(50_000), "{a: ".repeat(50_000), "- ".repeat(50_000), "{? ".repeat(50_000)] {
            assert_eq!(refused(&text), deep);
        }
        let nested = |levels: usize| format!("a: {}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Document::parse(Path::new("t.yaml"), &nested(DEEPEST - 1)).is_ok());
        assert_eq!(refused(&nested(DEEPEST)), deep);
        let lines: String = (0..100).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
        assert_eq!(refused(&lines), deep);
    }

    #[test]
    fn what_aliases_stand_for_counts_at_each_of_them() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            bomb += &format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", "));
        }
        assert_eq!(refused(&bomb), "too large: a scenario has at most 50000 values");
        let mut chain = format!("a0: &a0 {}{}\n", "[".repeat(40), "]".repeat(40));
        chain += &format!("a1: {}*a0{}\n", "[".repeat(40), "]".repeat(40));
        assert!(refused(&chain).starts_with("too deep"));
        refused("a: &a [*a]\n");
        let document = document("a: &a { b: 1 }\nc: *a\n");
        assert_eq!(document.value, serde_json::json!({ "a": { "b": 1 }, "c": { "b": 1 } }));
    }

    #[test]
    fn what_is_too_large_is_refused() {
        assert_eq!(
            refused(&"- a\n".repeat(MOST_VALUES + 1)),
            "too large: a scenario has at most 50000 values"
        );
        assert!(Document::parse(Path::new("t.yaml"), &"- a\n".repeat(MOST_VALUES - 1)).is_ok());
        let long = "a".repeat(usize::try_from(Limit::SCENARIO.bytes).unwrap() + 1);
        let error = Document::parse(Path::new("t.yaml"), &long).unwrap_err();
        assert_eq!(error.message, "too large: a scenario has at most 1048576 bytes");
    }

    #[test]
    fn long_keys_are_kept_once_however_much_is_in_them() {
        let text = format!("? {}\n: [{}]\n", "k".repeat(500_000), "a, ".repeat(40_000));
        let document = document(&text);
        let key = |node: &Mark| {
            node.parts.keys().map(|key| matches!(key, Segment::Key(_))).filter(|is| *is).count()
        };
        assert_eq!(document.marks.nodes.iter().map(key).sum::<usize>(), 1);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_document() {
        let marked = document("\u{feff}a: 1\n");
        assert_eq!(marked.value, serde_json::json!({ "a": 1 }));
        assert_eq!(marked.place(&ValuePath::default().key("a")).map(|at| (at.line, at.column)), Some((1, 1)));
    }

    #[test]
    fn an_error_does_not_repeat_a_long_line() {
        let error =
            Document::parse(Path::new("t.yaml"), &format!("a: [{}", "b, ".repeat(10_000))).unwrap_err();
        assert!(error.to_string().len() < 1000, "{error}");
        let document = document(&format!("? {}\n: 1\n", "k".repeat(5_000)));
        let error = document.read::<IndexMap<String, bool>>().unwrap_err();
        assert!(error.to_string().len() < 1000, "{error}");
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
