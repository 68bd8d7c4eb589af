//! What a scenario expects of its peers and of the wire: the `expect:` part of the scenario language.
//!
//! Plain data; nothing here looks at a recording (that is [`crate::case`]). The short forms of YAML (a word instead of a
//! map, one value instead of a list) are read by [`shorthand`], so that each type has one meaning and one schema.
//!
//! ```yaml
//! expect:
//!   alice: { connectionState: connected, messages: { chat: ["Hello!"] } }
//!   bob:   { dtlsState: connected, channels: { chat: { state: open, ordered: true } } }
//!   wire:  [ { from: alice, dtls: ClientHello, atLeast: 1 }, { from: bob, srtp: any, times: 0 } ]
//! ```

pub mod bitrate;
pub mod channel;
pub mod messages;
pub mod peer;
pub mod shorthand;
pub mod stats;
pub mod volume;
pub mod wire;

pub use bitrate::BitrateMatch;
pub use channel::{ChannelMatch, ChannelState};
pub use messages::{MessageMatch, Messages, Pattern};
pub use peer::{
    AudioMatch, CandidateErrorMatch, CandidatesMatch, Lines, MediaMatch, Numbers, PairMatch,
    PeerExpectations, Rejection, SdpMatch, StateLists, TracksMatch, Transitions, VideoMatch,
};
pub use shorthand::{AnyOf, OrNone};
pub use stats::StatMatch;
pub use wire::{Count, WireMatch};

use crate::verdict::{Layer, NEITHER, Outcome, Verdict};
use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// All that a scenario expects. As YAML one map: `wire`, `path` and `verdict` are reserved, every other key names a peer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expectations {
    /// By peer, in the order of the file.
    pub peers: IndexMap<String, PeerExpectations>,
    /// On the wire.
    pub wire: Vec<WireMatch>,
    /// The way on which the peers meet.
    pub path: Option<PathMatch>,
    /// For controls: the verdict that must come out.
    pub verdict: Option<ExpectedVerdict>,
}

/// What is expected of the way on which the peers meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PathMatch {
    /// What the NATs between them allow, by the rules of RFC 4787.
    AsNatsAllow,
}

impl Expectations {
    /// Whether nothing at all is expected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty() && self.wire.is_empty() && self.path.is_none() && self.verdict.is_none()
    }
}

/// The verdict that a control must get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedVerdict {
    /// Which of the five. May be written `verdict:`.
    #[serde(alias = "verdict")]
    pub outcome: Outcome,
    /// The first layer that diverges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<Layer>,
    /// The peer at fault or at which it shows, `network`, or `neither` where no side may be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<String>,
}

impl ExpectedVerdict {
    /// Whether `verdict` is this one. What is not given here may be anything.
    #[must_use]
    pub fn matches(&self, verdict: &Verdict) -> bool {
        verdict.outcome == self.outcome
            && self.layer.is_none_or(|layer| verdict.layer == Some(layer))
            && match self.side.as_deref() {
                None => true,
                Some(NEITHER) => verdict.side.is_none(),
                side => verdict.side.as_deref() == side,
            }
    }
}

const WIRE: &str = "wire";
const PATH: &str = "path";
const VERDICT: &str = "verdict";

impl Serialize for Expectations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (peer, expected) in &self.peers {
            map.serialize_entry(peer, expected)?;
        }
        if !self.wire.is_empty() {
            map.serialize_entry(WIRE, &self.wire)?;
        }
        if let Some(path) = &self.path {
            map.serialize_entry(PATH, path)?;
        }
        if let Some(verdict) = &self.verdict {
            map.serialize_entry(VERDICT, verdict)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Expectations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByKey;
        impl<'de> Visitor<'de> for ByKey {
            type Value = Expectations;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of peers to what is expected of them, with `wire` for the packets")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Expectations, A::Error> {
                let mut read = Expectations::default();
                let mut wire_seen = false;
                while let Some(key) = map.next_key::<String>()? {
                    let repeated = match key.as_str() {
                        WIRE => {
                            read.wire = map.next_value()?;
                            std::mem::replace(&mut wire_seen, true)
                        }
                        PATH => read.path.replace(map.next_value()?).is_some(),
                        VERDICT => read.verdict.replace(map.next_value()?).is_some(),
                        peer => read.peers.insert(peer.to_owned(), map.next_value()?).is_some(),
                    };
                    if repeated {
                        return Err(A::Error::custom(format_args!("`{key}` is given twice")));
                    }
                }
                Ok(read)
            }
        }
        deserializer.deserialize_map(ByKey)
    }
}

impl JsonSchema for Expectations {
    fn schema_name() -> Cow<'static, str> {
        "Expectations".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let wire = generator.subschema_for::<Vec<WireMatch>>();
        let path = generator.subschema_for::<PathMatch>();
        let verdict = generator.subschema_for::<ExpectedVerdict>();
        let peer = generator.subschema_for::<PeerExpectations>();
        let described = |description: &str, mut schema: Schema| {
            schema.insert("description".to_owned(), description.into());
            schema
        };
        let wire = described("What must have been on the wire, and how often.", wire);
        let path = described("By which path the peers must have met, given their NATs.", path);
        let verdict = described("The verdict itself, where another than `pass` is wanted.", verdict);
        json_schema!({
            "type": "object",
            "description": "What is expected of each peer, and under `wire` of the packets.",
            "properties": { "wire": wire, "path": path, "verdict": verdict },
            "additionalProperties": peer,
        })
    }
}

#[cfg(test)]
mod tests;
