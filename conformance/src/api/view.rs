//! One peer's side of the timeline, sorted by what it is about.

use super::message::Fingerprint;
use crate::expect::ChannelState;
use indexmap::{IndexMap, IndexSet};
use peerproof_captures::event::{
    ChannelInfo, ConnectionState, Description, DtlsState, IceCandidate, IceGatheringState, IceState,
    MediaKind, PeerEvent, SctpState, SdpType, SignalingState,
};
use peerproof_captures::timeline::{Answer, Entry, What};
use serde::Deserialize;
use serde_json::Value;

/// How long after the peer became stable a transport without sections may be reported as closed, in microseconds.
const GIVEN_UP_US: u64 = 100_000;

/// Something with its place in the timeline.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct At<T> {
    /// Line of the timeline.
    pub(crate) n: u64,
    /// Microseconds since the case began.
    pub(crate) t_us: u64,
    pub(crate) is: T,
}

/// A remote track.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TrackView {
    pub(crate) id: String,
    pub(crate) kind: MediaKind,
    pub(crate) mid: Option<String>,
    pub(crate) streams: Vec<String>,
}

/// A sighting of media.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MediaSample {
    pub(crate) track: String,
    pub(crate) kind: MediaKind,
    pub(crate) frames: u64,
    pub(crate) size: Option<(u32, u32)>,
    pub(crate) number: Option<u32>,
    pub(crate) tone_hz: Option<u32>,
}

/// A rejected operation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refused {
    pub(crate) command: String,
    pub(crate) name: String,
    pub(crate) message: String,
}

/// A data channel as one peer knows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChannelView {
    pub(crate) info: ChannelInfo,
    pub(crate) state: At<ChannelState>,
    /// When it was first open.
    pub(crate) opened_us: Option<u64>,
    /// Whether the other side opened it.
    pub(crate) remote: bool,
    /// How many channels of its label opened: what a label alone names may be of any of them.
    pub(crate) opens: usize,
}

impl ChannelView {
    /// Whether it was ever open.
    pub(crate) fn was_open(&self) -> bool {
        self.opened_us.is_some()
    }
}

/// One peer's side of the timeline.
#[derive(Debug, Clone, Default)]
pub(crate) struct PeerView {
    pub(crate) signaling: Vec<At<SignalingState>>,
    pub(crate) gathering: Vec<At<IceGatheringState>>,
    pub(crate) ice: Vec<At<IceState>>,
    pub(crate) ice_transport: Vec<At<IceState>>,
    pub(crate) connection: Vec<At<ConnectionState>>,
    pub(crate) dtls: Vec<At<DtlsState>>,
    pub(crate) dtls_reason: Option<String>,
    pub(crate) sctp: Vec<At<SctpState>>,
    pub(crate) get_state: Option<At<Value>>,
    pub(crate) channels: IndexMap<String, ChannelView>,
    pub(crate) received: IndexMap<String, Vec<At<Fingerprint>>>,
    pub(crate) sent: IndexMap<String, Vec<At<Fingerprint>>>,
    pub(crate) echoes: IndexSet<String>,
    pub(crate) tracks: Vec<At<TrackView>>,
    pub(crate) media_samples: Vec<At<MediaSample>>,
    pub(crate) refused: Vec<At<Refused>>,
    pub(crate) local: Vec<At<Description>>,
    pub(crate) remote: Vec<At<Description>>,
    pub(crate) candidates: Vec<At<Option<IceCandidate>>>,
    pub(crate) candidate_errors: Vec<At<(u16, String)>>,
    pub(crate) pairs: Vec<At<(String, String)>>,
    /// Why it has no statistics, if it said that it cannot report them.
    pub(crate) no_stats: Option<At<String>>,
    pub(crate) lost: Option<At<String>>,
    /// Whether it was lost because it broke the peer protocol.
    pub(crate) broke_protocol: bool,
    pub(crate) closed: Option<u64>,
}

