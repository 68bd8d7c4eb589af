//! One known deviation: which cases and peers it is about.

use crate::glob;
use peerproof_conformance::case::{CasePeer, Role, Waiver};
use peerproof_conformance::verdict::Layer;
use serde::Deserialize;
use std::collections::BTreeSet;

/// A known deviation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    /// Pattern of the cases' names. All if absent, which only a requirement may leave it. `chrome` in it stands for `chrome@150` too.
    #[serde(default)]
    pub case: Option<String>,
    /// The requirement of the catalogue that is broken: then the deviation covers its findings, and no verdict.
    #[serde(default)]
    pub requirement: Option<String>,
    /// The implementation that deviates.
    pub peer: String,
    /// Its versions: comparisons joined by commas, such as `>=156, <158`. All if absent.
    #[serde(default)]
    pub versions: Option<String>,
    /// Only where the peer is the subject of the case, which the reference stack plays without its work-arounds.
    #[serde(default)]
    pub subject: bool,
    /// The layer at which it shows; any if absent.
    #[serde(default)]
    pub layer: Option<Layer>,
    /// It depends on timing: a case that does not show it is no error, and neither is a full run.
    #[serde(default)]
    pub sometimes: bool,
    /// Why it deviates.
    pub reason: String,
    /// The rule that it breaks, or where the deviation is known.
    pub link: String,
    /// The file in which it stands.
    #[serde(skip)]
    pub file: String,
}

impl Deviation {
    /// Whether one of these peers deviates so in a case of that name.
    pub(super) fn is_about<'a>(&self, case: &str, mut peers: impl Iterator<Item = &'a CasePeer>) -> bool {
        self.is_case(case)
            && peers.any(|peer| {
                self.is_peer(peer)
                    && (peer.subject || !self.subject)
                    && self.is_version(&peer.version)
                    && self.is_seat(peer.role)
            })
    }

    /// Whether its pattern matches the name of a case, or that name without the versions of its peers.
    fn is_case(&self, case: &str) -> bool {
        let Some(pattern) = self.case.as_deref() else { return true };
        glob::matches(pattern, case) || glob::matches(pattern, &without_versions(case))
    }

    /// Whether the implementations that its pattern names have played: `a/b/stack-pion` shows in no run without Pion.
    pub(super) fn has_its_pair(&self, played: &BTreeSet<String>) -> bool {
        let pair = self.case.as_deref().and_then(|pattern| pattern.rsplit('/').next()?.split_once('-'));
        let there = |name: &str| name.contains(['*', '?', '[', '{']) || played.contains(name);
        pair.is_none_or(|(offerer, answerer)| there(offerer) && there(answerer))
    }

    pub(super) fn is_peer(&self, peer: &CasePeer) -> bool {
        peer.implementation == self.peer || peer.named.as_ref() == Some(&self.peer)
    }

    pub(super) fn is_version(&self, version: &str) -> bool {
        self.versions.as_ref().is_none_or(|all| in_range(all, version) == Some(true))
    }

    /// Whether a peer of this role may be the one that deviates. Where the pattern names it on one side only, and other versions of it do not
    /// deviate, it is that one: `a/b/chrome-*` of versions `<156` is not about `a/b/chrome-chrome@150`.
    fn is_seat(&self, role: Role) -> bool {
        let pair = self.case.as_deref().and_then(|pattern| pattern.rsplit('/').next()?.split_once('-'));
        let (None, Some(_), Some((offerer, answerer))) = (&self.requirement, &self.versions, pair) else {
            return true;
        };
        let names = |side: &str| without_versions(side) == self.peer || side == self.peer;
        match (names(offerer), names(answerer)) {
            (true, false) => role == Role::Offerer,
            (false, true) => role == Role::Answerer,
            _ => true,
        }
    }

    pub(super) fn waiver(&self) -> Waiver {
        Waiver { reason: self.reason.clone(), link: self.link.clone() }
    }
}

/// The name of a case without the versions in the names of its peers: `data/echo/chrome-stack` of `data/echo/chrome@150-stack`.
fn without_versions(case: &str) -> String {
    let (scenario, pair) = case.rsplit_once('/').map_or(("", case), |(scenario, pair)| (scenario, pair));
    let peers: Vec<&str> = pair.split('-').map(|peer| peer.split('@').next().unwrap_or(peer)).collect();
    let slash = if scenario.is_empty() { "" } else { "/" };
    format!("{scenario}{slash}{}", peers.join("-"))
}

