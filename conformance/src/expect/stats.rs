//! What a peer's statistics (`getStats`, webrtc-stats) must say.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One comparison on the last report: of the dictionaries of this type (and with these members) at least one must satisfy
/// every comparison given.
///
/// ```yaml
/// stats:
///   - { type: inbound-rtp, where: { kind: video }, field: framesDecoded, above: 0 }
///   - { type: candidate-pair, where: { nominated: true }, follow: localCandidateId, field: candidateType, equals: host }
///   - { type: data-channel, count: 1 }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StatMatch {
    /// `RTCStatsType`: `inbound-rtp`, `candidate-pair`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Members that the dictionary must have with these values.
    #[serde(default, rename = "where", skip_serializing_if = "IndexMap::is_empty")]
    pub having: IndexMap<String, Value>,
    /// Go on to the dictionary whose id this member holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow: Option<String>,
    /// The member compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// It has this value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Value>,
    /// It has one of these values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<Value>>,
    /// It is greater than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// It is less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// It is at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// It is at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// There are exactly this many such dictionaries (zero: none).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
}
