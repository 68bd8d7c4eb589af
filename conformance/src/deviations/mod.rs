//! Known deviations of named peers: which cases and findings they cover, and which of them no longer show.
//!
//! It is a ratchet: each deviation gives its reason and a link to the rule, covers that and nothing else, and must still match
//! something. Reading the files in which they stand is for others.

mod deviation;
mod error;
pub mod observed;
pub mod pattern;
pub mod rate;

pub use deviation::{BUILT_IN, Deviation, Side};
pub use error::DeviationError;

use crate::case::{CaseFile, CasePeer};
use crate::checks::{Finding, Status as Found};
use crate::verdict::{Outcome, Verdict, Waiver};
use observed::{ATTEMPTS, Observed};
use rate::{Outside, Shown};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// All known deviations, and which of them have matched a case of this run.
#[derive(Debug, Default)]
pub struct Deviations {
    deviations: Vec<Deviation>,
    matched: Mutex<BTreeSet<usize>>,
    /// Those that say for which versions they are, and of whose peer such a version has played.
    of_versions: Mutex<BTreeSet<usize>>,
    /// The implementations that have played, by what they say that they are and by their names in cases.
    played: Mutex<BTreeSet<String>>,
    /// Those whose requirement a busy machine left open where they might have shown.
    open: Mutex<BTreeSet<usize>>,
    /// How often each showed, by the version of its peer.
    counted: Mutex<BTreeMap<(usize, String), Shown>>,
    /// Those that show in a version that they do not name, with that version.
    review: Mutex<BTreeSet<(usize, String)>>,
}

impl Deviations {
    /// Those of which nothing has matched yet.
    #[must_use]
    pub fn new(deviations: Vec<Deviation>) -> Self {
        Self { deviations, ..Self::default() }
    }

    /// The peers of which something is known.
    pub fn peers(&self) -> impl Iterator<Item = &str> {
        self.deviations.iter().map(|deviation| deviation.peer.as_str())
    }

    /// The deviation that covers this case and verdict: a failure of its layer on its side. Of a pass it is one that should have
    /// shown.
    #[must_use]
    pub fn waiver(&self, file: &CaseFile, verdict: &Verdict) -> Option<Waiver> {
        self.note_versions(file);
        let failed = verdict.outcome == Outcome::Fail;
        let passed = verdict.outcome == Outcome::Pass;
        let mut found = None;
        let mut of_others = Vec::new();
        for (n, deviation) in self.deviations.iter().enumerate().filter(|(_, it)| it.requirement.is_none()) {
            let covers = failed && deviation.is_of(verdict);
            let deviating = || deviation.peers_of(&file.peers, verdict.side.as_deref());
            let shows = covers && deviation.is_about(&file.name, deviating());
            let about = || file.peers.iter().find(|it| deviation.is_about(&file.name, std::iter::once(*it)));
            if (failed || passed)
                && let Some(peer) = about()
            {
                self.count(n, peer, shows);
            }
            if shows {
                self.matched.lock().unwrap_or_else(PoisonError::into_inner).insert(n);
                found.get_or_insert_with(|| deviation.waiver());
            } else if covers {
                of_others.push((n, deviation));
            } else if passed && deviation.rate.is_none() && deviation.is_about(&file.name, file.peers.iter())
            {
                found.get_or_insert_with(|| deviation.waiver());
            }
        }
        // What another entry covers is no news.
        for (n, deviation) in of_others.into_iter().filter(|_| found.is_none()) {
            self.note_review(n, &file.name, deviation.peers_of(&file.peers, verdict.side.as_deref()));
        }
        found
    }

