//! Decides which of the crate's reports become events, in which order, and keeps what was reported.

use super::event::{
    Candidate, Event, RTCDtlsTransportState, RTCIceTransportState, RTCSctpTransportState, Reported,
};
use super::sdp;
use crate::dtls::Evidence;
use crate::latest::Latest;
use crate::sync::lock;
use crate::tap::Direction;
use crate::workarounds::{Workaround, Workarounds};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::sync::mpsc::UnboundedSender;
use webrtc::peer_connection::{
    RTCIceConnectionState, RTCIceGatheringState, RTCPeerConnectionState, RTCSignalingState,
};

/// What the events so far add up to.
#[derive(Debug, Clone)]
pub struct States {
    /// `signalingState`.
    pub signaling: RTCSignalingState,
    /// `iceGatheringState`.
    pub gathering: RTCIceGatheringState,
    /// `iceConnectionState`.
    pub ice_connection: RTCIceConnectionState,
    /// `connectionState`.
    pub connection: RTCPeerConnectionState,
    /// State of the DTLS transport, once there is one.
    pub dtls: Option<RTCDtlsTransportState>,
    /// State of the ICE transport, once there is one.
    pub ice_transport: Option<RTCIceTransportState>,
    /// State of the SCTP transport, once there is one.
    pub sctp: Option<RTCSctpTransportState>,
}

#[derive(Debug)]
struct LastReported {
    states: States,
    pair: Option<(String, String)>,
    generation: Generation,
    candidates: BTreeSet<(String, String)>,
    /// `gathering` is to be reported when this signaling state is reached, or with the first candidate.
    gathering_due: Option<RTCSignalingState>,
    dtls_failed: bool,
    last_error: Option<String>,
    /// `close` was called: no transport changes its state any more, and no channel opens.
    closed: bool,
    /// Grows when something implies the transports' states; what was read of them before is out of date then.
    epoch: u64,
}

/// How far the signaling state has been reported.
#[derive(Debug, Clone, Copy)]
struct Signaled {
    state: RTCSignalingState,
    /// Nothing more will come.
    over: bool,
}

/// What local candidates belong to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Generation {
    mid: Option<String>,
    fragment: Option<String>,
}

/// Reports the events of one connection.
#[derive(Debug)]
pub(crate) struct StateReporter {
    out: UnboundedSender<Reported>,
    workarounds: Workarounds,
    last: Mutex<LastReported>,
    signaled: Latest<Signaled>,
    count: AtomicU64,
}

impl StateReporter {
    pub(super) fn new(out: UnboundedSender<Reported>, workarounds: Workarounds) -> Self {
        let states = States {
            signaling: RTCSignalingState::Stable,
            gathering: RTCIceGatheringState::New,
            ice_connection: RTCIceConnectionState::New,
            connection: RTCPeerConnectionState::New,
            dtls: None,
            ice_transport: None,
            sctp: None,
        };
        let last = LastReported {
            states,
            pair: None,
            generation: Generation::default(),
            candidates: BTreeSet::new(),
            gathering_due: None,
            dtls_failed: false,
            last_error: None,
            closed: false,
            epoch: 0,
        };
        let signaled = Latest::new(Signaled { state: RTCSignalingState::Stable, over: false });
        Self { out, workarounds, last: Mutex::new(last), signaled, count: AtomicU64::new(0) }
    }

    pub(super) fn report_at(&self, at: Instant, event: Event) {
        self.count.fetch_add(1, Ordering::AcqRel);
        // Whoever dropped the receiver does not want to know.
        let _ = self.out.send(Reported { at, event });
    }

    /// How many events were reported.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Waits until this signaling state has been reported, or nothing will be reported any more. The crate's event loop reports it after the
    /// operation that led to it has returned; webrtc-pc has the event fire before the promise is resolved (§4.4.1.5).
    pub(super) async fn until_signaled(&self, state: RTCSignalingState) {
        self.signaled.wait_for(|signaled| signaled.over || signaled.state == state).await;
    }

    /// Marks what is read of the transports from now on; see [`StateReporter::on_dtls`].
    pub(super) fn epoch(&self) -> u64 {
        lock(&self.last).epoch
    }

    pub(super) fn report(&self, event: Event) {
        self.report_at(Instant::now(), event);
    }

    pub(super) fn states(&self) -> States {
        lock(&self.last).states.clone()
    }

    /// A local description is about to be set, which leads to `state`. Gives back what undoes it.
    pub(super) fn on_local_description(&self, sdp: &str, state: RTCSignalingState) -> Generation {
        let generation = Generation {
            mid: sdp::mids(sdp).first().map(|mid| (*mid).to_owned()),
            fragment: sdp::attribute(sdp, "ice-ufrag").map(str::to_owned),
        };
        let mut last = lock(&self.last);
        let before = std::mem::replace(&mut last.generation, generation);
        if before.fragment != last.generation.fragment {
            last.gathering_due = Some(state);
        }
        before
    }

