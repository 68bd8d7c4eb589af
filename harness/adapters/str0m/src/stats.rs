//! What str0m counts, under the names of webrtc-stats where it counts the same. str0m reports them at intervals of its own;
//! a report here holds the newest of them, with their time.

use std::time::Duration;

use serde_json::{Map, Value, json};
use str0m::stats::{CandidatePairStats, MediaEgressStats, MediaIngressStats, PeerStats};

/// How often str0m tells.
pub const INTERVAL: Duration = Duration::from_millis(250);

/// The report: entries by id.
#[derive(Default)]
pub struct Stats(Map<String, Value>);

impl Stats {
    pub fn report(&self) -> Value {
        Value::Object(self.0.clone())
    }

    fn put(&mut self, id: String, kind: &str, timestamp: f64, mut entry: Value) {
        entry["id"] = id.as_str().into();
        entry["type"] = kind.into();
        entry["timestamp"] = timestamp.into();
        self.0.insert(id, entry);
    }

    pub fn peer(&mut self, stats: &PeerStats, now: f64) {
        let transport = json!({ "bytesSent": stats.peer_bytes_tx, "bytesReceived": stats.peer_bytes_rx });
        self.put("transport".into(), "transport", now, transport);
        if let Some(pair) = &stats.selected_candidate_pair {
            self.pair(pair, now);
        }
    }

    fn pair(&mut self, pair: &CandidatePairStats, now: f64) {
        for (id, kind, candidate) in
            [("local", "local-candidate", &pair.local), ("remote", "remote-candidate", &pair.remote)]
        {
            let entry = json!({
                "address": candidate.addr.ip(), "port": candidate.addr.port(), "protocol": pair.protocol.to_string(),
            });
            self.put(id.into(), kind, now, entry);
        }
        let entry = json!({
            "localCandidateId": "local", "remoteCandidateId": "remote", "nominated": true,
            "currentRoundTripTime": pair.current_round_trip_time.map(|time| time.as_secs_f64()),
            "totalRoundTripTime": pair.total_round_trip_time.as_secs_f64(),
            "responsesReceived": pair.responses_received,
        });
        self.put("pair".into(), "candidate-pair", now, entry);
    }

    pub fn incoming(&mut self, stats: &MediaIngressStats, now: f64) {
        let entry = json!({
            "mid": stats.mid.to_string(), "bytesReceived": stats.bytes, "packetsReceived": stats.packets,
            "firCount": stats.firs, "pliCount": stats.plis, "nackCount": stats.nacks,
        });
        self.put(format!("inbound-{}", stats.mid), "inbound-rtp", now, entry);
    }

    pub fn outgoing(&mut self, stats: &MediaEgressStats, now: f64) {
        let entry = json!({
            "mid": stats.mid.to_string(), "bytesSent": stats.bytes, "packetsSent": stats.packets,
            "firCount": stats.firs, "pliCount": stats.plis, "nackCount": stats.nacks,
        });
        self.put(format!("outbound-{}", stats.mid), "outbound-rtp", now, entry);
    }
}