impl PeerView {
    /// Reads `peer`'s part of the timeline.
    pub(crate) fn of(timeline: &[Entry], peer: &str) -> Self {
        let mut view = Self::default();
        let mut open: IndexMap<u64, (&str, &Value)> = IndexMap::new();
        for entry in timeline {
            match &entry.what {
                What::Command { peer: at, id, name, args } if at == peer => {
                    open.insert(*id, (name, args));
                    view.command(entry, name, args);
                }
                What::Answer { peer: at, id, answer } if at == peer => {
                    if let Some((name, args)) = open.get(id) {
                        view.answer(entry, name, args, answer);
                    }
                }
                What::Event { peer: at, event, .. } if at == peer => view.event(entry, event),
                What::Carried { from, sent, .. } if from == peer => {
                    view.local.push(At { n: entry.n, t_us: entry.t_us, is: sent.clone() });
                }
                _ => {}
            }
        }
        view
    }

    fn command(&mut self, entry: &Entry, name: &str, args: &Value) {
        let at = |is| At { n: entry.n, t_us: entry.t_us, is };
        let channel = || args.get("channel").and_then(Value::as_str).map(str::to_owned);
        match name {
            "send" => {
                let sent = Fingerprint::sent(args);
                if let Some(channel) = channel() {
                    self.sent.entry(channel).or_default().extend(sent.into_iter().map(at));
                }
            }
            "echo" => self.echoes.extend(channel()),
            "close" => self.closed = Some(entry.n),
            _ => {}
        }
    }

    fn answer(&mut self, entry: &Entry, name: &str, args: &Value, answer: &Answer) {
        let (n, t_us) = (entry.n, entry.t_us);
        match answer {
            Answer::Ok(value) => match name {
                "createOffer" | "createAnswer" | "setLocalDescription" => {
                    if let Ok(description) = Description::deserialize(value) {
                        self.local.push(At { n, t_us, is: description });
                    }
                }
                "setRemoteDescription" => {
                    if let Some(Ok(description)) = args.get("description").map(Description::deserialize) {
                        self.remote.push(At { n, t_us, is: description });
                    }
                }
                "createDataChannel" => {
                    if let Ok(info) = ChannelInfo::deserialize(value).or_else(|_| channel_of_options(args)) {
                        self.channel(entry, info, ChannelState::Connecting);
                    }
                }
                "getState" => self.get_state = Some(At { n, t_us, is: value.clone() }),
                _ => {}
            },
            Answer::Rejected { name: error, message } => {
                if name == "send"
                    && let Some(channel) = args.get("channel").and_then(Value::as_str)
                {
                    // What was not accepted was not sent.
                    let count = Fingerprint::sent(args).len();
                    if let Some(sent) = self.sent.get_mut(channel) {
                        sent.truncate(sent.len().saturating_sub(count));
                    }
                }
                let is = Refused { command: name.to_owned(), name: error.clone(), message: message.clone() };
                self.refused.push(At { n, t_us, is });
            }
            Answer::Lost { reason } => {
                self.lost.get_or_insert(At { n, t_us, is: reason.clone() });
            }
            Answer::Unsupported { reason } if name == "getStats" => {
                self.no_stats.get_or_insert(At { n, t_us, is: reason.clone() });
            }
            Answer::Unsupported { .. } => {}
        }
    }

    fn channel(&mut self, entry: &Entry, info: ChannelInfo, state: ChannelState) {
        let at = At { n: entry.n, t_us: entry.t_us, is: state };
        let opened_us = (state == ChannelState::Open).then_some(entry.t_us);
        match self.channels.get_mut(&info.label) {
            Some(known) => {
                known.opened_us = known.opened_us.or(opened_us);
                known.opens += usize::from(opened_us.is_some());
                known.info = info;
                if !(state == ChannelState::Connecting && known.state.is != ChannelState::Connecting) {
                    known.state = at;
                }
            }
            None => {
                let opens = usize::from(opened_us.is_some());
                let label = info.label.clone();
                let view = ChannelView { info, state: at, opened_us, remote: false, opens };
                self.channels.insert(label, view);
            }
        }
    }

    fn channel_state(&mut self, entry: &Entry, label: &str, state: ChannelState) {
        if let Some(known) = self.channels.get_mut(label) {
            known.state = At { n: entry.n, t_us: entry.t_us, is: state };
        }
    }

