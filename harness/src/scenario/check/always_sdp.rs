//! Descriptions and candidates that are expected of a peer and cannot be, or say nothing.

use super::super::document::ValuePath;
use super::super::error::nearest;
use super::facts::Facts;
use super::found::Found;
use peerproof_conformance::expect::{AnyOf, Lines, PeerExpectations};
use std::collections::BTreeSet;
use std::fmt::Display;

/// How many types of candidates there are (RFC 8839 §5.1).
const KINDS: usize = 4;

/// Names of attributes that descriptions of WebRTC have.
const ATTRIBUTES: [&str; 41] = [
    "bundle-only",
    "candidate",
    "crypto",
    "end-of-candidates",
    "extmap",
    "extmap-allow-mixed",
    "fingerprint",
    "fmtp",
    "group",
    "ice-lite",
    "ice-mismatch",
    "ice-options",
    "ice-pwd",
    "ice-ufrag",
    "identity",
    "imageattr",
    "inactive",
    "max-message-size",
    "maxptime",
    "mid",
    "msid",
    "msid-semantic",
    "ptime",
    "recvonly",
    "remote-candidates",
    "rid",
    "rtcp",
    "rtcp-fb",
    "rtcp-mux",
    "rtcp-mux-only",
    "rtcp-rsize",
    "rtpmap",
    "sctp-port",
    "sctpmap",
    "sendonly",
    "sendrecv",
    "setup",
    "simulcast",
    "ssrc",
    "ssrc-group",
    "tls-id",
];

/// Checks pieces of descriptions.
pub(super) fn descriptions(
    facts: &Facts<'_>,
    name: &str,
    expected: &PeerExpectations,
    path: &ValuePath,
    found: &mut Found<'_>,
) {
    let Some(sdp) = &expected.sdp else { return };
    let path = path.key("sdp");
    if sdp.offer.is_none() && sdp.answer.is_none() && sdp.pranswer.is_none() {
        found.add(&path, "nothing is expected of the descriptions");
    }
    for (key, lines) in [("offer", &sdp.offer), ("answer", &sdp.answer), ("pranswer", &sdp.pranswer)] {
        let Some(lines) = lines else { continue };
        let at = path.key(key);
        let made = if key == "pranswer" { facts.is_provisional() } else { facts.describes(name, key) };
        if !made {
            let what = if key == "pranswer" { "provisional answer" } else { key };
            found.add(&at, format!("{name} makes no {what} in this scenario"));
        }
        pieces(facts, lines, &at, found);
    }
}

fn pieces(facts: &Facts<'_>, lines: &Lines, path: &ValuePath, found: &mut Found<'_>) {
    for (key, pieces) in [("contains", &lines.contains), ("lacks", &lines.lacks)] {
        for (n, piece) in pieces.iter().enumerate() {
            let at = path.key(key).index(n);
            if piece.is_empty() {
                found.add(&at, "every line contains nothing");
            } else if piece.contains(['\r', '\n']) {
                found.add(&at, "this is looked for in each line, and stands on several");
            } else if let Some(rest) = piece.strip_prefix("a=") {
                attribute(facts, rest, &at, found);
            }
        }
    }
}

/// The name of an attribute, if it is nearly a known one, is that one: steps may add any other.
fn attribute(facts: &Facts<'_>, rest: &str, path: &ValuePath, found: &mut Found<'_>) {
    let name = rest.split([':', ' ']).next().unwrap_or_default();
    let is_whole = name.len() < rest.len();
    if name.is_empty()
        || ATTRIBUTES.contains(&name)
        || name.starts_with("x-")
        || (!is_whole && ATTRIBUTES.iter().any(|known| known.starts_with(name)))
    {
        return;
    }
    let added = facts.scenario.steps.iter().any(|step| step.to_value().to_string().contains(name));
    if let Some(near) = nearest(name, ATTRIBUTES).filter(|_| !added) {
        found.help(path, format!("unknown attribute `{name}`"), format!("did you mean `{near}`?"));
    }
}

/// Checks candidates, their errors, and the pair in use.
pub(super) fn candidates(
    facts: &Facts<'_>,
    name: &str,
    expected: &PeerExpectations,
    path: &ValuePath,
    found: &mut Found<'_>,
) {
    let other = facts.other(name).unwrap_or_default();
    let ask = |kind: &str, peer: &str| match kind {
        "relay" => facts.relays(peer),
        "srflx" => facts.asks(peer),
        _ => true,
    };
    if let Some(wanted) = &expected.candidates {
        let at = path.key("candidates");
        let types = wanted.types.as_deref().unwrap_or_default();
        for (key, list) in
            [("types", types), ("includes", &wanted.includes[..]), ("lacks", &wanted.lacks[..])]
        {
            for (n, kind) in list.iter().enumerate() {
                let at = at.key(key).index(n);
                if kind == "prflx" {
                    found.add(&at, "no peer reports a candidate of its own as `prflx` (RFC 8445 §7.3.1.3)");
                } else if !ask(kind, name) {
                    let asks = if kind == "relay" { "turn" } else { "stun" };
                    let help = format!("give `iceServers` a server for `{asks}`");
                    found.help(&at, format!("{name} has no server, so no candidate of type {kind}"), help);
                }
            }
        }
        let hides = facts.scenario.peers.get(name).is_some_and(|peer| peer.mdns);
        if wanted.mdns.is_some_and(|mdns| mdns != hides) {
            let help = format!("write `mdns: {}` at the peer {name}", !hides);
            let message = if hides { "hides its addresses" } else { "does not hide its addresses" };
            found.help(&at.key("mdns"), format!("{name} {message}"), help);
        }
    }
    for (n, error) in expected.candidate_errors.iter().enumerate() {
        let at = path.key("candidateErrors").index(n);
        if error.codes.is_empty() && error.url.is_none() {
            found.add(&at, "nothing is expected of this error");
        }
        for (n, code) in error.codes.iter().enumerate() {
            if !(300..700).contains(code) && *code != 701 {
                found.add(
                    &at.key("codes").index(n),
                    format!("{code} is no code of STUN, nor 701 (webrtc-pc §4.8.2)"),
                );
            }
        }
        if !facts.asks(name) {
            found.add(&at, format!("{name} has no server that could not be used"));
        }
    }
    if let Some(pair) = &expected.pair {
        let at = path.key("pair");
        kinds(pair.local.as_ref(), (name, &ask), &at.key("local"), found);
        kinds(pair.remote.as_ref(), (other, &ask), &at.key("remote"), found);
        if pair.transport.as_ref().is_some_and(|any| any.0.len() > 1) {
            found.add(&at.key("transport"), "these are all transports, so it is always one of them");
        }
    }
    kinds(expected.reached_by.as_ref(), (name, &ask), &path.key("reachedBy"), found);
}

/// A peer, and whether the one peer can have an address of that type.
type Asked<'a> = (&'a str, &'a dyn Fn(&str, &str) -> bool);

/// Checks types of a peer's addresses, of which one is expected. `ask` says whether the peer can have one of a type.
fn kinds<T: Display>(
    any: Option<&AnyOf<T>>,
    (peer, ask): Asked<'_>,
    path: &ValuePath,
    found: &mut Found<'_>,
) {
    let Some(any) = any else { return };
    let words: BTreeSet<String> = any.0.iter().map(ToString::to_string).collect();
    if words.len() == KINDS {
        found.add(path, "these are all types, so it is always one of them");
    }
    if !words.is_empty() && !words.iter().any(|kind| ask(kind, peer)) {
        found.add(path, format!("{peer} has no server, so no candidate of type {any}"));
    }
}
