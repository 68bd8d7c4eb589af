//! Channels that close or fail, and `bufferedamountlow`: what caused it.

use super::super::observed::against;
use super::super::{Contradiction, Session};
use super::known::Known;
use crate::evidence::{Kind, Packet, Wire};
use crate::verdict::{Layer, Place};
use peerproof_captures::event::{ConnectionState, DtlsState, PeerEvent, SctpState};
use peerproof_captures::timeline::{Answer, Entry, What};
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::ContentType;
use peerproof_captures::wire::dtls::record::Record;
use peerproof_captures::wire::sctp::{Body, ChunkType};
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) fn check(
    session: &Session<'_>,
    own: &Known<'_>,
    other: Option<&Known<'_>>,
    found: &mut Vec<Contradiction>,
) {
    ended(session, own, other, found);
    drained(session, own, found);
}

/// How long after a channel the end of what carries it may show, in microseconds.
const LATER_US: u64 = 200_000;

/// A channel closes, or fails, since somebody closed it or what carries it ended.
fn ended(session: &Session<'_>, own: &Known<'_>, other: Option<&Known<'_>>, found: &mut Vec<Contradiction>) {
    let mut ended_below: Option<(Option<u64>, bool)> = None;
    let error =
        session.place_of(&own.peer.name).map_or(u64::MAX, |place| session.timing().clock_error(place));
    let closed_by_command = commanded(session);
    for (entry, event) in session.events(&own.peer.name) {
        let (claim, label, what) = match event {
            PeerEvent::ChannelClosing { channel, .. } => {
                ("event/channelclosing.channel", channel, "is closing")
            }
            PeerEvent::ChannelClose { channel, .. } => ("event/channelclose.channel", channel, "is closed"),
            PeerEvent::ChannelError { channel, error } if !error.starts_with("echo: ") => {
                ("event/channelerror.error", channel, "has an error")
            }
            _ => continue,
        };
        let (end, was_reset) =
            *ended_below.get_or_insert_with(|| (transport_end(session), was_reset(own, other)));
        let is_asked = closed_by_command.contains(label.as_str());
        // What ends the association may be reported, or seen, a moment later.
        let is_below =
            end.is_some_and(|end| end <= entry.t_us.saturating_add(LATER_US).saturating_add(error));
        if is_asked || was_reset || is_below {
            continue;
        }
        let claimed = format!("{} reports that the channel {label:?} {what}", own.peer.name);
        let seen = "neither side closed it, its stream was not reset, and the association goes on";
        let evidence = [Place::Entry(entry.n)];
        found.push(against(&own.peer.name, (claim, Layer::DataChannel), entry.t_us, claimed, seen, evidence));
        return;
    }
}

/// The labels of the channels that a peer was told to close.
fn commanded<'a>(session: &Session<'a>) -> BTreeSet<&'a str> {
    let label = |entry: &'a Entry| match &entry.what {
        What::Command { name, args, .. } if name == "closeDataChannel" => args.get("channel")?.as_str(),
        _ => None,
    };
    session.record.timeline.iter().filter_map(label).collect()
}

/// When a peer was closed, was lost, or reports the end of what carries the channels, or the wire shows such an end: the first time, in
/// microseconds.
pub(in crate::claims) fn transport_end(session: &Session<'_>) -> Option<u64> {
    let ends = |entry: &Entry| match &entry.what {
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
    };
    let told = session.record.timeline.iter().filter(|entry| ends(entry)).map(|entry| entry.t_us).min();
    let seen = session.record.wire.as_ref().and_then(wire_end);
    told.into_iter().chain(seen).min()
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

/// Whether a stream was reset, or may have been where nobody could see it. What a reset closes is for the requirements on it.
fn was_reset(own: &Known<'_>, other: Option<&Known<'_>>) -> bool {
    let Some(tap) = own.tap.or_else(|| other.and_then(|it| it.tap)) else { return true };
    session_chunks(tap.wire).any(|(_, kind, _)| kind == ChunkType::ReConfig)
}

/// The buffer of a channel falls only if something was in it.
fn drained(session: &Session<'_>, own: &Known<'_>, found: &mut Vec<Contradiction>) {
    let Some(tap) = own.tap.filter(|_| !own.acts_alone) else { return };
    let told: BTreeSet<&str> = session
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
        if !told.contains(channel.as_str()) {
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
