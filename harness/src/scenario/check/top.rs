//! Keys of a scenario that have no effect: servers that nobody asks, permissions for nothing, pairs excluded that are none.

use super::super::document::ValuePath;
use super::super::model::{Role, Scenario};
use super::super::server::{FaultSpec, ServerRef};
use super::super::step::Action;
use super::facts::Facts;
use super::found::Found;
use crate::peers::Permission;
use crate::peers::implementation::is_for_browsers;
use crate::peers::protocol::IceAgent;
use serde_json::Value;
use std::collections::BTreeSet;

/// Checks what stands beside steps and expectations.
pub(super) fn check(facts: &Facts<'_>, found: &mut Found<'_>) {
    let scenario = facts.scenario;
    let root = ValuePath::default();
    for (n, tag) in scenario.tags.iter().enumerate() {
        let path = root.key("tags").index(n);
        if tag.trim().is_empty() {
            found.add(&path, "a tag is empty");
        } else if scenario.tags.iter().take(n).any(|other| other == tag) {
            found.add(&path, format!("`{tag}` stands here twice"));
        }
    }
    for (n, section) in scenario.snapshot.iter().enumerate() {
        if scenario.snapshot.iter().take(n).any(|other| other == section) {
            found.add(&root.key("snapshot").index(n), "this section stands here twice");
        }
    }
    exclusions(scenario, found);
    let asked = asked(facts);
    for name in scenario.servers.keys().filter(|name| !asked.contains(name.as_str())) {
        let help =
            format!("name it in `iceServers`: `configuration: {{ iceServers: [{{ turn: {name} }}] }}`");
        found.help(&root.key("servers").key(name), format!("nobody asks the server `{name}`"), help);
    }
    peers(facts, found);
    if !facts.anybody_relays() {
        relay_only(facts, found);
    }
}

/// A connection is awaited although only relays may be used, and there is none.
fn relay_only(facts: &Facts<'_>, found: &mut Found<'_>) {
    let scenario = facts.scenario;
    let only = |policy: &Option<String>| policy.as_deref() == Some("relay");
    let connects = scenario
        .steps
        .iter()
        .any(|step| matches!(&step.action, Action::Connect(connect) if connect.until.is_none()));
    if !connects {
        return;
    }
    let root = ValuePath::default();
    let message = "no peer has a relay, so none can connect";
    let help = "give `iceServers` a server for `turn`";
    if only(&scenario.configuration.ice_transport_policy)
        && scenario.peers.values().any(|peer| peer.configuration.is_none())
    {
        found.help(&root.key("configuration").key("iceTransportPolicy"), message, help);
    }
    for (name, peer) in &scenario.peers {
        if peer.configuration.as_ref().is_some_and(|own| only(&own.ice_transport_policy)) {
            let path = root.key("peers").key(name).key("configuration").key("iceTransportPolicy");
            found.help(&path, message, help);
        }
    }
}

fn exclusions(scenario: &Scenario, found: &mut Found<'_>) {
    let plays = |role: Role| {
        let peers = scenario.peers.values().filter(move |peer| peer.role == role);
        peers.flat_map(|peer| peer.plays.iter().map(String::as_str)).collect::<Vec<_>>()
    };
    for (n, exclusion) in scenario.exclude.iter().enumerate() {
        let path = ValuePath::default().key("exclude").index(n);
        if exclusion.reason.trim().is_empty() {
            found.add(&path.key("reason"), "the reason is empty");
        }
        if exclusion.offerer.is_none() && exclusion.answerer.is_none() {
            found.add(&path, "this excludes every pair: name an offerer or an answerer");
        }
        let sides = [
            ("offerer", &exclusion.offerer, Role::Offerer),
            ("answerer", &exclusion.answerer, Role::Answerer),
        ];
        for (key, name, role) in sides {
            let Some(name) = name else { continue };
            let known = plays(role);
            if !known.contains(&name.as_str()) {
                let message = format!("this excludes no pair: `{name}` does not play the {key}");
                found.help(&path.key(key), message, format!("it is played by {}", known.join(", ")));
            }
        }
    }
}

/// The servers that are named anywhere.
fn asked(facts: &Facts<'_>) -> BTreeSet<String> {
    let scenario = facts.scenario;
    let mut names: BTreeSet<String> = BTreeSet::new();
    let configurations = std::iter::once(&scenario.configuration)
        .chain(scenario.peers.values().filter_map(|peer| peer.configuration.as_ref()));
    for server in configurations.flat_map(|configuration| &configuration.ice_servers) {
        names.extend(server.names().map(|(_, name)| name.to_owned()));
    }
    for given in &facts.commands {
        let entries = given.args.pointer("/configuration/iceServers").and_then(Value::as_array);
        for entry in entries.into_iter().flatten() {
            if let Ok(server) = serde_json::from_value::<ServerRef>(entry.clone()) {
                names.extend(server.names().map(|(_, name)| name.to_owned()));
            }
        }
    }
    for spec in scenario.servers.values() {
        if let Some(FaultSpec::AlternateServer(name)) = &spec.fault {
            names.insert(name.clone());
        }
    }
    let done = scenario.steps.iter().filter_map(|step| match &step.action {
        Action::Server(step) => Some(step.server.clone()),
        _ => None,
    });
    names.extend(done);
    names
}

fn peers(facts: &Facts<'_>, found: &mut Found<'_>) {
    let scenario = facts.scenario;
    let both_lite = scenario.peers.values().all(|peer| peer.ice.is_some_and(|ice| ice.lite));
    for (n, (name, peer)) in scenario.peers.iter().enumerate() {
        let path = ValuePath::default().key("peers").key(name);
        if peer.permission == Permission::Denied
            && !facts.commands.iter().any(|given| given.peer == name && given.name == "getUserMedia")
        {
            found.add(
                &path.key("permission"),
                format!("nobody asks {name}'s user: no step is `getUserMedia`"),
            );
        }
        if let Some(ice) = peer.ice {
            let at = path.key("ice");
            if ice == IceAgent::default() {
                found.help(&at, "this says nothing", "write `ice: { lite: true }` or `ice: { tcp: true }`");
            } else if is_for_browsers(&peer.plays) {
                found.add(&at, "no browser can be asked to be such an ICE agent");
            } else if both_lite && n > 0 {
                found.add(&at, "of two lite agents none sends checks, so they never connect (RFC 8445 §2.5)");
            }
        }
        let other = facts.other(name).unwrap_or_default();
        if peer.media.watch && !facts.has_any_media(other) {
            found.help(
                &path.key("media").key("watch"),
                format!("nobody sends media to {name}"),
                format!("write `media: {{ send: [video] }}` at {other}"),
            );
        }
    }
}
