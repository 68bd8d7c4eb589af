//! Each mutation turns exactly its check red, in its own way; and each way of turning red is reached by a mutation, but for those in
//! `conformance/unreached.txt`.

use super::{Mutation, Recording, late, red, ways};
use crate::checks::tally::Violation;
use crate::checks::{Check, Finding, Status, all, fault, run, sources};
use crate::evidence::{Evidence, Peer};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

/// How many ways of turning red no mutation reaches. Both this and the list may only become less.
const UNREACHED: usize = 3;

/// What the mutations of a check came to.
#[derive(Debug, Default)]
struct Outcome {
    /// What is not as it has to be.
    wrong: Vec<String>,
    /// The ways in which no mutation turned the check red.
    unreached: Vec<String>,
}

/// A recording with its evidence, and what all checks find in it.
struct Read {
    recording: Recording,
    evidence: Evidence,
    findings: Vec<Finding>,
}

/// The outcome for each check, in their order. Two tests read it; it is made once.
fn outcomes() -> &'static [Outcome] {
    static OUTCOMES: OnceLock<Vec<Outcome>> = OnceLock::new();
    OUTCOMES.get_or_init(|| {
        let recordings = parallel(&Recording::ALL, |recording| {
            let evidence = recording.evidence();
            let findings = run(&evidence);
            Read { recording: *recording, evidence, findings }
        });
        let checks: Vec<_> = all().zip(sources()).collect();
        parallel(&checks, |(check, source)| outcome(check, source, &recordings))
    })
}

/// Maps by as many threads as the machine has processors.
fn parallel<T: Sync, U: Send>(of: &[T], map: impl Fn(&T) -> U + Sync) -> Vec<U> {
    let (next, made) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((at, it)) = of.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = map(it);
                    made.lock().unwrap().push((at, result));
                }
            });
        }
    });
    let mut made = made.into_inner().unwrap();
    made.sort_by_key(|(at, _)| *at);
    made.into_iter().map(|(_, result)| result).collect()
}

fn outcome(check: &Check, source: &str, recordings: &[Read]) -> Outcome {
    let mut wrong = Vec::new();
    let mut unreached = ways::of(source);
    for (n, mutation) in check.control.mutations().enumerate() {
        match catch(check, mutation, || violations(check, mutation, recordings)) {
            Ok(violations) => {
                let known = fault::of(check.id);
                let unknown = violations.iter().find(|(_, it)| !known.contains(&it.fault.0));
                wrong.extend(unknown.map(|(_, it)| format!("{}: {it:?} is of no listed kind", check.id)));
                let before = unreached.len();
                unreached.retain(|way| !violations.iter().any(|(_, it)| way.is_of(it)));
                if n > 0 && unreached.len() == before {
                    wrong.push(format!(
                        "{}: {:?} reaches no other way than those before",
                        check.id, mutation.says
                    ));
                }
            }
            Err(what) => wrong.push(what),
        }
    }
    let late = late::violations(check);
    unreached.retain(|way| !late.iter().any(|(_, it)| way.is_of(it)));
    let unreached = unreached.iter().map(|way| format!("{}: {}", check.id, way.name())).collect();
    Outcome { wrong, unreached }
}

/// A mutation that panics is wrong like any other: it does not hide what the others came to.
fn catch<T>(
    check: &Check,
    mutation: &Mutation,
    of: impl FnOnce() -> std::result::Result<T, String>,
) -> std::result::Result<T, String> {
    let panics = |_| Err(format!("the mutation for {} ({:?}) panics", check.id, mutation.says));
    catch_unwind(AssertUnwindSafe(of)).unwrap_or_else(panics)
}

