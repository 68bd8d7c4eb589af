//! The network of a simulation: hosts and ports in memory, and a latency. Loss and the like are the tap's business.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// From socket to socket. Timers count milliseconds, so it is the least that can be distinguished from none.
pub(super) const LATENCY: Duration = Duration::from_millis(1);

/// Where datagrams arrive.
pub(crate) trait Port: Send + Sync {
    /// One has come from there.
    fn arrive(self: Arc<Self>, from: SocketAddr, payload: Vec<u8>);
}

/// A datagram under way.
struct Datagram {
    from: SocketAddr,
    to: SocketAddr,
    payload: Vec<u8>,
}

/// The next of the dynamic ports, RFC 6335 §6. No simulation makes 16384 sockets.
fn next_port(ports: &mut u16) -> u16 {
    *ports = ports.wrapping_add(1);
    49_152 | *ports
}

/// All sockets of a simulation.
pub(super) struct Network {
    hosts: u8,
    ports: u16,
    /// What sockets that the kernel has bound are called here, until they are taken over.
    given: BTreeMap<SocketAddrV4, SocketAddrV4>,
    open: BTreeMap<SocketAddr, Weak<dyn Port>>,
    under_way: VecDeque<Datagram>,
}

impl Network {
    pub(super) const fn new() -> Self {
        Self { hosts: 0, ports: 0, given: BTreeMap::new(), open: BTreeMap::new(), under_way: VecDeque::new() }
    }

    /// A loopback address for the sockets of one more host.
    pub(super) fn host(&mut self) -> IpAddr {
        self.hosts = self.hosts.saturating_add(1);
        Ipv4Addr::new(127, 0, 0, self.hosts).into()
    }

    /// The address of the socket that the kernel has bound here: always the same for the same, of the documentation's network
    /// (RFC 5737), the port by the order of asking.
    pub(super) fn given(&mut self, bound: SocketAddrV4) -> Option<SocketAddrV4> {
        let [127, 0, 0, host] = bound.ip().octets() else { return None };
        let Self { given, ports, .. } = self;
        let address = given
            .entry(bound)
            .or_insert_with(|| SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, host), next_port(ports)));
        Some(*address)
    }

    /// Opens a port, one that nobody has had if none is given.
    pub(super) fn bind(&mut self, mut address: SocketAddr, port: Weak<dyn Port>) -> io::Result<SocketAddr> {
        if address.port() == 0 {
            address.set_port(next_port(&mut self.ports));
        }
        if self.open.get(&address).is_some_and(|port| port.strong_count() > 0) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        self.open.insert(address, port);
        Ok(address)
    }

    /// Opens a port. The kernel's sockets are closed by now and their ports may be another's soon.
    pub(super) fn open(&mut self, address: SocketAddr, port: Weak<dyn Port>) {
        self.given.clear();
        self.open.retain(|_, port| port.strong_count() > 0);
        self.open.insert(address, port);
    }

    pub(super) fn send(&mut self, from: SocketAddr, to: SocketAddr, payload: Vec<u8>) {
        self.under_way.push_back(Datagram { from, to, payload });
    }

    /// The next arrival: each takes the same time, so they come in the order of sending. To a closed port comes nothing.
    pub(super) fn arrival(&mut self) -> Option<(Arc<dyn Port>, SocketAddr, Vec<u8>)> {
        let Datagram { from, to, payload } = self.under_way.pop_front()?;
        let port = self.open.get(&to)?.upgrade()?;
        Some((port, from, payload))
    }
}
