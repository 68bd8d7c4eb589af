//! The lab: hosts in network namespaces, joined by the [fabric](super::fabric) in user space, in real time.
//!
//! Each host has a TUN device for each of its interfaces. What it sends is read there, shown to the rules, carried by the
//! fabric and written to the device of whoever it reaches; every step is shown to a [`Watch`], which records it. Sockets,
//! listeners and processes come into a host by being opened on its thread; loopback carries what belongs to the harness.
//!
//! Nothing of it is in the file system and nothing outlives the process: namespaces are held by threads, devices by file
//! descriptors.

mod connector;
mod engine;
mod host;
mod namespace;
mod netlink;
mod sockets;

pub use connector::Connector;
pub use engine::{Passed, Wake, Watch};
pub use host::{Host, InterfaceSpec};
pub use namespace::{Namespace, prepare_process, unavailable};

use super::fabric::link::LinkQuality;
use super::fabric::topology::{Part, Topology, TopologyError};
use super::fabric::{Change, Fabric, InterfaceId};
use engine::Engine;
use indexmap::IndexMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

/// Why there is no lab, or no more.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The kernel makes no namespace.
    #[error("cannot create a network namespace: {0}")]
    Namespace(io::Error),
    /// The kernel makes no TUN device.
    #[error("cannot create the TUN device {0}: {1}")]
    Device(String, io::Error),
    /// Addresses or routes were refused.
    #[error("cannot set addresses and routes: {0}")]
    Netlink(String),
    /// A thread or a descriptor could not be had.
    #[error("cannot run the lab: {0}")]
    Thread(io::Error),
    /// The topology cannot be built.
    #[error("{0}")]
    Topology(#[from] TopologyError),
    /// A host cannot serve in another network: it has other interfaces than that one wants.
    #[error("the host's interfaces do not match its new network")]
    OtherShape,
    /// A host has no such interface.
    #[error("there is no interface {0}")]
    NoInterface(String),
    /// The thread of a namespace or of the fabric has ended.
    #[error("a thread of the lab has ended")]
    Gone,
}

/// The interfaces that a topology wants of each host, by host.
///
/// # Errors
/// When the topology cannot be built.
pub fn hosts_of(topology: &Topology) -> Result<IndexMap<String, Vec<InterfaceSpec>>, LabError> {
    let fabric = Fabric::new(topology, 0)?;
    let mut hosts: IndexMap<String, Vec<InterfaceSpec>> = IndexMap::new();
    for (n, name) in topology.interfaces.keys().enumerate() {
        let (host, interface) = name.split_once('/').unwrap_or((name, "eth0"));
        let addresses = fabric.addresses(InterfaceId(n)).to_vec();
        let spec = InterfaceSpec { name: interface.to_owned(), addresses };
        hosts.entry(host.to_owned()).or_default().push(spec);
    }
    Ok(hosts)
}

/// A network with its hosts, as long as it lives.
#[derive(Debug)]
pub struct Lab {
    topology: Topology,
    hosts: IndexMap<String, Arc<Host>>,
    engine: Engine,
}

impl Lab {
    /// Joins hosts, made for [`hosts_of`] the same topology. What they sent before is lost.
    ///
    /// # Errors
    /// When a host is missing or the thread cannot be started.
    pub fn start(
        topology: Topology,
        hosts: IndexMap<String, Arc<Host>>,
        seed: u64,
        watch: Box<dyn Watch>,
    ) -> Result<Self, LabError> {
        let fabric = Fabric::new(&topology, seed)?;
        let mut devices = Vec::new();
        for name in topology.interfaces.keys() {
            let (host, interface) = name.split_once('/').unwrap_or((name, "eth0"));
            let device = hosts.get(host).and_then(|host| {
                let place = host.interfaces().iter().position(|spec| spec.name == interface)?;
                host.devices().get(place).cloned()
            });
            devices.push(device.ok_or_else(|| LabError::NoInterface(name.clone()))?);
        }
        let engine = Engine::start(fabric, devices, watch)?;
        Ok(Self { topology, hosts, engine })
    }

    /// The host of this name.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<&Arc<Host>> {
        self.hosts.get(name)
    }

    /// The network as it was built.
    #[must_use]
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The interface of this name (`alice/eth0`).
    #[must_use]
    pub fn interface(&self, name: &str) -> Option<InterfaceId> {
        self.topology.interfaces.get_index_of(name).map(InterfaceId)
    }

    /// The addresses of an interface.
    #[must_use]
    pub fn addresses(&self, interface: &str) -> Vec<IpAddr> {
        let (host, name) = interface.split_once('/').unwrap_or((interface, "eth0"));
        let spec =
            self.hosts.get(host).and_then(|host| host.interfaces().iter().find(|spec| spec.name == name));
        spec.map(|spec| spec.addresses.clone()).unwrap_or_default()
    }

    /// Changes the network under way. `false` when what is to be changed does not exist.
    ///
    /// # Errors
    /// [`LabError::Gone`] if the lab has ended.
    pub async fn change(&self, change: Change) -> Result<bool, LabError> {
        self.engine.change(change).await
    }

    /// Changes the link of a part of the network in both directions (`None`: as it was). `false` when there is none.
    ///
    /// # Errors
    /// [`LabError::Gone`] if the lab has ended.
    pub async fn link(
        &self,
        part: &str,
        up: Option<LinkQuality>,
        down: Option<LinkQuality>,
    ) -> Result<bool, LabError> {
        let change = match Part::find(&self.topology, part) {
            Some(Part::Interface(name)) => {
                let Some(id) = self.interface(&name) else { return Ok(false) };
                Change::Interface(id, up, down)
            }
            Some(Part::Segment(name)) => Change::Uplink(name, up, down),
            None => return Ok(false),
        };
        self.change(change).await
    }

    /// Cuts a part of the network off, or mends it, without its host noticing. `false` when there is none.
    ///
    /// # Errors
    /// [`LabError::Gone`] if the lab has ended.
    pub async fn cut(&self, part: &str, cut: bool) -> Result<bool, LabError> {
        let change = match Part::find(&self.topology, part) {
            Some(Part::Interface(name)) => {
                let Some(id) = self.interface(&name) else { return Ok(false) };
                Change::InterfaceUp(id, !cut)
            }
            Some(Part::Segment(name)) => Change::UplinkUp(name, !cut),
            None => return Ok(false),
        };
        self.change(change).await
    }

    /// Takes an interface (`alice/wifi`) up or down, in its host and on the network.
    ///
    /// # Errors
    /// When there is none of that name, or the kernel refuses.
    pub async fn set_up(&self, name: &str, up: bool) -> Result<(), LabError> {
        let missing = || LabError::NoInterface(name.to_owned());
        let Some(Part::Interface(name)) = Part::find(&self.topology, name) else { return Err(missing()) };
        let id = self.interface(&name).ok_or_else(missing)?;
        let (host, interface) = name.split_once('/').ok_or_else(missing)?;
        let host = self.hosts.get(host).ok_or_else(missing)?;
        if up {
            self.change(Change::InterfaceUp(id, true)).await?;
        }
        host.set_up(interface, up).await?;
        if !up {
            self.change(Change::InterfaceUp(id, false)).await?;
        }
        Ok(())
    }

    /// Ends the network and gives the hosts back.
    pub async fn stop(self) -> IndexMap<String, Arc<Host>> {
        self.engine.stop().await;
        self.hosts
    }
}
