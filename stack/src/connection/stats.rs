//! `getStats` as a plain object by id.

use serde_json::{Map, Value};
use webrtc::peer_connection::{RTCStatsReport, RTCStatsReportEntry};

fn entry(entry: &RTCStatsReportEntry) -> Option<Value> {
    use RTCStatsReportEntry as E;
    // An entry that cannot be written would be a defect of the crate's; the others still count.
    match entry {
        E::PeerConnection(s) => serde_json::to_value(s),
        E::Transport(s) => serde_json::to_value(s),
        E::IceCandidatePair(s) => serde_json::to_value(s),
        E::LocalCandidate(s) | E::RemoteCandidate(s) => serde_json::to_value(s),
        E::Certificate(s) => serde_json::to_value(s),
        E::Codec(s) => serde_json::to_value(s),
        E::DataChannel(s) => serde_json::to_value(s),
        E::InboundRtp(s) => serde_json::to_value(s),
        E::OutboundRtp(s) => serde_json::to_value(s),
        E::RemoteInboundRtp(s) => serde_json::to_value(s),
        E::RemoteOutboundRtp(s) => serde_json::to_value(s),
        E::AudioSource(s) => serde_json::to_value(s),
        E::VideoSource(s) => serde_json::to_value(s),
        E::AudioPlayout(s) => serde_json::to_value(s),
        _ => return None,
    }
    .ok()
}

/// The report as `RTCStatsReport` is written as JSON: an object of objects by id.
pub(super) fn report(report: &RTCStatsReport) -> Value {
    let entries = report.iter().filter_map(|e| Some((e.id().to_owned(), in_milliseconds(entry(e)?))));
    Value::Object(entries.collect::<Map<_, _>>())
}

/// The crate writes times in seconds; those of the API are in milliseconds (`DOMHighResTimeStamp`, webrtc-stats §8.1).
fn in_milliseconds(mut entry: Value) -> Value {
    for (name, value) in entry.as_object_mut().into_iter().flatten() {
        let is_time = name == "timestamp" || name.ends_with("Timestamp");
        if let Some(seconds) = value.as_f64().filter(|_| is_time) {
            *value = Value::from(seconds * 1e3);
        }
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_in_milliseconds() {
        let entry = json!({ "timestamp": 1.5, "lastPacketSentTimestamp": 2, "timestamps": 3, "id": "T" });
        let is =
            json!({ "timestamp": 1500.0, "lastPacketSentTimestamp": 2000.0, "timestamps": 3, "id": "T" });
        assert_eq!(in_milliseconds(entry), is);
    }
}
