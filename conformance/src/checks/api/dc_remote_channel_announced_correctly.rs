//! webrtc-pc §6.2.3: each OPEN that arrives becomes one `datachannel` event, with what the OPEN says of the channel,
//! before that channel is reported to be open.

use super::PATIENCE_US;
use crate::checks::sdp::look;
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Packet, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::{ChannelInfo, PeerEvent};
use peerproof_captures::wire::dcep::{self, Message, Open};
use peerproof_captures::wire::sctp::{Body, PayloadProtocol};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub(super) const CHECK: Check = Check {
    id: "dc-remote-channel-announced-correctly",
    layer: Layer::DataChannel,
    subject: "channels of the other side",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    if look::has_several_connections(evidence, peer) {
        tally.inconclusive("the peer has several connections; their events cannot be distinguished", []);
        return;
    }
    let mut opens = opens(evidence, peer);
    let whole = evidence.whole && evidence.wire.as_ref().is_some_and(|wire| !wire.cut);
    let seen_any = !opens.is_empty();
    let own: BTreeSet<&str> = evidence
        .calls(peer)
        .into_iter()
        .filter(|call| call.name == "createDataChannel")
        .filter_map(|call| call.args.get("label")?.as_str())
        .collect();
    let mut open: BTreeMap<u16, Place> = BTreeMap::new();
    let mut end_us = 0;
    for happened in evidence.events(peer) {
        let place = Place::Entry(happened.entry);
        end_us = end_us.max(happened.t_us);
        match happened.event {
            PeerEvent::ChannelOpen { channel } if !own.contains(channel.label.as_str()) => {
                open.extend(channel.id.map(|id| (id, place)));
            }
            PeerEvent::ChannelClose { id: Some(id), .. } => {
                open.remove(id);
            }
            PeerEvent::DataChannel { channel } => {
                let Some(id) = channel.id else {
                    tally.fail(
                        Fault("no-id"),
                        format!("the channel {} is announced without its id", channel.label),
                        [place],
                    );
                    continue;
                };
                if let Some(earlier) = open.get(&id) {
                    tally.fail(
                        Fault("open-before-announced"),
                        format!("the channel {} was open before it was announced", channel.label),
                        [*earlier, place],
                    );
                    continue;
                }
                match opens.get_mut(&id).and_then(VecDeque::pop_front) {
                    Some((packet, message)) => match difference(channel, &message) {
                        None => tally.pass(place),
                        Some(what) => tally.fail(
                            Fault("other-options-than-open"),
                            format!(
                                "the channel {} is announced with another {what} than its OPEN says",
                                channel.label
                            ),
                            [place, Place::Frame(packet.frame)],
                        ),
                    },
                    None if whole && seen_any => {
                        tally.fail(
                            Fault("announced-without-open"),
                            format!(
                                "the channel {} is announced without an OPEN on stream {id}",
                                channel.label
                            ),
                            [place],
                        );
                    }
                    None => tally
                        .inconclusive("the OPEN of an announced channel is not in the recording", [place]),
                }
            }
            _ => {}
        }
    }
    let tapped = evidence.wire.as_ref().is_some_and(|wire| wire.is_tapped(peer));
    for (packet, message) in opens.into_values().flatten() {
        let place = Place::Frame(packet.frame);
        let label = String::from_utf8_lossy(message.label.value).into_owned();
        match Off::late(packet.t_us, PATIENCE_US, end_us).filter(|_| tapped) {
            Some(off) => {
                let off = off.by_clock_of(evidence, peer);
                let text = format!("the OPEN of the channel {label} fired no event");
                tally.off(Fault("open-not-announced"), evidence, off, text, [place]);
            }
            None => tally.inconclusive(
                format!("whether the OPEN of the channel {label} was to become an event is not clear"),
                [place],
            ),
        }
    }
}

/// The OPENs that the other side sent, by stream in their order; one that SCTP repeats is the same.
fn opens(evidence: &Evidence, peer: Peer) -> BTreeMap<u16, VecDeque<(&Packet, Open<'_>)>> {
    let mut all: BTreeMap<u16, VecDeque<(&Packet, Open<'_>)>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (packet, sctp) in evidence.wire.iter().flat_map(|wire| wire.sctp(peer)) {
        if packet.sender == peer {
            continue;
        }
        for chunk in sctp.chunks.iter() {
            let Some(Body::Data(data)) = chunk.body else { continue };
            if data.protocol.value != PayloadProtocol::Dcep {
                continue;
            }
            if let Ok(Message::Open(open)) = dcep::view(data.data.value)
                && seen.insert(data.tsn.value)
            {
                all.entry(data.stream.value).or_default().push_back((packet, open));
            }
        }
    }
    all
}

/// What of a channel is reported differently.
fn difference(channel: &ChannelInfo, open: &Open<'_>) -> Option<&'static str> {
    let limit = |stated: Option<u16>, asked: Option<u32>| match (stated, asked) {
        // What does not fit the attribute cannot be reported.
        (_, Some(asked)) if asked > u32::from(u16::MAX) => true,
        (stated, asked) => stated.map(u32::from) == asked,
    };
    let same = [
        (
            "label",
            channel.label.as_bytes() == open.label.value || std::str::from_utf8(open.label.value).is_err(),
        ),
        (
            "protocol",
            channel.protocol.as_bytes() == open.protocol.value
                || std::str::from_utf8(open.protocol.value).is_err(),
        ),
        ("order", channel.ordered == Some(open.channel.value.is_ordered())),
        ("limit of retransmissions", limit(channel.max_retransmits, open.max_retransmits())),
        ("limit of time", limit(channel.max_packet_life_time, open.max_packet_life_time())),
        ("negotiation", !channel.negotiated),
    ];
    same.into_iter().find(|(_, same)| !same).map(|(what, _)| what)
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, events};
    use peerproof_captures::event::PeerEvent;

    /// Announces the channel as one without order.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        events::edit_each(evidence, "bob", |event| {
            if let PeerEvent::DataChannel { channel } = event {
                channel.ordered = channel.ordered.map(|ordered| !ordered);
            }
        });
    })
    .and(&[
        Mutation::new(Recording::Data, "is announced without its id", |evidence| {
            events::edit_each(evidence, "bob", |event| {
                if let PeerEvent::DataChannel { channel } = event {
                    channel.id = None;
                }
            });
        }),
        Mutation::new(Recording::Data, "was open before it was announced", |evidence| {
            let announced =
                events::find(evidence, "bob", |event| matches!(event, PeerEvent::DataChannel { .. }));
            let open = events::find(evidence, "bob", |event| matches!(event, PeerEvent::ChannelOpen { .. }));
            events::swap(evidence, announced, open);
        }),
        Mutation::new(Recording::Data, "is announced without an OPEN on stream", |evidence| {
            let announced =
                events::find(evidence, "bob", |event| matches!(event, PeerEvent::DataChannel { .. }));
            let mut again = events::event(evidence, announced).clone();
            if let PeerEvent::DataChannel { channel } = &mut again {
                channel.id = Some(9);
            }
            events::insert_after(evidence, announced, again);
        }),
        Mutation::new(Recording::Data, "another limit of retransmissions", |evidence| {
            events::edit_each(evidence, "bob", |event| {
                if let PeerEvent::DataChannel { channel } = event {
                    channel.max_retransmits = Some(7);
                }
            });
        }),
        Mutation::new(Recording::Data, "another limit of time", |evidence| {
            events::edit_each(evidence, "bob", |event| {
                if let PeerEvent::DataChannel { channel } = event {
                    channel.max_packet_life_time = Some(7);
                }
            });
        }),
    ]);
}
