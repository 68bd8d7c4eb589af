//! The peers of this machine, and the hosts of labs for them; what a machine may lack.

use super::hosts::{Hosts, Purpose};
use super::plan::Case;
use super::provider::Provider;
use crate::adapters;
use crate::kits::Kit;
use crate::network::lab::{Host, InterfaceSpec, unavailable};
use crate::peers::browser::{Browsers, Kind, interface_address};
use crate::peers::implementation::{House, Implementation, Roster};
use crate::peers::program::Programs;
use crate::peers::request::OpenRequest;
use crate::peers::{OpenError, Opened, Surroundings};
use crate::tools::Tool;
use crate::versions::Wanted;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Opens implementations.
pub struct Peers {
    house: House,
    hosts: Hosts,
}

impl Peers {
    /// Peers with these browsers and programs.
    #[must_use]
    pub fn new(browsers: Browsers, programs: Programs) -> Self {
        Self { house: House { browsers, programs: Arc::new(programs) }, hosts: Hosts::default() }
    }

    /// How many browsers have been started so far.
    #[must_use]
    pub fn browsers_started(&self) -> u64 {
        self.house.browsers.started()
    }

    /// Waits for what must be there before the first of these cases begins: browsers that somebody opens. Cases of a lab need none of
    /// them.
    ///
    /// # Errors
    /// What did not come.
    pub async fn ready(&self, cases: &[Case]) -> Result<(), OpenError> {
        let here = cases.iter().filter(|case| case.scenario().topology().is_none());
        let needed: BTreeMap<&str, &Arc<dyn Implementation>> =
            here.flat_map(|case| case.pair.values()).map(|it| (it.name(), it)).collect();
        let waiting = needed.values().map(|implementation| implementation.ready(&self.house));
        futures::future::try_join_all(waiting).await.map(drop)
    }

    /// Ends browsers and programs.
    pub async fn shutdown(self) {
        self.house.programs.shutdown().await;
        self.house.browsers.shutdown().await;
    }
}

#[async_trait]
impl Provider for Peers {
    async fn open(
        &self,
        implementation: &dyn Implementation,
        request: OpenRequest,
    ) -> Result<Opened, OpenError> {
        if let Some(reason) = implementation.missing() {
            return Err(OpenError::Missing(reason));
        }
        if request.host.is_some() && !implementation.abilities().in_lab {
            return Err(OpenError::Unsupported(format!("{} cannot run in a lab", implementation.name())));
        }
        implementation.open(&self.house, request).await
    }

    async fn host(
        &self,
        implementation: &Arc<dyn Implementation>,
        surroundings: &Surroundings,
        interfaces: &[InterfaceSpec],
    ) -> Result<Arc<Host>, OpenError> {
        let purpose = Purpose {
            implementation: implementation.name().to_owned(),
            keeps: implementation.abilities().keeps_host,
            surroundings: surroundings.clone(),
            interfaces: interfaces.to_vec(),
        };
        let taken = self.hosts.take(purpose, &self.house.browsers).await;
        taken.map_err(|error| OpenError::Broken(format!("the lab: {error}")))
    }

    async fn give_back(&self, host: Arc<Host>) {
        if let Some(host) = self.hosts.give_back(host) {
            self.house.browsers.end_in(&host);
        }
    }
}

/// What a machine may lack, by the names of [`missing`].
pub const NEEDS: [&str; 9] = [
    Kind::Chrome.name(),
    Kind::Firefox.name(),
    "lab",
    "coturn",
    "tshark",
    "nft",
    "interface",
    "grid",
    "actionlint",
];

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
/// `ip`, to set up the kernel's own NAT), `interface` (an address besides loopback), `grid`, `actionlint`.
#[must_use]
pub fn missing(need: &str) -> Option<String> {
    let tools: &[Tool] = match need {
        "coturn" => &[Tool::Turnserver],
        "tshark" => &[Tool::Tshark],
        "nft" => &[Tool::Nft, Tool::Ip],
        "lab" => return unavailable().map(|reason| format!("the network lab is unavailable: {reason}")),
        "interface" => {
            let none = interface_address().is_none();
            return none.then(|| "this machine has no network interface besides loopback".to_owned());
        }
        kit if Kit::named(kit).is_some() => return Kit::named(kit)?.missing(),
        // What everybody has, and what `setup --peers` installs.
        name => {
            return match (Roster::default().get(name), Wanted::parse(name)) {
                (Some(known), _) => known.missing(),
                (None, Some(browser)) => browser.missing(),
                (None, None) => adapters::find(name)?.missing(),
            };
        }
    };
    tools.iter().find_map(|tool| tool.absent())
}
