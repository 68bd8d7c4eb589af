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
    /// Who wrote it.
    pub origin: Origin,
    /// The browser with its version, as it names itself.
    pub browser: Option<String>,
    /// Its connections in the order of the dump.
    pub connections: Vec<DumpedConnection>,
}

/// Who wrote a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// chrome://webrtc-internals.
    Internals,
    /// Firefox's about:webrtc.
    AboutWebrtc,
    /// rtcstats, a script within the page.
    Rtcstats,
}

impl Origin {
    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Internals => "chrome://webrtc-internals",
            Self::AboutWebrtc => "about:webrtc",
            Self::Rtcstats => "rtcstats",
        }
    }

    /// What cannot be known from such a dump.
    #[must_use]
    pub const fn lacks(self) -> &'static str {
        match self {
            Self::Internals => {
                "not in a dump: packets, keys, what the other side saw, addresses that are hidden from pages"
            }
            Self::AboutWebrtc => {
                "not in a report of about:webrtc: packets, keys, what the other side saw, when states changed and which they were before the last, \
                 how many checks were sent"
            }
            Self::Rtcstats => {
                "not in a dump of rtcstats: packets, keys, what the other side saw, addresses that were obfuscated, what happened before the script began"
            }
        }
    }
}

/// An `RTCPeerConnection` in a dump.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DumpedConnection {
    /// Its name in the dump: process and number.
    pub id: String,
    /// The page.
    pub url: Option<String>,
    /// What was called and what fired, in the order of the dump.
    pub log: Vec<Called>,
    /// The statistics at the end, by the identifier of the object.
    pub stats: BTreeMap<String, DumpedStats>,
    /// Numbers of the statistics over time, where the dump has them.
    pub series: Vec<DumpedSeries>,
}

/// A number of the statistics over time.
#[derive(Debug, Clone, PartialEq)]
pub struct DumpedSeries {
    /// The identifier of the object.
    pub object: String,
    /// The member.
    pub member: String,
    /// Milliseconds since 1970-01-01 00:00 UTC, and values.
    pub points: Vec<(f64, f64)>,
}

/// A description in a dump.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DumpedDescription<'a> {
    /// Whether it is the browser's own.
    pub is_local: bool,
    /// `offer`, `answer`, …
    pub kind: &'a str,
    /// The description.
    pub sdp: &'a str,
    /// Milliseconds since 1970-01-01 00:00 UTC, where the dump says it.
    pub at_ms: Option<f64>,
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

    /// The descriptions that were set, in the order of the dump; one that follows itself only once.
    pub fn descriptions(&self) -> impl Iterator<Item = DumpedDescription<'_>> {
        let mut last: [Option<&str>; 2] = [None, None];
        self.log.iter().filter_map(move |entry| {
            let is_local = match entry.kind.as_str() {
                // Without an argument it is created when it is set.
                "setLocalDescription" | "setLocalDescriptionOnSuccess" => true,
                "setRemoteDescription" => false,
                _ => return None,
            };
            let sdp = entry.value.get("sdp")?.as_str()?;
            let before = last.get_mut(usize::from(is_local))?.replace(sdp);
            let kind = entry.value.get("type").and_then(Value::as_str).unwrap_or_default();
            (before != Some(sdp)).then_some(DumpedDescription { is_local, kind, sdp, at_ms: entry.at_ms })
        })
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
    /// What cannot be known from this dump: what no dump of its kind has, and when that happened of which it gives no time as a number.
    #[must_use]
    pub fn lacks(&self) -> String {
        let mut text = self.origin.lacks().to_owned();
        let log = || self.connections.iter().flat_map(|connection| &connection.log);
        let timeless = log().filter(|called| called.at_ms.is_none()).count();
        if timeless > 0 && self.origin != Origin::AboutWebrtc {
            text += &format!("; when {timeless} of {} entries of its log were", log().count());
        }
        text
    }

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
        let browser = brand.or_else(|| text("UserAgent"));
        Some(Self { origin: Origin::Internals, browser, connections })
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
    let mut over_time = Vec::new();
    for (key, series) in connection.get("stats").and_then(Value::as_object).into_iter().flatten() {
        // No member has a hyphen in its name; those in brackets are computed by the page.
        let Some((object, member)) = key.rsplit_once('-').filter(|(_, member)| !member.starts_with('['))
        else {
            continue;
        };
        let Value::Array(mut values) = value(series.get("values")) else { continue };
        over_time.extend(DumpedSeries::of(object, member, series, &values));
        let Some(last) = values.pop() else { continue };
        let stats = stats.entry(object.to_owned()).or_default();
        if let Some(kind) = series.get("statsType").and_then(Value::as_str) {
            stats.kind = kind.to_owned();
        }
        stats.members.insert(member.to_owned(), last);
    }
    let url = connection.get("url").and_then(Value::as_str).map(str::to_owned);
    DumpedConnection { id: id.to_owned(), url, log: log.collect(), stats, series: over_time }
}

