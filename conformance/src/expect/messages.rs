//! Which messages a channel must have delivered.

use super::shorthand::{Short, read_short};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// What a channel must have delivered. A list means: exactly these, in this order.
///
/// ```yaml
/// messages:
///   chat: [one, { pattern: { size: 65536, seed: 7 } }]
///   lossy: { inOrder: [{ pattern: { size: 100, seed: 1 }, times: 50 }], atLeast: 20 }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Messages {
    /// Exactly these in this order.
    pub exactly: Option<Vec<MessageMatch>>,
    /// Exactly these in any order.
    pub unordered: Option<Vec<MessageMatch>>,
    /// Nothing but these, in this order; some may be missing.
    pub in_order: Option<Vec<MessageMatch>>,
    /// Nothing but these, in any order; some may be missing, none may come twice.
    pub some_of: Option<Vec<MessageMatch>>,
    /// These must have come; others may have.
    pub includes: Option<Vec<MessageMatch>>,
    /// None of these may have come.
    pub lacks: Option<Vec<MessageMatch>>,
    /// Fewest messages.
    pub at_least: Option<u64>,
    /// Most messages.
    pub at_most: Option<u64>,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LongMessages {
    /// Exactly these in this order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exactly: Option<Vec<MessageMatch>>,
    /// Exactly these in any order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unordered: Option<Vec<MessageMatch>>,
    /// Nothing but these, in this order; some may be missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_order: Option<Vec<MessageMatch>>,
    /// Nothing but these, in any order; some may be missing, none may come twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    some_of: Option<Vec<MessageMatch>>,
    /// These must have come; others may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    includes: Option<Vec<MessageMatch>>,
    /// None of these may have come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lacks: Option<Vec<MessageMatch>>,
    /// Fewest messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_least: Option<u64>,
    /// Most messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_most: Option<u64>,
}

impl Short for Messages {
    const FORMS: &'static str = "a list of messages, `none`, or a map like `{ unordered: […] }`";

    fn from_word<E: Error>(word: &str) -> Result<Self, E> {
        match word {
            "none" => Ok(Self { exactly: Some(Vec::new()), ..Self::default() }),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(word), &Self::FORMS)),
        }
    }

    fn from_list<'de, D: Deserializer<'de>>(list: D) -> Result<Self, D::Error> {
        Ok(Self { exactly: Some(Vec::deserialize(list)?), ..Self::default() })
    }

    fn from_map<'de, D: Deserializer<'de>>(map: D) -> Result<Self, D::Error> {
        let LongMessages { exactly, unordered, in_order, some_of, includes, lacks, at_least, at_most } =
            LongMessages::deserialize(map)?;
        let ways = [&exactly, &unordered, &in_order, &some_of].into_iter().flatten().count();
        if ways > 1 {
            return Err(D::Error::custom(
                "only one of `exactly`, `unordered`, `inOrder`, `someOf` can hold for a channel",
            ));
        }
        Ok(Self { exactly, unordered, in_order, some_of, includes, lacks, at_least, at_most })
    }
}

impl<'de> Deserialize<'de> for Messages {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_short(deserializer)
    }
}

impl Serialize for Messages {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self {
                exactly: Some(list),
                unordered: None,
                in_order: None,
                some_of: None,
                includes: None,
                lacks: None,
                at_least: None,
                at_most: None,
            } => list.serialize(serializer),
            _ => {
                let Self { exactly, unordered, in_order, some_of, includes, lacks, at_least, at_most } =
                    self.clone();
                LongMessages { exactly, unordered, in_order, some_of, includes, lacks, at_least, at_most }
                    .serialize(serializer)
            }
        }
    }
}

impl JsonSchema for Messages {
    fn schema_name() -> Cow<'static, str> {
        "Messages".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let list = generator.subschema_for::<Vec<MessageMatch>>();
        let long = generator.subschema_for::<LongMessages>();
        json_schema!({ "anyOf": [list, { "const": "none" }, long] })
    }
}

