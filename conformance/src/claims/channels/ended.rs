//! Channels that close or fail, and `bufferedamountlow`: what caused it.

use super::super::observed::against;
use super::super::{Contradiction, Session};
use super::known::Known;
use crate::case_file::Runs;
use crate::evidence::{Kind, Packet, Wire};
use crate::explain::counted;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::{ConnectionState, DtlsState, PeerEvent, SctpState};
use peerproof_captures::timeline::{Answer, Entry, What};
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::ContentType;
use peerproof_captures::wire::dtls::record::Record;
use peerproof_captures::wire::sctp::{Body, ChunkType, ParameterContent};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(
    session: &Session<'_>,
    own: &Known<'_>,
    other: Option<&Known<'_>>,
    found: &mut Vec<Contradiction>,
) {
    ended(session, own, other, found);
    drained(session, own, found);
    drained_too_often(session, own, found);
}

/// A channel closes, or fails, since somebody closed it or what carries it ended.
fn ended(session: &Session<'_>, own: &Known<'_>, other: Option<&Known<'_>>, found: &mut Vec<Contradiction>) {
    let mut resets: Option<Resets> = None;
    let closed_by_command = commanded(session);
    for (entry, event) in session.events(&own.peer.name) {
        let (claim, label, what) = match event {
            PeerEvent::ChannelClosing { channel, .. } => {
                ("event/channelclosing.channel", channel, "is closing")
            }
            PeerEvent::ChannelClose { channel, .. } => ("event/channelclose.channel", channel, "is closed"),
            PeerEvent::ChannelError { channel, error } => {
                if Failed::of(error) == Failed::Echo && echoes(session, &own.peer.name, channel) {
                    continue;
                }
                ("event/channelerror.error", channel, "has an error")
            }
            _ => continue,
        };
        let is_asked = closed_by_command.contains(label.as_str());
        let resets = resets.get_or_insert_with(|| Resets::of(own, other));
        if is_asked || resets.may_have_closed(&ids(own, other, label)) {
            continue;
        }
        if has_ended(session, &own.peer.name, entry) {
            continue;
        }
        let claimed = format!("{} reports that the channel {label:?} {what}", own.peer.name);
        let seen = "neither side closed it, its stream was not reset, and the association goes on";
        let evidence = [Place::Entry(entry.n)];
        found.push(against(&own.peer.name, (claim, Layer::DataChannel), entry.t_us, claimed, seen, evidence));
        return;
    }
}

/// The labels of the channels that a peer was asked to close.
fn commanded<'a>(session: &Session<'a>) -> BTreeSet<&'a str> {
    let label = |entry: &'a Entry| match &entry.what {
        What::Command { name, args, .. } if name == "closeDataChannel" => args.get("channel")?.as_str(),
        _ => None,
    };
    session.record.timeline.iter().filter_map(label).collect()
}

/// How much later than a peer noticed it the end of a session may be recorded, in microseconds.
const NOTICED_US: u64 = 20_000;

/// Whether what carries the channels of a peer had ended before an event of it: somebody closed it or was lost, a peer had reported so, or
/// the wire shows it.
pub(in crate::claims) fn has_ended(session: &Session<'_>, name: &str, event: &Entry) -> bool {
    let stated = session.record.timeline.iter().take_while(|entry| entry.n < event.n).any(ends);
    let error = session.clock_error(name);
    let seen = session.record.wire.as_ref().and_then(wire_end);
    let noticed_us = event.t_us.saturating_add(NOTICED_US);
    let by_us = noticed_us.saturating_add(error).saturating_add(session.stalled(event.t_us, noticed_us));
    stated || !session.record.file.ends.is_empty() || seen.is_some_and(|end| end <= by_us)
}

/// When a peer was closed, was lost, or reports the end of what carries the channels, or the wire shows such an end: the first time, in
/// microseconds.
pub(in crate::claims) fn transport_end(session: &Session<'_>) -> Option<u64> {
    let stated = session.record.timeline.iter().filter(|entry| ends(entry)).map(|entry| entry.t_us).min();
    let seen = session.record.wire.as_ref().and_then(wire_end);
    stated.into_iter().chain(seen).min()
}

/// Whether an entry is such an end.
fn ends(entry: &Entry) -> bool {
    match &entry.what {
        What::Command { name, .. } => ["close", "stopTransceiver"].contains(&name.as_str()),
        What::Answer { answer: Answer::Lost { .. }, .. } => true,
        What::Event { event, .. } => matches!(
            event,
            PeerEvent::Lost { .. }
                | PeerEvent::ConnectionStateChange {
                    state: ConnectionState::Failed | ConnectionState::Closed | ConnectionState::Disconnected
                }
                | PeerEvent::DtlsStateChange { state: DtlsState::Failed | DtlsState::Closed, .. }
                | PeerEvent::SctpStateChange { state: SctpState::Closed }
        ),
        _ => false,
    }
}

fn wire_end(wire: &Wire) -> Option<u64> {
    let ends = [ChunkType::Abort, ChunkType::Shutdown, ChunkType::ShutdownAck, ChunkType::ShutdownComplete];
    let chunks =
        session_chunks(wire).filter(|(_, kind, _)| ends.contains(kind)).map(|(packet, ..)| packet.t_us);
    let is_alert = |packet: &&Packet| {
        packet.class() == Class::Dtls
            && (packet.clear.iter().any(|it| matches!(it.kind, Kind::Record { content_type: 21, .. }))
                || packet.records().map_while(Result::ok).any(
                    |record| matches!(record, Record::Plain(plain) if plain.kind.value == ContentType::Alert),
                ))
    };
    let alerts = wire.packets.iter().filter(is_alert).map(|packet| packet.t_us);
    chunks.chain(alerts).min()
}

