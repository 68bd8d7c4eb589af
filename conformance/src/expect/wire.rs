//! What must have been on the wire, and how often.

use peerproof_captures::observe::unit;
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

    /// What is wrong with it though all its types are right: a word that names nothing, keys that say nothing of such a packet, counts that
    /// exclude each other. Without that, `dtls: ClientHelo, times: 0` would always hold.
    #[must_use]
    pub fn troubles(&self) -> Vec<Trouble> {
        let mut all = Vec::new();
        let mut add = |key, message: String, words: Vec<String>| all.push(Trouble { key, message, words });
        let (protocol, kind) = match self.class() {
            Ok(class) => class,
            Err(message) => {
                add("", format!("this expectation {message}"), Vec::new());
                return all;
            }
        };
        let words: Vec<String> = unit::names(protocol).iter().map(ToString::to_string).collect();
        if kind != "any" && !words.iter().any(|word| word.eq_ignore_ascii_case(kind)) {
            let words = std::iter::once("any".to_owned()).chain(words).collect();
            add(protocol, format!("{} has no `{kind}`", protocol.to_uppercase()), words);
        }
        let is = |name: &str| kind.eq_ignore_ascii_case(name);
        let of = [
            ("level", self.level.is_some(), protocol == "dtls" && is("alert"), "`dtls: alert`"),
            ("useCandidate", self.use_candidate.is_some(), protocol == "stun", "`stun`"),
            ("payloadType", self.payload_type.is_some(), protocol == "srtp", "`srtp`"),
            (
                "message",
                self.message.is_some(),
                protocol == "sctp" && (is("any") || is("DATA") || is("I-DATA")),
                "`sctp: DATA`",
            ),
        ];
        for (key, _, _, owner) in of.into_iter().filter(|(_, given, fits, _)| *given && !fits) {
            add(key, format!("`{key}` belongs to {owner}"), Vec::new());
        }
        if let Some(level) = self.level.as_ref().filter(|level| !LEVELS.contains(&level.as_str())) {
            add("level", format!("an alert has no level `{level}`"), LEVELS.map(str::to_owned).to_vec());
        }
        match (self.times, self.at_least, self.at_most) {
            (Some(_), Some(_), _) => {
                add("atLeast", "`times` and `atLeast` exclude each other".to_owned(), Vec::new());
            }
            (Some(_), _, Some(_)) => {
                add("atMost", "`times` and `atMost` exclude each other".to_owned(), Vec::new());
            }
            (None, Some(least), Some(most)) if least > most => {
                add("atMost", format!("at least {least} and at most {most} exclude each other"), Vec::new());
            }
            (None, Some(0), None) => add("atLeast", "`atLeast: 0` always holds".to_owned(), Vec::new()),
            _ => {}
        }
        all
    }
}

/// The levels of alerts (RFC 8446 §6).
const LEVELS: [&str; 2] = ["warning", "fatal"];

/// What is wrong with an expectation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The key at which it shows; empty for the expectation as a whole.
    pub key: &'static str,
    /// What, as a lowercase fragment.
    pub message: String,
    /// What could stand there instead, where that can be listed.
    pub words: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn troubles(yaml: &str) -> Vec<(&'static str, String)> {
        let wanted: WireMatch = serde_json::from_str(yaml).unwrap();
        wanted.troubles().into_iter().map(|trouble| (trouble.key, trouble.message)).collect()
    }

    #[test]
    fn what_could_never_be_seen_and_what_excludes_itself_is_found() {
        for right in [
            r#"{"from":"alice","dtls":"ClientHello","times":0}"#,
            r#"{"from":"alice","dtls":"alert","level":"fatal"}"#,
            r#"{"from":"alice","stun":"Binding success","useCandidate":true,"atLeast":1,"atMost":1}"#,
            r#"{"from":"alice","stun":"ChannelData"}"#,
            r#"{"from":"alice","sctp":"DATA","message":"hi","times":2}"#,
            r#"{"from":"alice","srtcp":"pli"}"#,
            r#"{"from":"alice","srtp":"any","payloadType":96}"#,
            r#"{"from":"alice","dcep":"OPEN"}"#,
        ] {
            assert_eq!(troubles(right), [], "{right}");
        }
        for (wrong, key) in [
            (r#"{"from":"alice","dtls":"ClientHelo","times":0}"#, "dtls"),
            (r#"{"from":"alice","sctp":"INITT","times":0}"#, "sctp"),
            (r#"{"from":"alice","srtp":"96"}"#, "srtp"),
            (r#"{"from":"alice","dtls":"ClientHello","level":"fatal"}"#, "level"),
            (r#"{"from":"alice","dtls":"alert","level":"bad"}"#, "level"),
            (r#"{"from":"alice","sctp":"INIT","message":"x"}"#, "message"),
            (r#"{"from":"alice","sctp":"any","useCandidate":true}"#, "useCandidate"),
            (r#"{"from":"alice","sctp":"any","times":2,"atLeast":1}"#, "atLeast"),
            (r#"{"from":"alice","sctp":"any","atMost":2,"atLeast":3}"#, "atMost"),
            (r#"{"from":"alice","sctp":"any","atLeast":0}"#, "atLeast"),
            (r#"{"from":"alice"}"#, ""),
            (r#"{"from":"alice","sctp":"any","stun":"any"}"#, ""),
        ] {
            assert_eq!(troubles(wrong).iter().map(|(key, _)| *key).collect::<Vec<_>>(), [key], "{wrong}");
        }
    }
}
