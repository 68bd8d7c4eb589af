//! STUN and TURN servers in the scenario language: which there are, how a configuration refers to them, and what a step does
//! to them.

use crate::peers::protocol::Configuration;
use crate::span::Span;
pub use peerproof_captures::server::ServerEventKind;
use peerproof_conformance::expect::AnyOf;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU16;

/// A STUN and TURN server of the scenario. It listens for UDP, TCP and TLS at the machine's own address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ServerSpec {
    /// Which server.
    #[serde(default)]
    pub kind: ServerKind,
    /// How it misbehaves from the beginning (`embedded` only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<FaultSpec>,
    /// Life of an allocation that is not refreshed. Default 600s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocation_lifetime: Option<Span>,
    /// Life of a permission. Default 300s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission_lifetime: Option<Span>,
    /// Life of a channel binding. Default 600s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_lifetime: Option<Span>,
    /// Life of a nonce. Default 3600s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce_lifetime: Option<Span>,
    /// The port for UDP and TCP. Default: one that is free. Only in a lab can it be chosen, where all of them are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<NonZeroU16>,
    /// The port for TLS. Default: one that is free. Only in a lab can it be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_port: Option<NonZeroU16>,
    /// An address and port reported to everybody instead of the reflexive one, as if there were a NAT (`embedded` only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reflexive: Option<String>,
}

/// Which server it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServerKind {
    /// The reference server in this process. It can misbehave, and reports what happens.
    #[default]
    Embedded,
    /// coturn, as a program of its own.
    Coturn,
}

/// How a server misbehaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FaultSpec {
    /// Not at all.
    None,
    /// 401 to every authenticated request, without end.
    Unauthorized,
    /// 438 once to every client, with a new nonce that is good.
    StaleNonceOnce,
    /// 438 without end, with a new nonce each time.
    StaleNonceForever,
    /// 403 to CreatePermission and ChannelBind.
    Forbidden,
    /// 486 to Allocate.
    QuotaReached,
    /// 508 to Allocate.
    InsufficientCapacity,
    /// 300 to Allocate, pointing to this server, which stands above.
    AlternateServer(String),
    /// No answers.
    Silent,
    /// Each answer comes later by this.
    Slow(Span),
}

/// A server of `iceServers`: by `urls` as in the API, or one of the scenario's servers by its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerRef {
    /// URLs as in `RTCIceServer`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// This server for STUN (`stun:`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stun: Option<String>,
    /// This server for TURN (`turn:`), with its credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<String>,
    /// This server for TURN over TLS (`turns:`), with its credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turns: Option<String>,
    /// How `turn` is reached. Default `udp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<TurnTransport>,
    /// User name instead of the server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Password instead of the server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// `transport` of a `turn:` URL (RFC 7065).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TurnTransport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

/// `RTCConfiguration` as scenarios write it.
pub type ScenarioConfiguration = Configuration<ServerRef>;

impl ServerRef {
    /// The names of the scenario's servers that it refers to, each with its key.
    pub fn names(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let named = [("stun", &self.stun), ("turn", &self.turn), ("turns", &self.turns)];
        named.into_iter().filter_map(|(key, name)| Some((key, name.as_deref()?)))
    }
}

/// What a step does to a server: `{ relay: stop }`, `{ relay: { await: refused, code: 438, within: 5s } }`.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerStep {
    /// The server.
    pub server: String,
    /// What is done.
    pub action: ServerAction,
}

/// What is done to a server.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerAction {
    /// One of the words.
    Word(ServerWord),
    /// It misbehaves from now on.
    Fault(FaultSpec),
    /// Something is awaited at it.
    Await(ServerAwait),
    /// For a while something must not happen at it.
    Never(ServerNever),
}

/// What is done to a server by one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServerWord {
    /// It ends; its allocations are gone.
    Stop,
    /// It starts again at the same address with the same credentials.
    Start,
    /// All nonces given out are stale.
    RenewNonce,
    /// All allocations end, as if their time had come.
    EndAllocations,
}

