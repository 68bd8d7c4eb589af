//! What is wrong with a scenario's servers and with what refers to them.

use super::super::document::{Document, ValuePath};
use super::super::error::{ScenarioError, nearest};
use super::super::model::Scenario;
use super::super::reference::{self, Reachable, ReferenceError};
use super::super::server::{
    FaultSpec, ScenarioConfiguration, ServerAction, ServerEventKind, ServerKind, ServerRef, ServerSpec,
    ServerStep, ServerWord,
};
use indexmap::IndexMap;
use std::net::SocketAddr;

/// Checks the servers themselves, and the configurations of the scenario and its peers.
pub(super) fn servers(
    document: &Document,
    scenario: &Scenario,
    root: &ValuePath,
) -> Result<(), ScenarioError> {
    let path = root.key("servers");
    for (name, spec) in &scenario.servers {
        let path = path.key(name);
        if scenario.peers.contains_key(name) {
            return Err(document.error(&path, format!("`{name}` is already the name of a peer"), None));
        }
        server(document, scenario, name, spec, &path)?;
    }
    configuration(document, scenario, &scenario.configuration, &root.key("configuration"))?;
    for (name, peer) in &scenario.peers {
        if let Some(own) = &peer.configuration {
            let path = root.key("peers").key(name).key("configuration");
            configuration(document, scenario, own, &path)?;
        }
    }
    Ok(())
}

fn server(
    document: &Document,
    scenario: &Scenario,
    name: &str,
    spec: &ServerSpec,
    path: &ValuePath,
) -> Result<(), ScenarioError> {
    if spec.kind == ServerKind::Coturn {
        for (key, given) in [("fault", spec.fault.is_some()), ("reflexive", spec.reflexive.is_some())] {
            if given {
                let message = format!("only an embedded server has `{key}`");
                return Err(document.error(&path.key(key), message, None));
            }
        }
    }
    let ports = [("port", spec.port), ("tls-port", spec.tls_port)];
    if let Some((key, _)) = ports.iter().find(|(_, port)| port.is_some())
        && scenario.topology().is_none()
    {
        let message = format!("`{key}` can be chosen in a lab only");
        let help = "on the machine itself another program may have it: give the scenario a `network`";
        return Err(document.error(&path.key(key), message, Some(help.to_owned())));
    }
    if spec.port.is_some() && spec.port == spec.tls_port {
        let message = "`port` takes TCP too, so `tls-port` must be another";
        return Err(document.error(&path.key("tls-port"), message, None));
    }
    let taken = scenario.servers.iter().take_while(|(other, _)| *other != name);
    for (key, port) in ports {
        let holds = |other: &ServerSpec| [other.port, other.tls_port].contains(&port);
        if port.is_some()
            && let Some((other, _)) = taken.clone().find(|(_, other)| holds(other))
        {
            return Err(document.error(&path.key(key), format!("`{other}` has this port already"), None));
        }
    }
    if let Some(text) = &spec.reflexive
        && text.parse::<SocketAddr>().is_err()
    {
        let help = Some("write `198.51.100.1:40000`".to_owned());
        let message = format!("`{text}` is not an address with a port");
        return Err(document.error(&path.key("reflexive"), message, help));
    }
    match &spec.fault {
        Some(fault) => alternate(document, scenario, name, fault, &path.key("fault")),
        None => Ok(()),
    }
}

/// The server pointed to must have been started before.
fn alternate(
    document: &Document,
    scenario: &Scenario,
    name: &str,
    fault: &FaultSpec,
    path: &ValuePath,
) -> Result<(), ScenarioError> {
    let FaultSpec::AlternateServer(other) = fault else { return Ok(()) };
    let (mine, theirs) = (scenario.servers.get_index_of(name), scenario.servers.get_index_of(other));
    match theirs {
        None => Err(unknown(document, scenario, other, &path.key("alternate-server"))),
        Some(_) if theirs >= mine => {
            let message = format!("`{other}` must be defined before `{name}`");
            Err(document.error(&path.key("alternate-server"), message, None))
        }
        Some(_) => Ok(()),
    }
}

