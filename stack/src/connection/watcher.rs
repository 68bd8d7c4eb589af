//! Follows what the crate does not report: the transports' states, its log, the end of its event loop.

use super::handler::Handler;
use super::reporter::StateReporter;
use crate::runtime::Hub;
use crate::signal::Signal;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use webrtc::peer_connection::PeerConnection as Inner;
use webrtc::peer_connection::transport::{DtlsTransport, SctpTransport};

/// States are read at most this often; a transport passes through them in longer time.
const LEAST_PAUSE: Duration = Duration::from_millis(1);

/// The transports, once found. They stay the same for the connection's life, since the crate always bundles.
#[derive(Default)]
struct Transports {
    sctp: Option<Arc<dyn SctpTransport>>,
    dtls: Option<Arc<dyn DtlsTransport>>,
}

impl Transports {
    async fn find(&mut self, pc: &dyn Inner) {
        if self.sctp.is_none() {
            self.sctp = pc.sctp().await;
        }
        if self.dtls.is_some() {
            return;
        }
        self.dtls = self.sctp.as_ref().map(|sctp| sctp.transport());
        if self.dtls.is_some() {
            return;
        }
        // The crate lists transceivers in two steps. One that is added between them loses its sender for good, so that its track is
        // never sent. Before there is a description nothing has a transport.
        if pc.local_description().await.is_none() {
            return;
        }
        for transceiver in pc.get_transceivers().await {
            if let Ok(Some(sender)) = transceiver.sender().await
                && let Ok(Some(dtls)) = sender.transport().await
            {
                self.dtls = Some(dtls);
                return;
            }
            if let Ok(Some(receiver)) = transceiver.receiver().await
                && let Ok(Some(dtls)) = receiver.transport().await
            {
                self.dtls = Some(dtls);
                return;
            }
        }
    }

    async fn read(&mut self, pc: &dyn Inner, reporter: &StateReporter) {
        self.find(pc).await;
        let epoch = reporter.epoch();
        // An error here means that the connection is being closed; there is nothing to report then.
        if let Some(dtls) = &self.dtls {
            let ice = dtls.ice_transport();
            if let Ok(state) = ice.state().await {
                reporter.on_ice_transport(state, epoch);
            }
            if let Ok(Some(pair)) = ice.get_selected_candidate_pair().await
                && let (Ok(local), Ok(remote)) = (pair.local().to_json(), pair.remote().to_json())
            {
                reporter.on_pair(local.candidate, remote.candidate);
            }
            if let Ok(state) = dtls.state().await {
                reporter.on_dtls(state, epoch);
            }
        }
        if let Some(sctp) = &self.sctp
            && let Ok(state) = sctp.state().await
        {
            reporter.on_sctp(state, epoch);
        }
    }
}

/// Runs until the connection is dropped or closed.
pub(super) async fn watch(
    pc: Weak<dyn Inner>,
    hub: Arc<Hub>,
    handler: Arc<Handler>,
    mut signals: UnboundedReceiver<Signal>,
) {
    let reporter = handler.reporter();
    let mut transports = Transports::default();
    loop {
        let signal = tokio::select! {
            biased;
            signal = signals.recv() => signal,
            () = hub.turn() => {
                let Some(pc) = pc.upgrade() else { return };
                if handler.is_closed() {
                    return;
                }
                transports.read(&*pc, reporter).await;
                tokio::time::sleep(LEAST_PAUSE).await;
                continue;
            }
        };
        match signal {
            Some(Signal::Dtls(evidence)) => reporter.on_evidence(evidence),
            Some(Signal::Log { level, message }) => reporter.on_log(level, message),
            Some(Signal::DriverEnded) => {
                if !handler.is_closed() {
                    reporter.on_driver_ended();
                }
                return;
            }
            None => return,
        }
    }
}
