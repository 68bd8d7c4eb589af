//! What a peer asks of its TURN servers, and sends through them.

use crate::evidence::{Evidence, Peer, ServerMessage};
use peerproof_captures::wire::stun::{AttributeType, Class, Content, Message, Method};
use std::net::SocketAddr;

checks! {
    turn_auth_handshake,
    turn_requested_transport,
    turn_permission_before_peer_traffic,
    turn_channel_number_range,
    turn_allocation_released,
    turn_create_permission_contents,
    turn_requests_bear_credentials,
    turn_stale_nonce_retry,
    turn_no_auth_retry_loop,
    turn_quota_backoff,
    turn_alternate_server_followed,
}

/// A client's address and its server's.
type Ends = (SocketAddr, SocketAddr);

/// A message between a peer and a TURN server.
#[derive(Debug, Clone, Copy)]
struct Said<'a> {
    at: &'a ServerMessage,
    message: Message<'a>,
}

impl Said<'_> {
    const fn ends(&self) -> Ends {
        (self.at.client, self.at.server)
    }

    /// Whether the peer sent this as a message of that method and class.
    fn is_sent(&self, method: Method, class: Class) -> bool {
        self.at.sent && self.is(method, class)
    }

    /// Whether the server sent this as a message of that method and class.
    fn is_received(&self, method: Method, class: Class) -> bool {
        !self.at.sent && self.is(method, class)
    }

    fn is(&self, method: Method, class: Class) -> bool {
        let kind = self.message.kind.value;
        kind.method() == method && kind.class() == class
    }
}

/// The code of an error response.
fn error_code(said: &Said<'_>) -> Option<u16> {
    match said.message.content(AttributeType::ErrorCode)?.value {
        Content::Error(error) if said.message.kind.value.class() == Class::Error => {
            Some(error.code.value.raw())
        }
        _ => None,
    }
}

/// What a peer and its servers said to each other, in order, without what a rule of the scenario touched.
fn said(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = Said<'_>> {
    let all = evidence.wire.iter().flat_map(move |wire| wire.with_servers(peer));
    all.filter(|(at, _)| !evidence.is_faulted(at.frame)).map(|(at, message)| Said { at, message })
}
