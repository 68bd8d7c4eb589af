//! A run in parts, one on each of several machines: which cases belong to which part.
//!
//! Cases are divided by the time that each took last, so that the parts end together. Who asks for a part learns the same whoever
//! asks for another, provided that both have the same scenarios and the same times: nothing else goes into the division, and a hash
//! over its result distinguishes parts that do not belong together.

use super::plan::Case;
use crate::input::{self, Limit};
use crate::scenario::{Action, Scenario};
use crate::terminal::brief;
use peerproof_conformance::case::Time;
use peerproof_reports::Shard;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

/// A run is not divided into more parts.
pub const MOST: u32 = 1_000;

/// What a case costs beside its steps, if nobody has measured it: peers are opened, and its recording is judged.
const AROUND: Duration = Duration::from_millis(400);
/// What a step takes that awaits nothing in particular.
const STEP: Duration = Duration::from_millis(50);
/// What a case in virtual time takes: the recorded time is not that of the machine.
const VIRTUAL: Duration = Duration::from_millis(100);

/// `K/N`: part K of N.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Which one, from one.
    pub index: u32,
    /// Of how many.
    pub of: u32,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "write K/N, such as 2/3 for the second of three parts".to_owned();
        let (index, of) = text.split_once('/').ok_or_else(form)?;
        let (index, of): (u32, u32) = (index.parse().map_err(|_| form())?, of.parse().map_err(|_| form())?);
        if of > MOST {
            return Err(format!("a run has at most {MOST} parts"));
        }
        if index == 0 || index > of {
            return Err(format!("parts are numbered from 1: no part {index} of {of}"));
        }
        Ok(Self { index, of })
    }
}

/// How long cases took, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durations(BTreeMap<String, Duration>);

/// The parts of `run.json` that contain times. Other versions have other parts besides.
#[derive(Deserialize)]
struct TimedRun {
    cases: Vec<TimedCase>,
}

#[derive(Deserialize)]
struct TimedCase {
    name: String,
    duration_us: u64,
    #[serde(default)]
    time: Time,
}

impl Durations {
    /// Reads a file.
    ///
    /// # Errors
    /// The file and what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, String> {
        let bytes = input::bytes(path, Limit::RUN).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&bytes).map_err(|error| format!("{}: {}", path.display(), brief(error)))
    }

    /// Reads a `run.json`, of which the last attempt of a case counts, or an object of names with seconds.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let wrong = |error: serde_json::Error| {
            format!("neither a run.json nor an object of names with seconds: {error}")
        };
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(wrong)?;
        if value.get("cases").is_some_and(serde_json::Value::is_array) {
            let run: TimedRun = serde_json::from_value(value).map_err(wrong)?;
            let time = |case: &TimedCase| match case.time {
                Time::Real => Duration::from_micros(case.duration_us),
                Time::Virtual => VIRTUAL,
            };
            // Attempts of a case stand one after the other.
            return Ok(Self(run.cases.into_iter().map(|case| (case.name.clone(), time(&case))).collect()));
        }
        let seconds: BTreeMap<String, f64> = serde_json::from_value(value).map_err(wrong)?;
        let durations = seconds.into_iter().map(|(name, seconds)| {
            let time = Duration::try_from_secs_f64(seconds)
                .map_err(|_| format!("`{name}` cannot take {seconds} seconds"))?;
            Ok((name, time))
        });
        Ok(Self(durations.collect::<Result<_, String>>()?))
    }

    /// Whether it is known how long a case takes.
    #[must_use]
    pub fn knows(&self, case: &Case) -> bool {
        self.0.contains_key(&case.name)
    }

    /// How long a case takes: as it did last, else an estimate.
    #[must_use]
    pub fn of(&self, case: &Case) -> Duration {
        self.0.get(&case.name).copied().unwrap_or_else(|| estimate(case.scenario()))
    }
}

/// How long a scenario takes by what it says: what it watches for must pass in full, everything else is quick.
fn estimate(scenario: &Scenario) -> Duration {
    let steps = scenario.steps.iter().map(|step| match &step.action {
        Action::Never { never, .. } => never.span.0,
        Action::Quiet(quiet) => quiet.span.0,
        _ => STEP,
    });
    steps.fold(AROUND, Duration::saturating_add)
}

/// Divides cases, each with its name and how long it takes: the part of each, from one. The longest are dealt out first, always to
/// the part that has least to do.
#[must_use]
pub fn divide(cases: &[(&str, Duration)], of: u32) -> Vec<u32> {
    let mut longest_first: Vec<(usize, &(&str, Duration))> = cases.iter().enumerate().collect();
    // By name too, so that the order in which they are given does not matter.
    longest_first.sort_by_key(|(_, (name, time))| (Reverse(*time), *name));
    // How much and how many each has. The number matters among cases that take no time at all.
    let mut loads: Vec<(Duration, usize)> =
        vec![(Duration::ZERO, 0); usize::try_from(of.max(1)).unwrap_or(1)];
    let mut parts = vec![1; cases.len()];
    for (n, (_, time)) in longest_first {
        let least = (1_u32..).zip(loads.iter_mut()).min_by_key(|(part, load)| (**load, *part));
        if let (Some((part, load)), Some(own)) = (least, parts.get_mut(n)) {
            *own = part;
            *load = (load.0.saturating_add(*time), load.1 + 1);
        }
    }
    parts
}