fn unknown(document: &Document, scenario: &Scenario, name: &str, path: &ValuePath) -> ScenarioError {
    let known = scenario.servers.keys().map(String::as_str);
    let help = match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "servers are defined under `servers`".to_owned(),
    };
    document.error(path, format!("unknown server `{name}`"), Some(help))
}

fn configuration(
    document: &Document,
    scenario: &Scenario,
    configuration: &ScenarioConfiguration,
    path: &ValuePath,
) -> Result<(), ScenarioError> {
    let known = stand_ins(scenario);
    for (n, entry) in configuration.ice_servers.iter().enumerate() {
        let path = path.key("iceServers").index(n);
        reference::resolve(entry, &known).map_err(|error| refused(document, scenario, &error, &path))?;
    }
    Ok(())
}

/// What stands for the servers until they run.
fn stand_ins(scenario: &Scenario) -> IndexMap<String, Reachable> {
    scenario.servers.keys().map(|name| (name.clone(), Reachable::stand_in())).collect()
}

fn refused(
    document: &Document,
    scenario: &Scenario,
    error: &ReferenceError,
    path: &ValuePath,
) -> ScenarioError {
    match error {
        ReferenceError::Unknown { key, name } => unknown(document, scenario, name, &path.key(key)),
        ReferenceError::Transport => document.error(&path.key("transport"), error.to_string(), None),
        ReferenceError::Credentials | ReferenceError::NotOne => document.error(path, error.to_string(), None),
    }
}

/// Replaces the references in a command's arguments by stand-ins, so that the rest of it can be checked.
pub(super) fn arguments(
    document: &Document,
    scenario: &Scenario,
    args: &mut serde_json::Value,
    path: &ValuePath,
) -> Result<(), ScenarioError> {
    let path = path.key("configuration").key("iceServers");
    // An entry of a wrong form is reported at its own key.
    let entries = args.pointer("/configuration/iceServers").and_then(|entries| entries.as_array().cloned());
    for (n, entry) in entries.unwrap_or_default().into_iter().enumerate() {
        super::super::document::read_value::<ServerRef>(&entry).map_err(|(inner, message)| {
            let path = ValuePath(path.index(n).0.into_iter().chain(inner.0).collect());
            document.type_error(&path, &message)
        })?;
    }
    reference::resolve_arguments(args, &stand_ins(scenario))
        .map_err(|(n, error)| refused(document, scenario, &error, &path.index(n)))
}

/// Checks what a step does to a server.
pub(super) fn step(
    document: &Document,
    scenario: &Scenario,
    step: &ServerStep,
    path: &ValuePath,
) -> Result<(), ScenarioError> {
    let name = &step.server;
    let path = path.key(name);
    let Some(spec) = scenario.servers.get(name) else {
        return Err(unknown(document, scenario, name, &path));
    };
    let by_itself = matches!(step.action, ServerAction::Word(ServerWord::Stop | ServerWord::Start));
    if spec.kind == ServerKind::Coturn && !by_itself {
        let help = Some("it can only be stopped and started".to_owned());
        return Err(document.error(&path, "coturn reports no events and has no faults", help));
    }
    match &step.action {
        ServerAction::Fault(fault) => alternate(document, scenario, name, fault, &path.key("fault")),
        ServerAction::Await(awaited)
            if awaited.code.is_some() && !awaited.event.allows(&ServerEventKind::Refused) =>
        {
            Err(document.error(&path.key("code"), "only `refused` has a `code`", None))
        }
        ServerAction::Await(awaited) if awaited.times == Some(0) || awaited.sockets == Some(0) => {
            Err(document.error(&path, "at least one event is awaited", None))
        }
        ServerAction::Await(awaited) if awaited.times.is_some() && awaited.sockets.is_some() => {
            Err(document.error(&path.key("sockets"), "either `times` or `sockets`", None))
        }
        ServerAction::Await(_) | ServerAction::Never(_) | ServerAction::Word(_) => Ok(()),
    }
}
