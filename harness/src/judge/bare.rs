//! A capture that somebody took: each of its connections, by the RFC requirements alone.

use super::json::{JudgedFinding, Judgement};
use super::{JudgeArgs, JudgeError, descriptions};
use crate::inspect::beside::{self, Described};
use crate::inspect::{Given, Once, also_seen, each_evidence, trace};
use peerproof_captures::trace::{Nature, Trace};
use peerproof_conformance::checks::{self, Finding};
use peerproof_conformance::evidence::{Evidence, MOST_CONNECTIONS};
use std::path::Path;

/// Judges the connections of a capture, and the descriptions that belong to none of them alone.
pub(super) fn judge(path: &Path, args: &JudgeArgs) -> Result<Vec<Judgement>, JudgeError> {
    let given = Given::read(path, &args.beside)?.spooled()?;
    let (file, trace) = trace(&given)?;
    let (mut judged, mut once) = (Vec::new(), Once::default());
    each_evidence(&given, &trace, &mut |index, evidence| {
        let mut findings = self::findings(evidence, args.all);
        let counted = once.take(&trace, index, evidence, &mut findings);
        let mut notices = nature(evidence);
        notices.extend(also_seen(&trace, index, counted));
        notices.extend(checks::unrecognised(evidence));
        notices.extend(beyond(evidence));
        judged.push(of(&file.name, index, evidence, notices, &given, findings));
        Ok(())
    })?;
    judged.extend(apart(&given, &trace, args.all)?);
    if judged.is_empty() {
        judged.push(Judgement::nothing(&file.name));
    }
    if let Some(first) = judged.first_mut() {
        // What is said of a stray stands where it is judged.
        let found = beside::secrets(&given, &trace)?;
        let all = beside::descriptions(&given, &trace);
        let own = all.iter().filter(|one| one.belongs.is_ok()).map(Described::sentence);
        first.notices.splice(0..0, given.notices.iter().cloned().chain(found).chain(own));
        first.notices.extend(not_judged(trace.connections.len()));
    }
    Ok(judged)
}

/// What requirements say of evidence; with `all` those that do not apply too, and why.
pub(super) fn findings(evidence: &Evidence, all: bool) -> Vec<Finding> {
    if all { checks::run(evidence) } else { checks::applicable(evidence, &[]) }
}

/// The descriptions that belong to no connection, judged without packets.
fn apart(given: &Given, trace: &Trace, all: bool) -> Result<Vec<Judgement>, JudgeError> {
    let (mut strays, mut notices) = (Vec::new(), Vec::new());
    for (one, (_, sdp)) in beside::descriptions(given, trace).into_iter().zip(&given.descriptions) {
        if one.belongs.is_err() {
            notices.push(format!("{}; it is judged alone", one.sentence()));
            strays.push((one.file, sdp.clone()));
        }
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

/// What is to be said of a connection or of descriptions: that it is no WebRTC, and by what it is judged then.
pub(super) fn nature(evidence: &Evidence) -> Vec<String> {
    let nature = evidence.recognised.map(|recognised| recognised.nature).unwrap_or_default();
    if nature == Nature::WebRtc {
        return Vec::new();
    }
    vec![format!(
        "not WebRTC, or only a part of it: {nature}; only what governs that is judged (--all names the rest)"
    )]
}

/// What is to be said of a connection with more packets than are judged.
fn beyond(evidence: &Evidence) -> Option<String> {
    let wire = evidence.wire.as_ref().filter(|wire| wire.cut)?;
    let frames = [wire.packets.last().map(|it| it.frame), wire.servers.last().map(|it| it.frame)];
    let last = frames.into_iter().flatten().max().unwrap_or_default();
    let kept = wire.packets.len() + wire.servers.len();
    Some(format!(
        "too large: only the first {kept} packets of the connection are judged, up to frame {last}; what follows is as if it were not captured"
    ))
}

/// What is to be said of a capture with more connections than are judged.
fn not_judged(connections: usize) -> Option<String> {
    (connections > MOST_CONNECTIONS).then(|| {
        format!("too large: only the first {MOST_CONNECTIONS} of {connections} connections are judged")
    })
}

fn of(
    name: &str,
    index: usize,
    evidence: &Evidence,
    notices: Vec<String>,
    given: &Given,
    findings: Vec<Finding>,
) -> Judgement {
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
        notices,
        findings: findings.into_iter().map(JudgedFinding::of).collect(),
        descriptions: given.files.iter().map(|file| file.display().to_string()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use peerproof_conformance::evidence::Wire;

    #[test]
    fn what_is_beyond_the_limits_is_said() {
        let of = |cut| {
            let wire = Wire { cut, seen: 1, ..Wire::default() };
            beyond(&Evidence::new(Vec::new(), Vec::new(), Some(wire)))
        };
        assert_eq!(of(false), None);
        assert_eq!(
            of(true).unwrap(),
            "too large: only the first 0 packets of the connection are judged, up to frame 0; what follows is as if it were not captured"
        );
        assert_eq!(not_judged(MOST_CONNECTIONS), None);
        assert_eq!(not_judged(257).unwrap(), "too large: only the first 256 of 257 connections are judged");
    }
}
