//! The network of a scenario can be built, and everybody is on it.

use super::super::document::{Document, ValuePath};
use super::super::error::ScenarioError;
use super::super::model::{SERVERS, Scenario, Signalling};
use super::super::network::Network;
use super::{known_peer, links};
use crate::network::lab::hosts_of;
use crate::peers::Origin;

/// Most segments and most interfaces of a network: each is made of something of the machine's.
const MOST_PARTS: usize = 64;

/// The network can be built, and everybody is on it.
pub(super) fn on_network(
    document: &Document,
    scenario: &Scenario,
    path: &ValuePath,
) -> Result<(), ScenarioError> {
    if let Network::PerPeer(presets) = &scenario.network {
        for name in presets.keys() {
            known_peer(document, scenario, name, &path.key(name))?;
        }
    }
    if let Network::Described(topology) = &scenario.network {
        links::of_topology(document, topology, path)?;
    }
    let Some(topology) = scenario.topology() else { return Ok(()) };
    for (what, count) in [("segments", topology.segments.len()), ("interfaces", topology.interfaces.len())] {
        if count > MOST_PARTS {
            let message = format!("too large: a network has at most {MOST_PARTS} {what}");
            return Err(document.error(path, message, None));
        }
    }
    if scenario.signalling == Signalling::Autonomous {
        let help = "leave `signalling` out, or use `network: direct`".to_owned();
        return Err(document.error(path, "in a lab the signalling server cannot be reached", Some(help)));
    }
    if let Some(name) =
        scenario.peers.iter().find(|(_, peer)| peer.origin == Origin::Insecure).map(|(n, _)| n)
    {
        let path = ValuePath::default().key("peers").key(name).key("origin");
        return Err(document.error(&path, "in a lab every page has the origin localhost", None));
    }
    let hosts = hosts_of(&topology).map_err(|error| document.error(path, error.to_string(), None))?;
    for name in scenario.peers.keys() {
        if !hosts.contains_key(name) {
            let help = format!("give it one, `{name}/eth0: {{}}`");
            return Err(document.error(
                &path.key("interfaces"),
                format!("{name} has no interface"),
                Some(help),
            ));
        }
    }
    for interface in topology.interfaces.keys() {
        let place = path.key("interfaces").key(interface);
        let Some((host, name)) = interface.split_once('/') else {
            let help = Some(format!("write `{interface}/eth0`"));
            return Err(document.error(
                &place,
                format!("`{interface}` names a host without an interface"),
                help,
            ));
        };
        if !scenario.peers.contains_key(host) && host != SERVERS {
            return Err(document.error(&place, format!("unknown host `{host}`"), None));
        }
        // The kernel's limit for names is 15 bytes.
        if name.is_empty()
            || name.len() > 15
            || name == "lo"
            || !name.bytes().all(|b| b.is_ascii_alphanumeric())
        {
            return Err(document.error(&place, format!("invalid interface name `{name}`"), None));
        }
    }
    Ok(())
}
