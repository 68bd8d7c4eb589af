//! UDP sockets of our own: one datagram at a time, a large receive buffer, the tap on both ways.

use super::Hub;
use super::gate::Turn;
use crate::simulation::{self, Port};
use crate::sync::lock;
use crate::tap::{Action, Transport};
use nix::sys::socket::{setsockopt, sockopt};
use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::io::ReadBuf;
use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

/// Wanted of the kernel, in bytes: a message of 256 KiB arrives as one burst of 220 packets, whose buffers count double.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Most datagrams that wait for the stack. More are lost, as in a router.
const INBOX: usize = 4096;

#[derive(Debug, Default)]
struct Inbox {
    ready: VecDeque<(SocketAddr, Vec<u8>)>,
    reader: Option<Waker>,
}

/// What is below a socket.
#[derive(Debug)]
enum Below {
    Kernel(tokio::net::UdpSocket),
    /// The network of this thread's simulation.
    Simulation,
}

/// A socket, shared with what is delayed.
#[derive(Debug)]
pub(super) struct UdpShared {
    below: Below,
    local: SocketAddr,
    hub: Arc<Hub>,
    inbox: Mutex<Inbox>,
}

impl UdpShared {
    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Puts a datagram onto the network now.
    pub(super) fn transmit(&self, remote: SocketAddr, payload: &[u8]) {
        match &self.below {
            Below::Kernel(io) => {
                // A full send buffer or an unreachable network loses the datagram: that is UDP's contract.
                let _ = io.try_send_to(payload, remote);
            }
            Below::Simulation => simulation::send(self.local, remote, payload.to_vec()),
        }
    }

    /// Whether a datagram waits for the stack. If so, whoever reads is woken.
    pub(super) fn offers(&self) -> bool {
        let reader = {
            let mut inbox = lock(&self.inbox);
            if inbox.ready.is_empty() { None } else { inbox.reader.take() }
        };
        let offers = reader.is_some();
        if let Some(reader) = reader {
            reader.wake();
        }
        offers
    }

    /// Puts a datagram before the stack now.
    pub(super) fn deliver(&self, remote: SocketAddr, payload: Vec<u8>) {
        let reader = {
            let mut inbox = lock(&self.inbox);
            if inbox.ready.len() < INBOX {
                inbox.ready.push_back((remote, payload));
            }
            inbox.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Does to an outgoing datagram what the tap decided.
    pub(super) fn act(self: &Arc<Self>, remote: SocketAddr, payload: &[u8], action: Action) {
        match action {
            Action::Pass => self.transmit(remote, payload),
            Action::Drop => {}
            Action::Deliver(list) => {
                for (delay, payload) in list {
                    self.later(delay, move |socket| socket.transmit(remote, &payload));
                }
            }
        }
    }

    fn later(self: &Arc<Self>, delay: Duration, work: impl FnOnce(&Self) + Send + 'static) {
        if delay.is_zero() {
            return work(self);
        }
        // A closed socket must not live on for a delayed datagram.
        let socket: Weak<Self> = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            if let Some(socket) = socket.upgrade() {
                work(&socket);
            }
        });
    }

    fn take(&self, cx: &Context<'_>) -> Option<(SocketAddr, Vec<u8>)> {
        let mut inbox = lock(&self.inbox);
        let may = inbox.ready.is_empty() || self.hub.gate().is_none_or(|gate| gate.pass(Turn::Datagram));
        let first = if may { inbox.ready.pop_front() } else { None };
        // The event loop also probes with a waker that wakes nobody; it must not replace the true one.
        if first.is_none() && !cx.waker().will_wake(Waker::noop()) {
            inbox.reader = Some(cx.waker().clone());
        }
        first
    }
}

