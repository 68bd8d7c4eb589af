//! All that is wrong with the types of a document: what is wrong is taken out or put right as the help says, and the rest read again.

use super::super::error::{ScenarioError, TextSpan, nearest};
use super::{Document, Mark, Marks, Segment, ValuePath};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most repairs of one document: each reads it anew.
const MOST_REPAIRS: usize = 100;

/// Keys of a scenario on which what happens depends.
const ACTING: [&str; 4] = ["peers", "servers", "network", "steps"];

/// Why a value is not of a type.
#[derive(Debug)]
pub enum Refusal {
    /// In serde's words, at a path.
    Type(ValuePath, String),
    /// In our own. What stands at the path is taken out.
    Error(ValuePath, Box<ScenarioError>),
}

impl From<(ValuePath, String)> for Refusal {
    fn from((path, message): (ValuePath, String)) -> Self {
        Self::Type(path, message)
    }
}

/// What could be read of a document.
#[derive(Debug)]
pub struct Salvaged<T> {
    /// The value; nothing if too much is wrong.
    pub value: Option<T>,
    /// The document without what is wrong.
    pub document: Document,
    /// All that is wrong, as found.
    pub errors: Vec<ScenarioError>,
}

/// What is no longer in a document, and what follows from that.
#[derive(Debug, Clone, Default)]
pub(super) struct Lost {
    /// Values of which something is gone: the node, its key, and the key that was meant.
    wounds: Vec<(Option<usize>, String, Option<String>)>,
    /// Words that stand for another one, by their nodes.
    assumed: Vec<usize>,
    places: Vec<Option<TextSpan>>,
    /// Something is gone of what peers, servers and steps are.
    acting: bool,
    /// Every key and text of what is gone: names that something else may refer to.
    words: BTreeSet<String>,
}

impl Lost {
    /// Whether a key is missing since it was taken out, under this name or a similar one.
    fn has(&self, node: Option<usize>, key: &str) -> bool {
        self.wounds
            .iter()
            .any(|(of, gone, meant)| *of == node && (gone == key || meant.as_deref() == Some(key)))
    }

    fn wounded(&self, node: Option<usize>) -> bool {
        self.wounds.iter().any(|(of, ..)| *of == node)
            || node.is_some_and(|node| self.assumed.contains(&node))
    }
}

