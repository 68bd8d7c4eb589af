//! One connection: str0m's state machine, and the events that report its states.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::json;
use str0m::change::SdpPendingOffer;
use str0m::net::{Protocol, Receive, Transmit};
use str0m::{Event, IceConnectionState, Input, Output, Rtc, RtcConfig, RtcError};

use crate::channels::{Channel, Echo};
use crate::keylog;
use crate::media::Transceiver;
use crate::network::Network;
use crate::stats::{self, Stats};
use crate::wire::{Refusal, Wire, rejected};

/// How many bytes str0m may buffer for all channels together. With its default of 128 KiB it never accepts a message of 256 KiB.
const BUFFER: usize = 16 * 1024 * 1024;

/// Where the connection reports its events, and what is to be sent back.
pub struct Context {
    pub wire: Wire,
    pub echoes: HashMap<String, Echo>,
}

pub struct Connection {
    pub rtc: Rtc,
    /// Whether str0m has been given the time yet. From then on it checks, so the remote description starts it.
    pub started: bool,
    /// When str0m wants to know the time again.
    wakes_at: Instant,
    pub network: Network,

    pub signaling: &'static str,
    pub gathering: &'static str,
    pub ice: &'static str,
    pub connection: &'static str,
    pub dtls: Option<&'static str>,
    pub sctp: Option<&'static str>,

