//! What a step can wait for at a peer: a state of the W3C API, or an event. Scenarios and timelines write it alike.

use crate::any_of::AnyOf;
use crate::event::{
    ConnectionState, DtlsState, IceGatheringState, IceState, MediaKind, PeerEvent, SctpState, SignalingState,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::Display;

/// What is awaited. One of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Condition {
    /// `RTCPeerConnection.signalingState`.
    SignalingState(AnyOf<SignalingState>),
    /// `RTCPeerConnection.iceGatheringState`.
    IceGatheringState(AnyOf<IceGatheringState>),
    /// `RTCPeerConnection.iceConnectionState`.
    IceConnectionState(AnyOf<IceState>),
    /// `RTCPeerConnection.connectionState`.
    ConnectionState(AnyOf<ConnectionState>),
    /// `RTCIceTransport.state`.
    IceTransportState(AnyOf<IceState>),
    /// `RTCDtlsTransport.state`.
    DtlsState(AnyOf<DtlsState>),
    /// `RTCSctpTransport.state`.
    SctpState(AnyOf<SctpState>),
    /// The remote peer opened a channel of this label.
    Datachannel(String),
    /// The channel of this label is open.
    Open(String),
    /// The channel of this label has begun to close.
    Closing(String),
    /// The channel of this label is closed.
    Close(String),
    /// The channel of this label broke.
    Error(String),
    /// `bufferedAmount` of the channel of this label fell to its threshold.
    Bufferedamountlow(String),
    /// A message arrived.
    Message(MessageCondition),
    /// Negotiation has become necessary.
    Negotiationneeded,
    /// A local candidate was found.
    Icecandidate(CandidateCondition),
    /// A STUN or TURN server could not be used.
    Icecandidateerror(CandidateErrorCondition),
    /// Another candidate pair is in use.
    Selectedcandidatepairchange,
    /// A remote track appeared.
    Track(TrackCondition),
    /// A remote track (its name from `as`) was muted.
    Mute(String),
    /// A remote track (its name from `as`) got its first packet.
    Unmute(String),
    /// A track (its name from `as`) ended.
    Ended(String),
    /// Media of a watched remote track was decoded and recognised.
    Media(MediaCondition),
    /// The peer, acting on its own, took this step.
    Acted(String),
    /// The peer is gone.
    Lost,
}

impl Condition {
    /// The event of the peer protocol that reports it.
    #[must_use]
    pub const fn event(&self) -> &'static str {
        match self {
            Self::SignalingState(_) => "signalingstatechange",
            Self::IceGatheringState(_) => "icegatheringstatechange",
            Self::IceConnectionState(_) => "iceconnectionstatechange",
            Self::ConnectionState(_) => "connectionstatechange",
            Self::IceTransportState(_) => "icetransportstatechange",
            Self::DtlsState(_) => "dtlsstatechange",
            Self::SctpState(_) => "sctpstatechange",
            Self::Datachannel(_) => "datachannel",
            Self::Open(_) => "channelopen",
            Self::Closing(_) => "channelclosing",
            Self::Close(_) => "channelclose",
            Self::Error(_) => "channelerror",
            Self::Bufferedamountlow(_) => "bufferedamountlow",
            Self::Message(_) => "channelmessage",
            Self::Negotiationneeded => "negotiationneeded",
            Self::Icecandidate(_) => "icecandidate",
            Self::Icecandidateerror(_) => "icecandidateerror",
            Self::Selectedcandidatepairchange => "selectedcandidatepairchange",
            Self::Track(_) => "track",
            Self::Mute(_) => "trackmute",
            Self::Unmute(_) => "trackunmute",
            Self::Ended(_) => "trackended",
            Self::Media(_) => "mediaseen",
            Self::Acted(_) => "acted",
            Self::Lost => "lost",
        }
    }
}

impl Condition {
    /// Whether this is a state, which can be the present one, and no event.
    #[must_use]
    pub fn is_state(&self) -> bool {
        matches!(
            self,
            Self::SignalingState(_)
                | Self::IceGatheringState(_)
                | Self::IceConnectionState(_)
                | Self::ConnectionState(_)
                | Self::IceTransportState(_)
                | Self::DtlsState(_)
                | Self::SctpState(_)
        )
    }

    /// The states of which any does, by their names; `None` for an event that reports no state.
    #[must_use]
    pub fn states(&self) -> Option<Vec<String>> {
        fn names<T: Display>(states: &AnyOf<T>) -> Option<Vec<String>> {
            Some(states.0.iter().map(T::to_string).collect())
        }
        match self {
            Self::SignalingState(states) => names(states),
            Self::IceGatheringState(states) => names(states),
            Self::IceConnectionState(states) | Self::IceTransportState(states) => names(states),
            Self::ConnectionState(states) => names(states),
            Self::DtlsState(states) => names(states),
            Self::SctpState(states) => names(states),
            _ => None,
        }
    }

    /// How many such events are awaited.
    #[must_use]
    pub fn times(&self) -> u32 {
        match self {
            Self::Message(message) => message.times.unwrap_or(1),
            _ => 1,
        }
    }
}

/// Which message is awaited. What is not given may be anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageCondition {
    /// The channel's label.
    pub channel: String,
    /// A string, exactly this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Bytes, exactly these, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary: Option<String>,
    /// The generated message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<PatternCondition>,
    /// The length in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Number of such messages; 1 if absent. The seed of a generated one grows by one from message to message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

