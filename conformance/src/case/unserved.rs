//! A STUN or TURN server that does not serve a peer, as the reason of what does not come about: neither peer answers for that.

use super::rewritten::Reason;
use crate::api::Views;
use crate::finding::Status;
use crate::record::CaseRecord;
use crate::verdict::{Layer, Place};
use peerproof_captures::server::ServerEvent;
use peerproof_captures::timeline::{Condition, Expected, StepOutcome, What};
use peerproof_captures::wire::stun::{self, AttributeType, Class, Method, TransactionId};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// The requirement by which credentials are those of the configuration.
const CREDENTIALS: &str = "turn-auth-handshake";
/// What a server refuses whatever the client does: it forbids that, has no quota or no capacity left, or failed (RFC 8656 §19, RFC 8489 §14.8).
const REFUSED: [u16; 4] = [403, 486, 500, 508];

/// Why a condition at a layer, which a step awaited in vain and which showed at a peer, is the fault of a server. What a peer has to report
/// of such a server, it has to.
pub(super) fn unserved(
    record: &CaseRecord,
    views: &Views,
    awaited: &Expected,
    (layer, side): (Layer, &str),
) -> Option<Reason> {
    let Expected::Condition { condition, .. } = awaited else { return None };
    if matches!(condition, Condition::Icecandidateerror(_) | Condition::IceGatheringState(_)) {
        return None;
    }
    match layer {
        Layer::Gathering => without_relay(record, side),
        Layer::Checks | Layer::Nomination => {
            stopped(record, views).or_else(|| views.keys().find_map(|peer| forbidden(record, views, peer)))
        }
        _ => None,
    }
}

/// What a server said to a peer.
#[derive(Default)]
struct Said {
    requests: usize,
    first: u64,
    answers: usize,
    /// The last error, but for the challenge to a request without credentials.
    error: Option<(u16, u64)>,
}

/// No TURN server of a peer made an allocation: each was silent, or refused one that was asked for correctly.
fn without_relay(record: &CaseRecord, peer: &str) -> Option<Reason> {
    let wire = record.packets()?;
    let mut all: BTreeMap<SocketAddr, Said> = BTreeMap::new();
    let mut named: BTreeSet<TransactionId> = BTreeSet::new();
    for (message, read) in wire.with_servers(record.place_of(peer)?) {
        let (kind, transaction) = (read.kind.value, read.transaction.value);
        let said = all.entry(message.server).or_default();
        if !message.sent {
            said.answers += 1;
        }
        if kind.method() != Method::Allocate {
            continue;
        }
        match kind.class() {
            Class::Request => {
                said.first = if said.requests == 0 { message.frame } else { said.first };
                said.requests += 1;
                if read.attribute(AttributeType::MessageIntegrity).is_some() {
                    named.insert(transaction);
                }
            }
            Class::Success => return None,
            Class::Error => {
                let code = code_of(&read)?;
                if code != 401 || named.contains(&transaction) {
                    said.error = Some((code, message.frame));
                }
            }
            Class::Indication => {}
        }
    }
    // One that was never asked is no server that does not serve.
    if all.is_empty() || all.len() < configured(record, peer) || all.values().any(|said| said.requests == 0) {
        return None;
    }
    let is_proven = record.file.findings.iter().any(|finding| {
        finding.requirement == CREDENTIALS && finding.endpoint == peer && finding.result == Status::Pass
    });
    let mut reason = None;
    for (server, said) in &all {
        let (words, frame) = match said.error {
            None if said.answers == 0 => {
                (format!("answered none of {peer}'s {} Allocate requests", said.requests), said.first)
            }
            Some((code, frame)) if REFUSED.contains(&code) => {
                (format!("answered {code} to {peer}'s Allocate request"), frame)
            }
            Some((401, frame)) if is_proven => {
                (format!("answered 401 to the credentials that the configuration gives {peer}"), frame)
            }
            _ => return None,
        };
        let sentence = format!("the server {server} {words}");
        reason.get_or_insert(Reason { sentence, evidence: Place::Frame(frame) });
    }
    reason
}

/// How many TURN servers a peer was given last.
fn configured(record: &CaseRecord, of: &str) -> usize {
    let servers = record.timeline.iter().rev().find_map(|entry| match &entry.what {
        What::Command { peer, name, args, .. }
            if peer == of && matches!(name.as_str(), "createPeerConnection" | "setConfiguration") =>
        {
            args.pointer("/configuration/iceServers").and_then(Value::as_array)
        }
        _ => None,
    });
    let urls = servers.into_iter().flatten().filter_map(|server| server.get("urls"));
    let all = urls.flat_map(|urls| match urls {
        Value::Array(urls) => urls.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect::<Vec<_>>(),
    });
    all.filter(|url| url.starts_with("turn")).collect::<BTreeSet<_>>().len()
}

fn code_of(message: &stun::Message<'_>) -> Option<u16> {
    match message.content(AttributeType::ErrorCode)?.value {
        stun::Content::Error(error) => Some(error.code.value.raw()),
        _ => None,
    }
}

/// A peer that has relayed candidates alone, to which the server forbids every other peer.
fn forbidden(record: &CaseRecord, views: &Views, peer: &str) -> Option<Reason> {
    let own = views.get(peer)?.own_candidates();
    if own.is_empty() || own.iter().any(|at| crate::api::view::candidate_type(&at.is) != Some("relay")) {
        return None;
    }
    let mut reason = None;
    for (message, read) in record.packets()?.with_servers(record.place_of(peer)?) {
        let kind = read.kind.value;
        if !matches!(kind.method(), Method::CreatePermission | Method::ChannelBind) {
            continue;
        }
        match kind.class() {
            Class::Success => return None,
            Class::Error if code_of(&read) == Some(403) => {
                let sentence =
                    format!("the server {} answered 403 to {} of {peer}", message.server, kind.method());
                reason.get_or_insert(Reason { sentence, evidence: Place::Frame(message.frame) });
            }
            _ => {}
        }
    }
    reason
}

/// A server that the scenario has stopped while a peer's selected pair goes by a relay.
fn stopped(record: &CaseRecord, views: &Views) -> Option<Reason> {
    let is_relayed = |pair: &(String, String)| {
        [&pair.0, &pair.1].into_iter().any(|it| crate::api::view::candidate_type(it) == Some("relay"))
    };
    if !views.values().any(|view| view.pairs.last().is_some_and(|at| is_relayed(&at.is))) {
        return None;
    }
    let is_failed = |what: &What| matches!(what, What::StepEnded { outcome, .. } if !matches!(outcome, StepOutcome::Done));
    let mut down: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in record.timeline.iter().take_while(|entry| !is_failed(&entry.what)) {
        match &entry.what {
            What::Server { server, event: ServerEvent::Stopped } => {
                down.insert(server, entry.n);
            }
            What::Server { server, event: ServerEvent::Started { .. } } => {
                down.remove(server.as_str());
            }
            _ => {}
        }
    }
    let (server, n) = down.into_iter().next()?;
    let sentence = format!("the scenario had stopped the server {server}");
    Some(Reason { sentence, evidence: Place::Entry(n) })
}
