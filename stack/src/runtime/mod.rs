//! The `webrtc` crate's runtime, on tokio: every socket, timer and task of a connection passes here.
//!
//! So the tap sees every datagram, UDP and TCP alike, packets can be injected, the event loop's end is noticed, and its
//! pauses are cut where it has work left (see [`Workaround::SleepCap`](crate::workarounds::Workaround::SleepCap)).

mod framing;
mod gate;
mod hub;
mod logging;
mod pace;
mod tcp;
mod udp;

pub(crate) use hub::Hub;
pub use logging::install_log;

use crate::signal::Signal;
use futures::future::BoxFuture;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use webrtc::runtime::{AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime};

/// The runtime of one connection.
#[derive(Debug)]
pub(crate) struct StackRuntime {
    hub: Arc<Hub>,
    pace: Option<Arc<pace::Pace>>,
    has_driver: AtomicBool,
}

impl StackRuntime {
    /// A runtime whose packets pass `hub`; with `eager` the event loop's pauses are cut.
    pub(crate) fn new(hub: Arc<Hub>, eager: bool) -> Self {
        Self { hub, pace: eager.then(|| Arc::new(pace::Pace::default())), has_driver: AtomicBool::new(false) }
    }
}

/// A task that is the connection's event loop, or one that serves it.
struct Task {
    future: BoxFuture<'static, ()>,
    hub: Arc<Hub>,
    is_driver: bool,
}

impl Future for Task {
    type Output = ();
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let entered = logging::enter(&this.hub, this.is_driver);
        let mut polled = this.future.as_mut().poll(cx);
        while this.is_driver && polled.is_pending() && this.hub.open_gate() {
            polled = this.future.as_mut().poll(cx);
            // It was not at the place where it takes anything; it is polled again when it can go on.
            if this.hub.gate().is_some_and(gate::Gate::shut) {
                break;
            }
        }
        drop(entered);
        if polled.is_ready() && this.is_driver {
            this.hub.signal(Signal::DriverEnded);
        }
        polled
    }
}

struct Handle(tokio::task::JoinHandle<()>);

impl JoinHandle for Handle {
    fn detach(&self) {}
    fn abort(&self) {
        self.0.abort();
    }
    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

struct Interval(tokio::time::Interval);

impl AsyncInterval for Interval {
    fn tick(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            self.0.tick().await;
        })
    }
}

impl Runtime for StackRuntime {
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) -> Box<dyn JoinHandle> {
        // The first task that a connection spawns is its event loop.
        let is_driver = !self.has_driver.swap(true, Ordering::AcqRel);
        Box::new(Handle(tokio::spawn(Task { future, hub: self.hub.clone(), is_driver })))
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Ok(Arc::new(udp::Udp::wrap(socket, self.hub.clone())?))
    }

    fn wrap_tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        Ok(Arc::new(tcp::Listener::wrap(listener, self.hub.clone())?))
    }

    fn connect_tcp<'a>(
        &'a self,
        remote_addr: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = io::Result<Arc<dyn AsyncTcpStream>>> + Send + 'a>> {
        Box::pin(async move {
            let stream = tokio::net::TcpStream::connect(remote_addr).await?;
            Ok(Arc::new(tcp::Stream::wrap(stream, self.hub.clone())?) as Arc<dyn AsyncTcpStream>)
        })
    }

    fn resolve_host<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>> {
        Box::pin(async move { Ok(tokio::net::lookup_host(host).await?.collect()) })
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        if !logging::in_driver() {
            return Box::pin(tokio::time::sleep(duration));
        }
        // The event loop pauses once per turn, after it has done everything else.
        self.hub.turned();
        let hub = self.hub.clone();
        let gated = |timer: BoxFuture<'static, ()>| -> BoxFuture<'static, ()> {
            if hub.gate().is_some() { Box::pin(gate::Gated::new(timer, hub)) } else { timer }
        };
        match &self.pace {
            Some(pace) => Box::pin(pace.pause(duration, gated)),
            None => gated(Box::pin(tokio::time::sleep(duration))),
        }
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        Box::new(Interval(tokio::time::interval(period)))
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        // Not used by a connection, which is always driven by its own task.
        futures::executor::block_on(future);
    }

    fn yield_now(&self) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        Box::pin(tokio::task::yield_now())
    }

    fn name(&self) -> &'static str {
        "peerproof"
    }
}
