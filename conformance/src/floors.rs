//! What the suite has decided once must stay decided: for each case the requirements that every recorded run decided at each peer, and how often
//! what one run decides is undecided in another (a slide).
//!
//! A run is compared by the cases in it, so that a filtered run is compared as well. One missing finding says little: one connection may differ
//! from run to run and decide something else. So the findings of a requirement are counted together, for each implementation and for each
//! scenario. There are too few of them if the number of slides is too improbable at the rate at which that requirement slides in recorded runs. A
//! finding that is undecided because of clocks or load is no slide.

use crate::case::{CaseFile, Missing, Standing};
use crate::checks::{Finding, Status as Found};
use crate::deviations::rate::{FALSE_ALARMS, Shown, at_least, upper_bound};
use crate::verdict::Outcome;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A case that has played: what floors are compared with and made of.
#[derive(Debug, Clone)]
pub struct Played<'a> {
    /// The case, with its findings.
    pub file: &'a CaseFile,
    /// Its outcome.
    pub outcome: Outcome,
    /// How that stands to what was expected.
    pub standing: Standing,
    /// What it lacked, if it is unsupported.
    pub missing: Option<Missing>,
}

/// `floors.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floors {
    /// The requirements, in the order of the bits of sets.
    #[serde(default)]
    pub requirements: Vec<String>,
    /// By implementation and requirement, how many findings are decided in every run: the sum of the sets, for people.
    #[serde(default)]
    pub decided: BTreeMap<String, BTreeMap<String, u64>>,
    /// By requirement, of how many findings that some run decides how many another run leaves undecided.
    #[serde(default)]
    pub slides: BTreeMap<String, Shown>,
    /// By case: the set of each peer in hexadecimal digits, the lowest bits first; or `unsupported`.
    #[serde(default)]
    pub cases: BTreeMap<String, Floor>,
}

/// What is recorded of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Floor {
    /// A peer or the machine lacked what the case needs: `unsupported by` that.
    Unsupported(String),
    /// By peer, its implementation and the set of requirements that are decided.
    Decided(BTreeMap<String, (String, String)>),
}

/// What a run no longer decides, or no longer supports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slide {
    /// What slid, in words.
    pub what: String,
    /// A case that shows it.
    pub example: String,
}

impl std::fmt::Display for Slide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, in {} for instance", self.what, self.example)
    }
}

fn is_decided(finding: &Finding) -> bool {
    matches!(finding.result, Found::Pass | Found::Fail | Found::Warn)
}

/// `data/echo` of `data/echo/stack-chrome`.
fn scenario(case: &str) -> &str {
    case.rsplit_once('/').map_or(case, |(scenario, _)| scenario)
}

/// A case whose findings say what the suite decides: no control, and as expected.
fn counts(played: &Played<'_>) -> bool {
    played.file.expect.verdict.is_none() && played.standing.is_good()
}

/// Whether a case is unsupported by something that this machine lacks, which is no matter of a peer.
fn lacks_here(played: &Played<'_>) -> bool {
    let by_peer = played.missing.as_ref().is_some_and(|missing| missing.peer.is_some());
    played.outcome == Outcome::Unsupported && !by_peer
}

impl Floors {
    fn bit(&self, requirement: &str) -> Option<usize> {
        self.requirements.iter().position(|it| it == requirement)
    }

    fn names(&self, set: &str) -> BTreeSet<&str> {
        let digits = set.chars().filter_map(|digit| digit.to_digit(16)).enumerate();
        let bits = digits.flat_map(|(at, digit)| {
            (0..4).filter(move |bit| digit >> bit & 1 == 1).map(move |bit| at * 4 + bit)
        });
        bits.filter_map(|bit| self.requirements.get(bit)).map(String::as_str).collect()
    }

    fn set(&self, names: &BTreeSet<String>) -> String {
        let mut digits = vec![0_u32; self.requirements.len().div_ceil(4)];
        for bit in names.iter().filter_map(|name| self.bit(name)) {
            if let Some(digit) = digits.get_mut(bit / 4) {
                *digit |= 1 << (bit % 4);
            }
        }
        let text: String = digits.iter().filter_map(|digit| char::from_digit(*digit, 16)).collect();
        text.trim_end_matches('0').to_owned()
    }

