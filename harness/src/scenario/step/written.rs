//! How a step is written in a scenario: read, written again, shown as one line, and its schema.

use super::super::command::action_schema;
use super::super::condition::Condition;
use super::super::server::ServerStep;
use super::{Action, Candidates, Connect, Negotiate, NetworkStep, Never, Quiet, SignallingStep, Stats, Step};
use crate::span::Span;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// The steps that have no peer as their actor.
pub const HARNESS_STEPS: [&str; 8] =
    ["connect", "negotiate", "candidates", "network", "signalling", "server", "quiet", "stats"];
/// The keys that may stand beside the action.
pub const STEP_OPTIONS: [&str; 4] = ["within", "rejects", "as", "answers"];

/// What a peer's key holds: its action, and the options beside it.
#[derive(Default)]
struct PeerPart {
    action: Option<PeerAction>,
    within: Option<Span>,
    rejects: Option<String>,
    binds: Option<String>,
    answers: Option<Value>,
}

/// A command, or something awaited.
enum PeerAction {
    Command(String, Value),
    Await(Condition),
    Never(Never),
}

impl<'de> Deserialize<'de> for PeerPart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = PeerPart;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one command such as `{ createOffer: {} }`, or `{ await: … }`")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<PeerPart, E> {
                let action = PeerAction::Command(name.to_owned(), Value::Object(serde_json::Map::new()));
                Ok(PeerPart { action: Some(action), ..PeerPart::default() })
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PeerPart, A::Error> {
                let mut part = PeerPart::default();
                while let Some(key) = map.next_key::<String>()? {
                    let action = match key.as_str() {
                        "within" => {
                            part.within = Some(map.next_value()?);
                            continue;
                        }
                        "rejects" => {
                            part.rejects = Some(map.next_value()?);
                            continue;
                        }
                        "as" => {
                            part.binds = Some(map.next_value()?);
                            continue;
                        }
                        "answers" => {
                            part.answers = Some(map.next_value()?);
                            continue;
                        }
                        "await" => PeerAction::Await(map.next_value()?),
                        "never" => PeerAction::Never(map.next_value()?),
                        _ => PeerAction::Command(key.clone(), map.next_value()?),
                    };
                    if part.action.replace(action).is_some() {
                        return Err(de::Error::custom(format!(
                            "a step has one action: `{key}` belongs in a step of its own"
                        )));
                    }
                }
                Ok(part)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Step;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a step: an actor and its action")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Step, A::Error> {
                let Some(key) = map.next_key::<String>()? else {
                    return Err(de::Error::custom("this step has no actor"));
                };
                let action = match key.as_str() {
                    "connect" => Action::Connect(map.next_value()?),
                    "negotiate" => Action::Negotiate(map.next_value()?),
                    "candidates" => Action::Candidates(map.next_value()?),
                    "network" => Action::Network(map.next_value()?),
                    "signalling" => Action::Signalling(map.next_value()?),
                    "server" => Action::Server(map.next_value()?),
                    "quiet" => Action::Quiet(map.next_value()?),
                    "stats" => Action::Stats(map.next_value()?),
                    _ => return peer_step(key, map),
                };
                only(
                    map,
                    Step { action, within: None, rejects: None, binds: None, answers: None, place: None },
                )
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

fn peer_step<'de, A: MapAccess<'de>>(peer: String, mut map: A) -> Result<Step, A::Error> {
    let PeerPart { action, within, rejects, binds, answers } = map.next_value()?;
    let action =
        match action.ok_or_else(|| de::Error::custom(format!("{peer} has no action in this step")))? {
            PeerAction::Command(name, args) => Action::Command { peer, name, args },
            PeerAction::Await(condition) => Action::Await { peer, condition },
            PeerAction::Never(never) => Action::Never { peer, never },
        };
    only(map, Step { action, within, rejects, binds, answers, place: None })
}

/// Refuses a second actor.
fn only<'de, A: MapAccess<'de>>(mut map: A, step: Step) -> Result<Step, A::Error> {
    match map.next_key::<String>()? {
        None => Ok(step),
        Some(key) if STEP_OPTIONS.contains(&key.as_str()) => {
            Err(de::Error::custom(format!("`{key}` belongs beside the action: `alice: {{ …, {key}: … }}`")))
        }
        Some(key) => {
            Err(de::Error::custom(format!("a step has one actor: `{key}` belongs in a step of its own")))
        }
    }
}

impl Step {
    /// The key under which the step stands: the peer that acts, or the harness's own step.
    #[must_use]
    pub fn actor(&self) -> &str {
        match &self.action {
            Action::Command { peer, .. } | Action::Await { peer, .. } | Action::Never { peer, .. } => peer,
            Action::Connect(_) => "connect",
            Action::Negotiate(_) => "negotiate",
            Action::Candidates(_) => "candidates",
            Action::Network(_) => "network",
            Action::Signalling(_) => "signalling",
            Action::Server(_) => "server",
            Action::Quiet(_) => "quiet",
            Action::Stats(_) => "stats",
        }
    }

    /// The step as the value that a scenario would hold.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let json = |value: serde_json::Result<Value>| value.unwrap_or(Value::Null);
        let one = |key: &str, value: Value| {
            let mut map = serde_json::Map::new();
            map.insert(key.to_owned(), value);
            Value::Object(map)
        };
        let (key, value) = match &self.action {
            Action::Command { peer, name, args } => (peer.as_str(), one(name, args.clone())),
            Action::Await { peer, condition } => {
                (peer.as_str(), one("await", json(serde_json::to_value(condition))))
            }
            Action::Never { peer, never } => (peer.as_str(), one("never", json(serde_json::to_value(never)))),
            Action::Connect(connect) => ("connect", json(serde_json::to_value(connect))),
            Action::Negotiate(negotiate) => ("negotiate", json(serde_json::to_value(negotiate))),
            Action::Candidates(candidates) => ("candidates", json(serde_json::to_value(candidates))),
            Action::Network(network) => ("network", json(serde_json::to_value(network))),
            Action::Signalling(signalling) => ("signalling", json(serde_json::to_value(signalling))),
            Action::Server(server) => ("server", json(serde_json::to_value(server))),
            Action::Quiet(quiet) => ("quiet", json(serde_json::to_value(quiet))),
            Action::Stats(stats) => ("stats", json(serde_json::to_value(stats))),
        };
        let mut value = value;
        if let Value::Object(map) = &mut value {
            if let Some(within) = self.within {
                map.insert("within".to_owned(), Value::String(within.to_string()));
            }
            if let Some(rejects) = &self.rejects {
                map.insert("rejects".to_owned(), Value::String(rejects.clone()));
            }
            if let Some(binds) = &self.binds {
                map.insert("as".to_owned(), Value::String(binds.clone()));
            }
            if let Some(answers) = &self.answers {
                map.insert("answers".to_owned(), answers.clone());
            }
        }
        one(key, value)
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

/// The step on one line, as the timeline shows it: `alice: createDataChannel {"label":"chat"}`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::scenario::recorded::step(self).fmt(f)
    }
}

