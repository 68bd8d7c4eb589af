//! The ICE password that a description announces: its agent accepts checks that are made with it (RFC 8445 §7.3).

use crate::case_file::CasePeer;
use crate::claims::{Contradiction, Fault, Session};
use crate::evidence::{Packet, Peer, Wire};
use crate::verdict::{Layer, Place};
use peerproof_captures::event::{Description, SdpType};
use peerproof_captures::timeline::What;
use peerproof_captures::wire::stun::{self, AttributeType, Class, Content, Method, TransactionId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// Requests without any answer that show that an agent, which is there, refuses them.
const UNANSWERED: usize = 4;

/// Credentials that a peer announced: as it made them, and nobody rewrote them.
struct Announced {
    entry: u64,
    t_us: u64,
    password: String,
}

pub(super) fn check(session: &Session<'_>, peer: &CasePeer, place: Peer, found: &mut Vec<Contradiction>) {
    let Some(wire) = session.record.packets().filter(|wire| !wire.cut && !wire.hidden) else { return };
    // An agent that was given another password of the other side than that has may refuse it in all.
    let misled =
        session.record.timeline.iter().any(
            |entry| matches!(&entry.what, What::Carried { to, delivered: Some(_), .. } if *to == peer.name),
        );
    if misled {
        return;
    }
    let announced = announced(session, &peer.name);
    // What the network or a rule did to responses is not the agent's doing.
    let lost: BTreeSet<u64> = session
        .record
        .timeline
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Faulted { frame, .. } | What::Lost { frame, .. } => Some(frame.unwrap_or(0)),
            _ => None,
        })
        .collect();
    if announced.is_empty() || lost.contains(&0) {
        return;
    }
    let answers = answers(wire, place);
    let sends: BTreeMap<(SocketAddr, SocketAddr), u64> = last_checks(wire, place);
    for (ufrag, known) in &announced {
        let asked = asked(wire, place, ufrag, &known.password, &lost);
        let outcome = |(_, id): &(&Packet, TransactionId)| answers.get(id).copied();
        // One that was accepted shows that the password is right.
        if asked.is_empty() || asked.iter().any(|it| matches!(outcome(it), Some((Outcome::Success, _)))) {
            continue;
        }
        let refused = asked.iter().find_map(|it| match outcome(it) {
            Some((Outcome::Unauthorized, frame)) => Some(frame),
            _ => None,
        });
        // It is there, has both descriptions, and answers none.
        let silent: Vec<&(&Packet, TransactionId)> = asked
            .iter()
            .filter(|(packet, _)| {
                sends.get(&(packet.to, packet.from)).is_some_and(|t_us| *t_us > packet.t_us)
            })
            .collect();
        let (frame, seen) = match (refused, silent.first()) {
            (Some(frame), _) => (frame, "it answered 401 to checks that are made with it".to_owned()),
            (None, Some((packet, _))) if silent.len() >= UNANSWERED && silent.len() == asked.len() => {
                (packet.frame, format!("it answered none of {} checks that are made with it", silent.len()))
            }
            _ => continue,
        };
        found.push(Contradiction {
            claim: "description/ice-pwd",
            layer: Layer::Checks,
            fault: Fault::Peer(peer.name.clone()),
            t_us: known.t_us,
            claimed: format!("{} announces the password of its username fragment {ufrag}", peer.name),
            seen,
            evidence: vec![Place::Frame(frame), Place::Entry(known.entry)],
            is_less: false,
        });
    }
}

