//! A broken scenario, reported so that its author can mend it: place, source line, and what was probably meant.

use crate::terminal::clean;
use peerproof_reports::escape::shortened;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// How many characters of a line of the file are shown, around the place.
const WIDEST: usize = 100;
/// How many of them before the place.
const BEFORE: usize = 60;
/// Longest message of a reader of TOML, in characters.
const LONGEST_TOML: usize = 300;
/// A longer word is meant for nothing that is known.
const LONGEST_WORD: usize = 100;

/// A place in a scenario's text. Lines and columns count from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextSpan {
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
    pub place: Option<TextSpan>,
    /// What is wrong, as a lowercase fragment.
    pub message: String,
    /// What was probably meant, or what would work.
    pub help: Option<Box<str>>,
    /// The line of the file, for showing.
    pub source_line: Option<Box<str>>,
    /// Whether it names a scenario that was not read.
    pub is_unknown_scenario: bool,
}

impl ScenarioError {
    /// Trouble with the file as a whole.
    #[must_use]
    pub fn whole(file: &Path, message: String) -> Self {
        Self {
            file: file.to_owned(),
            place: None,
            message,
            help: None,
            source_line: None,
            is_unknown_scenario: false,
        }
    }

    /// What is wrong with a file of TOML, shown in the same way: the reader's own error repeats the whole line.
    #[must_use]
    pub fn of_toml(file: &Path, text: &str, error: &toml::de::Error) -> Self {
        let message = shortened(error.message(), LONGEST_TOML).into_owned();
        Self::within(file, text, error.span(), message)
    }

    /// Trouble with a range of the bytes of a file, if it has a place.
    #[must_use]
    pub fn within(file: &Path, text: &str, range: Option<Range<usize>>, message: String) -> Self {
        let place = range.map(|range| {
            let before = text.get(..range.start).unwrap_or_default();
            let line = before.rsplit('\n').next().unwrap_or_default();
            let within = text.get(range).and_then(|it| it.lines().next()).unwrap_or_default();
            TextSpan {
                line: before.matches('\n').count() + 1,
                column: line.chars().count() + 1,
                length: within.chars().count().max(1),
            }
        });
        let source = place.and_then(|place| text.lines().nth(place.line - 1));
        Self { source_line: source.map(Box::from), place, ..Self::whole(file, message) }
    }
}

impl std::error::Error for ScenarioError {}

impl From<ScenarioError> for Vec<ScenarioError> {
    fn from(error: ScenarioError) -> Self {
        vec![error]
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", clean(&self.file.display().to_string()))?;
        if let Some(TextSpan { line, column, .. }) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", clean(&self.message))?;
        if let (Some(place), Some(source)) = (self.place, &self.source_line) {
            let number = place.line.to_string();
            let margin = " ".repeat(number.len());
            let Excerpt { text, indent, under } = excerpt(source, place);
            write!(f, "\n {margin} |\n {number} | {text}\n {margin} | {indent}{}", "^".repeat(under))?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  = help: {}", clean(help))?;
        }
        Ok(())
    }
}

/// The part of a line around a place.
struct Excerpt {
    text: String,
    /// What is as wide as the text before the place.
    indent: String,
    /// Characters to underline.
    under: usize,
}

fn excerpt(source: &str, place: TextSpan) -> Excerpt {
    let before = place.column.saturating_sub(1);
    let skipped = before.saturating_sub(BEFORE);
    let mut rest = source.chars().skip(skipped);
    let mut text = if skipped > 0 { "…".to_owned() } else { String::new() };
    let mut indent = if skipped > 0 { " ".to_owned() } else { String::new() };
    let mut shown = 0;
    for c in rest.by_ref().take(WIDEST) {
        let tab = c == '\t';
        if shown < before - skipped {
            indent.push(if tab { '\t' } else { ' ' });
        }
        if tab {
            text.push(c);
        } else {
            text.push_str(&clean(c.encode_utf8(&mut [0; 4])));
        }
        shown += 1;
    }
    if rest.next().is_some() {
        text.push('…');
    }
    let under = place.length.min(shown.saturating_sub(before - skipped)).max(1);
    Excerpt { text, indent, under }
}

/// The candidate nearest to `word`, if one is near enough to be what was meant.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The distance takes time and memory by the product of both lengths.
    if word.len() > LONGEST_WORD {
        return None;
    }
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
    fn of_a_long_line_the_part_around_the_place_is_shown_and_nothing_of_it_steers_the_terminal() {
        let line = format!("{}\u{1b}[2Jword{}", "x".repeat(5_000), "y".repeat(5_000));
        let error = ScenarioError {
            file: "a\u{1b}.yaml".into(),
            place: Some(TextSpan { line: 1, column: 5_005, length: 4 }),
            message: "unknown\nword".to_owned(),
            help: Some("\u{202e}".into()),
            source_line: Some(line.into()),
            is_unknown_scenario: false,
        };
        let shown = error.to_string();
        assert!(shown.len() < 500 && shown.contains("…xxx") && shown.contains("\u{fffd}[2Jword"), "{shown}");
        assert!(!shown.contains(['\u{1b}', '\u{202e}']) && shown.lines().count() == 5, "{shown}");
        let lines: Vec<&str> = shown.lines().collect();
        let column = |text: &str, at: &str| text.split(at).next().unwrap().chars().count();
        assert_eq!(column(lines[2], "word"), column(lines[3], "^"), "{shown}");
        assert_eq!(lines[3].matches('^').count(), 4);
    }

    #[test]
    fn the_message_shows_the_line_and_points_at_the_word() {
        let error = ScenarioError {
            file: "a.yaml".into(),
            place: Some(TextSpan { line: 12, column: 3, length: 4 }),
            message: "unknown field `x`".to_owned(),
            help: Some("did you mean `y`?".into()),
            source_line: Some("  abcd".into()),
            is_unknown_scenario: false,
        };
        assert_eq!(
            error.to_string(),
            "a.yaml:12:3: unknown field `x`\n    |\n 12 |   abcd\n    |   ^^^^\n  = help: did you mean `y`?"
        );
    }
}
