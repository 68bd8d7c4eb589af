//! One known deviation: which cases and peers it is about.

use super::error::DeviationError;
use super::pattern;
use super::rate::Rate;
use crate::case::{CasePeer, Role};
use crate::checks::{self, fault};
use crate::claims;
use crate::verdict::{Layer, NETWORK, Verdict, Waiver};
use peerproof_captures::feature::Feature;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeSet;

/// The implementations that need no program: the reference stack and the browsers. They say of themselves that they are what they are called in the
/// names of cases.
pub const BUILT_IN: [&str; 3] = ["stack", "chrome", "firefox"];

/// A known deviation.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    /// Pattern of the cases' names. All if absent, which only a requirement or a claim may leave it. `chrome` in it stands for `chrome@150` too.
    #[serde(default)]
    pub case: Option<String>,
    /// The requirement of the catalogue that is broken: then the deviation covers its findings, and no verdict.
    #[serde(default)]
    pub requirement: Option<String>,
    /// The claim of the peer (`docs/claims.md`) that is contradicted: then the deviation covers the verdicts that this alone decides.
    #[serde(default)]
    pub claim: Option<String>,
    /// Only where that claim is a counter which is less than what was counted.
    #[serde(default)]
    pub less: bool,
    /// The faults of the requirement's check that it covers, and no others (`conformance/faults.txt`): a word or a list.
    #[serde(default, deserialize_with = "one_or_several")]
    pub fault: Vec<String>,
    /// The implementation that deviates.
    pub peer: String,
    /// Its versions: comparisons joined by commas, such as `>=156, <158`, or of what it is built on, `webrtc >=0.21, <0.22`. All if absent.
    #[serde(default)]
    pub versions: Option<String>,
    /// Only where the peer is the subject of the case, which the reference stack plays without its work-arounds.
    #[serde(default)]
    pub subject: bool,
    /// Only where the peer lists its features without this one: what it lacks is not installed on the machine.
    #[serde(default)]
    pub without: Option<Feature>,
    /// The layer at which the verdict of a case shows it.
    #[serde(default)]
    pub layer: Option<Layer>,
    /// The side of that verdict.
    #[serde(default)]
    pub side: Side,
    /// In how many of the attempts it shows, if not in every one: then a case that does not show it is no error, and neither is a run.
    #[serde(default)]
    pub rate: Option<Rate>,
    /// Whether the scenarios among which it stands show it. If not, it was seen in others: then it needs its rate, and is never stale.
    #[serde(default = "shows")]
    pub suite: bool,
    /// Why it deviates.
    pub reason: String,
    /// The rule that it breaks, or where the deviation is known.
    pub link: String,
    /// The file in which it stands.
    #[serde(skip)]
    pub file: String,
}

/// The side of the verdict that shows a deviation of a case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The peer that deviates.
    #[default]
    Own,
    /// The other peer: it refuses, rightly, what the one that deviates sent, or waits for what never comes.
    Other,
    /// The network, on which packets of the peers were lost.
    Network,
    /// No side: the evidence does not say at which of the peers it shows.
    Neither,
}

impl Side {
    const fn words(self) -> &'static str {
        match self {
            Self::Own => "",
            Self::Other => ", at the other side",
            Self::Network => ", at the network",
            Self::Neither => ", at neither side",
        }
    }
}

