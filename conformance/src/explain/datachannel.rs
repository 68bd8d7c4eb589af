//! The SCTP association and its data channels.

use super::{Found, Kind, Layer, SECOND, Says, Severity, side_of, time};
use peerproof_captures::trace::{Association, Channel, Connection, Side};

/// INIT chunks after which no answer is to be expected.
const INITS: u64 = 3;
/// How long an acknowledgement is waited for.
const ACKNOWLEDGEMENT: u64 = SECOND;

pub(super) fn diagnose(connection: &Connection, found: &mut Found) {
    for association in &connection.associations {
        let unanswered = association.init_ack.is_none() && association.established.is_none();
        if unanswered
            && association.inits >= INITS
            && association.sent.iter().all(|(_, sent)| sent.data_chunks == 0)
        {
            let side = if association.init.a.is_some() { Side::A } else { Side::B };
            found.add(Says {
                severity: Severity::Broken,
                layer: Layer::Sctp,
                kind: Kind::SctpUnanswered,
                side: Some(side_of(connection, side.other())),
                at: *association.init.of(side),
                what: format!(
                    "{} sent INIT {} times; {} did not answer",
                    side_of(connection, side),
                    association.inits,
                    side_of(connection, side.other())
                ),
                why: "the other side has no SCTP transport on that port: its description has no data section, or another a=sctp-port",
                next: "compare a=sctp-port of both descriptions with the ports in the INIT, and look whether the data section was rejected",
            });
        }
        if let Some(abort) = &association.abort {
            let closing = abort.causes.iter().any(|cause| cause.contains("user-initiated"));
            let causes =
                if abort.causes.is_empty() { "no cause".to_owned() } else { abort.causes.join(", ") };
            let name = side_of(connection, abort.from);
            found.add(Says {
                severity: if closing { Severity::Notice } else { Severity::Broken },
                layer: Layer::Sctp,
                kind: Kind::SctpAbort,
                side: Some(name.clone()),
                at: Some(abort.at),
                what: format!("{name} sent ABORT with {causes}"),
                why: if closing {
                    "the side ended the association on purpose, as browsers do when a connection is closed"
                } else {
                    "the side met something that it could not go on with: a violation of the protocol, too many retransmissions, or a \
                     lack of resources"
                },
                next: "look at the chunks of the other side just before the deciding frame, and at the cause",
            });
        }
        for channel in association.channels.values() {
            channels(connection, association, channel, found);
        }
    }
}

fn channels(connection: &Connection, association: &Association, channel: &Channel, found: &mut Found) {
    let (Some(open), Some(opener), None) = (channel.open, channel.opened_by, channel.acknowledged) else {
        return;
    };
    let (name, other) = (side_of(connection, opener), side_of(connection, opener.other()));
    if let (Some(reset), Some(by)) = (channel.reset, channel.reset_by)
        && by != opener
    {
        found.add(Says {
            severity: Severity::Broken,
            layer: Layer::DataChannel,
            kind: Kind::ChannelRefused,
            side: Some(other.clone()),
            at: Some(reset),
            what: format!("{name} opened the channel {} and {other} reset its stream without DATA_CHANNEL_ACK", channel.name()),
            why: "the other side does not accept the channel: its stream is in use or of the wrong parity, or there are too many",
            next: "look at the stream's number (DTLS clients use even ones, servers odd ones, RFC 8832 §6) and at the number of streams \
                   in INIT and INIT-ACK",
        });
        return;
    }
    let waited = association.last.since(open);
    // Once a message came back the channel is open, whatever became of the acknowledgement.
    let answered = channel.sent.of(opener.other()).messages > 0;
    if waited >= ACKNOWLEDGEMENT && !answered && association.abort.is_none() {
        found.add(Says {
            severity: Severity::Degraded,
            layer: Layer::DataChannel,
            kind: Kind::ChannelUnacknowledged,
            side: Some(other.clone()),
            at: Some(open),
            what: format!(
                "{name} opened the channel {}; in {} no DATA_CHANNEL_ACK of {other} followed",
                channel.name(),
                time(waited)
            ),
            why: "the other side does not handle DATA_CHANNEL_OPEN: its application negotiated the channel otherwise, or its stack has \
                  not handed the message on",
            next: "look whether the TSN of the deciding frame is acknowledged by a SACK: if so the stack has it and the layer above does \
                   not answer; if not the packet is lost",
        });
    }
}
