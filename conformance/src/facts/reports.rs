//! What a peer's API reported: states in their order, the members of statistics; and how requirements stand.

use super::{CANDIDATES, Fact, Found};
use crate::api::{At, PeerView};
use crate::case::CaseRecord;
use crate::finding::Status;
use peerproof_captures::event::IceGatheringState;
use peerproof_captures::timeline::What;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

pub(super) fn of(record: &CaseRecord, name: &str, found: &mut Found) {
    let view = PeerView::of(&record.timeline, name);
    states("signaling", &view.signaling, found);
    states("the DTLS transport", &view.dtls, found);
    states("the SCTP transport", &view.sctp, found);
    // How often these come round depends on when something happens: a restart may find the gathering before it complete or not.
    reached("gathering", &view.gathering, found);
    reached("ICE", &view.ice, found);
    reached("the ICE transport", &view.ice_transport, found);
    reached("the connection", &view.connection, found);
    candidates(&view, found);
    let of_stats = |what: &What| matches!(what, What::Stats { peer, .. } if peer == name);
    let entry = record.timeline.iter().rev().find(|entry| of_stats(&entry.what)).map(|entry| entry.n);
    statistics(record.stats.get(name), entry, found);
    for finding in record.file.findings.iter().filter(|finding| finding.endpoint == name) {
        if !matches!(finding.result, Status::Pass | Status::Fail | Status::Warn) {
            continue;
        }
        let fact = Fact::one(finding.result.as_str());
        let (frame, entry) = super::place(&finding.evidence);
        found.add(format!("requirement {}", finding.requirement), Fact { frame, entry, ..fact });
    }
}

/// All states in their order.
fn states<T: Display>(of: &str, states: &[At<T>], found: &mut Found) {
    add_states(of, states, states.iter().map(|at| at.is.to_string()).collect(), found);
}

/// The states in the order in which they were first reached.
fn reached<T: Display>(of: &str, states: &[At<T>], found: &mut Found) {
    let mut seen = BTreeSet::new();
    let names = states.iter().map(|at| at.is.to_string());
    let names = names.filter(|name| seen.insert(name.clone())).collect();
    add_states(of, states, names, found);
}

fn add_states<T>(of: &str, states: &[At<T>], names: Vec<String>, found: &mut Found) {
    if let Some(last) = states.last() {
        found.add(format!("states of {of}"), Fact::list(names).in_entry(last.n));
    }
}

/// Types and transports of the candidates that were signaled on their own. A gathering that is not complete when a pair works may be cut short, so
/// which of its candidates come is chance.
fn candidates(view: &PeerView, found: &mut Found) {
    let complete = view.gathering.iter().find(|at| at.is == IceGatheringState::Complete);
    let Some(complete) = complete.filter(|at| view.ice_connected().is_none_or(|ice| at.n < ice.n)) else {
        return;
    };
    let signaled = view.candidates.iter().filter(|at| at.n < complete.n);
    let read = signaled.filter_map(|at| Some((at.n, super::packets::candidate(&at.is.as_ref()?.candidate)?)));
    let (entries, names): (Vec<u64>, Vec<String>) = read.unzip();
    if let Some(entry) = entries.first() {
        found.add(CANDIDATES, Fact::set(names).in_entry(*entry));
    }
}

/// The member that is there as soon as a report of the other side has come.
const OF_THE_OTHER: &str = "remoteId";

/// Which members the dictionaries of each type have.
fn statistics(report: Option<&Value>, entry: Option<u64>, found: &mut Found) {
    let mut members: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut types = BTreeSet::new();
    for dictionary in report.and_then(Value::as_object).into_iter().flat_map(|report| report.values()) {
        let (Some(kind), Some(dictionary)) =
            (dictionary.get("type").and_then(Value::as_str), dictionary.as_object())
        else {
            continue;
        };
        types.insert(kind);
        let own = dictionary.keys().filter(|member| *member != OF_THE_OTHER).cloned();
        members.entry(statistics_of(kind, dictionary)).or_default().extend(own);
    }
    for (name, members) in members {
        let fact = Fact::set(members);
        found.add(name, entry.map_or(fact.clone(), |entry| fact.in_entry(entry)));
    }
    let types = Fact::set(types.into_iter().map(str::to_owned));
    found.add("statistics", entry.map_or(types.clone(), |entry| types.in_entry(entry)));
}

