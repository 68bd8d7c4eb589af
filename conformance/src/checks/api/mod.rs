//! States and events of the W3C API.

mod candidate_contents;
mod channel_states;
mod connected_after_dtls;
mod gathering_states;
mod signaling_states;

use super::Check;

pub(super) const CHECKS: &[Check] = &[
    signaling_states::CHECK,
    gathering_states::CHECK,
    candidate_contents::CHECK,
    connected_after_dtls::CHECK,
    channel_states::CHECK,
];
