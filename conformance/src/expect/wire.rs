//! What must have been on the wire, and how often.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Packets of one kind from one peer, and how many of them there must be. Exactly one of `stun`, `dtls`, `srtp`, `srtcp`,
/// `rtcp`, `sctp`, `dcep` names the kind; without a count at least one is expected.
///
/// ```yaml
/// wire:
///   - { from: alice, dtls: ClientHello, atLeast: 1 }
///   - { from: bob, dtls: alert, level: fatal }
///   - { from: bob, srtp: any, times: 0 }
///   - { from: alice, sctp: DATA, message: lost, times: 4 }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WireMatch {
    /// The sender.
    pub from: String,
    /// STUN and TURN (RFC 8489, RFC 8656): `any`, `Binding request`, `Binding success`, `Binding error`,
    /// `Allocate request`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stun: Option<String>,
    /// DTLS: `any`, a handshake message (`ClientHello`), `ChangeCipherSpec`, `alert`, `application data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtls: Option<String>,
    /// Protected RTP: `any`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub srtp: Option<String>,
    /// Protected RTCP: `any`, or the type of the first packet (`SR`, `RR`, `PLI`), whose header is in clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub srtcp: Option<String>,
    /// RTCP packets of a compound in the clear: `any`, `SR`, `RR`, `SDES`, `BYE`, `NACK`, `PLI`, `FIR`, `TWCC`, `REMB`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtcp: Option<String>,
    /// SCTP chunks in the clear: `any`, `DATA`, `INIT`, `SACK`, `COOKIE-ECHO`, `FORWARD-TSN`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sctp: Option<String>,
    /// Data channel establishment in the clear (RFC 8832): `any`, `OPEN`, `ACK`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dcep: Option<String>,
    /// Alerts: `warning` or `fatal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// STUN: whether USE-CANDIDATE is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_candidate: Option<bool>,
    /// RTP: the payload type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_type: Option<u8>,
    /// DATA: the text that the chunk carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Exactly this many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// At least this many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u64>,
    /// At most this many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u64>,
}

/// How many there must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Fewest.
    pub at_least: u64,
    /// Most.
    pub at_most: Option<u64>,
}

impl Count {
    /// Whether `seen` is within the bounds.
    #[must_use]
    pub fn allows(self, seen: u64) -> bool {
        seen >= self.at_least && self.at_most.is_none_or(|most| seen <= most)
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.at_least, self.at_most) {
            (0, Some(0)) => f.write_str("none"),
            (least, Some(most)) if least == most => write!(f, "exactly {least}"),
            (0, Some(most)) => write!(f, "at most {most}"),
            (least, Some(most)) => write!(f, "{least} to {most}"),
            (least, None) => write!(f, "at least {least}"),
        }
    }
}

impl WireMatch {
    /// The protocol and the kind within it (`("dtls", "ClientHello")`), or what is wrong with this expectation.
    ///
    /// # Errors
    /// In words, if not exactly one protocol is named.
    pub fn class(&self) -> Result<(&'static str, &str), String> {
        let all = [
            ("stun", &self.stun),
            ("dtls", &self.dtls),
            ("srtp", &self.srtp),
            ("srtcp", &self.srtcp),
            ("rtcp", &self.rtcp),
            ("sctp", &self.sctp),
            ("dcep", &self.dcep),
        ];
        let mut named = all.into_iter().filter_map(|(protocol, kind)| Some((protocol, kind.as_deref()?)));
        match (named.next(), named.next()) {
            (Some(one), None) => Ok(one),
            (None, _) => {
                Err("names no protocol: one of stun, dtls, srtp, srtcp, rtcp, sctp, dcep".to_owned())
            }
            (Some(one), Some(other)) => Err(format!("names both {} and {}", one.0, other.0)),
        }
    }

    /// How many there must be.
    #[must_use]
    pub fn count(&self) -> Count {
        match (self.times, self.at_least, self.at_most) {
            (Some(times), _, _) => Count { at_least: times, at_most: Some(times) },
            (None, None, None) => Count { at_least: 1, at_most: None },
            (None, least, most) => Count { at_least: least.unwrap_or(0), at_most: most },
        }
    }
}
