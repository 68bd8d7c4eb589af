//! What the scenario changed on its way to the peers, as the reason of what does not come about by it: neither peer answers for that.

use super::check::Failure;
use crate::record::CaseRecord;
use crate::verdict::{Layer, NETWORK, Place};
use peerproof_captures::event::{Description, SdpType};
use peerproof_captures::sdp::{Section, SessionDescription};
use peerproof_captures::timeline::{Action, Step, StepOutcome, What};
use std::collections::{BTreeMap, BTreeSet};

/// Why something did not come about, and neither peer answers for that.
pub(super) struct Reason {
    /// In words.
    pub(super) sentence: String,
    /// What shows it.
    pub(super) evidence: Place,
}

impl Failure {
    /// The same, if there is a reason that is neither peer's.
    pub(super) fn attribute(&mut self, reason: Option<Reason>) {
        let Some(Reason { sentence, evidence }) = reason.filter(|_| self.side.as_deref() != Some(NETWORK))
        else {
            return;
        };
        self.sentence = format!("{}; {sentence}", self.sentence);
        self.side = Some(NETWORK.to_owned());
        self.evidence.push(evidence);
    }
}

/// What the scenario changed on its way to the peers, as far as it must show at the layer.
pub(super) fn rewritten(record: &CaseRecord, layer: Layer) -> Option<Reason> {
    let of_candidates =
        || of_candidates(record).filter(|_| matches!(layer, Layer::Checks | Layer::Nomination));
    of_descriptions(record, layer).or_else(of_candidates)
}

/// Every candidate of both peers, if none arrived as it was sent.
fn of_candidates(record: &CaseRecord) -> Option<Reason> {
    let mut first = None;
    let mut changed = BTreeSet::new();
    for entry in &record.timeline {
        match &entry.what {
            What::CarriedCandidate { to, sent: Some(sent), delivered, .. } if !sent.candidate.is_empty() => {
                if delivered.as_ref().is_some_and(|it| it.candidate == sent.candidate) {
                    return None;
                }
                first.get_or_insert(entry.n);
                changed.insert(to);
            }
            What::Carried { sent, delivered, .. }
                if delivered.as_ref().unwrap_or(sent).sdp.contains("\na=candidate:") =>
            {
                return None;
            }
            // One that a step hands on.
            What::StepBegan { definition: Step { action: Action::Command { name, .. }, .. }, .. }
                if name == "addIceCandidate" =>
            {
                return None;
            }
            _ => {}
        }
    }
    let evidence = Place::Entry(first.filter(|_| changed.len() == record.file.peers.len())?);
    let sentence = "the scenario changed or dropped every candidate on its way".to_owned();
    Some(Reason { sentence, evidence })
}

/// The last description that was carried to a peer before a step failed, if the scenario changed a line of it so that the peers act on
/// contradictory ones, which shows at the layer.
fn of_descriptions(record: &CaseRecord, layer: Layer) -> Option<Reason> {
    let is_failed = |what: &What| matches!(what, What::StepEnded { outcome, .. } if !matches!(outcome, StepOutcome::Done));
    let mut last = BTreeMap::new();
    for entry in record.timeline.iter().take_while(|entry| !is_failed(&entry.what)) {
        if let What::Carried { from, to, sent, delivered } = &entry.what {
            last.insert(to, (entry.n, from, sent, delivered.as_ref()));
        }
    }
    let mut last: Vec<_> = last.into_iter().collect();
    last.sort_by_key(|(_, (n, ..))| *n);
    last.into_iter().find_map(|(to, (n, from, sent, delivered))| {
        let name = contradiction(sent, delivered?, layer)?;
        let sentence = format!("the scenario changed {name} in {from}'s {} on its way to {to}", sent.kind);
        Some(Reason { sentence, evidence: Place::Entry(n) })
    })
}

