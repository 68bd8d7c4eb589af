//! The reference server of the stack.

use super::log::Log;
use super::{Identity, ServerError, ServerHost};
use crate::scenario::server::{FaultSpec, ServerSpec, ServerWord};
use peerproof_captures::server::ServerEvent;
use peerproof_stack::server::{Client, Config, Credentials, Ending, Fault, Observed, Server, Transport};
use peerproof_stack::simulation;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A reference server that runs.
pub(super) struct Embedded {
    server: Server,
    forwarding: JoinHandle<()>,
}

/// The fault that a scenario means; `alternate` gives the address of another server.
pub(super) fn fault(
    spec: Option<&FaultSpec>,
    alternate: impl FnOnce(&str) -> Result<SocketAddr, ServerError>,
) -> Result<Fault, ServerError> {
    Ok(match spec {
        None | Some(FaultSpec::None) => Fault::None,
        Some(FaultSpec::Unauthorized) => Fault::Unauthorized,
        Some(FaultSpec::StaleNonceOnce) => Fault::StaleNonceOnce,
        Some(FaultSpec::StaleNonceForever) => Fault::StaleNonceForever,
        Some(FaultSpec::Forbidden) => Fault::Forbidden,
        Some(FaultSpec::QuotaReached) => Fault::QuotaReached,
        Some(FaultSpec::InsufficientCapacity) => Fault::InsufficientCapacity,
        Some(FaultSpec::AlternateServer(name)) => Fault::Alternate(alternate(name)?),
        Some(FaultSpec::Silent) => Fault::Silent,
        Some(FaultSpec::Slow(by)) => Fault::Slow(by.0),
    })
}

impl Embedded {
    pub(super) async fn start(
        spec: &ServerSpec,
        fault: Fault,
        identity: &mut Identity,
        place: &ServerHost,
        log: Arc<Log>,
    ) -> Result<Self, ServerError> {
        let broken = |error: &dyn std::fmt::Display| ServerError::Broken(error.to_string());
        let config = config(spec, fault, identity, place)?;
        let (observer, mut observed) = mpsc::unbounded_channel();
        let starting = place.runtime.spawn(Server::start(config, Some(observer)));
        let server = starting.await.map_err(|error| broken(&error))?.map_err(|error| broken(&error))?;
        let port = |transport| server.address(transport).map_or(0, |address| address.port());
        identity.port = port(Transport::Udp);
        identity.tls_port = port(Transport::Tls);
        let reachable = place.reachable(identity)?;
        log.push(ServerEvent::Started { software: "embedded".to_owned(), urls: reachable.urls() });
        let forwarding = tokio::spawn(async move {
            while let Some(observed) = observed.recv().await {
                log.push(event_of(observed));
            }
        });
        Ok(Self { server, forwarding })
    }

    pub(super) fn misbehave(&self, fault: Fault) {
        self.server.misbehave(fault);
    }

    pub(super) fn act(&self, word: ServerWord) {
        match word {
            ServerWord::RenewNonce => self.server.renew_nonce(),
            ServerWord::EndAllocations => self.server.end_allocations(),
            ServerWord::Stop | ServerWord::Start => {}
        }
    }

    /// Stops. Returns when its ports are free and all that it reported has been logged.
    pub(super) async fn stop(self) {
        self.server.stop().await;
        // Only a panic in the task could be the reason, which costs no more than what was still to be logged.
        let _ended = self.forwarding.await;
    }
}

fn config(
    spec: &ServerSpec,
    fault: Fault,
    identity: &Identity,
    place: &ServerHost,
) -> Result<Config, ServerError> {
    let user = Credentials { username: identity.username.clone(), password: identity.password.clone() };
    let mut config = Config::on(place.address()?, user);
    config.relay.clone_from(&place.addresses);
    config.listen.port = identity.port;
    config.listen.tls_port = identity.tls_port;
    config.listen.tls_address = place.tls_name.as_ref().map(|(_, address)| *address);
    if simulation::is_running() {
        // There are datagrams only, and the stack, which is the only client there, speaks no other transport with servers.
        config.listen.tcp = false;
    } else {
        config.listen.tls = Some(place.certificate()?);
    }
    config.fault = fault;
    config.reflexive = match &spec.reflexive {
        None => None,
        Some(text) => {
            let wrong = |_| ServerError::Broken(format!("`{text}` is not an address with a port"));
            Some(text.parse().map_err(wrong)?)
        }
    };
    let lifetimes = &mut config.lifetimes;
    for (wanted, lifetime) in [
        (spec.allocation_lifetime, &mut lifetimes.allocation),
        (spec.permission_lifetime, &mut lifetimes.permission),
        (spec.channel_lifetime, &mut lifetimes.channel),
        (spec.nonce_lifetime, &mut lifetimes.nonce),
    ] {
        if let Some(wanted) = wanted {
            *lifetime = wanted.0;
        }
    }
    if spec.allocation_lifetime.is_some() {
        // What clients ask for is no more than that.
        lifetimes.most = lifetimes.allocation;
    }
    Ok(config)
}

fn client(client: Client) -> String {
    format!("{} {}", client.transport, client.address)
}

fn event_of(observed: Observed) -> ServerEvent {
    match observed {
        Observed::Bound { client: from, mapped } => {
            ServerEvent::Bound { client: client(from), mapped: mapped.to_string() }
        }
        Observed::Allocated { client: from, username, relayed, lifetime } => ServerEvent::Allocated {
            client: client(from),
            username,
            relayed: relayed.iter().map(ToString::to_string).collect(),
            lifetime: lifetime.as_secs(),
        },
        Observed::Refreshed { client: from, lifetime } => {
            ServerEvent::Refreshed { client: client(from), lifetime: lifetime.as_secs() }
        }
        Observed::Permitted { client: from, peers } => ServerEvent::Permitted {
            client: client(from),
            peers: peers.iter().map(ToString::to_string).collect(),
        },
        Observed::ChannelBound { client: from, channel, peer } => {
            ServerEvent::ChannelBound { client: client(from), channel, peer: peer.to_string() }
        }
        Observed::Refused { client: from, method, code } => {
            ServerEvent::Refused { client: client(from), method: method.to_string(), code }
        }
        Observed::Ignored { client: from, method } => {
            ServerEvent::Ignored { client: client(from), method: method.to_string() }
        }
        Observed::Unpermitted { client: from, peer } => {
            ServerEvent::Unpermitted { client: client(from), peer: peer.to_string() }
        }
        Observed::Relayed { client: from, peer, outwards } => {
            ServerEvent::Relayed { client: client(from), peer: peer.to_string(), outwards }
        }
        Observed::Ended { client: from, ending, sent, received } => {
            let ending = match ending {
                Ending::Released => "released",
                Ending::Expired => "expired",
                Ending::Disconnected => "disconnected",
                Ending::Ended => "ended",
            };
            ServerEvent::Ended { client: client(from), ending: ending.to_owned(), sent, received }
        }
    }
}
