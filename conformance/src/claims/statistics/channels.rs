//! Data channels: messages and bytes against what was sent and what arrived, and how many were opened.

use super::super::channels::{count_by, has_ended};
use super::super::observed::PATIENCE_US;
use super::{Contradiction, Reading, Session, Stat};
use crate::api::message::Fingerprint;
use crate::case_file::CasePeer;
use crate::verdict::Layer;
use peerproof_captures::event::{ConnectionState, PeerEvent};
use peerproof_captures::timeline::Answer;
use std::collections::BTreeSet;

/// Number and bytes of messages.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    messages: u64,
    bytes: u64,
}

/// At least, and at most.
#[derive(Debug, Clone, Copy, Default)]
struct Bounds {
    least: Sum,
    most: Sum,
}

impl Bounds {
    fn add(&mut self, sum: Sum, certain: bool) {
        self.most.messages = self.most.messages.saturating_add(sum.messages);
        self.most.bytes = self.most.bytes.saturating_add(sum.bytes);
        if certain {
            self.least.messages = self.least.messages.saturating_add(sum.messages);
            self.least.bytes = self.least.bytes.saturating_add(sum.bytes);
        }
    }
}

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    reading: &Reading<'_>,
    found: &mut Vec<Contradiction>,
) {
    opened(session, peer, reading, found);
    let stats: Vec<Stat<'_>> = reading.of_kind("data-channel").collect();
    for stat in &stats {
        let Some(label) = stat.text("label") else { continue };
        let Some(view) = session.views.get(&peer.name) else { continue };
        let mut received = received(session, &peer.name, label, reading);
        let mut sent = sent(session, peer, label, reading);
        // Channels of one label cannot be distinguished by what was sent on them: each may have all or nothing of it. A report may leave
        // out those that are closed.
        if count_by(session, &peer.name, label, reading.n) > 1
            || stats.iter().filter(|it| it.text("label") == Some(label)).count() > 1
        {
            (received.least, sent.least) = (Sum::default(), Sum::default());
        }
        for (claim, field, bounds, bytes) in [
            ("stat/data-channel.messagesReceived", "messagesReceived", received, false),
            ("stat/data-channel.bytesReceived", "bytesReceived", received, true),
            ("stat/data-channel.messagesSent", "messagesSent", sent, false),
            ("stat/data-channel.bytesSent", "bytesSent", sent, true),
        ] {
            let Some(says) = stat.number(field) else { continue };
            let value = |sum: Sum| if bytes { sum.bytes } else { sum.messages };
            let (least, most) = (value(bounds.least), value(bounds.most));
            let seen = match (says < least as f64, says > most as f64) {
                (true, _) => format!("there were at least {least}"),
                (_, true) => format!("there were at most {most}"),
                _ => continue,
            };
            let claimed = format!("{field} {says} of the channel {label:?}");
            found.push(reading.contradicts(claim, Layer::DataChannel, claimed, seen, None));
        }
        let is_alone = count_by(session, &peer.name, label, reading.n) == 1;
        if let Some(state) = stat.text("state").filter(|it| ["connecting", "closing", "closed"].contains(it))
            && let Some(seen) = goes_back(session, peer, (label, state), reading)
                .filter(|_| is_alone && session.reports_all(peer))
        {
            let claimed = format!("that the channel {label:?} is {state}");
            let claim = "stat/data-channel.state";
            found.push(reading.contradicts(claim, Layer::DataChannel, claimed, seen, None));
        }
        let state = stat.text("state");
        let unheard = state == Some("open") && !view.channels.get(label).is_none_or(|it| it.was_open());
        // The event follows the state, and the reading may be the last that is heard of the peer.
        if unheard && was_connected_long_before(session, peer, reading) {
            let claimed = format!("that the channel {label:?} is open");
            let seen = "it never reported channelopen".to_owned();
            let claim = "stat/data-channel.state";
            found.push(reading.contradicts(claim, Layer::DataChannel, claimed, seen, None));
        }
    }
}

/// A state that the channel has left behind, or that nothing brought it into.
fn goes_back(
    session: &Session<'_>,
    peer: &CasePeer,
    (label, state): (&str, &str),
    reading: &Reading<'_>,
) -> Option<String> {
    let off = session.stalled(reading.asked_us.saturating_sub(super::wire::OLDEST_US), reading.answered_us);
    let off = off.saturating_add(super::wire::OLDEST_US).saturating_add(session.clock_error(&peer.name));
    let opened = session
        .events(&peer.name)
        .find(|(_, event)| matches!(event, PeerEvent::ChannelOpen { channel } if channel.label == label));
    let (opened, _) = opened.filter(|(entry, _)| entry.t_us.saturating_add(off) < reading.asked_us)?;
    if state == "connecting" {
        return Some(format!("it had reported channelopen after {} ms", opened.t_us / 1_000));
    }
    let is_end = |event: &PeerEvent| {
        matches!(
            event,
            PeerEvent::ChannelClosing { channel, .. }
            | PeerEvent::ChannelClose { channel, .. }
            | PeerEvent::ChannelError { channel, .. } if channel == label
        )
    };
    let reported = session.events(&peer.name).any(|(_, event)| is_end(event));
    let is_asked = |name: &str| session.asked(name).into_iter().any(|it| it.name == "closeDataChannel");
    let mut all = session.peers();
    let may_end = all.any(|(peer, _)| is_asked(&peer.name) || sends_by_itself(peer));
    let answer = session.record.timeline.iter().find(|entry| entry.n == reading.n)?;
    if reported || may_end || has_ended(session, &peer.name, answer) {
        return None;
    }
    Some("nobody closed it, and the association goes on".to_owned())
}

