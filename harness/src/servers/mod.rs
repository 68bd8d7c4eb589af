//! The STUN and TURN servers of a case: started before its peers, recorded in its timeline, gone after it.
//!
//! A server lives where its [`ServerHost`] says: on the runtime whose threads are there. For `network: direct` that is this process, at
//! the machine's own address, since browsers give no candidates of loopback.

mod coturn;
mod embedded;
mod log;

use crate::authority::authority;
use crate::machine::Limit;
use crate::recording::Journal;
use crate::scenario::reference::Reachable;
use crate::scenario::server::{
    FaultSpec, ServerAction, ServerAwait, ServerKind, ServerNever, ServerSpec, ServerWord,
};
use indexmap::IndexMap;
use log::Log;
use peerproof_captures::server::ServerEvent;
use peerproof_stack::server::{Authority, Tls};
use peerproof_stack::simulation;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::Mutex;

pub use log::Missed;

/// Where the servers of a case live.
#[derive(Debug, Clone)]
pub struct ServerHost {
    /// Addresses by which clients reach them there, the one to listen on first.
    pub addresses: Vec<IpAddr>,
    /// A name by which it is reached for TLS, and the address that it stands for; otherwise the first address is used. Firefox
    /// makes TLS connections to names only.
    pub tls_name: Option<(String, IpAddr)>,
    /// Runtime whose threads live there. Sockets and programs are made on it.
    pub runtime: Handle,
    /// The peerproof executable, which plays the supervisor of programs.
    pub peerproof: PathBuf,
}

impl ServerHost {
    /// This machine, as it is. Must be called within a tokio runtime.
    #[must_use]
    pub fn here(peerproof: impl Into<PathBuf>) -> Self {
        let mut addresses = peerproof_stack::connection::interface_addresses();
        // IPv4 first: every peer has it.
        addresses.sort_by_key(IpAddr::is_ipv6);
        let tls_name = Some(("localhost".to_owned(), Ipv4Addr::LOCALHOST.into()));
        Self { addresses, tls_name, runtime: Handle::current(), peerproof: peerproof.into() }
    }

    /// How a server of this identity is reached here.
    fn reachable(&self, identity: &Identity) -> Result<Reachable, ServerError> {
        let address = self.address()?;
        let tls_host = match (&self.tls_name, address) {
            (Some((name, _)), _) => name.clone(),
            (None, IpAddr::V4(address)) => address.to_string(),
            (None, IpAddr::V6(address)) => format!("[{address}]"),
        };
        Ok(Reachable {
            address: SocketAddr::new(address, identity.port),
            tls: format!("{tls_host}:{}", identity.tls_port),
            // In virtual time there is no TLS, and all chance belongs to the case.
            authorities: if simulation::is_running() {
                None
            } else {
                authority().map(Authority::certificate_pem).ok()
            },
            username: identity.username.clone(),
            password: identity.password.clone(),
        })
    }

    /// What a certificate of a server here has to be for.
    fn names(&self) -> Vec<String> {
        let addresses = self.addresses.iter().map(ToString::to_string);
        addresses.chain(self.tls_name.iter().map(|(name, _)| name.clone())).collect()
    }

    /// A key and certificate for a server here.
    fn certificate(&self) -> Result<Tls, ServerError> {
        let broken = |error: &dyn std::fmt::Display| ServerError::Broken(error.to_string());
        authority().map_err(|error| broken(&error))?.issue(&self.names()).map_err(|error| broken(&error))
    }

    fn address(&self) -> Result<IpAddr, ServerError> {
        self.addresses.first().copied().ok_or_else(|| ServerError::Broken("no address".to_owned()))
    }
}

/// Why a server does not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// This machine lacks it.
    #[error("{0}")]
    Missing(String),
    /// It should have started and did not.
    #[error("{0}")]
    Broken(String),
}

/// Name, password, and ports, zero until they are known: what stays when a server is stopped and started again.
#[derive(Debug, Clone)]
struct Identity {
    username: String,
    password: String,
    port: u16,
    tls_port: u16,
}

impl Identity {
    fn fresh(spec: &ServerSpec) -> Self {
        let chosen = |port: Option<NonZeroU16>| port.map_or(0, NonZeroU16::get);
        Self {
            username: "peerproof".to_owned(),
            password: format!("{:032x}", rand::random::<u128>()),
            port: chosen(spec.port),
            tls_port: chosen(spec.tls_port),
        }
    }
}

/// A server that runs.
enum Running {
    Embedded(embedded::Embedded),
    Coturn(Box<coturn::Coturn>),
}

struct One {
    spec: ServerSpec,
    identity: Identity,
    running: Mutex<Option<Running>>,
    log: Arc<Log>,
}

/// The servers of a case by name.
#[derive(Default)]
pub struct Servers {
    place: Option<ServerHost>,
    all: IndexMap<String, One>,
}

