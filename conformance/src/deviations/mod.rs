//! Known deviations of named peers: which cases and findings they cover, and which of them no longer show.
//!
//! It is a ratchet: each deviation gives its reason and a link to the rule, covers that and nothing else, and must still match
//! something. Reading the files in which they stand is for others.

mod deviation;
pub mod pattern;

pub use deviation::{Deviation, DeviationError};

use crate::case::CaseFile;
use crate::checks::{Finding, Result as Found};
use crate::verdict::{Outcome, Verdict, Waiver};
use std::collections::BTreeSet;
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
        // One that was not opened has reported no version.
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
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Listed {
        deviation: Vec<Deviation>,
    }

    fn read(text: &str) -> Result<Deviations, String> {
        let Listed { deviation } = toml::from_str(text).map_err(|error| error.to_string())?;
        deviation.iter().try_for_each(Deviation::validate).map_err(|error| error.to_string())?;
        Ok(Deviations::new(deviation))
    }

    #[test]
    fn a_deviation_needs_its_reason_and_its_link() {
        let missing = "[[deviation]]\ncase = 'dtls/**'\npeer = 'stack'\nreason = 'r'\n";
        assert!(read(missing).unwrap_err().contains("link"));
        let whole = read(&format!("{missing}link = 'l'\n")).unwrap();
        assert_eq!(whole.unmatched().len(), 1);
        let of_nothing = "[[deviation]]\npeer = 'stack'\nreason = 'r'\nlink = 'l'\n";
        assert!(read(of_nothing).unwrap_err().contains("neither"));
        let unknown = format!("{of_nothing}requirement = 'no-such-thing'\n");
        assert!(read(&unknown).unwrap_err().contains("no-such-thing"));
    }

    #[test]
    fn what_is_known_of_a_version_that_did_not_play_is_no_stale_entry() {
        let text =
            "[[deviation]]\ncase = 'a/**'\npeer = 'chrome'\nversions = '<156'\nreason = 'r'\nlink = 'l'\n";
        let expected = read(text).unwrap();
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
        let expected = read(
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
        let of_subjects = read("[[deviation]]\nrequirement = 'dtls-no-compression'\npeer = 'chrome'\nsubject = true\nreason = 'r'\nlink = 'l'\n",
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
            let expected = read(&format!("{of_case}{more}")).unwrap();
            assert_eq!(expected.unmatched().len(), usize::from(covers_pass));
            assert!(expected.waiver(&fails, &verdict(Outcome::Fail)).is_some());
            assert_eq!(expected.waiver(&fails, &verdict(Outcome::Pass)).is_some(), covers_pass);
        }
    }
}
