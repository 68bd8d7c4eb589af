//! Reports of Firefox's about:webrtc ("Copy Report", "Copy Report History"), and what `WebrtcGlobalInformation.getAllStats` gives to it.
//!
//! ```text
//! { "pcid": "{…} 1795938049425793 (id=23622320129 url=https://example.org/)", "offerer": true, "closed": false,
//!   "transportStats": [{ "id": "77c6234", "type": "transport", "iceState": "connected", "dtlsState": "connected" }],
//!   "iceCandidatePairStats": […], "inboundRtpStreamStats": […],
//!   "sdpHistory": [{ "timestamp": 1795938049431, "isLocal": true, "sdp": "v=0…", "errors": [] }] }
//! ```
//!
//! A report has the statistics at one time and no events. Of states the last is known, of their changes only what must have been.

use super::internals::{Called, DumpedConnection, DumpedStats, Internals, Origin};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Reads reports; nothing if the value is none.
pub(super) fn of(dump: &Value) -> Option<Internals> {
    let reports: Vec<&Value> = match dump {
        Value::Array(reports) => reports.iter().collect(),
        _ => match dump.get("reports").and_then(Value::as_array) {
            Some(reports) => reports.iter().collect(),
            None => vec![dump],
        },
    };
    let mut connections: BTreeMap<&str, &Value> = BTreeMap::new();
    for report in reports {
        // Of a history the newest report has all that was counted.
        connections.insert(report.get("pcid")?.as_str()?, report);
    }
    let histories = dump.get("sdpHistories").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let connections = connections.into_iter().map(|(id, report)| {
        let others =
            histories.iter().filter(|history| history.get("pcid").and_then(Value::as_str) == Some(id));
        of_report(id, report, others)
    });
    let connections: Vec<DumpedConnection> = connections.collect();
    (!connections.is_empty()).then_some(Internals { origin: Origin::AboutWebrtc, browser: None, connections })
}

fn of_report<'a>(
    id: &str,
    report: &'a Value,
    histories: impl Iterator<Item = &'a Value>,
) -> DumpedConnection {
    let mut connection = DumpedConnection {
        // The name, a time, and where it is from: `{5d1f…} 1795938049425793 (id=7 url=https://…)`.
        id: id.split_whitespace().next().unwrap_or_default().trim_matches(['{', '}']).to_owned(),
        url: id.split_once(" url=").map(|(_, url)| url.trim_end_matches(')').to_owned()),
        ..DumpedConnection::default()
    };
    let lists = report.as_object().into_iter().flatten().filter(|(name, _)| name.ends_with("Stats"));
    for object in lists.flat_map(|(_, list)| list.as_array().into_iter().flatten()) {
        let text = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
        let (Some(id), Some(kind), Some(members)) = (text("id"), text("type"), object.as_object()) else {
            continue;
        };
        let members = members.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        connection.stats.insert(id, DumpedStats { kind, members });
    }
    let is_offerer = report.get("offerer").and_then(Value::as_bool);
    let own = report.get("sdpHistory").and_then(Value::as_array).into_iter().flatten();
    let others =
        histories.flat_map(|it| it.get("sdpHistory").and_then(Value::as_array).into_iter().flatten());
    for entry in own.chain(others) {
        described(&mut connection.log, entry, is_offerer);
    }
    candidates(&mut connection.log, report);
    states(&mut connection, report.get("closed").and_then(Value::as_bool).unwrap_or(false));
    connection
}

/// A description that was set, or refused.
fn described(log: &mut Vec<Called>, entry: &Value, is_offerer: Option<bool>) {
    let Some(is_local) = entry.get("isLocal").and_then(Value::as_bool) else { return };
    let operation = if is_local { "setLocalDescription" } else { "setRemoteDescription" };
    // Later rounds may go the other way; a report does not say it.
    let kind = match is_offerer {
        Some(is_offerer) if is_offerer == is_local => "offer",
        Some(_) => "answer",
        None => "",
    };
    let at_ms = entry.get("timestamp").and_then(Value::as_f64);
    let value = json!({ "type": kind, "sdp": entry.get("sdp").and_then(Value::as_str).unwrap_or_default() });
    log.push(Called { at_ms, kind: operation.to_owned(), value });
    let errors = entry.get("errors").and_then(Value::as_array).filter(|errors| !errors.is_empty());
    if let Some(errors) = errors {
        let texts: Vec<String> = errors
            .iter()
            .map(|error| {
                error.get("error").and_then(Value::as_str).map_or_else(|| error.to_string(), str::to_owned)
            })
            .collect();
        // What Firefox notes of a description's lines need not be a rejection: it is shown, and no diagnosis uses it.
        log.push(Called {
            at_ms,
            kind: format!("{operation} parse errors"),
            value: Value::String(texts.join("; ")),
        });
    }
}