/// A generated message, see the peer protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PatternCondition {
    /// Length in bytes.
    pub size: u32,
    /// First value of the generator.
    pub seed: u32,
    /// Sent as a string.
    #[serde(default)]
    pub text: bool,
}

/// Which candidate is awaited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CandidateCondition {
    /// `host`, `srflx`, `prflx` or `relay`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Its transport. Chrome may report active TCP candidates, which no check arrives at, before those of UDP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<CandidateTransport>,
    /// The end of candidates (`null`) instead of a candidate.
    #[serde(default)]
    pub end: bool,
}

/// The transport of a candidate (RFC 8839 §5.1, RFC 6544 §4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CandidateTransport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

impl std::fmt::Display for CandidateTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

/// Which error of a STUN or TURN server is awaited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CandidateErrorCondition {
    /// The STUN error code, or 701.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
}

/// Which remote track is awaited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrackCondition {
    /// Audio or video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<MediaKind>,
    /// The media section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
}

/// Which recognised media is awaited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MediaCondition {
    /// Audio or video.
    pub kind: MediaKind,
    /// Least number of frames decoded since watching began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
    /// Width in pixels of the newest frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels of the newest frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// A number was read from the newest frame.
    #[serde(default)]
    pub numbered: bool,
    /// The strongest tone in hertz, within 5 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tone_hz: Option<u32>,
}

/// A state of a peer that a [`Condition`] can ask for, with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PeerState {
    /// `RTCPeerConnection.signalingState`.
    SignalingState(SignalingState),
    /// `RTCPeerConnection.iceGatheringState`.
    IceGatheringState(IceGatheringState),
    /// `RTCPeerConnection.iceConnectionState`.
    IceConnectionState(IceState),
    /// `RTCPeerConnection.connectionState`.
    ConnectionState(ConnectionState),
    /// `RTCIceTransport.state`.
    IceTransportState(IceState),
    /// `RTCDtlsTransport.state`.
    DtlsState(DtlsState),
    /// `RTCSctpTransport.state`.
    SctpState(SctpState),
}

impl PeerState {
    /// The state that an event reports; nothing if it reports none.
    #[must_use]
    pub const fn of(event: &PeerEvent) -> Option<Self> {
        Some(match event {
            PeerEvent::SignalingStateChange { state } => Self::SignalingState(*state),
            PeerEvent::IceGatheringStateChange { state } => Self::IceGatheringState(*state),
            PeerEvent::IceConnectionStateChange { state } => Self::IceConnectionState(*state),
            PeerEvent::ConnectionStateChange { state } => Self::ConnectionState(*state),
            PeerEvent::IceTransportStateChange { state } => Self::IceTransportState(*state),
            PeerEvent::DtlsStateChange { state, .. } => Self::DtlsState(*state),
            PeerEvent::SctpStateChange { state } => Self::SctpState(*state),
            _ => return None,
        })
    }

    /// The state that a new connection has, of the kind that the condition asks for; nothing if the condition asks for an event.
    #[must_use]
    pub const fn initial(condition: &Condition) -> Option<Self> {
        Some(match condition {
            Condition::SignalingState(_) => Self::SignalingState(SignalingState::Stable),
            Condition::IceGatheringState(_) => Self::IceGatheringState(IceGatheringState::New),
            Condition::IceConnectionState(_) => Self::IceConnectionState(IceState::New),
            Condition::IceTransportState(_) => Self::IceTransportState(IceState::New),
            Condition::ConnectionState(_) => Self::ConnectionState(ConnectionState::New),
            Condition::DtlsState(_) => Self::DtlsState(DtlsState::New),
            Condition::SctpState(_) => Self::SctpState(SctpState::Connecting),
            _ => return None,
        })
    }
}

impl Condition {
    /// Whether a state is one that the condition asks for.
    #[must_use]
    pub fn allows(&self, state: PeerState) -> bool {
        match (self, state) {
            (Self::SignalingState(wanted), PeerState::SignalingState(state)) => wanted.allows(&state),
            (Self::IceGatheringState(wanted), PeerState::IceGatheringState(state)) => wanted.allows(&state),
            (Self::IceConnectionState(wanted), PeerState::IceConnectionState(state))
            | (Self::IceTransportState(wanted), PeerState::IceTransportState(state)) => wanted.allows(&state),
            (Self::ConnectionState(wanted), PeerState::ConnectionState(state)) => wanted.allows(&state),
            (Self::DtlsState(wanted), PeerState::DtlsState(state)) => wanted.allows(&state),
            (Self::SctpState(wanted), PeerState::SctpState(state)) => wanted.allows(&state),
            _ => false,
        }
    }

    /// Whether the condition asks for a state in which a connection no longer works.
    #[must_use]
    pub fn wants_failure(&self) -> bool {
        match self {
            Self::SignalingState(wanted) => wanted.allows(&SignalingState::Closed),
            Self::IceConnectionState(wanted) | Self::IceTransportState(wanted) => {
                [IceState::Disconnected, IceState::Failed, IceState::Closed]
                    .iter()
                    .any(|state| wanted.allows(state))
            }
            Self::ConnectionState(wanted) => {
                [ConnectionState::Disconnected, ConnectionState::Failed, ConnectionState::Closed]
                    .iter()
                    .any(|state| wanted.allows(state))
            }
            Self::DtlsState(wanted) => {
                [DtlsState::Failed, DtlsState::Closed].iter().any(|state| wanted.allows(state))
            }
            Self::SctpState(wanted) => wanted.allows(&SctpState::Closed),
            _ => false,
        }
    }
}
