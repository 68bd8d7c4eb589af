//! A description that the scenario changed on its way, as the reason of what does not come about by it: neither peer answers for that.

use crate::record::CaseRecord;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::SdpType;
use peerproof_captures::timeline::{StepOutcome, What};
use std::collections::BTreeMap;

/// Why something did not come about, and neither peer answers for that.
pub(super) struct Reason {
    /// In words.
    pub(super) sentence: String,
    /// What shows it.
    pub(super) evidence: Place,
}

/// The last description that was carried to a peer before a step failed, if the scenario changed a line of it so that the peers act on
/// contradictory ones, which shows at the layer.
pub(super) fn rewritten(record: &CaseRecord, layer: Layer) -> Option<Reason> {
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
