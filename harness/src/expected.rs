//! `expected.toml`, the ratchet: known deviations of named peers. Each gives its reason and a link to the rule, and each must
//! still match something.

mod deviation;

pub use deviation::Deviation;

use crate::embedded::SCENARIOS;
use deviation::in_range;
use peerproof_conformance::case::{CaseFile, Waiver};
use peerproof_conformance::checks::{self, Finding, Result as Found};
use peerproof_conformance::verdict::{Outcome, Verdict};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The file of known deviations in a folder of scenarios.
const FILE: &str = "expected.toml";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    /// These are all: those that the program brings along do not apply.
    #[serde(default)]
    whole: bool,
    #[serde(default)]
    deviation: Vec<Deviation>,
}

/// All known deviations, and which of them have matched a case of this run.
#[derive(Debug, Default)]
pub struct Expected {
    deviations: Vec<Deviation>,
    matched: Mutex<BTreeSet<usize>>,
    /// Those that say for which versions they are, and of whose peer such a version has played.
    of_versions: Mutex<BTreeSet<usize>>,
    /// The implementations that have played, by what they say that they are and by their names in cases.
    played: Mutex<BTreeSet<String>>,
    /// Those whose requirement a busy machine left open where they might have shown.
    open: Mutex<BTreeSet<usize>>,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ExpectedError {
    /// It cannot be read.
    #[error("{path} cannot be read: {error}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// It says something else than it may.
    #[error("{path}: {error}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong, with its line.
        error: toml::de::Error,
    },
    /// A comparison of versions is malformed.
    #[error("{path}: `{versions}` is not a version range (write `>=156, <158`)")]
    Versions {
        /// The file.
        path: String,
        /// What stands there.
        versions: String,
    },
    /// A deviation names neither cases nor a requirement.
    #[error("{path}: a deviation of {peer} has neither `case` nor `requirement` (its reason: {reason})")]
    OfNothing {
        /// The file.
        path: String,
        /// The peer.
        peer: String,
        /// Its reason.
        reason: String,
    },
    /// A requirement is not in the catalogue, or no check decides it.
    #[error("{path}: no check decides a requirement `{id}` (`peerproof requirements` lists them)")]
    NoRequirement {
        /// The file.
        path: String,
        /// What stands there.
        id: String,
    },
}