/// By username fragment. What one was announced with different passwords for is left out, what was rewritten on the way, and what an offer to
/// restart announces whose answer keeps the old credentials: an agent may take that for a refusal, and go on with its own old ones.
fn announced(session: &Session<'_>, name: &str) -> BTreeMap<String, Announced> {
    let mut all: BTreeMap<String, Announced> = BTreeMap::new();
    let mut unclear: BTreeSet<String> = BTreeSet::new();
    let mut of_other = Vec::new();
    let mut anew: Vec<String> = Vec::new();
    for entry in &session.record.timeline {
        let What::Carried { from, sent, delivered, .. } = &entry.what else { continue };
        let made = pairs(sent);
        if from != name {
            if sent.kind == SdpType::Answer && made == of_other {
                unclear.extend(anew.drain(..));
            }
            of_other = made;
            continue;
        }
        if !all.is_empty() {
            let ufrags = made.iter().map(|(ufrag, _)| ufrag);
            anew = ufrags.filter(|ufrag| !all.contains_key(*ufrag)).cloned().collect();
        }
        let changed = delivered.as_ref().is_some_and(|delivered| pairs(delivered) != made);
        for (ufrag, password) in made {
            if changed {
                unclear.insert(ufrag);
                continue;
            }
            let known = all.entry(ufrag.clone()).or_insert_with(|| Announced {
                entry: entry.n,
                t_us: entry.t_us,
                password: password.clone(),
            });
            if known.password != password {
                unclear.insert(ufrag);
            }
        }
    }
    all.retain(|ufrag, _| !unclear.contains(ufrag));
    all
}

/// The pairs of username fragment and password, section by section.
fn pairs(description: &Description) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let (mut ufrag, mut password) = (None, None);
    for line in description.sdp.lines().map(str::trim_end).chain(["m="]) {
        if let Some(value) = line.strip_prefix("a=ice-ufrag:") {
            ufrag = Some(value.to_owned());
        } else if let Some(value) = line.strip_prefix("a=ice-pwd:") {
            password = Some(value.to_owned());
        } else if line.starts_with("m=") {
            pairs.extend(ufrag.take().zip(password.take()));
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// The checks that the other side sent to the agent of a username fragment, made with its password.
fn asked<'a>(
    wire: &'a Wire,
    place: Peer,
    ufrag: &str,
    password: &str,
    lost: &BTreeSet<u64>,
) -> Vec<(&'a Packet, TransactionId)> {
    let requests = wire.stun(place).filter(|(packet, message)| {
        let kind = message.kind.value;
        packet.sender != place
            && !lost.contains(&packet.frame)
            && kind.method() == Method::Binding
            && kind.class() == Class::Request
    });
    let to_it = requests.filter(|(_, message)| {
        let name = message.text(AttributeType::Username);
        name.is_some_and(|name| name.value.split(':').next() == Some(ufrag))
            && message.integrity_matches(password.as_bytes()) == Some(true)
    });
    to_it.map(|(packet, message)| (packet, message.transaction.value)).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Success,
    Unauthorized,
    Other,
}

/// How an agent answered, with the frame.
fn answers(wire: &Wire, place: Peer) -> BTreeMap<TransactionId, (Outcome, u64)> {
    let mut answers = BTreeMap::new();
    for (packet, message) in wire.stun(place).filter(|(packet, _)| packet.sender == place) {
        let outcome = match message.kind.value.class() {
            Class::Success => Outcome::Success,
            Class::Error if code(&message) == Some(401) => Outcome::Unauthorized,
            Class::Error => Outcome::Other,
            _ => continue,
        };
        answers.insert(message.transaction.value, (outcome, packet.frame));
    }
    answers
}

fn code(message: &stun::Message<'_>) -> Option<u16> {
    match message.content(AttributeType::ErrorCode)?.value {
        Content::Error(error) => Some(error.code.value.raw()),
        _ => None,
    }
}

/// When an agent last sent a check of its own, by the ends of its way.
fn last_checks(wire: &Wire, place: Peer) -> BTreeMap<(SocketAddr, SocketAddr), u64> {
    let mut last = BTreeMap::new();
    for (packet, message) in wire.stun(place).filter(|(packet, _)| packet.sender == place) {
        if message.kind.value.class() == Class::Request {
            last.insert((packet.from, packet.to), packet.t_us);
        }
    }
    last
}
