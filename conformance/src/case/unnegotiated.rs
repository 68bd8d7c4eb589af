//! What a step awaited in vain because no description provides for it, and no command.
//!
//! A channel needs an `m=application` section (RFC 8832 §6.1), media a section in which the other side sends (RFC 9429 §4.2.4). Where a
//! scenario creates a channel or a track and exchanges no descriptions after that, nothing comes of it, and that is no peer's fault. A
//! peer whose description lacks what it was asked for is contradicted as a [claim](crate::claims) first. Nor is it a peer's fault that a
//! channel stays which neither was asked to close, or that nothing happens at a connection that the scenario closed.

use super::failed_step::closed_before;
use crate::api::Views;
use crate::explain::never_negotiated;
use crate::record::CaseRecord;
use crate::verdict::Place;
use peerproof_captures::event::{DtlsState, MediaKind, PeerEvent, SctpState};
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::timeline::{Action, Condition, Entry, Expected, HarnessStep, StepOutcome, What};

/// Why nothing could come of what was awaited.
pub(super) struct Unnegotiated {
    /// What no description provides for.
    pub(super) sentence: String,
    /// What shows it.
    pub(super) evidence: Vec<Place>,
}

/// Whether something was awaited for which no description provides, and why.
pub(super) fn unnegotiated(record: &CaseRecord, views: &Views, expected: &Expected) -> Option<Unnegotiated> {
    let Expected::Condition { peer, condition } = expected else { return None };
    if let Some(closed) = closed(record, peer) {
        let sentence =
            format!("the scenario had closed {peer} before, and no event fires at a closed connection");
        return Some(Unnegotiated { sentence, evidence: vec![closed] });
    }
    match condition {
        Condition::Datachannel(label) | Condition::Open(label) => channel(record, views, label),
        Condition::Message(message) => channel(record, views, &message.channel),
        Condition::Closing(label) | Condition::Close(label) => unclosed(record, label),
        Condition::Track(track) => media(record, views, peer, track.kind, true),
        Condition::Media(wanted) => media(record, views, peer, Some(wanted.kind), false),
        Condition::Unmute(_) => media(record, views, peer, None, false),
        _ => None,
    }
}

/// The command that closed a peer's connection, if that was before the step that failed (webrtc-pc §4.4.1.6).
fn closed(record: &CaseRecord, by: &str) -> Option<Place> {
    let failed = record
        .timeline
        .iter()
        .find(|entry| matches!(entry.what, What::StepEnded { outcome: StepOutcome::TimedOut { .. }, .. }))?;
    closed_before(record, by, failed.n).map(Place::Entry)
}

fn channel(record: &CaseRecord, views: &Views, label: &str) -> Option<Unnegotiated> {
    let created = never_negotiated(views.values(), &record.timeline, label)?;
    let sentence = "no description negotiates data channels: no offer was made after the channel was created";
    Some(Unnegotiated { sentence: sentence.to_owned(), evidence: vec![created] })
}

/// The end of a channel that stands and that neither side was asked to close, as little as the connection.
fn unclosed(record: &CaseRecord, label: &str) -> Option<Unnegotiated> {
    let closes = |entry: &Entry| match &entry.what {
        What::Command { name, args, .. } => {
            name == "close"
                || (name == "closeDataChannel" && args.get("channel").is_some_and(|it| it == label))
        }
        // What ended in any other way, or may have, ends its channels.
        What::Event { event, .. } => match event {
            PeerEvent::ChannelClosing { channel, .. }
            | PeerEvent::ChannelClose { channel, .. }
            | PeerEvent::ChannelError { channel, .. } => channel == label,
            PeerEvent::SctpStateChange { state } => *state == SctpState::Closed,
            PeerEvent::DtlsStateChange { state, .. } => {
                matches!(state, DtlsState::Closed | DtlsState::Failed)
            }
            PeerEvent::Lost { .. } => true,
            _ => false,
        },
        What::StepBegan { definition, .. } => {
            matches!(&definition.action, Action::Harness { step: HarnessStep::Network, .. })
        }
        _ => false,
    };
    let opened = record.timeline.iter().find(|entry| {
        matches!(&entry.what, What::Event { event: PeerEvent::ChannelOpen { channel }, .. } if channel.label == label)
    })?;
    // What comes later is the end of the case.
    let is_over =
        |entry: &Entry| matches!(entry.what, What::StepEnded { outcome: StepOutcome::TimedOut { .. }, .. });
    if record.timeline.iter().take_while(|entry| !is_over(entry)).any(closes) {
        return None;
    }
    let sentence = format!("neither peer was asked to close the channel {label:?}");
    Some(Unnegotiated { sentence, evidence: vec![Place::Entry(opened.n)] })
}

/// Media of a kind, or of any, at `peer`: a description of the other side must say that it sends, the last one, or `ever` one.
fn media(
    record: &CaseRecord,
    views: &Views,
    peer: &str,
    kind: Option<MediaKind>,
    ever: bool,
) -> Option<Unnegotiated> {
    let other = record.other(peer)?;
    let own = &views.get(other)?.local;
    let last = own.last()?;
    let is_of_kind = |of: &str| match kind {
        Some(kind) => of == kind.as_str(),
        None => of == "audio" || of == "video",
    };
    let sends = |sdp: &str| {
        SessionDescription::parse(sdp).media().any(|section| {
            let of = section.media_line().and_then(|line| line.value.ok()).map(|line| line.media);
            of.is_none_or(|of| is_of_kind(&of)) && section.direction().sends() && !section.is_rejected()
        })
    };
    let decisive = if ever { own.as_slice() } else { std::slice::from_ref(last) };
    if decisive.iter().any(|at| sends(&at.is.sdp)) {
        return None;
    }
    let what = kind.map_or("media", MediaKind::as_str);
    let sentence = format!("{other} sends no {what} by its last {}", last.is.kind);
    Some(Unnegotiated { sentence, evidence: vec![Place::Entry(last.n)] })
}
