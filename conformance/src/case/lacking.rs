//! What a peer, or this machine, lacks: `unsupported`.

use super::check::{self, Checked, Mismatch};
use super::judge::{verdict, views};
use crate::case_file::NotPlayed;
use crate::record::CaseRecord;
use crate::verdict::{Layer, Outcome, Place, Verdict};
use peerproof_captures::timeline::{Answer, Expected, Key, Seen, StepOutcome, What};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a case needs and did not find.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Missing {
    /// The peer that lacks it; absent if this machine does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Why, in the words of the peer or of the harness.
    pub reason: String,
}

impl Missing {
    /// What an unsupported case did not find; nothing for any other verdict.
    #[must_use]
    pub fn of(record: &CaseRecord, verdict: &Verdict) -> Option<Self> {
        if verdict.outcome != Outcome::Unsupported {
            return None;
        }
        if let Some((missing, _)) = missing(record) {
            return Some(missing);
        }
        let of = |peer: &String, reason: &String| Self { peer: Some(peer.clone()), reason: reason.clone() };
        match unwatched(record) {
            Some((peer, reason, n)) if verdict.evidence == [Place::Entry(n)] => Some(of(peer, reason)),
            _ => {
                let checked = check::all(record, &views(record));
                unreported(&checked).map(|(_, peer, reason)| of(peer, reason))
            }
        }
    }
}

/// What a peer, or this machine, said to lack for the steps, and the entry of the timeline that says so.
fn missing(record: &CaseRecord) -> Option<(Missing, Option<u64>)> {
    match &record.file.not_played {
        Some(NotPlayed::Unsupported { peer, reason }) => {
            Some((Missing { peer: peer.clone(), reason: reason.clone() }, None))
        }
        Some(NotPlayed::Broken { .. } | NotPlayed::Failed { .. }) => None,
        None => record.timeline.iter().find_map(|entry| match &entry.what {
            What::StepEnded { outcome: StepOutcome::Unsupported { peer, reason }, .. } => {
                Some((Missing { peer: Some(peer.clone()), reason: reason.to_string() }, Some(entry.n)))
            }
            What::StepEnded { outcome: StepOutcome::Wrong { expected, seen }, .. } => {
                let (peer, reason) = unreported_property(record, expected, seen, entry.n)?;
                Some((Missing { peer: Some(peer.to_owned()), reason }, Some(entry.n)))
            }
            _ => None,
        }),
    }
}

/// A property that an answer leaves out of a channel of the other side, at a peer that said that it never reports it of such a channel, and
/// why it cannot. The step ended at the entry `ended`.
fn unreported_property<'a>(
    record: &CaseRecord,
    expected: &'a Expected,
    seen: &Seen,
    ended: u64,
) -> Option<(&'a str, String)> {
    let Expected::AnswerValue { peer, command, path, .. } = expected else { return None };
    let (Seen::AnswerValue { value: Value::Null, .. }, [Key::Name(property)]) = (seen, path.as_slice())
    else {
        return None;
    };
    let it = record.peer(peer).filter(|it| it.never_reports("datachannel", property))?;
    let mut commands = record.timeline.iter().rev().filter(|entry| entry.n < ended).filter_map(|entry| {
        let What::Command { peer: of, name, args, .. } = &entry.what else { return None };
        (of == peer).then_some((name.as_str(), args))
    });
    let (_, asked) = commands.next().filter(|(name, _)| *name == command && *name == "getDataChannel")?;
    let label = asked.get("channel")?;
    let is_own = commands.any(|(name, args)| name == "createDataChannel" && args.get("label") == Some(label));
    (!is_own).then(|| (peer.as_str(), format!("{} never reports {property} of {label}", it.implementation)))
}

pub(super) fn unsupported(record: &CaseRecord) -> Option<Verdict> {
    let (Missing { peer, reason }, entry) = missing(record)?;
    Some(match peer {
        Some(peer) => lacking(record, &peer, &reason, entry),
        None => verdict(Outcome::Unsupported, format!("not possible here: {reason}")),
    })
}

/// A peer said that it cannot do what the case needs.
pub(super) fn lacking(record: &CaseRecord, peer: &str, reason: &str, entry: Option<u64>) -> Verdict {
    // A peer that was not even opened was not asked anything; that it cannot be is the harness's finding.
    let proved =
        record.file.not_played.is_some() || record.peer(peer).is_some_and(|peer| peer.refuses_the_impossible);
    let (outcome, sentence) = if proved {
        (Outcome::Unsupported, format!("{peer} lacks what the case needs: {reason}"))
    } else {
        let sentence = format!("{peer} says unsupported ({reason}), but did not reject the unknown command");
        (Outcome::Inconclusive, sentence)
    };
    let evidence = entry.map(Place::Entry).into_iter().collect();
    Verdict { side: Some(peer.to_owned()), evidence, ..verdict(outcome, sentence) }
}

/// Media that a peer did not see since it cannot watch a track are not missing. What failed below them is a failure all the same.
pub(super) fn unless_unwatched(record: &CaseRecord, failure: Verdict) -> Verdict {
    let of_media = matches!(failure.layer, Some(Layer::Srtp | Layer::Media));
    match unwatched(record) {
        Some((peer, reason, n)) if of_media && failure.side.as_ref().is_none_or(|side| side == peer) => {
            lacking(record, peer, reason, Some(n))
        }
        _ => failure,
    }
}

/// A peer that was to watch a track, beside the steps, and said that it cannot.
fn unwatched(record: &CaseRecord) -> Option<(&String, &String, u64)> {
    let watch = |of: &str, number: u64| {
        record.timeline.iter().any(|entry| {
            matches!(&entry.what, What::Command { peer, id, name, .. }
                if peer == of && *id == number && name == WATCH)
        })
    };
    record.timeline.iter().find_map(|entry| match &entry.what {
        What::Answer { peer, id, answer: Answer::Unsupported { reason } } if watch(peer, *id) => {
            Some((peer, reason, entry.n))
        }
        _ => None,
    })
}

/// The command to watch a track.
const WATCH: &str = "watch";

/// The first expectation that is about what a peer cannot report, with that peer and why it cannot.
pub(super) fn unreported(checked: &Checked) -> Option<(&Mismatch, &String, &String)> {
    let (mismatch, reason) =
        checked.mismatches.iter().find_map(|mismatch| Some((mismatch, mismatch.lacks.as_ref()?)))?;
    Some((mismatch, mismatch.side.as_ref()?, reason))
}