impl Deviation {
    /// Looks whether it means something.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn validate(&self) -> Result<(), DeviationError> {
        if let Some(versions) = self.versions.as_ref().filter(|versions| in_range(versions, "1").is_none()) {
            return Err(DeviationError::Versions(versions.clone()));
        }
        if let Some(versions) = self.versions.as_ref().filter(|versions| !is_satisfiable(versions)) {
            return Err(DeviationError::NoVersion(versions.clone()));
        }
        let peer = self.peer.clone();
        for (key, text) in [("reason", &self.reason), ("link", &self.link)] {
            if text.trim().is_empty() {
                return Err(DeviationError::Unexplained { peer, key });
            }
        }
        if !self.suite && self.rate.is_none_or(|rate| rate.least() > 0.0) {
            return Err(DeviationError::Unshown { peer });
        }
        if let Some(case) = &self.case {
            let case = case.clone();
            if case.chars().all(|c| matches!(c, '*' | '/' | '-')) {
                return Err(DeviationError::OfEverything { peer, case });
            }
            if self.is_absent() {
                return Err(DeviationError::NotInCase { peer, case });
            }
        }
        if let Some(claim) = &self.claim {
            return self.validate_claim(claim.clone());
        }
        if self.less {
            return Err(DeviationError::LessOfNothing { peer });
        }
        match (&self.requirement, &self.case) {
            (None, None) => Err(DeviationError::OfNothing { peer, reason: self.reason.clone() }),
            (None, Some(case)) if !self.fault.is_empty() => {
                Err(DeviationError::FaultOfCase { peer, case: case.clone() })
            }
            (None, Some(case)) if self.layer.is_none() => {
                Err(DeviationError::NoLayer { peer, case: case.clone() })
            }
            (None, Some(_)) => Ok(()),
            (Some(id), _) => self.validate_faults(id),
        }
    }

    fn validate_claim(&self, claim: String) -> Result<(), DeviationError> {
        let peer = self.peer.clone();
        let others = self.requirement.is_some() || self.layer.is_some() || self.side != Side::Own;
        if !claims::can_be_contradicted(&claim) {
            return Err(DeviationError::NoClaim(claim));
        }
        if others || !self.fault.is_empty() {
            return Err(DeviationError::OfClaim { peer, claim });
        }
        if self.case.is_none() && self.rate.is_none() {
            return Err(DeviationError::NoRate { peer, claim });
        }
        Ok(())
    }

    /// Whether it covers a failing verdict of its peer, by what that is about.
    pub(super) fn is_of(&self, verdict: &Verdict) -> bool {
        match &self.claim {
            Some(name) => {
                verdict.claim.as_ref().is_some_and(|it| it.name == *name && (it.is_less || !self.less))
            }
            None => self.layer == verdict.layer,
        }
    }

    fn validate_faults(&self, id: &str) -> Result<(), DeviationError> {
        let requirement = id.to_owned();
        if checks::all().all(|check| check.id != id) {
            return Err(DeviationError::NoRequirement(requirement));
        }
        if self.layer.is_some() || self.side != Side::Own {
            return Err(DeviationError::LayerOfRequirement { peer: self.peer.clone(), requirement });
        }
        if self.fault.is_empty() {
            return Err(DeviationError::NoFault { peer: self.peer.clone(), requirement });
        }
        match self.fault.iter().find(|it| !fault::of(id).contains(&it.as_str())) {
            Some(fault) => Err(DeviationError::NoSuchFault { fault: fault.clone(), requirement }),
            None => Ok(()),
        }
    }

    /// Whether the pair that its pattern names is certain and without its peer. What another implementation than those of every installation
    /// says that it is may differ from its name.
    fn is_absent(&self) -> bool {
        let pair = self.case.as_deref().and_then(|pattern| pattern.rsplit('/').next()?.split_once('-'));
        let named = |name: &str| name.split('@').next().unwrap_or(name).to_owned();
        pair.is_some_and(|(offerer, answerer)| {
            let sides = [named(offerer), named(answerer)];
            sides.iter().all(|side| BUILT_IN.contains(&side.as_str())) && !sides.contains(&named(&self.peer))
        })
    }

    /// Whether its pattern can match a case of a scenario.
    #[must_use]
    pub fn is_of_scenario(&self, scenario: &str) -> bool {
        let Some(pattern) = self.case.as_deref() else { return true };
        let pair = pattern.rsplit('/').next().unwrap_or_default().replace('*', "x");
        pattern::matches(pattern, &format!("{scenario}/{pair}"))
    }

    /// Whether one of these peers deviates so in a case of that name.
    pub(super) fn is_about<'a>(&self, case: &str, mut peers: impl Iterator<Item = &'a CasePeer>) -> bool {
        peers.any(|peer| self.is_about_any_version(case, peer) && self.is_version(&peer.version))
    }

    /// The same, had the peer a version of those that are named.
    pub(super) fn is_about_any_version(&self, case: &str, peer: &CasePeer) -> bool {
        self.is_case(case)
            && self.is_peer(peer)
            && (peer.subject || !self.subject)
            && self.is_seat(peer.role)
            && self.lacks(peer)
    }

    /// Whether its condition holds: the peer lists its features, and lacks the one that it depends on.
    fn lacks(&self, peer: &CasePeer) -> bool {
        let Some(feature) = self.without else { return true };
        peer.features.as_ref().is_some_and(|has| !has.contains(&feature))
    }

    /// The peers that deviate so where a verdict on that side shows it.
    pub(super) fn peers_of<'a>(
        &self,
        peers: &'a [CasePeer],
        side: Option<&str>,
    ) -> impl Iterator<Item = &'a CasePeer> + use<'a> {
        let one = side.map(str::to_owned);
        let at = self.side;
        let network = one.as_deref() == Some(NETWORK);
        peers.iter().filter(move |peer| match at {
            Side::Own => one.as_deref() == Some(peer.name.as_str()),
            Side::Other => !network && one.as_deref().is_some_and(|side| side != peer.name),
            Side::Network => network,
            Side::Neither => one.is_none(),
        })
    }

    /// Whether it covers faults of this name.
    pub(super) fn is_fault(&self, fault: &str) -> bool {
        self.fault.iter().any(|it| it == fault)
    }

    /// Whether its pattern matches the name of a case, or that name without the versions of its peers.
    fn is_case(&self, case: &str) -> bool {
        let Some(pattern) = self.case.as_deref() else { return true };
        pattern::matches(pattern, case) || pattern::matches(pattern, &without_versions(case))
    }

    /// Whether the implementations that its pattern names have played: `a/b/stack-pion` shows in no run without Pion.
    pub(super) fn has_its_pair(&self, played: &BTreeSet<String>) -> bool {
        let pair = self.case.as_deref().and_then(|pattern| pattern.rsplit('/').next()?.split_once('-'));
        let there = |name: &str| name.contains('*') || played.contains(name);
        pair.is_none_or(|(offerer, answerer)| there(offerer) && there(answerer))
    }

    /// Whether it is about this peer in some case: its implementation, version and condition.
    pub(super) fn may_deviate(&self, peer: &CasePeer) -> bool {
        self.is_peer(peer) && self.is_version(&peer.version) && self.lacks(peer)
    }

    fn is_peer(&self, peer: &CasePeer) -> bool {
        peer.implementation == self.peer || peer.named.as_ref() == Some(&self.peer)
    }

    fn is_version(&self, version: &str) -> bool {
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

const fn shows() -> bool {
    true
}

/// A word, or a list of words.
fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a word or a list of words")]
    enum Words {
        One(String),
        Several(Vec<String>),
    }
    Ok(match Words::deserialize(deserializer)? {
        Words::One(word) => vec![word],
        Words::Several(words) => words,
    })
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
        write!(f, "{}: {}", self.file, self.name())
    }
}

