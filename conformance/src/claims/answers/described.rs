//! Descriptions that a peer gives as its answers: of the type that was asked for, and the same wherever it gives them.

use super::{done, without_effect};
use crate::case_file::CasePeer;
use crate::claims::session::Asked;
use crate::claims::{Contradiction, Session};
use crate::verdict::{Layer, Place};
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) fn check(
    _session: &Session<'_>,
    peer: &CasePeer,
    asked: &[Asked<'_>],
    found: &mut Vec<Contradiction>,
) {
    for (name, claim, kind) in
        [("createOffer", "answer/createOffer", "offer"), ("createAnswer", "answer/createAnswer", "answer")]
    {
        for (_, n, t_us, value) in done(asked, name) {
            let is = value.get("type").and_then(Value::as_str).unwrap_or("nothing");
            if is != kind {
                let seen = format!("it has the type {is}");
                let claimed = format!("{name} with a description");
                let evidence = vec![Place::Entry(n)];
                found.push(without_effect(claim, Layer::Sdp, &peer.name, t_us, claimed, seen, evidence));
            }
        }
    }
    set(peer, asked, found);
    kept(peer, asked, found);
}

/// `localDescription` is what was set: what was given, or what was created last (webrtc-pc §4.4.1.5).
fn set(peer: &CasePeer, asked: &[Asked<'_>], found: &mut Vec<Contradiction>) {
    for (command, n, t_us, value) in done(asked, "setLocalDescription") {
        let Some(is) = value.get("sdp").and_then(Value::as_str).filter(|sdp| !sdp.is_empty()) else {
            continue;
        };
        let given = command.args.get("description").and_then(|it| it.get("sdp")).and_then(Value::as_str);
        let Some(given) = given.filter(|sdp| !sdp.is_empty()) else { continue };
        if let Some((was, now)) = difference(&lines(given), &lines(is)) {
            let claimed = "setLocalDescription with its localDescription".to_owned();
            let seen = format!("where {was} was set, it has {now}");
            let evidence = vec![Place::Entry(n), Place::Entry(command.entry.n)];
            let claim = "answer/setLocalDescription";
            found.push(without_effect(claim, Layer::Sdp, &peer.name, t_us, claimed, seen, evidence));
        }
    }
}

/// `getState` gives the descriptions that were set last.
fn kept(peer: &CasePeer, asked: &[Asked<'_>], found: &mut Vec<Contradiction>) {
    for (command, n, t_us, value) in done(asked, "getState") {
        for (member, operation, local) in [
            ("localDescription", "setLocalDescription", true),
            ("remoteDescription", "setRemoteDescription", false),
        ] {
            let Some(is) = value.get(member).and_then(|it| it.get("sdp")).and_then(Value::as_str) else {
                continue;
            };
            let before = done(asked, operation).filter(|(_, n, ..)| *n < command.entry.n).last();
            let Some((setting, entry, _, answer)) = before else { continue };
            // While another one is being set, either may be there; a rollback brings an earlier one back.
            let pending = asked.iter().any(|it| {
                it.name == operation
                    && it.entry.n < n
                    && it.answer.is_none_or(|(answer, _)| answer.n > command.entry.n)
            });
            let given = setting.args.get("description");
            let rolled = given.and_then(|it| it.get("type")).and_then(Value::as_str) == Some("rollback");
            let was = if local { answer.get("sdp") } else { given.and_then(|it| it.get("sdp")) };
            let Some(was) = was.and_then(Value::as_str).filter(|_| !pending && !rolled) else { continue };
            if is.is_empty() || was.is_empty() {
                continue;
            }
            // Of a remote one an implementation may write down only what it knows.
            let same = |text: &str| if local { lines(text) } else { bound(text) };
            let (was, mut now) = (same(was), same(is));
            if !local {
                now.extend(was.iter().filter(|line| !same(is).contains(line)).cloned());
                now.sort_unstable();
            }
            if let Some((was, now)) = difference(&was, &now) {
                let claimed = format!("getState with its {member}");
                let seen = format!("where {was} was set, it has {now}");
                let evidence = vec![Place::Entry(n), Place::Entry(entry)];
                let claim = "answer/getState";
                found.push(without_effect(claim, Layer::Sdp, &peer.name, t_us, claimed, seen, evidence));
            }
        }
    }
}

/// The lines of a description, sorted, without those that change as candidates are gathered.
fn lines(sdp: &str) -> Vec<String> {
    // Parameters of codecs may be written otherwise.
    const GATHERED: [&str; 8] = [
        "a=candidate:",
        "a=end-of-candidates",
        "a=rtcp:",
        "c=",
        "o=",
        "a=ice-options:",
        "a=rtpmap:",
        "a=fmtp:",
    ];
    let all = sdp.lines().map(str::trim_end).filter(|line| !line.is_empty());
    let kept = all.filter(|line| !GATHERED.iter().any(|prefix| line.starts_with(prefix)));
    // Without a direction a section has this one (RFC 8866 §6.7). The port of the `m=` line is that of the default candidate.
    let kept = kept.filter(|line| *line != "a=sendrecv");
    let mut lines: Vec<String> = kept.map(without_port).collect();
    lines.sort_unstable();
    lines
}

fn without_port(line: &str) -> String {
    let Some(media) = line.strip_prefix("m=") else { return line.to_owned() };
    let mut words = media.split(' ');
    let (kind, port) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let rest: Vec<&str> = words.collect();
    let port = if port == "0" { "0" } else { "…" };
    format!("m={kind} {port} {}", rest.join(" "))
}

/// The lines that bind a transport to its description, sorted and without repetitions: a bundled section may repeat them.
pub(in crate::claims) fn bound(sdp: &str) -> Vec<String> {
    const BOUND: [&str; 4] = ["a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=mid:"];
    let all = sdp.lines().map(str::trim_end);
    let bound = all.filter(|line| BOUND.iter().any(|prefix| line.starts_with(prefix)));
    let mut lines: Vec<String> = bound.map(str::to_ascii_lowercase).collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// The first line that one has and the other has not, each way.
fn difference(was: &[String], now: &[String]) -> Option<(String, String)> {
    let count = |lines: &[String]| {
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        for line in lines {
            *counts.entry(line.clone()).or_default() += 1;
        }
        counts
    };
    let (before, after) = (count(was), count(now));
    let lacks = |of: &BTreeMap<String, i64>, other: &BTreeMap<String, i64>| {
        let first = of.iter().find(|(line, times)| other.get(*line).is_none_or(|other| other < *times));
        first.map_or_else(|| "nothing".to_owned(), |(line, _)| line.clone())
    };
    (before != after).then(|| (lacks(&before, &after), lacks(&after, &before)))
}
