//! The peer at which alone something was awaited: of its own gathering, or of its socket at a server.

use super::failed_step::closed_before;
use crate::case_file::CasePeer;
use crate::record::CaseRecord;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::sdp::Candidate;
use peerproof_captures::server::{ServerEvent, ServerEventKind};
use peerproof_captures::timeline::{Condition, Entry, Expected, What};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// The peer at which what was expected happens without the other: that does not follow from what the other lacks. `acting` is the one of
/// the step, which ended at the entry `ended`.
pub(super) fn alone<'a>(
    record: &'a CaseRecord,
    expected: &Expected,
    acting: Option<&'a CasePeer>,
    ended: u64,
) -> Option<&'a str> {
    match acting.filter(|_| is_own(expected)) {
        Some(acting) => Some(&acting.name),
        None => lacks_socket(record, expected, ended).or_else(|| releases(record, expected, ended)),
    }
}

/// Whether what was expected is what a peer's own gathering gives.
fn is_own(expected: &Expected) -> bool {
    matches!(
        expected,
        Expected::Condition {
            condition: Condition::IceGatheringState(_)
                | Condition::Icecandidate(_)
                | Condition::Icecandidateerror(_)
                | Condition::Negotiationneeded,
            ..
        }
    )
}

/// The only peer that the scenario had closed, where it is awaited in vain that an allocation ends: closing releases it (RFC 8656 §8).
fn releases<'a>(record: &'a CaseRecord, expected: &Expected, ended: u64) -> Option<&'a str> {
    let Expected::ServerEvent { event, .. } = expected else { return None };
    let closed = record.file.peers.iter().filter(|peer| closed_before(record, &peer.name, ended).is_some());
    match closed.collect::<Vec<_>>()[..] {
        [only] if event.allows(&ServerEventKind::Ended) => Some(&only.name),
        _ => None,
    }
}

/// The peer of whose sockets a server's event was awaited in vain, where those of each peer were awaited and one peer has fewer than the
/// other. `ended` is the entry at which the step ended.
fn lacks_socket<'a>(record: &'a CaseRecord, expected: &Expected, ended: u64) -> Option<&'a str> {
    let Expected::ServerEvent {
        server: wanted, event: kinds, code: wanted_code, sockets: Some(sockets), ..
    } = expected
    else {
        return None;
    };
    let fits = |event: &ServerEvent| {
        let code = match event {
            ServerEvent::Refused { code, .. } => Some(*code),
            _ => None,
        };
        event.kind().is_some_and(|kind| kinds.allows(&kind))
            && (wanted_code.is_none() || *wanted_code == code)
    };
    let since = |from: u64| -> BTreeSet<&str> {
        let seen = record.timeline.iter().filter(|entry| (from..ended).contains(&entry.n));
        let clients = seen.filter_map(|entry| match &entry.what {
            What::Server { server, event } if server == wanted && fits(event) => event.client(),
            _ => None,
        });
        clients.collect()
    };
    let [one, other] = record.file.peers.as_slice() else { return None };
    // A step sees what no step before it has awaited: at least what came since the one before began, at most all.
    let steps = record.timeline.iter().rev().filter(|entry| entry.n < ended);
    let mut steps = steps.filter(|entry| matches!(entry.what, What::StepBegan { .. }));
    let before = steps.nth(1).map_or(0, |entry| entry.n);
    let mut counts = [0, before].map(|from| {
        let clients = since(from);
        let of = |peer: usize| clients.iter().filter(|client| owner(record, client) == Some(peer)).count();
        let known = of(0) + of(1) == clients.len();
        (known && clients.len() < usize::try_from(*sockets).unwrap_or(usize::MAX)).then(|| (of(0), of(1)))
    });
    counts.sort_by_key(|counts| counts.is_none_or(|(one, other)| one == other));
    // Nobody else was given that server.
    if let [only] = configured(record, wanted, ended).into_iter().collect::<Vec<_>>()[..] {
        return counts.iter().any(Option::is_some).then_some(only);
    }
    // Of two that lack it either may be named only where they are alike, and where it is not the doing of the server: one that refuses
    // nobody who came.
    let came = |entry: &Entry| matches!(&entry.what, What::Server { server, event } if server == wanted && event.client().is_some());
    let is_the_servers = kinds.allows(&ServerEventKind::Refused) && record.timeline.iter().any(came);
    let alike = one.implementation == other.implementation && !is_the_servers;
    match counts.into_iter().flatten().next() {
        Some((of_one, of_other)) if of_one != of_other || alike => {
            Some(if of_one <= of_other { &one.name } else { &other.name })
        }
        // Where nobody saw whose the only client is, the one that reports the refusal had it.
        _ if *sockets == 2 && since(0).len() == 1 => {
            record.other(refused_alone(record, wanted, *wanted_code, ended)?)
        }
        _ => None,
    }
}

