//! How the requirements stand: of a case, and over all cases of a run.

use indexmap::IndexMap;
use peerproof_conformance::case::{CaseFile, CasePeer, Waiver};
use peerproof_conformance::catalogue::{Catalogue, Level};
use peerproof_conformance::checks::{Finding, Place, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many requirements stand how, counted at each endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Requirements {
    /// They hold.
    pub pass: usize,
    /// Absolute ones that are broken, and nobody knew.
    pub fail: usize,
    /// Absolute ones that are broken as a known deviation says.
    pub known: usize,
    /// Recommendations that were not followed.
    pub warn: usize,
    /// The evidence does not decide.
    pub inconclusive: usize,
}

impl Requirements {
    /// Counts findings.
    pub fn of<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Self {
        let mut counts = Self::default();
        for finding in findings {
            match finding.result {
                Status::Pass => counts.pass += 1,
                Status::Fail if finding.waiver.is_some() => counts.known += 1,
                Status::Fail => counts.fail += 1,
                Status::Warn => counts.warn += 1,
                Status::Inconclusive => counts.inconclusive += 1,
                Status::NotApplicable => {}
            }
        }
        counts
    }

    /// Adds others.
    pub fn add(&mut self, other: Self) {
        self.pass += other.pass;
        self.fail += other.fail;
        self.known += other.known;
        self.warn += other.warn;
        self.inconclusive += other.inconclusive;
    }

    /// In words; empty if none applied.
    #[must_use]
    pub fn words(&self) -> String {
        let parts = [
            (self.fail, "violation", "violations"),
            (self.known, "known violation", "known violations"),
            (self.warn, "warning", "warnings"),
            (self.inconclusive, "inconclusive", "inconclusive"),
            (self.pass, "satisfied", "satisfied"),
        ];
        let there = parts.iter().filter(|(count, ..)| *count > 0);
        let words =
            there.map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }));
        words.collect::<Vec<_>>().join(", ")
    }
}

/// A requirement that is broken, or a recommendation that was not followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Breach {
    /// The requirement's name in the catalogue.
    pub requirement: String,
    /// `MUST`, `SHOULD`, …
    pub level: Option<Level>,
    /// Document and section.
    pub source: String,
    /// The peer that it binds.
    pub endpoint: String,
    /// Its implementation and version.
    pub implementation: String,
    /// `fail` or `warn`.
    pub result: Status,
    /// The kinds of fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// Why, in one sentence.
    pub sentence: String,
    /// Where it shows, the deciding place first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Place>,
    /// The known deviation that covers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<Waiver>,
}

impl Breach {
    /// The breaches of a case: failures that nobody knew first, then known ones, then warnings.
    #[must_use]
    pub fn of(file: &CaseFile) -> Vec<Self> {
        Self::of_findings(&file.findings, &file.peers)
    }

    /// Those of findings, in the same order; of a capture nobody knows which implementations its peers are.
    #[must_use]
    pub fn of_findings(findings: &[Finding], peers: &[CasePeer]) -> Vec<Self> {
        let bad = findings.iter().filter(|it| matches!(it.result, Status::Fail | Status::Warn));
        let mut breaches: Vec<Self> = bad.map(|finding| Self::new(finding, peers)).collect();
        breaches.sort_by_key(Self::rank);
        breaches
    }

    fn new(finding: &Finding, peers: &[CasePeer]) -> Self {
        let requirement = Catalogue::get().requirement(&finding.requirement);
        let peer = peers.iter().find(|peer| peer.name == finding.endpoint);
        let implementation = peer.map(CasePeer::called);
        Self {
            requirement: finding.requirement.clone(),
            level: requirement.map(|it| it.level),
            source: requirement.map(|it| it.source.clone()).unwrap_or_default(),
            endpoint: finding.endpoint.clone(),
            implementation: implementation.unwrap_or_default(),
            result: finding.result,
            faults: finding.faults.clone(),
            sentence: finding.sentence.clone(),
            evidence: finding.evidence.clone(),
            waiver: finding.waiver.clone(),
        }
    }

    /// `fail`, `known` or `warn`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match (self.result, &self.waiver) {
            (Status::Fail, Some(_)) => "known",
            (result, _) => result.as_str(),
        }
    }

    /// The words of the level.
    #[must_use]
    pub fn level(&self) -> &'static str {
        self.level.map_or("", Level::as_str)
    }

    const fn rank(&self) -> u8 {
        match (self.result, &self.waiver) {
            (Status::Fail, None) => 0,
            (Status::Fail, Some(_)) => 1,
            _ => 2,
        }
    }
}

/// The same breach by the same implementation in several cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grouped<'a> {
    /// The first of them.
    pub breach: &'a Breach,
    /// Its case.
    pub case: &'a str,
    /// In how many cases it is.
    pub cases: usize,
}

/// The breaches of all cases, grouped; failures that nobody knew first. `cases` are names of cases with their breaches.
pub fn grouped<'a>(cases: impl Iterator<Item = (&'a str, &'a [Breach])>) -> Vec<Grouped<'a>> {
    let mut groups: IndexMap<(u8, &str, &str), Grouped<'a>> = IndexMap::new();
    for (case, breaches) in cases {
        let mut seen = Vec::new();
        for breach in breaches {
            let key = (breach.rank(), breach.requirement.as_str(), breach.implementation.as_str());
            let group = groups.entry(key).or_insert(Grouped { breach, case, cases: 0 });
            if !seen.contains(&key) {
                seen.push(key);
                group.cases += 1;
            }
        }
    }
    groups.sort_keys();
    groups.into_values().collect()
}