impl Expected {
    /// Reads the file; without one nothing is expected to deviate.
    ///
    /// # Errors
    /// The file cannot be read or says something else than it may.
    pub fn load(path: &Path) -> Result<Self, ExpectedError> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ExpectedError::Unreadable { path: shown.clone(), error })?;
        Self::parse(&shown, &text)
    }

    /// Those of several files, with those that the program brings along for its suite; of a folder of scenarios those in its
    /// `expected.toml`.
    ///
    /// # Errors
    /// A file cannot be read or says something else than it may.
    pub fn gather(
        files: &[PathBuf],
        folder: Option<&Path>,
        known: &[(String, &str)],
    ) -> Result<Self, ExpectedError> {
        let mut texts: Vec<(String, String)> = Vec::new();
        let beside = folder.map(|folder| folder.join(FILE)).filter(|path| path.exists());
        for path in beside.iter().chain(files) {
            let shown = path.display().to_string();
            let text = std::fs::read_to_string(path)
                .map_err(|error| ExpectedError::Unreadable { path: shown.clone(), error })?;
            texts.push((shown, text));
        }
        let mut all = Self::default();
        let mut alone = false;
        for (path, text) in &texts {
            let (whole, deviations) = Self::read(path, text)?;
            alone |= whole;
            all.deviations.extend(deviations);
        }
        let suite = SCENARIOS.get_file(FILE).and_then(include_dir::File::contents_utf8);
        let suite = suite.filter(|_| !alone).map(|text| (FILE.to_owned(), text));
        for (path, text) in suite.iter().chain(known) {
            all.deviations.extend(Self::read(path, text)?.1);
        }
        Ok(all)
    }

    fn parse(path: &str, text: &str) -> Result<Self, ExpectedError> {
        Ok(Self { deviations: Self::read(path, text)?.1, ..Self::default() })
    }

    /// The deviations of a file, and whether they are all.
    fn read(path: &str, text: &str) -> Result<(bool, Vec<Deviation>), ExpectedError> {
        let mut whole: Whole = toml::from_str(text)
            .map_err(|error| ExpectedError::Malformed { path: path.to_owned(), error })?;
        whole.deviation.iter_mut().for_each(|deviation| path.clone_into(&mut deviation.file));
        for versions in whole.deviation.iter().filter_map(|deviation| deviation.versions.as_ref()) {
            if in_range(versions, "1").is_none() {
                return Err(ExpectedError::Versions { path: path.to_owned(), versions: versions.clone() });
            }
        }
        for Deviation { case, requirement, peer, reason, .. } in &whole.deviation {
            match requirement {
                None if case.is_none() => {
                    let (path, peer, reason) = (path.to_owned(), peer.clone(), reason.clone());
                    return Err(ExpectedError::OfNothing { path, peer, reason });
                }
                Some(id) if checks::all().all(|check| check.id != id) => {
                    return Err(ExpectedError::NoRequirement { path: path.to_owned(), id: id.clone() });
                }
                _ => {}
            }
        }
        Ok((whole.whole, whole.deviation))
    }

    /// The peers of which something is known.
    pub fn peers(&self) -> impl Iterator<Item = &str> {
        self.deviations.iter().map(|deviation| deviation.peer.as_str())
    }

    /// The deviation that covers this case and verdict, if one does.
    #[must_use]
    pub fn waiver(&self, file: &CaseFile, verdict: &Verdict) -> Option<Waiver> {
        self.note_versions(file);
        let mut found = None;
        for (n, deviation) in self.deviations.iter().enumerate() {
            if deviation.requirement.is_some() || !deviation.is_about(&file.name, file.peers.iter()) {
                continue;
            }
            self.matched.lock().unwrap_or_else(PoisonError::into_inner).insert(n);
            let at_layer =
                deviation.layer.is_none() || verdict.layer.is_none() || deviation.layer == verdict.layer;
            let passed = deviation.sometimes && verdict.outcome == Outcome::Pass;
            if found.is_none() && at_layer && !passed {
                found = Some(deviation.waiver());
            }
        }
        found
    }

    /// Takes note of the deviations of whose versions one has played.
    fn note_versions(&self, file: &CaseFile) {
        let mut of_versions = self.of_versions.lock().unwrap_or_else(PoisonError::into_inner);
        // One that was not opened has told no version.
        let played = || file.peers.iter().filter(|peer| !peer.version.is_empty());
        let names = played().flat_map(|peer| [Some(&peer.implementation), peer.named.as_ref()]);
        let mut all = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(names.flatten().cloned());
        drop(all);
        for (n, deviation) in self.deviations.iter().enumerate() {
            if played().any(|peer| deviation.is_peer(peer) && deviation.is_version(&peer.version)) {
                of_versions.insert(n);
            }
        }
    }

    /// Gives each finding that a known deviation covers its reason.
    pub fn waive(&self, file: &mut CaseFile) {
        self.note_versions(file);
        let CaseFile { findings, peers, name, .. } = file;
        let bad = |finding: &Finding| matches!(finding.result, Found::Fail | Found::Warn);
        for finding in findings.iter_mut().filter(|finding| bad(finding) || finding.timing) {
            for (n, deviation) in self.deviations.iter().enumerate() {
                let endpoint = peers.iter().filter(|peer| peer.name == finding.endpoint);
                if deviation.requirement.as_ref() != Some(&finding.requirement)
                    || !deviation.is_about(name, endpoint)
                {
                    continue;
                }
                if bad(finding) {
                    self.matched.lock().unwrap_or_else(PoisonError::into_inner).insert(n);
                    finding.waiver.get_or_insert_with(|| deviation.waiver());
                } else {
                    self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(n);
                }
            }
        }
    }

    /// The deviations that matched nothing, although they show in every full run: they must go. Those are not among them that a
    /// busy machine may have hidden, see [`Self::left_open`], and those for versions or in cases of
    /// implementations of which none has played.
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
            let may_show = (one.versions.is_none() || of_versions.contains(n)) && one.has_its_pair(&played);
            may_show && !matched.contains(n) && !one.sometimes && left.contains(n) == open
        };
        self.deviations.iter().enumerate().filter(|(n, one)| wanted(n, one)).map(|(_, one)| one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deviation_needs_its_reason_and_its_link() {
        let missing = "[[deviation]]\ncase = 'dtls/**'\npeer = 'stack'\nreason = 'r'\n";
        assert!(Expected::parse("e.toml", missing).unwrap_err().to_string().contains("link"));
        let whole = Expected::parse("e.toml", &format!("{missing}link = 'l'\n")).unwrap();
        assert_eq!(whole.unmatched().len(), 1);
        let of_nothing = "[[deviation]]\npeer = 'stack'\nreason = 'r'\nlink = 'l'\n";
        assert!(Expected::parse("e.toml", of_nothing).unwrap_err().to_string().contains("neither"));
        let unknown = format!("{of_nothing}requirement = 'no-such-thing'\n");
        assert!(Expected::parse("e.toml", &unknown).unwrap_err().to_string().contains("no-such-thing"));
    }

    #[test]
    fn what_is_known_of_a_version_that_did_not_play_is_no_stale_entry() {
        let text =
            "[[deviation]]\ncase = 'a/**'\npeer = 'chrome'\nversions = '<156'\nreason = 'r'\nlink = 'l'\n";
        let expected = Expected::parse("e.toml", text).unwrap();
        let pass = Verdict {
            outcome: Outcome::Pass,
            layer: None,
            side: None,
            sentence: String::new(),
            evidence: Vec::new(),
        };
        let played = |case: &str, version: &str| -> CaseFile {
            let peer = format!(
                "{{\"name\":\"alice\",\"implementation\":\"chrome\",\"version\":\"{version}\",\"role\":\"offerer\",\
                 \"refuses_the_impossible\":true}}"
            );
            let text = format!(
                "{{\"format\":2,\"name\":\"{case}\",\"title\":\"t\",\"peers\":[{peer}],\"seed\":1,\
                 \"scenario_hash\":\"\",\"epoch_us\":0,\"duration_us\":0,\"findings\":[]}}"
            );
            serde_json::from_str(&text).unwrap()
        };
        for version in ["", "156.0"] {
            assert!(expected.waiver(&played("b/c/chrome-stack", version), &pass).is_none());
            assert!(expected.unmatched().is_empty(), "{version}");
        }
        // One that did play and shows it nowhere is.
        assert!(expected.waiver(&played("b/c/chrome-stack", "150.0"), &pass).is_none());
        assert_eq!(expected.unmatched().len(), 1);
        assert!(expected.waiver(&played("a/c/chrome-stack", "150.0"), &pass).is_some());
        assert!(expected.unmatched().is_empty());
    }

    #[test]
    fn a_requirement_that_a_named_peer_is_known_to_break_is_waived_for_that_peer_alone() {
        let expected = Expected::parse(
            "e.toml",
            "[[deviation]]\nrequirement = 'dtls-no-compression'\npeer = 'chrome'\nversions = '=156'\n\
             reason = 'r'\nlink = 'l'\n",
        )
        .unwrap();
        let peer = |name: &str, implementation: &str, role: &str| {
            format!(
                "{{\"name\":\"{name}\",\"implementation\":\"{implementation}\",\"version\":\"156.0\",\
                 \"role\":\"{role}\",\"refuses_the_impossible\":true}}"
            )
        };
        let finding = |endpoint: &str, result: &str| {
            format!(
                "{{\"requirement\":\"dtls-no-compression\",\"endpoint\":\"{endpoint}\",\
                 \"result\":\"{result}\",\"sentence\":\"s\"}}"
            )
        };
        let case = |findings: &[String]| -> CaseFile {
            let text = format!(
                "{{\"format\":2,\"name\":\"a/b/chrome-stack\",\"title\":\"t\",\"peers\":[{},{}],\"seed\":1,\
                 \"scenario_hash\":\"\",\"epoch_us\":0,\"duration_us\":0,\"findings\":[{}]}}",
                peer("alice", "chrome", "offerer"),
                peer("bob", "stack", "answerer"),
                findings.join(",")
            );
            serde_json::from_str(&text).unwrap()
        };
        let mut passes = case(&[finding("alice", "pass"), finding("bob", "fail")]);
        expected.waive(&mut passes);
        assert!(passes.findings.iter().all(|finding| finding.waiver.is_none()));
        assert_eq!(expected.unmatched().len(), 1);
        // What the load of the machine leaves open proves nothing, but it does not waive either.
        let mut open = case(&[finding("alice", "inconclusive"), finding("bob", "inconclusive")]);
        open.findings[1].timing = true;
        expected.waive(&mut open);
        assert_eq!((expected.unmatched().len(), expected.left_open().len()), (1, 0));
        open.findings[0].timing = true;
        expected.waive(&mut open);
        assert_eq!((expected.unmatched().len(), expected.left_open().len()), (0, 1));
        assert!(open.findings.iter().all(|finding| finding.waiver.is_none()));
        let mut fails = case(&[finding("alice", "fail")]);
        expected.waive(&mut fails);
        assert!(expected.left_open().is_empty());
        assert_eq!(fails.findings[0].waiver.as_ref().unwrap().reason, "r");
        assert!(!fails.findings[0].is_unexpected_failure());
        assert!(expected.unmatched().is_empty());

        // One of the subject leaves alone who is none.
        let of_subjects = Expected::parse(
            "e.toml",
            "[[deviation]]\nrequirement = 'dtls-no-compression'\npeer = 'chrome'\nsubject = true\nreason = 'r'\nlink = 'l'\n",
        )
        .unwrap();
        let mut fails = case(&[finding("alice", "fail")]);
        of_subjects.waive(&mut fails);
        assert!(fails.findings[0].is_unexpected_failure());
        fails.peers[0].subject = true;
        of_subjects.waive(&mut fails);
        assert!(!fails.findings[0].is_unexpected_failure());

        // A deviation of a case that depends on timing covers its failure and leaves its pass alone.
        let verdict = |outcome| Verdict {
            outcome,
            layer: None,
            side: None,
            sentence: String::new(),
            evidence: Vec::new(),
        };
        let of_case = "[[deviation]]\ncase = 'a/**'\npeer = 'stack'\nreason = 'r'\nlink = 'l'\n";
        for (more, covers_pass) in [("", true), ("sometimes = true\n", false)] {
            let expected = Expected::parse("e.toml", &format!("{of_case}{more}")).unwrap();
            assert_eq!(expected.unmatched().len(), usize::from(covers_pass));
            assert!(expected.waiver(&fails, &verdict(Outcome::Fail)).is_some());
            assert_eq!(expected.waiver(&fails, &verdict(Outcome::Pass)).is_some(), covers_pass);
        }
    }
}
