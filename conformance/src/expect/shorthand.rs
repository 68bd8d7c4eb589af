//! Short forms in YAML: a word for a map, one value for a list.
//!
//! serde's `untagged` would accept them too, but its errors say only that nothing matched. Here the form decides what is
//! read, and the error is the one of that form, with its place.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

pub use peerproof_captures::any_of::AnyOf;

/// What a type offers besides its map: a word, a list. Used through [`read_short`].
pub(super) trait Short: Sized {
    /// How an error names the forms.
    const FORMS: &'static str;

    /// From a word.
    fn from_word<E: Error>(word: &str) -> Result<Self, E> {
        Err(E::invalid_type(serde::de::Unexpected::Str(word), &Self::FORMS))
    }

    /// From a list.
    fn from_list<'de, D: Deserializer<'de>>(_list: D) -> Result<Self, D::Error> {
        Err(D::Error::invalid_type(serde::de::Unexpected::Seq, &Self::FORMS))
    }

    /// From a map: the long form.
    fn from_map<'de, D: Deserializer<'de>>(map: D) -> Result<Self, D::Error>;
}

/// Reads whichever form is there.
pub(super) fn read_short<'de, T: Short, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Forms<T>(PhantomData<T>);
    impl<'de, T: Short> Visitor<'de> for Forms<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(T::FORMS)
        }

        fn visit_str<E: Error>(self, word: &str) -> Result<T, E> {
            T::from_word(word)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<T, A::Error> {
            T::from_list(SeqAccessDeserializer::new(seq))
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::from_map(MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_any(Forms(PhantomData))
}

/// A value, or the word `none`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrNone<T> {
    /// There must be none.
    None,
    /// There must be this.
    Some(T),
}

impl<T: for<'a> Deserialize<'a>> Short for OrNone<T> {
    const FORMS: &'static str = "`none` or a map";

    fn from_word<E: Error>(word: &str) -> Result<Self, E> {
        match word {
            "none" => Ok(Self::None),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(word), &Self::FORMS)),
        }
    }

    fn from_map<'de, D: Deserializer<'de>>(map: D) -> Result<Self, D::Error> {
        T::deserialize(map).map(Self::Some)
    }
}

impl<'de, T: for<'a> Deserialize<'a>> Deserialize<'de> for OrNone<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_short(deserializer)
    }
}

impl<T: Serialize> Serialize for OrNone<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::Some(value) => value.serialize(serializer),
        }
    }
}

impl<T: JsonSchema> JsonSchema for OrNone<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("OrNone_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [{ "const": "none" }, value] })
    }
}
