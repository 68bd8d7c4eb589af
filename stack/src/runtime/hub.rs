//! The place where all packets of a connection meet: the tap, the watch over DTLS, and injection.

use super::gate::{Gate, Turn};
use super::udp::UdpShared;
use crate::dtls::Watch;
use crate::signal::Signal;
use crate::simulation;
use crate::sync::lock;
use crate::tap::{Action, Datagram, Direction, Tap, Transport};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;

/// The packets of one connection.
pub(crate) struct Hub {
    tap: Arc<dyn Tap>,
    watch: Arc<Watch>,
    mute: bool,
    signals: UnboundedSender<Signal>,
    turns: Notify,
    sockets: Mutex<Vec<Weak<UdpShared>>>,
    /// In a simulation the event loop gets what it waits for one by one.
    gate: Option<Gate>,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").field("tap", &self.tap).finish_non_exhaustive()
    }
}

/// A datagram that is to go on, after a delay.
pub(super) type Onward = (Duration, Vec<u8>);

impl Hub {
    /// A hub. A mute one sends nothing at all.
    pub(crate) fn new(
        tap: Arc<dyn Tap>,
        watch: Arc<Watch>,
        mute: bool,
        signals: UnboundedSender<Signal>,
    ) -> Self {
        let gate = simulation::is_running().then(Gate::default);
        Self { tap, watch, mute, signals, turns: Notify::new(), sockets: Mutex::default(), gate }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        // The connection may be gone already; then nobody wants to know.
        let _ = self.signals.send(signal);
    }

    pub(super) fn gate(&self) -> Option<&Gate> {
        self.gate.as_ref()
    }

    /// Opens the gate for what waits before it. Whether there was anything.
    ///
    /// The pause comes first: a turn that follows its end is one that nothing cut short, which is what its length rests on.
    pub(super) fn open_gate(&self) -> bool {
        let Some(gate) = &self.gate else { return false };
        if gate.open_for_timer() {
            return true;
        }
        let sockets: Vec<_> = lock(&self.sockets).iter().filter_map(Weak::upgrade).collect();
        let offered = sockets.iter().any(|socket| socket.offers());
        if offered {
            gate.open(Turn::Datagram);
        }
        offered
    }

    /// The event loop has finished a turn.
    pub(super) fn turned(&self) {
        self.turns.notify_one();
    }

    /// Waits until the event loop has finished a turn since the last call.
    pub(crate) async fn turn(&self) {
        self.turns.notified().await;
    }

    pub(super) fn register(&self, socket: &Arc<UdpShared>) {
        let mut sockets = lock(&self.sockets);
        sockets.retain(|s| s.strong_count() > 0);
        sockets.push(Arc::downgrade(socket));
    }

    /// Puts a datagram onto the network, or before the stack as if it had come from there, past the tap. Whether there
    /// is such a socket.
    pub(crate) fn inject(
        &self,
        direction: Direction,
        local: SocketAddr,
        remote: SocketAddr,
        payload: &[u8],
    ) -> bool {
        let socket = lock(&self.sockets).iter().filter_map(Weak::upgrade).find(|s| s.local() == local);
        match (socket, direction) {
            (Some(socket), Direction::Out) => socket.transmit(remote, payload),
            (Some(socket), Direction::In) => socket.deliver(remote, payload.to_vec()),
            (None, _) => return false,
        }
        true
    }

    /// What is to become of a datagram that the stack sends.
    pub(super) fn on_sent(
        &self,
        transport: Transport,
        local: SocketAddr,
        remote: SocketAddr,
        payload: &[u8],
    ) -> Action {
        if self.mute || !self.watch.sent(local, remote, payload) {
            return Action::Drop;
        }
        self.tap.on_datagram(&Datagram { direction: Direction::Out, transport, local, remote, payload })
    }

    /// What is to become of a datagram that came from the network: nothing (`None`: it goes on as it is) or these instead.
    pub(super) fn on_received(
        &self,
        transport: Transport,
        local: SocketAddr,
        remote: SocketAddr,
        payload: &[u8],
    ) -> Option<Vec<Onward>> {
        match self.tap.on_datagram(&Datagram { direction: Direction::In, transport, local, remote, payload })
        {
            Action::Pass => None,
            Action::Drop => Some(Vec::new()),
            Action::Deliver(list) => Some(list),
        }
    }

    /// A datagram is handed to the stack now.
    pub(super) fn on_handed_over(&self, payload: &[u8]) {
        for sent in self.watch.received(payload) {
            let Some(socket) =
                lock(&self.sockets).iter().filter_map(Weak::upgrade).find(|s| s.local() == sent.local)
            else {
                continue;
            };
            let datagram = Datagram {
                direction: Direction::Out,
                transport: Transport::Udp,
                local: sent.local,
                remote: sent.remote,
                payload: &sent.payload,
            };
            let action = self.tap.on_datagram(&datagram);
            socket.act(sent.remote, &sent.payload, action);
        }
    }
}
