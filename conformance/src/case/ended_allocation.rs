//! A relayed candidate whose allocation has ended, as the cause of checks that fail.

use super::cause::Cause;
use crate::api::{At, Views};
use crate::record::CaseRecord;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::IceState;
use peerproof_captures::server::ServerEvent;
use peerproof_captures::timeline::What;
use std::collections::BTreeSet;

/// A relayed candidate that a peer announces anew after its allocation has ended at the server (RFC 8656 §3.2): nothing can reach it.
pub(super) fn cause(record: &CaseRecord, views: &Views, top: Layer) -> Option<Cause> {
    // A candidate that does not work shows in the checks.
    if !(Layer::Gathering..=Layer::Nomination).contains(&top) {
        return None;
    }
    let mut live: Vec<(&str, &str, &[String])> = Vec::new();
    let mut dead: BTreeSet<&str> = BTreeSet::new();
    let mut known: BTreeSet<(&str, String)> = BTreeSet::new();
    for entry in &record.timeline {
        match &entry.what {
            What::Server { server, event: ServerEvent::Allocated { client, relayed, .. } } => {
                for address in relayed {
                    dead.remove(address.as_str());
                }
                live.push((server, client, relayed));
            }
            What::Server { server, event: ServerEvent::Ended { client, .. } } => {
                let ended = |(at, of, _): &(&str, &str, &[String])| at == server && of == client;
                for (.., relayed) in live.iter().filter(|it| ended(it)) {
                    dead.extend(relayed.iter().map(String::as_str));
                }
                live.retain(|it| !ended(it));
            }
            What::Server { server, event: ServerEvent::Stopped } => {
                for (.., relayed) in live.iter().filter(|(at, ..)| at == server) {
                    dead.extend(relayed.iter().map(String::as_str));
                }
                live.retain(|(at, ..)| at != server);
            }
            What::Carried { from, sent, .. } => {
                let ufrag = sent.sdp.lines().find_map(|line| line.trim_end().strip_prefix("a=ice-ufrag:"));
                // With the same credentials it is what it announced before; it need not know yet.
                let Some(ufrag) = ufrag.map(str::to_owned) else { continue };
                let first = !known.iter().any(|(of, _)| of == from);
                let anew = known.insert((from, ufrag)) && !first;
                // Where the checks succeed after that, it lacked nothing.
                let connects = views.get(from).is_some_and(|view| {
                    let succeeded =
                        |it: &At<IceState>| matches!(it.is, IceState::Connected | IceState::Completed);
                    view.ice.iter().any(|it| it.n > entry.n && succeeded(it))
                });
                if !anew || connects {
                    continue;
                }
                for (number, line) in sent.sdp.lines().enumerate() {
                    let Some(address) = relayed_address(line) else { continue };
                    if dead.contains(address.as_str()) {
                        return Some(Cause {
                            t_us: entry.t_us,
                            layer: Layer::Gathering,
                            side: from.clone(),
                            sentence: format!(
                                "the relayed candidates of {from}'s restart should have allocations, but that of {address} has ended"
                            ),
                            evidence: vec![Place::Line { entry: entry.n, line: number + 1 }],
                        });
                    }
                }
            }
            _ => {}
        }
    }
    None
}

/// The address of a relayed candidate in a line of a description, as servers write it.
fn relayed_address(line: &str) -> Option<String> {
    let candidate = line.trim_end().strip_prefix("a=candidate:")?;
    let words: Vec<&str> = candidate.split(' ').collect();
    if !words.windows(2).any(|pair| pair == ["typ", "relay"]) {
        return None;
    }
    let (address, port) = (*words.get(4)?, *words.get(5)?);
    Some(if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") })
}
