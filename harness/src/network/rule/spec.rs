//! Which packets a rule is for, as a scenario says it.

use super::super::chunk::{Chunk, Dcep, Sctp};
use super::super::class::{Class, Content, Handshake, StunClass, StunMethod};
use super::field::Field;
use super::{MOST_INJECTED, RulePacket};
use crate::span::Span;
use peerproof_conformance::expect::AnyOf;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// Which packets a rule is for, and how it acts on them. What is not given matches every packet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleSpec {
    /// A name for the rule, under which `acts` awaits that it has acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The peer that sent them, or `dtls-client` or `dtls-server` (RFC 8842: whichever side that is).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Their protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// A DTLS handshake message that they hold, or a fragment of it. Protected messages of DTLS 1.3 need keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handshake: Option<AnyOf<Handshake>>,
    /// A content type of their DTLS records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// An SCTP chunk that they hold (RFC 9260 §3.2). Needs keys, as everything about data channels does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sctp: Option<AnyOf<Sctp>>,
    /// A message of DCEP that they hold (RFC 8832 §5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dcep: Option<Dcep>,
    /// The SCTP stream of a user message that they hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<u16>,
    /// The label of the channel of a user message that they hold, as DCEP announced it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The class of the STUN message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stun: Option<StunClass>,
    /// The method of the STUN message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<StunMethod>,
    /// Whether the STUN message has the attribute USE-CANDIDATE (RFC 8445 §16.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_candidate: Option<bool>,
    /// The RTP payload type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_type: Option<u8>,
    /// The least number of bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_size: Option<usize>,
    /// Only the first ones that match, this number of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<u32>,
    /// Only this one of those that match, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u32>,
    /// Every Nth that matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u32>,
    /// With this probability, from the case's seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Only what comes at least this time after the rule was installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Span>,
    /// Only what comes at most this time after the rule was installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Span>,
    /// Only while this number of next steps is played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// For `delay` and `replay`: by how much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Span>,
    /// For `corrupt`: which byte, from 0; counted from the end if negative. Default -1, which is in the tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub byte: Option<i32>,
    /// For `corrupt`: which field, of the packets that have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Field>,
    /// For `inject`: the datagram that follows, from and to where the one that matches goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Bytes>,
    /// For `fragment`: into how many pieces, 2 to 4. Default 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pieces: Option<usize>,
}

impl RuleSpec {
    /// Whether the keys of a peer are needed to know which packets it is for.
    #[must_use]
    pub fn needs_keys(&self) -> bool {
        self.speaks_of_chunks()
            || self.handshake.as_ref().is_some_and(|any| any.0.iter().all(|kind| kind.is_always_protected()))
            || self.content == Some(Content::Ack)
    }

    pub(super) fn speaks_of_chunks(&self) -> bool {
        self.sctp.is_some() || self.dcep.is_some() || self.stream.is_some() || self.channel.is_some()
    }

    /// Whether the packet is one of those meant, but for how many there were before.
    pub(super) fn is_for(&self, packet: &RulePacket<'_>) -> bool {
        let seen = packet.seen;
        self.is_for_the_outside(packet)
            && self.handshake.as_ref().is_none_or(|any| seen.handshakes.iter().any(|kind| any.allows(kind)))
            && self.content.is_none_or(|content| seen.contents.contains(&content))
            && (!self.speaks_of_chunks() || seen.chunks.iter().any(|chunk| self.is_for_chunk(chunk)))
    }

    /// Whether the packet may be one of those meant, and only its keys are missing to decide it.
    pub(super) fn may_be_for(&self, packet: &RulePacket<'_>) -> bool {
        let may_hold =
            self.needs_keys() || (self.speaks_of_a_flight() && is_in_handshake_epoch(packet.bytes));
        may_hold && packet.seen.unread && self.is_for_the_outside(packet)
    }

    /// Whether it is for a handshake message that DTLS 1.3 protects, as all but the hellos.
    fn speaks_of_a_flight(&self) -> bool {
        let is_hello = |kind: &Handshake| {
            matches!(kind, Handshake::ClientHello | Handshake::ServerHello | Handshake::HelloVerifyRequest)
        };
        self.handshake.as_ref().is_some_and(|any| any.0.iter().any(|kind| !is_hello(kind)))
    }

    fn is_for_the_outside(&self, packet: &RulePacket<'_>) -> bool {
        let seen = packet.seen;
        self.from.as_deref().is_none_or(|from| is_sender(from, packet))
            && (self.class.is_none() || self.class == seen.class)
            && (self.stun.is_none() || self.stun == seen.stun)
            && (self.method.is_none() || self.method == seen.method)
            && self.use_candidate.is_none_or(|wanted| seen.use_candidate == Some(wanted))
            && (self.payload_type.is_none() || self.payload_type == seen.payload_type)
            && self.least_size.is_none_or(|least| packet.bytes.len() >= least)
            && self.field.is_none_or(|field| field.byte_in(packet.bytes, seen).is_some())
    }

    fn is_for_chunk(&self, chunk: &Chunk) -> bool {
        self.sctp.as_ref().is_none_or(|any| any.allows(&chunk.kind))
            && (self.dcep.is_none() || self.dcep == chunk.dcep)
            && (self.stream.is_none() || self.stream == chunk.stream)
            && (self.channel.is_none() || self.channel == chunk.channel)
    }

    /// Whether it is in force at this time after it was installed.
    pub(super) fn is_in_time(&self, since: Duration) -> bool {
        self.after.is_none_or(|after| since >= after.0) && self.until.is_none_or(|until| since < until.0)
    }
}

/// The sender of the last ClientHello, in place of a peer's name.
pub const DTLS_CLIENT: &str = "dtls-client";
/// The other side.
pub const DTLS_SERVER: &str = "dtls-server";

/// Whether a packet comes from a peer, or from a side of DTLS, of this name.
pub(super) fn is_sender(from: &str, packet: &RulePacket<'_>) -> bool {
    match from {
        DTLS_CLIENT => packet.seen.from_client == Some(true),
        DTLS_SERVER => packet.seen.from_client == Some(false),
        name => name == packet.from,
    }
}

/// Bytes that a scenario writes as hexadecimal digits, perhaps with spaces between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bytes(pub Arc<[u8]>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits: Option<Vec<u8>> = text
            .chars()
            .filter(|c| *c != ' ')
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        let digits = digits.filter(|digits| digits.len().is_multiple_of(2));
        let digits =
            digits.ok_or_else(|| de::Error::custom("bytes are written as pairs of hexadecimal digits"))?;
        if digits.is_empty() || digits.len() / 2 > MOST_INJECTED {
            return Err(de::Error::custom(format!("expected a datagram of 1 to {MOST_INJECTED} bytes")));
        }
        Ok(Self(
            digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect(),
        ))
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        serializer.serialize_str(&text)
    }
}

impl JsonSchema for Bytes {
    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A datagram as hexadecimal digits.",
            "pattern": "^( *[0-9a-fA-F] *[0-9a-fA-F])+ *$",
        })
    }
}

/// Whether a datagram begins with a record of DTLS 1.3 in epoch 2, in which the messages of its handshake are protected (RFC 9147 §4, §6.1).
fn is_in_handshake_epoch(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| first >> 5 == 0b001 && first & 0b11 == 2)
}
