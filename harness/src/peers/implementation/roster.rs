//! The implementations of a run, by name.

use super::{Browser, Implementation, Stack};
use crate::peers::OpenError;
use crate::peers::browser::{Build, Kind};
use indexmap::IndexMap;
use std::sync::Arc;

/// How names of implementations are written, for messages. A name with a version after `@` is refused when the implementation says another.
pub const NAME: &str = "letters, digits, `_` and `.`, and perhaps `@` and a version";

/// Whether it can be the name of an implementation. `-` stands between the two of a case.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let (base, version) = name.split_once('@').map_or((name, None), |(base, version)| (base, Some(version)));
    let word = |text: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        !text.is_empty() && text.len() <= 40 && text.chars().all(allowed) && !text.starts_with('.')
    };
    word(base) && version.is_none_or(word)
}

/// The implementations that can play, in the order in which they were named.
#[derive(Debug, Clone)]
pub struct Roster(IndexMap<String, Arc<dyn Implementation>>);

impl Default for Roster {
    /// The reference stack, Chrome and Firefox.
    fn default() -> Self {
        let mut roster = Self(IndexMap::new());
        roster.add(Arc::new(Stack));
        for kind in [Kind::Chrome, Kind::Firefox] {
            roster.add(Arc::new(Browser::new(kind.name(), Build::of_this_machine(kind))));
        }
        roster
    }
}

impl Roster {
    /// Adds an implementation, or puts it in place of the one of that name.
    pub fn add(&mut self, implementation: Arc<dyn Implementation>) {
        self.0.insert(implementation.name().to_owned(), implementation);
    }

    /// The implementation of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Implementation>> {
        self.0.get(name)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Implementation>> {
        self.0.values()
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Makes sure that an implementation is of the version that its name says.
///
/// # Errors
/// It is not.
pub(crate) fn agrees(name: &str, version: &str) -> Result<(), OpenError> {
    match name.split_once('@') {
        Some((_, wanted)) if !is_of_version(wanted, version) => {
            Err(OpenError::Broken(format!("{name} is of version {version}")))
        }
        _ => Ok(()),
    }
}

/// Whether a version is the wanted one, or begins with it: 150.0.7871 is of version 150, and not of 15.
#[must_use]
pub fn is_of_version(wanted: &str, version: &str) -> bool {
    version.strip_prefix(wanted).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_leave_the_dash_between_them() {
        for good in ["stack", "chrome@150", "my_stack", "webrtc.rs@0.17", "A1"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "a-b", "@1", "a@", "a@b@c", "../x", ".hidden", "a b", "ä", &"x".repeat(41)] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn a_version_in_the_name_is_the_one_that_plays() {
        assert!(agrees("chrome", "156.0.1").is_ok());
        assert!(agrees("chrome@156", "156.0.1").is_ok());
        assert!(agrees("chrome@156.0.1", "156.0.1").is_ok());
        assert!(agrees("chrome@15", "156.0.1").is_err());
        assert!(agrees("chrome@150", "156.0.1").is_err());
    }
}