/// The hash of a division: of the name of each case, the hash of its scenario, and its part.
#[must_use]
pub fn hash<'a>(cases: impl IntoIterator<Item = (&'a str, &'a str, u32)>) -> String {
    let mut cases: Vec<_> = cases.into_iter().collect();
    cases.sort_unstable();
    cases.dedup();
    let mut hash = Sha256::new();
    for (name, scenario, part) in cases {
        // Names are those of files, in which there is no zero.
        hash.update(format!("{name}\0{scenario}\0{part}\0"));
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Leaves a part of the cases, and returns which it is.
#[must_use]
pub fn take(cases: &mut Vec<Case>, part: Part, durations: &Durations) -> Shard {
    let timed: Vec<(&str, Duration)> =
        cases.iter().map(|case| (case.name.as_str(), durations.of(case))).collect();
    let parts = divide(&timed, part.of);
    let named =
        cases.iter().zip(&parts).map(|(case, part)| (case.name.as_str(), case.file.hash.as_str(), *part));
    let cases_hash = hash(named);
    let mut parts = parts.into_iter();
    cases.retain(|_| parts.next() == Some(part.index));
    Shard { index: part.index, of: part.of, cases_hash }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::implementation::Roster;
    use crate::run::{Filter, plan};
    use crate::scenario::Suite;
    use rand::rngs::StdRng;
    use rand::seq::SliceRandom;
    use rand::{Rng, SeedableRng};

    fn suite() -> Vec<Case> {
        let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
        plan(&Suite::load(&scenarios).unwrap(), &Roster::default(), &Filter::default())
    }

    fn names(cases: &[Case]) -> Vec<String> {
        cases.iter().map(|case| case.name.clone()).collect()
    }

    #[test]
    fn all_parts_of_the_suite_are_the_suite_and_no_case_is_in_two() {
        let all = suite();
        let mut random = StdRng::seed_from_u64(1);
        for of in 1..=9 {
            // Times of some cases are known, of others not.
            let known = all.iter().filter(|_| random.random_bool(0.7)).map(|case| case.name.clone());
            let known: Vec<String> = known.collect();
            let times =
                known.into_iter().map(|name| (name, Duration::from_millis(random.random_range(0..9_000))));
            let durations = Durations(times.collect());
            let mut whole = Vec::new();
            let mut hashes = Vec::new();
            let mut loads = Vec::new();
            for index in 1..=of {
                // Whoever asks, in whatever order the cases stand.
                let mut cases = all.clone();
                cases.shuffle(&mut random);
                let shard = take(&mut cases, Part { index, of }, &durations);
                assert_eq!((shard.index, shard.of), (index, of));
                hashes.push(shard.cases_hash);
                loads.push(cases.iter().map(|case| durations.of(case)).sum::<Duration>());
                whole.extend(names(&cases));
            }
            hashes.dedup();
            assert_eq!(hashes.len(), 1, "one division");
            let mut expected = names(&all);
            expected.sort_unstable();
            whole.sort_unstable();
            assert_eq!(whole, expected, "{of} parts");
            let (least, most) = (loads.iter().min().unwrap(), loads.iter().max().unwrap());
            let longest = all.iter().map(|case| durations.of(case)).max().unwrap();
            assert!(*most - *least <= longest, "{of} parts: {loads:?}");
        }
    }

    #[test]
    fn a_part_stays_in_the_order_of_the_plan() {
        let all = suite();
        let mut part = all.clone();
        let _ = take(&mut part, Part { index: 2, of: 3 }, &Durations::default());
        let mut rest = names(&all).into_iter();
        assert!(names(&part).iter().all(|name| rest.any(|other| other == *name)));
    }

    #[test]
    fn the_longest_are_dealt_out_first_and_names_decide_between_equals() {
        let seconds = Duration::from_secs;
        let cases = [("d", seconds(1)), ("c", seconds(1)), ("a", seconds(3)), ("b", seconds(2))];
        // a to the first, b to the second, c to the second (3 against 2), d to the first (3 against 3).
        assert_eq!(divide(&cases, 2), [1, 2, 1, 2]);
    }

    #[test]
    fn cases_that_take_no_time_are_dealt_out_too() {
        let cases = ["a", "b", "c", "d"].map(|name| (name, Duration::ZERO));
        assert_eq!(divide(&cases, 2), [1, 2, 1, 2]);
    }

    #[test]
    fn times_are_read_from_a_run_and_from_a_plain_object() {
        let run = br#"{"format": 9, "new": true, "cases": [
            {"name": "a", "duration_us": 5, "attempt": 1}, {"name": "a", "duration_us": 7, "attempt": 2},
            {"name": "v", "duration_us": 90000000, "time": "virtual", "more": 1}]}"#;
        let durations = Durations::parse(run).unwrap();
        let times = [("a", Duration::from_micros(7)), ("v", VIRTUAL)];
        assert_eq!(durations.0, times.map(|(name, time)| (name.to_owned(), time)).into());
        let plain = Durations::parse(br#"{"cases": 2, "x": 0.5}"#).unwrap();
        assert_eq!(plain.0.get("x"), Some(&Duration::from_millis(500)));
        for bad in ["", "[]", "{\"x\": -1}", "{\"x\": 1e300}", "{\"x\": \"1\"}", "{\"cases\": [{}]}"] {
            assert!(Durations::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_part_is_written_with_its_number_and_theirs() {
        assert_eq!("2/3".parse(), Ok(Part { index: 2, of: 3 }));
        for bad in ["", "2", "0/3", "4/3", "1/0", "-1/3", "a/b", "1/2/3", "1/1001"] {
            assert!(bad.parse::<Part>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_hash_knows_cases_scenarios_and_parts_but_no_order() {
        let one = hash([("a", "1", 1), ("b", "2", 2)]);
        assert_eq!(one, hash([("b", "2", 2), ("a", "1", 1), ("a", "1", 1)]));
        for other in
            [[("a", "1", 1), ("c", "2", 2)], [("a", "1", 1), ("b", "3", 2)], [("a", "1", 1), ("b", "2", 1)]]
        {
            assert_ne!(one, hash(other));
        }
    }
}
