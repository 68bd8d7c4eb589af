//! One process for each browser and surroundings, started when first needed and replaced when it breaks.

use super::super::request::OpenRequest;
use super::super::{ANSWER_DEADLINE, CaseClock, OpenError, Opened, Surroundings};
use super::guest::{Door, Guests, PageSpec, Visit};
use super::instance::Instance;
use super::launch::Build;
use super::page::Driven;
use super::server::Server;
use crate::network::lab::Host;
use crate::peers::start::Starts;
use crate::process::sweep;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// What the pool needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// The peerproof executable, which guards the browsers (`std::env::current_exe()`, in tests
    /// `env!("CARGO_BIN_EXE_peerproof")`).
    pub peerproof: PathBuf,
    /// The machine's own address, for insecure origins and host candidates; nothing if it has only loopback.
    pub interface: Option<IpAddr>,
    /// How long a page may take to answer a command before it counts as lost.
    pub answer_deadline: Duration,
    /// Whose turn it is to start.
    pub starts: Starts,
    /// How long to wait for browsers that somebody opens, if not as long as each says.
    pub page_wait: Option<Duration>,
    /// How the user learns what to open.
    pub door: Door,
}

impl Config {
    /// The configuration for this machine.
    #[must_use]
    pub fn new(peerproof: impl Into<PathBuf>) -> Self {
        Self {
            peerproof: peerproof.into(),
            interface: interface_address(),
            answer_deadline: ANSWER_DEADLINE,
            starts: Starts::default(),
            page_wait: None,
            door: Door::default(),
        }
    }
}

/// The address from which this machine would reach others. Nothing is sent.
#[must_use]
pub(crate) fn interface_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address of the documentation range (RFC 5737): connecting a UDP socket only chooses a route.
    socket.connect((Ipv4Addr::new(198, 51, 100, 1), 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified() && !address.is_loopback()).then_some(address)
}

/// The place of one browser process. Its lock is held while the process starts, so that cases wait for it together.
type Slot = Arc<tokio::sync::Mutex<Option<Arc<Instance>>>>;

/// What a browser process is for: its build and surroundings, and the number of the namespace in which it runs.
type Key = (Build, Surroundings, Option<u64>);

/// The browsers of a run.
pub struct Browsers {
    config: Config,
    server: Server,
    // Only looked up by key, never iterated in an order that matters.
    slots: Mutex<HashMap<Key, Slot>>,
    guests: Guests,
    /// Broken browsers that are being ended.
    ending: Mutex<JoinSet<()>>,
    started: AtomicU64,
}

impl Browsers {
    /// Starts the server for the pages. No browser starts before it is needed. What an earlier run left behind because it was
    /// killed together with its supervisors is ended here.
    ///
    /// # Errors
    /// When no port can be listened on.
    pub async fn new(config: Config) -> std::io::Result<Self> {
        let _ = tokio::task::spawn_blocking(sweep::stale).await;
        let server = Server::start().await?;
        Ok(Self {
            config,
            server,
            slots: Mutex::default(),
            guests: Guests::default(),
            ending: Mutex::default(),
            started: AtomicU64::new(0),
        })
    }

    /// Opens a page of a browser as the peer `name`, on this machine or in a host of a lab.
    ///
    /// # Errors
    /// [`OpenError::Missing`] when the browser is not there, [`OpenError::Broken`] when it does not work.
    pub async fn open(
        &self,
        build: &Build,
        name: &str,
        clock: CaseClock,
        surroundings: &Surroundings,
        host: Option<&Arc<Host>>,
    ) -> Result<Opened, OpenError> {
        let browser = self.browser(build, surroundings, host).await?;
        Driven::open(browser, name, clock, self.config.answer_deadline).await
    }

    /// Waits until somebody has opened this page.
    ///
    /// # Errors
    /// [`OpenError::Broken`] when it cannot be served, nobody came in time, or the run was stopped.
    pub async fn await_page(&self, spec: &PageSpec) -> Result<(), OpenError> {
        self.guests.get(spec, &self.server, &self.config).await?.lobby().await.map(|_| ())
    }

    /// Opens a frame in the browser that somebody opened, or opens now.
    ///
    /// # Errors
    /// [`OpenError::Unsupported`] when the scenario wants what only a driver can arrange, otherwise as [`Browsers::await_page`].
    pub async fn open_page(&self, spec: &PageSpec, request: OpenRequest) -> Result<Opened, OpenError> {
        Visit::open(self.guests.get(spec, &self.server, &self.config).await?, request).await
    }

    /// Runs JavaScript in the lobby of a browser, beside whatever cases are there: for measurements that must not go
    /// through the peer protocol. The last argument of the script is the function that takes its result.
    ///
    /// # Errors
    /// As [`Browsers::open`]; [`OpenError::Broken`] too when the script fails.
    pub async fn evaluate(&self, build: &Build, script: &str) -> Result<serde_json::Value, OpenError> {
        self.browser(build, &Surroundings::default(), None).await?.evaluate(script).await
    }

    /// Waits until no page is loading in the browsers of a host.
    pub(crate) async fn settle_in(&self, host: &Host) {
        let number = Some(host.namespace().number());
        let slots: Vec<Slot> = {
            let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.iter().filter(|((_, _, of), _)| *of == number).map(|(_, slot)| Arc::clone(slot)).collect()
        };
        for slot in slots {
            let running = slot.lock().await.clone();
            if let Some(running) = running {
                running.lobby.settle().await;
            }
        }
    }

    /// Has the browsers of a host ended. Nobody waits for it but [`Browsers::shutdown`].
    pub fn end_in(&self, host: &Host) {
        let number = Some(host.namespace().number());
        let slots: Vec<Slot> = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.extract_if(|(_, _, of), _| *of == number).map(|(_, slot)| slot).collect()
        };
        let mut ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        for slot in slots {
            ending.spawn(async move {
                if let Some(browser) = slot.lock().await.take() {
                    browser.end().await;
                }
            });
        }
    }

    async fn browser(
        &self,
        build: &Build,
        surroundings: &Surroundings,
        host: Option<&Arc<Host>>,
    ) -> Result<Arc<Instance>, OpenError> {
        let namespace = host.map(|host| host.namespace());
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(
                slots
                    .entry((build.clone(), surroundings.clone(), namespace.map(|own| own.number())))
                    .or_default(),
            )
        };
        let mut place = slot.lock().await;
        if let Some(running) = &*place {
            if running.broken().is_none() {
                return Ok(Arc::clone(running));
            }
            let broken = Arc::clone(running);
            let mut ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
            ending.spawn(async move { broken.end().await });
        }
        *place = None;
        let _turn = self.config.starts.turn().await;
        let started = Instance::start(build, &self.config, surroundings, &self.server, namespace).await?;
        self.started.fetch_add(1, Ordering::Relaxed);
        *place = Some(Arc::clone(&started));
        Ok(started)
    }

    /// How many browsers have been started so far.
    #[must_use]
    pub fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// Ends all browsers and returns when nothing of them is left. Dropping does the same without waiting.
    pub async fn shutdown(self) {
        self.guests.dismiss().await;
        let mut ending = self.ending.into_inner().unwrap_or_else(PoisonError::into_inner);
        let slots = self.slots.into_inner().unwrap_or_else(PoisonError::into_inner);
        for slot in slots.into_values() {
            ending.spawn(async move {
                if let Some(browser) = slot.lock().await.take() {
                    browser.end().await;
                }
            });
        }
        while ending.join_next().await.is_some() {}
    }
}
