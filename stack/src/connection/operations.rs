//! The operations of `RTCPeerConnection`.

use super::addresses::interface_addresses;
use super::channel::{Channel, ChannelInit};
use super::config::{Configuration, Mdns, Options, TransportPolicy};
use super::descriptions::{Description, Made};
use super::error::{ErrorName, Rejection};
use super::event::{Candidate, Reported};
use super::handler::Handler;
use super::media::{self, Media};
use super::reporter::{StateReporter, States};
use super::sdp;
use super::stats;
use super::watcher;
use crate::crypto::Watched;
use crate::dcep::Announced;
use crate::dtls::Watch;
use crate::runtime::{Hub, StackRuntime};
use crate::simulation;
use crate::sync::lock;
use crate::tap::Direction;
use crate::workarounds::Workaround;
use rtc::crypto::RTCCryptoProvider;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use webrtc::peer_connection::{
    PeerConnection as Inner, PeerConnectionBuilder, RTCIceCandidateInit, RTCSdpType, Registry, StatsSelector,
    register_default_interceptors,
};

/// Bytes that wait in a channel before `send` waits for room.
const SEND_BUFFER: usize = 16 << 20;

/// A peer connection. [`PeerConnection::close`] ends it; dropping it does not.
pub struct PeerConnection {
    pub(super) inner: Arc<dyn Inner>,
    pub(super) handler: Arc<Handler>,
    pub(super) media: Arc<Media>,
    hub: Arc<Hub>,
    pub(super) options: Options,
    pub(super) mute: bool,
    pub(super) made: Mutex<Made>,
    /// The operations chain, webrtc-pc §4.4.1.2: one after the other.
    pub(super) chain: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for PeerConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerConnection").field("states", &self.states()).finish_non_exhaustive()
    }
}

impl PeerConnection {
    /// `new RTCPeerConnection(configuration)`, and its events.
    ///
    /// # Errors
    /// As the standard wants it for a bad configuration; `OperationError` if no socket can be bound.
    pub async fn new(options: Options) -> Result<(Self, UnboundedReceiver<Reported>), Rejection> {
        let (events_out, events) = unbounded_channel();
        let (signals_out, signals) = unbounded_channel();
        let watch = Arc::new(Watch::new(&options.workarounds, signals_out.clone()));
        let relay = options.configuration.transport_policy == TransportPolicy::Relay;
        let mute = relay
            && !options.configuration.has_turn()
            && options.workarounds.has(Workaround::RelayWithoutServer);
        let hub = Arc::new(Hub::new(options.tap.clone(), watch.clone(), mute, signals_out));
        let failed = |error: &dyn std::fmt::Display| Rejection::new(ErrorName::Operation, error.to_string());
        let announced = Arc::new(Announced::default());
        let provider = Arc::new(
            Watched::new(options.secrets.clone(), watch, announced.clone())
                .map_err(|error| failed(&error))?,
        );
        let configuration = options.configuration.build_with(relay && !mute, provider.crypto())?;
        let mut engine = media::codecs::engine()?;
        let interceptors = register_default_interceptors(Registry::new(), &mut engine)?;
        let interceptors = media::feedback::with_key_frame_requests(interceptors);
        let reporter = Arc::new(StateReporter::new(events_out, options.workarounds.clone()));
        let at_description = options.workarounds.has(Workaround::TrackAtDescription);
        let media = Arc::new(Media::new(reporter.clone(), at_description));
        let announced = options.workarounds.has(Workaround::RemoteReliability).then_some(announced);
        let handler = Arc::new(Handler::new(reporter, media.clone(), announced, mute));
        let simulated = simulation::is_running();
        let addresses = match options.addresses.as_slice() {
            [] if simulated => vec![simulation::host()],
            [] => interface_addresses(),
            given => given.to_vec(),
        };
        // The crate asks for names by IPv4 multicast alone, and without an interface for that it makes no connection at all.
        let multicast = !simulated && addresses.iter().any(IpAddr::is_ipv4);
        let mdns = if multicast { options.mdns } else { Mdns::Off };
        let addresses: Vec<SocketAddr> = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect();
        let runtime = StackRuntime::new(hub.clone(), options.workarounds.has(Workaround::SleepCap));
        let mut builder = PeerConnectionBuilder::new()
            .with_configuration(configuration)
            .with_media_engine(engine)
            .with_interceptor_registry(interceptors)
            .with_setting_engine(options.settings(mdns).with_crypto_provider(provider).build())
            .with_runtime(Arc::new(runtime))
            .with_handler(handler.clone())
            .with_data_channel_send_buffer_limit(SEND_BUFFER)
            .with_udp_addrs(addresses.clone());
        if options.tcp {
            builder = builder.with_tcp_addrs(addresses);
        }
        let inner: Arc<dyn Inner> = Arc::new(Box::pin(builder.build()).await?);
        handler.attach(Arc::downgrade(&inner));
        media.attach(Arc::downgrade(&inner));
        tokio::spawn(watcher::watch(Arc::downgrade(&inner), hub.clone(), handler.clone(), signals));
        let made = Mutex::default();
        Ok((
            Self { inner, handler, media, hub, options, mute, made, chain: tokio::sync::Mutex::default() },
            events,
        ))
    }

    pub(super) fn check_open(&self) -> Result<(), Rejection> {
        if self.handler.is_closed() { Err(Rejection::closed()) } else { Ok(()) }
    }

