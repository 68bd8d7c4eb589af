//! Takes the crate's callbacks. They run on its event loop and must not wait for it.

use super::channel::Channel;
use super::event::Event;
use super::media::Media;
use super::reporter::StateReporter;
use crate::dcep::Announced;
use async_trait::async_trait;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use webrtc::data_channel::DataChannel;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    PeerConnection as Inner, PeerConnectionEventHandler, RTCIceConnectionState, RTCIceGatheringState,
    RTCPeerConnectionIceErrorEvent, RTCPeerConnectionIceEvent, RTCPeerConnectionState, RTCSignalingState,
};

/// The callbacks of one connection.
pub(super) struct Handler {
    reporter: Arc<StateReporter>,
    media: Arc<Media>,
    pc: OnceLock<Weak<dyn Inner>>,
    closed: AtomicBool,
    /// Where remote channels' reliability is found.
    announced: Option<Arc<Announced>>,
    /// A policy that allows no candidate: none is reported.
    mute: bool,
}

impl Handler {
    pub(super) fn new(
        reporter: Arc<StateReporter>,
        media: Arc<Media>,
        announced: Option<Arc<Announced>>,
        mute: bool,
    ) -> Self {
        Self { reporter, media, pc: OnceLock::new(), closed: AtomicBool::new(false), announced, mute }
    }

    pub(super) fn reporter(&self) -> &Arc<StateReporter> {
        &self.reporter
    }

    /// The connection exists now.
    pub(super) fn attach(&self, pc: Weak<dyn Inner>) {
        // Called once, right after the connection was made.
        let _ = self.pc.set(pc);
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_negotiation_needed(&self) {
        self.reporter.report(Event::NegotiationNeeded);
    }

    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        match event.candidate.to_json() {
            Ok(candidate) if !self.mute => self.reporter.on_candidate(candidate.candidate),
            Ok(_) => {}
            Err(error) => self.reporter.on_log("error", format!("a candidate cannot be written: {error}")),
        }
    }

    async fn on_ice_candidate_error(&self, event: RTCPeerConnectionIceErrorEvent) {
        self.reporter.report(Event::IceCandidateError {
            url: event.url,
            code: event.error_code,
            text: event.error_text,
        });
    }

    async fn on_signaling_state_change(&self, state: RTCSignalingState) {
        self.reporter.on_signaling(state);
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        self.reporter.on_ice_connection(state);
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.reporter.on_gathering(state);
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.reporter.on_connection(state);
        self.media.set_connected(state == RTCPeerConnectionState::Connected);
        let media = self.media.clone();
        tokio::spawn(async move { media.refresh().await });
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        self.media.on_track(track).await;
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        let Some(pc) = self.pc.get().cloned() else { return };
        let (reporter, announced) = (self.reporter.clone(), self.announced.clone());
        tokio::spawn(async move {
            match Channel::read(channel, pc, announced).await {
                Ok(channel) => {
                    let channel = Arc::new(channel);
                    if reporter.on_channel_open() {
                        reporter.report(Event::DataChannel(channel.clone()));
                        channel.pump(reporter).await;
                    }
                }
                Err(error) => {
                    reporter.on_log("error", format!("a channel closed before it could be read: {error}"));
                }
            }
        });
    }
}