impl JsonSchema for Step {
    fn schema_name() -> Cow<'static, str> {
        "Step".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let peer = action_schema(generator);
        let described = |description: &str, mut schema: Schema| {
            schema.insert("description".to_owned(), description.into());
            schema
        };
        let properties = serde_json::json!({
            "connect": described("Descriptions and candidates go both ways until the peers are connected.", generator.subschema_for::<Connect>()),
            "negotiate": described("Descriptions go both ways once more.", generator.subschema_for::<Negotiate>()),
            "candidates": described("What happens to candidates on their way from now on.", generator.subschema_for::<Candidates>()),
            "network": described("A rule for packets, or a change of the network.", generator.subschema_for::<NetworkStep>()),
            "signalling": described("An action on the signalling server.", generator.subschema_for::<SignallingStep>()),
            "server": described("An action on a STUN or TURN server of the scenario.", generator.subschema_for::<ServerStep>()),
            "quiet": described("Packets of a class must stop coming.", generator.subschema_for::<Quiet>()),
            "stats": described("Statistics of both peers are recorded.", generator.subschema_for::<Stats>()),
        });
        json_schema!({
            "type": "object",
            "description": "One actor with one action.",
            "properties": properties,
            "additionalProperties": peer,
            "minProperties": 1,
            "maxProperties": 1,
        })
    }
}
