//! A track that never ends, or a transceiver that stays, since the other side does not give its section up.

use super::cause::{Cause, time};
use crate::catalogue::Catalogue;
use crate::finding::Status;
use crate::record::CaseRecord;
use crate::verdict::Layer;
use peerproof_captures::timeline::{Condition, Expected, Seen, StepOutcome, What};

/// What a peer that stops a transceiver owes in its next offer (RFC 9429 §5.2.2): the other side's track ends by it.
const REQUIREMENT: &str = "jsep-stopped-section-port-zero";

/// The finding, known or not, that the other side offers the section of a stopped transceiver on, where a step awaits the end of a
/// track or has one transceiver less (a stopped one is removed when its section is rejected, webrtc-pc §4.4.1.5).
pub(super) fn cause(record: &CaseRecord) -> Option<Cause> {
    let awaits = |what: &What| {
        let What::StepEnded { outcome, .. } = what else { return None };
        match outcome {
            StepOutcome::TimedOut {
                awaited: Expected::Condition { peer, condition: Condition::Ended(_) },
                ..
            } => record.other(peer),
            StepOutcome::Wrong { expected: Expected::AnswerValue { peer, command, path, value }, seen }
                if command == "getTransceivers" && path.is_empty() =>
            {
                let Seen::AnswerValue { value: seen, .. } = seen else { return None };
                let is_more = seen.as_array()?.len() > value.as_array()?.len();
                record.other(peer).filter(|_| is_more)
            }
            _ => None,
        }
    };
    let other = record.timeline.iter().find_map(|entry| awaits(&entry.what))?;
    let broken = record.file.findings.iter().find(|finding| {
        finding.result == Status::Fail && finding.requirement == REQUIREMENT && finding.endpoint == other
    })?;
    let source = Catalogue::get().requirement(REQUIREMENT).map_or("", |it| it.source.as_str());
    Some(Cause {
        t_us: time(record, *broken.evidence.first()?)?,
        layer: Layer::Sdp,
        side: other.to_owned(),
        sentence: format!("{other} violates {REQUIREMENT} ({source}): {}", broken.sentence),
        evidence: broken.evidence.clone(),
    })
}