/// A type with what the members of a dictionary depend on: of candidates their type and protocol; of streams the kind, whether anything was
/// sent or received, and whether a report has come back. Which of these a case has may be chance.
fn statistics_of(kind: &str, dictionary: &Map<String, Value>) -> String {
    let text = |member: &str| dictionary.get(member).and_then(Value::as_str);
    let counts = |member: &str| dictionary.get(member).and_then(Value::as_u64).is_some_and(|it| it > 0);
    let of: Vec<&str> = match kind {
        "local-candidate" | "remote-candidate" => {
            [text("candidateType"), text("protocol")].into_iter().flatten().collect()
        }
        "inbound-rtp" | "outbound-rtp" => {
            let is_video = text("kind") == Some("video");
            let so_far = if !counts("packetsSent") && !counts("packetsReceived") {
                Some("idle")
            } else if is_video && !counts("framesEncoded") && !counts("framesDecoded") {
                Some("no frame")
            } else {
                None
            };
            text("kind").into_iter().chain(so_far).collect()
        }
        "remote-inbound-rtp" | "remote-outbound-rtp" => {
            let so_far = (!counts("roundTripTimeMeasurements")).then_some("no round trip");
            text("kind").into_iter().chain(so_far).collect()
        }
        _ => Vec::new(),
    };
    if of.is_empty() {
        format!("statistics {kind}")
    } else {
        format!("statistics {kind} ({})", of.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn members(report: &Value) -> BTreeMap<String, Vec<String>> {
        let mut found = Found::default();
        statistics(Some(report), Some(7), &mut found);
        assert!(found.facts.values().all(|fact| fact.entry == Some(7)));
        found.facts.into_iter().map(|(name, fact)| (name, fact.values)).collect()
    }

    #[test]
    fn members_of_statistics_are_compared_among_dictionaries_alike() {
        let udp = json!({"type": "local-candidate", "candidateType": "host", "protocol": "udp"});
        let tcp = json!({"type": "local-candidate", "candidateType": "host", "protocol": "tcp", "tcpType": "active"});
        let found = members(&json!({"a": udp, "b": tcp}));
        assert_eq!(found["statistics"], ["local-candidate"]);
        assert_eq!(found["statistics local-candidate (host, udp)"], ["candidateType", "protocol", "type"]);
        assert!(found["statistics local-candidate (host, tcp)"].contains(&"tcpType".to_owned()));
        let of = |kind: &str, packets: u32, frames: u32| json!({"a": {"type": "outbound-rtp", "kind": kind, "packetsSent": packets, "framesEncoded": frames, "remoteId": "b"}});
        for (report, name) in [
            (of("video", 3, 1), "statistics outbound-rtp (video)"),
            (of("video", 3, 0), "statistics outbound-rtp (video, no frame)"),
            (of("audio", 3, 0), "statistics outbound-rtp (audio)"),
            (of("audio", 0, 0), "statistics outbound-rtp (audio, idle)"),
            (json!({"a": {"type": "remote-inbound-rtp"}}), "statistics remote-inbound-rtp (no round trip)"),
            (json!({"a": {"type": "transport"}, "b": 1, "c": {"type": 2}}), "statistics transport"),
        ] {
            let found = members(&report);
            assert_eq!(found.keys().collect::<Vec<_>>(), ["statistics", name]);
            assert!(!found[name].contains(&"remoteId".to_owned()), "{name}");
        }
    }

    #[test]
    fn candidates_of_a_gathering_that_may_be_cut_short_are_no_fact() {
        let event = |n: u64, event: &str, data: Value| {
            let event = json!({"peer": "alice", "seq": n, "event": {"event": event, "data": data}});
            serde_json::from_value(json!({"n": n, "t_us": n, "what": {"event": event}})).unwrap()
        };
        let candidate = |n, end: &str| {
            let text = format!("candidate:1 1 {end}");
            event(
                n,
                "icecandidate",
                json!({"candidate": {"candidate": text, "sdpMid": "0", "sdpMLineIndex": 0}}),
            )
        };
        let udp = candidate(1, "udp 2122194687 192.0.2.2 44598 typ host");
        let tcp = candidate(2, "tcp 1518214911 192.0.2.2 9 typ host tcptype active");
        let complete = event(3, "icegatheringstatechange", json!({"state": "complete"}));
        let connected = |n| event(n, "iceconnectionstatechange", json!({"state": "connected"}));
        let late = candidate(5, "udp 1686052607 192.0.2.9 1 typ srflx raddr 192.0.2.2 rport 44598");
        let found = |timeline: &[peerproof_captures::timeline::Entry]| {
            let mut found = Found::default();
            candidates(&PeerView::of(timeline, "alice"), &mut found);
            found.facts.remove(CANDIDATES)
        };
        let all = [udp, tcp, complete, connected(4), late];
        let fact = found(&all).unwrap();
        assert_eq!(
            (fact.values.as_slice(), fact.entry),
            (["host tcp", "host udp"].map(str::to_owned).as_slice(), Some(1))
        );
        assert_eq!(found(&all[..2]), None, "not complete");
        assert_eq!(found(&[&[connected(0)], &all[..3]].concat()), None, "a pair worked before");
    }

    #[test]
    fn how_often_a_state_comes_round_is_chance() {
        let at = |n: u64, is: &'static str| At { n, t_us: 0, is };
        let of = |all: &[&'static str]| {
            let mut found = Found::default();
            let all: Vec<_> = all.iter().zip(0..).map(|(is, n)| at(n, is)).collect();
            reached("gathering", &all, &mut found);
            states("signaling", &all, &mut found);
            found.facts
        };
        let twice = of(&["gathering", "complete", "gathering", "complete"]);
        let once = of(&["gathering", "complete", "gathering"]);
        assert_eq!(twice["states of gathering"].values, ["gathering", "complete"]);
        assert_eq!(twice["states of gathering"].values, once["states of gathering"].values);
        assert_eq!(once["states of signaling"].values.len(), 3);
        assert_eq!(twice["states of signaling"].entry, Some(3));
        assert!(of(&[]).is_empty());
    }
}
