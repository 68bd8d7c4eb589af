//! What the scenario changed on its way to the peers, as the reason of what does not come about by it: neither peer answers for that.

use super::check::Failure;
use crate::record::CaseRecord;
use crate::verdict::{Layer, NETWORK, Place};
use peerproof_captures::event::SdpType;
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
        let changed = changed_lines(&sent.sdp, &delivered?.sdp);
        let line = changed.into_iter().find(|line| layers_of(line, sent.kind).contains(&layer))?;
        let name = name_of(line);
        let sentence = format!("the scenario changed {name} in {from}'s {} on its way to {to}", sent.kind);
        Some(Reason { sentence, evidence: Place::Entry(n) })
    })
}

/// The lines that only one of two descriptions has.
fn changed_lines<'a>(one: &'a str, other: &'a str) -> Vec<&'a str> {
    let lines = |sdp: &'a str| sdp.lines().map(str::trim_end).collect::<Vec<_>>();
    let (one, other) = (lines(one), lines(other));
    let only = |these: &[&'a str], those: &[&'a str]| {
        let mut rest = those.to_vec();
        let mut only = Vec::new();
        for line in these {
            match rest.iter().position(|it| it == line) {
                Some(at) => {
                    rest.swap_remove(at);
                }
                None => only.push(*line),
            }
        }
        only
    };
    let mut changed = only(&one, &other);
    changed.extend(only(&other, &one));
    changed
}

/// `a=NAME` of an attribute, the type of any other line.
fn name_of(line: &str) -> &str {
    line.split([':', ' ']).next().filter(|_| line.starts_with("a=")).or(line.get(..2)).unwrap_or(line)
}

/// The layers at which the change of a line makes one peer expect what the other does not do. An answer follows a changed offer, and who
/// offers follows the answer: a change of what they negotiate is one of the answer.
fn layers_of(line: &str, of: SdpType) -> &'static [Layer] {
    use Layer::{Checks, DataChannel, Dtls, Media, Nomination, Sctp, Srtp};
    let is_answer = matches!(of, SdpType::Answer | SdpType::Pranswer);
    match name_of(line) {
        "a=ice-ufrag" | "a=ice-pwd" => &[Checks, Nomination],
        "a=fingerprint" => &[Dtls],
        "a=sctp-port" => &[Sctp],
        "a=setup" if is_answer => &[Dtls],
        // A section that is rejected, or other payload types.
        "m=" if is_answer => &[Checks, Nomination, Dtls, Sctp, DataChannel, Srtp, Media],
        "a=rtpmap" if is_answer => &[Srtp, Media],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_removed_added_or_moved_is_changed_as_often_as_it_differs() {
        let one = "a=mid:0\r\na=ice-pwd:x\r\na=sendrecv\r\na=sendrecv\r\n";
        let other = "a=sendrecv\r\na=mid:0\r\na=ice-pwd:y\r\n";
        assert_eq!(changed_lines(one, other), ["a=ice-pwd:x", "a=sendrecv", "a=ice-pwd:y"]);
        assert_eq!(changed_lines(one, one), [""; 0]);
        assert_eq!(
            ["a=ice-pwd:x", "a=sendrecv", "m=audio 9", "c="].map(name_of),
            ["a=ice-pwd", "a=sendrecv", "m=", "c="]
        );
    }
}
