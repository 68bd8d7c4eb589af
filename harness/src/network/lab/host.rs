//! A host of the lab: a network namespace with a TUN device for each of its interfaces.

use super::LabError;
use super::namespace::Namespace;
use super::{netlink, sockets};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::runtime::Runtime;
use tun_rs::{DeviceBuilder, SyncDevice};

/// Longest packet on an interface, in bytes.
const MTU: u16 = 1500;

/// What an interface is called inside its host, and its addresses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InterfaceSpec {
    /// `eth0`, `wifi`, `lte`.
    pub name: String,
    /// IPv4 and IPv6 addresses.
    pub addresses: Vec<IpAddr>,
}

/// A host.
pub struct Host {
    namespace: Arc<Namespace>,
    interfaces: Vec<InterfaceSpec>,
    devices: Vec<Arc<SyncDevice>>,
    runtime: OnceLock<Runtime>,
    changed: AtomicBool,
}

impl InterfaceSpec {
    /// Whether the other has the same name and addresses of the same families: then only addresses differ, and none of the
    /// routes, which name no address.
    #[must_use]
    pub fn is_shaped_like(&self, other: &Self) -> bool {
        let families =
            |spec: &Self| [IpAddr::is_ipv4, IpAddr::is_ipv6].map(|is| spec.addresses.iter().any(is));
        self.name == other.name && families(self) == families(other)
    }
}

impl Host {
    /// Makes a host whose interfaces are up. The first is the one by which it reaches others unless a socket is bound to
    /// another's address.
    ///
    /// # Errors
    /// When the kernel refuses a part of it.
    pub async fn new(interfaces: &[InterfaceSpec]) -> Result<Arc<Self>, LabError> {
        let namespace = tokio::task::spawn_blocking(Namespace::new).await.map_err(|_| LabError::Gone)??;
        let wanted = interfaces.to_vec();
        let made = namespace.run_async(move || {
            let devices = wanted
                .iter()
                .map(|interface| device(&interface.name).map(Arc::new))
                .collect::<Result<Vec<_>, _>>()?;
            netlink::configure(&wanted)?;
            Ok::<_, LabError>(devices)
        });
        let devices = made.await??;
        Ok(Arc::new(Self {
            namespace,
            interfaces: interfaces.to_vec(),
            devices,
            runtime: OnceLock::new(),
            changed: AtomicBool::new(false),
        }))
    }

    /// Gives the interfaces other addresses, so that the host can serve in another network. They never go down: to what runs in the
    /// host the network changes, it does not vanish.
    ///
    /// # Errors
    /// [`LabError::OtherShape`] when the interfaces are not [shaped like](InterfaceSpec::is_shaped_like) its own;
    /// others when the kernel refuses, which leaves the host unusable.
    pub async fn readdress(&mut self, interfaces: &[InterfaceSpec]) -> Result<(), LabError> {
        let like = |(own, other): (&InterfaceSpec, &InterfaceSpec)| own.is_shaped_like(other);
        if self.interfaces.len() != interfaces.len() || !self.interfaces.iter().zip(interfaces).all(like) {
            return Err(LabError::OtherShape);
        }
        let (old, new) = (self.interfaces.clone(), interfaces.to_vec());
        self.namespace.run_async(move || netlink::readdress(&old, &new)).await??;
        self.interfaces = interfaces.to_vec();
        Ok(())
    }

    /// The local addresses of the sockets in the host that others could reach: what its loopback carries is the harness's own.
    ///
    /// # Errors
    /// When the kernel does not list them.
    pub async fn exposed_sockets(&self) -> Result<Vec<SocketAddr>, LabError> {
        self.namespace.run_async(sockets::exposed).await?.map_err(LabError::Thread)
    }

    /// Where it is.
    #[must_use]
    pub fn namespace(&self) -> &Arc<Namespace> {
        &self.namespace
    }

    /// Its interfaces.
    #[must_use]
    pub fn interfaces(&self) -> &[InterfaceSpec] {
        &self.interfaces
    }

    /// The devices, in the order of the interfaces.
    pub(super) fn devices(&self) -> &[Arc<SyncDevice>] {
        &self.devices
    }

    /// A runtime within the host; the same at every call.
    ///
    /// # Errors
    /// When its threads cannot be started.
    pub fn runtime(&self) -> Result<tokio::runtime::Handle, LabError> {
        if self.runtime.get().is_none()
            && let Err(second) = self.runtime.set(self.namespace.runtime()?)
        {
            second.shutdown_background();
        }
        self.runtime.get().map(|runtime| runtime.handle().clone()).ok_or(LabError::Gone)
    }

    /// Whether an interface was ever taken up or down since it was made.
    #[must_use]
    pub fn was_changed(&self) -> bool {
        self.changed.load(Ordering::Acquire)
    }

    /// Takes an interface up or down, as its user would: its addresses and routes come and go with it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn set_up(&self, name: &str, up: bool) -> Result<(), LabError> {
        self.changed.store(true, Ordering::Release);
        let (wanted, name) = (self.interfaces.clone(), name.to_owned());
        self.namespace.run_async(move || netlink::set_up(&wanted, &name, up)).await?
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("interfaces", &self.interfaces).finish_non_exhaustive()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // A runtime may not be dropped where others wait; its threads end by themselves.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Makes a TUN device in the namespace of this thread.
pub(super) fn device(name: &str) -> Result<SyncDevice, LabError> {
    let made = DeviceBuilder::new()
        .name(name)
        .mtu(MTU)
        .packet_information(false)
        .enable(false)
        .build_sync()
        .and_then(|device| device.set_nonblocking(true).map(|()| device));
    made.map_err(|error: io::Error| LabError::Device(name.to_owned(), error))
}
