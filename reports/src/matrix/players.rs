//! Who played: implementations as in the recordings, and what the recordings say against themselves.

use crate::case::CaseReport;
use peerproof_conformance::case::{CasePeer, Role, shown, versioned};
use peerproof_conformance::deviations::BUILT_IN;
use std::collections::{BTreeMap, BTreeSet};

/// An implementation in one version: a row and a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Implementation {
    /// Its name, as it reported itself.
    pub name: String,
    /// Its version, as it reported itself; empty if no case got so far that it was asked.
    pub version: String,
    /// What the configuration calls it, if otherwise.
    pub named: Option<String>,
}

impl Implementation {
    pub(super) fn of(peer: &CasePeer) -> Self {
        let named = peer.named.clone().filter(|named| *named != peer.implementation);
        Self { name: peer.implementation.clone(), version: peer.version.clone(), named }
    }

    /// By name, then from older to newer versions.
    pub(super) fn key(&self) -> (&str, Vec<u64>, &str, Option<&str>) {
        let numbers = self.version.split(|c: char| !c.is_ascii_digit());
        let numbers = numbers.filter(|part| !part.is_empty()).map(|part| part.parse().unwrap_or(u64::MAX));
        (&self.name, numbers.collect(), &self.version, self.named.as_deref())
    }
}

impl std::fmt::Display for Implementation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = &self.name;
        let called = match shown(name, &self.version) {
            "" => format!("{name} (unknown version)"),
            // `stack = webrtc 0.21.1`: what cases call it, and what it is.
            version if version != self.version && self.named.is_none() => format!("{name} = {version}"),
            _ => versioned(name, &self.version),
        };
        match &self.named {
            Some(named) => write!(f, "{named} = {called}"),
            None => f.write_str(&called),
        }
    }
}

/// A case and its players, whose versions may still be unknown.
pub(super) struct RunCase<'a> {
    pub(super) run: usize,
    pub(super) case: &'a CaseReport,
    pub(super) offerer: Implementation,
    pub(super) answerer: Implementation,
}

/// Gives implementations that no one asked for their version the one that they reported elsewhere in the same run, if that was only
/// one: a case that is not played opens no peer, and would otherwise stand in a row of its own.
pub(super) fn fill_versions(run_cases: &mut [RunCase<'_>]) {
    let mut known: BTreeMap<(String, Option<String>), BTreeSet<String>> = BTreeMap::new();
    for it in run_cases.iter().flat_map(|it| [&it.offerer, &it.answerer]) {
        if !it.version.is_empty() {
            known.entry((it.name.clone(), it.named.clone())).or_default().insert(it.version.clone());
        }
    }
    for it in run_cases.iter_mut().flat_map(|it| [&mut it.offerer, &mut it.answerer]) {
        let versions = known.get(&(it.name.clone(), it.named.clone())).filter(|all| all.len() == 1);
        if let (true, Some(version)) = (it.version.is_empty(), versions.and_then(BTreeSet::first)) {
            it.version.clone_from(version);
        }
    }
}

/// In what a case contradicts itself about who played.
pub(super) fn contradictions(case: &CaseReport) -> Vec<String> {
    let base = |name: &'_ str| name.split_once('@').map_or(name, |(base, _)| base).to_owned();
    let mut found = Vec::new();
    for peer in &case.peers {
        // A name without a version may be any, where the configuration says what answers by it.
        let is_free = |named: &str| !named.contains('@') && !BUILT_IN.contains(&named);
        let named = peer.named.as_ref().filter(|named| !is_free(named));
        if let Some(named) = named.filter(|named| base(named) != peer.implementation) {
            found.push(format!("`{named}` identifies as `{}`", peer.implementation));
        }
    }
    found.dedup();
    let called = |role| {
        let peer = case.peers.iter().find(|peer| peer.role == role)?;
        Some(peer.named.as_deref().unwrap_or(&peer.implementation))
    };
    match (called(Role::Offerer), called(Role::Answerer)) {
        (Some(offerer), Some(answerer)) => {
            let played = format!("{offerer}-{answerer}");
            if played != case.pair() {
                found.push(format!("the case named `{}` was run by `{played}`", case.pair()));
            }
        }
        _ => found.push("a case without an offerer and an answerer is left out".to_owned()),
    }
    found
}