impl Servers {
    /// Starts them in order.
    ///
    /// # Errors
    /// The first that does not start; those before it are gone again.
    pub async fn start(
        specs: &IndexMap<String, ServerSpec>,
        place: ServerHost,
        journal: &Arc<Journal>,
    ) -> Result<Self, ServerError> {
        let mut servers = Self { place: Some(place.clone()), all: IndexMap::new() };
        for (name, spec) in specs {
            let log = Arc::new(Log::new(name.clone(), Arc::clone(journal)));
            let mut identity = Identity::fresh(spec);
            match servers.run(spec, &mut identity, &place, &log).await {
                Ok(running) => {
                    let one = One { spec: spec.clone(), identity, running: Mutex::new(Some(running)), log };
                    servers.all.insert(name.clone(), one);
                }
                Err(error) => {
                    servers.stop().await;
                    return Err(error);
                }
            }
        }
        Ok(servers)
    }

    async fn run(
        &self,
        spec: &ServerSpec,
        identity: &mut Identity,
        place: &ServerHost,
        log: &Arc<Log>,
    ) -> Result<Running, ServerError> {
        match spec.kind {
            ServerKind::Embedded => {
                let fault = self.fault(spec.fault.as_ref())?;
                let started = embedded::Embedded::start(spec, fault, identity, place, Arc::clone(log)).await;
                Ok(Running::Embedded(started?))
            }
            ServerKind::Coturn => {
                Ok(Running::Coturn(Box::new(coturn::Coturn::start(spec, identity, place, log).await?)))
            }
        }
    }

    fn fault(&self, spec: Option<&FaultSpec>) -> Result<peerproof_stack::server::Fault, ServerError> {
        let alternate = |name: &str| {
            let one = self.all.get(name);
            let one = one.ok_or_else(|| ServerError::Broken(format!("server {name} is not running yet")))?;
            let place = self.place.as_ref().ok_or_else(|| ServerError::Broken("no place".to_owned()))?;
            Ok(SocketAddr::new(place.address()?, one.identity.port))
        };
        embedded::fault(spec, alternate)
    }

    /// How configurations reach them.
    #[must_use]
    pub fn reachable(&self) -> IndexMap<String, Reachable> {
        let Some(place) = &self.place else { return IndexMap::new() };
        let reachable =
            |(name, one): (&String, &One)| Some((name.clone(), place.reachable(&one.identity).ok()?));
        self.all.iter().filter_map(reachable).collect()
    }

    /// Does what a step says; waiting is [`Servers::wait`].
    ///
    /// # Errors
    /// The server cannot be started again, or the action is none for it.
    pub async fn act(&self, name: &str, action: &ServerAction) -> Result<(), ServerError> {
        let one = self.one(name)?;
        let mut running = one.running.lock().await;
        match action {
            ServerAction::Word(ServerWord::Stop) => {
                if let Some(running) = running.take() {
                    running.stop().await;
                    one.log.push(ServerEvent::Stopped);
                }
            }
            ServerAction::Word(ServerWord::Start) if running.is_none() => {
                let place = self.place.as_ref().ok_or_else(|| ServerError::Broken("no place".to_owned()))?;
                let mut identity = one.identity.clone();
                *running = Some(self.run(&one.spec, &mut identity, place, &one.log).await?);
            }
            ServerAction::Word(ServerWord::Start) | ServerAction::Await(_) | ServerAction::Never(_) => {}
            ServerAction::Word(word) => {
                if let Some(Running::Embedded(server)) = &*running {
                    server.act(*word);
                }
            }
            ServerAction::Fault(fault) => {
                let fault = self.fault(Some(fault))?;
                if let Some(Running::Embedded(server)) = &*running {
                    server.misbehave(fault);
                }
            }
        }
        Ok(())
    }

    /// Waits for what is awaited at a server.
    ///
    /// # Errors
    /// There is no such server. Within: it did not come in time.
    pub async fn wait(
        &self,
        name: &str,
        awaited: &ServerAwait,
        limit: &Limit,
    ) -> Result<Result<(), Missed>, ServerError> {
        Ok(self.one(name)?.log.wait(awaited, limit).await)
    }

    /// Watches that something does not happen at a server.
    ///
    /// # Errors
    /// There is no such server. Within: it happened.
    pub async fn never(&self, name: &str, never: &ServerNever) -> Result<Result<(), Missed>, ServerError> {
        Ok(self.one(name)?.log.never(never.never, &Limit::by_clock(never.span.0)).await)
    }

    fn one(&self, name: &str) -> Result<&One, ServerError> {
        self.all.get(name).ok_or_else(|| ServerError::Broken(format!("unknown server {name}")))
    }

    /// Stops all of them. Returns when they are gone.
    pub async fn stop(&self) {
        for one in self.all.values() {
            if let Some(running) = one.running.lock().await.take() {
                running.stop().await;
            }
        }
    }
}

impl Running {
    async fn stop(self) {
        match self {
            Self::Embedded(server) => server.stop().await,
            Self::Coturn(server) => server.stop().await,
        }
    }
}