    /// Descriptions are a type and an SDP.
    pub local: Option<(&'static str, String)>,
    pub remote: Option<(&'static str, String)>,
    /// The description that was created last.
    pub created: Option<(&'static str, String)>,
    /// The offer, as long as str0m waits for its answer.
    pub pending: Option<SdpPendingOffer>,
    /// Whether an offer that was made before lacks something.
    pub offer_is_stale: bool,
    pub restart: bool,
    /// The descriptions before the offer that is open, for its rollback.
    pub local_before: Option<(&'static str, String)>,
    /// Whether data channels are negotiated: from then on a new one needs no offer.
    pub has_data: bool,
    /// Stream identifiers that str0m has reserved for channels of an offer that came to nothing. It has no call to free them.
    pub reserved: Vec<u16>,

    /// Candidate-attributes, without the user name, with their addresses.
    pub local_candidates: Vec<(SocketAddr, String)>,
    pub remote_candidates: Vec<String>,
    /// The ICE user name that candidates were gathered for.
    pub gathered_for: Option<String>,
    pair: Option<(SocketAddr, SocketAddr)>,

    pub transceivers: Vec<Transceiver>,
    pub channels: Vec<Channel>,
    pub stats: Stats,
}

impl Connection {
    pub fn new(config: RtcConfig, network: Network) -> Self {
        let now = Instant::now();
        let config = config.set_stats_interval(Some(stats::INTERVAL)).set_sctp_max_buffered_amount(BUFFER);
        Self {
            rtc: config.build(now),
            started: false,
            wakes_at: now,
            network,
            signaling: "stable",
            gathering: "new",
            ice: "new",
            connection: "new",
            dtls: None,
            sctp: None,
            local: None,
            remote: None,
            created: None,
            pending: None,
            offer_is_stale: true,
            restart: false,
            local_before: None,
            has_data: false,
            reserved: Vec::new(),
            local_candidates: Vec::new(),
            remote_candidates: Vec::new(),
            gathered_for: None,
            pair: None,
            transceivers: Vec::new(),
            channels: Vec::new(),
            stats: Stats::default(),
        }
    }

    pub fn must_be_open(&self) -> Result<(), Refusal> {
        if self.signaling == "closed" {
            return rejected("InvalidStateError", "the connection is closed");
        }
        Ok(())
    }

    // ---------------------------------------------------------------------------------------------------- in and out

    pub fn wakes_at(&self) -> Option<Instant> {
        self.started.then_some(self.wakes_at)
    }

    /// Tells str0m the time and does all that follows.
    pub fn wake(&mut self, context: &mut Context) {
        if !self.started {
            return;
        }
        let result = self.rtc.handle_input(Input::Timeout(Instant::now()));
        self.after(context, result);
        self.send_waiting(context);
    }

    pub fn datagram(
        &mut self,
        context: &mut Context,
        at: Instant,
        local: SocketAddr,
        source: SocketAddr,
        bytes: &[u8],
    ) {
        // What is neither STUN, DTLS nor (S)RTP is nobody's; what came to a socket of an earlier case is not ours.
        let Ok(received) = Receive::new(Protocol::Udp, source, local, bytes) else { return };
        if !self.network.has(local) {
            return;
        }
        self.started = true;
        let result = self.rtc.handle_input(Input::Receive(at, received));
        self.after(context, result);
        self.send_waiting(context);
    }

    fn after(&mut self, context: &mut Context, result: Result<(), RtcError>) {
        match result {
            Ok(()) => self.drain(context),
            Err(error) => self.give_up(context, &error),
        }
    }

    /// Takes everything that str0m has to say; it wants that after each change.
    pub fn drain(&mut self, context: &mut Context) {
        loop {
            let output = self.rtc.poll_output();
            for line in keylog::take() {
                context.wire.event("keylog", json!({ "line": line }));
            }
            match output {
                Ok(Output::Timeout(at)) => break self.wakes_at = at,
                Ok(Output::Transmit(datagram)) => self.transmit(&mut context.wire, &datagram),
                Ok(Output::Event(event)) => self.on_event(context, event),
                Err(error) => break self.give_up(context, &error),
            }
        }
    }

    /// After an error str0m is of no use any more, its documentation says.
    fn give_up(&mut self, context: &mut Context, error: &RtcError) {
        self.rtc.disconnect();
        self.wakes_at = Instant::now() + Duration::from_secs(3600);
        if self.signaling == "closed" {
            return;
        }
        context.wire.log("error", &format!("str0m: {error}"));
        // All errors before there is DTLS are its own, or of the certificate.
        if self.dtls.is_none() || matches!(error, RtcError::Dtls(_)) {
            self.dtls = Some("failed");
            context.wire.event("dtlsstatechange", json!({ "state": "failed", "reason": error.to_string() }));
        }
        self.set_connection(&mut context.wire);
    }

    fn transmit(&mut self, wire: &mut Wire, datagram: &Transmit) {
        let Transmit { source, destination, contents, .. } = datagram;
        // Checks go everywhere; anything else (RFC 7983 §7) only between the two candidates that str0m has selected.
        let is_stun = contents.first().is_none_or(|first| *first < 4);
        if !is_stun && self.pair != Some((*source, *destination)) {
            self.pair = Some((*source, *destination));
            let local = self.local_candidates.iter().find(|(address, _)| address == source);
            let local =
                local.map_or_else(|| composed("host", *source), |(_, candidate)| self.signalled(candidate));
            let remote = self.remote_candidates.iter().find(|candidate| is_at(candidate, *destination));
            let remote = remote.cloned().unwrap_or_else(|| composed("prflx", *destination));
            wire.event("selectedcandidatepairchange", json!({ "local": local, "remote": remote }));
        }
        self.network.send(*source, *destination, contents);
    }

    /// A local candidate as it is signalled: with the user name that it was gathered for last.
    pub fn signalled(&self, candidate: &str) -> String {
        format!("{candidate} ufrag {}", self.gathered_for.as_deref().unwrap_or_default())
    }

    // -------------------------------------------------------------------------------------------------------- states

    fn on_event(&mut self, context: &mut Context, event: Event) {
        if self.signaling == "closed" {
            // webrtc-pc: closing fires no event.
            return;
        }
        let wire = &mut context.wire;
        match event {
            Event::IceConnectionStateChange(state) => {
                self.ice = match state {
                    IceConnectionState::New => "new",
                    IceConnectionState::Checking => "checking",
                    IceConnectionState::Connected => "connected",
                    IceConnectionState::Completed => "completed",
                    IceConnectionState::Disconnected => "disconnected",
                };
                wire.event("icetransportstatechange", json!({ "state": self.ice }));
                wire.event("iceconnectionstatechange", json!({ "state": self.ice }));
                self.set_connection(wire);
            }
            Event::Connected => {
                self.dtls = Some("connected");
                wire.event("dtlsstatechange", json!({ "state": "connected" }));
                self.set_connection(wire);
            }
            // Of DTLS or of SCTP, str0m does not tell which; it ends both.
            Event::Closed => {
                for n in 0..self.channels.len() {
                    self.on_channel_close(wire, n);
                }
                if self.sctp.is_some() {
                    self.sctp = Some("closed");
                    wire.event("sctpstatechange", json!({ "state": "closed" }));
                }
                self.dtls = Some("closed");
                wire.event("dtlsstatechange", json!({ "state": "closed" }));
            }
            Event::ChannelOpen(id, label) => self.on_channel_open(wire, id, label),
            Event::ChannelData(data) => self.on_message(context, data),
            Event::ChannelClose(id) => {
                if let Some(n) = self.channel_by_id(id) {
                    self.on_channel_close(wire, n);
                }
            }
            Event::ChannelBufferedAmountLow(id) => {
                // Before a channel is open only its own opening message can have been buffered.
                if let Some(n) = self.channel_by_id(id).filter(|n| self.channels[*n].state == "open") {
                    wire.event("bufferedamountlow", json!({ "channel": self.channels[n].config.label }));
                }
            }
            Event::MediaAdded(media) => self.on_media_added(wire, media.mid, media.kind, media.direction),
            Event::MediaChanged(_) => self.look_for_tracks(wire),
            Event::MediaData(data) => self.on_flow(wire, data.mid, false),
            Event::StreamPaused(stream) => self.on_flow(wire, stream.mid, stream.paused),
            Event::PeerStats(stats) => self.stats.peer(&stats, wire.clock()),
            Event::MediaIngressStats(stats) => self.stats.incoming(&stats, wire.clock()),
            Event::MediaEgressStats(stats) => self.stats.outgoing(&stats, wire.clock()),
            _ => {}
        }
    }

    pub fn set_signaling(&mut self, wire: &mut Wire, state: &'static str) {
        if self.signaling != state {
            self.signaling = state;
            wire.event("signalingstatechange", json!({ "state": state }));
        }
    }

    /// webrtc-pc §4.3.3. The DTLS transport counts as new until str0m says more.
    fn set_connection(&mut self, wire: &mut Wire) {
        let state = match (self.ice, self.dtls) {
            (_, Some("failed")) => "failed",
            ("disconnected", _) => "disconnected",
            ("new", None) => "new",
            ("connected" | "completed", Some(_)) => "connected",
            _ => "connecting",
        };
        if self.connection != state {
            self.connection = state;
            wire.event("connectionstatechange", json!({ "state": state }));
        }
    }

    pub fn close(&mut self, context: &mut Context) {
        if self.signaling == "closed" {
            return;
        }
        for state in [&mut self.signaling, &mut self.ice, &mut self.connection] {
            *state = "closed";
        }
        self.dtls = self.dtls.map(|_| "closed");
        self.sctp = self.sctp.map(|_| "closed");
        // Says good-bye by RTCP BYE and close_notify. Datagrams that wait in the channels are not waited for.
        let result = self.rtc.close();
        self.after(context, result);
        for channel in &mut self.channels {
            channel.state = "closed";
            for sending in channel.outbox.drain(..) {
                if let Some(command) = sending.command {
                    context
                        .wire
                        .answer(command, rejected("AbortError", "the connection was closed meanwhile"));
                }
            }
        }
    }
}

/// The candidate-attribute of an address that was never signalled.
fn composed(kind: &str, at: SocketAddr) -> String {
    format!("candidate:0 1 udp 0 {} {} typ {kind}", at.ip(), at.port())
}

fn is_at(candidate: &str, at: SocketAddr) -> bool {
    let mut fields = candidate.split(' ').skip(4);
    let (ip, port) = (fields.next(), fields.next());
    ip.and_then(|ip| ip.parse().ok()) == Some(at.ip())
        && port.and_then(|port| port.parse().ok()) == Some(at.port())
}
