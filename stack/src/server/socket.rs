//! The server's UDP sockets: the kernel's, or those of the simulation in which it runs.

use crate::simulation;
use std::io;
use std::net::SocketAddr;
use tokio::net::UdpSocket;

/// A bound socket.
#[derive(Debug)]
pub(super) enum Udp {
    Kernel(UdpSocket),
    Simulation(simulation::Socket),
}

impl Udp {
    /// Binds. Must be called within a tokio runtime.
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        if simulation::is_running() {
            return simulation::Socket::bind(address).map(Self::Simulation);
        }
        let socket = std::net::UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        UdpSocket::from_std(socket).map(Self::Kernel)
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Kernel(socket) => socket.local_addr(),
            Self::Simulation(socket) => Ok(socket.local_addr()),
        }
    }

    pub(super) async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match self {
            Self::Kernel(socket) => socket.recv_from(buffer).await,
            Self::Simulation(socket) => Ok(socket.recv_from(buffer).await),
        }
    }

    pub(super) fn try_send_to(&self, payload: &[u8], to: SocketAddr) -> io::Result<usize> {
        match self {
            Self::Kernel(socket) => socket.try_send_to(payload, to),
            Self::Simulation(socket) => {
                socket.send_to(payload, to);
                Ok(payload.len())
            }
        }
    }
}
