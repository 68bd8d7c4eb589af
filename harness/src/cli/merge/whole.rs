//! Whether runs make one, and the report of that one.

use peerproof_reports::{RunReport, Shard};
use std::collections::BTreeMap;

/// The most problems of a kind that are listed.
const MOST: usize = 5;

/// The first of many troubles, and how many more there are.
pub(super) fn shorten(mut troubles: Vec<String>) -> Vec<String> {
    let more = troubles.len().saturating_sub(MOST);
    if more > 0 {
        troubles.truncate(MOST);
        troubles.push(format!("and {more} more like it"));
    }
    troubles
}

/// All that speaks against making one run of these. Each has its name.
pub(super) fn troubles(runs: &[(&str, &RunReport)]) -> Vec<String> {
    let mut troubles = Vec::new();
    let Some(((first, one), others)) = runs.split_first() else { return troubles };
    for (name, other) in others {
        if one.tool != other.tool {
            troubles.push(format!("{first} is of {}, {name} of {}", one.tool, other.tool));
        }
        if one.seed != other.seed {
            troubles.push(format!("{first} has the seed {}, {name} the seed {}", one.seed, other.seed));
        }
    }
    let parts: Vec<(&str, &Shard)> =
        runs.iter().filter_map(|(name, run)| Some((*name, run.shard.as_ref()?))).collect();
    match (parts.first(), runs.iter().find(|(_, run)| run.shard.is_none())) {
        (Some((name, part)), Some((whole, _))) => {
            troubles.push(format!("{name} is part {} of {}, {whole} is not a part", part.index, part.of));
        }
        (Some(_), None) => troubles.extend(of_parts(&parts)),
        (None, _) => {}
    }
    // Whose parts do not fit has the same cases in several for that reason.
    if troubles.is_empty() {
        troubles.extend(doubled(runs));
    }
    troubles
}

/// What speaks against parts: of another plan, twice there, missing.
fn of_parts(parts: &[(&str, &Shard)]) -> Vec<String> {
    let mut troubles = Vec::new();
    let Some(((first, one), others)) = parts.split_first() else { return troubles };
    for (name, other) in others {
        if one.of != other.of {
            troubles.push(format!("{first} is one of {} parts, {name} one of {}", one.of, other.of));
        } else if one.cases_hash != other.cases_hash {
            troubles.push(format!(
                "{first} and {name} are parts of different plans (cases_hash {} and {}): other scenarios, other filters, or \
                 divided by other durations",
                short(&one.cases_hash),
                short(&other.cases_hash)
            ));
        }
    }
    if !troubles.is_empty() {
        return troubles;
    }
    let mut names: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for (name, part) in parts {
        names.entry(part.index).or_default().push(name);
    }
    for (index, names) in names.iter().filter(|(_, names)| names.len() > 1) {
        troubles.push(format!(
            "part {index} of {} is present {} times: {}",
            one.of,
            names.len(),
            names.join(", ")
        ));
    }
    let missing: Vec<String> =
        (1..=one.of).filter(|index| !names.contains_key(index)).map(|index| index.to_string()).collect();
    match missing.as_slice() {
        [] => {}
        [index] => troubles.push(format!("part {index} of {} is missing", one.of)),
        all => troubles.push(format!("parts {} of {} are missing", all.join(", "), one.of)),
    }
    troubles
}

/// As much of a hash as distinguishes it from another; it may be anything.
fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}

/// Cases that are in two runs.
fn doubled(runs: &[(&str, &RunReport)]) -> Vec<String> {
    let mut owners: BTreeMap<&str, usize> = BTreeMap::new();
    let mut troubles = Vec::new();
    for (n, (name, run)) in runs.iter().enumerate() {
        for case in &run.cases {
            let owner = *owners.entry(&case.name).or_insert(n);
            // Attempts of a case stand in one run.
            if let Some((other, _)) = runs.get(owner).filter(|_| owner != n) {
                troubles.push(format!("{} is in {other} and in {name}", case.name));
            }
        }
    }
    troubles.dedup();
    shorten(troubles)
}

/// The report of the whole. It began when the first part did, and took as long as all of them: on how many machines they ran at
/// the same time is not known.
pub(super) fn of(runs: &[&RunReport]) -> RunReport {
    let cases = runs.iter().flat_map(|run| run.cases.iter().cloned()).collect();
    let began_us = runs.iter().map(|run| run.began_us).min().unwrap_or(0);
    let duration_us = runs.iter().fold(0_u64, |sum, run| sum.saturating_add(run.duration_us));
    let (tool, seed) = runs.first().map(|run| (run.tool.clone(), run.seed)).unwrap_or_default();
    let mut report = RunReport::new(tool, began_us, duration_us, seed, cases);
    report.interrupted = runs.iter().any(|run| run.interrupted);
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(index: u32, of: u32) -> RunReport {
        let mut report = RunReport::new("peerproof 0.1.0".to_owned(), u64::from(10 - index), 5, 1, vec![]);
        report.shard = Some(Shard { index, of, cases_hash: "abc".to_owned() });
        report
    }

    fn texts(runs: &[RunReport]) -> Vec<String> {
        let names = ["a", "b", "c"];
        troubles(&names.into_iter().zip(runs).collect::<Vec<_>>())
    }

    #[test]
    fn parts_make_a_whole_in_any_order() {
        let parts = [part(3, 3), part(1, 3), part(2, 3)];
        assert_eq!(texts(&parts), [""; 0]);
        let whole = of(&parts.iter().collect::<Vec<_>>());
        assert_eq!((whole.began_us, whole.duration_us, whole.seed, whole.shard), (7, 15, 1, None));
        assert!(!whole.interrupted);
    }

    #[test]
    fn missing_and_doubled_parts_are_named() {
        assert_eq!(
            texts(&[part(2, 4), part(2, 4)]),
            ["part 2 of 4 is present 2 times: a, b", "parts 1, 3, 4 of 4 are missing"]
        );
        assert_eq!(texts(&[part(1, 2)]), ["part 2 of 2 is missing"]);
    }

    #[test]
    fn what_belongs_to_another_run_is_named() {
        let mut other = part(2, 2);
        other.seed = 7;
        other.tool = "peerproof 0.2.0".to_owned();
        assert_eq!(
            texts(&[part(1, 2), other]),
            ["a is of peerproof 0.1.0, b of peerproof 0.2.0", "a has the seed 1, b the seed 7"]
        );
        let mut other = part(2, 2);
        other.shard = Some(Shard { index: 2, of: 2, cases_hash: "ä".repeat(20) });
        let [trouble] = texts(&[part(1, 2), other]).try_into().unwrap();
        assert!(
            trouble.starts_with("a and b are parts of different plans (cases_hash abc and ää"),
            "{trouble}"
        );
        assert_eq!(texts(&[part(1, 2), part(2, 3)]), ["a is one of 2 parts, b one of 3"]);
        let mut whole = part(1, 2);
        whole.shard = None;
        assert_eq!(texts(&[whole, part(2, 2)]), ["b is part 2 of 2, a is not a part"]);
    }
}