impl Deviation {
    /// What it is about, without its file: the name of it in `observed.toml`.
    #[must_use]
    pub fn name(&self) -> String {
        let versions = self.versions.as_ref().map(|all| format!(" {all}")).unwrap_or_default();
        let subject = if self.subject { " as the subject" } else { "" };
        let without = self.without.map(|feature| format!(" without {feature}")).unwrap_or_default();
        let of = format!("of {}{versions}{subject}{without}", self.peer);
        let faults = self.fault.join(", ");
        if let Some(claim) = &self.claim {
            let case = self.case.as_ref().map(|case| format!(" in {case}")).unwrap_or_default();
            let less = if self.less { " (less)" } else { "" };
            return format!("{claim}{less}{case} {of}");
        }
        match (&self.requirement, &self.case, self.layer) {
            (Some(what), Some(case), _) => format!("{what} ({faults}) in {case} {of}"),
            (Some(what), None, _) => format!("{what} ({faults}) {of}"),
            (None, Some(case), Some(layer)) => format!("{case} ({layer}{}) {of}", self.side.words()),
            (None, Some(case), None) => format!("{case} {of}"),
            (None, None, _) => of,
        }
    }
}

/// Whether some version satisfies all comparisons. The least that can is one of the bounds, or comes right behind one.
fn is_satisfiable(comparisons: &str) -> bool {
    let (name, bounds) = named(comparisons);
    let of = |version: String| name.map_or(version.clone(), |name| format!("{name} {version}"));
    let bounds = bounds.split(',').map(|it| it.trim().trim_start_matches(['<', '>', '=']).trim());
    let candidates = bounds.flat_map(|bound| [bound.to_owned(), format!("{bound}.0")]);
    candidates.chain(["0".to_owned()]).any(|version| in_range(comparisons, &of(version)) == Some(true))
}

/// The comparisons without the name of the product that they are about, if they begin with one (`webrtc >=0.21`), and that name.
fn named(comparisons: &str) -> (Option<&str>, &str) {
    match comparisons.trim_start().split_once(' ') {
        Some((name, rest)) if name.starts_with(|c: char| c.is_ascii_alphabetic()) => (Some(name), rest),
        _ => (None, comparisons),
    }
}

/// What a version says of a product: all of it, or what follows the name, as in `0.1.0 (webrtc 0.21.1)`.
fn version_of<'a>(name: Option<&str>, version: &'a str) -> Option<&'a str> {
    let Some(name) = name else { return Some(version) };
    let mut words = version.split([' ', '(', ')']).filter(|word| !word.is_empty());
    words.find(|word| *word == name)?;
    words.next()
}

/// The numbers at the beginning of a dotted version: 1, 22 and 0 of `1.22.0-4+deb12u8`.
fn numbers(version: &str) -> Vec<u64> {
    let mut numbers = Vec::new();
    for part in version.split('.') {
        let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let Some(number) = part.get(..digits).and_then(|digits| digits.parse().ok()) else { break };
        numbers.push(number);
        if digits < part.len() {
            break;
        }
    }
    numbers
}

