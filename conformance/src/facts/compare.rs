//! What changed between two runs: verdicts, and facts by implementation.
//!
//! A member of a fact is new if every case of a scenario with that implementation has it after and none of any scenario had it before, and
//! gone the other way round. What some cases show and others do not, in the same run, is chance and no change. States and requirements depend on
//! what a scenario does, so they are compared scenario by scenario, where both runs show them. Controls count by their verdicts alone.

use super::{Ended, Fact, Facts};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The family of controls, in which something is broken on purpose.
const CONTROLS: &str = "controls/";

/// What differs between two runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Comparison {
    /// The versions that played, where they differ, by implementation.
    pub versions: BTreeMap<String, Versions>,
    /// How many cases both have.
    pub cases: usize,
    /// Cases that ended otherwise.
    pub verdicts: Vec<VerdictChange>,
    /// What changed in the facts.
    pub changes: Vec<Change>,
    /// Cases that only the first run has.
    pub only_before: Vec<String>,
    /// Cases that only the second run has.
    pub only_after: Vec<String>,
}

/// The versions of an implementation in two runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Versions {
    /// In the first.
    pub before: BTreeSet<String>,
    /// In the second.
    pub after: BTreeSet<String>,
}

/// A case that ended otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct VerdictChange {
    /// The case.
    pub case: String,
    /// How it ended in the first run.
    pub before: Option<Ended>,
    /// How in the second.
    pub after: Option<Ended>,
}

/// A fact that changed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Change {
    /// Whose it is.
    pub implementation: String,
    /// Its name.
    pub fact: String,
    /// What it has and had not.
    pub added: Vec<String>,
    /// What it had and has no more.
    pub removed: Vec<String>,
    /// The new order, where only that changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Vec<String>>,
    /// In how many scenarios.
    pub scenarios: usize,
    /// One of the cases that show it, in the second run (or in the first, where it is gone).
    pub case: String,
    /// The frame there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
}

/// A case's name without the versions of its peers: `data/echo/chrome@150-stack` is `data/echo/chrome-stack`.
fn plain(case: &str) -> String {
    let mut text = String::new();
    let mut in_version = false;
    for c in case.chars() {
        match c {
            '@' => in_version = true,
            '-' | '/' => in_version = false,
            _ => {}
        }
        if !in_version {
            text.push(c);
        }
    }
    text
}

fn scenario(case: &str) -> &str {
    case.rsplit_once('/').map_or(case, |(scenario, _)| scenario)
}

/// What the cases of a scenario show of an implementation in one fact.
#[derive(Default)]
struct Shown<'a> {
    /// How many peers were looked at.
    peers: usize,
    facts: Vec<(&'a Fact, &'a str)>,
}

impl<'a> Shown<'a> {
    /// What all show, and what any shows. A peer without the fact shows nothing.
    fn members(&self) -> (BTreeSet<&'a str>, BTreeSet<&'a str>) {
        let of = |fact: &'a Fact| fact.values.iter().map(String::as_str).collect::<BTreeSet<_>>();
        let any = self.facts.iter().flat_map(|(fact, _)| of(fact)).collect();
        if self.facts.len() < self.peers {
            return (BTreeSet::new(), any);
        }
        let all = self.facts.iter().map(|(fact, _)| of(fact)).reduce(|one, other| &one & &other);
        (all.unwrap_or_default(), any)
    }

    fn orders(&self) -> BTreeSet<&'a [String]> {
        self.facts.iter().filter(|(fact, _)| fact.ordered).map(|(fact, _)| fact.values.as_slice()).collect()
    }

    fn example(&self, member: &str) -> Option<(&'a str, Option<u64>)> {
        let shows = |fact: &Fact| fact.values.iter().any(|value| value == member);
        self.facts.iter().find(|(fact, _)| shows(fact)).map(|(fact, case)| (*case, fact.frame))
    }
}