    /// How many events have been reported, so that whoever takes them knows whether any is still under way.
    #[must_use]
    pub fn reported(&self) -> u64 {
        self.handler.reporter().count()
    }

    /// All states, as events have reported them.
    #[must_use]
    pub fn states(&self) -> States {
        self.handler.reporter().states()
    }

    /// `setConfiguration`.
    ///
    /// # Errors
    /// `InvalidModificationError` if something is changed that must stay.
    pub async fn set_configuration(&self, configuration: &Configuration) -> Result<(), Rejection> {
        self.check_open()?;
        if configuration.certificate.is_some()
            && configuration.certificate != self.options.configuration.certificate
        {
            return Err(Rejection::new(ErrorName::InvalidModification, "certificates cannot be changed"));
        }
        let relay = configuration.transport_policy == TransportPolicy::Relay;
        Ok(self.inner.set_configuration(configuration.build(relay).build()).await?)
    }

    /// `addIceCandidate`; nothing means the end of candidates.
    ///
    /// # Errors
    /// `TypeError` for a candidate without a media section, `InvalidStateError` without a remote description,
    /// `OperationError` for one that fits no media section or cannot be read.
    pub async fn add_ice_candidate(&self, candidate: Option<Candidate>) -> Result<(), Rejection> {
        let _turn = self.chain.lock().await;
        let candidate = candidate.unwrap_or_default();
        if !candidate.candidate.is_empty()
            && candidate.sdp_mid.is_none()
            && candidate.sdp_m_line_index.is_none()
        {
            return Err(Rejection::new(
                ErrorName::Type,
                "the candidate has neither sdpMid nor sdpMLineIndex",
            ));
        }
        self.check_open()?;
        let Some(remote) = self.inner.remote_description().await else {
            return Err(Rejection::new(ErrorName::InvalidState, "no remote description"));
        };
        // The crate looks at neither; webrtc-pc §4.4.2 addIceCandidate, step 5, does.
        let mids = sdp::mids(&remote.sdp);
        let fits = match (&candidate.sdp_mid, candidate.sdp_m_line_index) {
            (Some(mid), _) => mids.contains(&mid.as_str()),
            (None, Some(index)) => usize::from(index) < mids.len(),
            (None, None) => true,
        };
        if !fits {
            return Err(Rejection::new(ErrorName::Operation, "the candidate matches no media section"));
        }
        let init = RTCIceCandidateInit {
            candidate: candidate.candidate,
            sdp_mid: candidate.sdp_mid,
            sdp_mline_index: candidate.sdp_m_line_index,
            username_fragment: candidate.username_fragment,
            url: None,
        };
        Ok(self.inner.add_ice_candidate(init).await?)
    }

    /// `restartIce`.
    ///
    /// # Errors
    /// `InvalidStateError` when closed.
    pub async fn restart_ice(&self) -> Result<(), Rejection> {
        self.check_open()?;
        Ok(self.inner.restart_ice().await?)
    }

    /// `createDataChannel`.
    ///
    /// # Errors
    /// `TypeError` or `OperationError` for bad options, `InvalidStateError` when closed.
    pub async fn create_data_channel(&self, init: &ChannelInit) -> Result<Arc<Channel>, Rejection> {
        self.check_open()?;
        let options = init.check(&lock(&self.made).taken_ids)?;
        let id = options.negotiated;
        let inner = self.inner.create_data_channel(&init.label, Some(options)).await?;
        let channel = Arc::new(Channel::read(inner, Arc::downgrade(&self.inner), None).await?);
        if id.is_some() {
            lock(&self.made).taken_ids.extend(id);
            channel.set_id(id);
        }
        tokio::spawn(channel.clone().pump(self.handler.reporter().clone()));
        Ok(channel)
    }

    /// `localDescription`.
    pub async fn local_description(&self) -> Option<Description> {
        let description = self.inner.local_description().await?;
        let mut sdp = self.handed(&description.sdp);
        if matches!(description.sdp_type, RTCSdpType::Answer | RTCSdpType::Pranswer)
            && let Some(role) = lock(&self.made).answered_role()
        {
            sdp = sdp::with_setup(&sdp, role);
        }
        Some(Description { kind: description.sdp_type, sdp })
    }

    /// `remoteDescription`.
    pub async fn remote_description(&self) -> Option<Description> {
        let description = self.inner.remote_description().await?;
        Some(Description { kind: description.sdp_type, sdp: description.sdp })
    }

    /// `canTrickleIceCandidates`.
    pub async fn can_trickle(&self) -> Option<bool> {
        self.inner.can_trickle_ice_candidates().await
    }

    /// `getStats`: the report as an object by id.
    pub async fn stats(&self) -> serde_json::Value {
        stats::report(&self.inner.get_stats(Instant::now(), StatsSelector::None).await)
    }

    /// Puts a datagram onto the network or before the stack, past the tap. Whether the stack has such a socket.
    #[must_use]
    pub fn inject(
        &self,
        direction: Direction,
        local: SocketAddr,
        remote: SocketAddr,
        payload: &[u8],
    ) -> bool {
        self.hub.inject(direction, local, remote, payload)
    }

    /// `close`. Its end is no event (webrtc-pc §4.4.1).
    ///
    /// # Errors
    /// If the crate cannot close; the connection counts as closed all the same.
    pub async fn close(&self) -> Result<(), Rejection> {
        self.handler.close();
        self.handler.reporter().on_close();
        self.media.close();
        Ok(self.inner.close().await?)
    }
}
