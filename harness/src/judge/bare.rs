//! A capture that somebody took: each of its connections, by the RFC requirements alone.

use super::JudgeError;
use super::json::{JudgedFinding, Judgement};
use crate::inspect::{Beside, Given, InspectError, trace};
use crate::spool::spool;
use peerproof_conformance::checks;
use peerproof_conformance::evidence::{Captured, Evidence};
use std::path::Path;

/// Judges the connections of a capture.
pub(super) fn judge(path: &Path, beside: &Beside) -> Result<Vec<Judgement>, JudgeError> {
    let given = Given::read(path, beside)?.spooled()?;
    let (file, trace) = trace(&given)?;
    let captured = Captured {
        capture: given.reader()?,
        trace: &trace,
        key_log: &given.key_log,
        srtp_keys: &given.srtp_keys,
        descriptions: &given.descriptions,
        store: spool,
    };
    let foreign = |error: peerproof_conformance::evidence::ReadError| InspectError::Foreign {
        name: given.name.clone(),
        reason: error.to_string(),
    };
    let all = captured.evidence().map_err(foreign)?;
    let mut judged = Vec::new();
    for connection in all {
        let (index, evidence) = connection.map_err(foreign)?;
        judged.push(of(&file.name, index, &evidence, &given));
    }
    if judged.is_empty() {
        judged.push(Judgement::nothing(&file.name));
    }
    Ok(judged)
}

fn of(name: &str, index: usize, evidence: &Evidence, given: &Given) -> Judgement {
    Judgement {
        path: name.to_owned(),
        case: None,
        connection: Some(index + 1),
        peers: evidence.peers.clone(),
        verdict: None,
        recorded: None,
        changed: false,
        standing: None,
        altered: Vec::new(),
        defects: evidence.defects.clone(),
        findings: checks::applicable(evidence, &[]).into_iter().map(JudgedFinding::of).collect(),
        descriptions: given.files.iter().map(|file| file.display().to_string()).collect(),
    }
}