/// What makes two changes the same: implementation, fact, what was added and removed, and the new order.
type Of = (String, String, Vec<String>, Vec<String>, Option<Vec<String>>);
type Key<'a> = (&'a str, &'a str, &'a str);

fn shown<'a>(run: &[&'a Facts], facts: &BTreeSet<(&'a str, &'a str)>) -> BTreeMap<Key<'a>, Shown<'a>> {
    let mut all: BTreeMap<Key<'a>, Shown<'a>> = BTreeMap::new();
    for case in run {
        for peer in &case.peers {
            let of = peer.implementation.as_str();
            for (_, fact) in facts.iter().filter(|(implementation, _)| *implementation == of) {
                let shown = all.entry((scenario(&case.case), of, fact)).or_default();
                shown.peers += 1;
                shown.facts.extend(peer.facts.get(*fact).map(|fact| (fact, case.case.as_str())));
            }
        }
    }
    all
}

/// Whether a fact depends on what the scenario does.
fn is_of_a_scenario(fact: &str) -> bool {
    ["requirement ", "states of "].iter().any(|head| fact.starts_with(head))
}

/// What any case of any scenario shows.
fn ever<'a>(run: &BTreeMap<Key<'a>, Shown<'a>>) -> BTreeMap<(&'a str, &'a str), BTreeSet<&'a str>> {
    let mut all: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for ((_, implementation, fact), shown) in run {
        all.entry((implementation, fact)).or_default().extend(shown.members().1);
    }
    all
}

/// Compares two runs by the cases that both have.
#[must_use]
pub fn compare(before: &[Facts], after: &[Facts]) -> Comparison {
    let by_name = |run: &'_ [Facts]| -> BTreeMap<String, usize> {
        run.iter().enumerate().map(|(n, facts)| (plain(&facts.case), n)).collect()
    };
    let (names, later) = (by_name(before), by_name(after));
    let mut comparison = Comparison::default();
    let only = |one: &BTreeMap<String, usize>, other: &BTreeMap<String, usize>| -> Vec<String> {
        one.keys().filter(|name| !other.contains_key(*name)).cloned().collect()
    };
    (comparison.only_before, comparison.only_after) = (only(&names, &later), only(&later, &names));
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for (name, n) in &names {
        let (Some(one), Some(other)) = (before.get(*n), later.get(name).and_then(|m| after.get(*m))) else {
            continue;
        };
        comparison.cases += 1;
        if one.verdict != other.verdict {
            comparison.verdicts.push(VerdictChange {
                case: name.clone(),
                before: one.verdict.clone(),
                after: other.verdict.clone(),
            });
        }
        for (facts, is_after) in [(one, false), (other, true)] {
            for peer in facts.peers.iter().filter(|peer| !peer.version.is_empty()) {
                let versions = comparison.versions.entry(peer.implementation.clone()).or_default();
                let of = if is_after { &mut versions.after } else { &mut versions.before };
                of.insert(peer.version.clone());
            }
        }
        if !name.starts_with(CONTROLS) {
            first.push(one);
            second.push(other);
        }
    }
    comparison.versions.retain(|_, versions| versions.before != versions.after);
    comparison.changes = changes(&first, &second);
    comparison
}

