//! What all listeners share: the state, and the way in for everything that arrives.

use super::allocation::Allocation;
use super::auth::{Nonce, Users};
use super::config::{Config, Lifetimes, Limits};
use super::fault::Fault;
use super::message::{self, Incoming};
use super::observed::{Client, Ending, Observed};
use super::relay::Sink;
use crate::sync::lock;
use indexmap::IndexMap;
use rtc::crypto::RTCCryptoProvider;
use rtc::stun::attributes::{ATTR_DATA, ATTR_XOR_PEER_ADDRESS};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::Instant;

/// What changes.
pub(super) struct ServerState {
    pub(super) fault: Fault,
    pub(super) nonce: Nonce,
    pub(super) allocations: IndexMap<Client, Allocation>,
}

/// What all tasks of a server share.
pub(super) struct Core {
    pub(super) users: Users,
    pub(super) lifetimes: Lifetimes,
    pub(super) limits: Limits,
    pub(super) reflexive: Option<SocketAddr>,
    /// Where relayed addresses are taken.
    pub(super) relay: Vec<IpAddr>,
    pub(super) crypto: Arc<dyn RTCCryptoProvider>,
    pub(super) stopping: watch::Receiver<bool>,
    /// Held by every task, so that stopping can wait for the last.
    alive: Mutex<Option<mpsc::Sender<()>>>,
    late: Arc<Semaphore>,
    observer: Option<mpsc::UnboundedSender<Observed>>,
    state: Mutex<ServerState>,
}

/// An answer, and how long it is held back.
pub(super) struct Answer {
    pub(super) bytes: Vec<u8>,
    pub(super) after: Duration,
}

impl Core {
    /// Nothing if the cryptography library cannot compute the users' keys.
    pub(super) fn new(
        config: &Config,
        crypto: Arc<dyn RTCCryptoProvider>,
        observer: Option<mpsc::UnboundedSender<Observed>>,
        stopping: watch::Receiver<bool>,
        alive: mpsc::Sender<()>,
    ) -> Option<Self> {
        let relay = if config.relay.is_empty() { vec![config.listen.address] } else { config.relay.clone() };
        let state = ServerState {
            fault: config.fault,
            nonce: Nonce::new(config.lifetimes.nonce, Instant::now()),
            allocations: IndexMap::new(),
        };
        Some(Self {
            users: Users::new(&config.realm, &config.users, crypto.crypto())?,
            lifetimes: config.lifetimes,
            limits: config.limits,
            reflexive: config.reflexive,
            relay,
            crypto,
            stopping,
            alive: Mutex::new(Some(alive)),
            late: Arc::new(Semaphore::new(config.limits.late_answers)),
            observer,
            state: Mutex::new(state),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, ServerState> {
        lock(&self.state)
    }

    pub(super) fn observe(&self, observed: Observed) {
        if let Some(observer) = &self.observer {
            // Nobody listens any more: the same as no observer.
            let _gone = observer.send(observed);
        }
    }

    /// A token for a task. Nothing when the server stops.
    pub(super) fn alive(&self) -> Option<mpsc::Sender<()>> {
        lock(&self.alive).clone()
    }

    /// No more tasks; all allocations end.
    pub(super) fn stop(&self) {
        drop(lock(&self.alive).take());
        self.end_all();
    }

    /// Ends all allocations.
    pub(super) fn end_all(&self) {
        let ended: Vec<(Client, Allocation)> = self.state().allocations.drain(..).collect();
        for (client, allocation) in ended {
            self.observe_end(client, &allocation, Ending::Ended);
        }
    }

    /// Ends one allocation.
    pub(super) fn end(&self, client: Client, ending: Ending) {
        let ended = self.state().allocations.shift_remove(&client);
        if let Some(allocation) = ended {
            self.observe_end(client, &allocation, ending);
        }
    }

    /// Ends an allocation whose time has come.
    pub(super) fn expire(&self, client: Client, now: Instant) {
        let is_due = self
            .state()
            .allocations
            .get(&client)
            .is_some_and(|allocation| *allocation.expires.borrow() <= now);
        if is_due {
            self.end(client, Ending::Expired);
        }
    }

    pub(super) fn observe_end(&self, client: Client, allocation: &Allocation, ending: Ending) {
        let (sent, received) = allocation.relayed;
        self.observe(Observed::Ended { client, ending, sent, received });
    }

    /// Changes how the server misbehaves. The nonces that clients know are good no more if the new way is about them.
    pub(super) fn misbehave(&self, fault: Fault) {
        let mut state = self.state();
        state.fault = fault;
        if matches!(fault, Fault::StaleNonceOnce | Fault::StaleNonceForever) {
            state.nonce.renew(Instant::now());
        }
    }

    /// Deals with what a client sent.
    pub(super) fn take(self: &Arc<Self>, client: Client, bytes: &[u8], sink: &Sink) {
        match message::read(bytes) {
            Some(Incoming::Request(method, request)) => {
                let Some(answer) = self.answer(client, method, &request, sink) else { return };
                self.reply(answer, sink);
            }
            Some(Incoming::Send(indication)) => {
                let peers = message::addresses(&indication, ATTR_XOR_PEER_ADDRESS).unwrap_or_default();
                let data = message::value(&indication, ATTR_DATA);
                if let ([peer], Some(data)) = (peers.as_slice(), data) {
                    self.relay_out(client, data, |allocation, now| {
                        allocation.permits(peer.ip(), now).then_some(*peer)
                    });
                }
            }
            Some(Incoming::Channel(channel, data)) => {
                self.relay_out(client, &data, |allocation, now| allocation.peer_of(channel, now));
            }
            None => {}
        }
    }

    fn reply(&self, answer: Answer, sink: &Sink) {
        let Answer { bytes, after } = answer;
        if after.is_zero() {
            sink.send(bytes);
            return;
        }
        let (Ok(permit), Some(alive)) = (Arc::clone(&self.late).try_acquire_owned(), self.alive()) else {
            return;
        };
        let (sink, mut stopping) = (sink.clone(), self.stopping.clone());
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = tokio::time::sleep(after) => sink.send(bytes),
                _ = stopping.wait_for(|stop| *stop) => {}
            }
            drop((permit, alive));
        });
    }