/// Whether a peer was connected so long before a reading that what opens with the connection was reported by then.
fn was_connected_long_before(session: &Session<'_>, peer: &CasePeer, reading: &Reading<'_>) -> bool {
    let view = session.views.get(&peer.name);
    let mut connected = view.into_iter().flat_map(|view| &view.connection);
    connected.find(|at| at.is == ConnectionState::Connected).is_some_and(|at| {
        let off =
            session.stalled(at.t_us, reading.answered_us).saturating_add(session.clock_error(&peer.name));
        at.t_us.saturating_add(PATIENCE_US).saturating_add(off) < reading.asked_us
    })
}

/// What arrived by the events of a peer. One that came about the time of the reading may be in it or not.
fn received(session: &Session<'_>, name: &str, label: &str, reading: &Reading<'_>) -> Bounds {
    let mut bounds = Bounds::default();
    for (entry, event) in session.events(name) {
        let PeerEvent::ChannelMessage { message, .. } = event else { continue };
        if message.channel != label {
            continue;
        }
        let sum = Sum { messages: 1, bytes: message.size };
        // Its event is placed by the peer's clock, in the timeline after what was heard before.
        let certain = entry.t_us.saturating_add(super::wire::OLDEST_US) < reading.asked_us;
        // Those that arrived but were not reported yet when the answer came.
        bounds.add(sum, certain);
        // An empty message takes a byte on the wire (RFC 8831 §6.6), which may be counted.
        bounds.most.bytes = bounds.most.bytes.saturating_add(u64::from(message.size == 0));
    }
    bounds
}

/// What a peer was asked to send before its answer, and what it echoed.
fn sent(session: &Session<'_>, peer: &CasePeer, label: &str, reading: &Reading<'_>) -> Bounds {
    let mut bounds = Bounds::default();
    let is_of = |args: &serde_json::Value| args.get("channel").and_then(|it| it.as_str()) == Some(label);
    for asked in session.asked(&peer.name).iter().filter(|asked| is_of(asked.args)) {
        match (asked.name, asked.answer) {
            // What was rejected may be counted as far as it came.
            ("send", Some((_, Answer::Unsupported { .. }))) => {}
            ("send", _) if asked.entry.n < reading.n => {
                for message in Fingerprint::sent(asked.args) {
                    bounds.add(Sum { messages: 1, bytes: message.size.max(1) }, false);
                }
            }
            ("echo", _) => {
                let received = received(session, &peer.name, label, reading);
                bounds.add(received.most, false);
            }
            _ => {}
        }
    }
    // What arrived at the other side was sent.
    if let Some(other) = session.record.other(&peer.name) {
        bounds.least = received(session, other, label, reading).least;
    }
    bounds.least.messages = bounds.least.messages.min(bounds.most.messages);
    bounds.least.bytes = bounds.least.bytes.min(bounds.most.bytes);
    if sends_by_itself(peer) {
        bounds.most = Sum { messages: u64::MAX, bytes: u64::MAX };
    }
    bounds
}

/// Whether a peer may send what no command asked for.
fn sends_by_itself(peer: &CasePeer) -> bool {
    peer.lacks(peerproof_captures::feature::Feature::DataChannels)
}

/// As many channels were opened as events say.
fn opened(session: &Session<'_>, peer: &CasePeer, reading: &Reading<'_>, found: &mut Vec<Contradiction>) {
    const CLAIM: &str = "stat/peer-connection.dataChannelsOpened";
    if peer.never_reports("channelopen", "") {
        return;
    }
    let opens: Vec<(u64, (&str, Option<u16>))> = session
        .events(&peer.name)
        .filter_map(|(entry, event)| match event {
            PeerEvent::ChannelOpen { channel } => Some((entry.t_us, (channel.label.as_str(), channel.id))),
            _ => None,
        })
        .collect();
    // A channel counts once, whatever its events: `dc-ready-state-sequence` judges those.
    let before =
        opens.iter().filter(|(t_us, _)| t_us.saturating_add(super::wire::OLDEST_US) < reading.asked_us);
    let least = before.map(|(_, channel)| channel).collect::<BTreeSet<_>>().len();
    // One that either side created may be open before that is reported.
    let created = session.peers().flat_map(|(peer, _)| session.asked(&peer.name));
    let created = created.filter(|asked| asked.name == "createDataChannel").count();
    for stat in reading.of_kind("peer-connection") {
        let Some(says) = stat.number("dataChannelsOpened") else { continue };
        let (least, most) = (least as f64, opens.len().max(created) as f64);
        if says > most || (says < least && !peer.is_translated()) {
            let seen = format!("it reported channelopen {} times", opens.len());
            let claimed = format!("dataChannelsOpened {says}");
            found.push(reading.contradicts(CLAIM, Layer::DataChannel, claimed, seen, None));
        }
    }
}