impl std::fmt::Display for Deviation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: ", self.file)?;
        match (&self.requirement, &self.case) {
            (Some(requirement), Some(case)) => write!(f, "`{requirement}` in `{case}` of {}", self.peer),
            (Some(what), None) | (None, Some(what)) => write!(f, "`{what}` of {}", self.peer),
            (None, None) => f.write_str(&self.peer),
        }
    }
}

/// Whether a dotted version satisfies all comparisons; nothing if they are malformed.
pub(super) fn in_range(comparisons: &str, version: &str) -> Option<bool> {
    let parse = |text: &str| -> Vec<u64> { text.split('.').map_while(|part| part.parse().ok()).collect() };
    let version = parse(version);
    let mut all = true;
    for comparison in comparisons.split(',') {
        let comparison = comparison.trim();
        let operator =
            [">=", "<=", ">", "<", "="].into_iter().find(|operator| comparison.starts_with(operator))?;
        let bound = parse(comparison.get(operator.len()..)?.trim());
        if bound.is_empty() {
            return None;
        }
        // `=156` means any 156.
        let version = if operator == "=" {
            version.iter().copied().take(bound.len()).collect()
        } else {
            version.clone()
        };
        all &= match operator {
            ">=" => version >= bound,
            "<=" => version <= bound,
            ">" => version > bound,
            "<" => version < bound,
            _ => version == bound,
        };
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_parts() {
        assert_eq!(in_range(">=156, <158", "156.0.8078.79"), Some(true));
        assert_eq!(in_range(">=156, <158", "158.0.1"), Some(false));
        assert_eq!(in_range("=153", "153.7.0"), Some(true));
        assert_eq!(in_range("<20", "9.1"), Some(true));
        assert_eq!(in_range("about 3", "3"), None);
    }

    fn deviation(toml: &str) -> Deviation {
        toml::from_str(&format!("peer = 'chrome'\nreason = 'r'\nlink = 'l'\n{toml}")).unwrap()
    }

    fn peer(role: Role, named: Option<&str>, version: &str) -> CasePeer {
        CasePeer {
            name: "p".into(),
            implementation: "chrome".into(),
            named: named.map(Into::into),
            version: version.into(),
            role,
            runs: peerproof_conformance::case::Runs::Driven,
            subject: false,
            nat: None,
            features: None,
            refuses_the_impossible: false,
        }
    }

    #[test]
    fn a_pattern_means_every_version_of_a_peer_unless_it_names_one() {
        let peers = [peer(Role::Offerer, Some("chrome@150"), "150.0.1")];
        let about = |toml: &str, case: &str| deviation(toml).is_about(case, peers.iter());
        assert!(about("case = 'data/echo/chrome-*'", "data/echo/chrome@150-firefox@140"));
        assert!(about("case = 'data/echo/chrome-firefox'", "data/echo/chrome@150-firefox@140"));
        assert!(about("case = 'data/echo/chrome@150-*'", "data/echo/chrome@150-stack"));
        assert!(!about("case = 'data/echo/chrome@156-*'", "data/echo/chrome@150-stack"));
        assert!(!about("case = 'data/echo/firefox-*'", "data/echo/chrome@150-firefox"));
    }

    #[test]
    fn what_names_an_implementation_shows_only_where_that_has_played() {
        let played: BTreeSet<String> = ["stack", "chrome"].map(str::to_owned).into();
        for there in
            ["case = 'a/b/stack-*'", "case = 'a/**'", "case = 'a/b/chrome-stack'", "requirement = 'r'"]
        {
            assert!(deviation(there).has_its_pair(&played), "{there}");
        }
        for absent in ["case = 'a/b/stack-pion'", "case = 'a/b/pion-*'", "case = '**/*-pion'"] {
            assert!(!deviation(absent).has_its_pair(&played), "{absent}");
        }
    }

    #[test]
    fn where_versions_differ_the_side_that_the_pattern_names_is_meant() {
        let old = |role| peer(role, Some("chrome@150"), "150.0.1");
        let new = |role| peer(role, None, "156.0.1");
        let of_old = deviation("case = 'a/b/chrome-*'\nversions = '<156'");
        let about = |peers: [CasePeer; 2]| of_old.is_about("a/b/chrome-chrome", peers.iter());
        assert!(about([old(Role::Offerer), new(Role::Answerer)]));
        assert!(!about([new(Role::Offerer), old(Role::Answerer)]));
        assert!(about([old(Role::Offerer), old(Role::Answerer)]));
        let of_either = deviation("case = 'a/b/*'\nversions = '<156'");
        assert!(
            of_either.is_about("a/b/chrome-chrome@150", [new(Role::Offerer), old(Role::Answerer)].iter())
        );
    }
}
