//! What is to be said of the requirements: of a recording by its own case, of any other capture by an evaluation like that of
//! `peerproof judge`.

use super::InspectError;
use super::events::Recording;
use super::source::Given;
use crate::spool::spool;
use peerproof_captures::trace::{Side, Trace};
use peerproof_conformance::case::{Standing, standing};
use peerproof_conformance::checks::{self, Finding, Status};
use peerproof_conformance::evidence::{Captured, Evidence, ReadError};
use peerproof_conformance::explain::Diagnosis;
use peerproof_conformance::verdict::{Outcome, Verdict};
use peerproof_reports::{Breach, Requirements};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;

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
        let mut once = Once::default();
        let read = each_evidence(given, trace, &mut |index, evidence| {
            let mut own = checks::applicable(evidence, &[]);
            once.take(trace, index, evidence, &mut own);
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

/// Counts once what a connection shows at several interfaces.
#[derive(Debug, Default)]
pub(crate) struct Once {
    /// The connection that was seen first, the ufrag of the agent, the requirement and how it is violated.
    counted: BTreeSet<(usize, Option<String>, String, Vec<String>)>,
}

impl Once {
    /// Takes out the violations of a connection that were counted already, where it was seen at another interface; how many these are.
    pub(crate) fn take(
        &mut self,
        trace: &Trace,
        index: usize,
        evidence: &Evidence,
        findings: &mut Vec<Finding>,
    ) -> usize {
        let Some(connection) = trace.connections.get(index) else { return 0 };
        let first = connection.also_seen_as.unwrap_or(index);
        let before = findings.len();
        findings.retain(|finding| {
            if !matches!(finding.result, Status::Fail | Status::Warn) {
                return true;
            }
            let is_a = evidence.peers.first() == Some(&finding.endpoint);
            let ufrag = connection.peers.of(if is_a { Side::A } else { Side::B }).ufrag.clone();
            let key = (first, ufrag, finding.requirement.clone(), finding.faults.clone());
            self.counted.insert(key) || connection.also_seen_as.is_none()
        });
        before - findings.len()
    }
}

/// What is to be said of a connection that was seen at several interfaces; `counted` of its violations are those of the other one.
pub(crate) fn also_seen(trace: &Trace, index: usize, counted: usize) -> Option<String> {
    let first = trace.connections.get(index)?.also_seen_as? + 1;
    let violations = match counted {
        0 => String::new(),
        1 => "; 1 violation is counted there".to_owned(),
        _ => format!("; {counted} violations are counted there"),
    };
    Some(format!("it is connection {first}, seen at two interfaces{violations}"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use peerproof_captures::file::{CaptureReader, Item};
    use peerproof_captures::recording::{About, Content, Direction, Observes, PacketRecord, Recorder};
    use peerproof_captures::trace::Builder;

    /// A connectivity check (RFC 8445 §7.2.2) with that username.
    fn check(username: &str) -> Vec<u8> {
        let mut value = username.as_bytes().to_vec();
        value.resize(value.len().next_multiple_of(4), 0);
        let mut message = vec![0, 1, 0, value.len() as u8 + 4, 0x21, 0x12, 0xa4, 0x42];
        message.extend([7; 12]);
        message.extend([0, 6, 0, username.len() as u8]);
        message.extend(value);
        message
    }

    /// What two interfaces saw: checks with these usernames, of either agent.
    fn at_two_interfaces(usernames: [[&str; 2]; 2]) -> Trace {
        let mut writer = Recorder::new(Vec::new(), About::default()).unwrap();
        for names in usernames {
            let interface = writer.interface("eth", "", Observes::Wire).unwrap();
            for (name, direction) in names.iter().zip([Direction::Outbound, Direction::Inbound]) {
                let packet = PacketRecord {
                    interface,
                    time_ns: 1,
                    direction,
                    local: "192.0.2.1:5000".parse().unwrap(),
                    remote: "198.51.100.2:6000".parse().unwrap(),
                    content: Content::Udp(&check(name)),
                    carried_by: None,
                    comment: None,
                };
                writer.packet(&packet).unwrap();
            }
        }
        let file = writer.into_inner();
        let (mut reader, mut builder) = (CaptureReader::new(&*file), Builder::new());
        while let Some(item) = reader.next_item() {
            if let Item::Frame(frame) = item {
                builder.frame(&frame);
            }
        }
        builder.finish()
    }

    #[test]
    fn what_a_connection_shows_at_two_interfaces_counts_once() {
        let finding = |endpoint: &str, fault: &str, result| Finding {
            requirement: "x".to_owned(),
            endpoint: endpoint.to_owned(),
            result,
            faults: vec![fault.to_owned()],
            sentence: String::new(),
            evidence: Vec::new(),
            timing: false,
            waiver: None,
        };
        let peers = ["A", "B"].map(str::to_owned).to_vec();
        let evidence = Evidence::new(peers, Vec::new(), None);
        // At the other interface the answering agent is seen first.
        let same = at_two_interfaces([["bbbb:aaaa", "aaaa:bbbb"], ["aaaa:bbbb", "bbbb:aaaa"]]);
        let mut once = Once::default();
        let mut first = vec![finding("A", "one", Status::Fail), finding("A", "one", Status::Fail)];
        assert_eq!(once.take(&same, 0, &evidence, &mut first), 0);
        let all = [
            finding("B", "one", Status::Fail),
            finding("A", "one", Status::Fail),
            finding("B", "two", Status::Warn),
            finding("B", "one", Status::Pass),
        ];
        let mut second = all.to_vec();
        assert_eq!(once.take(&same, 1, &evidence, &mut second), 1);
        assert_eq!(second, all[1..]);
        assert_eq!(
            also_seen(&same, 1, 1).unwrap(),
            "it is connection 1, seen at two interfaces; 1 violation is counted there"
        );
        assert_eq!(also_seen(&same, 0, 0), None);

        let others = at_two_interfaces([["bbbb:aaaa", "aaaa:bbbb"], ["cccc:dddd", "dddd:cccc"]]);
        let mut once = Once::default();
        for index in 0..2 {
            assert_eq!(once.take(&others, index, &evidence, &mut all.to_vec()), 0);
        }
    }
}
