//! What the peers' APIs said while a recording of ours was made, on the axis of its packets.

use super::source::Given;
use crate::input::{self, Limit};
use peerproof_captures::event::{ConnectionState, DtlsState, IceState, PeerEvent};
use peerproof_captures::timeline::{Entry, MOST_ENTRIES, What, words};
use peerproof_conformance::case::CaseFile;
use peerproof_conformance::explain::Reported;
use peerproof_conformance::verdict::Outcome;
use schemars::JsonSchema;
use serde::Serialize;

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
    /// Whether something failed.
    #[serde(skip)]
    pub(super) trouble: bool,
}

/// What the folder of a recording of ours has beside the capture.
pub(super) struct Recording {
    case: CaseFile,
    timeline: Vec<Entry>,
}

impl Recording {
    /// Reads it. A capture of somebody else has none. A line of the timeline that cannot be read is left out.
    pub(super) fn read(given: &Given) -> Option<Self> {
        let folder = given.folder.as_ref()?;
        let case = CaseFile::read(&input::bytes(&folder.join("case.json"), Limit::CASE).ok()?).ok()?;
        let timeline = input::bytes(&folder.join("timeline.jsonl"), Limit::TIMELINE).unwrap_or_default();
        let lines = timeline.split(|byte| *byte == b'\n');
        let timeline =
            lines.filter_map(|line| serde_json::from_slice(line).ok()).take(MOST_ENTRIES).collect();
        Some(Self { case, timeline })
    }

    /// The case.
    pub(super) const fn case(&self) -> &CaseFile {
        &self.case
    }

    /// Its timeline.
    pub(super) fn timeline(&self) -> &[Entry] {
        &self.timeline
    }

    /// The events, in order of time.
    pub(super) fn events(&self) -> Vec<ApiEvent> {
        let events = self.timeline.iter().filter_map(|entry| {
            let What::Event { peer, event, .. } = &entry.what else { return None };
            let ns = self.case.epoch_us.saturating_add(entry.t_us).saturating_mul(1_000);
            let (text, trouble) = (text(event)?, is_trouble(event));
            Some(ApiEvent { ns, entry: entry.n, peer: peer.clone(), text, trouble })
        });
        let mut events: Vec<ApiEvent> = events.collect();
        events.sort_by_key(|event| event.ns);
        events
    }

    /// Of the packets that the lab's network lost: the frame as each left, and where and why it was lost.
    pub(super) fn losses(&self) -> impl Iterator<Item = (u64, String)> {
        self.timeline.iter().filter_map(|entry| match &entry.what {
            What::Lost { frame: Some(frame), place, cause } => Some((*frame, words::loss(place, *cause))),
            _ => None,
        })
    }

    /// What the peers reported, unless all came as the scenario wants: then what did not come about was not wanted.
    pub(super) fn reported(&self) -> Option<Reported<'_>> {
        let outcome = self.case.verdict.as_ref().map(|verdict| verdict.outcome);
        if matches!(outcome, Some(Outcome::Pass | Outcome::Unsupported)) {
            return None;
        }
        Some(Reported::of(self.case.peers.iter().map(|peer| peer.name.as_str()), &self.timeline))
    }
}

/// Whether an event says that something failed or was lost.
pub(super) fn is_trouble(event: &PeerEvent) -> bool {
    match event {
        PeerEvent::IceConnectionStateChange { state } => {
            matches!(state, IceState::Disconnected | IceState::Failed)
        }
        PeerEvent::ConnectionStateChange { state } => {
            matches!(state, ConnectionState::Disconnected | ConnectionState::Failed)
        }
        PeerEvent::DtlsStateChange { state, .. } => *state == DtlsState::Failed,
        PeerEvent::IceCandidateError { .. } | PeerEvent::ChannelError { .. } | PeerEvent::Lost { .. } => true,
        _ => false,
    }
}

/// An event in words; nothing for what would only fill the page.
pub(super) fn text(event: &PeerEvent) -> Option<String> {
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
        PeerEvent::Lost { reason, .. } => format!("lost: {reason}"),
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