    /// Relays to the peer that `choose` finds.
    fn relay_out(
        &self,
        client: Client,
        data: &[u8],
        choose: impl FnOnce(&Allocation, Instant) -> Option<SocketAddr>,
    ) {
        let mut state = self.state();
        let Some(allocation) = state.allocations.get_mut(&client) else { return };
        let Some(peer) = choose(allocation, Instant::now()) else { return };
        let Some(relay) = allocation.relay_for(peer) else { return };
        // A full buffer loses the packet, as any network may.
        if relay.socket.try_send_to(data, peer).is_err() {
            return;
        }
        allocation.relayed.0 += 1;
        if allocation.relayed.0 == 1 {
            self.observe(Observed::Relayed { client, peer, outwards: true });
        }
    }

    /// Wraps what a peer sent as its client wants it; nothing if the peer has no permission.
    pub(super) fn wrap(&self, client: Client, peer: SocketAddr, data: &[u8]) -> Option<Vec<u8>> {
        let mut state = self.state();
        let allocation = state.allocations.get_mut(&client)?;
        let now = Instant::now();
        if !allocation.permits(peer.ip(), now) {
            if !std::mem::replace(&mut allocation.unpermitted, true) {
                self.observe(Observed::Unpermitted { client, peer });
            }
            return None;
        }
        let wrapped = match allocation.channel_of(peer, now) {
            Some(channel) => {
                let padded = client.transport != super::observed::Transport::Udp;
                message::channel_data(channel, data, padded)
            }
            None => message::data_indication(peer, data)?,
        };
        allocation.relayed.1 += 1;
        if allocation.relayed.1 == 1 {
            self.observe(Observed::Relayed { client, peer, outwards: false });
        }
        Some(wrapped)
    }
}
