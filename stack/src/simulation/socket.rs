//! A UDP socket of a simulation's network, for whoever serves there.

use super::Port;
use crate::sync::lock;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, Weak};
use tokio::sync::Notify;

/// Most datagrams that wait to be read. More are lost, as in a router.
const INBOX: usize = 4096;

#[derive(Debug, Default)]
struct Inbox {
    ready: Mutex<VecDeque<(SocketAddr, Vec<u8>)>>,
    came: Notify,
}

impl Port for Inbox {
    fn arrive(self: Arc<Self>, from: SocketAddr, payload: Vec<u8>) {
        let mut ready = lock(&self.ready);
        if ready.len() < INBOX {
            ready.push_back((from, payload));
            self.came.notify_one();
        }
    }
}

/// A bound socket.
#[derive(Debug)]
pub(crate) struct Socket {
    address: SocketAddr,
    inbox: Arc<Inbox>,
}

impl Socket {
    /// Binds to this address; to a port of its own if none is given.
    ///
    /// # Errors
    /// Somebody else has it.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let inbox = Arc::new(Inbox::default());
        let port: Weak<Inbox> = Arc::downgrade(&inbox);
        Ok(Self { address: super::bind(address, port)?, inbox })
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The next datagram, as far as it fits. May be dropped while it waits.
    pub(crate) async fn recv_from(&self, buffer: &mut [u8]) -> (usize, SocketAddr) {
        loop {
            let first = lock(&self.inbox.ready).pop_front();
            if let Some((from, payload)) = first {
                let size = payload.len().min(buffer.len());
                if let (Some(to), Some(data)) = (buffer.get_mut(..size), payload.get(..size)) {
                    to.copy_from_slice(data);
                }
                return (size, from);
            }
            self.inbox.came.notified().await;
        }
    }

    pub(crate) fn send_to(&self, payload: &[u8], to: SocketAddr) {
        super::send(self.address, to, payload.to_vec());
    }
}