    /// The local description was refused.
    pub(super) fn on_local_description_refused(&self, before: Generation) {
        let mut last = lock(&self.last);
        if before.fragment != last.generation.fragment {
            last.gathering_due = None;
        }
        last.generation = before;
    }

    fn begin_gathering(&self, last: &mut LastReported) {
        if last.gathering_due.take().is_some() {
            last.states.gathering = RTCIceGatheringState::Gathering;
            if self.workarounds.has(Workaround::GatheringEvent) {
                self.report(Event::IceGatheringState(RTCIceGatheringState::Gathering));
            }
        }
    }

    pub(super) fn on_signaling(&self, state: RTCSignalingState) {
        let mut last = lock(&self.last);
        last.states.signaling = state;
        self.report(Event::SignalingState(state));
        self.signaled.update(|signaled| signaled.state = state);
        if last.gathering_due == Some(state) {
            self.begin_gathering(&mut last);
        }
    }

    pub(super) fn on_candidate(&self, attribute: String) {
        let last = &mut *lock(&self.last);
        self.begin_gathering(last);
        if self.workarounds.has(Workaround::RtcpComponentFilter) && sdp::component(&attribute) == Some(2) {
            return;
        }
        let mark = (last.generation.fragment.clone().unwrap_or_default(), attribute.clone());
        if !last.candidates.insert(mark) && self.workarounds.has(Workaround::RegatherFilter) {
            return;
        }
        let mut candidate = Candidate { candidate: attribute, ..Candidate::default() };
        if self.workarounds.has(Workaround::CandidateIdentity) {
            candidate.sdp_mid = last.generation.mid.clone();
            candidate.sdp_m_line_index = Some(0);
            candidate.username_fragment = last.generation.fragment.clone();
        }
        self.report(Event::IceCandidate(Some(candidate)));
    }

    pub(super) fn on_gathering(&self, state: RTCIceGatheringState) {
        let mut last = lock(&self.last);
        self.begin_gathering(&mut last);
        if last.states.gathering == state && self.workarounds.has(Workaround::RegatherFilter) {
            return;
        }
        last.states.gathering = state;
        self.report(Event::IceGatheringState(state));
        if state == RTCIceGatheringState::Complete {
            self.report(Event::IceCandidate(None));
        }
    }

    pub(super) fn on_ice_connection(&self, state: RTCIceConnectionState) {
        lock(&self.last).states.ice_connection = state;
        self.report(Event::IceConnectionState(state));
    }

    pub(super) fn on_connection(&self, state: RTCPeerConnectionState) {
        let mut last = lock(&self.last);
        // A failed DTLS transport keeps the connection failed (webrtc-pc §4.3.3), whatever the crate makes of it.
        let is_hidden = last.dtls_failed && state != RTCPeerConnectionState::Closed;
        if is_hidden || last.states.connection == state {
            return;
        }
        if state == RTCPeerConnectionState::Connected {
            // The crate derives this state from those of the transports (webrtc-pc §4.3.3), which it does not report themselves.
            if last.states.ice_transport != Some(RTCIceTransportState::Completed) {
                self.ice_transport(&mut last, RTCIceTransportState::Connected);
            }
            self.dtls(&mut last, RTCDtlsTransportState::Connected);
            last.epoch += 1;
        }
        if state == RTCPeerConnectionState::Disconnected
            && last.states.ice_transport.is_some_and(|state| state != RTCIceTransportState::Failed)
        {
            // The same derivation. An ICE restart may follow before the transport is read, and this state would be missing.
            self.ice_transport(&mut last, RTCIceTransportState::Disconnected);
            last.epoch += 1;
        }
        last.states.connection = state;
        self.report(Event::ConnectionState(state));
    }

    /// A channel is open, so the association is (webrtc-pc §6.1.1.2), whenever its state is read next. False if the connection was closed
    /// meanwhile: then no channel is announced (webrtc-pc §6.2).
    pub(super) fn on_channel_open(&self) -> bool {
        let mut last = lock(&self.last);
        self.sctp(&mut last, RTCSctpTransportState::Connected);
        last.epoch += 1;
        !last.closed
    }

    /// The DTLS transport's state was read in this epoch; if that is over, the reading counts for nothing.
    pub(super) fn on_dtls(&self, state: RTCDtlsTransportState, epoch: u64) {
        let mut last = lock(&self.last);
        if last.epoch == epoch {
            self.dtls(&mut last, state);
        }
    }

    fn dtls(&self, last: &mut LastReported, state: RTCDtlsTransportState) {
        if last.closed || last.dtls_failed || last.states.dtls == Some(state) {
            return;
        }
        let is_first = last.states.dtls.replace(state).is_none();
        if !(is_first && state == RTCDtlsTransportState::New) {
            self.report(Event::DtlsState { state, reason: None });
        }
    }

    /// The ICE transport's state was read in this epoch.
    pub(super) fn on_ice_transport(&self, state: RTCIceTransportState, epoch: u64) {
        let mut last = lock(&self.last);
        if last.epoch == epoch {
            self.ice_transport(&mut last, state);
        }
    }