    fn event(&mut self, entry: &Entry, event: &PeerEvent) {
        let (n, t_us) = (entry.n, entry.t_us);
        match event {
            PeerEvent::SignalingStateChange { state } => self.signaling.push(At { n, t_us, is: *state }),
            PeerEvent::IceGatheringStateChange { state } => self.gathering.push(At { n, t_us, is: *state }),
            PeerEvent::IceConnectionStateChange { state } => self.ice.push(At { n, t_us, is: *state }),
            PeerEvent::IceTransportStateChange { state } => {
                self.ice_transport.push(At { n, t_us, is: *state });
            }
            PeerEvent::ConnectionStateChange { state } => self.connection.push(At { n, t_us, is: *state }),
            PeerEvent::DtlsStateChange { state, reason } => {
                self.dtls.push(At { n, t_us, is: *state });
                if reason.is_some() {
                    self.dtls_reason.clone_from(reason);
                }
            }
            PeerEvent::SctpStateChange { state } => self.sctp.push(At { n, t_us, is: *state }),
            PeerEvent::IceCandidate { candidate } => {
                self.candidates.push(At { n, t_us, is: candidate.clone() });
            }
            PeerEvent::IceCandidateError { url, error_code, .. } => {
                self.candidate_errors.push(At { n, t_us, is: (*error_code, url.clone()) });
            }
            PeerEvent::SelectedCandidatePairChange { local, remote } => {
                self.pairs.push(At { n, t_us, is: (local.clone(), remote.clone()) });
            }
            PeerEvent::DataChannel { channel } => {
                self.channel(entry, channel.clone(), ChannelState::Connecting);
                if let Some(known) = self.channels.get_mut(&channel.label) {
                    known.remote = true;
                }
            }
            PeerEvent::ChannelOpen { channel } => self.channel(entry, channel.clone(), ChannelState::Open),
            PeerEvent::ChannelClosing { channel, .. } => {
                self.channel_state(entry, channel, ChannelState::Closing);
            }
            PeerEvent::ChannelClose { channel, .. } => {
                self.channel_state(entry, channel, ChannelState::Closed);
            }
            PeerEvent::ChannelMessage { message, .. } => {
                let received = self.received.entry(message.channel.clone()).or_default();
                received.push(At { n, t_us, is: Fingerprint::received(message) });
            }
            PeerEvent::Track { id, kind, mid, streams } => {
                let is =
                    TrackView { id: id.clone(), kind: *kind, mid: mid.clone(), streams: streams.clone() };
                self.tracks.push(At { n, t_us, is });
            }
            PeerEvent::MediaSeen { id, kind, frames, width, height, number, tone_hz } => {
                let is = MediaSample {
                    track: id.clone(),
                    kind: *kind,
                    frames: *frames,
                    size: width.zip(*height),
                    number: *number,
                    tone_hz: *tone_hz,
                };
                self.media_samples.push(At { n, t_us, is });
            }
            // An offer that was ignored in a collision is the other side's, and changes nothing.
            PeerEvent::Acted { operation, description: Some(description), error: None }
                if operation != "ignoreOffer" =>
            {
                let into =
                    if operation == "setRemoteDescription" { &mut self.remote } else { &mut self.local };
                into.push(At { n, t_us, is: description.clone() });
            }
            PeerEvent::Acted { operation, error: Some(error), .. } => {
                let (name, message) = error.split_once(": ").unwrap_or((error, ""));
                let is = Refused {
                    command: operation.clone(),
                    name: name.to_owned(),
                    message: message.to_owned(),
                };
                self.refused.push(At { n, t_us, is });
            }
            PeerEvent::Lost { reason, violates } => {
                self.broke_protocol |= violates;
                self.lost.get_or_insert(At { n, t_us, is: reason.clone() });
            }
            _ => {}
        }
    }

    /// The peer's own last description of that type.
    pub(crate) fn last_local(&self, kind: SdpType) -> Option<&At<Description>> {
        self.local.iter().rev().find(|at| at.is.kind == kind)
    }

    /// The state that `getState` reported under `key`, if that was later than line `n`.
    pub(crate) fn reported<S: for<'a> Deserialize<'a>>(
        &self,
        key: &str,
        after: Option<u64>,
    ) -> Option<At<S>> {
        let state = self.get_state.as_ref()?;
        if after.is_some_and(|n| n > state.n) {
            return None;
        }
        let is = S::deserialize(state.is.get(key)?).ok()?;
        Some(At { n: state.n, t_us: state.t_us, is })
    }

