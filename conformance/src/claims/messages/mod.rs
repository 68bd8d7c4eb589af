//! Messages of data channels: number, order and content at the sender, on the wire and at the receiver.
//!
//! For each channel and direction three lists are compared, in this order: what the sender was asked to send, what its packets carry, and
//! what the receiver reports. The first that differs from the one before names the peer. What was lost between the two is the network's.

mod carried;
mod compare;
mod content;
#[cfg(test)]
mod tests;

use super::channels::known::Known;
use super::{Claim, Contradiction, Session};
use crate::verdict::Layer;

const WITH_WIRE: &str = "what the sender was asked to send, and the user messages on the wire";

pub(super) const CLAIMS: &[Claim] = &[
    Claim::checked(
        "event/channelmessage",
        Layer::DataChannel,
        "the sender's commands and the user messages on the wire: as many, in their order, and none missing that was acknowledged",
    ),
    Claim::checked("event/channelmessage.message.channel", Layer::DataChannel, "the channels of the peer"),
    Claim::checked(
        "event/channelmessage.message.text",
        Layer::DataChannel,
        "the payload protocol identifier on the wire (dc-ppid-matches-payload-kind), and the command of the sender",
    ),
    Claim::checked("event/channelmessage.message.size", Layer::DataChannel, WITH_WIRE),
    Claim::checked("event/channelmessage.message.crc32", Layer::DataChannel, WITH_WIRE),
    Claim::checked(
        "event/channelmessage.message.value",
        Layer::DataChannel,
        "size and checksum of the same event, and with them the wire",
    ),
    Claim::checked(
        "event/channelmessage.id",
        Layer::DataChannel,
        "the ids with which the channel was announced or opened",
    ),
];

/// How many messages of a sender on a channel the receiver acknowledged, as packets at either tap show; none if that is not known.
pub(super) fn acknowledged(session: &Session<'_>, sender: &str, label: &str) -> Option<usize> {
    let all: Vec<Known<'_>> = session.peers().map(|(peer, _)| Known::of(session, peer)).collect();
    let [one, other] = all.as_slice() else { return None };
    let streams = carried::streams(label, one, other)?;
    let tap = one.tap.or(other.tap)?;
    let carried = carried::carried(tap, session.place_of(sender)?, &streams)?;
    Some(carried.iter().filter(|it| it.is_acknowledged).count())
}

pub(super) fn check(session: &Session<'_>, found: &mut Vec<Contradiction>) {
    let all: Vec<Known<'_>> = session.peers().map(|(peer, _)| Known::of(session, peer)).collect();
    for own in &all {
        content::check(session, own, found);
    }
    let [one, other] = all.as_slice() else { return };
    for (sender, receiver) in [(one, other), (other, one)] {
        compare::check(session, sender, receiver, found);
    }
}
