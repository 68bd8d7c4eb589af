//! Whether a verdict is the one that was to be expected: controls must fail as they say, known deviations must deviate.

use crate::case_file::{CaseFile, SnapshotResult};
use crate::checks::Finding;
use crate::verdict::{Outcome, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a verdict stands to what was to be expected of the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// As expected.
    Expected,
    /// As expected: a control got the verdict that it must get.
    ControlHeld,
    /// A control got another verdict than it must: the check that it guards proves nothing.
    ControlBroken,
    /// It fails, and `expected.toml` knows why.
    Known,
    /// It passes although `expected.toml` says that it fails: the entry must go.
    WaiverStale,
    /// A pass whose snapshot differs from a record of other peer versions: to be reviewed.
    Changed,
    /// It does not pass, and nobody expected that.
    Unexpected,
}

impl Standing {
    /// Whether the run may end well with this.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Expected | Self::ControlHeld | Self::Known | Self::Changed)
    }
}

/// How `verdict` stands to what was to be expected. `unsupported` is as expected everywhere but in a control.
#[must_use]
pub fn standing(file: &CaseFile, verdict: &Verdict) -> Standing {
    if let Some(must) = &file.expect.verdict {
        return match verdict.outcome {
            _ if must.matches(verdict) => Standing::ControlHeld,
            Outcome::Unsupported => Standing::Expected,
            _ => Standing::ControlBroken,
        };
    }
    let changed = matches!(
        file.snapshot,
        Some(SnapshotResult::Differs { same_versions: false, .. } | SnapshotResult::New)
    );
    match (verdict.outcome, &file.waiver) {
        (Outcome::Pass, Some(_)) => Standing::WaiverStale,
        // A known deviation covers what the scenario expects, not whatever else is broken.
        (Outcome::Fail, Some(_)) if file.findings.iter().any(Finding::is_unexpected_failure) => {
            Standing::Unexpected
        }
        (Outcome::Fail, Some(_)) => Standing::Known,
        (Outcome::Pass, None) if changed => Standing::Changed,
        (Outcome::Pass | Outcome::Unsupported, _) => Standing::Expected,
        (Outcome::Fail | Outcome::Inconclusive | Outcome::HarnessError, _) => Standing::Unexpected,
    }
}
