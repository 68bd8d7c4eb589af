//! STUN messages as such, whomever a peer sends them to.

use crate::evidence::{Evidence, Peer};
use peerproof_captures::wire::demux::{self, Class};
use peerproof_captures::wire::stun::{self, Message};
use std::net::SocketAddr;

checks! {
    stun_header_wellformed,
    stun_fingerprint_last,
    stun_transaction_id_random,
    stun_response_integrity,
    ice_pacing_floor,
    ice_rto_floor,
    stun_text_attributes_bounded,
    stun_error_code_form,
}

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

/// CANDIDATE-IDENTIFIER and IMPLEMENTATION-VERSION of [MS-ICE2] §2.2. No registry has them.
const MS_ICE: [u16; 2] = [0x8054, 0x8070];

/// Whether a peer speaks the dialect of ICE of Skype and Teams, as attributes of its messages show.
pub(super) fn speaks_ms_ice(evidence: &Evidence, peer: Peer) -> bool {
    let own =
        evidence.wire.iter().flat_map(|wire| wire.stun(peer)).filter(|(packet, _)| packet.sender == peer);
    let mut attributes = own.flat_map(|(_, message)| message.attributes().map_while(Result::ok));
    attributes.any(|attribute| MS_ICE.contains(&attribute.kind.value.raw()))
}

/// What a peer sent that is STUN, to the other peer and then to its servers, without what a rule of
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
    between.chain(asked).filter(|sent| is_stun(sent.bytes) && !evidence.is_faulted(sent.frame))
}

/// Whether bytes are STUN, be they malformed: they have the magic cookie, or all else of a header. The range of the first byte alone says nothing.
fn is_stun(bytes: &[u8]) -> bool {
    if demux::class(bytes) != Class::Stun {
        return false;
    }
    if bytes.get(4..8) == Some(&stun::COOKIE.to_be_bytes()[..]) {
        return true;
    }
    let Some(([a, b, high, low], rest)) = bytes.split_first_chunk::<4>() else { return false };
    let method = stun::MessageType(u16::from_be_bytes([*a, *b])).method();
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    method.name().is_some() && rest.len() == length + AFTER_LENGTH
}

/// Bytes of a header behind its length.
const AFTER_LENGTH: usize = 16;
