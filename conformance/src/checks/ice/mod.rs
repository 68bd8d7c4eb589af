//! ICE and STUN.

mod candidate_grammar;
mod candidate_priorities;
mod check_has_fingerprint;
mod check_has_priority;
mod check_has_role;
mod check_is_authentic;
mod conflict_changes_the_tiebreaker;
mod conflict_is_resolved;
mod conflict_switches_the_role;
mod consent_cadence;
mod controlled_does_not_nominate;
mod controlling_nominates;
mod data_on_the_selected_pair;
mod first_role;
mod hidden_address;
mod keepalive;
mod mdns_names;
mod no_data_after_consent;
mod no_data_before_consent;
mod nomination;
mod nothing_after_the_end;
mod one_nomination;
mod related_address;
mod relay_policy;
mod response_answers_request;
mod response_tells_the_source;
mod restart_credentials;
mod roles;
mod roles_on_restart;
mod tcp_candidates;
mod tiebreaker;
mod told;
mod triggered_check;

use super::Check;
use crate::evidence::{Evidence, Packet, Peer};
use peerproof_captures::wire::stun::{AttributeType, Class, Message, Method};

pub(super) const CHECKS: &[Check] = &[
    check_has_priority::CHECK,
    check_has_role::CHECK,
    conflict_is_resolved::CHECK,
    conflict_switches_the_role::CHECK,
    conflict_changes_the_tiebreaker::CHECK,
    controlled_does_not_nominate::CHECK,
    check_is_authentic::CHECK,
    check_has_fingerprint::CHECK,
    response_answers_request::CHECK,
    response_tells_the_source::CHECK,
    controlling_nominates::CHECK,
    one_nomination::CHECK,
    data_on_the_selected_pair::CHECK,
    keepalive::CHECK,
    no_data_before_consent::CHECK,
    no_data_after_consent::CHECK,
    consent_cadence::CHECK,
    hidden_address::CHECK,
    first_role::CHECK,
    tiebreaker::CHECK,
    roles_on_restart::CHECK,
    triggered_check::CHECK,
    restart_credentials::CHECK,
    relay_policy::CHECK,
    nothing_after_the_end::CHECK,
    candidate_grammar::CHECK,
    candidate_priorities::CHECK,
    related_address::CHECK,
    tcp_candidates::CHECK,
    mdns_names::CHECK,
];

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
