//! The SCTP association and the data channels in it.

mod ack_on_the_same_stream;
mod both_sides_initiate;
mod checksum;
mod close_resets_both_ways;
mod cookie;
mod data_as_agreed;
mod extensions_are_announced;
mod fragment_flags;
mod kind_of_message;
mod message_of_dcep;
mod negotiated_without_open;
mod no_addresses;
mod numbers_in_order;
mod one_message_each;
mod open_tells_options;
mod ordered_until_ack;
mod packet_size;
mod pieces;
mod ports;
mod reset_rules;
mod sacks_are_true;
mod sent_calls;
mod stream_parity;
mod streams_and_window;
mod tags;

use super::Check;
use crate::evidence::{Evidence, Packet, Peer, Protection};
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::sctp::{self, Body, ChunkType, Data, ParameterContent, ParameterType};

pub(super) const CHECKS: &[Check] = &[
    ports::CHECK,
    tags::CHECK,
    both_sides_initiate::CHECK,
    extensions_are_announced::CHECK,
    no_addresses::CHECK,
    streams_and_window::CHECK,
    checksum::CHECK,
    cookie::CHECK,
    packet_size::CHECK,
    data_as_agreed::CHECK,
    numbers_in_order::CHECK,
    fragment_flags::CHECK,
    sacks_are_true::CHECK,
    reset_rules::CHECK,
    message_of_dcep::CHECK,
    stream_parity::CHECK,
    open_tells_options::CHECK,
    negotiated_without_open::CHECK,
    ordered_until_ack::CHECK,
    ack_on_the_same_stream::CHECK,
    kind_of_message::CHECK,
    one_message_each::CHECK,
    close_resets_both_ways::CHECK,
];

/// The SCTP packets that are seen nearest to a peer.
fn packets(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = (&Packet, sctp::Packet<'_>)> {
    evidence.wire.iter().flat_map(move |wire| wire.sctp(peer))
}

/// The same, chunk by chunk.
fn chunks(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = (&Packet, Body<'_>)> {
    packets(evidence, peer)
        .flat_map(|(packet, sctp)| sctp.chunks.iter().filter_map(move |chunk| Some((packet, chunk.body?))))
}

/// The DATA chunks that are seen nearest to a peer, in both directions.
fn data(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = (&Packet, Data<'_>)> {
    chunks(evidence, peer).filter_map(|(packet, body)| match body {
        Body::Data(data) => Some((packet, data)),
        _ => None,
    })
}

/// Whether all records that passed a peer, in both directions, were recorded there and could be opened.
fn reads_all_at(evidence: &Evidence, peer: Peer) -> bool {
    let closed = |packet: &Packet| {
        packet.class() == Class::Dtls
            && matches!(packet.protection, Protection::NoSecret | Protection::Forged)
    };
    let mut at = evidence.wire.iter().flat_map(|wire| wire.at(peer));
    evidence.sees_all_sent_by(peer) && !at.any(closed)
}

/// A request of a peer to reset streams on which it sends (RFC 6525 §4.1).
struct Reset {
    frame: u64,
    t_us: u64,
    /// None for all.
    streams: Vec<u16>,
}

impl Reset {
    fn resets(&self, stream: u16) -> bool {
        self.streams.is_empty() || self.streams.contains(&stream)
    }
}

/// All of them.
fn reset_streams(evidence: &Evidence, peer: Peer) -> Vec<Reset> {
    let mut resets = Vec::new();
    for (packet, body) in chunks(evidence, peer).filter(|(packet, _)| packet.sender == peer) {
        let Body::ReConfig(reset) = body else { continue };
        for parameter in reset.parameters.iter() {
            if let (ParameterType::OutgoingReset, Some(ParameterContent::ResetRequest(request))) =
                (parameter.kind.value, parameter.content)
            {
                let streams = request.streams.iter().map(|stream| stream.0.value).collect();
                resets.push(Reset { frame: packet.frame, t_us: packet.t_us, streams });
            }
        }
    }
    resets
}

/// When the peer could send user messages for the first time: RFC 9260 §5.1 lets none go before the COOKIE-ACK has come (or the
/// COOKIE-ECHO of the other side), though the other's may arrive before it if that was lost.
fn ready_us(evidence: &Evidence, peer: Peer) -> u64 {
    packets(evidence, peer)
        .filter(|(packet, _)| packet.sender != peer)
        .find(|(_, sctp)| {
            sctp.chunks
                .iter()
                .any(|chunk| matches!(chunk.kind.value, ChunkType::CookieAck | ChunkType::CookieEcho))
        })
        .map_or(0, |(packet, _)| packet.t_us)
}
