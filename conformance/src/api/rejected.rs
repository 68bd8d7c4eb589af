//! Descriptions that leave a peer without any transport.

use peerproof_captures::event::{Description, PeerEvent, SdpType};
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::timeline::{Answer, Entry, What};
use serde::Deserialize;

/// Whether the last answer that a peer began to apply before the entry `n` rejects every section. Their transports are discarded then, and
/// what sums up the states of transports is `new` without one (webrtc-pc §4.3.2, §4.3.3, §4.3.4).
pub(crate) fn rejects_all(timeline: &[Entry], peer: &str, n: u64) -> bool {
    let is_answer = |it: &Description| matches!(it.kind, SdpType::Answer | SdpType::Pranswer);
    let applied = |entry: &Entry| match &entry.what {
        What::Command { peer: by, name, args, .. }
            if by == peer && matches!(name.as_str(), "setLocalDescription" | "setRemoteDescription") =>
        {
            Description::deserialize(args.get("description")?).ok()
        }
        // Without an argument it answers with what it set.
        What::Answer { peer: by, answer: Answer::Ok(value), .. } if by == peer => {
            Description::deserialize(value).ok()
        }
        What::Event { peer: by, event: PeerEvent::Acted { description, error: None, .. }, .. }
            if by == peer =>
        {
            description.clone()
        }
        _ => None,
    };
    let before = timeline.iter().rev().filter(|entry| entry.n < n);
    let last = before.filter_map(applied).find(is_answer);
    last.is_some_and(|answer| {
        let sdp = SessionDescription::parse(answer.sdp.as_str());
        let mut sections = sdp.media().peekable();
        sections.peek().is_some() && sections.all(|section| section.is_rejected())
    })
}