/// The chunks of all packets, wherever they were seen.
fn session_chunks(wire: &Wire) -> impl Iterator<Item = (&Packet, ChunkType, Option<Body<'_>>)> {
    wire.packets.iter().flat_map(|packet| {
        let clear = packet.clear.iter().filter(|clear| clear.is_application_data());
        let packets = clear.filter_map(|clear| peerproof_captures::wire::sctp::view(&clear.bytes).ok());
        packets
            .flat_map(move |sctp| sctp.chunks.iter().map(move |chunk| (packet, chunk.kind.value, chunk.body)))
    })
}

/// What failed, by the text of a `channelerror`: what could not be sent back has its error behind `echo: ` (docs/peer-protocol.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failed {
    Echo,
    Channel,
}

impl Failed {
    fn of(error: &str) -> Self {
        if error.starts_with("echo: ") { Self::Echo } else { Self::Channel }
    }
}

/// Whether a peer was asked to send back what comes on a channel.
fn echoes(session: &Session<'_>, name: &str, label: &str) -> bool {
    let is_of = |args: &Value| args.get("channel").and_then(Value::as_str) == Some(label);
    session.asked(name).into_iter().any(|it| it.name == "echo" && is_of(it.args))
}

/// The streams of the channels of a label, as far as either side shows them.
fn ids(own: &Known<'_>, other: Option<&Known<'_>>, label: &str) -> BTreeSet<u16> {
    std::iter::once(own).chain(other).flat_map(|known| known.ids(label)).collect()
}

/// The streams that were reset.
enum Resets {
    /// Nobody could see them, or all were reset at once (RFC 6525 §4.1).
    Any,
    Of(BTreeSet<u16>),
}

impl Resets {
    fn of(own: &Known<'_>, other: Option<&Known<'_>>) -> Self {
        let Some(tap) = own.tap.or_else(|| other.and_then(|it| it.tap)) else {
            let is_unknown = own.acts_alone || other.is_none_or(|it| it.acts_alone);
            return if is_unknown { Self::Any } else { Self::Of(BTreeSet::new()) };
        };
        let mut streams = BTreeSet::new();
        for (.., body) in session_chunks(tap.wire) {
            let Some(Body::ReConfig(reset)) = body else { continue };
            for parameter in reset.parameters.iter() {
                let Some(ParameterContent::ResetRequest(request)) = parameter.content else { continue };
                let of: Vec<u16> = request.streams.iter().map(|stream| stream.0.value).collect();
                if of.is_empty() {
                    return Self::Any;
                }
                streams.extend(of);
            }
        }
        Self::Of(streams)
    }

    /// Whether a reset may have closed a channel with one of these streams; any may have closed one of which the stream is not known. What a
    /// reset closes is for the requirements on it.
    fn may_have_closed(&self, ids: &BTreeSet<u16>) -> bool {
        match self {
            Self::Any => true,
            Self::Of(streams) if ids.is_empty() => !streams.is_empty(),
            Self::Of(streams) => !streams.is_disjoint(ids),
        }
    }
}

/// The buffer of a channel falls at most once for each message.
fn drained_too_often(session: &Session<'_>, own: &Known<'_>, found: &mut Vec<Contradiction>) {
    let Some(view) = session.views.get(&own.peer.name).filter(|_| !own.acts_alone) else { return };
    // Some count the messages of DCEP too: each channel has one.
    let spare = |label: &str| if own.peer.runs == Runs::Driven { 0 } else { own.count(label).max(1) };
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for (entry, event) in session.events(&own.peer.name) {
        let PeerEvent::BufferedAmountLow { channel } = event else { continue };
        let count = times.entry(channel).or_default();
        *count += 1;
        let sent = view.sent.get(channel).map_or(0, Vec::len);
        let echoed = view.received.get(channel).filter(|_| view.echoes.contains(channel)).map_or(0, Vec::len);
        // An echo may send several messages for one.
        if view.echoes.contains(channel) && echoed == 0 || *count <= sent + 2 * echoed + spare(channel) {
            continue;
        }
        let claim = ("event/bufferedamountlow.channel", Layer::DataChannel);
        let claimed = format!(
            "{} reports {count} times that the buffer of the channel {channel:?} fell",
            own.peer.name
        );
        let seen = format!("it was asked to send {}", counted(sent as u64, "message"));
        found.push(against(&own.peer.name, claim, entry.t_us, claimed, seen, [Place::Entry(entry.n)]));
        return;
    }
}

/// The buffer of a channel falls only if something was in it.
fn drained(session: &Session<'_>, own: &Known<'_>, found: &mut Vec<Contradiction>) {
    let Some(tap) = own.tap.filter(|_| !own.acts_alone) else { return };
    let stated: BTreeSet<&str> = session
        .asked(&own.peer.name)
        .into_iter()
        .filter(|it| ["send", "echo"].contains(&it.name))
        .filter_map(|it| it.args.get("channel").and_then(Value::as_str))
        .collect();
    let sends = session_chunks(tap.wire).any(|(packet, kind, _)| {
        packet.sender == tap.peer
            && packet.tap == tap.peer
            && matches!(kind, ChunkType::Data | ChunkType::IData)
    });
    if sends {
        return;
    }
    for (entry, event) in session.events(&own.peer.name) {
        let PeerEvent::BufferedAmountLow { channel } = event else { continue };
        if !stated.contains(channel.as_str()) {
            let claim = ("event/bufferedamountlow.channel", Layer::DataChannel);
            let claimed =
                format!("{} reports that the buffer of the channel {channel:?} fell", own.peer.name);
            let seen = "it never sends anything";
            let evidence = [Place::Entry(entry.n)];
            found.push(against(&own.peer.name, claim, entry.t_us, claimed, seen, evidence));
            return;
        }
    }
}