    /// Counts an attempt in which a deviation shows, or could have shown.
    fn count(&self, n: usize, peer: &CasePeer, shows: bool) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counted.entry((n, peer.version.clone())).or_default();
        *count += Shown { shown: u64::from(shows), attempts: 1 };
    }

    /// How often each deviation showed, by its name and by the version of its peer.
    #[must_use]
    pub fn counted(&self) -> BTreeMap<String, BTreeMap<String, Shown>> {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: BTreeMap<String, BTreeMap<String, Shown>> = BTreeMap::new();
        for ((n, version), count) in counted.iter() {
            let Some(deviation) = self.deviations.get(*n) else { continue };
            *all.entry(deviation.name()).or_default().entry(version.clone()).or_default() += *count;
        }
        all
    }

    /// Whether there is one of that name.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.deviations.iter().any(|deviation| deviation.name() == name)
    }

    /// How often a deviation showed in this run.
    fn count_of(&self, n: usize) -> Shown {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sum = Shown::default();
        for (_, count) in counted.iter().filter(|((of, _), _)| *of == n) {
            sum += *count;
        }
        sum
    }

    /// Each deviation, in the order in which they were given, with how often it showed in this run.
    pub fn counts(&self) -> impl Iterator<Item = (&Deviation, Shown)> {
        self.deviations.iter().enumerate().map(|(n, one)| (one, self.count_of(n)))
    }

    /// The deviations whose rate this run contradicts, with its count.
    #[must_use]
    pub fn outside_of_rate(&self) -> Vec<(&Deviation, Shown, Outside)> {
        let rated = self.counts().filter_map(|(one, count)| Some((one, one.rate?, count)));
        let tested: Vec<_> = rated.filter(|(.., count)| count.attempts > 0).collect();
        let outside = tested.iter().filter_map(|(one, rate, count)| {
            Some((*one, *count, rate.contradicted_by(*count, tested.len())?))
        });
        outside.collect()
    }

    /// The deviations that need not show in every attempt and have shown in none of twenty: the recorded ones, with those of this run, in
    /// which their peer played.
    #[must_use]
    pub fn stale(&self, observed: &Observed) -> Vec<(&Deviation, Shown)> {
        let rated = self.deviations.iter().enumerate().filter(|(_, one)| one.rate.is_some() && one.suite);
        let counts = rated.filter_map(|(n, one)| {
            let own = self.count_of(n);
            let mut count = observed.of(&one.name());
            count += own;
            (own.attempts > 0 && count.shown == 0 && count.attempts >= ATTEMPTS).then_some((one, count))
        });
        counts.collect()
    }

    /// Takes note if a deviation shows in another version than those that it names.
    fn note_review<'a>(&self, n: usize, case: &str, peers: impl Iterator<Item = &'a CasePeer>) {
        let Some(deviation) = self.deviations.get(n) else { return };
        let mut review = self.review.lock().unwrap_or_else(PoisonError::into_inner);
        for peer in peers.filter(|peer| deviation.is_about_any_version(case, peer)) {
            review.insert((n, peer.version.clone()));
        }
    }

    /// Deviations that show in a version that they do not name, with that version: to be reviewed.
    #[must_use]
    pub fn to_review(&self) -> Vec<(&Deviation, String)> {
        let review = self.review.lock().unwrap_or_else(PoisonError::into_inner);
        review.iter().filter_map(|(n, version)| Some((self.deviations.get(*n)?, version.clone()))).collect()
    }

    /// Takes note of the deviations whose peer has played, in one of their versions and under their condition.
    fn note_versions(&self, file: &CaseFile) {
        let mut of_versions = self.of_versions.lock().unwrap_or_else(PoisonError::into_inner);
        // One that was not opened has reported no version.
        let played = || file.peers.iter().filter(|peer| !peer.version.is_empty());
        let names = played().flat_map(|peer| [Some(&peer.implementation), peer.named.as_ref()]);
        let mut all = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(names.flatten().cloned());
        drop(all);
        for (n, deviation) in self.deviations.iter().enumerate() {
            if played().any(|peer| deviation.may_deviate(peer)) {
                of_versions.insert(n);
            }
        }
    }

    /// Gives each finding its reason whose faults are all covered by known deviations.
    pub fn waive(&self, file: &mut CaseFile) {
        self.note_versions(file);
        let CaseFile { findings, peers, name, .. } = file;
        let bad = |finding: &Finding| matches!(finding.result, Found::Fail | Found::Warn);
        let decided = |finding: &Finding| bad(finding) || finding.result == Found::Pass;
        for finding in findings.iter_mut().filter(|finding| decided(finding) || finding.timing) {
            let endpoint = || peers.iter().filter(|peer| peer.name == finding.endpoint);
            let mut left: BTreeSet<&str> = finding.faults.iter().map(String::as_str).collect();
            let is_known = !left.is_empty();
            let mut waiver = None;
            let mut of_others = Vec::new();
            for (n, deviation) in self.deviations.iter().enumerate() {
                if deviation.requirement.as_ref() != Some(&finding.requirement) {
                    continue;
                }
                let shows = finding.faults.iter().any(|fault| deviation.is_fault(fault));
                if !deviation.is_about(name, endpoint()) {
                    if shows {
                        of_others.push(n);
                    }
                    continue;
                }
                if decided(finding) {
                    endpoint().for_each(|peer| self.count(n, peer, shows));
                }
                if shows {
                    self.matched.lock().unwrap_or_else(PoisonError::into_inner).insert(n);
                    left.retain(|fault| !deviation.is_fault(fault));
                    waiver.get_or_insert_with(|| deviation.waiver());
                } else if finding.timing {
                    self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(n);
                }
            }
            if is_known && left.is_empty() {
                finding.waiver = finding.waiver.take().or(waiver);
            } else {
                of_others.into_iter().for_each(|n| self.note_review(n, name, endpoint()));
            }
        }
    }

    /// The deviations that matched nothing, although they show in every full run: they must go. Those are not among them that a
    /// busy machine may have hidden, see [`Self::left_open`], and those for versions or in cases of
    /// implementations of which none has played, or whose condition held for no peer.
    #[must_use]
    pub fn unmatched(&self) -> Vec<&Deviation> {
        self.without_match(false)
    }

    /// The deviations that matched nothing in this run, where the clocks or the load of the machine leave open whether they show.
    #[must_use]
    pub fn left_open(&self) -> Vec<&Deviation> {
        self.without_match(true)
    }

    fn without_match(&self, open: bool) -> Vec<&Deviation> {
        let matched = self.matched.lock().unwrap_or_else(PoisonError::into_inner);
        let left = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_versions = self.of_versions.lock().unwrap_or_else(PoisonError::into_inner);
        let played = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = |n: &usize, one: &Deviation| {
            let needs_peer = one.versions.is_some() || one.without.is_some();
            let may_show = (!needs_peer || of_versions.contains(n)) && one.has_its_pair(&played);
            may_show && !matched.contains(n) && one.rate.is_none() && left.contains(n) == open
        };
        self.deviations.iter().enumerate().filter(|(n, one)| wanted(n, one)).map(|(_, one)| one).collect()
    }
}

#[cfg(test)]
mod tests;
