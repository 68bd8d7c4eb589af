//! A case's lab: its hosts and where its servers are.

use super::provider::Provider;
use crate::network::fabric::link::LinkQuality;
use crate::network::fabric::topology::{Part, Topology};
use crate::network::lab::{Host, Lab, LabError, hosts_of, unavailable};
use crate::peers::implementation::Implementation;
use crate::peers::{OpenError, Surroundings};
use crate::recording::lab::watch;
use crate::recording::{CaseCapture, Journal};
use crate::scenario::model::SERVERS;
use crate::servers::ServerHost;
use indexmap::IndexMap;
use peerproof_captures::timeline::{LinkRate, What};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

/// Who plays in a lab, and what is wanted around it.
pub(super) struct LabPeer<'a> {
    pub(super) name: &'a str,
    pub(super) implementation: Arc<dyn Implementation>,
    pub(super) surroundings: Surroundings,
}

/// Makes the hosts, joins them, and has everything recorded.
///
/// # Errors
/// [`OpenError::Missing`] where the network lab is unavailable.
pub(super) async fn open(
    provider: &dyn Provider,
    topology: Topology,
    players: &[LabPeer<'_>],
    stage: &Arc<CaseCapture>,
    seed: u64,
) -> Result<Arc<Lab>, OpenError> {
    if let Some(reason) = unavailable() {
        return Err(OpenError::Missing(format!("the network lab is unavailable: {reason}")));
    }
    let broken = |error: &dyn std::fmt::Display| OpenError::Broken(format!("the lab: {error}"));
    let specs = hosts_of(&topology).map_err(|error| broken(&error))?;
    let mut hosts: IndexMap<String, Arc<Host>> = IndexMap::new();
    for (name, interfaces) in &specs {
        let player = players.iter().find(|player| player.name == name);
        let made = match player {
            Some(player) => provider.host(&player.implementation, &player.surroundings, interfaces).await,
            None => Host::new(interfaces).await.map_err(|error| broken(&error)),
        };
        hosts.insert(name.clone(), made?);
    }
    stage.collect_key_logs();
    record_limits(stage.journal(), &topology);
    let named: Vec<(&str, &str)> =
        players.iter().map(|player| (player.name, player.implementation.name())).collect();
    let watch = watch(stage, &topology, &named);
    let lab = Lab::start(topology, hosts, seed, watch).map_err(|error| broken(&error))?;
    Ok(Arc::new(lab))
}

/// What the timeline says of a link that is now like this.
pub(super) fn link_event(
    topology: &Topology,
    name: Option<&str>,
    of: &str,
    up: Option<&LinkQuality>,
    down: Option<&LinkQuality>,
) -> What {
    let of = match Part::find(topology, of) {
        Some(Part::Interface(name) | Part::Segment(name)) => name,
        None => of.to_owned(),
    };
    let rate = |quality: &LinkQuality| LinkRate { kbit: quality.rate_kbit };
    What::Link { name: name.map(str::to_owned), of, up: up.map(rate), down: down.map(rate) }
}

/// Records the links that are limited from the beginning.
fn record_limits(journal: &Journal, topology: &Topology) {
    let interfaces = topology.interfaces.iter().map(|(name, at)| (name, &at.up, &at.down));
    let segments = topology.segments.iter().map(|(name, segment)| (name, &segment.up, &segment.down));
    for (name, up, down) in interfaces.chain(segments) {
        if up.rate_kbit.is_some() || down.rate_kbit.is_some() {
            journal.write(link_event(topology, None, name, Some(up), Some(down)));
        }
    }
}

/// Where the servers of a case are: in their host, at its IPv6 address first if no peer has another.
///
/// # Errors
/// When no thread can be started there.
pub(super) async fn place(lab: &Arc<Lab>, peerproof: &Path) -> Result<ServerHost, LabError> {
    let Some(host) = lab.host(SERVERS).cloned() else { return Ok(ServerHost::here(peerproof)) };
    let of = |mine: bool| {
        lab.topology()
            .interfaces
            .iter()
            .filter(move |(name, _)| name.starts_with("servers/") == mine)
            .flat_map(|(name, _)| lab.addresses(name))
            .collect::<Vec<IpAddr>>()
    };
    let (mut addresses, clients) = (of(true), of(false));
    let only_v6 = !clients.iter().any(IpAddr::is_ipv4);
    addresses.sort_by_key(|address| address.is_ipv6() != only_v6);
    let runtime = tokio::task::spawn_blocking(move || host.runtime()).await.map_err(|_| LabError::Gone)??;
    Ok(ServerHost { addresses, tls_name: None, runtime, peerproof: peerproof.to_owned() })
}
