//! ICE and STUN.

mod asked;
mod nomination;
mod roles;
mod stated;

use crate::evidence::{Evidence, Packet, Peer};
use peerproof_captures::wire::stun::{AttributeType, Class, Message, Method};

checks! {
    ice_check_has_priority,
    ice_check_role_attribute,
    ice_role_conflict_detected,
    ice_487_switches_role,
    ice_487_changes_tiebreaker,
    ice_controlled_no_use_candidate,
    ice_check_credentials,
    ice_check_has_fingerprint,
    stun_response_matches_request,
    stun_xor_mapped_address_correct,
    ice_nomination_happens,
    ice_single_nomination,
    ice_data_only_on_selected_pair,
    ice_keepalive_within_tr,
    consent_no_data_before,
    consent_expires_after_30s,
    consent_request_cadence,
    mdns_no_address_leak,
    ice_initial_role,
    ice_tiebreaker_constant,
    ice_roles_kept_on_restart,
    ice_triggered_check,
    ice_restart_checks_use_new_credentials,
    ice_relay_policy_no_leak,
    trickle_nothing_after_end,
    ice_candidate_grammar,
    ice_candidate_priorities,
    ice_candidate_related_address,
    icetcp_candidate_format,
    mdns_name_format,
    ice_check_answered,
    ice_nominated_pair_answered,
    ice_early_check_answered,
    ice_candidate_address_allowed,
    ice_candidate_foundations,
    ice_candidates_not_redundant,
    ice_nominates_valid_pair,
    ice_lite_sends_no_checks,
    ice_lite_peer_full_controls,
    ice_no_early_failure,
    consent_lost_credentials_not_reused,
    consent_revoked_by_close,
    icetcp_connects_and_frames,
}

/// Whether an agent is lite (RFC 8445 §2.5), by all its descriptions. One of which only some are lite may have changed at a restart (RFC 8839
/// §4.4.1.1.1), and which packets it sent before nobody says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lite {
    Never,
    Sometimes,
    Always,
}

impl Lite {
    fn of(descriptions: impl Iterator<Item = bool>) -> Self {
        let (lite, full): (Vec<bool>, Vec<bool>) = descriptions.partition(|is_lite| *is_lite);
        match (lite.is_empty(), full.is_empty()) {
            (true, _) => Self::Never,
            (false, false) => Self::Sometimes,
            (false, true) => Self::Always,
        }
    }
}

/// Whether a message is of the Binding method and that class.
fn is_binding(message: &Message<'_>, class: Class) -> bool {
    message.kind.value.method() == Method::Binding && message.kind.value.class() == class
}

/// The connectivity checks that a peer sent.
fn checks(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = (&Packet, Message<'_>)> {
    let wire = evidence.wire.iter();
    wire.flat_map(move |wire| wire.stun(peer))
        .filter(move |(packet, message)| packet.sender == peer && is_binding(message, Class::Request))
}

/// Whether a message has an attribute.
fn has(message: &Message<'_>, kind: AttributeType) -> bool {
    message.attribute(kind).is_some()
}
