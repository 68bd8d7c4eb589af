//! Byte streams within a simulation, in the place of TCP: to a listener by its address, at once and without loss.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use tokio::io::DuplexStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Bytes that may be under way in one direction.
const WINDOW: usize = 64 * 1024;

thread_local! {
    static LISTENERS: RefCell<BTreeMap<SocketAddr, UnboundedSender<DuplexStream>>> =
        const { RefCell::new(BTreeMap::new()) };
}

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    incoming: UnboundedReceiver<DuplexStream>,
}

impl Listener {
    /// Listens there; on the lowest free port if none is given.
    ///
    /// # Errors
    /// Somebody listens there, or on all ports.
    pub(crate) fn bind(mut address: SocketAddr) -> io::Result<Self> {
        let (sender, incoming) = unbounded_channel();
        LISTENERS.with_borrow_mut(|listeners| {
            if address.port() == 0 {
                let free = (1..=u16::MAX)
                    .find(|port| !listeners.contains_key(&SocketAddr::new(address.ip(), *port)));
                address.set_port(free.ok_or(io::ErrorKind::AddrInUse)?);
            }
            if listeners.contains_key(&address) {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            listeners.insert(address, sender);
            Ok(Self { address, incoming })
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The thread may be ending, and all listeners with it.
        let _ = LISTENERS
            .try_with(|listeners| listeners.try_borrow_mut().map(|mut all| all.remove(&self.address)));
    }
}

impl axum::serve::Listener for Listener {
    type Io = DuplexStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (DuplexStream, SocketAddr) {
        match self.incoming.recv().await {
            Some(stream) => (stream, self.address),
            // The sender is among the listeners for as long as this is.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Connects.
///
/// # Errors
/// Nobody listens there.
pub(crate) fn connect(address: SocketAddr) -> io::Result<DuplexStream> {
    let (here, there) = tokio::io::duplex(WINDOW);
    let reached = LISTENERS.with_borrow(|listeners| {
        listeners.get(&address).is_some_and(|listener| listener.send(there).is_ok())
    });
    if reached { Ok(here) } else { Err(io::ErrorKind::ConnectionRefused.into()) }
}
