//! What is expected of one data channel.

use super::shorthand::{Short, read_short};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// Where a channel stands at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChannelState {
    /// Created here, not open yet.
    Connecting,
    /// Open.
    Open,
    /// Closing.
    Closing,
    /// Closed.
    Closed,
    /// There is no such channel.
    None,
}

impl std::fmt::Display for ChannelState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Connecting => "connecting",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Closed => "closed",
            Self::None => "none",
        })
    }
}

/// What one channel is like: a state, or its properties (webrtc-pc §6.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelMatch {
    /// Where it stands at the end.
    pub state: Option<ChannelState>,
    /// Whether messages arrive in order.
    pub ordered: Option<bool>,
    /// Most retransmissions.
    pub max_retransmits: Option<u16>,
    /// Milliseconds.
    pub max_packet_life_time: Option<u16>,
    /// Neither retransmissions nor lifetime are limited (`true`), or one is (`false`).
    pub reliable: Option<bool>,
    /// Subprotocol.
    pub protocol: Option<String>,
    /// Stream identifier.
    pub id: Option<u16>,
    /// Negotiated out of band.
    pub negotiated: Option<bool>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LongChannel {
    /// Where it stands at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<ChannelState>,
    /// Whether messages arrive in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ordered: Option<bool>,
    /// Most retransmissions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_retransmits: Option<u16>,
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_packet_life_time: Option<u16>,
    /// Neither retransmissions nor lifetime are limited (`true`), or one is (`false`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reliable: Option<bool>,
    /// Subprotocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    /// Stream identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<u16>,
    /// Negotiated out of band.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    negotiated: Option<bool>,
}

impl Short for ChannelMatch {
    const FORMS: &'static str = "`connecting`, `open`, `closing`, `closed`, `none`, or a map of properties";

    fn from_word<E: Error>(word: &str) -> Result<Self, E> {
        let state = ChannelState::deserialize(serde::de::value::StrDeserializer::new(word))?;
        Ok(Self { state: Some(state), ..Self::default() })
    }

    fn from_map<'de, D: Deserializer<'de>>(map: D) -> Result<Self, D::Error> {
        let long = LongChannel::deserialize(map)?;
        Ok(Self {
            state: long.state,
            ordered: long.ordered,
            max_retransmits: long.max_retransmits,
            max_packet_life_time: long.max_packet_life_time,
            reliable: long.reliable,
            protocol: long.protocol,
            id: long.id,
            negotiated: long.negotiated,
        })
    }
}

impl<'de> Deserialize<'de> for ChannelMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_short(deserializer)
    }
}

impl Serialize for ChannelMatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(state) = self.state
            && *self == (Self { state: Some(state), ..Self::default() })
        {
            return state.serialize(serializer);
        }
        LongChannel {
            state: self.state,
            ordered: self.ordered,
            max_retransmits: self.max_retransmits,
            max_packet_life_time: self.max_packet_life_time,
            reliable: self.reliable,
            protocol: self.protocol.clone(),
            id: self.id,
            negotiated: self.negotiated,
        }
        .serialize(serializer)
    }
}

impl JsonSchema for ChannelMatch {
    fn schema_name() -> Cow<'static, str> {
        "ChannelMatch".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let state = generator.subschema_for::<ChannelState>();
        let long = generator.subschema_for::<LongChannel>();
        json_schema!({ "anyOf": [state, long] })
    }
}
