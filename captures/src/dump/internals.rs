//! Dumps of chrome://webrtc-internals: what the API was asked and reported, and statistics, of each `RTCPeerConnection` of a browser.
//!
//! ```text
//! { "UserAgent": "…", "PeerConnections": { "11-1": {
//!     "url": "…", "updateLog": [{ "type": "oniceconnectionstatechange", "value": "\"checking\"", "timestamp": 1795927363602.1 }],
//!     "stats": { "T01-dtlsState": { "statsType": "transport", "values": "[\"connecting\",\"connected\"]" } } } } }
//! ```
//!
//! Values are JSON in a string, or plain text in dumps of older versions.

use serde_json::Value;
use std::collections::BTreeMap;

/// A dump.
#[derive(Debug, Clone, PartialEq)]
pub struct Internals {
    /// The browser with its version, as it names itself.
    pub browser: Option<String>,
    /// Its connections in the order of the dump.
    pub connections: Vec<DumpedConnection>,
}

/// An `RTCPeerConnection` in a dump.
#[derive(Debug, Clone, PartialEq)]
pub struct DumpedConnection {
    /// Its name in the dump: process and number.
    pub id: String,
    /// The page.
    pub url: Option<String>,
    /// What was called and what fired, in the order of the dump.
    pub log: Vec<Called>,
    /// The statistics at the end, by the identifier of the object.
    pub stats: BTreeMap<String, DumpedStats>,
}

/// An entry of a connection's log.
#[derive(Debug, Clone, PartialEq)]
pub struct Called {
    /// Milliseconds since 1970-01-01 00:00 UTC, where the dump says it as a number.
    pub at_ms: Option<f64>,
    /// What: `setLocalDescription`, `onicecandidate`, `oniceconnectionstatechange`.
    pub kind: String,
    /// With what.
    pub value: Value,
}

/// An object of the statistics.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DumpedStats {
    /// Its `RTCStatsType`.
    pub kind: String,
    /// The last value of each member.
    pub members: BTreeMap<String, Value>,
}

impl DumpedStats {
    /// The text of a member.
    #[must_use]
    pub fn text(&self, member: &str) -> Option<&str> {
        self.members.get(member)?.as_str()
    }

    /// The number of a member.
    #[must_use]
    pub fn number(&self, member: &str) -> Option<f64> {
        self.members.get(member)?.as_f64()
    }

    /// The number of a member that counts something; zero where it is missing.
    #[must_use]
    pub fn count(&self, member: &str) -> u64 {
        // Counters are far below what a double holds exactly.
        self.number(member).filter(|count| (0.0..9e15).contains(count)).map_or(0, |count| count as u64)
    }
}

impl DumpedConnection {
    /// The objects of a type.
    pub fn of_type<'a>(&'a self, kind: &str) -> impl Iterator<Item = (&'a str, &'a DumpedStats)> {
        self.stats.iter().filter(move |(_, stats)| stats.kind == kind).map(|(id, stats)| (id.as_str(), stats))
    }

    /// The entries of a kind.
    pub fn logged<'a>(&'a self, kind: &str) -> impl DoubleEndedIterator<Item = &'a Called> {
        self.log.iter().filter(move |entry| entry.kind == kind)
    }

    /// The last value of a state that `kind` reports.
    #[must_use]
    pub fn state(&self, kind: &str) -> Option<&str> {
        self.logged(kind).next_back()?.value.as_str()
    }

    /// Whether a state was ever that.
    #[must_use]
    pub fn was(&self, kind: &str, state: &str) -> bool {
        self.logged(kind).any(|entry| entry.value.as_str() == Some(state))
    }
}

impl Internals {
    /// Reads a dump; nothing if the value is none.
    #[must_use]
    pub fn of(dump: &Value) -> Option<Self> {
        let connections = dump.get("PeerConnections")?.as_object()?;
        let text = |key: &str| dump.get(key).and_then(Value::as_str).map(str::to_owned);
        let brands = dump.pointer("/UserAgentData/fullVersionList").and_then(Value::as_array);
        let brand = brands.into_iter().flatten().find_map(|brand| {
            let name = brand.get("brand")?.as_str().filter(|name| name.contains("Chrom"))?;
            Some(format!("{name} {}", brand.get("version")?.as_str()?))
        });
        let connections = connections.iter().map(|(id, connection)| of_connection(id, connection)).collect();
        Some(Self { browser: brand.or_else(|| text("UserAgent")), connections })
    }
}

fn of_connection(id: &str, connection: &Value) -> DumpedConnection {
    let log = connection.get("updateLog").and_then(Value::as_array).into_iter().flatten();
    let log = log.filter_map(|entry| {
        let kind = entry.get("type")?.as_str()?.to_owned();
        Some(Called {
            at_ms: entry.get("timestamp").and_then(Value::as_f64),
            kind,
            value: value(entry.get("value")),
        })
    });
    let mut stats: BTreeMap<String, DumpedStats> = BTreeMap::new();
    for (key, series) in connection.get("stats").and_then(Value::as_object).into_iter().flatten() {
        // No member has a hyphen in its name; those in brackets are computed by the page.
        let Some((object, member)) = key.rsplit_once('-').filter(|(_, member)| !member.starts_with('['))
        else {
            continue;
        };
        let Value::Array(mut values) = value(series.get("values")) else { continue };
        let Some(last) = values.pop() else { continue };
        let stats = stats.entry(object.to_owned()).or_default();
        if let Some(kind) = series.get("statsType").and_then(Value::as_str) {
            stats.kind = kind.to_owned();
        }
        stats.members.insert(member.to_owned(), last);
    }
    let url = connection.get("url").and_then(Value::as_str).map(str::to_owned);
    DumpedConnection { id: id.to_owned(), url, log: log.collect(), stats }
}

/// JSON in a string, or the string itself.
fn value(of: Option<&Value>) -> Value {
    match of {
        Some(Value::String(text)) => {
            serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
        }
        Some(other) => other.clone(),
        None => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn states_and_the_last_statistics_are_read() {
        let dump = json!({
            "UserAgent": "Mozilla/5.0",
            "PeerConnections": { "1-1": {
                "updateLog": [
                    { "type": "oniceconnectionstatechange", "value": "\"checking\"", "timestamp": 1.5 },
                    { "type": "oniceconnectionstatechange", "value": "failed", "time": "yesterday" },
                    { "type": 7 },
                ],
                "stats": {
                    "CP-a-state": { "statsType": "candidate-pair", "values": "[\"waiting\",\"failed\"]" },
                    "CP-a-requestsSent": { "statsType": "candidate-pair", "values": "[1,9]" },
                    "CP-a-[x]": { "values": "[1]" },
                    "T-x": { "values": "nonsense" },
                },
            } },
        });
        let read = Internals::of(&dump).unwrap();
        let connection = &read.connections[0];
        assert_eq!(connection.state("oniceconnectionstatechange"), Some("failed"));
        assert!(connection.was("oniceconnectionstatechange", "checking"));
        assert_eq!(connection.log.len(), 2);
        let (id, pair) = connection.of_type("candidate-pair").next().unwrap();
        assert_eq!((id, pair.text("state"), pair.count("requestsSent")), ("CP-a", Some("failed"), 9));
        assert_eq!(connection.stats.len(), 1);
        for none in [json!(null), json!([]), json!({ "PeerConnections": 1 })] {
            assert_eq!(Internals::of(&none), None);
        }
    }
}
