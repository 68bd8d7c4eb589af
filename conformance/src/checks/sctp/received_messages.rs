//! The messages that arrived at a peer, each with the event that reports it.

use super::pieces::{Message, first_seen, messages};
use super::reads_all_at;
use super::sent_calls::label;
use crate::evidence::{Evidence, Happened, Peer};
use peerproof_captures::event::{self, PeerEvent};
use peerproof_captures::wire::sctp::PayloadProtocol;
use std::collections::BTreeMap;

/// What arrived on a stream, and what the peer reported, each in its order.
pub(super) struct Received<'a> {
    pub(super) messages: Vec<Message<'a>>,
    pub(super) events: Vec<(Happened<'a>, &'a event::Message)>,
}

/// The streams on which ordered messages alone arrived. None if what arrived cannot be read as a whole, or was changed on its way.
pub(super) fn ordered(evidence: &Evidence, peer: Peer) -> BTreeMap<u16, Received<'_>> {
    let mut streams: BTreeMap<u16, Received<'_>> = BTreeMap::new();
    let (Some(wire), Some(other)) = (evidence.wire.as_ref(), evidence.other(peer)) else { return streams };
    if !reads_all_at(evidence, peer) {
        return streams;
    }
    let arrived = first_seen(wire, peer, other);
    if arrived.values().any(|it| it.packet.tap != peer || evidence.is_faulted(it.packet.frame)) {
        return streams;
    }
    let events = evidence.events(peer);
    let mut whole = messages(&arrived);
    whole.sort_by_key(|it| it.first.message);
    for message in whole {
        let stream = message.first.stream;
        if message.protocol != PayloadProtocol::Dcep {
            let empty = || Received { messages: Vec::new(), events: Vec::new() };
            streams.entry(stream).or_insert_with(empty).messages.push(message);
        }
    }
    streams.retain(|stream, received| {
        let Some(label) = label(evidence, peer, *stream) else { return false };
        for happened in &events {
            match happened.event {
                PeerEvent::ChannelMessage { message, .. } if message.channel == label => {
                    received.events.push((*happened, message));
                }
                _ => {}
            }
        }
        received.messages.iter().all(|it| !it.first.is_unordered)
    });
    streams
}