    /// Whether a transport that was reported as closed at an entry is one that BUNDLE gave up: that of a further section, which goes when an
    /// answer or a rollback makes the peer stable (RFC 9143 §7.3.3). The first one stays, as the association in it and `connectionState` show.
    pub(crate) fn gave_up_transport(&self, n: u64, t_us: u64) -> bool {
        let mut descriptions = self.local.iter().chain(&self.remote).filter(|at| at.n < n);
        let is_several = descriptions.any(|at| at.is.sdp.matches("\nm=").count() > 1);
        let last = self.signaling.iter().rev().find(|at| at.n < n);
        let became_stable = last
            .is_some_and(|at| at.is == SignalingState::Stable && at.t_us.saturating_add(GIVEN_UP_US) >= t_us);
        let stays = self.connection.last().is_some_and(|at| at.is == ConnectionState::Connected)
            && self.sctp.last().is_none_or(|at| at.is != SctpState::Closed);
        is_several && became_stable && stays && self.closed.is_none_or(|closed| n < closed)
    }

    /// Every candidate-attribute of its own that it reported, by event or in a description.
    pub(crate) fn own_candidates(&self) -> Vec<At<String>> {
        let mut own = Vec::new();
        for at in &self.candidates {
            if let Some(candidate) = at.is.as_ref().filter(|c| !c.candidate.is_empty()) {
                own.push(At { n: at.n, t_us: at.t_us, is: candidate.candidate.clone() });
            }
        }
        for at in &self.local {
            for line in at.is.sdp.lines().filter_map(|line| line.trim_end().strip_prefix("a=candidate:")) {
                own.push(At { n: at.n, t_us: at.t_us, is: format!("candidate:{line}") });
            }
        }
        own
    }

    /// Whether the checks that it made last, perhaps those of a restart, succeeded.
    pub(crate) fn ice_succeeded(&self) -> bool {
        let outcomes = self.ice.iter().chain(&self.ice_transport);
        let last =
            outcomes.filter(|at| !matches!(at.is, IceState::New | IceState::Closed)).max_by_key(|at| at.n);
        last.is_some_and(|at| matches!(at.is, IceState::Connected | IceState::Completed))
    }

    /// Whether its ICE ever connected, and where. One that is completed at first and checks afterwards had nothing to check yet: so says werift
    /// when it has gathered its candidates.
    pub(crate) fn ice_connected(&self) -> Option<&At<IceState>> {
        let works = |at: &&At<IceState>| matches!(at.is, IceState::Connected | IceState::Completed);
        let connected = |states: &'_ [At<IceState>]| {
            let mut states = states.iter().peekable();
            let first = states.next_if(|at| at.is == IceState::Completed);
            let is_early = states.peek().is_some_and(|at| at.is == IceState::Checking);
            (first.filter(|_| !is_early).map(|at| at.n)).or_else(|| states.find(works).map(|at| at.n))
        };
        let n = [&self.ice, &self.ice_transport].iter().filter_map(|states| connected(states)).min()?;
        self.ice.iter().chain(&self.ice_transport).find(|at| at.n == n)
    }
}

/// The properties that `createDataChannel` was asked for.
fn channel_of_options(args: &Value) -> Result<ChannelInfo, serde_json::Error> {
    let mut whole = args.clone();
    if let Some(map) = whole.as_object_mut() {
        map.entry("ordered").or_insert(Value::Bool(true));
        map.retain(|_, value| !value.is_null());
    }
    serde_json::from_value(whole)
}

/// The type of a candidate-attribute (`host`, `srflx`, `prflx`, `relay`), RFC 8839 §5.1.
pub(crate) fn candidate_type(candidate: &str) -> Option<&str> {
    let mut words = candidate.split_ascii_whitespace();
    words.find(|word| *word == "typ")?;
    words.next()
}

/// The address of a candidate-attribute.
pub(crate) fn candidate_address(candidate: &str) -> Option<&str> {
    candidate.split_ascii_whitespace().nth(4)
}
