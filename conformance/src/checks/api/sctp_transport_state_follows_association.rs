//! webrtc-pc §6.1.1.3: an `RTCSctpTransport` is connected when its association is established, before any channel is
//! open, and closed when that is aborted or shut down. How many channels there may be is not in a recording.

use super::PATIENCE_US;
use crate::checks::sdp::look;
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Packet, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{PeerEvent, SctpState};
use peerproof_captures::wire::sctp::{ChunkType, Packet as Sctp};

pub(super) const CHECK: Check = Check {
    id: "sctp-transport-state-follows-association",
    layer: Layer::Sctp,
    subject: "states of SCTP transports",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if look::has_several_connections(evidence, peer) {
        tally.inconclusive("the peer has several connections; their events cannot be distinguished", []);
        return;
    }
    let events = evidence.events(peer);
    let is =
        |event: &PeerEvent, wanted| matches!(event, PeerEvent::SctpStateChange { state } if *state == wanted);
    let Some(connected) = events.iter().find(|it| is(it.event, SctpState::Connected)) else {
        if !events.iter().any(|it| matches!(it.event, PeerEvent::SctpStateChange { .. })) {
            tally.not_applicable("the peer reports no states of its SCTP transport");
        }
        return;
    };
    let place = Place::Entry(connected.entry);
    let open = events.iter().find(|it| matches!(it.event, PeerEvent::ChannelOpen { .. }));
    match open.filter(|open| open.seq < connected.seq) {
        Some(open) => {
            tally.fail(
                Fault("channel-open-before-connected"),
                "a channel was open before the SCTP transport was connected",
                [Place::Entry(open.entry), place],
            );
        }
        None => tally.pass(place),
    }
    match first(evidence, peer, |_, kind| matches!(kind, ChunkType::CookieEcho | ChunkType::CookieAck)) {
        Some(packet) => {
            if let Some(off) = Off::early(evidence, peer, connected.t_us, packet.t_us) {
                let text = "the SCTP transport was connected before the COOKIE-ECHO of its association";
                tally.off(
                    Fault("connected-before-cookie-echo"),
                    evidence,
                    off,
                    text,
                    [place, Place::Frame(packet.frame)],
                );
            }
        }
        None => tally.inconclusive("the COOKIE-ECHO of the association is not in the recording", [place]),
    }
    let Some(wire) = evidence.wire.as_ref().filter(|wire| wire.is_tapped(peer)) else { return };
    let ends = |packet: &Packet, kind| match kind {
        ChunkType::Abort | ChunkType::ShutdownComplete => packet.sender != peer,
        _ => false,
    };
    let Some(end) = first(evidence, peer, ends).filter(|end| !evidence.is_faulted(end.frame)) else { return };
    let place = Place::Frame(end.frame);
    let closed = events.iter().any(|it| is(it.event, SctpState::Closed));
    let last_us = events.iter().map(|it| it.t_us).chain(wire.at(peer).map(|packet| packet.t_us)).max();
    let closes_itself = evidence.calls(peer).iter().any(|call| call.name == "close");
    if closed {
        tally.pass(place);
    } else if let Some(off) = Off::late(end.t_us, PATIENCE_US, last_us.unwrap_or(0))
        && !closes_itself
    {
        let off = off.by_clock_of(evidence, peer);
        let text = "the association was ended, and the SCTP transport was not closed";
        tally.off(Fault("not-closed-with-association"), evidence, off, text, [place]);
    }
}

/// The first packet with such a chunk, as seen nearest to the peer.
fn first(evidence: &Evidence, peer: Peer, wanted: impl Fn(&Packet, ChunkType) -> bool) -> Option<&Packet> {
    let packets = evidence.wire.iter().flat_map(|wire| wire.sctp(peer));
    let has =
        |packet: &Packet, sctp: &Sctp<'_>| sctp.chunks.iter().any(|chunk| wanted(packet, chunk.kind.value));
    packets.into_iter().find(|(packet, sctp)| has(packet, sctp)).map(|(packet, _)| packet)
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events, sctp};
    use crate::evidence::Peer;
    use peerproof_captures::event::{PeerEvent, SctpState};
    use peerproof_captures::timeline::What;

    /// Reports an open channel before the transport.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        let connected = PeerEvent::SctpStateChange { state: SctpState::Connected };
        let connected = events::find(evidence, "alice", |event| *event == connected);
        let open = events::find(evidence, "alice", |event| matches!(event, PeerEvent::ChannelOpen { .. }));
        events::swap(evidence, connected, open);
    })
    .and(&[Mutation::new(Recording::Data, "was not closed", |evidence| {
        for entry in &mut evidence.timeline {
            if let What::Event {
                event: event @ PeerEvent::SctpStateChange { state: SctpState::Closed },
                ..
            } = &mut entry.what
            {
                *event = PeerEvent::NegotiationNeeded;
            }
        }
        evidence
            .timeline
            .retain(|entry| !matches!(&entry.what, What::Command { name, .. } if name == "close"));
        sctp::abort(evidence, Peer(1));
        events::push(evidence, "alice", PeerEvent::NegotiationNeeded);
        evidence.timeline.last_mut().unwrap().t_us += 60_000_000;
    })
    .also_breaks(&["sctp-control-chunks-first"])]);
}
