//! RFC 4585 §4.2: an answer takes only feedback that was offered for the same codec.

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Exchange, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::{OnLine, RtcpFb, Section};

pub(super) const CHECK: Check = Check {
    id: "rtcpfb-answer-no-additions",
    layer: Layer::Sdp,
    subject: "feedback types in answers",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for Exchange { offer, answer } in evidence.answered_by(peer) {
        for (offered, answered) in offer.received().media().zip(answer.sdp.media()) {
            for OnLine { line, value, .. } in answered.typed::<RtcpFb>() {
                let Ok(taken) = value else { continue };
                let place = Place::Line { entry: answer.entry, line };
                for payload_type in formats(&answered, taken.payload_type) {
                    if offered.rtpmap(payload_type).is_none() {
                        continue;
                    }
                    let same = |fb: &RtcpFb| fb.id == taken.id && fb.parameters == taken.parameters;
                    tally.judge(
                        Fault("feedback-added"),
                        offered.rtcp_fbs(payload_type).iter().any(same),
                        place,
                        || {
                            let parameters = taken.parameters.as_deref().unwrap_or_default();
                            let what = format!("{} {parameters}", taken.id);
                            format!("{} for payload type {payload_type} was not offered", what.trim_end())
                        },
                    );
                }
            }
        }
    }
}

/// The payload types that a line is about: one, or with a wildcard all.
fn formats(section: &Section<'_>, payload_type: Option<u8>) -> Vec<u8> {
    match payload_type {
        Some(payload_type) => vec![payload_type],
        None => section.rtpmaps().iter().map(|map| map.payload_type).collect(),
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, line_of};

    /// Adds a type that the offer does not have.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        let answer = &mut evidence.descriptions[1].sdp;
        let (number, _) = line_of(answer, "a=rtcp-fb:96 nack");
        *answer = answer.with_line_inserted(number, "a=rtcp-fb:96 nack rpsi");
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::checks::controls::{Recording, line_of};

    /// Pion ends feedback without parameters with a space. It is offered nevertheless.
    #[test]
    fn feedback_that_was_offered_with_a_space_at_its_end_may_be_taken() {
        let mut evidence = Recording::Descriptions.evidence();
        let offer = &mut evidence.descriptions[0].sdp;
        let (number, line) = line_of(offer, "a=rtcp-fb:96 nack");
        *offer = offer.with_line_replaced(number, &format!("{line} "));
        let findings = CHECK.run(&evidence);
        assert!(findings.iter().any(|finding| finding.result == Status::Pass));
        assert!(!findings.iter().any(|finding| finding.result == Status::Fail), "{findings:?}");
    }
}
