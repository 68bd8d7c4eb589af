//! Channels that open: who asked for them, and whether the other side has them too.

use super::super::observed::{PATIENCE_US, against, lacks};
use super::super::{Contradiction, Session};
use super::known::{Created, Dcep, Known, Shown};
use crate::case_file::Runs;
use crate::explain::counted;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::{PeerEvent, SctpState};
use std::collections::BTreeSet;

const ANNOUNCED: (&str, Layer) = ("event/datachannel", Layer::DataChannel);
const OPENED: (&str, Layer) = ("event/channelopen", Layer::DataChannel);

pub(super) fn check(
    session: &Session<'_>,
    own: &Known<'_>,
    other: Option<&Known<'_>>,
    found: &mut Vec<Contradiction>,
) {
    unknown(session, own, found);
    opened_again(own, found);
    for shown in &own.announced {
        announced(own, other, shown, found);
        used_unopened(session, own, shown, found);
    }
    for created in own.created.iter().filter(|it| !it.is_negotiated()) {
        let open = own.opened.iter().find(|it| it.info.label == created.label);
        // Of several channels of a label, the one that is open may be the other side's.
        if let Some(open) = open.filter(|_| !own.announced.iter().any(|it| it.info.label == created.label)) {
            opened(own, other, open, found);
        }
        if let Some(other) = other {
            never_announced(session, own, other, created.label, found);
        }
        if open.is_none() {
            never_opened(session, own, created.label, created.asked.entry.t_us, found);
            never_asked(session, own, created, found);
        }
    }
}

/// An event of a channel that the peer neither created nor announced.
fn unknown(session: &Session<'_>, own: &Known<'_>, found: &mut Vec<Contradiction>) {
    if own.acts_alone || own.peer.never_reports("datachannel", "") {
        return;
    }
    let mut labels: BTreeSet<&str> = own.created.iter().map(|it| it.label).collect();
    for (entry, event) in session.events(&own.peer.name) {
        let (claim, label, what) = match event {
            PeerEvent::DataChannel { channel } => {
                labels.insert(&channel.label);
                continue;
            }
            PeerEvent::ChannelOpen { channel } => (OPENED.0, &channel.label, "is open"),
            PeerEvent::ChannelMessage { message, .. } => {
                ("event/channelmessage.message.channel", &message.channel, "has a message")
            }
            PeerEvent::BufferedAmountLow { channel } => {
                ("event/bufferedamountlow.channel", channel, "has room in its buffer")
            }
            PeerEvent::ChannelClosing { channel, .. } => {
                ("event/channelclosing.channel", channel, "is closing")
            }
            PeerEvent::ChannelClose { channel, .. } => ("event/channelclose.channel", channel, "is closed"),
            PeerEvent::ChannelError { channel, .. } => {
                ("event/channelerror.channel", channel, "has an error")
            }
            _ => continue,
        };
        if !labels.contains(label.as_str()) {
            let claimed = format!("{} reports that the channel {label:?} {what}", own.peer.name);
            let seen = "it neither created that channel nor reported datachannel for it";
            let evidence = [Place::Entry(entry.n)];
            found.push(against(
                &own.peer.name,
                (claim, Layer::DataChannel),
                entry.t_us,
                claimed,
                seen,
                evidence,
            ));
            return;
        }
    }
}

/// A channel opens once (webrtc-pc §6.2): there are no more reports of it than channels of its label were created or announced. Chrome now and then
/// fires `open` twice for a channel that the other side opened, so browsers are left out.
fn opened_again(own: &Known<'_>, found: &mut Vec<Contradiction>) {
    if own.peer.runs == Runs::Driven || own.acts_alone || own.peer.never_reports("datachannel", "") {
        return;
    }
    for (n, Shown { entry, info }) in own.opened.iter().enumerate() {
        let label = info.label.as_str();
        let times = own.opened.iter().take(n + 1).filter(|it| it.info.label == label).count();
        let created = own.created.iter().filter(|it| it.label == label).count();
        let announced = own.announced.iter().filter(|it| it.info.label == label).count();
        // What was never created or announced is another contradiction.
        let channels = created + announced;
        if channels > 0 && times > channels {
            let claimed = format!("{} reports that the channel {label:?} is open", own.peer.name);
            let (times, channels) = (counted(times as u64, "time"), counted(channels as u64, "channel"));
            let seen = format!("it reports that {times}, of {channels} with that label");
            found.push(against(&own.peer.name, OPENED, entry.t_us, claimed, seen, [Place::Entry(entry.n)]));
            return;
        }
    }
}

