//! A step that came too early: the scenario's mistake, and no peer's.

use super::judge::verdict;
use crate::record::CaseRecord;
use crate::verdict::{Outcome, Place, Verdict};
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::{Expected, Seen, StepOutcome, What};
use serde_json::Value;

/// The verdict where a peer was asked to send by a channel that it had not yet reported open: it must refuse (webrtc-pc §6.2, `send`).
pub(super) fn sent_before_open(record: &CaseRecord) -> Option<Verdict> {
    let (ended, peer) = record.timeline.iter().find_map(|entry| match &entry.what {
        What::StepEnded { outcome: StepOutcome::Wrong { expected, seen }, .. } => match (expected, seen) {
            (Expected::Success { peer, command }, Seen::Exception { name, .. })
                if command == "send" && name == "InvalidStateError" =>
            {
                Some((entry, peer))
            }
            _ => None,
        },
        _ => None,
    })?;
    let before = || record.timeline.iter().filter(|entry| entry.n < ended.n);
    let (asked, label) = before().rev().find_map(|entry| match &entry.what {
        What::Command { peer: to, name, args, .. } if to == peer && name == "send" => {
            Some((entry, args.get("channel").and_then(Value::as_str)?))
        }
        _ => None,
    })?;
    let is_open = before().filter(|entry| entry.n < asked.n).any(|entry| match &entry.what {
        What::Event { peer: by, event: PeerEvent::ChannelOpen { channel }, .. } => {
            by == peer && channel.label == label
        }
        _ => false,
    });
    if is_open {
        return None;
    }
    let sentence = format!(
        "{peer} was asked to send by the channel {label:?} before it reported that channel open, and refused as it must (webrtc-pc §6.2): the scenario should await {{ open: {label} }} at {peer} before"
    );
    let evidence = vec![Place::Entry(asked.n), Place::Entry(ended.n)];
    Some(Verdict { evidence, ..verdict(Outcome::Inconclusive, sentence) })
}
