//! What the peers' APIs said while a recording of ours was made, on the axis of its packets.

use super::source::Given;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::{Entry, What};
use peerproof_conformance::case::CaseFile;
use schemars::JsonSchema;
use serde::Serialize;
use std::fs;

/// Most events kept.
const MOST: usize = 100_000;

/// An event of the API at a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ApiEvent {
    /// Nanoseconds since 1970-01-01 00:00 UTC, on the clock of the packets.
    pub ns: u64,
    /// Line of `timeline.jsonl`, from zero.
    pub entry: u64,
    /// The peer.
    pub peer: String,
    /// What happened, by the names of the W3C API.
    pub text: String,
}

/// Reads them from the recording's folder. A capture of somebody else has none, and neither has a folder without timeline.
pub(super) fn read(given: &Given) -> Vec<ApiEvent> {
    let Some(folder) = &given.folder else { return Vec::new() };
    let case = fs::read(folder.join("case.json")).unwrap_or_default();
    let Ok(CaseFile { epoch_us, .. }) = serde_json::from_slice(&case) else { return Vec::new() };
    let timeline = fs::read(folder.join("timeline.jsonl")).unwrap_or_default();
    let entries = timeline.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    let events = entries.filter_map(|entry: Entry| {
        let What::Event { peer, event, .. } = entry.what else { return None };
        let ns = epoch_us.saturating_add(entry.t_us).saturating_mul(1_000);
        Some(ApiEvent { ns, entry: entry.n, peer, text: text(&event)? })
    });
    let mut events: Vec<ApiEvent> = events.take(MOST).collect();
    events.sort_by_key(|event| event.ns);
    events
}

/// An event in words; nothing for what would only fill the page.
fn text(event: &PeerEvent) -> Option<String> {
    Some(match event {
        PeerEvent::SignalingStateChange { state } => format!("signalingState {state}"),
        PeerEvent::IceGatheringStateChange { state } => format!("iceGatheringState {state}"),
        PeerEvent::IceConnectionStateChange { state } => format!("iceConnectionState {state}"),
        PeerEvent::ConnectionStateChange { state } => format!("connectionState {state}"),
        PeerEvent::DtlsStateChange { state, reason } => match reason {
            Some(reason) => format!("dtls state {state} ({reason})"),
            None => format!("dtls state {state}"),
        },
        PeerEvent::SctpStateChange { state } => format!("sctp state {state}"),
        PeerEvent::IceCandidateError { url, error_code, error_text } => {
            format!("icecandidateerror {error_code} {error_text} ({url})")
        }
        PeerEvent::DataChannel { channel } => format!("datachannel {:?}", channel.label),
        PeerEvent::ChannelOpen { channel } => format!("open {:?}", channel.label),
        PeerEvent::ChannelClosing { channel, .. } => format!("closing {channel:?}"),
        PeerEvent::ChannelClose { channel, .. } => format!("close {channel:?}"),
        PeerEvent::ChannelError { channel, error } => format!("error {channel:?}: {error}"),
        PeerEvent::Track { kind, .. } => format!("track {kind}"),
        PeerEvent::TrackMute { .. } => "mute".to_owned(),
        PeerEvent::TrackUnmute { .. } => "unmute".to_owned(),
        PeerEvent::TrackEnded { .. } => "ended".to_owned(),
        PeerEvent::Lost { reason } => format!("lost: {reason}"),
        PeerEvent::NegotiationNeeded
        | PeerEvent::IceCandidate { .. }
        | PeerEvent::IceTransportStateChange { .. }
        | PeerEvent::SelectedCandidatePairChange { .. }
        | PeerEvent::ChannelMessage { .. }
        | PeerEvent::BufferedAmountLow { .. }
        | PeerEvent::MediaSeen { .. }
        | PeerEvent::Acted { .. }
        | PeerEvent::Log { .. } => return None,
    })
}
