//! The peers of this machine: the stack in this process, browsers through WebDriver; and the hosts of labs for them.

use super::hosts::{Hosts, Purpose};
use super::provider::{Provider, Seat};
use crate::network::lab::{Host, InterfaceSpec, unavailable};
use crate::peers::browser::{Browsers, interface_address};
use crate::peers::stack::{self, StackOptions};
use crate::peers::{OpenError, Opened, Surroundings};
use crate::tools::Tool;
use async_trait::async_trait;
use peerproof_stack::workarounds::Workarounds;
use std::sync::Arc;

/// Opens stacks and browsers.
pub struct Peers {
    browsers: Browsers,
    hosts: Hosts,
}

impl Peers {
    /// Peers with these browsers.
    #[must_use]
    pub fn new(browsers: Browsers) -> Self {
        Self { browsers, hosts: Hosts::default() }
    }

    /// How many browsers have been started so far.
    #[must_use]
    pub fn browsers_started(&self) -> u64 {
        self.browsers.started()
    }

    /// Ends the browsers.
    pub async fn shutdown(self) {
        self.browsers.shutdown().await;
    }
}

#[async_trait]
impl Provider for Peers {
    async fn open(&self, seat: Seat) -> Result<Opened, OpenError> {
        if let Some(reason) = self.missing(&seat.implementation) {
            return Err(OpenError::Unsupported(reason));
        }
        match seat.implementation.as_str() {
            "stack" => {
                let options = StackOptions {
                    tap: seat.tap,
                    secrets: seat.secrets,
                    // As the subject it is shown as it is; as an instrument it must not stand in the way.
                    workarounds: if seat.subject { Workarounds::none() } else { Workarounds::default() },
                    ..StackOptions::default()
                };
                match seat.host {
                    None => stack::open(&seat.name, seat.clock, &seat.surroundings, options),
                    Some(host) => {
                        stack::open_in(host, seat.name, seat.clock, seat.surroundings, options).await
                    }
                }
            }
            browser => {
                let host = seat.host.as_ref();
                self.browsers.open(browser, &seat.name, seat.clock, &seat.surroundings, host).await
            }
        }
    }

    async fn host(
        &self,
        implementation: &str,
        surroundings: &Surroundings,
        interfaces: &[InterfaceSpec],
    ) -> Result<Arc<Host>, OpenError> {
        let purpose = Purpose {
            implementation: implementation.to_owned(),
            surroundings: surroundings.clone(),
            interfaces: interfaces.to_vec(),
        };
        let taken = self.hosts.take(purpose, &self.browsers).await;
        taken.map_err(|error| OpenError::Broken(format!("the lab: {error}")))
    }

    async fn give_back(&self, host: Arc<Host>) {
        if let Some(host) = self.hosts.give_back(host) {
            self.browsers.end_in(&host);
        }
    }

    fn missing(&self, implementation: &str) -> Option<String> {
        missing(implementation)
    }
}

/// What a machine may lack, by the names of [`missing`].
pub const NEEDS: [&str; 7] = ["chrome", "firefox", "lab", "coturn", "tshark", "nft", "interface"];

/// What `PEERPROOF_REQUIRE` names: its absence is an error.
#[must_use]
pub fn required() -> Vec<String> {
    let names = std::env::var("PEERPROOF_REQUIRE").unwrap_or_default();
    names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Whether `PEERPROOF_REQUIRE` names it.
#[must_use]
pub fn is_required(need: &str) -> bool {
    required().iter().any(|name| name == need)
}

/// Why this machine lacks what a case or a test can need, if it does: an implementation, `lab`, `coturn`, `tshark`, `nft` (with
/// `ip`, to set up the kernel's own NAT), `interface` (an address besides loopback).
#[must_use]
pub fn missing(need: &str) -> Option<String> {
    let tools: &[Tool] = match need {
        "chrome" => &[Tool::Chrome, Tool::Chromedriver],
        "firefox" => &[Tool::Firefox, Tool::Geckodriver],
        "coturn" => &[Tool::Turnserver],
        "tshark" => &[Tool::Tshark],
        "nft" => &[Tool::Nft, Tool::Ip],
        "lab" => return unavailable().map(|reason| format!("this machine makes no lab: {reason}")),
        "interface" => {
            let none = interface_address().is_none();
            return none.then(|| "this machine has no network interface besides loopback".to_owned());
        }
        _ => return None,
    };
    let absent = tools.iter().find(|tool| tool.find().is_none())?;
    Some(format!("{} is not installed (`peerproof setup` installs it)", absent.name()))
}
