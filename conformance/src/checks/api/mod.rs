//! States and events of the W3C API.

mod announced_channels;
mod candidate_contents;
mod channel_states;
mod connected_after_dtls;
mod connected_after_finished;
mod dtls_states;
mod gathering_ends;
mod gathering_states;
mod ice_states;
mod pending_descriptions;
mod sctp_states;
mod signaling_states;

use super::Check;
use crate::evidence::{Evidence, Peer};
use peerproof_captures::event::PeerEvent;

pub(super) const CHECKS: &[Check] = &[
    signaling_states::CHECK,
    gathering_states::CHECK,
    candidate_contents::CHECK,
    connected_after_dtls::CHECK,
    channel_states::CHECK,
    gathering_ends::CHECK,
    connected_after_finished::CHECK,
    dtls_states::CHECK,
    ice_states::CHECK,
    sctp_states::CHECK,
    announced_channels::CHECK,
    pending_descriptions::CHECK,
];

/// How long an event may be in coming, in microseconds: a choice of ours, far beyond what a peer needs.
const PATIENCE_US: u64 = 1_000_000;

/// When a peer began an operation, told to or of its own accord: the entries that tell of it and their times.
fn moments(evidence: &Evidence, peer: Peer, operation: &str) -> Vec<(u64, u64)> {
    let told = evidence.calls(peer).into_iter().filter(|call| call.name == operation);
    let told = told.map(|call| (call.entry, call.t_us));
    let acted = evidence.events(peer).into_iter().filter_map(|happened| match happened.event {
        PeerEvent::Acted { operation: acted, .. } if acted == operation => {
            Some((happened.entry, happened.t_us))
        }
        _ => None,
    });
    let mut all: Vec<_> = told.chain(acted).collect();
    all.sort_by_key(|(_, t_us)| *t_us);
    all
}
