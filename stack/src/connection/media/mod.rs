//! Transceivers and tracks (webrtc-pc §5): sources are encoded into RTP, RTP is decoded into what is to be seen.

pub(super) mod codecs;
pub(super) mod feedback;
mod receiver;
mod sender;
mod transceivers;

pub use sender::SendEncoding;
pub use transceivers::{Direction, LocalTrack, TransceiverInfo};

use super::event::Event;
use super::reporter::StateReporter;
use crate::media::Kind;
use crate::sync::lock;
use receiver::Remote;
use sender::Sender;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::PeerConnection as Inner;
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RtpTransceiver};

#[derive(Debug, Default)]
struct MediaState {
    /// By the number of their transceiver.
    senders: BTreeMap<usize, Arc<Sender>>,
    stopped: BTreeSet<usize>,
    kinds: BTreeMap<usize, Kind>,
    /// By the MID of their media section.
    remotes: BTreeMap<String, Arc<Remote>>,
}

/// The media of one connection.
pub(super) struct Media {
    reporter: Arc<StateReporter>,
    /// Remote tracks are reported when a description announces them, not when their first packet comes.
    at_description: bool,
    pc: OnceLock<Weak<dyn Inner>>,
    connected: AtomicBool,
    state: Mutex<MediaState>,
    /// One refresh after the other, so that none acts on what an earlier one has overtaken.
    refreshing: tokio::sync::Mutex<()>,
}

impl Media {
    pub(super) fn new(reporter: Arc<StateReporter>, at_description: bool) -> Self {
        Self {
            reporter,
            at_description,
            pc: OnceLock::new(),
            connected: AtomicBool::new(false),
            state: Mutex::default(),
            refreshing: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn attach(&self, pc: Weak<dyn Inner>) {
        // Called once, right after the connection was made.
        let _ = self.pc.set(pc);
    }

    fn pc(&self) -> Option<Arc<dyn Inner>> {
        self.pc.get().and_then(Weak::upgrade)
    }

    /// The transceivers in the order of their making; the crate gives them in none.
    async fn transceivers(&self) -> Vec<Arc<dyn RtpTransceiver>> {
        let Some(pc) = self.pc() else { return Vec::new() };
        let mut all = pc.get_transceivers().await;
        all.sort_by_key(|transceiver| transceiver.id());
        all
    }

    /// The transports are up, or not any more.
    pub(super) fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Release);
    }

    /// Starts and stops senders as descriptions and transports now have it.
    pub(super) async fn refresh(&self) {
        let _turn = self.refreshing.lock().await;
        let connected = self.connected.load(Ordering::Acquire);
        let senders: Vec<_> = lock(&self.state).senders.clone().into_iter().collect();
        if senders.is_empty() {
            return;
        }
        let transceivers = self.transceivers().await;
        let remote = match self.pc() {
            Some(pc) => pc.remote_description().await.map(|description| description.sdp),
            None => None,
        };
        let sections = receiver::sections(remote.as_deref().unwrap_or_default());
        for (number, sender) in senders {
            let Some(transceiver) = transceivers.iter().find(|t| t.id() == number) else {
                self.reporter
                    .on_log("error", format!("the transceiver {number} of a sender no longer exists"));
                continue;
            };
            let direction = transceiver.current_direction().await;
            let sends = matches!(
                direction,
                Ok(RTCRtpTransceiverDirection::Sendrecv | RTCRtpTransceiverDirection::Sendonly)
            );
            if connected && !sends {
                self.reporter
                    .on_log("debug", format!("track {number} is not sent: its direction is {direction:?}"));
            }
            let mid = transceiver.mid().await.ok().flatten();
            let taken = sections.iter().find(|section| Some(&section.mid) == mid.as_ref());
            let taken = taken.map(|section| section.receives.as_slice()).unwrap_or_default();
            if let Err(error) = sender.run(connected && sends, taken, &**transceiver, &self.reporter).await {
                self.reporter.on_log("error", format!("track {number} cannot be sent: {error}"));
            }
        }
    }

    /// A remote description was set: its tracks come and go.
    pub(super) fn on_remote_description(&self, sdp: &str) {
        if !self.at_description {
            return;
        }
        for section in receiver::sections(sdp) {
            let known = lock(&self.state).remotes.get(&section.mid).cloned();
            match known {
                None if section.sends => {
                    let remote = Arc::new(Remote::new(&section));
                    lock(&self.state).remotes.insert(section.mid.clone(), remote.clone());
                    self.reporter.report(remote.event());
                }
                Some(remote) => remote.on_section(&section, &self.reporter),
                None => {}
            }
        }
    }

    /// The crate has seen the first packet of a remote track.
    pub(super) async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let id = track.track_id().await;
        let known = lock(&self.state).remotes.values().find(|remote| remote.id() == id).cloned();
        let remote = match known {
            Some(remote) => remote,
            None => {
                let kind = codecs::kind_of(track.kind().await);
                let remote = Arc::new(Remote::unannounced(&id, kind, track.stream_id().await));
                lock(&self.state).remotes.insert(format!("?{id}"), remote.clone());
                self.reporter.report(remote.event());
                remote
            }
        };
        tokio::spawn(remote.pump(track, self.reporter.clone()));
    }

    /// Begins to decode a remote track. Whether there is one of this name.
    pub(super) fn watch(&self, id: &str) -> bool {
        let remote = lock(&self.state).remotes.values().find(|remote| remote.id() == id).cloned();
        remote.is_some_and(|remote| {
            remote.watch();
            true
        })
    }

    /// Ends all that runs.
    pub(super) fn close(&self) {
        self.set_connected(false);
        let mut state = lock(&self.state);
        for sender in state.senders.values() {
            sender.stop();
        }
        state.senders.clear();
    }
}

impl Remote {
    fn event(&self) -> Event {
        Event::Track { id: self.id().to_owned(), kind: self.kind(), mid: self.mid(), streams: self.streams() }
    }
}
