//! The DTLS states of each peer, the roles, and the handshake as it was on the wire.
//!
//! Depends on timing, and is therefore left out or drawn together:
//! - retransmissions: a message counts once, by its `message_seq`; so does a fragmented one;
//! - of transports only which states there were, in the standard's order (without BUNDLE there are several);
//! - `closed`, and alerts at level warning (`close_notify`): whether the other's end is still seen is chance;
//! - encrypted records of DTLS 1.3: what is in them is unknown.

use super::ice::{arrows, events};
use super::{Played, Sent};
use crate::event::{ConnectionState, DtlsState, PeerEvent, SdpType};
use crate::observe::Unit;
use crate::timeline::{Answer, Entry, What};
use crate::wire::dtls::Version;
use crate::wire::dtls::alert::Level;
use std::collections::BTreeSet;
use std::fmt::Write;

const CONNECTED: PeerEvent = PeerEvent::ConnectionStateChange { state: ConnectionState::Connected };

/// The text of `[dtls]`.
pub(super) fn section(played: &Played<'_>) -> String {
    let mut text = String::new();
    for peer in played.peers {
        let mut states = BTreeSet::from([DtlsState::New]);
        for event in events(played, peer) {
            if let PeerEvent::DtlsStateChange { state, .. } = event
                && *state != DtlsState::Closed
            {
                states.insert(*state);
            }
        }
        // A connected connection has connected transports (webrtc-pc §4.3.3), though the case may end before they say so.
        if events(played, peer).any(|event| *event == CONNECTED) && !states.contains(&DtlsState::Failed) {
            states.extend([DtlsState::Connecting, DtlsState::Connected]);
        }
        let _ = writeln!(text, "{peer}");
        let _ = writeln!(text, "  dtls: {}", arrows(&states));
        if let Some(role) = role(played, peer) {
            let _ = writeln!(text, "  role: {role}");
        }
    }
    text.push_str("handshake\n");
    match played.sent {
        Some(sent) => handshake(sent, &mut text),
        None => text.push_str("  no packets were seen\n"),
    }
    text
}

/// Client or server by the last answer's `a=setup` (RFC 8842 §5.3): who answers `active` is the client.
fn role(played: &Played<'_>, peer: &str) -> Option<&'static str> {
    let (owner, setup) = played.timeline.iter().rev().find_map(|entry| answer(entry))?;
    match (owner == peer, setup) {
        (true, "active") | (false, "passive") => Some("client"),
        (true, "passive") | (false, "active") => Some("server"),
        _ => None,
    }
}

/// The peer that gave an answer, and its `a=setup`.
fn answer(entry: &Entry) -> Option<(&str, &str)> {
    let (owner, sdp) = match &entry.what {
        What::Carried { from, sent, .. } if sent.kind == SdpType::Answer => (from, sent.sdp.as_str()),
        What::Answer { peer, answer: Answer::Ok(value), .. } => {
            let is_answer = value.get("type").and_then(|kind| kind.as_str()) == Some("answer");
            (peer, is_answer.then(|| value.get("sdp")?.as_str()).flatten()?)
        }
        What::Event {
            peer,
            event: PeerEvent::Acted { operation, description: Some(description), .. },
            ..
        } if operation == "setLocalDescription" && description.kind == SdpType::Answer => {
            (peer, description.sdp.as_str())
        }
        _ => return None,
    };
    let setup = sdp.lines().find_map(|line| line.trim_end().strip_prefix("a=setup:"))?;
    Some((owner, setup))
}

/// The messages in clear, flight by flight.
fn handshake(sent: &[Sent<'_>], text: &mut String) {
    let mut seen: BTreeSet<(&str, String)> = BTreeSet::new();
    let mut flights: Vec<(&str, &str, Vec<String>)> = Vec::new();
    let mut version = None;
    for &Sent { from, to, unit } in sent {
        let name = unit.name().into_owned();
        let (key, name) = match unit {
            Unit::Handshake { seq, version: chosen, .. } => {
                version = version.or(chosen);
                (format!("message {seq}"), name)
            }
            Unit::ChangeCipherSpec | Unit::EncryptedHandshake => (name.clone(), name),
            Unit::Alert { level: Some(Level::Fatal), description } => {
                let description = description.map_or_else(String::new, |it| format!(" {}", it.raw()));
                (name, format!("fatal alert{description}"))
            }
            _ => continue,
        };
        if !seen.insert((from, key)) {
            continue;
        }
        match flights.last_mut() {
            Some((last, _, names)) if *last == from => names.push(name),
            _ => flights.push((from, to, vec![name])),
        }
    }
    for (from, to, names) in &flights {
        let _ = writeln!(text, "  {from} → {to}: {}", names.join(" "));
    }
    let version = match version {
        Some(Version::Dtls13) => "DTLS 1.3, the rest is encrypted".to_owned(),
        Some(Version::Dtls12) => "DTLS 1.2".to_owned(),
        Some(Version::Dtls10) => "DTLS 1.0".to_owned(),
        Some(other) => format!("version 0x{:04x}", other.raw()),
        None => "none was agreed".to_owned(),
    };
    let _ = writeln!(text, "  version: {version}");
}