/// A channel that is announced was opened by the other side.
fn announced(own: &Known<'_>, other: Option<&Known<'_>>, shown: &Shown<'_>, found: &mut Vec<Contradiction>) {
    let Shown { entry, info } = shown;
    let claimed =
        format!("{} reports that the other side opened the channel {:?}", own.peer.name, info.label);
    let evidence = [Place::Entry(entry.n)];
    let with = |list: &[Shown<'_>]| {
        list.iter().filter(|it| it.entry.n <= entry.n && it.info.label == info.label).count()
    };
    let times = with(&own.announced);
    let created = other.map(|other| other.created.iter().filter(|it| it.label == info.label).count());
    let by_other = other.filter(|it| !it.acts_alone);
    if own.tap.is_some() {
        let opens = own.received.iter().filter(|it| it.opens(&info.label)).count();
        if opens >= times {
            return;
        }
        let agrees = opens == 0
            && by_other.is_some_and(|other| {
                created.is_some_and(|created| created >= times)
                    && other.opened.iter().any(|it| it.info.label == info.label)
            });
        if agrees && !own.shows_data {
            return;
        }
        found.push(if agrees {
            let claimed = format!("both peers report the channel {:?}", info.label);
            lacks(Layer::DataChannel, entry.t_us, claimed, "there is no DATA_CHANNEL_OPEN for it", evidence)
        } else {
            let seen = format!("{opens} DATA_CHANNEL_OPEN with that label came, and it reports {times}");
            against(&own.peer.name, ANNOUNCED, entry.t_us, claimed, seen, evidence)
        });
    } else if let (Some(other), Some(created)) = (by_other, created)
        && created < times
    {
        let seen = format!("{} was asked {} to create one", other.peer.name, counted(created as u64, "time"));
        found.push(against(&own.peer.name, ANNOUNCED, entry.t_us, claimed, seen, evidence));
    }
}

/// A channel that opens where it was created was asked for on the wire.
fn opened(own: &Known<'_>, other: Option<&Known<'_>>, shown: &Shown<'_>, found: &mut Vec<Contradiction>) {
    let label = shown.info.label.as_str();
    if own.tap.is_none() || own.sent.iter().any(|it| it.opens(label)) {
        return;
    }
    let (t_us, evidence) = (shown.entry.t_us, [Place::Entry(shown.entry.n)]);
    let agrees = other.is_some_and(|other| other.announced.iter().any(|it| it.info.label == label));
    let seen = "it never sent DATA_CHANNEL_OPEN for it";
    if agrees && !own.shows_data {
        return;
    }
    found.push(if agrees {
        let claimed = format!("both peers report the channel {label:?}");
        lacks(Layer::DataChannel, t_us, claimed, "there is no DATA_CHANNEL_OPEN for it", evidence)
    } else {
        let claimed = format!("{} reports that the channel {label:?} is open", own.peer.name);
        against(&own.peer.name, OPENED, t_us, claimed, seen, evidence)
    });
}

/// A channel of this peer that the other side took, and does not report.
fn never_announced(
    session: &Session<'_>,
    own: &Known<'_>,
    other: &Known<'_>,
    label: &str,
    found: &mut Vec<Contradiction>,
) {
    if other.announced.iter().any(|it| it.info.label == label) || other.peer.never_reports("datachannel", "")
    {
        return;
    }
    let disturbed = session.disturbed();
    let came = |it: &&Dcep<'_>| it.opens(label) && !disturbed.contains(&it.frame);
    let arrived = other.received.iter().find(came).map(|it| (it.frame, it.t_us));
    // The acknowledgement proves that it took the OPEN.
    let open = own.sent.iter().find(|it| it.opens(label));
    let acknowledged = open.and_then(|open| {
        own.received.iter().find(|it| it.open.is_none() && it.stream == open.stream && it.frame > open.frame)
    });
    let acknowledged = acknowledged.map(|it| (it.frame, it.t_us));
    let Some((frame, t_us)) = arrived.or(acknowledged) else { return };
    // Another channel of that label that it created itself may have taken its place.
    if other.created.iter().any(|it| it.label == label)
        || !session.had_time(&other.peer.name, t_us, PATIENCE_US)
    {
        return;
    }
    let claimed = format!("DATA_CHANNEL_OPEN of the channel {label:?} came to {}", other.peer.name);
    let seen = "it never reports datachannel for it";
    found.push(against(&other.peer.name, ANNOUNCED, t_us, claimed, seen, [Place::Frame(frame)]));
}

