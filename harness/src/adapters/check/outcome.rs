//! What a check comes to, and the report of all.

use super::suite::Family;
use crate::terminal::clean;
use serde::Serialize;

/// Most characters of a program's line that are shown.
const SHOWN: usize = 200;
/// Most characters of what was expected and of what came, which may hold such a line and more.
const MOST_TEXT: usize = 500;

/// A line as it can be shown: without control characters, and not too long.
#[must_use]
pub(super) fn shortened(line: &str) -> String {
    bounded(line, SHOWN)
}

fn bounded(line: &str, most: usize) -> String {
    let start: String = line.chars().take(most).collect();
    let more = if start.len() < line.len() { format!("… ({} bytes)", line.len()) } else { String::new() };
    clean(&start) + &more
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Outcome {
    /// As the protocol asks.
    Works,
    /// The protocol is violated.
    Violates {
        /// What the protocol asks for.
        expected: String,
        /// What was there instead.
        came: String,
    },
    /// The implementation does other than the standard asks, and says so truly, as it should. Scenarios show it too.
    Deviates {
        /// What the standard asks for.
        expected: String,
        /// What was there instead.
        came: String,
    },
    /// The peer cannot do it and says so, as it should.
    Unsupported {
        /// In its words.
        reason: String,
    },
    /// There was no way to try it.
    NotTried {
        /// Why.
        because: String,
    },
}

/// What was tried: its fruit, or what it came to instead of working.
pub(super) type Tried<T = ()> = Result<T, Outcome>;

/// The protocol is violated. Both texts may hold what the program said.
pub(super) fn violates<T>(expected: impl AsRef<str>, came: impl AsRef<str>) -> Tried<T> {
    let [expected, came] = [expected.as_ref(), came.as_ref()].map(|text| bounded(text, MOST_TEXT));
    Err(Outcome::Violates { expected, came })
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// What has to hold.
    pub name: String,
    /// Whether it does.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What is worth knowing even so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Checks that belong together; each group has processes of its own.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    /// What they are about.
    pub title: &'static str,
    /// The checks.
    pub checks: Vec<Check>,
}

impl Group {
    pub(super) fn new(title: &'static str) -> Self {
        Self { title, checks: Vec::new() }
    }

    /// Notes what a check came to, and hands on its fruit.
    pub(super) fn add<T>(&mut self, name: impl Into<String>, tried: Tried<T>) -> Option<T> {
        let (outcome, fruit) = match tried {
            Ok(fruit) => (Outcome::Works, Some(fruit)),
            Err(outcome) => (outcome, None),
        };
        self.checks.push(Check { name: name.into(), outcome, note: None });
        fruit
    }

    /// Says more about the last check.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        if let Some(check) = self.checks.last_mut() {
            check.note = Some(note.into());
        }
    }

    /// A check for which there was no way.
    pub(super) fn skip(&mut self, name: impl Into<String>, because: impl Into<String>) {
        let _: Option<()> = self.add(name, Err(Outcome::NotTried { because: because.into() }));
    }
}

/// All that was found out about a program.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How it was started.
    pub command: Vec<String>,
    /// The implementation that it is, in its own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub implementation: Option<String>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The checks.
    pub groups: Vec<Group>,
    /// The scenarios of the suite for which it has all commands, by family.
    pub scenarios: Vec<Family>,
}

impl Report {
    /// How many checks found a violation.
    #[must_use]
    pub fn violations(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Violates { .. }))
    }

    /// How many checks came to such an outcome.
    #[must_use]
    pub fn count(&self, of: impl Fn(&Outcome) -> bool) -> usize {
        self.groups.iter().flat_map(|group| &group.checks).filter(|check| of(&check.outcome)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_shown_short_and_harmless() {
        assert_eq!(shortened("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
        let long = "é".repeat(1000);
        let shown = shortened(&long);
        assert!(shown.starts_with("éé") && shown.ends_with("é… (2000 bytes)"), "{shown}");
        assert_eq!(shown.chars().count(), SHOWN + "… (2000 bytes)".chars().count());
    }

    #[test]
    fn violations_are_counted() {
        let mut group = Group::new("a group");
        assert_eq!(group.add("good", Ok(7)), Some(7));
        assert_eq!(group.add::<()>("bad", violates("this", "that")), None);
        group.note("and so on");
        group.skip("other", "of that");
        let report = Report {
            command: Vec::new(),
            implementation: None,
            version: None,
            groups: vec![group],
            scenarios: Vec::new(),
        };
        assert_eq!(report.violations(), 1);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["groups"][0]["checks"][1]["result"], "violates");
        assert_eq!(json["groups"][0]["checks"][1]["note"], "and so on");
    }
}
