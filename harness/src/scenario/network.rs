//! The network of a scenario: a named one for all, one for each peer, or one described piece by piece.

use crate::network::fabric::topology::{Preset, Topology};
use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use std::borrow::Cow;

/// The network between the peers.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Network {
    /// `direct`: the machine's own interface; rules act at the stack's sockets.
    #[default]
    Direct,
    /// `tap`: the same, said explicitly.
    Tap,
    /// The name of a network of the lab for both peers.
    Named(Preset),
    /// The name of a network of the lab for each peer, side by side on one internet.
    PerPeer(IndexMap<String, Preset>),
    /// Segments and interfaces, described.
    Described(Box<Topology>),
}

impl Network {
    /// Whether it takes a lab.
    #[must_use]
    pub fn is_lab(&self) -> bool {
        !matches!(self, Self::Direct | Self::Tap)
    }

    /// What the lab is made of for these peers; nothing if it takes none.
    #[must_use]
    pub fn topology(&self, peers: &[&str]) -> Option<Topology> {
        match self {
            Self::Direct | Self::Tap => None,
            Self::Named(preset) => Some(preset.topology(peers)),
            Self::PerPeer(presets) => {
                let mut topology = Topology::default();
                for (n, peer) in peers.iter().enumerate() {
                    let preset = presets.get(*peer).copied().unwrap_or(Preset::Internet);
                    preset.place(&mut topology, peer, u8::try_from(n).unwrap_or(u8::MAX));
                }
                Some(topology)
            }
            Self::Described(topology) => Some((**topology).clone()),
        }
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Direct => serializer.serialize_str("direct"),
            Self::Tap => serializer.serialize_str("tap"),
            Self::Named(preset) => preset.serialize(serializer),
            Self::PerPeer(presets) => presets.serialize(serializer),
            Self::Described(topology) => topology.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let read = match &value {
            Value::String(name) if name == "direct" => Ok(Self::Direct),
            Value::String(name) if name == "tap" => Ok(Self::Tap),
            Value::String(_) => serde_json::from_value(value).map(Self::Named),
            Value::Object(map) if map.contains_key("interfaces") || map.contains_key("segments") => {
                serde_json::from_value(value).map(|topology| Self::Described(Box::new(topology)))
            }
            Value::Object(_) => serde_json::from_value(value).map(Self::PerPeer),
            _ => {
                return Err(de::Error::custom("a network is a name, a name for each peer, or a description"));
            }
        };
        read.map_err(|error| de::Error::custom(error.to_string()))
    }
}

impl JsonSchema for Network {
    fn schema_name() -> Cow<'static, str> {
        "Network".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let preset = generator.subschema_for::<Preset>();
        let topology = generator.subschema_for::<Topology>();
        json_schema!({
            "description": "The network between the peers: a name, a name for each peer, or a description.",
            "anyOf": [
                { "enum": ["direct", "tap"] },
                preset,
                topology,
                { "type": "object", "additionalProperties": preset },
            ]
        })
    }
}
