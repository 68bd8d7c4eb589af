//! What a connection reports.

use super::channel::Channel;
use crate::media::{Kind, Seen};
use std::sync::Arc;
use std::time::Instant;
use webrtc::peer_connection::{
    RTCIceConnectionState, RTCIceGatheringState, RTCPeerConnectionState, RTCSignalingState,
};

pub use rtc::peer_connection::transport::{
    RTCDtlsTransportState, RTCIceTransportState, RTCSctpTransportState,
};

/// An event with its time.
#[derive(Debug, Clone)]
pub struct Reported {
    /// When it happened.
    pub at: Instant,
    /// What happened.
    pub event: Event,
}

/// `RTCIceCandidateInit`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidate {
    /// The candidate-attribute with its `candidate:` prefix; empty at the end of candidates.
    pub candidate: String,
    /// The media section's MID.
    pub sdp_mid: Option<String>,
    /// The media section's index.
    pub sdp_m_line_index: Option<u16>,
    /// The username fragment.
    pub username_fragment: Option<String>,
}

/// Something that happened at a connection. States print as the W3C names them.
#[derive(Debug, Clone)]
pub enum Event {
    /// `negotiationneeded`.
    NegotiationNeeded,
    /// `icecandidate`; nothing when gathering has ended.
    IceCandidate(Option<Candidate>),
    /// `icecandidateerror`.
    IceCandidateError {
        /// The server.
        url: String,
        /// STUN error code or 701.
        code: u16,
        /// Its text.
        text: String,
    },
    /// `signalingstatechange`.
    SignalingState(RTCSignalingState),
    /// `icegatheringstatechange`.
    IceGatheringState(RTCIceGatheringState),
    /// `iceconnectionstatechange`.
    IceConnectionState(RTCIceConnectionState),
    /// `connectionstatechange`.
    ConnectionState(RTCPeerConnectionState),
    /// `statechange` of the ICE transport.
    IceTransportState(RTCIceTransportState),
    /// `selectedcandidatepairchange`: candidate-attributes.
    SelectedPair {
        /// The local one.
        local: String,
        /// The remote one.
        remote: String,
    },
    /// `statechange` of the DTLS transport.
    DtlsState {
        /// The new state.
        state: RTCDtlsTransportState,
        /// Why, if it failed.
        reason: Option<String>,
    },
    /// `statechange` of the SCTP transport.
    SctpState(RTCSctpTransportState),
    /// The remote peer opened a channel.
    DataChannel(Arc<Channel>),
    /// Something happened at a channel.
    Channel(Arc<Channel>, ChannelEvent),
    /// `track`: the remote peer announces a track.
    Track {
        /// The track's name.
        id: String,
        /// Audio or video.
        kind: Kind,
        /// The media section.
        mid: Option<String>,
        /// Names of its streams.
        streams: Vec<String>,
    },
    /// `mute` of a remote track.
    TrackMute(String),
    /// `unmute` of a remote track: its first packet came.
    TrackUnmute(String),
    /// `ended` of a remote track.
    TrackEnded(String),
    /// Ours: a watched track was decoded.
    MediaSeen {
        /// The track's name.
        id: String,
        /// Audio or video.
        kind: Kind,
        /// What is to be seen or heard.
        seen: Seen,
    },
    /// The crate logged a warning or an error.
    Log {
        /// `warn` or `error`.
        level: &'static str,
        /// The line.
        message: String,
    },
    /// The crate's event loop has ended although nobody closed the connection. Nothing works any more.
    DriverDied {
        /// The last error in its log, if there was one.
        reason: String,
    },
}

/// Something that happened at a data channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelEvent {
    /// `open`.
    Open,
    /// `message`.
    Message {
        /// Whether it is a string.
        text: bool,
        /// Its bytes.
        data: bytes::Bytes,
    },
    /// `bufferedamountlow`.
    BufferedAmountLow,
    /// `closing`.
    Closing,
    /// `close`.
    Close,
    /// `error`.
    Error,
}
