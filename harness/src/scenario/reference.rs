//! From the names of servers in a configuration to URLs and credentials.

use super::server::{ServerRef, TurnTransport};
use crate::peers::protocol::IceServer;
use indexmap::IndexMap;
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};

/// How clients reach a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reachable {
    /// Address and port for UDP and TCP.
    pub address: SocketAddr,
    /// Name or address, and port, for TLS.
    pub tls: String,
    /// The authority from which it has its certificate for TLS, as PEM.
    pub authorities: Option<String>,
    /// The user.
    pub username: String,
    /// Its password.
    pub password: String,
}

impl Reachable {
    /// What stands for a server before any is started, to check a scenario.
    #[must_use]
    pub fn stand_in() -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        Self {
            address,
            tls: "localhost:2".to_owned(),
            authorities: None,
            username: String::new(),
            password: String::new(),
        }
    }

    /// The URLs of a server, for people.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        let Self { address, .. } = self;
        vec![
            format!("stun:{address}"),
            format!("turn:{address}?transport=udp"),
            format!("turn:{address}?transport=tcp"),
            self.tls_url(),
        ]
    }

    fn tls_url(&self) -> String {
        format!("turns:{}?transport=tcp", self.tls)
    }
}

/// Why an entry of `iceServers` stands for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// It names no server, or several.
    #[error("a server is given by one of `urls`, `stun`, `turn` and `turns`")]
    NotOne,
    /// It names one that is not there.
    #[error("unknown server `{name}` under `servers`")]
    Unknown {
        /// The key under which the name stands.
        key: &'static str,
        /// The name.
        name: String,
    },
    /// `transport` stands where it has no meaning.
    #[error("`transport` belongs to `turn`")]
    Transport,
    /// Credentials stand where they have no meaning.
    #[error("a STUN server takes no credentials")]
    Credentials,
}

/// The entry as the API has it.
///
/// # Errors
/// The entry is wrong in itself, or names a server that is not there.
pub fn resolve(
    entry: &ServerRef,
    servers: &IndexMap<String, Reachable>,
) -> Result<IceServer, ReferenceError> {
    let mut names = entry.names();
    let named = names.next();
    if names.next().is_some() || named.is_some() != entry.urls.is_empty() {
        return Err(ReferenceError::NotOne);
    }
    let Some((key, name)) = named else {
        if entry.transport.is_some() {
            return Err(ReferenceError::Transport);
        }
        let ServerRef { urls, username, credential, .. } = entry.clone();
        return Ok(IceServer { urls, username, credential, authorities: None });
    };
    if key != "turn" && entry.transport.is_some() {
        return Err(ReferenceError::Transport);
    }
    let server = servers.get(name).ok_or_else(|| ReferenceError::Unknown { key, name: name.to_owned() })?;
    let address = server.address;
    let url = match (key, entry.transport) {
        ("stun", _) => {
            if entry.username.is_some() || entry.credential.is_some() {
                return Err(ReferenceError::Credentials);
            }
            return Ok(IceServer { urls: vec![format!("stun:{address}")], ..IceServer::default() });
        }
        ("turns", _) => server.tls_url(),
        (_, Some(TurnTransport::Tcp)) => format!("turn:{address}?transport=tcp"),
        (_, Some(TurnTransport::Udp) | None) => format!("turn:{address}?transport=udp"),
    };
    Ok(IceServer {
        urls: vec![url],
        username: Some(entry.username.clone().unwrap_or_else(|| server.username.clone())),
        credential: Some(entry.credential.clone().unwrap_or_else(|| server.password.clone())),
        authorities: server.authorities.clone().filter(|_| key == "turns"),
    })
}

/// Replaces the entries of `configuration.iceServers` in a command's arguments by what they stand for.
///
/// # Errors
/// The first entry that stands for nothing, with its index. What has another form than an entry is left for the command to
/// refuse.
pub fn resolve_arguments(
    args: &mut Value,
    servers: &IndexMap<String, Reachable>,
) -> Result<(), (usize, ReferenceError)> {
    let entries = args.get_mut("configuration").and_then(|configuration| configuration.get_mut("iceServers"));
    let Some(Value::Array(entries)) = entries else { return Ok(()) };
    for (n, entry) in entries.iter_mut().enumerate() {
        let Ok(read) = serde_json::from_value::<ServerRef>(entry.clone()) else { continue };
        let resolved = resolve(&read, servers).map_err(|error| (n, error))?;
        *entry = serde_json::to_value(resolved).unwrap_or_default();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn servers() -> IndexMap<String, Reachable> {
        let relay = Reachable {
            address: SocketAddr::from((Ipv4Addr::new(192, 0, 2, 2), 3478)),
            tls: "localhost:5349".to_owned(),
            authorities: Some("PEM".to_owned()),
            username: "user".to_owned(),
            password: "pass".to_owned(),
        };
        IndexMap::from([("relay".to_owned(), relay)])
    }

    fn resolved(entry: Value) -> Result<Value, ReferenceError> {
        let entry: ServerRef = serde_json::from_value(entry).unwrap();
        resolve(&entry, &servers()).map(|server| serde_json::to_value(server).unwrap())
    }

    #[test]
    fn names_become_urls_with_credentials() {
        assert_eq!(resolved(json!({"stun": "relay"})), Ok(json!({"urls": ["stun:192.0.2.2:3478"]})));
        assert_eq!(
            resolved(json!({"turn": "relay", "transport": "tcp"})),
            Ok(
                json!({"urls": ["turn:192.0.2.2:3478?transport=tcp"], "username": "user", "credential": "pass"})
            )
        );
        assert_eq!(
            resolved(json!({"turns": "relay", "credential": "wrong"})),
            Ok(json!({
                "urls": ["turns:localhost:5349?transport=tcp"],
                "username": "user",
                "credential": "wrong",
                "authorities": "PEM",
            }))
        );
        let plain = json!({"urls": ["stun:192.0.2.9"]});
        assert_eq!(resolved(plain.clone()), Ok(plain));
    }

    #[test]
    fn an_entry_that_stands_for_nothing_is_refused() {
        assert_eq!(resolved(json!({})), Err(ReferenceError::NotOne));
        assert_eq!(resolved(json!({"stun": "relay", "turn": "relay"})), Err(ReferenceError::NotOne));
        assert_eq!(resolved(json!({"turns": "relay", "transport": "udp"})), Err(ReferenceError::Transport));
        assert_eq!(resolved(json!({"stun": "relay", "credential": "x"})), Err(ReferenceError::Credentials));
        let unknown = resolved(json!({"turn": "rely"}));
        assert_eq!(unknown, Err(ReferenceError::Unknown { key: "turn", name: "rely".to_owned() }));
    }

    #[test]
    fn only_the_servers_of_a_configuration_are_replaced() {
        let mut args =
            json!({"configuration": {"iceServers": [{"stun": "relay"}], "bundlePolicy": "balanced"}});
        resolve_arguments(&mut args, &servers()).unwrap();
        let wanted = json!({"configuration": {
            "iceServers": [{"urls": ["stun:192.0.2.2:3478"]}],
            "bundlePolicy": "balanced",
        }});
        assert_eq!(args, wanted);
    }
}
