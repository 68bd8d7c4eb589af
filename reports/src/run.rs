//! A run of the suite: the content of `run.json`.

use crate::case::CaseReport;
use crate::findings::{Grouped, Requirements, grouped};
use peerproof_conformance::verdict::Outcome;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the format of [`RunReport`]. A reader refuses a newer one. Format 1 had no requirements, format 2 no `missing`.
pub const FORMAT: u32 = 3;

/// All cases of a run. `run.json` is this; `docs/reports.md` is its prose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunReport {
    /// Version of the format of `run.json`.
    pub format: u32,
    /// Name and version of the tool.
    pub tool: String,
    /// When the run began, in microseconds since 1970-01-01 00:00 UTC.
    pub began_us: u64,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// The run's seed.
    pub seed: u64,
    /// Whether the run was ended before all cases had run.
    #[serde(default)]
    pub interrupted: bool,
    /// Which part of the cases this is, if they were divided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// How many cases got which verdict.
    pub counts: Counts,
    /// How many cases nobody expected to come out so.
    pub unexpected: usize,
    /// How many requirements stand how, over all cases but the controls.
    #[serde(default)]
    pub requirements: Requirements,
    /// The cases, sorted by name and attempt.
    pub cases: Vec<CaseReport>,
}

/// A part of a run whose cases were divided (`peerproof run --shard`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// Which part this is, from one.
    pub index: u32,
    /// Into how many parts the cases were divided.
    pub of: u32,
    /// SHA-256 over all cases that were planned, the hashes of their scenarios, and the parts that they belong to, in hexadecimal.
    /// Parts that do not have it in common do not make a whole.
    pub cases_hash: String,
}

/// Why a `run.json` cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no such file, or a damaged one.
    #[error("not a run.json: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A newer version has written it.
    #[error("it has format {0}, and this version reads formats up to {FORMAT}")]
    Newer(u64),
}

/// How many cases got which verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Counts {
    /// `pass`.
    pub pass: usize,
    /// `fail`.
    pub fail: usize,
    /// `unsupported`.
    pub unsupported: usize,
    /// `inconclusive`.
    pub inconclusive: usize,
    /// `harness-error`.
    pub harness_error: usize,
}

impl Counts {
    /// Counts one more.
    pub fn add(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Pass => &mut self.pass,
            Outcome::Fail => &mut self.fail,
            Outcome::Unsupported => &mut self.unsupported,
            Outcome::Inconclusive => &mut self.inconclusive,
            Outcome::HarnessError => &mut self.harness_error,
        } += 1;
    }

    /// Verdict by verdict, those that are there.
    pub fn each(&self) -> impl Iterator<Item = (Outcome, usize)> {
        [
            (Outcome::Pass, self.pass),
            (Outcome::Fail, self.fail),
            (Outcome::Unsupported, self.unsupported),
            (Outcome::Inconclusive, self.inconclusive),
            (Outcome::HarnessError, self.harness_error),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
    }
}

impl RunReport {
    /// Reads `run.json`.
    ///
    /// # Errors
    /// What is wrong with it; a newer format is named as such, whatever it holds.
    pub fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        #[derive(Deserialize)]
        struct Head {
            format: u64,
        }
        let Head { format } = serde_json::from_slice(bytes)?;
        if format > u64::from(FORMAT) {
            return Err(ReadError::Newer(format));
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    /// Reports a run. The cases are sorted, so that the order in which they ended does not show.
    #[must_use]
    pub fn new(tool: String, began_us: u64, duration_us: u64, seed: u64, mut cases: Vec<CaseReport>) -> Self {
        cases.sort_by(|a, b| (&a.name, a.attempt).cmp(&(&b.name, b.attempt)));
        let mut counts = Counts::default();
        for case in &cases {
            counts.add(case.verdict.outcome);
        }
        let mut requirements = Requirements::default();
        for case in cases.iter().filter(|case| case.control_of.is_none()) {
            requirements.add(case.requirements);
        }
        let unexpected = cases.iter().filter(|case| !case.standing.is_good()).count();
        Self {
            format: FORMAT,
            tool,
            began_us,
            duration_us,
            seed,
            interrupted: false,
            shard: None,
            counts,
            unexpected,
            requirements,
            cases,
        }
    }

    /// The breaches of all cases but the controls, grouped by requirement and implementation.
    #[must_use]
    pub fn breaches(&self) -> Vec<Grouped<'_>> {
        let cases = self.cases.iter().filter(|case| case.control_of.is_none());
        grouped(cases.map(|case| (case.name.as_str(), case.breaches.as_slice())))
    }
}
