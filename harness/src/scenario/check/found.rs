//! Errors as they are found.

use super::super::document::{Document, ValuePath};
use super::super::error::{ScenarioError, nearest};

/// What was found.
pub(super) struct Found<'a> {
    pub(super) document: &'a Document,
    pub(super) errors: Vec<ScenarioError>,
}

impl<'a> Found<'a> {
    /// Nothing yet.
    pub(super) fn new(document: &'a Document) -> Self {
        Self { document, errors: Vec::new() }
    }

    /// Something is wrong at a place.
    pub(super) fn add(&mut self, path: &ValuePath, message: impl Into<String>) {
        self.errors.push(self.document.error(path, message, None));
    }

    /// The same, with what would be right.
    pub(super) fn help(&mut self, path: &ValuePath, message: impl Into<String>, help: impl Into<String>) {
        self.errors.push(self.document.error(path, message, Some(help.into())));
    }

    /// A word is none of those that are known.
    pub(super) fn unknown(&mut self, path: &ValuePath, message: String, word: &str, known: &[&str]) {
        let help = match nearest(word, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known: {}", known.join(", ")),
        };
        self.help(path, message, help);
    }
}