/// One message, or with `times` several alike. A word is the text of a text message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageMatch {
    /// This very text.
    Text {
        /// The text.
        text: String,
        /// How many such messages.
        times: u32,
    },
    /// The pattern of the peer protocol; with `times` the seed grows by one each time.
    Pattern {
        /// Size and seed.
        pattern: Pattern,
        /// How many such messages.
        times: u32,
    },
    /// Any message of that size, checksum and kind, as far as given.
    Like {
        /// Length in bytes.
        size: Option<u64>,
        /// CRC-32 (IEEE 802.3).
        crc32: Option<u32>,
        /// As a string (`true`) or binary.
        as_text: Option<bool>,
        /// How many such messages.
        times: u32,
    },
}

/// A message that both sides can compute: byte `i` is the top byte of the `i`-th value of
/// `x ← x·1664525 + 1013904223 (mod 2³²)` started with `x = seed`; as text, modulo 26 and added to `a`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// Length in bytes.
    pub size: u32,
    /// First value of the generator.
    pub seed: u32,
    /// Sent as a string instead of binary.
    #[serde(default, skip_serializing_if = "is_false")]
    pub text: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(value: &bool) -> bool {
    !value
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LongMessage {
    /// This very text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The computed pattern of the peer protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pattern: Option<Pattern>,
    /// Length in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// CRC-32 (IEEE 802.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crc32: Option<u32>,
    /// As a string (`true`) or binary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    as_text: Option<bool>,
    /// How many such messages; a pattern's seed grows by one each time. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<u32>,
}

impl Short for MessageMatch {
    const FORMS: &'static str = "a text, or a map with `text`, `pattern`, or `size` and `crc32`";

    fn from_word<E: Error>(word: &str) -> Result<Self, E> {
        Ok(Self::Text { text: word.to_owned(), times: 1 })
    }

    fn from_map<'de, D: Deserializer<'de>>(map: D) -> Result<Self, D::Error> {
        let long = LongMessage::deserialize(map)?;
        let times = long.times.unwrap_or(1);
        let like = long.size.is_some() || long.crc32.is_some() || long.as_text.is_some();
        match (long.text, long.pattern, like) {
            (Some(text), None, false) => Ok(Self::Text { text, times }),
            (None, Some(pattern), false) => Ok(Self::Pattern { pattern, times }),
            (None, None, true) => {
                Ok(Self::Like { size: long.size, crc32: long.crc32, as_text: long.as_text, times })
            }
            (None, None, false) => Err(D::Error::custom("a message needs `text`, `pattern` or `size`")),
            _ => Err(D::Error::custom("a message has either `text` or `pattern` or `size` and `crc32`")),
        }
    }
}

impl<'de> Deserialize<'de> for MessageMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_short(deserializer)
    }
}

impl Serialize for MessageMatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let several = |times: u32| (times != 1).then_some(times);
        match self {
            Self::Text { text, times: 1 } => text.serialize(serializer),
            Self::Text { text, times } => {
                LongMessage { text: Some(text.clone()), times: several(*times), ..LongMessage::default() }
                    .serialize(serializer)
            }
            Self::Pattern { pattern, times } => {
                LongMessage { pattern: Some(*pattern), times: several(*times), ..LongMessage::default() }
                    .serialize(serializer)
            }
            Self::Like { size, crc32, as_text, times } => LongMessage {
                size: *size,
                crc32: *crc32,
                as_text: *as_text,
                times: several(*times),
                ..LongMessage::default()
            }
            .serialize(serializer),
        }
    }
}

impl JsonSchema for MessageMatch {
    fn schema_name() -> Cow<'static, str> {
        "MessageMatch".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = generator.subschema_for::<LongMessage>();
        json_schema!({ "anyOf": [{ "type": "string" }, long] })
    }
}
