//! States and events of the W3C API.

mod called;

use crate::evidence::{Evidence, Peer};
use peerproof_captures::event::PeerEvent;

checks! {
    signaling_state_transitions,
    gathering_state_sequence,
    candidate_event_contents,
    pc_connected_only_when_dtls_connected,
    dc_ready_state_sequence,
    gathering_end_signals,
    connection_state_requires_dtls,
    dtls_transport_state_connected_after_verification,
    ice_connection_state_derivation,
    sctp_transport_state_follows_association,
    dc_remote_channel_announced_correctly,
    signaling_pending_current_descriptions,
    signaling_wrong_state_rejected,
    signaling_rollback_to_stable,
    signaling_implicit_rollback_on_glare,
    signaling_implicit_description_type,
    signaling_event_order,
    close_is_silent_and_terminal,
    addicecandidate_end_of_candidates,
    addicecandidate_validation,
    negotiationneeded_coalesced,
    restartice_triggers_restart,
    sdp_unknown_attribute_ignored,
    jsep_malformed_line_refused,
    jsep_failed_apply_restores_state,
    dc_both_limits_refused,
    dc_send_outside_open_throws,
    msid_reflected_in_track_event,
}

/// How long an event may be in coming, in microseconds: a choice of ours, far beyond what a peer needs.
const PATIENCE_US: u64 = 1_000_000;

/// When a peer began an operation, asked to or of its own accord: the entries that report it and their times.
fn moments(evidence: &Evidence, peer: Peer, operation: &str) -> Vec<(u64, u64)> {
    let stated = evidence.calls(peer).into_iter().filter(|call| call.name == operation);
    let stated = stated.map(|call| (call.entry, call.t_us));
    let acted = evidence.events(peer).into_iter().filter_map(|happened| match happened.event {
        PeerEvent::Acted { operation: acted, .. } if acted == operation => {
            Some((happened.entry, happened.t_us))
        }
        _ => None,
    });
    let mut all: Vec<_> = stated.chain(acted).collect();
    all.sort_by_key(|(_, t_us)| *t_us);
    all
}
