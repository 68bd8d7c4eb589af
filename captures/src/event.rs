//! What a peer says happened: the events of the W3C WebRTC API as plain data.
//!
//! Names and states are those of <https://www.w3.org/TR/webrtc/>. Events that the API has no name for (a watched video
//! frame, the loss of the peer) are marked as ours.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! states {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`")] #[serde(rename = $text)] $variant),+
        }
        impl $name {
            /// Every state, in the order of the standard.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
            /// The name that the standard gives this state.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(self.as_str()) }
        }
    };
}

states!(
    /// `RTCSignalingState`, webrtc-pc §4.3.1.
    SignalingState {
        Stable = "stable",
        HaveLocalOffer = "have-local-offer",
        HaveRemoteOffer = "have-remote-offer",
        HaveLocalPranswer = "have-local-pranswer",
        HaveRemotePranswer = "have-remote-pranswer",
        Closed = "closed",
    }
);
states!(
    /// `RTCIceGatheringState`, webrtc-pc §4.3.2.
    IceGatheringState { New = "new", Gathering = "gathering", Complete = "complete" }
);
states!(
    /// `RTCPeerConnectionState`, webrtc-pc §4.3.3.
    ConnectionState {
        New = "new",
        Connecting = "connecting",
        Connected = "connected",
        Disconnected = "disconnected",
        Failed = "failed",
        Closed = "closed",
    }
);
states!(
    /// `RTCIceConnectionState` (§4.3.4) and `RTCIceTransportState` (§5.6.4), which share their values.
    IceState {
        New = "new",
        Checking = "checking",
        Connected = "connected",
        Completed = "completed",
        Disconnected = "disconnected",
        Failed = "failed",
        Closed = "closed",
    }
);
states!(
    /// `RTCDtlsTransportState`, webrtc-pc §5.5.1.
    DtlsState {
        New = "new",
        Connecting = "connecting",
        Connected = "connected",
        Closed = "closed",
        Failed = "failed",
    }
);
states!(
    /// `RTCSctpTransportState`, webrtc-pc §6.1.2.
    SctpState { Connecting = "connecting", Connected = "connected", Closed = "closed" }
);
states!(
    /// `RTCSdpType`, webrtc-pc §4.6.1.
    SdpType { Offer = "offer", Pranswer = "pranswer", Answer = "answer", Rollback = "rollback" }
);
states!(
    /// The kind of a track or media section.
    MediaKind { Audio = "audio", Video = "video" }
);

/// `RTCSessionDescriptionInit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Offer, answer, pranswer or rollback.
    #[serde(rename = "type")]
    pub kind: SdpType,
    /// The session description (RFC 8866); empty for a rollback.
    #[serde(default)]
    pub sdp: String,
}

/// `RTCIceCandidateInit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IceCandidate {
    /// The candidate-attribute of RFC 8839 §5.1 with its `candidate:` prefix; empty at the end of candidates.
    pub candidate: String,
    /// The media section's MID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp_mid: Option<String>,
    /// The media section's index, from zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp_m_line_index: Option<u16>,
    /// The ICE username fragment that the candidate belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_fragment: Option<String>,
}

/// A message on a data channel. Small ones are reported in full, all by length and CRC-32 (so that 256 KiB fit a line).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Message {
    /// The channel's label.
    pub channel: String,
    /// Whether it came as a string (`true`) or as binary.
    pub text: bool,
    /// Length of the message in bytes (of its UTF-8 form for text).
    pub size: u64,
    /// CRC-32 (IEEE 802.3) of those bytes.
    pub crc32: u32,
    /// The message itself if it is text of at most 1024 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// The properties of an `RTCDataChannel`, webrtc-pc §6.2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChannelInfo {
    /// The label.
    pub label: String,
    /// The stream identifier, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u16>,
    /// Whether messages arrive in order; nothing if the peer's API does not say, as with a channel that the other side opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered: Option<bool>,
    /// Most retransmissions of a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retransmits: Option<u16>,
    /// Longest time in milliseconds during which a message is (re)transmitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_packet_life_time: Option<u16>,
    /// The subprotocol.
    #[serde(default)]
    pub protocol: String,
    /// Whether the application negotiated the channel out of band.
    #[serde(default)]
    pub negotiated: bool,
}

