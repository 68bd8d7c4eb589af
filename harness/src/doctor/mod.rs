//! `peerproof doctor`: what this machine can run, what it lacks, and what to do about it.

mod ask;
mod environment;
mod examine;
mod render;

pub use environment::environment;
pub use examine::{examine, version_of};
pub use render::render;

use crate::kits::Kit;
use crate::versions::Beside;
use schemars::JsonSchema;
use serde::Serialize;

/// Arguments of `peerproof doctor`.
#[derive(Debug, Clone, clap::Args)]
pub struct DoctorArgs {
    /// As JSON, for programs
    #[arg(long)]
    pub json: bool,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Item {
    /// Chromium or Chrome.
    Chrome,
    /// Its WebDriver.
    Chromedriver,
    /// Firefox.
    Firefox,
    /// Its WebDriver.
    Geckodriver,
    /// The second reader of recordings.
    Tshark,
    /// coturn.
    Turnserver,
    /// The command line of the kernel's packet filter.
    Nft,
    /// iproute2's command line.
    Ip,
    /// The VP8 codec, for building.
    Libvpx,
    /// The Opus codec, for building.
    Libopus,
    /// An address besides loopback.
    Interface,
    /// Network namespaces, for the lab.
    Namespaces,
    /// TUN devices, for the lab.
    Tun,
    /// A Selenium Grid, for the tests.
    Grid,
    /// actionlint, for the tests.
    Actionlint,
}

impl Item {
    /// The name that is shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chrome => "chrome",
            Self::Chromedriver => "chromedriver",
            Self::Firefox => "firefox",
            Self::Geckodriver => "geckodriver",
            Self::Tshark => "tshark",
            Self::Turnserver => "turnserver",
            Self::Nft => "nft",
            Self::Ip => "ip",
            Self::Libvpx => "libvpx",
            Self::Libopus => "libopus",
            Self::Interface => "interface",
            Self::Namespaces => "namespaces",
            Self::Tun => "tun",
            Self::Grid => Kit::Grid.name(),
            Self::Actionlint => Kit::Actionlint.name(),
        }
    }

    /// What it is good for.
    #[must_use]
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Chrome | Self::Chromedriver => "Chrome as a peer",
            Self::Firefox | Self::Geckodriver => "Firefox as a peer",
            Self::Tshark => "cross-checks recordings in the tests",
            Self::Turnserver => "independent STUN and TURN server for the tests",
            Self::Nft | Self::Ip => "the kernel's NAT, for comparison in the tests",
            Self::Libvpx => "building Peerproof (VP8)",
            Self::Libopus => "building Peerproof (Opus)",
            Self::Interface => "host candidates of Chrome, insecure origins",
            Self::Namespaces | Self::Tun => "the lab: browsers behind NATs and on bad networks",
            Self::Grid => "browsers behind a Selenium Grid, in the tests of Peerproof itself",
            Self::Actionlint => "the workflows in the documentation, in the tests of Peerproof itself",
        }
    }
}

/// How an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Availability {
    /// It is there.
    Ok,
    /// It is there, but not as it should be.
    Doubtful,
    /// It is not there.
    Missing,
    /// It is not there, and no run needs it.
    Optional,
}

/// One item as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Check {
    /// What was looked at.
    pub item: Item,
    /// How it stands.
    pub state: Availability,
    /// What is there: a version, an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What it is good for.
    pub purpose: &'static str,
    /// What to do, if it does not stand well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// All items, in a fixed order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Diagnosis {
    /// One check an item.
    pub checks: Vec<Check>,
    /// Other versions of the browsers: those that are installed, and those that are available.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub browsers: Vec<Beside>,
    /// The other implementations whose adapters are in the executable.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub adapters: Vec<Adapted>,
}

/// An implementation that an adapter of this repository makes a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Adapted {
    /// By what name it plays.
    pub name: String,
    /// What it is.
    pub title: String,
    /// Why it cannot play and how to install it; nothing if it is installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

impl Diagnosis {
    /// Whether nothing that a run needs is missing or doubtful.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.checks.iter().all(|check| matches!(check.state, Availability::Ok | Availability::Optional))
    }

    /// What is missing.
    pub fn missing(&self) -> impl Iterator<Item = Item> {
        self.checks.iter().filter(|check| check.state == Availability::Missing).map(|check| check.item)
    }
}
