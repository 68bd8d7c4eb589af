//! A capture that somebody took: each of its connections, by the RFC requirements alone.

use super::json::{JudgedFinding, Judgement};
use super::{JudgeArgs, JudgeError, descriptions};
use crate::inspect::{Given, InspectError, trace};
use crate::spool::spool;
use peerproof_conformance::checks;
use peerproof_conformance::evidence::{Captured, Evidence};
use std::collections::BTreeSet;
use std::path::Path;

/// Judges the connections of a capture, and the descriptions that belong to none of them alone.
pub(super) fn judge(path: &Path, args: &JudgeArgs) -> Result<Vec<Judgement>, JudgeError> {
    let given = Given::read(path, &args.beside)?.spooled()?;
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
        judged.push(of(&file.name, index, &evidence, &given, args.all));
    }
    judged.extend(apart(&given, &judged, args.all)?);
    if judged.is_empty() {
        judged.push(Judgement::nothing(&file.name));
    }
    if let Some(first) = judged.first_mut() {
        first.notices.splice(0..0, given.notices.iter().cloned());
    }
    Ok(judged)
}

/// What requirements say of evidence; with `all` those that do not apply too, and why.
pub(super) fn findings(evidence: &Evidence, all: bool) -> Vec<JudgedFinding> {
    let findings = if all { checks::run(evidence) } else { checks::applicable(evidence, &[]) };
    findings.into_iter().map(JudgedFinding::of).collect()
}

/// The descriptions that belong to no connection, judged without packets. Each says why: a connection is recognised by the username
/// fragments in its checks.
fn apart(given: &Given, judged: &[Judgement], all: bool) -> Result<Vec<Judgement>, JudgeError> {
    let is_known = |name: &String| judged.iter().any(|one| one.peers.contains(name));
    let (mut strays, mut notices) = (Vec::new(), Vec::new());
    for ((_, sdp), file) in
        given.descriptions.iter().zip(&given.files).filter(|((name, _), _)| !is_known(name))
    {
        let file = file.display().to_string();
        let ufrags: BTreeSet<&str> =
            (0..sdp.media().len()).filter_map(|at| sdp.effective_value(at, "ice-ufrag")).collect();
        let why = if ufrags.is_empty() {
            let has = |name: &str| (0..sdp.media().len()).any(|at| sdp.effective_value(at, name).is_some());
            let lacks: Vec<String> = ["ice-ufrag", "ice-pwd", "setup"]
                .into_iter()
                .filter(|name| !has(name))
                .map(|name| format!("a={name}"))
                .collect();
            format!("it lacks {}, and a connection is recognised by a=ice-ufrag", lacks.join(", "))
        } else {
            let ufrags: Vec<&str> = ufrags.into_iter().take(MOST_UFRAGS).collect();
            format!("no check in the capture has its username fragment {}", ufrags.join(", "))
        };
        notices.push(format!("{file} belongs to no connection of the capture: {why}; it is judged alone"));
        strays.push((file, sdp.clone()));
    }
    if strays.is_empty() {
        return Ok(Vec::new());
    }
    let mut apart = match descriptions::apart(strays.clone(), all) {
        // They are of several exchanges.
        Err(JudgeError::ThirdPeer(_)) => {
            let each = strays.into_iter().map(|stray| descriptions::apart(vec![stray], all));
            each.collect::<Result<Vec<_>, _>>()?
        }
        together => vec![together?],
    };
    if let Some(first) = apart.first_mut() {
        first.notices.splice(0..0, notices);
    }
    Ok(apart)
}

/// Most username fragments of a description that are named.
const MOST_UFRAGS: usize = 4;

fn of(name: &str, index: usize, evidence: &Evidence, given: &Given, all: bool) -> Judgement {
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
        notices: Vec::new(),
        findings: findings(evidence, all),
        descriptions: given.files.iter().map(|file| file.display().to_string()).collect(),
    }
}
