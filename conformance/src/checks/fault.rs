//! The kinds of fault that checks find, by stable names.

use indexmap::IndexMap;
use std::sync::OnceLock;

/// A kind of fault: a short kebab-case word that means one thing in one check, such as `no-parameter-sets`. Known deviations and users
/// go by it, so it stays when the sentence of the violation changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault(pub &'static str);

/// The faults that the check of a requirement can find, in the order of its file; none if no check decides it.
#[must_use]
pub fn of(requirement: &str) -> &'static [&'static str] {
    static ALL: OnceLock<IndexMap<&'static str, Vec<&'static str>>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let lines = include_str!("../../faults.txt").lines();
        lines
            .filter_map(|line| line.split_once(": "))
            .map(|(id, all)| (id, all.split(' ').collect()))
            .collect()
    });
    all.get(requirement).map_or(&[], Vec::as_slice)
}