/// The peers whose configuration named a server before the entry `ended`.
fn configured<'a>(record: &'a CaseRecord, server: &str, ended: u64) -> BTreeSet<&'a str> {
    let urls = record.timeline.iter().filter_map(|entry| match &entry.what {
        What::Server { server: at, event: ServerEvent::Started { urls, .. } } if at == server => Some(urls),
        _ => None,
    });
    let urls: Vec<&str> = urls.flatten().map(|url| url.split('?').next().unwrap_or(url)).collect();
    let names = |args: &Value| {
        let args = args.to_string();
        urls.iter().any(|url| [format!("\"{url}\""), format!("\"{url}?")].iter().any(|it| args.contains(it)))
    };
    let commands = record.timeline.iter().filter(|entry| entry.n < ended);
    commands
        .filter_map(|entry| match &entry.what {
            What::Command { peer, name, args, .. }
                if matches!(name.as_str(), "createPeerConnection" | "setConfiguration") && names(args) =>
            {
                Some(peer.as_str())
            }
            _ => None,
        })
        .collect()
}

/// The only peer that reports before the entry `ended` what a server refused: with the code that was awaited, or whatever it was if the
/// server had one client at all. 701 says that no server answered (webrtc-pc §4.8.2).
fn refused_alone<'a>(
    record: &'a CaseRecord,
    server: &str,
    wanted: Option<u16>,
    ended: u64,
) -> Option<&'a str> {
    let mut urls: BTreeSet<&str> = BTreeSet::new();
    let mut clients: BTreeSet<&str> = BTreeSet::new();
    let mut errors: Vec<(&'a str, u16, &str)> = Vec::new();
    let address = |url: &'a str| url.split('?').next().unwrap_or(url);
    for entry in record.timeline.iter().filter(|entry| entry.n < ended) {
        match &entry.what {
            What::Server { server: at, event } if at == server => {
                if let ServerEvent::Started { urls: all, .. } = event {
                    urls.extend(all.iter().map(|url| address(url)));
                }
                clients.extend(event.client());
            }
            What::Event { peer, event: PeerEvent::IceCandidateError { url, error_code, .. }, .. } => {
                errors.push((peer, *error_code, address(url)));
            }
            _ => {}
        }
    }
    let only = |is_it: &dyn Fn(u16, &str) -> bool| {
        let by: BTreeSet<&'a str> =
            errors.iter().filter(|(_, code, url)| is_it(*code, url)).map(|(peer, ..)| *peer).collect();
        by.first().copied().filter(|_| by.len() == 1)
    };
    only(&|code, _| wanted == Some(code))
        .or_else(|| only(&|code, url| code != 701 && urls.contains(url)).filter(|_| clients.len() == 1))
}

/// Whose socket a client of a server is: that of the peer at whose tap it was seen, or which has a candidate of its allocation. Another one
/// belongs to the only peer whose messages with servers were not recorded.
fn owner(record: &CaseRecord, client: &str) -> Option<usize> {
    let address: SocketAddr = client.split(' ').next_back()?.parse().ok()?;
    let servers = record.packets().map_or(&[][..], |wire| &wire.servers);
    let sees = |place: usize| servers.iter().any(|it| it.peer.0 == place);
    let seen = servers.iter().find(|message| message.client == address).map(|message| message.peer.0);
    seen.or_else(|| allocates(record, client)).or(match (sees(0), sees(1)) {
        (true, false) => Some(1),
        (false, true) => Some(0),
        _ => None,
    })
}

/// The peer among whose candidates is an address that a server relays for that client.
fn allocates(record: &CaseRecord, client: &str) -> Option<usize> {
    let relayed: BTreeSet<&str> = record
        .timeline
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Server { event: ServerEvent::Allocated { client: of, relayed, .. }, .. }
                if of == client =>
            {
                Some(relayed.iter().map(String::as_str))
            }
            _ => None,
        })
        .flatten()
        .collect();
    record.timeline.iter().find_map(|entry| match &entry.what {
        What::Event { peer, event: PeerEvent::IceCandidate { candidate: Some(candidate) }, .. } => {
            let parsed = Candidate::parse(&candidate.candidate).ok()?;
            let ip = parsed.address.to_string();
            let separated = if ip.contains(':') { format!("[{ip}]") } else { ip };
            let is_it = relayed.contains(format!("{separated}:{}", parsed.port).as_str());
            record.file.peers.iter().position(|it| is_it && it.name == *peer)
        }
        _ => None,
    })
}