/// Whether a version satisfies all comparisons; nothing if they are malformed.
fn in_range(comparisons: &str, version: &str) -> Option<bool> {
    let (name, comparisons) = named(comparisons);
    let version = version_of(name, version).map(numbers);
    let mut all = true;
    for comparison in comparisons.split(',') {
        let comparison = comparison.trim();
        let operator =
            [">=", "<=", ">", "<", "="].into_iter().find(|operator| comparison.starts_with(operator))?;
        let bound = comparison.get(operator.len()..)?.trim();
        if !bound.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit())) {
            return None;
        }
        let bound = numbers(bound);
        let Some(version) = &version else {
            // A version that does not name the product is none of its.
            all = false;
            continue;
        };
        // `=156` means any 156.
        let length = if operator == "=" { bound.len() } else { version.len() };
        let version = version.get(..length).unwrap_or(version);
        all &= match operator {
            ">=" => version >= bound.as_slice(),
            "<=" => version <= bound.as_slice(),
            ">" => version > bound.as_slice(),
            "<" => version < bound.as_slice(),
            _ => version == bound.as_slice(),
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
        assert_eq!(in_range("=1.22", "1.22.0-4+deb12u8"), Some(true));
        assert_eq!(in_range(">=3.1.56", "3.1.56-2"), Some(true));
        assert_eq!(in_range("webrtc >=0.21, <0.22", "0.1.0 (webrtc 0.21.1)"), Some(true));
        assert_eq!(in_range("webrtc >=0.21, <0.22", "0.1.0 (webrtc 0.22.0)"), Some(false));
        assert_eq!(in_range("webrtc <0.22", "0.1.0"), Some(false));
        for malformed in ["about 3", "3", "webrtc", "webrtc 3", "=", "=1.x", "=156 and more", ">=1,"] {
            assert_eq!(in_range(malformed, "3"), None, "{malformed}");
        }
        for possible in [">=2", "<1", ">1, <1.1", "=156, >156", ">=2, <=2", "webrtc >=0.21, <0.22"] {
            assert!(is_satisfiable(possible), "{possible}");
        }
        for impossible in [">=2, <1", "=2, =3", ">2, <=2", "<0", "webrtc >=0.22, <0.21"] {
            assert!(!is_satisfiable(impossible), "{impossible}");
        }
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let refused = |toml: &str| {
            let text = format!("layer = 'dtls'\n{toml}");
            let text = ["reason", "link"].iter().fold(text, |text, key| {
                if text.contains(key) { text } else { format!("{text}\n{key} = 'x'") }
            });
            let read: Deviation = toml::from_str(&text).unwrap();
            read.validate().err().map(|error| error.to_string()).unwrap_or_default()
        };
        let named = |case: &str, peer: &str| refused(&format!("case = '{case}'\npeer = '{peer}'"));
        assert_eq!(
            refused("case = 'a/b/*'\npeer = 'stack'\nversions = '>=2, <1'"),
            "no version is `>=2, <1`"
        );
        assert_eq!(
            refused("case = 'a/b/*'\npeer = 'stack'\nreason = ' '"),
            "a deviation of stack has an empty `reason`"
        );
        assert_eq!(
            refused("case = 'a/b/*'\npeer = 'stack'\nlink = ''"),
            "a deviation of stack has an empty `link`"
        );
        assert!(named("**", "stack").contains("is about every case"));
        assert!(named("*/*/*-*", "stack").contains("is about every case"));
        assert_eq!(
            named("a/b/stack-firefox@150", "chrome"),
            "chrome does not play in `a/b/stack-firefox@150`"
        );
        for (case, peer) in [
            ("a/b/stack-chrome", "chrome@150"),
            ("a/b/chrome@150-stack", "chrome"),
            ("a/b/stack-*", "chrome"),
            ("a/b/stack-ours", "pion"),
            ("**/webrtcbin-stack", "stack"),
        ] {
            assert_eq!(named(case, peer), "", "{case}");
        }
    }

    #[test]
    fn a_pattern_is_of_the_scenarios_that_it_can_match() {
        for (pattern, is) in [
            ("data/echo/stack-*", true),
            ("data/*/*", true),
            ("data/**", true),
            ("**/chrome-stack", true),
            ("data/ech/*", false),
            ("data/echo", false),
            ("dtls/**", false),
        ] {
            assert_eq!(
                deviation(&format!("case = '{pattern}'")).is_of_scenario("data/echo"),
                is,
                "{pattern}"
            );
        }
        assert!(deviation("requirement = 'r'").is_of_scenario("data/echo"));
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
            runs: crate::case::Runs::Driven,
            subject: false,
            nat: None,
            features: None,
            unreported: Vec::new(),
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