impl DumpedSeries {
    /// The numbers, at equal steps between the first and the last time; nothing if a value is none.
    fn of(object: &str, member: &str, about: &Value, values: &[Value]) -> Option<Self> {
        let time = |key: &str| about.get(key).and_then(Value::as_str).and_then(super::log::instant);
        let (from, to) = (time("startTime")?, time("endTime")?);
        let numbers: Option<Vec<f64>> = values.iter().map(Value::as_f64).collect();
        // Milliseconds of this century are far below what a double holds exactly.
        let (from, to) = (from as f64 / 1e6, to as f64 / 1e6);
        let numbers = numbers.filter(|numbers| !numbers.is_empty() && to >= from)?;
        let step = (to - from) / (numbers.len().saturating_sub(1).max(1) as f64);
        let points =
            numbers.into_iter().enumerate().map(|(n, number)| (from + step * n as f64, number)).collect();
        Some(Self { object: object.to_owned(), member: member.to_owned(), points })
    }
}

/// JSON in a string, or the string itself.
pub(super) fn value(of: Option<&Value>) -> Value {
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
                    "CP-a-requestsSent": { "statsType": "candidate-pair", "values": "[1,5,9]",
                        "startTime": "1970-01-01T00:00:01.500Z", "endTime": "1970-01-01T00:00:03.500Z" },
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
        assert!(read.lacks().ends_with("; when 1 of 2 entries of its log were"), "{}", read.lacks());
        let (id, pair) = connection.of_type("candidate-pair").next().unwrap();
        assert_eq!((id, pair.text("state"), pair.count("requestsSent")), ("CP-a", Some("failed"), 9));
        assert_eq!(connection.stats.len(), 1);
        let points = vec![(1_500.0, 1.0), (2_500.0, 5.0), (3_500.0, 9.0)];
        let member = "requestsSent".to_owned();
        assert_eq!(connection.series, [DumpedSeries { object: "CP-a".to_owned(), member, points }]);
        let set = |kind: &str, sdp: &str| Called {
            at_ms: None,
            kind: kind.to_owned(),
            value: json!({ "type": "offer", "sdp": sdp }),
        };
        let log = vec![
            set("setLocalDescription", "a"),
            set("setLocalDescriptionOnSuccess", "a"),
            set("setRemoteDescription", "b"),
            set("createOfferOnSuccess", "c"),
            set("setLocalDescription", "d"),
        ];
        let connection = DumpedConnection { log, ..DumpedConnection::default() };
        let all: Vec<(bool, &str)> = connection.descriptions().map(|it| (it.is_local, it.sdp)).collect();
        assert_eq!(all, [(true, "a"), (false, "b"), (true, "d")]);
        for none in [json!(null), json!([]), json!({ "PeerConnections": 1 })] {
            assert_eq!(Internals::of(&none), None);
        }
    }
}
