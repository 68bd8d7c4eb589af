//! The roles that agents claim, who answers what to whom, and what may have an agent change its role.

use super::is_binding;
use crate::evidence::{Evidence, Packet, Peer};
use peerproof_captures::wire::stun::{AttributeType, Class, Code, Content, Message, TransactionId};

/// The role of an ICE agent (RFC 8445 §6.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Controlling,
    Controlled,
}

impl Role {
    pub(super) const fn opposite(self) -> Self {
        match self {
            Self::Controlling => Self::Controlled,
            Self::Controlled => Self::Controlling,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Controlling => "controlling",
            Self::Controlled => "controlled",
        }
    }
}

/// What a message says about roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// A connectivity check: its sender has this role and this tiebreaker.
    Claims(Role, u64),
    /// A success response.
    Agrees,
    /// 487 (Role Conflict).
    Conflict,
    /// Another error.
    Refuses(u16),
}

/// A Binding request or response at a peer's tap.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) packet: &'a Packet,
    pub(super) message: Message<'a>,
    pub(super) says: Says,
}

impl Told<'_> {
    pub(super) fn transaction(&self) -> TransactionId {
        self.message.transaction.value
    }

    /// The username fragments of a check: the receiver's and the sender's.
    pub(super) fn ufrags(&self) -> Option<(&str, &str)> {
        self.message.text(AttributeType::Username)?.value.split_once(':')
    }

    /// Whether this answers a request.
    pub(super) fn answers(&self, request: &Self) -> bool {
        !matches!(self.says, Says::Claims(..))
            && self.transaction() == request.transaction()
            && (self.packet.from, self.packet.to) == (request.packet.to, request.packet.from)
    }
}

/// The Binding requests and responses between the peers as seen nearest to `peer`, in order, without those that bear no role.
pub(super) fn told(evidence: &Evidence, peer: Peer) -> Vec<Told<'_>> {
    let stun = evidence.wire.iter().flat_map(|wire| wire.stun(peer));
    stun.filter_map(|(packet, message)| Some(Told { packet, message, says: says(&message)? })).collect()
}

fn says(message: &Message<'_>) -> Option<Says> {
    if is_binding(message, Class::Success) {
        return Some(Says::Agrees);
    }
    if is_binding(message, Class::Error) {
        return match message.content(AttributeType::ErrorCode)?.value {
            Content::Error(error) if error.code.value == Code::RoleConflict => Some(Says::Conflict),
            Content::Error(error) => Some(Says::Refuses(error.code.value.raw())),
            _ => None,
        };
    }
    if !is_binding(message, Class::Request) {
        return None;
    }
    let value = |kind| message.number(kind).map(|number| number.value);
    match (value(AttributeType::IceControlling), value(AttributeType::IceControlled)) {
        (Some(tiebreaker), None) => Some(Says::Claims(Role::Controlling, tiebreaker)),
        (None, Some(tiebreaker)) => Some(Says::Claims(Role::Controlled, tiebreaker)),
        // Neither or both: `ice-check-role-attribute` tells.
        _ => None,
    }
}