/// What is awaited at a server. An event counts once, and only after what was awaited of the same client before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerAwait {
    /// The event, or several of which any does.
    #[serde(rename = "await")]
    pub event: AnyOf<ServerEventKind>,
    /// The error code of `refused`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// How many of them, whoever causes them. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// One of them each of a number of sockets of clients (transport addresses), instead of `times`. A peer may have several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sockets: Option<u32>,
    /// Deadline. Default 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
}

/// For a while something must not happen at a server. Only what comes from then on counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerNever {
    /// The event.
    pub never: ServerEventKind,
    /// For how long it is watched for. The observation is the step's purpose; it is no pause.
    #[serde(rename = "for")]
    pub span: Span,
}

/// The form of a action as a mapping.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FaultAction {
    /// How it misbehaves from now on.
    fault: FaultSpec,
}

impl<'de> Deserialize<'de> for ServerStep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = ServerStep;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a server and an action, such as `{ relay: stop }`")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ServerStep, A::Error> {
                let Some(server) = map.next_key::<String>()? else {
                    return Err(de::Error::custom("this step has no server"));
                };
                let action = map.next_value()?;
                if let Some(other) = map.next_key::<String>()? {
                    return Err(de::Error::custom(format!(
                        "a step has one server: `{other}` belongs in a step of its own"
                    )));
                }
                Ok(ServerStep { server, action })
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

impl Serialize for ServerStep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(&self.server, &self.action)])
    }
}

impl JsonSchema for ServerStep {
    fn schema_name() -> Cow<'static, str> {
        "ServerStep".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let word = generator.subschema_for::<ServerWord>();
        let fault = generator.subschema_for::<FaultAction>();
        let awaited = generator.subschema_for::<ServerAwait>();
        let never = generator.subschema_for::<ServerNever>();
        json_schema!({
            "type": "object",
            "description": "An action on a STUN or TURN server of the scenario, by its name.",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": { "anyOf": [word, fault, awaited, never] },
        })
    }
}

impl<'de> Deserialize<'de> for ServerAction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = ServerAction;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "`stop`, `start`, `renew-nonce`, `end-allocations`, `{ fault: … }`, `{ await: … }` or `{ never: … }`",
                )
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<ServerAction, E> {
                ServerWord::deserialize(de::value::StrDeserializer::new(word)).map(ServerAction::Word)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ServerAction, A::Error> {
                // Through a value, since which of them it is shows only at a key.
                let value = serde_json::Value::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let read = if value.get("fault").is_some() {
                    serde_json::from_value::<FaultAction>(value)
                        .map(|action| ServerAction::Fault(action.fault))
                } else if value.get("never").is_some() {
                    serde_json::from_value(value).map(ServerAction::Never)
                } else {
                    serde_json::from_value(value).map(ServerAction::Await)
                };
                read.map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Serialize for ServerAction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Word(word) => word.serialize(serializer),
            Self::Fault(fault) => FaultAction { fault: fault.clone() }.serialize(serializer),
            Self::Await(awaited) => awaited.serialize(serializer),
            Self::Never(never) => never.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn step(value: Value) -> Result<ServerStep, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn actions_are_words_faults_and_waiting() {
        for value in [
            json!({"relay": "renew-nonce"}),
            json!({"relay": {"fault": "silent"}}),
            json!({"relay": {"fault": {"slow": "800ms"}}}),
            json!({"relay": {"await": "refused", "code": 438, "within": "5s"}}),
            json!({"relay": {"await": ["permitted", "channel-bound"]}}),
            json!({"relay": {"never": "refused", "for": "1s"}}),
        ] {
            assert_eq!(serde_json::to_value(step(value.clone()).unwrap()).unwrap(), value);
        }
    }

    #[test]
    fn what_is_no_action_is_refused_by_name() {
        assert!(step(json!({"relay": "stopp"})).unwrap_err().contains("stopp"));
        assert!(step(json!({"relay": {"await": "refuse"}})).unwrap_err().contains("refuse"));
        assert!(step(json!({"relay": "stop", "other": "stop"})).unwrap_err().contains("one server"));
        assert!(step(json!({"relay": {"fault": "silent", "within": "1s"}})).unwrap_err().contains("within"));
    }
}
