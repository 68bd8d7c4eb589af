//! The ICE states of each peer, and the types of its candidates.
//!
//! Depends on timing, and is therefore left out or drawn together:
//! - `completed` is shown as `connected`: it comes once all checks are done, perhaps after the case has ended;
//! - a way out of `connected` and back to it (`disconnected`, `checking`, `connecting` in between) is left out: a late answer
//!   to a consent check makes one, and whether a restart shows is up to chance. A restart is seen in `[sdp]`;
//! - `complete` of gathering, and the end of candidates: a case may end before;
//! - TCP candidates: browsers gather them after those of UDP, by when a short case has ended;
//! - order and number of candidates: the types are a sorted set, without addresses, ports, priorities and foundations;
//! - of transports only which states there were, in the standard's order: without BUNDLE there are several, and they
//!   change state in any order;
//! - the selected pair: with trickled candidates the same candidate is `prflx` or `host`, whichever was first.

use super::Played;
use crate::event::{ConnectionState, IceGatheringState, IceState, PeerEvent};
use crate::timeline::What;
use std::collections::BTreeSet;
use std::fmt::{Display, Write};

/// The text of `[ice]`.
pub(super) fn section(played: &Played<'_>) -> String {
    let mut text = String::new();
    for peer in played.peers {
        let mut connection = vec![ConnectionState::New];
        let mut ice = vec![IceState::New];
        let mut transport = BTreeSet::from([IceState::New]);
        let mut gathered = false;
        let mut candidates = BTreeSet::new();
        for event in events(played, peer) {
            match event {
                PeerEvent::ConnectionStateChange { state } => connection.push(*state),
                PeerEvent::IceConnectionStateChange { state } => ice.push(up(*state)),
                PeerEvent::IceTransportStateChange { state } => {
                    transport.insert(up(*state));
                }
                PeerEvent::IceGatheringStateChange { state } => gathered |= *state != IceGatheringState::New,
                PeerEvent::IceCandidate { candidate: Some(candidate) } if !candidate.candidate.is_empty() => {
                    candidates.extend(kind(&candidate.candidate));
                }
                _ => {}
            }
        }
        // A passing failure of one transport is left out, like that of the whole.
        transport.remove(&IceState::Disconnected);
        // The standard has no event for the way there that is sure to be seen: on one machine checks end before it fires.
        if transport.contains(&IceState::Connected) {
            transport.remove(&IceState::Checking);
        }
        let _ = writeln!(text, "{peer}");
        let _ = writeln!(text, "  connection: {}", arrows(&settled(&connection, ConnectionState::Connected)));
        let _ = writeln!(text, "  ice connection: {}", arrows(&settled(&ice, IceState::Connected)));
        let _ = writeln!(text, "  ice transport: {}", arrows(&transport));
        let _ = writeln!(text, "  gathering: {}", if gathered { "new → gathering" } else { "new" });
        let types: Vec<String> = candidates.into_iter().collect();
        let types = if types.is_empty() { "none".to_owned() } else { types.join(", ") };
        let _ = writeln!(text, "  candidates: {types}");
    }
    text
}

/// The events of a peer.
pub(super) fn events<'a>(played: &Played<'a>, of: &'a str) -> impl Iterator<Item = &'a PeerEvent> {
    played.timeline.iter().filter_map(move |entry| match &entry.what {
        What::Event { peer, event, .. } if peer == of => Some(event),
        _ => None,
    })
}

fn up(state: IceState) -> IceState {
    if state == IceState::Completed { IceState::Connected } else { state }
}

/// Without repetitions, and without ways out of `connected` that lead back to it.
fn settled<S: Copy + PartialEq>(states: &[S], connected: S) -> Vec<S> {
    let mut kept: Vec<S> = Vec::new();
    for &state in states {
        if state == connected
            && let Some(first) = kept.iter().position(|kept| *kept == connected)
        {
            kept.truncate(first);
        }
        if kept.last() != Some(&state) {
            kept.push(state);
        }
    }
    kept
}

/// States with arrows between them.
pub(super) fn arrows<'a, S: Display + 'a>(states: impl IntoIterator<Item = &'a S>) -> String {
    states.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(" → ")
}

/// What a UDP candidate is, apart from its address: `host udp`, `host udp .local`, `srflx udp`.
fn kind(candidate: &str) -> Option<String> {
    let words: Vec<&str> = candidate.split_ascii_whitespace().collect();
    let after = |word: &str| {
        let at = words.iter().position(|w| *w == word)?;
        words.get(at + 1).copied()
    };
    if !words.get(2)?.eq_ignore_ascii_case("udp") {
        return None;
    }
    let mut kind = format!("{} udp", after("typ")?);
    if words.get(4)?.ends_with(".local") {
        kind.push_str(" .local");
    }
    Some(kind)
}
