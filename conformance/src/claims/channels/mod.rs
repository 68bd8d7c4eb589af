//! Data channels: each that opens was asked for by one side, announced at the other, and closed because somebody asked for it.

mod announced;
mod ended;
pub(super) mod known;
mod properties;
#[cfg(test)]
mod tests;

use super::{Claim, Contradiction, Session};
use crate::verdict::Layer;
pub(super) use ended::{has_ended, transport_end};
use known::Known;
pub(super) use known::count_by;

const WITH_OPEN: &str = "DATA_CHANNEL_OPEN on the wire, and createDataChannel at the other side (dc-remote-channel-announced-correctly)";
const WITH_COMMAND: &str = "createDataChannel, DATA_CHANNEL_OPEN on the wire (dcep-open-reflects-options), and the peer's own announcement";

pub(super) const CLAIMS: &[Claim] = &[
    Claim::checked("event/datachannel", Layer::DataChannel, WITH_OPEN),
    Claim::checked("event/datachannel.channel.label", Layer::DataChannel, WITH_OPEN),
    Claim::checked(
        "event/datachannel.channel.id",
        Layer::DataChannel,
        "the stream of DATA_CHANNEL_OPEN on the wire",
    ),
    Claim::checked("event/datachannel.channel.ordered", Layer::DataChannel, WITH_OPEN),
    Claim::checked("event/datachannel.channel.maxRetransmits", Layer::DataChannel, WITH_OPEN),
    Claim::checked("event/datachannel.channel.maxPacketLifeTime", Layer::DataChannel, WITH_OPEN),
    Claim::checked("event/datachannel.channel.protocol", Layer::DataChannel, WITH_OPEN),
    Claim::checked(
        "event/datachannel.channel.negotiated",
        Layer::DataChannel,
        "a channel that is announced is not negotiated",
    ),
    Claim::checked(
        "event/channelopen",
        Layer::DataChannel,
        "createDataChannel or datachannel before it, DATA_CHANNEL_OPEN or DATA_CHANNEL_ACK on the wire, and the other side's channel \
         (dc-ready-state-sequence)",
    ),
    Claim::checked("event/channelopen.channel.label", Layer::DataChannel, WITH_COMMAND),
    Claim::checked(
        "event/channelopen.channel.id",
        Layer::DataChannel,
        "the stream of DATA_CHANNEL_OPEN on the wire, or the id of the command",
    ),
    Claim::checked("event/channelopen.channel.ordered", Layer::DataChannel, WITH_COMMAND),
    Claim::checked("event/channelopen.channel.maxRetransmits", Layer::DataChannel, WITH_COMMAND),
    Claim::checked("event/channelopen.channel.maxPacketLifeTime", Layer::DataChannel, WITH_COMMAND),
    Claim::checked("event/channelopen.channel.protocol", Layer::DataChannel, WITH_COMMAND),
    Claim::checked("event/channelopen.channel.negotiated", Layer::DataChannel, WITH_COMMAND),
    Claim::checked(
        "event/bufferedamountlow.channel",
        Layer::DataChannel,
        "the channels of the peer, and what it was asked to send or sends on them",
    ),
    Claim::checked(
        "event/channelclosing.channel",
        Layer::DataChannel,
        "the channels of the peer, and what closes one: a command at either side, a reset of its stream, the end of the association",
    ),
    Claim::checked(
        "event/channelclosing.id",
        Layer::DataChannel,
        "the ids with which the channel was announced or opened",
    ),
    Claim::checked(
        "event/channelclose.channel",
        Layer::DataChannel,
        "the channels of the peer, and what closes one: a command at either side, a reset of its stream, the end of the association",
    ),
    Claim::checked(
        "event/channelclose.id",
        Layer::DataChannel,
        "the ids with which the channel was announced or opened",
    ),
    Claim::checked("event/channelerror.channel", Layer::DataChannel, "the channels of the peer"),
    Claim::checked(
        "event/channelerror.error",
        Layer::DataChannel,
        "the end of the association, or the echo that failed; the words are the implementation's",
    ),
];

pub(super) fn check(session: &Session<'_>, found: &mut Vec<Contradiction>) {
    let known: Vec<Known<'_>> = session
        .peers()
        .filter(|(peer, _)| session.has_one_connection(&peer.name))
        .map(|(peer, _)| Known::of(session, peer))
        .collect();
    for own in &known {
        let other = known.iter().find(|it| it.peer.name != own.peer.name);
        announced::check(session, own, other, found);
        properties::check(session, own, found);
        ended::check(session, own, other, found);
    }
}
