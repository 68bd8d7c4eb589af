//! RFC 4585 §4.2: only feedback is sent that was agreed on by `a=rtcp-fb`. "If no "rtcp-fb" attribute is specified, the RTP receivers MAY send
//! feedback using other suitable RTCP feedback packets".

use super::packets;
use crate::checks::media::{headers, mids};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::sdp::Section;
use peerproof_captures::wire::rtcp::{
    Body, PayloadFeedbackControl, PayloadFeedbackType, TransportFeedbackType,
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check = Check {
    id: "avpf-only-negotiated-feedback",
    layer: Layer::Media,
    subject: "feedback packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// A kind of feedback as `a=rtcp-fb` names it.
type Name = (&'static str, Option<&'static str>);

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(other) = evidence.other(peer) else { return };
    let mut sources: Option<BTreeMap<u32, BTreeSet<String>>> = None;
    let answered = Answered::of(evidence, peer);
    for (packet, _, body) in packets(evidence, peer) {
        let Some((name, media)) = name(&body) else { continue };
        let place = Place::Frame(packet.frame);
        if answered.is_empty {
            tally.inconclusive("no answer is in the recording", [place]);
            continue;
        }
        let mids = sources.get_or_insert_with(|| sections_of(evidence, other)).get(&media);
        if answered.leaves_open(mids) {
            tally.not_applicable("the answer has no a=rtcp-fb for what the feedback is on");
            continue;
        }
        tally.judge(Fault("feedback-not-negotiated"), answered.has(name, mids), place, || {
            let what = format!("{} {}", name.0, name.1.unwrap_or_default());
            format!("{} was not negotiated for source {media:#010x}", what.trim_end())
        });
    }
}

/// The name of feedback, and the source that it is about.
fn name(body: &Body<'_>) -> Option<(Name, u32)> {
    match body {
        Body::TransportFeedback(feedback) => {
            let name = match feedback.kind {
                TransportFeedbackType::Nack => ("nack", None),
                TransportFeedbackType::Tmmbr | TransportFeedbackType::Tmmbn => ("ccm", Some("tmmbr")),
                TransportFeedbackType::TransportCc => ("transport-cc", None),
                TransportFeedbackType::Ccfb => ("ack", Some("ccfb")),
                _ => return None,
            };
            Some((name, feedback.media.map_or(0, |media| media.value)))
        }
        Body::PayloadFeedback(feedback) => {
            let (name, media) = match (feedback.kind, feedback.control) {
                (PayloadFeedbackType::Pli, _) => (("nack", Some("pli")), feedback.media.value),
                (PayloadFeedbackType::Sli, _) => (("nack", Some("sli")), feedback.media.value),
                (PayloadFeedbackType::Fir, PayloadFeedbackControl::Fir(entries)) => {
                    (("ccm", Some("fir")), entries.iter().next()?.ssrc.value)
                }
                (_, PayloadFeedbackControl::Remb(_)) => (("goog-remb", None), 0),
                _ => return None,
            };
            Some((name, media))
        }
        _ => None,
    }
}

/// The sections whose payload types a source sends.
fn sections_of(evidence: &Evidence, sender: Peer) -> BTreeMap<u32, BTreeSet<String>> {
    let mids = mids(evidence, sender);
    let mut sources: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for (_, header) in headers(evidence, sender) {
        if let Some(mids) = mids.get(&header.payload_type()) {
            sources.entry(header.ssrc.value).or_default().extend(mids.iter().cloned());
        }
    }
    sources
}

/// What the answers took, as a peer knows them: section, kind and parameters of feedback.
struct Answered {
    is_empty: bool,
    feedback: BTreeSet<(Option<String>, String, Option<String>)>,
}

impl Answered {
    fn of(evidence: &Evidence, peer: Peer) -> Self {
        let mut answered = Self { is_empty: true, feedback: BTreeSet::new() };
        for exchange in evidence.exchanges() {
            answered.is_empty = false;
            let answer = exchange.answer;
            let sdp = if answer.by == peer { &answer.sdp } else { answer.received() };
            sdp.media().for_each(|section| answered.take(&section));
        }
        answered
    }

    fn take(&mut self, section: &Section<'_>) {
        use peerproof_captures::sdp::RtcpFb;
        let mid = section.mid();
        for feedback in section.every::<RtcpFb>() {
            self.feedback.insert((mid.clone(), feedback.id, feedback.parameters));
        }
    }

    /// Whether one of these sections, if they are known, or all have no `a=rtcp-fb`.
    fn leaves_open(&self, mids: Option<&BTreeSet<String>>) -> bool {
        let has = |mid: &String| self.feedback.iter().any(|(of, ..)| of.as_ref().is_none_or(|of| of == mid));
        match mids {
            Some(mids) if !mids.is_empty() => !mids.iter().all(has),
            _ => self.feedback.is_empty(),
        }
    }

    /// Whether a kind was taken, in one of these sections if they are known.
    fn has(&self, (id, parameters): Name, mids: Option<&BTreeSet<String>>) -> bool {
        self.feedback.iter().any(|(mid, taken, with)| {
            let here = mids.is_none_or(|mids| mid.as_ref().is_none_or(|mid| mids.contains(mid)));
            here && taken == id && with.as_deref() == parameters
        })
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording};
    use peerproof_captures::sdp::SessionDescription;

    /// Takes the transport-wide feedback out of the answer.
    pub(super) const CONTROL: Control = Control::new(Recording::Video, |evidence| {
        let answer = &mut evidence.descriptions[1].sdp;
        let kept = answer.as_str().split_inclusive('\n').filter(|line| !line.contains("transport-cc\r\n"));
        *answer = SessionDescription::parse(kept.collect::<String>());
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::checks::controls::Recording;
    use peerproof_captures::sdp::SessionDescription;

    #[test]
    fn where_the_answer_has_none_at_all_any_may_be_sent() {
        let mut evidence = Recording::Video.evidence();
        let answer = &mut evidence.descriptions[1].sdp;
        let kept = answer.as_str().split_inclusive('\n').filter(|line| !line.starts_with("a=rtcp-fb:"));
        *answer = SessionDescription::parse(kept.collect::<String>());
        let findings = CHECK.run(&evidence);
        assert!(findings.iter().all(|finding| finding.result == Status::NotApplicable), "{findings:?}");
    }

    /// Pion ends feedback without parameters with a space. It is agreed on nevertheless.
    #[test]
    fn feedback_that_was_answered_with_a_space_at_its_end_may_be_sent() {
        let mut evidence = Recording::Video.evidence();
        let answer = &mut evidence.descriptions[1].sdp;
        assert!(answer.as_str().contains(" transport-cc\r\n"));
        *answer =
            SessionDescription::parse(answer.as_str().replace(" transport-cc\r\n", " transport-cc \r\n"));
        let findings = CHECK.run(&evidence);
        assert!(findings.iter().any(|finding| finding.result == Status::Pass));
        assert!(!findings.iter().any(|finding| finding.result == Status::Fail), "{findings:?}");
    }
}