impl Document {
    /// Whether nothing was taken out of what peers, servers and steps are.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.lost.as_ref().is_none_or(|lost| !lost.acting)
    }

    /// Whether an error may be due to what was taken out: it is where something is missing, or names what stood there.
    #[must_use]
    pub fn explains(&self, error: &ScenarioError) -> bool {
        self.lost.as_ref().is_some_and(|lost| {
            lost.places.contains(&error.place) || quoted(&error.message).any(|word| lost.words.contains(word))
        })
    }

    /// Reads as much as can be read. `missing` stands in for keys that the root lacks.
    pub fn salvage<T>(
        mut self,
        missing: &[(&str, Value)],
        read: impl Fn(&Value) -> Result<T, Refusal>,
    ) -> Salvaged<T> {
        let mut errors = Vec::new();
        for _ in 0..MOST_REPAIRS {
            let repaired = match read(&self.value) {
                Ok(value) => return Salvaged { value: Some(value), document: self, errors },
                Err(Refusal::Error(path, error)) => {
                    errors.push(*error);
                    self.take_out(&path, None)
                }
                Err(Refusal::Type(path, message)) => self.repair(&path, &message, missing, &mut errors),
            };
            if repaired.is_none() {
                break;
            }
        }
        Salvaged { value: None, document: self, errors }
    }

    /// Takes out or replaces what serde refuses at a path; nothing if that is the whole.
    fn repair(
        &mut self,
        path: &ValuePath,
        message: &str,
        missing: &[(&str, Value)],
        errors: &mut Vec<ScenarioError>,
    ) -> Option<()> {
        let mut path = self.existing(path);
        // Of a key that is not known the path names the key, not the mapping.
        let is_key = matches!(path.0.last(), Some(Segment::Key(key)) if quoted(message).next() == Some(key));
        if message.starts_with("unknown field") && is_key {
            path.0.pop();
        }
        let node = self.marks.find(self.root, &path);
        let error = self.type_error(&path, message);
        let mut words = quoted(message);
        let word = words.next().unwrap_or_default();
        let meant = || nearest(word, quoted(message).skip(1));
        let child = path.key(word);
        if message.starts_with("missing field") {
            if !self.lost().has(node, word) {
                errors.push(error);
            }
            if !path.0.is_empty() {
                return self.take_out(&path, None);
            }
            let (_, stand_in) = missing.iter().find(|(key, _)| *key == word)?;
            self.value.as_object_mut()?.insert(word.to_owned(), stand_in.clone());
            self.lost().wounds.push((node, word.to_owned(), None));
            self.lost().places.push(None);
            return Some(());
        }
        if message.starts_with("unknown ") && self.at(&child).is_some() {
            errors.push(error);
            let near = meant().filter(|near| self.at(&path.key(near)).is_none()).map(str::to_owned);
            return match near {
                Some(near) => self.rename(&path, word, &near),
                None => self.take_out(&child, meant()),
            };
        }
        let stands = self.at(&path).and_then(Value::as_str) == Some(word);
        if message.starts_with("unknown variant") && stands {
            errors.push(error);
            let instead = meant().or_else(|| quoted(message).nth(1));
            if let (Some(instead), Some(node)) = (instead, node) {
                *self.value_at(&path)? = Value::String(instead.to_owned());
                self.lost().assumed.push(node);
                return Some(());
            }
            return self.take_out(&path, None);
        }
        // What a step lacks may have stood in the part of its peer.
        let parts: Vec<Option<usize>> = match self.at(&path) {
            Some(Value::Object(parts)) => {
                parts.keys().map(|key| self.marks.find(self.root, &path.key(key))).collect()
            }
            _ => Vec::new(),
        };
        if ![node].into_iter().chain(parts).any(|node| self.lost().wounded(node)) {
            errors.push(error);
        }
        self.take_out(&path, None)
    }

    fn lost(&mut self) -> &mut Lost {
        self.lost.get_or_insert_default()
    }

    fn value_at(&mut self, path: &ValuePath) -> Option<&mut Value> {
        path.0.iter().try_fold(&mut self.value, |value, segment| match segment {
            Segment::Index(index) => value.get_mut(*index),
            Segment::Key(key) => value.get_mut(key.as_str()),
        })
    }

    /// As much of a path as there is.
    fn existing(&self, path: &ValuePath) -> ValuePath {
        let mut there = path.clone();
        while self.at(&there).is_none() && there.0.pop().is_some() {}
        there
    }

    /// Takes out what stands at a path; nothing if it is the root. `meant` is what its key was meant to be.
    fn take_out(&mut self, path: &ValuePath, meant: Option<&str>) -> Option<()> {
        let (last, parent) = path.0.split_last()?;
        let parent = ValuePath(parent.to_vec());
        let node = self.marks.find(self.root, &parent);
        let place = self.place(&parent);
        let holder = self.value_at(&parent)?;
        let (key, gone) = match last {
            Segment::Index(index) => {
                let list = holder.as_array_mut().filter(|list| *index < list.len())?;
                (String::new(), list.remove(*index))
            }
            Segment::Key(key) => (key.clone(), holder.as_object_mut()?.shift_remove(key)?),
        };
        let acting = path.0.first().is_some_and(|first| match first {
            Segment::Key(key) => ACTING.contains(&key.as_str()),
            Segment::Index(_) => false,
        });
        let lost = self.lost();
        lost.acting |= acting;
        words(&gone, &mut lost.words);
        if !key.is_empty() {
            lost.words.insert(key.clone());
        }
        lost.wounds.push((node, key, meant.map(str::to_owned)));
        lost.places.push(place);
        if let (Some(node), Segment::Index(index)) = (node, last) {
            Arc::make_mut(&mut self.marks).move_up(node, *index);
        }
        Some(())
    }

    /// Gives a value another key, at its place.
    fn rename(&mut self, path: &ValuePath, from: &str, to: &str) -> Option<()> {
        let node = self.marks.find(self.root, path);
        let map = self.value_at(path)?.as_object_mut()?;
        let renamed = |(key, value): (String, Value)| (if key == from { to.to_owned() } else { key }, value);
        *map = std::mem::take(map).into_iter().map(renamed).collect();
        if let Some(mark) = node.and_then(|node| Arc::make_mut(&mut self.marks).nodes.get_mut(node))
            && let Some(part) = mark.parts.shift_remove(&Segment::Key(from.to_owned()))
        {
            mark.parts.insert(Segment::Key(to.to_owned()), part);
        }
        Some(())
    }
}

