//! A step that came too early or too late: the scenario's mistake, and no peer's.

use super::judge::verdict;
use crate::record::CaseRecord;
use crate::verdict::{Outcome, Place, Verdict};
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::{Expected, Seen, StepOutcome, What};
use serde_json::Value;

/// The verdict where a peer was asked to send by a channel that it had not yet reported open, or had reported closed: it must refuse
/// (webrtc-pc §6.2, `send`).
pub(super) fn sent_outside_open(record: &CaseRecord) -> Option<Verdict> {
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
    let earlier = || record.timeline.iter().filter(|entry| entry.n < asked.n);
    let state = earlier().rev().find_map(|entry| match &entry.what {
        What::Event { peer: by, event, .. } if by == peer => match event {
            PeerEvent::ChannelOpen { channel } => (channel.label == label).then_some(true),
            PeerEvent::ChannelClosing { channel, .. } | PeerEvent::ChannelClose { channel, .. } => {
                (channel == label).then_some(false)
            }
            _ => None,
        },
        // No event fires (webrtc-pc §4.4.1.6).
        What::Command { peer: by, name, .. } if by == peer && name == "close" => Some(false),
        _ => None,
    });
    let closed = earlier().find(|entry| match &entry.what {
        What::Command { name, args, .. } => {
            name == "close"
                || (name == "closeDataChannel" && args.get("channel").and_then(Value::as_str) == Some(label))
        }
        _ => false,
    });
    let refused = format!("{peer} was asked to send by the channel {label:?}");
    let must = "and refused as it must (webrtc-pc §6.2)";
    let (sentence, reason) = match (state, closed) {
        // One that nobody was asked to close should be open; what a control closes is the fault that it shows.
        (Some(true), _) | (Some(false), None) => return None,
        (Some(false), _) if record.file.control_of.is_some() => return None,
        (Some(false), Some(closed)) => {
            (format!("{refused} after the scenario had it closed, {must}"), Some(closed.n))
        }
        (None, _) => {
            let before = format!("{refused} before it reported that channel open, {must}");
            (format!("{before}: the scenario should await {{ open: {label} }} at {peer} before"), None)
        }
    };
    let evidence = reason.into_iter().chain([asked.n, ended.n]).map(Place::Entry).collect();
    Some(Verdict { evidence, ..verdict(Outcome::Inconclusive, sentence) })
}