/// Something that happened at a peer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "event",
    content = "data",
    rename_all = "lowercase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum PeerEvent {
    /// Negotiation has become necessary.
    NegotiationNeeded,
    /// A local candidate; `null` when gathering has ended.
    IceCandidate {
        /// The candidate.
        candidate: Option<IceCandidate>,
    },
    /// A STUN or TURN server could not be used.
    IceCandidateError {
        /// The server's URL.
        url: String,
        /// The STUN error code or 701.
        error_code: u16,
        /// Its text.
        error_text: String,
    },
    /// `RTCPeerConnection.signalingState` changed.
    SignalingStateChange {
        /// The new state.
        state: SignalingState,
    },
    /// `RTCPeerConnection.iceGatheringState` changed.
    IceGatheringStateChange {
        /// The new state.
        state: IceGatheringState,
    },
    /// `RTCPeerConnection.iceConnectionState` changed.
    IceConnectionStateChange {
        /// The new state.
        state: IceState,
    },
    /// `RTCPeerConnection.connectionState` changed.
    ConnectionStateChange {
        /// The new state.
        state: ConnectionState,
    },
    /// `RTCIceTransport.state` changed.
    IceTransportStateChange {
        /// The new state.
        state: IceState,
    },
    /// Another candidate pair is in use.
    SelectedCandidatePairChange {
        /// The local candidate-attribute.
        local: String,
        /// The remote candidate-attribute.
        remote: String,
    },
    /// `RTCDtlsTransport.state` changed.
    DtlsStateChange {
        /// The new state.
        state: DtlsState,
        /// Why, where the peer says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// `RTCSctpTransport.state` changed.
    SctpStateChange {
        /// The new state.
        state: SctpState,
    },
    /// The remote peer opened a channel.
    DataChannel {
        /// The channel.
        channel: ChannelInfo,
    },
    /// A channel, local or remote, is open.
    ChannelOpen {
        /// The channel.
        channel: ChannelInfo,
    },
    /// A message arrived.
    ChannelMessage {
        /// The message.
        message: Message,
        /// The stream identifier of its channel, if known: what distinguishes channels of one label.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u16>,
    },
    /// `bufferedAmount` fell to its threshold.
    BufferedAmountLow {
        /// The channel's label.
        channel: String,
    },
    /// The channel has begun to close.
    ChannelClosing {
        /// The channel's label.
        channel: String,
        /// Its stream identifier, if known: what distinguishes channels of one label.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u16>,
    },
    /// The channel is closed.
    ChannelClose {
        /// The channel's label.
        channel: String,
        /// Its stream identifier, if known: what distinguishes channels of one label.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u16>,
    },
    /// The channel broke.
    ChannelError {
        /// The channel's label.
        channel: String,
        /// `RTCError.errorDetail` or a message.
        error: String,
    },
    /// A remote track appeared.
    Track {
        /// `MediaStreamTrack.id`.
        id: String,
        /// Audio or video.
        kind: MediaKind,
        /// The media section.
        mid: Option<String>,
        /// Ids of the streams it belongs to.
        streams: Vec<String>,
    },
    /// A remote track was muted.
    TrackMute {
        /// The track.
        id: String,
    },
    /// A remote track was unmuted: its first packet came.
    TrackUnmute {
        /// The track.
        id: String,
    },
    /// A track ended.
    TrackEnded {
        /// The track.
        id: String,
    },
    /// Ours: media of a remote track was decoded and recognised (see the peer protocol, `watch`).
    MediaSeen {
        /// The track.
        id: String,
        /// Audio or video.
        kind: MediaKind,
        /// Frames decoded since watching began (audio: blocks of 20 ms).
        frames: u64,
        /// Width in pixels of the newest frame.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        width: Option<u32>,
        /// Height in pixels of the newest frame.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        height: Option<u32>,
        /// The number read from the newest frame, if the source numbers its frames.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<u32>,
        /// The strongest tone in hertz.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tone_hz: Option<u32>,
    },
    /// Ours: the peer, acting on its own (`join`), took a step that the API has no event for.
    Acted {
        /// Name of the W3C operation.
        operation: String,
        /// The description involved, if any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<Description>,
        /// What went wrong, if anything.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// Ours: a line of the peer's log worth keeping.
    Log {
        /// `debug`, `info`, `warn` or `error`.
        level: String,
        /// The line.
        message: String,
    },
    /// Ours: the peer is gone (crash, hang, lost connection). Nothing follows.
    Lost {
        /// What is known of the cause.
        reason: String,
        /// Whether it broke the peer protocol: a message that the protocol does not define, an answer that never came.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        violates: bool,
    },
}