fn changes<'a>(before: &[&'a Facts], after: &[&'a Facts]) -> Vec<Change> {
    let peers = before.iter().chain(after).flat_map(|case| &case.peers);
    let facts: BTreeSet<(&str, &str)> = peers
        .flat_map(|peer| peer.facts.keys().map(|fact| (peer.implementation.as_str(), fact.as_str())))
        .collect();
    let (one, other) = (shown(before, &facts), shown(after, &facts));
    let (ever_before, ever_after) = (ever(&one), ever(&other));
    let mut found: BTreeMap<Of, Change> = BTreeMap::new();
    for (key, before) in &one {
        let Some(after) = other.get(key) else { continue };
        let ((all_before, any_before), (all_after, any_after)) = (before.members(), after.members());
        let owned = |set: BTreeSet<&str>| set.into_iter().map(str::to_owned).collect::<Vec<String>>();
        let (_, implementation, fact) = key;
        let (any_before, any_after) = if is_of_a_scenario(fact) {
            if before.facts.is_empty() || after.facts.is_empty() {
                continue;
            }
            (any_before, any_after)
        } else {
            let of = (*implementation, *fact);
            let anywhere = |all: &BTreeMap<(&'a str, &'a str), BTreeSet<&'a str>>| all.get(&of).cloned();
            (anywhere(&ever_before).unwrap_or_default(), anywhere(&ever_after).unwrap_or_default())
        };
        let added = owned(&all_after - &any_before);
        let removed = owned(&all_before - &any_after);
        let (orders, new_orders) = (before.orders(), after.orders());
        let reordered = added.is_empty() && removed.is_empty() && orders.is_disjoint(&new_orders);
        let order = new_orders.first().filter(|_| reordered && !orders.is_empty()).map(|it| it.to_vec());
        if added.is_empty() && removed.is_empty() && order.is_none() {
            continue;
        }
        let example = match (added.first(), removed.first()) {
            (Some(member), _) => after.example(member),
            (None, Some(member)) => before.example(member),
            (None, None) => after.facts.first().map(|(fact, case)| (*case, fact.frame)),
        };
        let (case, frame) = example.unwrap_or_default();
        let of = ((*implementation).to_owned(), (*fact).to_owned(), added, removed, order);
        let (implementation, fact, added, removed, order) = of.clone();
        let new = Change {
            implementation,
            fact,
            added,
            removed,
            order,
            scenarios: 0,
            case: case.to_owned(),
            frame,
        };
        found.entry(of).or_insert(new).scenarios += 1;
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::super::About;
    use super::*;

    fn case(name: &str, values: &[&str]) -> Facts {
        let fact = Fact {
            values: values.iter().map(|it| (*it).to_owned()).collect(),
            ordered: true,
            frame: Some(4),
        };
        let facts =
            if values.is_empty() { BTreeMap::new() } else { BTreeMap::from([("groups".to_owned(), fact)]) };
        let peer = About { implementation: "chrome".to_owned(), version: "156".to_owned(), facts };
        Facts { case: name.to_owned(), verdict: None, peers: vec![peer] }
    }

    fn changed(before: &[Facts], after: &[Facts]) -> Vec<(Vec<String>, Vec<String>, bool)> {
        let changes = compare(before, after).changes;
        changes.into_iter().map(|it| (it.added, it.removed, it.order.is_some())).collect()
    }

    #[test]
    fn what_all_cases_show_and_none_did_is_a_change() {
        let before = [case("a/b/chrome@150-stack", &["x", "y"]), case("a/b/stack-chrome@150", &["y", "x"])];
        let after = [case("a/b/chrome-stack", &["x", "z"]), case("a/b/stack-chrome", &["x", "z", "y"])];
        assert_eq!(changed(&before, &after), [(vec!["z".to_owned()], vec![], false)]);
        assert_eq!(changed(&before, &before), []);
        let comparison = compare(&before, &after);
        assert_eq!((comparison.cases, comparison.changes[0].frame), (2, Some(4)));
        assert_eq!(comparison.changes[0].case, "a/b/chrome-stack");
    }

    #[test]
    fn a_fact_that_comes_or_goes_and_another_order_are_changes() {
        let (none, one) = ([case("a/b/c-d", &[])], [case("a/b/c-d", &["x"])]);
        assert_eq!(changed(&none, &one), [(vec!["x".to_owned()], vec![], false)]);
        assert_eq!(changed(&one, &none), [(vec![], vec!["x".to_owned()], false)]);
        let (forth, back) = ([case("a/b/c-d", &["x", "y"])], [case("a/b/c-d", &["y", "x"])]);
        assert_eq!(changed(&forth, &back), [(vec![], vec![], true)]);
        // Cases of other scenarios say nothing of this one.
        assert_eq!(compare(&one, &[case("a/e/c-d", &[])]).only_after, ["a/e/c-d"]);
    }
}
