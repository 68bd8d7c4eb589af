//! STUN messages as such, whomever a peer sends them to.

mod fingerprint_is_last;
mod first_retransmission;
mod header;
mod pacing;
mod response_is_signed;
mod transaction_is_random;

use super::Check;
use crate::evidence::{Evidence, Peer};
use peerproof_captures::wire::demux::{self, Class};
use peerproof_captures::wire::stun::{self, Message};
use std::net::SocketAddr;

pub(super) const CHECKS: &[Check] = &[
    header::CHECK,
    fingerprint_is_last::CHECK,
    transaction_is_random::CHECK,
    response_is_signed::CHECK,
    pacing::CHECK,
    first_retransmission::CHECK,
];

/// A STUN message that a peer sent, to the other peer or to a server.
#[derive(Debug, Clone, Copy)]
struct Sent<'a> {
    frame: u64,
    t_us: u64,
    from: SocketAddr,
    to: SocketAddr,
    bytes: &'a [u8],
}

impl<'a> Sent<'a> {
    fn message(&self) -> Option<Message<'a>> {
        stun::view(self.bytes).ok()
    }
}

/// What a peer sent that by its first byte is STUN (RFC 7983), to the other peer and then to its servers, without what a rule of
/// the scenario touched.
fn sent(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = Sent<'_>> {
    let between = evidence.wire.iter().flat_map(move |wire| wire.sent(peer)).map(|packet| Sent {
        frame: packet.frame,
        t_us: packet.t_us,
        from: packet.from,
        to: packet.to,
        bytes: &packet.bytes,
    });
    let servers = evidence.wire.iter().flat_map(|wire| &wire.servers);
    let asked = servers.filter(move |message| message.peer == peer && message.sent).map(|message| Sent {
        frame: message.frame,
        t_us: message.t_us,
        from: message.client,
        to: message.server,
        bytes: &message.bytes,
    });
    between
        .chain(asked)
        .filter(|sent| demux::class(sent.bytes) == Class::Stun && !evidence.is_faulted(sent.frame))
}