/// What makes one peer expect what the other does not do, if that shows at the layer: the name of an attribute, or `m=`. An answer follows a
/// changed offer, and who offers follows the answer: a change of what they negotiate is one of the answer.
fn contradiction(sent: &Description, delivered: &Description, layer: Layer) -> Option<&'static str> {
    let is_answer = matches!(sent.kind, SdpType::Answer | SdpType::Pranswer);
    let (made, got) =
        (SessionDescription::parse(sent.sdp.as_str()), SessionDescription::parse(delivered.sdp.as_str()));
    let differs = |name: &&str| {
        (0..made.media().len()).any(|index| {
            let value = made.effective_value(index, name);
            value.is_some() && value != got.effective_value(index, name)
        })
    };
    let first = |names: &'static [&'static str]| names.iter().copied().find(|name| differs(name));
    let of_sections = || {
        let pairs = || made.media().zip(got.media());
        let is_rejected = |(one, other): (Section<'_>, Section<'_>)| one.is_rejected() != other.is_rejected();
        is_answer && (made.media().len() != got.media().len() || pairs().any(is_rejected))
    };
    let found = match layer {
        Layer::Checks | Layer::Nomination => first(&["ice-ufrag", "ice-pwd"]),
        Layer::Dtls => {
            let lost = lines_of(&sent.sdp, "a=fingerprint:");
            let is_lost = lost.iter().any(|it| !lines_of(&delivered.sdp, "a=fingerprint:").contains(it));
            is_lost.then_some("fingerprint").or_else(|| first(&["setup"]).filter(|_| is_answer))
        }
        Layer::Sctp => first(&["sctp-port"]),
        Layer::Srtp | Layer::Media => {
            let is_other = made.media().zip(got.media()).any(|(made, got)| has_other_formats(&made, &got));
            (is_answer && is_other).then_some("payload types")
        }
        _ => None,
    };
    let shows = matches!(
        layer,
        Layer::Checks
            | Layer::Nomination
            | Layer::Dtls
            | Layer::Sctp
            | Layer::DataChannel
            | Layer::Srtp
            | Layer::Media
    );
    found.or_else(|| (shows && of_sections()).then_some("the media sections"))
}

fn lines_of<'a>(sdp: &'a str, prefix: &str) -> Vec<&'a str> {
    sdp.lines().map(str::trim_end).filter(|line| line.starts_with(prefix)).collect()
}

/// Whether a section has a payload type that it had not, or that was another codec.
fn has_other_formats(made: &Section<'_>, got: &Section<'_>) -> bool {
    let formats = |section: &Section<'_>| -> Vec<String> {
        let line = section.media_line().and_then(|line| line.value.ok()).filter(|line| line.is_rtp());
        line.map(|line| line.formats).unwrap_or_default()
    };
    let (was, is) = (formats(made), formats(got));
    let codec = |section: &Section<'_>, format: &str| {
        let maps = section.rtpmaps();
        let map = maps.into_iter().find(|map| map.payload_type.to_string() == format);
        map.map(|map| (map.encoding.to_ascii_lowercase(), map.clock_rate))
    };
    is.iter().any(|format| !was.contains(format) || codec(made, format) != codec(got, format))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDP: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=fingerprint:sha-256 AA\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\na=ice-pwd:one\r\na=setup:active\r\na=rtpmap:111 opus/48000/2\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=ice-pwd:one\r\na=setup:active\r\na=sctp-port:5000\r\n";

    fn changed(kind: SdpType, was: &str, is: &str, layer: Layer) -> Option<&'static str> {
        assert!(SDP.contains(was), "{was}");
        let description = |sdp: String| Description { kind, sdp };
        contradiction(&description(SDP.to_owned()), &description(SDP.replace(was, is)), layer)
    }

    #[test]
    fn what_the_other_peer_cannot_know_contradicts_and_what_it_may_accept_does_not() {
        use Layer::{Checks, DataChannel, Dtls, Media, Sctp};
        use SdpType::{Answer, Offer};
        let cases = [
            (Offer, "ice-pwd:one", "ice-pwd:two", Checks, Some("ice-pwd")),
            (Offer, "ice-pwd:one", "ice-pwd:two", Dtls, None),
            (Offer, "sha-256 AA", "sha-256 AB", Dtls, Some("fingerprint")),
            // Another one beside it (RFC 8122 §5).
            (Offer, "sha-256 AA", "sha-256 AA\r\na=fingerprint:sha-512 BB", Dtls, None),
            (Answer, "setup:active", "setup:passive", Dtls, Some("setup")),
            (Offer, "setup:active", "setup:passive", Dtls, None),
            (Answer, "sctp-port:5000", "sctp-port:5999", Sctp, Some("sctp-port")),
            (Answer, "SAVPF 111 0", "SAVPF 0 111", Media, None),
            (Answer, "SAVPF 111 0", "SAVPF 0", Media, None),
            (Answer, "SAVPF 111 0", "SAVPF 111 8", Media, Some("payload types")),
            (Answer, "opus/48000/2", "PCMA/8000", Media, Some("payload types")),
            (Offer, "opus/48000/2", "PCMA/8000", Media, None),
            (Answer, "m=application 9", "m=application 0", DataChannel, Some("the media sections")),
            (Offer, "m=application 9", "m=application 0", DataChannel, None),
        ];
        for (kind, was, is, layer, wanted) in cases {
            assert_eq!(changed(kind, was, is, layer), wanted, "{kind} {was} {is} at {layer}");
        }
    }
}
