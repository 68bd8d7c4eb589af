//! The SCTP association and the data channels in it.

mod ack_on_the_same_stream;
mod checksum;
mod cookie;
mod message_of_dcep;
mod ports;
mod stream_parity;
mod tags;

use super::Check;
use crate::evidence::{Evidence, Packet, Peer};
use peerproof_captures::wire::sctp::{self, Body, Data};

pub(super) const CHECKS: &[Check] = &[
    ports::CHECK,
    tags::CHECK,
    checksum::CHECK,
    cookie::CHECK,
    message_of_dcep::CHECK,
    stream_parity::CHECK,
    ack_on_the_same_stream::CHECK,
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