impl Port for UdpShared {
    fn arrive(self: Arc<Self>, from: SocketAddr, payload: Vec<u8>) {
        match self.hub.on_received(Transport::Udp, self.local, from, &payload) {
            None => self.deliver(from, payload),
            Some(list) => {
                for (delay, payload) in list {
                    self.later(delay, move |socket| socket.deliver(from, payload));
                }
            }
        }
    }
}

/// A socket as the `webrtc` crate sees it.
#[derive(Debug)]
pub(super) struct Udp(Arc<UdpShared>);

impl Udp {
    /// Takes over a bound socket.
    ///
    /// # Errors
    /// If the socket cannot be made non-blocking or registered with tokio.
    pub(super) fn wrap(socket: std::net::UdpSocket, hub: Arc<Hub>) -> io::Result<Self> {
        if simulation::is_running() {
            return Self::simulated(&socket, hub);
        }
        socket.set_nonblocking(true)?;
        // Only the superuser gets past the system's limit; what the kernel gives is enough for all but the largest bursts.
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            let _ = setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER);
        }
        let io = tokio::net::UdpSocket::from_std(socket)?;
        let local = io.local_addr()?;
        Ok(Self::shared(Below::Kernel(io), local, hub))
    }

    /// A socket of the simulation's network in the place of a bound one.
    fn simulated(bound: &std::net::UdpSocket, hub: Arc<Hub>) -> io::Result<Self> {
        let local = bound.local_addr()?;
        let socket = Self::shared(Below::Simulation, local, hub);
        let port: Arc<dyn Port> = Arc::<UdpShared>::clone(&socket.0);
        simulation::open(local, Arc::downgrade(&port));
        Ok(socket)
    }

    fn shared(below: Below, local: SocketAddr, hub: Arc<Hub>) -> Self {
        let shared = Arc::new(UdpShared { below, local, hub, inbox: Mutex::default() });
        shared.hub.register(&shared);
        Self(shared)
    }

    fn hand_over(&self, from: SocketAddr, payload: &[u8], buf: &mut [u8], meta: &mut RecvMeta) {
        let length = payload.len().min(buf.len());
        if let (Some(to), Some(data)) = (buf.get_mut(..length), payload.get(..length)) {
            to.copy_from_slice(data);
        }
        *meta = describe(from, length);
        self.0.hub.on_handed_over(payload);
    }
}

fn describe(from: SocketAddr, length: usize) -> RecvMeta {
    let mut meta = RecvMeta::default();
    meta.addr = from;
    meta.len = length;
    meta.stride = length.max(1);
    meta
}

impl AsyncUdpSocket for Udp {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.local)
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        // Readiness first: the tap must see each datagram once, however often this is polled.
        if let Below::Kernel(io) = &self.0.below {
            ready!(io.poll_send_ready(cx))?;
        }
        let action =
            self.0.hub.on_sent(Transport::Udp, self.0.local, transmit.destination, transmit.contents);
        self.0.act(transmit.destination, transmit.contents, action);
        Poll::Ready(Ok(transmit.contents.len()))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let (Some(buf), Some(meta)) = (bufs.first_mut(), meta.first_mut()) else {
            return Poll::Ready(Ok(0));
        };
        loop {
            if let Some((from, payload)) = self.0.take(cx) {
                self.hand_over(from, &payload, buf, meta);
                return Poll::Ready(Ok(1));
            }
            let Below::Kernel(io) = &self.0.below else { return Poll::Pending };
            let mut read = ReadBuf::new(buf);
            let from = ready!(io.poll_recv_from(cx, &mut read))?;
            let length = read.filled().len();
            match self.0.hub.on_received(Transport::Udp, self.0.local, from, read.filled()) {
                None => {
                    self.0.hub.on_handed_over(read.filled());
                    *meta = describe(from, length);
                    return Poll::Ready(Ok(1));
                }
                Some(list) => {
                    for (delay, payload) in list {
                        self.0.later(delay, move |socket| socket.deliver(from, payload));
                    }
                }
            }
        }
    }
}
