//! `RTCPeerConnection` (webrtc-pc §4) on the `webrtc` crate.
//!
//! [`PeerConnection`] has the operations, [`Event`] what happens. Rejections carry the W3C's names.

mod addresses;
mod channel;
mod config;
mod descriptions;
mod error;
mod event;
mod handler;
mod media;
mod negotiator;
mod operations;
mod reporter;
mod sdp;
mod stats;
mod watcher;

pub use addresses::interface_addresses;
pub use channel::{Channel, ChannelInfo, ChannelInit, RTCDataChannelState};
pub use config::{
    BundlePolicy, CertificateAlgorithm, Configuration, Faults, IceServer, MAX_MESSAGE_SIZE, Mdns, Options,
    RTCDtlsRole, TransportPolicy,
};
pub use descriptions::Description;
pub use error::{ErrorName, Rejection};
pub use event::{
    Candidate, ChannelEvent, Event, RTCDtlsTransportState, RTCIceTransportState, RTCSctpTransportState,
    Reported,
};
pub use media::{Direction, LocalTrack, SendEncoding, TransceiverInfo};
pub use operations::PeerConnection;
pub use reporter::States;
pub use webrtc::peer_connection::{
    RTCIceConnectionState, RTCIceGatheringState, RTCPeerConnectionState, RTCSdpType, RTCSignalingState,
};
