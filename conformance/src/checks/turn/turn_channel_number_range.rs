//! RFC 8656 §12: channel numbers are from 0x4000 to 0x4fff, each for one peer address and each peer address by one, and bound before
//! they are used.

use super::{Ends, said};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer, ServerMessage};
use crate::verdict::Layer;
use peerproof_captures::wire::demux::{self, Class as First};
use peerproof_captures::wire::stun::{AttributeType, Class, Method};
use peerproof_captures::wire::turn;
use std::collections::BTreeMap;
use std::net::SocketAddr;

pub(super) const CHECK: Check = Check {
    id: "turn-channel-number-range",
    layer: Layer::Gathering,
    subject: "channels of TURN",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

const NUMBERS: std::ops::RangeInclusive<u64> = 0x4000..=0x4fff;

/// How long a binding holds a channel and its peer: 10 minutes, and 5 more in which neither is bound otherwise (§12), in microseconds.
const HELD_US: u64 = 900_000_000;

/// The channels of an allocation, by number and by peer, and when each was bound last.
#[derive(Default)]
struct Bound {
    numbers: BTreeMap<u64, (SocketAddr, u64)>,
    peers: BTreeMap<SocketAddr, (u64, u64)>,
}

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let mut all: BTreeMap<Ends, Bound> = BTreeMap::new();
    for said in said(evidence, peer) {
        if said.is_received(Method::Allocate, Class::Success) {
            all.remove(&said.ends());
        }
        if !said.is_sent(Method::ChannelBind, Class::Request) {
            continue;
        }
        let place = Place::Frame(said.at.frame);
        let number = said.message.number(AttributeType::ChannelNumber).map(|number| number.value);
        let to = said.message.address(AttributeType::XorPeerAddress).map(|address| address.value);
        let (Some(number), Some(to)) = (number, to) else {
            tally.fail(
                Fault("attribute-missing"),
                "a ChannelBind request has no CHANNEL-NUMBER or no XOR-PEER-ADDRESS",
                [place],
            );
            continue;
        };
        let bound = all.entry(said.ends()).or_default();
        let by_number = bound.numbers.insert(number, (to, said.at.t_us));
        let by_peer = bound.peers.insert(to, (number, said.at.t_us));
        let holds = |since_us: u64| said.at.t_us.saturating_sub(since_us) < HELD_US;
        if !NUMBERS.contains(&number) {
            tally.fail(
                Fault("number-out-of-range"),
                format!("channel {number:#06x} is outside of 0x4000 to 0x4fff"),
                [place],
            );
        } else if let Some((before, _)) =
            by_number.filter(|(before, since_us)| *before != to && holds(*since_us))
        {
            tally.fail(
                Fault("number-of-two-peers"),
                format!("channel {number:#06x} is bound to {to}, and to {before} before"),
                [place],
            );
        } else if let Some((before, _)) =
            by_peer.filter(|(before, since_us)| *before != number && holds(*since_us))
        {
            tally.fail(
                Fault("peer-with-two-channels"),
                format!("{to} has channel {number:#06x}, and {before:#06x} before"),
                [place],
            );
        } else {
            tally.pass(place);
        }
    }
    unbound(evidence, peer, tally);
}

/// ChannelData of a channel that was bound goes between the peers; what was left with the server has none.
fn unbound(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let messages = evidence.wire.iter().flat_map(|wire| &wire.servers);
    let of_peer = |it: &&ServerMessage| {
        it.peer == peer && it.sent && demux::class(&it.bytes) == First::TurnChannel && evidence.whole
    };
    for message in messages.filter(of_peer) {
        if let Ok(data) = turn::view(&message.bytes) {
            let text = format!("ChannelData goes by channel {:#06x}, which is not bound", data.channel.value);
            tally.fail(Fault("channel-not-bound"), text, [Place::Frame(message.frame)]);
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, turn};

    /// Asks for a channel that no client may have.
    pub(super) const CONTROL: Control = Control::new(Recording::Relay, |evidence| {
        turn::edit(evidence, turn::CHANNEL_BIND, 1, |attributes| {
            let (_, number) = attributes.iter_mut().find(|(kind, _)| *kind == 0x000c).unwrap();
            number[0] = 0x50;
        });
    })
    .and(&[
        Mutation::new(Recording::Relay, "has no CHANNEL-NUMBER or no XOR-PEER-ADDRESS", |evidence| {
            turn::edit(evidence, turn::CHANNEL_BIND, 1, |attributes| {
                attributes.retain(|(kind, _)| *kind != 0x000c);
            });
        }),
        Mutation::new(Recording::Relay, "is bound to", |evidence| {
            turn::repeat(evidence, turn::CHANNEL_BIND, |attributes| {
                attributes
                    .iter_mut()
                    .filter(|(kind, _)| *kind == 0x0012)
                    .for_each(|(_, value)| value[3] ^= 1);
            });
        }),
        Mutation::new(Recording::Relay, "has channel", |evidence| {
            turn::repeat(evidence, turn::CHANNEL_BIND, |attributes| {
                attributes
                    .iter_mut()
                    .filter(|(kind, _)| *kind == 0x000c)
                    .for_each(|(_, value)| value[1] ^= 0x7f);
            });
        }),
        Mutation::new(
            Recording::Relay,
            "ChannelData goes by channel 0x4fff, which is not bound",
            |evidence| {
                turn::repeat_as(evidence, turn::CHANNEL_BIND, |bytes| {
                    *bytes = vec![0x4f, 0xff, 0, 4, 1, 2, 3, 4];
                });
            },
        ),
    ]);
}
