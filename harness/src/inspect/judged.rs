//! What is to be said of the requirements: of a recording by its own case, of any other capture by an evaluation like that of
//! `peerproof judge`.

use super::InspectError;
use super::events::Recording;
use super::source::Given;
use crate::spool::spool;
use peerproof_captures::trace::Trace;
use peerproof_conformance::case::{Standing, standing};
use peerproof_conformance::checks;
use peerproof_conformance::evidence::{Captured, Evidence, ReadError};
use peerproof_conformance::explain::Diagnosis;
use peerproof_conformance::verdict::{Outcome, Verdict};
use peerproof_reports::{Breach, Requirements};
use schemars::JsonSchema;
use serde::Serialize;

/// Captures of more frames are not judged by the way.
pub(super) const MOST_FRAMES: u64 = 50_000;

/// The verdict on a recording, and how the requirements stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Judged {
    /// The verdict on the case, if the capture belongs to a recording of ours that was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// How that stands to what was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// How many requirements stand how.
    pub requirements: Requirements,
    /// The requirements that are violated and the recommendations that were not followed. In a capture with several connections the
    /// endpoint has the number of its connection.
    pub violations: Vec<Breach>,
    /// Why requirements were not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

impl Judged {
    /// That of the case of a recording.
    pub(super) fn of_recording(recording: &Recording) -> Self {
        let case = recording.case();
        Self {
            standing: case.verdict.as_ref().map(|verdict| standing(case, verdict)),
            verdict: case.verdict.clone(),
            requirements: Requirements::of(&case.findings),
            violations: Breach::of(case),
            skipped: None,
        }
    }

    /// That of a capture, with the secrets and descriptions that are beside it.
    pub(super) fn of_capture(given: &Given, trace: &Trace) -> Self {
        let skipped = |why: String| Self { skipped: Some(why), ..Self::default() };
        if trace.frames > MOST_FRAMES {
            return skipped(format!("the capture has more than {MOST_FRAMES} frames"));
        }
        if !given.is_kept() {
            return skipped("standard input is read once".to_owned());
        }
        let mut findings = Vec::new();
        let several = trace.connections.len() > 1;
        let read = each_evidence(given, trace, &mut |index, evidence| {
            let mut own = checks::applicable(evidence, &[]);
            for finding in own.iter_mut().filter(|_| several) {
                finding.endpoint = format!("{} of connection {}", finding.endpoint, index + 1);
            }
            findings.extend(own);
            Ok(())
        });
        match read {
            Ok(()) => Self {
                requirements: Requirements::of(&findings),
                violations: Breach::of_findings(&findings, &[]),
                ..Self::default()
            },
            Err(error) => skipped(error.to_string()),
        }
    }

    /// Whether the case failed: then it is its verdict that says at which layer.
    pub(super) fn failed(&self) -> Option<&Verdict> {
        self.verdict.as_ref().filter(|verdict| verdict.outcome == Outcome::Fail)
    }

    /// Takes the diagnoses of other layers than the one at which the case failed: they were seen besides, and did not decide.
    pub(super) fn besides(&self, diagnosis: &mut Vec<Diagnosis>) -> Vec<Diagnosis> {
        let Some(layer) = self.failed().and_then(|verdict| verdict.layer) else { return Vec::new() };
        diagnosis.extract_if(.., |it| it.layer != layer).collect()
    }
}

/// Takes the index of a connection and its evidence.
pub(crate) type Taker<'a> = dyn FnMut(usize, &Evidence) -> Result<(), InspectError> + 'a;

/// Gives the evidence of each connection with its index in the trace. The capture must be kept.
pub(crate) fn each_evidence(given: &Given, trace: &Trace, to: &mut Taker<'_>) -> Result<(), InspectError> {
    let captured = Captured {
        capture: given.reader()?,
        trace,
        key_log: &given.key_log,
        srtp_keys: &given.srtp_keys,
        descriptions: &given.descriptions,
        store: spool,
    };
    let foreign =
        |error: ReadError| InspectError::Foreign { name: given.name.clone(), reason: error.to_string() };
    for connection in captured.evidence().map_err(foreign)? {
        let (index, evidence) = connection.map_err(foreign)?;
        to(index, &evidence)?;
    }
    Ok(())
}
