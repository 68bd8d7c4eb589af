//! The implementations of a run, by name.

use super::{Browser, Implementation, Stack};
use crate::peers::browser::{Build, Kind};
use indexmap::IndexMap;
use std::sync::Arc;

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