/// What a mutation turns red in its check that was not; an error if it does not turn exactly this check red.
fn violations(
    check: &Check,
    mutation: &Mutation,
    recordings: &[Read],
) -> std::result::Result<Vec<(Peer, Violation)>, String> {
    let Check { id, .. } = check;
    let Mutation { recording, prepare, mutate, also, says } = mutation;
    let read = recordings.iter().find(|it| it.recording == *recording).unwrap();
    let mut evidence = read.evidence.clone();
    let prepared = prepare.map(|prepare| {
        prepare(&mut evidence);
        run(&evidence)
    });
    let before = prepared.as_ref().unwrap_or(&read.findings);
    let own = before.iter().filter(|finding| finding.requirement == *id);
    if !own.clone().any(|finding| finding.result == Status::Pass) {
        return Err(format!("{id} does not pass before: {:#?}", own.collect::<Vec<_>>()));
    }
    let was: BTreeSet<_> = check.violations(&evidence).into_iter().collect();
    mutate(&mut evidence);
    let after = run(&evidence);
    let new: BTreeSet<_> = red(&after).difference(&red(before)).cloned().collect();
    let ids: BTreeSet<&str> = new.iter().map(|(id, _)| id.as_str()).collect();
    let expected: BTreeSet<&str> = also.iter().copied().chain([*id]).collect();
    if ids != expected {
        let findings: Vec<_> = after.iter().filter(|it| ids.contains(it.requirement.as_str())).collect();
        return Err(format!(
            "the mutation for {id} ({says:?}) turns {ids:?} red, not {expected:?}: {findings:#?}"
        ));
    }
    let mut violations = check.violations(&evidence);
    violations.retain(|it| !was.contains(it));
    if violations.iter().any(|(_, it)| it.sentence.contains(says)) {
        Ok(violations)
    } else {
        Err(format!("no violation of {id} says {says:?}: {violations:#?}"))
    }
}

#[test]
fn each_mutation_turns_exactly_its_check_red() {
    let wrong: Vec<_> = outcomes().iter().flat_map(|it| &it.wrong).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_way_of_turning_red_is_reached_by_a_mutation() {
    let unreached: Vec<_> = outcomes().iter().flat_map(|it| &it.unreached).map(String::as_str).collect();
    let listed: Vec<_> = include_str!("../../../unreached.txt").lines().collect();
    let without = |all: &[&str], other: &[&str]| {
        all.iter().filter(|it| !other.contains(it)).fold(String::new(), |text, it| text + it + "\n")
    };
    assert!(
        unreached == listed,
        "reached by no mutation:\n{}\nto be taken off conformance/unreached.txt:\n{}",
        without(&unreached, &listed),
        without(&listed, &unreached),
    );
    assert_eq!(unreached.len(), UNREACHED, "the list may only become shorter");
}

/// The requirements that a known deviation waives for the stack, Chrome and Firefox, in all cases.
fn waived_for_all() -> Vec<String> {
    let file: toml::Table = include_str!("../../../../scenarios/expected.toml").parse().unwrap();
    let mut by: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for deviation in file["deviation"].as_array().unwrap() {
        let text = |key: &str| deviation.get(key).and_then(toml::Value::as_str).map(str::to_owned);
        if let (Some(requirement), Some(peer), None) = (text("requirement"), text("peer"), text("case")) {
            by.entry(requirement).or_default().insert(peer);
        }
    }
    let all =
        |peers: &BTreeSet<String>| ["stack", "chrome", "firefox"].iter().all(|peer| peers.contains(*peer));
    by.into_iter().filter(|(_, peers)| all(peers)).map(|(requirement, _)| requirement).collect()
}

/// A requirement that no implementation meets still has a recording that meets it, prepared if need be.
#[test]
fn what_is_waived_for_every_implementation_is_met_by_a_recording() {
    let waived = waived_for_all();
    assert!(waived.iter().any(|id| id == "ice-options-ice2"), "{waived:?}");
    for id in &waived {
        let check = all().find(|check| check.id == *id).unwrap();
        let meets = check.control.mutations().any(|mutation| {
            let mut evidence = mutation.recording.evidence();
            mutation.prepare.into_iter().for_each(|prepare| prepare(&mut evidence));
            let findings = check.run(&evidence);
            findings.iter().any(|finding| finding.result == Status::Pass)
        });
        assert!(meets, "no recording meets {id}, which is waived for everybody: it may always turn red");
    }
}