/// Candidates of both sides. A report without descriptions had some if it has candidates of the other side.
fn candidates(log: &mut Vec<Called>, report: &Value) {
    let entry = |kind: &str, value| Called { at_ms: None, kind: kind.to_owned(), value };
    let of = |key: &str| report.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let (local, remote) = (of("rawLocalCandidates"), of("rawRemoteCandidates"));
    let has = |log: &[Called], kind: &str| log.iter().any(|entry| entry.kind == kind);
    if !remote.is_empty() {
        for kind in ["setLocalDescription", "setRemoteDescription"] {
            if !has(log, kind) {
                log.push(entry(kind, Value::Null));
            }
        }
    }
    for (kind, all) in [("onicecandidate", local), ("addIceCandidate", remote)] {
        log.extend(all.iter().map(|candidate| entry(kind, json!({ "candidate": candidate }))));
    }
}

/// The states that the transports are in, and those that they must have had.
fn states(connection: &mut DumpedConnection, is_closed: bool) {
    let transports: Vec<(Option<String>, Option<String>, bool)> = connection
        .of_type("transport")
        .map(|(_, stats)| {
            let text = |member| stats.text(member).map(str::to_owned);
            (text("iceState"), text("dtlsState"), stats.text("selectedCandidatePairId").is_some())
        })
        .collect();
    let Some((ice, dtls, was_selected)) = transports.first().cloned() else { return };
    let is_connected = |state: &Option<String>| matches!(state.as_deref(), Some("connected" | "completed"));
    let mut add = |kind: &str, state: &str| {
        let value = Value::String(state.to_owned());
        connection.log.push(Called { at_ms: None, kind: kind.to_owned(), value });
    };
    if was_selected && !is_connected(&ice) {
        add("oniceconnectionstatechange", "connected");
    }
    let is_failed = ice.as_deref() == Some("closed") && dtls.as_deref() == Some("failed") && !is_closed;
    if let Some(ice) = &ice {
        // Firefox closes the transport of a connection whose checks failed.
        add("oniceconnectionstatechange", if is_failed && !was_selected { "failed" } else { ice });
    }
    if transports.iter().all(|(ice, dtls, _)| is_connected(ice) && dtls.as_deref() == Some("connected")) {
        add("onconnectionstatechange", "connected");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_alone_in_a_list_or_with_others_is_read() {
        let report = json!({
            "pcid": "{5d1f-a} 17959380 (id=7 url=https://example.org/)", "offerer": true,
            "transportStats": [{ "id": "T", "type": "transport", "iceState": "disconnected", "dtlsState": "connected",
                "selectedCandidatePairId": "P" }],
            "iceCandidatePairStats": [{ "id": "P", "type": "candidate-pair", "state": "succeeded" }, { "id": 7 }, 1],
            "sdpHistory": [{ "timestamp": 5.5, "isLocal": true, "sdp": "v=0", "errors": [{ "error": "odd" }] }],
            "rawRemoteCandidates": ["candidate:0 1 UDP 1 192.0.2.2 9 typ host"],
        });
        for dump in [report.clone(), json!([report]), json!({ "reports": [report] })] {
            let read = of(&dump).unwrap();
            let [connection] = read.connections.as_slice() else { panic!("{read:?}") };
            assert_eq!(
                (connection.id.as_str(), connection.url.as_deref()),
                ("5d1f-a", Some("https://example.org/"))
            );
            assert_eq!(connection.stats.len(), 2);
            assert!(connection.was("oniceconnectionstatechange", "connected"));
            assert_eq!(connection.state("oniceconnectionstatechange"), Some("disconnected"));
            assert_eq!(connection.state("onconnectionstatechange"), None);
            let described: Vec<_> =
                connection.descriptions().map(|it| (it.is_local, it.kind, it.at_ms)).collect();
            assert_eq!(described, [(true, "offer", Some(5.5))]);
            assert_eq!(connection.logged("setRemoteDescription").count(), 1);
        }
        for none in
            [json!(null), json!([]), json!({}), json!([1]), json!({ "pcid": 1 }), json!({ "reports": [] })]
        {
            assert_eq!(of(&none), None, "{none}");
        }
    }
}
