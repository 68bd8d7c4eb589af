//! What a step can wait for: a state of the W3C API, or an event.
//!
//! A state counts as reached if it is the present one, or if the peer passed through it since the step before began (so
//! that `connected` is not missed when `completed` follows at once). An event counts once: the next step that awaits the
//! same kind of event waits for another one.

use crate::peers::protocol::Payload;
use peerproof_captures::event::{
    ConnectionState, DtlsState, IceGatheringState, IceState, MediaKind, Message, PeerEvent, SctpState,
    SignalingState,
};
use peerproof_conformance::expect::AnyOf;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

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
    /// The event of the peer protocol that tells of it.
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

    /// The states of which any does, by their names; `None` for an event that reports no state.
    #[must_use]
    pub fn states(&self) -> Option<Vec<String>> {
        fn names<T: fmt::Display>(states: &AnyOf<T>) -> Option<Vec<String>> {
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
    /// So many such messages; one if absent.
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

impl MessageCondition {
    /// Length, CRC-32 and kind of the message meant, where they are given.
    fn wanted(&self) -> (Option<u64>, Option<u32>, Option<bool>) {
        let payload = match (&self.text, &self.binary, self.pattern) {
            (Some(text), ..) => Some((Payload::Text(text.clone()), true)),
            (_, Some(binary), _) => Some((Payload::Binary(binary.clone()), false)),
            (.., Some(PatternCondition { size, seed, text })) => {
                Some((Payload::Pattern { size, seed, text }, text))
            }
            _ => None,
        };
        match payload.and_then(|(payload, text)| Some((super::pattern::bytes(&payload)?, text))) {
            Some((bytes, text)) => {
                (Some(bytes.len() as u64), Some(super::pattern::crc32(&bytes)), Some(text))
            }
            None => (self.size, None, None),
        }
    }

    /// Whether `message` is such a one.
    #[must_use]
    pub fn matches(&self, message: &Message) -> bool {
        let (size, crc32, text) = self.wanted();
        self.channel == message.channel
            && size.is_none_or(|size| size == message.size)
            && crc32.is_none_or(|crc32| crc32 == message.crc32)
            && text.is_none_or(|text| text == message.text)
    }
}

/// Which candidate is awaited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CandidateCondition {
    /// `host`, `srflx`, `prflx` or `relay`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The end of candidates (`null`) instead of a candidate.
    #[serde(default)]
    pub end: bool,
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
    /// At least so many frames decoded since watching began.
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

impl MediaCondition {
    fn matches(&self, event: &PeerEvent) -> bool {
        let PeerEvent::MediaSeen { kind, frames, width, height, number, tone_hz, .. } = event else {
            return false;
        };
        self.kind == *kind
            && self.frames.is_none_or(|least| *frames >= least)
            && (self.width.is_none() || self.width == *width)
            && (self.height.is_none() || self.height == *height)
            && (!self.numbered || number.is_some())
            && self
                .tone_hz
                .is_none_or(|wanted| tone_hz.is_some_and(|tone| tone.abs_diff(wanted) * 20 <= wanted))
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

    /// How many such events are awaited.
    #[must_use]
    pub fn times(&self) -> u32 {
        match self {
            Self::Message(message) => message.times.unwrap_or(1),
            _ => 1,
        }
    }

    /// Whether `event` is what is awaited. Track names of the scenario are looked up by `track`.
    pub fn matches(&self, event: &PeerEvent, track: impl Fn(&str) -> Option<String>) -> bool {
        let is_track = |name: &str, id: &str| track(name).as_deref() == Some(id);
        match (self, event) {
            (Self::SignalingState(wanted), PeerEvent::SignalingStateChange { state }) => wanted.allows(state),
            (Self::IceGatheringState(wanted), PeerEvent::IceGatheringStateChange { state }) => {
                wanted.allows(state)
            }
            (Self::IceConnectionState(wanted), PeerEvent::IceConnectionStateChange { state })
            | (Self::IceTransportState(wanted), PeerEvent::IceTransportStateChange { state }) => {
                wanted.allows(state)
            }
            (Self::ConnectionState(wanted), PeerEvent::ConnectionStateChange { state }) => {
                wanted.allows(state)
            }
            (Self::DtlsState(wanted), PeerEvent::DtlsStateChange { state, .. }) => wanted.allows(state),
            (Self::SctpState(wanted), PeerEvent::SctpStateChange { state }) => wanted.allows(state),
            (Self::Datachannel(label), PeerEvent::DataChannel { channel })
            | (Self::Open(label), PeerEvent::ChannelOpen { channel }) => *label == channel.label,
            (Self::Closing(label), PeerEvent::ChannelClosing { channel, .. })
            | (Self::Close(label), PeerEvent::ChannelClose { channel, .. })
            | (Self::Error(label), PeerEvent::ChannelError { channel, .. })
            | (Self::Bufferedamountlow(label), PeerEvent::BufferedAmountLow { channel }) => label == channel,
            (Self::Message(wanted), PeerEvent::ChannelMessage { message, .. }) => wanted.matches(message),
            (Self::Negotiationneeded, PeerEvent::NegotiationNeeded)
            | (Self::Selectedcandidatepairchange, PeerEvent::SelectedCandidatePairChange { .. })
            | (Self::Lost, PeerEvent::Lost { .. }) => true,
            (Self::Icecandidate(wanted), PeerEvent::IceCandidate { candidate }) => match candidate {
                None => wanted.end,
                Some(candidate) => {
                    let kind = candidate.candidate.split(' ').skip_while(|word| *word != "typ").nth(1);
                    !wanted.end && wanted.kind.as_deref().is_none_or(|wanted| kind == Some(wanted))
                }
            },
            (Self::Icecandidateerror(wanted), PeerEvent::IceCandidateError { error_code, .. }) => {
                wanted.code.is_none_or(|code| code == *error_code)
            }
            (Self::Track(wanted), PeerEvent::Track { kind, mid, .. }) => {
                wanted.kind.is_none_or(|wanted| wanted == *kind)
                    && (wanted.mid.is_none() || wanted.mid == *mid)
            }
            (Self::Mute(name), PeerEvent::TrackMute { id })
            | (Self::Unmute(name), PeerEvent::TrackUnmute { id })
            | (Self::Ended(name), PeerEvent::TrackEnded { id }) => is_track(name, id),
            (Self::Media(wanted), event) => wanted.matches(event),
            (Self::Acted(wanted), PeerEvent::Acted { operation, error: None, .. }) => wanted == operation,
            _ => false,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(word)) => f.write_str(&word),
            Ok(serde_json::Value::Object(map)) => {
                for (name, value) in map {
                    match value {
                        serde_json::Value::String(word) => write!(f, "{name} {word}")?,
                        value => write!(f, "{name} {value}")?,
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn condition(value: serde_json::Value) -> Condition {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_message_is_told_apart_by_its_bytes_and_its_kind() {
        let arrived = |text: bool, bytes: &[u8]| PeerEvent::ChannelMessage {
            message: Message {
                channel: "chat".to_owned(),
                text,
                size: bytes.len() as u64,
                crc32: super::super::pattern::crc32(bytes),
                value: None,
            },
            id: None,
        };
        let wanted = condition(json!({"message": {"channel": "chat", "text": "Hello!"}}));
        assert!(wanted.matches(&arrived(true, b"Hello!"), |_| None));
        assert!(!wanted.matches(&arrived(false, b"Hello!"), |_| None));
        assert!(!wanted.matches(&arrived(true, b"Hello?"), |_| None));
    }

    #[test]
    fn a_candidate_is_told_by_its_type() {
        let event = PeerEvent::IceCandidate {
            candidate: Some(peerproof_captures::event::IceCandidate {
                candidate: "candidate:1 1 udp 1 192.0.2.2 5000 typ host generation 0".to_owned(),
                sdp_mid: None,
                sdp_m_line_index: None,
                username_fragment: None,
            }),
        };
        assert!(condition(json!({"icecandidate": {"type": "host"}})).matches(&event, |_| None));
        assert!(!condition(json!({"icecandidate": {"type": "relay"}})).matches(&event, |_| None));
        assert!(!condition(json!({"icecandidate": {"end": true}})).matches(&event, |_| None));
    }
}