    fn ice_transport(&self, last: &mut LastReported, state: RTCIceTransportState) {
        if last.closed || last.states.ice_transport == Some(state) {
            return;
        }
        let is_first = last.states.ice_transport.replace(state).is_none();
        if !(is_first && state == RTCIceTransportState::New) {
            self.report(Event::IceTransportState(state));
        }
    }

    /// The SCTP transport's state was read in this epoch.
    pub(super) fn on_sctp(&self, state: RTCSctpTransportState, epoch: u64) {
        let mut last = lock(&self.last);
        if last.epoch == epoch {
            self.sctp(&mut last, state);
        }
    }

    fn sctp(&self, last: &mut LastReported, state: RTCSctpTransportState) {
        let is_blip = state == RTCSctpTransportState::Closed
            && last.states.sctp != Some(RTCSctpTransportState::Connected)
            && self.workarounds.has(Workaround::SctpClosedBlip);
        if last.closed || is_blip || last.states.sctp == Some(state) {
            return;
        }
        last.states.sctp = Some(state);
        self.report(Event::SctpState(state));
    }

    pub(super) fn on_pair(&self, local: String, remote: String) {
        let mut last = lock(&self.last);
        let pair = Some((local.clone(), remote.clone()));
        if last.pair != pair {
            last.pair = pair;
            self.report(Event::SelectedPair { local, remote });
        }
    }

    /// Something was seen of DTLS on the wire.
    pub(super) fn on_evidence(&self, evidence: Evidence) {
        let Evidence::Alert { direction, description } = evidence else { return };
        let mut last = lock(&self.last);
        if description == 0 || !self.workarounds.has(Workaround::DtlsStateFromAlerts) {
            return;
        }
        let how = if direction == Direction::In { "received" } else { "sent" };
        self.fail(&mut last, format!("fatal alert {description} ({}) {how}", alert_name(description)));
    }

    /// The DTLS transport has failed, and with it the connection (webrtc-pc §4.3.3).
    fn fail(&self, last: &mut LastReported, reason: String) {
        if std::mem::replace(&mut last.dtls_failed, true) {
            return;
        }
        last.states.dtls = Some(RTCDtlsTransportState::Failed);
        self.report(Event::DtlsState { state: RTCDtlsTransportState::Failed, reason: Some(reason) });
        if last.states.connection != RTCPeerConnectionState::Closed {
            last.states.connection = RTCPeerConnectionState::Failed;
            self.report(Event::ConnectionState(RTCPeerConnectionState::Failed));
        }
    }

    pub(super) fn on_log(&self, level: &'static str, message: String) {
        if level == "error" {
            lock(&self.last).last_error = Some(message.clone());
        }
        self.report(Event::Log { level, message });
    }

    pub(super) fn on_driver_ended(&self) {
        let mut last = lock(&self.last);
        let reason = last.last_error.take();
        let reason = reason.unwrap_or_else(|| "the event loop ended without an error".to_owned());
        if last.states.dtls == Some(RTCDtlsTransportState::Connecting)
            && self.workarounds.has(Workaround::DeadLoopFails)
        {
            self.fail(&mut last, format!("the handshake was abandoned: {reason}"));
        }
        self.report(Event::DriverDied { reason });
        self.signaled.update(|signaled| signaled.over = true);
    }

    /// `close` was called: the states change without events (webrtc-pc §4.4.1 "close the connection").
    pub(super) fn on_close(&self) {
        let mut last = lock(&self.last);
        last.closed = true;
        let states = &mut last.states;
        states.signaling = RTCSignalingState::Closed;
        states.ice_connection = RTCIceConnectionState::Closed;
        states.connection = RTCPeerConnectionState::Closed;
        states.dtls = states.dtls.map(|_| RTCDtlsTransportState::Closed);
        states.ice_transport = states.ice_transport.map(|_| RTCIceTransportState::Closed);
        states.sctp = states.sctp.map(|_| RTCSctpTransportState::Closed);
        self.signaled.update(|signaled| signaled.over = true);
    }
}

/// AlertDescription, RFC 5246 §7.2.
const fn alert_name(description: u8) -> &'static str {
    match description {
        10 => "unexpected_message",
        20 => "bad_record_mac",
        22 => "record_overflow",
        40 => "handshake_failure",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        90 => "user_canceled",
        109 => "missing_extension",
        110 => "unsupported_extension",
        116 => "certificate_required",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_connection_opens_no_channel_and_changes_no_transport() {
        let (out, mut reported) = tokio::sync::mpsc::unbounded_channel();
        let reporter = StateReporter::new(out, Workarounds::default());
        assert!(reporter.on_channel_open());
        assert!(matches!(reported.try_recv().unwrap().event, Event::SctpState(_)));
        reporter.on_close();
        assert!(!reporter.on_channel_open());
        reporter.on_dtls(RTCDtlsTransportState::Connected, reporter.epoch());
        reporter.on_ice_transport(RTCIceTransportState::Connected, reporter.epoch());
        assert!(reported.try_recv().is_err());
    }
}
