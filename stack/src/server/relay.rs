//! Relayed addresses, and the ways back to clients.

use super::allocation::Relay;
use super::core::Core;
use super::observed::Client;
use super::socket::Udp;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Tries for an even port.
const TRIES: usize = 64;

/// The way to a client. What it cannot take at once is lost, as with any network.
#[derive(Debug, Clone)]
pub(super) enum Sink {
    /// A datagram from the server's socket.
    Udp(Arc<Udp>, SocketAddr),
    /// The queue of a TCP or TLS connection.
    Stream(mpsc::Sender<Vec<u8>>),
}

impl Sink {
    pub(super) fn send(&self, bytes: Vec<u8>) {
        match self {
            Self::Udp(socket, client) => {
                let _lost = socket.try_send_to(&bytes, *client);
            }
            Self::Stream(queue) => {
                let _lost = queue.try_send(bytes);
            }
        }
    }
}

/// Takes a free port of this address, an even one if wanted (RFC 8656 §7.2).
pub(super) fn open(address: IpAddr, even: bool) -> io::Result<Relay> {
    // Those with odd ports are kept meanwhile, lest the next try gets the same.
    let mut odd = Vec::new();
    for _ in 0..TRIES {
        let socket = Udp::bind(SocketAddr::new(address, 0))?;
        let address = socket.local_addr()?;
        if even && address.port() % 2 != 0 {
            odd.push(socket);
            continue;
        }
        return Ok(Relay { address, socket: Arc::new(socket) });
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "no even port is free"))
}

/// The task of a relayed address: hands what peers send to the client, and ends the allocation when its time has come.
pub(super) struct Relaying {
    pub(super) core: Arc<Core>,
    pub(super) client: Client,
    pub(super) socket: Arc<Udp>,
    pub(super) sink: Sink,
    pub(super) expires: watch::Receiver<Instant>,
    pub(super) alive: mpsc::Sender<()>,
}

impl Relaying {
    pub(super) async fn run(self) {
        let Self { core, client, socket, sink, mut expires, alive } = self;
        let mut buffer = vec![0; 65536];
        loop {
            let until = *expires.borrow_and_update();
            tokio::select! {
                biased;
                changed = expires.changed() => {
                    // An error means that the allocation is gone.
                    if changed.is_err() {
                        break;
                    }
                }
                () = tokio::time::sleep_until(until) => core.expire(client, Instant::now()),
                received = socket.recv_from(&mut buffer) => {
                    // An ICMP error of an earlier packet shows here; the socket is fine.
                    let Ok((size, peer)) = received else { continue };
                    let data = buffer.get(..size).unwrap_or_default();
                    if let Some(wrapped) = core.wrap(client, peer, data) {
                        sink.send(wrapped);
                    }
                }
            }
        }
        drop(alive);
    }
}
