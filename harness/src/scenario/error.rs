//! A broken scenario, reported so that its author can mend it: place, source line, and what was probably meant.

use std::fmt;
use std::path::{Path, PathBuf};

/// A place in a scenario's text. Lines and columns count from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
    /// Characters to underline; at least one.
    pub length: usize,
}

/// Why a scenario cannot be played. Nothing of it is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioError {
    /// The file.
    pub file: PathBuf,
    /// Where in it, if the trouble has a place.
    pub place: Option<Place>,
    /// What is wrong, as a lowercase fragment.
    pub message: String,
    /// What was probably meant, or what would work.
    pub help: Option<String>,
    /// The line of the file, for showing.
    pub source_line: Option<Box<str>>,
}

impl ScenarioError {
    /// Trouble with the file as a whole.
    #[must_use]
    pub fn whole(file: &Path, message: String) -> Self {
        Self { file: file.to_owned(), place: None, message, help: None, source_line: None }
    }
}

impl std::error::Error for ScenarioError {}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(Place { line, column, .. }) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)?;
        if let (Some(place), Some(source)) = (self.place, &self.source_line) {
            let number = place.line.to_string();
            let margin = " ".repeat(number.len());
            let indent: String =
                source.chars().take(place.column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            let under = "^".repeat(place.length.max(1));
            write!(f, "\n {margin} |\n {number} | {source}\n {margin} | {indent}{under}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  = help: {help}")?;
        }
        Ok(())
    }
}

/// The candidate nearest to `word`, if one is near enough to be what was meant.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| {
            (strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase()), candidate)
        })
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_suggested_and_a_far_one_is_not() {
        assert_eq!(nearest("trickel", ["trickle", "within"]), Some("trickle"));
        assert_eq!(
            nearest("createdatachanel", ["createOffer", "createDataChannel"]),
            Some("createDataChannel")
        );
        assert_eq!(nearest("zebra", ["trickle", "within"]), None);
    }

    #[test]
    fn the_message_shows_the_line_and_points_at_the_word() {
        let error = ScenarioError {
            file: "a.yaml".into(),
            place: Some(Place { line: 12, column: 3, length: 4 }),
            message: "unknown field `x`".to_owned(),
            help: Some("did you mean `y`?".to_owned()),
            source_line: Some("  abcd".into()),
        };
        assert_eq!(
            error.to_string(),
            "a.yaml:12:3: unknown field `x`\n    |\n 12 |   abcd\n    |   ^^^^\n  = help: did you mean `y`?"
        );
    }
}
