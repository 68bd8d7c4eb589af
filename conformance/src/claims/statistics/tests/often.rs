//! Several readings of one peer against each other.

use super::*;

/// Whether something is found of what the short reports of these tests lack: other dictionaries, and members.
fn is_lacking(it: &Contradiction) -> bool {
    matches!(it.claim, "answer/getStats" | "stat/outbound-rtp.ssrc")
}

#[test]
fn counters_go_up_and_time_goes_on() {
    let reading = |n: u64, report: &Value| {
        [
            json!({"command": {"peer": "alice", "id": 900 + n, "name": "getStats", "args": {}}}),
            json!({"answer": {"peer": "alice", "id": 900 + n, "answer": {"ok": report}}}),
        ]
    };
    let stat = |timestamp: u64, sent: u64| {
        json!({"P": {"id": "P", "type": "peer-connection", "timestamp": timestamp},
               "O": {"id": "O", "type": "outbound-rtp", "timestamp": timestamp, "packetsSent": sent}})
    };
    let check = |first: Value, second: Value| {
        let mut record = Recording::Descriptions.record();
        record.file.epoch_us = 0;
        record.timeline.retain(|entry| !matches!(&entry.what, What::Answer { .. }));
        for what in reading(1, &first).into_iter().chain(reading(2, &second)) {
            let n = record.timeline.last().map_or(0, |entry| entry.n) + 1;
            super::super::super::testing::add_at(&mut record, n, 60_000_000 + n * 1_000_000, what);
        }
        let mut found = found(&record, check);
        found.retain(|it| !is_lacking(it));
        found
    };
    assert_eq!(check(stat(1_000, 5), stat(2_000, 5)), []);
    contradicted(&check(stat(1_000, 5), stat(1_000, 5)), "stat/timestamp", Layer::Media, "alice");
    contradicted(
        &check(stat(1_000, 5), stat(2_000, 4)),
        "stat/outbound-rtp.packetsSent",
        Layer::Media,
        "alice",
    );
}

/// A hundred readings of alice, each with what was kept of it; the last one says that this many packets were sent.
fn read_often(last: u64) -> CaseRecord {
    let mut record = Recording::Descriptions.record();
    record.file.epoch_us = 0;
    record.timeline.retain(|entry| !matches!(&entry.what, What::Answer { .. } | What::Stats { .. }));
    for n in 1..=100_u64 {
        let sent = if n == 100 { last } else { n };
        let report = json!({"P": {"id": "P", "type": "peer-connection", "timestamp": 1_000 * n},
            "O": {"id": "O", "type": "outbound-rtp", "timestamp": 1_000 * n, "packetsSent": sent}});
        for what in [
            json!({"command": {"peer": "alice", "id": 900 + n, "name": "getStats", "args": {}}}),
            json!({"answer": {"peer": "alice", "id": 900 + n, "answer": {"ok": report}}}),
            json!({"stats": {"peer": "alice", "report": report}}),
        ] {
            let number = record.timeline.last().map_or(0, |entry| entry.n) + 1;
            super::super::super::testing::add_at(&mut record, number, 60_000_000 + n * 1_000_000, what);
        }
    }
    record
}

#[test]
fn of_many_readings_the_last_is_looked_at() {
    assert!(found(&read_often(100), check).iter().all(is_lacking));
    contradicted(&found(&read_often(4), check), "stat/outbound-rtp.packetsSent", Layer::Media, "alice");
}