    /// What a run no longer decides or supports, of what is recorded.
    #[must_use]
    pub fn slides<'a>(&self, run: &[Played<'a>]) -> Vec<Slide> {
        let mut groups: BTreeMap<(String, String), (Shown, String)> = BTreeMap::new();
        let mut slides = Vec::new();
        let scenarios: BTreeSet<&str> = self.cases.keys().map(|case| scenario(case)).collect();
        for played in run.iter().filter(|played| counts(played)) {
            let name = &played.file.name;
            if played.outcome == Outcome::Unsupported {
                // What this machine lacks is no matter of a peer.
                let Some(peer) = played.missing.as_ref().and_then(|missing| missing.peer.as_ref()) else {
                    continue;
                };
                let known = matches!(self.cases.get(name), Some(Floor::Unsupported(_)));
                if !known && scenarios.contains(scenario(name)) && self.has_peers(played.file) {
                    let what = format!("a case is unsupported by {peer} that is not recorded as such");
                    slides.push(Slide { what, example: name.clone() });
                }
                continue;
            }
            let Some(Floor::Decided(peers)) = self.cases.get(name) else { continue };
            for (peer, (implementation, set)) in peers {
                let own = || played.file.findings.iter().filter(|it| it.endpoint == *peer);
                let decided: BTreeSet<&str> = own()
                    .filter(|it| is_decided(it) || it.timing)
                    .map(|it| it.requirement.as_str())
                    .collect();
                for requirement in self.names(set) {
                    if crate::checks::of(requirement).is_none() {
                        continue;
                    }
                    let of = [format!("of {implementation}"), format!("in {}", scenario(name))];
                    for group in of {
                        let (count, example) = groups.entry((requirement.to_owned(), group)).or_default();
                        let slid = !decided.contains(requirement);
                        *count += Shown { shown: u64::from(slid), attempts: 1 };
                        if slid && example.is_empty() {
                            *example = format!("{name} at {peer}");
                        }
                    }
                }
            }
        }
        let limit = FALSE_ALARMS / groups.len().max(1) as f64;
        let mut rates: BTreeMap<&str, f64> = BTreeMap::new();
        for ((requirement, group), (count, example)) in &groups {
            if count.shown == 0 {
                continue;
            }
            let on_record = self.slides.get(requirement).copied().unwrap_or_default();
            let rate = *rates.entry(requirement).or_insert_with(|| upper_bound(on_record, FALSE_ALARMS));
            if at_least(*count, rate) < limit {
                let Shown { shown, attempts } = count;
                let what = format!(
                    "{requirement} {group}: {shown} of {attempts} recorded findings are no longer decided"
                );
                slides.push(Slide { what, example: example.clone() });
            }
        }
        slides
    }

    /// Whether there is a recorded case that these implementations played.
    fn has_peers(&self, file: &CaseFile) -> bool {
        file.peers.iter().all(|peer| {
            let named = peer.named.as_ref().unwrap_or(&peer.implementation);
            self.decided.contains_key(named)
        })
    }

    /// Records what these runs decide, instead of what was recorded of their cases.
    pub fn accept(&mut self, runs: &[Vec<Played<'_>>]) {
        let mut all: BTreeMap<&str, Vec<&Played<'_>>> = BTreeMap::new();
        for played in runs.iter().flatten().filter(|played| counts(played)) {
            let on_record = matches!(self.cases.get(&played.file.name), Some(Floor::Decided(_)));
            if !(on_record && lacks_here(played)) {
                all.entry(&played.file.name).or_default().push(played);
            }
        }
        let found =
            all.values().flatten().flat_map(|played| &played.file.findings).filter(|it| is_decided(it));
        let known: BTreeSet<&str> = self.requirements.iter().map(String::as_str).collect();
        let new: BTreeSet<String> =
            found.map(|it| &it.requirement).filter(|it| !known.contains(it.as_str())).cloned().collect();
        self.requirements.extend(new);
        let mut slides: BTreeMap<String, Shown> = BTreeMap::new();
        for (name, attempts) in all {
            let floor = self.floor(&attempts, &mut slides);
            self.cases.insert(name.to_owned(), floor);
        }
        // A single run says nothing of what slides, and a filtered one nothing of requirements that it does not decide.
        if runs.len() > 1 {
            self.slides.extend(slides);
        }
        self.count();
    }

    fn floor(&self, attempts: &[&Played<'_>], slides: &mut BTreeMap<String, Shown>) -> Floor {
        let attempts: Vec<&Played<'_>> = attempts.iter().copied().filter(|it| !lacks_here(it)).collect();
        if attempts.is_empty() {
            return Floor::Unsupported("unsupported by this machine".to_owned());
        }
        if let Some(played) = attempts.iter().find(|it| it.outcome == Outcome::Unsupported) {
            let by = played.missing.as_ref().and_then(|it| it.peer.as_deref()).unwrap_or_default();
            return Floor::Unsupported(format!("unsupported by {by}"));
        }
        let mut peers = BTreeMap::new();
        for peer in attempts.iter().flat_map(|it| &it.file.peers) {
            let own = |played: &Played<'_>, wanted: fn(&Finding) -> bool| -> BTreeSet<String> {
                let own = played.file.findings.iter().filter(|it| it.endpoint == peer.name && wanted(it));
                own.map(|it| it.requirement.clone()).collect()
            };
            if peers.contains_key(&peer.name) {
                continue;
            }
            let decided: Vec<BTreeSet<String>> = attempts.iter().map(|it| own(it, is_decided)).collect();
            let timing: Vec<BTreeSet<String>> = attempts.iter().map(|it| own(it, |it| it.timing)).collect();
            let any: BTreeSet<String> = decided.iter().flatten().cloned().collect();
            let mut always = any.clone();
            for requirement in any {
                let each =
                    || decided.iter().zip(&timing).filter(|(_, timing)| !timing.contains(&requirement));
                let slid = each().filter(|(decided, _)| !decided.contains(&requirement)).count() as u64;
                *slides.entry(requirement.clone()).or_default() +=
                    Shown { shown: slid, attempts: each().count() as u64 };
                if decided.iter().any(|it| !it.contains(&requirement)) {
                    always.remove(&requirement);
                }
            }
            let named = peer.named.clone().unwrap_or_else(|| peer.implementation.clone());
            peers.insert(peer.name.clone(), (named, self.set(&always)));
        }
        Floor::Decided(peers)
    }

    /// Adds the sets up.
    fn count(&mut self) {
        let mut decided: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for floor in self.cases.values() {
            let Floor::Decided(peers) = floor else { continue };
            for (implementation, set) in peers.values() {
                let all = decided.entry(implementation.clone()).or_default();
                for requirement in self.names(set) {
                    *all.entry(requirement.to_owned()).or_default() += 1;
                }
            }
        }
        self.decided = decided;
    }

    /// How the numbers differ from those of another record, one line each: by implementation and requirement, and the cases that became
    /// unsupported or are no longer.
    #[must_use]
    pub fn changes(&self, before: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        let implementations: BTreeSet<&String> = self.decided.keys().chain(before.decided.keys()).collect();
        for implementation in implementations {
            let of = |floors: &Self| floors.decided.get(implementation).cloned().unwrap_or_default();
            let (was, now) = (of(before), of(self));
            let requirements: BTreeSet<&String> = was.keys().chain(now.keys()).collect();
            for requirement in requirements {
                let number = |of: &BTreeMap<String, u64>| of.get(requirement).copied().unwrap_or_default();
                let (was, now) = (number(&was), number(&now));
                if was != now {
                    lines.push(format!("{implementation}  {requirement}  {was} -> {now}"));
                }
            }
        }
        for (name, floor) in &self.cases {
            match (before.cases.get(name), floor) {
                (Some(Floor::Unsupported(_)), Floor::Decided(_)) => {
                    lines.push(format!("{name}  is supported now"));
                }
                (Some(Floor::Unsupported(was)), Floor::Unsupported(by)) if was == by => {}
                (_, Floor::Unsupported(by)) => lines.push(format!("{name}  {by}")),
                _ => {}
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn case(name: &str, findings: &[(&str, &str, bool)]) -> CaseFile {
        let peer = |name: &str, role: &str| {
            json!({"name": name, "implementation": "stack", "version": "1", "role": role,
            "refuses_the_impossible": true})
        };
        let findings: Vec<_> = findings
            .iter()
            .flat_map(|(requirement, result, timing)| {
                ["alice", "bob"].map(|endpoint| {
                    json!({"requirement": requirement, "endpoint": endpoint, "result": result,
                    "sentence": "s", "timing": timing})
                })
            })
            .collect();
        serde_json::from_value(json!({"format": 2, "name": name, "title": "t", "seed": 1, "scenario_hash": "", "epoch_us": 0,
            "peers": [peer("alice", "offerer"), peer("bob", "answerer")], "duration_us": 0, "findings": findings}))
        .unwrap()
    }

    fn played(file: &CaseFile) -> Played<'_> {
        Played { file, outcome: Outcome::Pass, standing: Standing::Expected, missing: None }
    }

    const A: &str = "rtp-header-well-formed";
    const B: &str = "ice-check-has-fingerprint";

    fn suite(result: &str, timing: bool) -> Vec<CaseFile> {
        let all =
            (0..40).map(|n| case(&format!("a/s{}/c{n}", n / 8), &[(A, result, timing), (B, "pass", false)]));
        all.collect()
    }

    fn record() -> Floors {
        let files = suite("pass", false);
        let run: Vec<_> = files.iter().map(played).collect();
        let mut floors = Floors::default();
        floors.accept(&[run.clone(), run.clone(), run]);
        floors
    }

    #[test]
    fn a_check_that_no_longer_decides_is_noticed_and_one_finding_is_not() {
        let floors = record();
        assert_eq!(floors.decided["stack"][A], 80);
        assert_eq!(floors.slides[A], Shown { shown: 0, attempts: 240 });
        let files = suite("pass", false);
        assert!(floors.slides(&files.iter().map(played).collect::<Vec<_>>()).is_empty());
        let open = suite("inconclusive", false);
        let slides = floors.slides(&open.iter().map(played).collect::<Vec<_>>());
        assert!(
            slides.iter().any(|it| it.what.starts_with(&format!("{A} of stack: 80 of 80"))),
            "{slides:?}"
        );
        assert!(slides.iter().all(|it| !it.what.starts_with(B)));
        // What the load of the machine leaves open is no slide.
        let late = suite("inconclusive", true);
        assert!(floors.slides(&late.iter().map(played).collect::<Vec<_>>()).is_empty());
        // One case that went another way.
        let mut mixed = suite("pass", false);
        mixed[3] = open[3].clone();
        assert!(floors.slides(&mixed.iter().map(played).collect::<Vec<_>>()).is_empty());
        // A scenario that no longer shows it, in a run of that alone.
        let slides = floors.slides(&open[..8].iter().map(played).collect::<Vec<_>>());
        assert!(slides.iter().any(|it| it.what.contains("in a/s0: 16 of 16")), "{slides:?}");
        // What failed fails the run already.
        let failed: Vec<_> =
            open.iter().map(|file| Played { standing: Standing::Unexpected, ..played(file) }).collect();
        assert!(floors.slides(&failed).is_empty());
    }

    #[test]
    fn what_is_unsupported_must_be_on_record() {
        let mut floors = record();
        let file = case("a/s0/c0", &[]);
        let lacks = |peer: Option<&str>| Played {
            outcome: Outcome::Unsupported,
            missing: Some(Missing { peer: peer.map(str::to_owned), reason: "r".to_owned() }),
            ..played(&file)
        };
        assert!(floors.slides(&[lacks(None)]).is_empty(), "this machine");
        assert_eq!(floors.slides(&[lacks(Some("bob"))]).len(), 1);
        let before = floors.clone();
        floors.accept(&[vec![lacks(Some("bob"))]]);
        assert!(floors.slides(&[lacks(Some("bob"))]).is_empty());
        let changes = floors.changes(&before);
        assert!(changes.contains(&"a/s0/c0  unsupported by bob".to_owned()), "{changes:?}");
        assert!(changes.contains(&format!("stack  {A}  80 -> 78")), "{changes:?}");
        let text = toml::to_string(&floors).unwrap();
        assert_eq!(toml::from_str::<Floors>(&text).unwrap(), floors);
    }

    #[test]
    fn what_the_machine_lacks_leaves_the_record_alone() {
        let file = case("a/s0/c0", &[(A, "pass", false)]);
        let lacks = Played {
            outcome: Outcome::Unsupported,
            missing: Some(Missing { peer: None, reason: "r".to_owned() }),
            ..played(&file)
        };
        let mut floors = record();
        let before = floors.clone();
        floors.accept(&[vec![lacks.clone()]]);
        assert_eq!(floors, before);
        let mut both = Floors::default();
        both.accept(&[vec![lacks.clone()], vec![played(&file)]]);
        assert!(matches!(both.cases["a/s0/c0"], Floor::Decided(_)));
        let mut alone = Floors::default();
        alone.accept(&[vec![lacks]]);
        assert_eq!(alone.cases["a/s0/c0"], Floor::Unsupported("unsupported by this machine".to_owned()));
    }

    #[test]
    fn filtered_runs_keep_the_slides_of_other_requirements() {
        let mut floors = record();
        let file = case("a/s0/c0", &[(A, "pass", false)]);
        floors.accept(&[vec![played(&file)], vec![played(&file)]]);
        assert_eq!(floors.slides[A], Shown { shown: 0, attempts: 4 });
        assert_eq!(floors.slides[B], Shown { shown: 0, attempts: 240 });
    }

    #[test]
    fn what_slides_between_the_runs_on_record_is_no_floor() {
        let (first, second) = (suite("pass", false), suite("inconclusive", false));
        let mut floors = Floors::default();
        floors.accept(&[first.iter().map(played).collect(), second.iter().map(played).collect()]);
        assert_eq!(floors.decided["stack"].get(A), None);
        assert_eq!(floors.slides[A], Shown { shown: 80, attempts: 160 });
        assert!(floors.slides(&second.iter().map(played).collect::<Vec<_>>()).is_empty());
    }
}
