//! What was judged, as data: the format of `--json`.

use super::{AS_EXPECTED, FAILED, HARNESS_ERROR, NOTHING};
use peerproof_conformance::case::{CasePeer, Standing};
use peerproof_conformance::catalogue::{Catalogue, Level};
use peerproof_conformance::checks::{Finding, Status};
use peerproof_conformance::evidence::Defect;
use peerproof_conformance::verdict::{Outcome, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

/// Everything that was judged, in the order of the command line.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Judged {
    /// One for each case, and for each connection of a capture.
    pub judged: Vec<Judgement>,
}

/// A case, a connection of a capture, or descriptions alone, judged.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Judgement {
    /// The folder or the file.
    pub path: String,
    /// The case, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// Which connection of the capture, from one, if it is a capture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<usize>,
    /// The peers, as they are called.
    pub peers: Vec<String>,
    /// The verdict on a case. A capture has no scenario, so it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The verdict that the recording holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Verdict>,
    /// Whether the two differ: another version of this program judged.
    pub changed: bool,
    /// How the verdict stands to what was to be expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// What makes the capture less than what was on the wire: a snap length, frames that are there twice, an end before the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub defects: Vec<Defect>,
    /// The files that were changed since the case ended, and how.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub altered: Vec<String>,
    /// Remarks on the input: a description that belongs to no connection, line ends other than CR LF.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
    /// How the requirements stand that apply; with `--all`, for captures and descriptions alone, those that do not apply too.
    pub findings: Vec<JudgedFinding>,
    /// The files that the entries of places name, by their index, if it is a capture or descriptions alone.
    pub descriptions: Vec<String>,
}

/// A finding with what its requirement says.
#[derive(Debug, Serialize, JsonSchema)]
pub struct JudgedFinding {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// How much the requirement demands.
    pub level: Option<Level>,
    /// The document and section where it stands.
    pub source: String,
}

impl JudgedFinding {
    pub(super) fn of(finding: Finding) -> Self {
        let requirement = Catalogue::get().requirement(&finding.requirement);
        let source = requirement.map(|it| it.source.clone()).unwrap_or_default();
        Self { level: requirement.map(|it| it.level), source, finding }
    }
}

impl Judgement {
    /// A capture in which there is nothing to judge.
    pub(super) fn nothing(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            case: None,
            connection: None,
            peers: Vec::new(),
            verdict: None,
            recorded: None,
            changed: false,
            standing: None,
            defects: Vec::new(),
            altered: Vec::new(),
            notices: Vec::new(),
            findings: Vec::new(),
            descriptions: Vec::new(),
        }
    }

    /// How many findings there are of this kind.
    pub(super) fn count(&self, wanted: impl Fn(&Finding) -> bool) -> usize {
        self.findings.iter().filter(|it| wanted(&it.finding)).count()
    }

    pub(super) fn exit_code(&self) -> u8 {
        match (&self.verdict, self.standing) {
            (Some(_), Some(standing)) if standing.is_good() => AS_EXPECTED,
            (Some(verdict), _) if verdict.outcome == Outcome::HarnessError => HARNESS_ERROR,
            (Some(_), _) => FAILED,
            (None, _) if self.count(|it| it.result == Status::Fail) > 0 => FAILED,
            (None, _) if self.connection.is_none() && self.descriptions.is_empty() => NOTHING,
            (None, _) => AS_EXPECTED,
        }
    }
}

/// `alice (chrome 156)`.
pub(super) fn peer(peer: &CasePeer) -> String {
    peer.to_string()
}
