//! What checks of associations and data channels spare.

use super::{Spared, events, spared};
use crate::checks::controls::Recording;
use crate::evidence::Evidence;
use peerproof_captures::event::PeerEvent;

pub(super) const DATA: &[Spared] = &[spared(
    "dc-close-resets-both-directions",
    "what is closed is the second channel of its label, on a stream of its own (webrtc-pc §6.2)",
    Recording::Closed,
    |evidence| {
        for name in ["alice", "bob"] {
            let open = events::find(evidence, name, |it| matches!(it, PeerEvent::ChannelOpen { .. }));
            let first = evidence.timeline[open].clone();
            evidence.timeline.insert(open, first);
            if let PeerEvent::ChannelOpen { channel } = events::event(evidence, open) {
                channel.id = Some(9);
            }
        }
        go_on(evidence);
    },
)];

/// As if the recording had gone on for longer than any deadline.
fn go_on(evidence: &mut Evidence) {
    let mut last = evidence.timeline.last().unwrap().clone();
    last.n += 1;
    last.t_us += 60 * super::SECOND;
    evidence.timeline.push(last);
}
