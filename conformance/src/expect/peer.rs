//! What is expected of one peer.

use super::bitrate::BitrateMatch;
use super::channel::ChannelMatch;
use super::messages::Messages;
use super::shorthand::{AnyOf, OrNone, Short, read_short};
use super::stats::StatMatch;
use crate::address::AddressKind;
use indexmap::IndexMap;
use peerproof_captures::event::{
    ConnectionState, DtlsState, IceGatheringState, IceState, SctpState, SignalingState,
};
use peerproof_captures::timeline::CandidateTransport;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// What is expected of one peer at the end of the case, by its own events, answers and statistics.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PeerExpectations {
    /// Last `connectionState`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_state: Option<AnyOf<ConnectionState>>,
    /// Last `iceConnectionState`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ice_connection_state: Option<AnyOf<IceState>>,
    /// Last `iceGatheringState`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ice_gathering_state: Option<AnyOf<IceGatheringState>>,
    /// Last `signalingState`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signaling_state: Option<AnyOf<SignalingState>>,
    /// Last state of the DTLS transport.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtls_state: Option<AnyOf<DtlsState>>,
    /// Last state of the SCTP transport.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sctp_state: Option<AnyOf<SctpState>>,
    /// Whole lists of states, from the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub states: Option<StateLists>,
    /// Messages received, by channel.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub messages: IndexMap<String, Messages>,
    /// Data channels by label (others may exist), or `none`: no channel was ever open here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<OrNone<IndexMap<String, ChannelMatch>>>,
    /// Remote tracks, or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracks: Option<OrNone<TracksMatch>>,
    /// Media seen and heard, or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<OrNone<MediaMatch>>,
    /// How much media the peer sends while links are as steps made them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bitrate: Vec<BitrateMatch>,
    /// Operations that the peer rejected, in order, as `{ createAnswer: InvalidStateError }`. An empty list: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<Rejection>>,
    /// The peer's own descriptions, the last of each type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp: Option<SdpMatch>,
    /// The peer's own candidates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidates: Option<CandidatesMatch>,
    /// Errors of STUN and TURN servers (`icecandidateerror`), at least these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidate_errors: Vec<CandidateErrorMatch>,
    /// The pair in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<PairMatch>,
    /// By which address of the peer its data came to the other one last, by the packets alone: `host`, of an interface of its
    /// own; `srflx`, outside of a NAT as a server reported it; `prflx`, outside of a NAT and never reported; `relay`, at its
    /// TURN server. For cases where the packets of both are recorded: in a lab, and of two stacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached_by: Option<AnyOf<AddressKind>>,
    /// The stream identifiers (RtpStreamId, RFC 8852) that the peer's RTP carries on the wire: exactly these, in any order. An empty list:
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rids: Option<Vec<String>>,
    /// Comparisons on the last statistics report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stats: Vec<StatMatch>,
}

/// Lists of states through which the peer went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StateLists {
    /// `signalingState`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signaling: Option<Transitions<SignalingState>>,
    /// `iceGatheringState`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ice_gathering: Option<Transitions<IceGatheringState>>,
    /// `iceConnectionState`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ice_connection: Option<Transitions<IceState>>,
    /// `RTCIceTransport.state`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ice_transport: Option<Transitions<IceState>>,
    /// `connectionState`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Transitions<ConnectionState>>,
    /// State of the DTLS transport.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtls: Option<Transitions<DtlsState>>,
    /// State of the SCTP transport.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sctp: Option<Transitions<SctpState>>,
}

/// The states that a machine went through. A list: exactly these, beginning with the first state (`[stable,
/// have-local-offer, stable]`). Repeated states count once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transitions<S> {
    /// Exactly one of these lists.
    pub any_of: Vec<Vec<S>>,
    /// These in this order, with others between them.
    pub includes: Vec<S>,
    /// None of these.
    pub never: Vec<S>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, bound(deserialize = "S: Deserialize<'de>"))]
struct LongTransitions<S> {
    /// Exactly one of these lists, where the standard allows more than one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    any_of: Vec<Vec<S>>,
    /// These in this order, with others between them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    includes: Vec<S>,
    /// None of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    never: Vec<S>,
}

impl<S: for<'a> Deserialize<'a>> Short for Transitions<S> {
    const FORMS: &'static str = "a list of states, or a map with `anyOf`, `includes`, `never`";

