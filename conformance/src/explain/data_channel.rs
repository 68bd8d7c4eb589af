//! Data channels (RFC 8832).

use super::session::Api;
use super::{Found, Kind, Layer, Missed, SECOND, Says, Severity, side_of, time};
use crate::api::PeerView;
use crate::verdict::Place;
use peerproof_captures::event::SdpType;
use peerproof_captures::timeline::{Entry, What};
use peerproof_captures::trace::{Association, Channel, Connection};
use serde_json::Value;

/// How long an acknowledgement is waited for.
const ACKNOWLEDGEMENT: u64 = SECOND;

/// What the channels of a connection show.
pub(super) fn of_packets(connection: &Connection, found: &mut Found) {
    for association in &connection.associations {
        for opened in association.channels.values() {
            channel(connection, association, opened, found);
        }
    }
}

fn channel(connection: &Connection, association: &Association, channel: &Channel, found: &mut Found) {
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
            why: "the other side does not handle DATA_CHANNEL_OPEN: its application negotiated the channel otherwise, or its stack did \
                  not deliver the message",
            next: "see whether the TSN of the deciding frame is acknowledged by a SACK: if so the stack has it and the layer above does \
                   not answer; if not the packet is lost",
        });
    }
}

/// Where the channel of that label was created, if no description has a section for data channels (RFC 8832 §6.1) and no offer was made
/// after that, which would have had to have one.
pub(crate) fn never_negotiated<'a>(
    views: impl IntoIterator<Item = &'a PeerView>,
    timeline: &[Entry],
    label: &str,
) -> Option<Place> {
    let created = timeline.iter().rev().find(|entry| {
        matches!(&entry.what, What::Command { name, args, .. }
            if name == "createDataChannel" && args.get("label").and_then(Value::as_str) == Some(label))
    })?;
    let has_section = |sdp: &str| sdp.lines().any(|line| line.starts_with("m=application"));
    let is_negotiated = views.into_iter().any(|view| {
        view.local.iter().chain(&view.remote).any(|at| has_section(&at.is.sdp))
            || view.local.iter().any(|at| at.is.kind == SdpType::Offer && at.n > created.n)
    });
    (!is_negotiated).then_some(Place::Entry(created.n))
}

/// Whether a peer was asked to close the channel of that label.
fn was_closed(timeline: &[Entry], name: &str, label: &str) -> bool {
    timeline.iter().any(|entry| {
        matches!(&entry.what, What::Command { peer, name: command, args, .. }
            if peer == name
                && command == "closeDataChannel"
                && args.get("channel").and_then(Value::as_str) == Some(label))
    })
}

/// Each channel should open, and appear at the other side. One that is closed by its own side before need not.
pub(super) fn of_api(api: &Api<'_>) -> Option<Missed> {
    for (name, view, other, far) in api.both() {
        for (label, channel) in &view.channels {
            let evidence = vec![Place::Entry(channel.state.n)];
            let wanted = channel.was_open() || view.closed.is_some() || far.closed.is_some();
            let views = || api.peers().map(|(_, view)| view);
            if was_closed(api.timeline, name, label) {
                continue;
            }
            if !wanted && never_negotiated(views(), api.timeline, label).is_none() {
                return Some(Missed {
                    layer: Layer::DataChannel,
                    kind: Kind::ChannelNotOpened,
                    side: name.to_owned(),
                    expected: format!("the channel {label:?} should open at {name}"),
                    seen: "it did not".to_owned(),
                    evidence,
                    why: "DATA_CHANNEL_OPEN or its acknowledgement did not arrive, or the stream was reset",
                    next: "look at the DCEP messages of its stream",
                });
            }
            if channel.was_open() && !channel.info.negotiated && !far.channels.contains_key(label) {
                return Some(Missed {
                    layer: Layer::DataChannel,
                    kind: Kind::ChannelNotAnnounced,
                    side: other.to_owned(),
                    expected: format!("the channel {label:?} of {name} should appear at {other}"),
                    seen: "it did not".to_owned(),
                    evidence,
                    why: "DATA_CHANNEL_OPEN did not arrive, or the other side fired no datachannel event for it",
                    next: "see whether DATA_CHANNEL_OPEN was acknowledged by DCEP and by SACK",
                });
            }
        }
    }
    None
}