/// A channel that the peer answers to have created, and never asks for though there is an association.
fn never_asked(
    session: &Session<'_>,
    own: &Known<'_>,
    created: &Created<'_>,
    found: &mut Vec<Contradiction>,
) {
    let Some(answer) = created.asked.answered() else { return };
    let connected =
        |event: &PeerEvent| matches!(event, PeerEvent::SctpStateChange { state: SctpState::Connected });
    let Some((up, _)) = session.events(&own.peer.name).find(|(_, event)| connected(event)) else { return };
    let since_us = up.t_us.max(answer.t_us);
    let is_asked = own.sent.iter().any(|it| it.opens(created.label));
    // The other side may end the association before the peer comes to ask; that it ended is a claim of its own.
    let ended = |event: &PeerEvent| matches!(event, PeerEvent::SctpStateChange { state: SctpState::Closed });
    let soon = since_us.saturating_add(PATIENCE_US);
    let may_have_ended = session
        .events(&own.peer.name)
        .any(|(entry, event)| entry.n > up.n && entry.t_us <= soon && ended(event));
    let may_be_closed =
        ["close", "closeDataChannel"].iter().any(|it| session.did(&own.peer.name, it, u64::MAX));
    if own.tap.is_none()
        || is_asked
        || may_be_closed
        || may_have_ended
        || !session.had_time(&own.peer.name, since_us, PATIENCE_US)
    {
        return;
    }
    let claimed = format!("{} answers that it created the channel {:?}", own.peer.name, created.label);
    let seen = "it never sends DATA_CHANNEL_OPEN for it";
    let claim = ("answer/createDataChannel", Layer::DataChannel);
    let evidence = [Place::Entry(answer.n), Place::Entry(up.n)];
    found.push(against(&own.peer.name, claim, answer.t_us, claimed, seen, evidence));
}

/// A channel of the other side by which messages came or went, and of which the peer never reports that it is open: it fires `open` just
/// after `datachannel` (webrtc-pc §6.2.1).
fn used_unopened(session: &Session<'_>, own: &Known<'_>, shown: &Shown<'_>, found: &mut Vec<Contradiction>) {
    let label = shown.info.label.as_str();
    if own.peer.never_reports("channelopen", "") || own.opened.iter().any(|it| it.info.label == label) {
        return;
    }
    let came = session.events(&own.peer.name).find_map(|(entry, event)| match event {
        PeerEvent::ChannelMessage { message, .. } if message.channel == label && entry.n > shown.entry.n => {
            Some((entry, "a message came by it"))
        }
        _ => None,
    });
    let went = session.asked(&own.peer.name).into_iter().find_map(|asked| {
        let is_sent = asked.name == "send" && asked.args["channel"] == label && asked.result().is_some();
        let answer = asked.answered().filter(|answer| is_sent && answer.n > shown.entry.n)?;
        Some((answer, "it sent a message by it"))
    });
    let Some((entry, used)) = came.into_iter().chain(went).min_by_key(|(entry, _)| entry.n) else { return };
    let claimed = format!("{} reports datachannel for {label:?}, and {used}", own.peer.name);
    let seen = "it never reports that the channel is open";
    let evidence = [Place::Entry(entry.n), Place::Entry(shown.entry.n)];
    found.push(against(&own.peer.name, OPENED, entry.t_us, claimed, seen, evidence));
}

/// A channel that the other side took, and that is never open where it was created.
fn never_opened(
    session: &Session<'_>,
    own: &Known<'_>,
    label: &str,
    asked_us: u64,
    found: &mut Vec<Contradiction>,
) {
    if own.peer.never_reports("channelopen", "") || session.did(&own.peer.name, "close", u64::MAX) {
        return;
    }
    let closed = |event: &PeerEvent| matches!(event, PeerEvent::ChannelClose { channel, .. } | PeerEvent::ChannelError { channel, .. } if channel == label);
    if session.events(&own.peer.name).any(|(_, event)| closed(event)) {
        return;
    }
    let disturbed = session.disturbed();
    let Some(open) = own.sent.iter().find(|it| it.opens(label)) else { return };
    let ack = own.received.iter().find(|it| {
        it.open.is_none()
            && it.stream == open.stream
            && it.frame > open.frame
            && !disturbed.contains(&it.frame)
    });
    let Some(ack) = ack.filter(|ack| session.had_time(&own.peer.name, ack.t_us, PATIENCE_US)) else { return };
    let claimed = format!("DATA_CHANNEL_ACK of the channel {label:?} came to {}", own.peer.name);
    let seen = "it never reports that the channel is open";
    let evidence = [Place::Frame(ack.frame), Place::Frame(open.frame)];
    found.push(against(&own.peer.name, OPENED, ack.t_us.max(asked_us), claimed, seen, evidence));
}