    fn from_list<'de, D: Deserializer<'de>>(list: D) -> Result<Self, D::Error> {
        Ok(Self { any_of: vec![Vec::deserialize(list)?], includes: Vec::new(), never: Vec::new() })
    }

    fn from_map<'de, D: Deserializer<'de>>(map: D) -> Result<Self, D::Error> {
        let LongTransitions { any_of, includes, never } = LongTransitions::deserialize(map)?;
        Ok(Self { any_of, includes, never })
    }
}

impl<'de, S: for<'a> Deserialize<'a>> Deserialize<'de> for Transitions<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_short(deserializer)
    }
}

impl<S: Serialize + Clone> Serialize for Transitions<S> {
    fn serialize<W: Serializer>(&self, serializer: W) -> Result<W::Ok, W::Error> {
        match (self.any_of.as_slice(), self.includes.as_slice(), self.never.as_slice()) {
            ([one], [], []) => one.serialize(serializer),
            _ => LongTransitions {
                any_of: self.any_of.clone(),
                includes: self.includes.clone(),
                never: self.never.clone(),
            }
            .serialize(serializer),
        }
    }
}

impl<S: JsonSchema> JsonSchema for Transitions<S> {
    fn schema_name() -> Cow<'static, str> {
        format!("Transitions_{}", S::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let list = generator.subschema_for::<Vec<S>>();
        let long = generator.subschema_for::<LongTransitions<S>>();
        json_schema!({ "anyOf": [list, long] })
    }
}

/// Remote tracks that appeared (`track` events).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TracksMatch {
    /// Exactly this many audio tracks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<usize>,
    /// Exactly this many video tracks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<usize>,
    /// Stream ids are those of the remote description's `a=msid` lines (RFC 8830).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msid: Option<bool>,
}

/// What was seen and heard of the remote tracks (`watch`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MediaMatch {
    /// Video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoMatch>,
    /// Audio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioMatch>,
}

/// What the frame numbers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Numbers {
    /// They grow from one sighting to the next, at least once.
    Increasing,
}

/// Video that was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VideoMatch {
    /// What the numbers in the frames do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<Numbers>,
    /// Fewest frames decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_frames: Option<u64>,
    /// Width of the newest frame in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height of the newest frame in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// `false`: no video was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<bool>,
}

/// Audio that was heard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AudioMatch {
    /// The strongest tone in hertz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tone: Option<u32>,
    /// How far off the tone may be in hertz. Default 15.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<u32>,
    /// Fewest blocks of 20 ms decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_frames: Option<u64>,
    /// `false`: no audio was heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<bool>,
}

/// An operation that was rejected: `{ createAnswer: InvalidStateError }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Rejection(IndexMap<String, AnyOf<String>>);

impl Rejection {
    /// The command of the peer protocol and the names of the error that are right.
    #[must_use]
    pub fn parts(&self) -> (&str, &[String]) {
        self.0.first().map_or(("", &[]), |(command, names)| (command.as_str(), names.0.as_slice()))
    }
}

impl<'de> Deserialize<'de> for Rejection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = IndexMap::deserialize(deserializer)?;
        if map.len() != 1 {
            return Err(D::Error::custom(
                "one command and its error, like `createAnswer: InvalidStateError`",
            ));
        }
        Ok(Self(map))
    }
}

/// What the peer's own descriptions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SdpMatch {
    /// In its last offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<Lines>,
    /// In its last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Lines>,
    /// In its last provisional answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pranswer: Option<Lines>,
}

/// Pieces of lines of a description.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lines {
    /// Each of these is in some line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contains: Vec<String>,
    /// None of these is in any line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
}

/// The peer's own candidates, reported by `icecandidate` or in its descriptions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CandidatesMatch {
    /// Exactly these types (`host`, `srflx`, `relay`), in any order. An empty list: no candidate at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<Vec<String>>,
    /// At least these types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub includes: Vec<String>,
    /// None of these types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
    /// Whether host addresses are hidden behind `.local` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mdns: Option<bool>,
    /// Whether the end of candidates was signalled (`icecandidate` with `null`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<bool>,
}

/// An error of a STUN or TURN server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CandidateErrorMatch {
    /// One of these codes (401, 701, …).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<u16>,
    /// The URL contains this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Candidate types of the pair in use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PairMatch {
    /// Type of the local candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<AnyOf<AddressKind>>,
    /// Type of the remote candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<AnyOf<AddressKind>>,
    /// Transport of the local candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<AnyOf<CandidateTransport>>,
}