impl Marks {
    /// The elements behind one that is taken out of a list move up.
    fn move_up(&mut self, list: usize, gone: usize) {
        let Some(Mark { parts, .. }) = self.nodes.get_mut(list) else { return };
        let moved = std::mem::take(parts).into_iter().filter_map(|(segment, node)| match segment {
            Segment::Index(index) if index == gone => None,
            Segment::Index(index) if index > gone => Some((Segment::Index(index - 1), node)),
            segment => Some((segment, node)),
        });
        *parts = moved.collect();
    }
}

/// Collects every key and text of a value.
pub fn words(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(into.insert(text.clone())),
        Value::Array(list) => list.iter().for_each(|value| words(value, into)),
        Value::Object(map) => {
            for (key, value) in map {
                into.insert(key.clone());
                words(value, into);
            }
        }
        _ => {}
    }
}

/// The words of a message that stand in backticks.
pub fn quoted(message: &str) -> impl Iterator<Item = &str> {
    message.split('`').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::super::read_value;
    use super::*;
    use serde::Deserialize;
    use std::path::Path;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        One,
        Two,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Element {
        name: String,
        #[serde(default)]
        word: Option<Word>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Whole {
        #[expect(dead_code, reason = "only that it is there matters")]
        title: String,
        list: Vec<Element>,
    }

    fn salvaged(text: &str) -> (Salvaged<Whole>, Vec<String>) {
        let document = Document::parse(Path::new("t.yaml"), text).unwrap();
        let missing = [("title", Value::String(String::new()))];
        let salvaged = document.salvage(&missing, |value| Ok(read_value::<Whole>(value)?));
        let shown = salvaged.errors.iter().map(|error| {
            let at = error.place.map(|at| format!("{}:{}", at.line, at.column)).unwrap_or_default();
            format!("{at} {}", error.message)
        });
        let shown = shown.collect();
        (salvaged, shown)
    }

    #[test]
    fn what_is_wrong_is_told_once_and_the_rest_is_read_with_its_places() {
        let (salvaged, shown) = salvaged(
            "tite: t\nnosuch: 1\nlist:\n  - { nam: a, word: tow }\n  - { name: 5 }\n  - 7\n  - { name: b, word: [] }\n",
        );
        assert_eq!(
            shown,
            [
                "1:1 unknown key `tite`",
                "2:1 unknown key `nosuch`",
                "4:7 unknown key `nam`",
                "4:15 unknown word `tow`",
                "5:7 expected a text, not 5",
                "6:5 expected a mapping, not 7",
                "7:16 expected a word or a mapping, not a list",
            ]
        );
        let list = salvaged.value.unwrap().list;
        assert_eq!(list.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(matches!(list[0].word, Some(Word::Two)) && list[1].word.is_none());
        let second = ValuePath::default().key("list").index(1).key("name");
        assert_eq!(salvaged.document.line(&second), Some(7), "what is behind moves up with its place");
    }

    #[test]
    fn a_key_that_is_missing_is_told_unless_it_was_taken_out() {
        assert_eq!(salvaged("list: []\n").1, [" missing key `title`"]);
        assert_eq!(
            salvaged("title: []\nlist: [{}]\n").1,
            ["1:1 expected a text, not a list", "2:8 missing key `name`"]
        );
        assert!(salvaged("title: t\n").0.value.is_none(), "nothing stands in for it");
    }

    #[test]
    fn what_follows_from_a_loss_is_explained_by_it() {
        let (salvaged, _) = salvaged("title: t\nlist:\n  - { name: [gone] }\n  - { name: kept }\n");
        let document = salvaged.document;
        let at = |path: &ValuePath, message: &str| document.error(path, message, None);
        let list = ValuePath::default().key("list");
        assert!(document.explains(&at(&list, "too short")));
        assert!(document.explains(&at(&list.index(0).key("name"), "nothing is named `gone`")));
        assert!(!document.explains(&at(&list.index(0).key("name"), "nothing is named `kept`")));
    }

    #[test]
    fn it_ends_however_much_is_wrong() {
        let (salvaged, shown) = salvaged(&format!("title: t\nlist: [{}]\n", "1, ".repeat(10_000)));
        assert!(salvaged.value.is_none());
        assert_eq!(shown.len(), MOST_REPAIRS);
        assert!(super::super::super::load::in_order(salvaged.errors).len() < 30);
    }
}
