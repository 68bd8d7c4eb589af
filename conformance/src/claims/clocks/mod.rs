//! Clocks: the times of a peer's events fit the commands that it was given, and those of the other peer.
//!
//! Offset and error of a peer's clock are estimated from every message (an answer comes after its command, an event before it is
//! heard), and the recording contains what came of it: [`What::PeerClock`], and [`Note::ClockContradicts`] where no clock fits. What
//! remains to be looked at is whether the placed events come after what they follow from.

use super::{Claim, Contradiction, Fault, Session};
use crate::api::PeerView;
use crate::case_file::{CasePeer, Runs};
use crate::verdict::{Layer, Place};
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::{Entry, Note, What};

pub(super) const CLAIMS: &[Claim] = &[
    Claim::checked(
        "clock/offset",
        Layer::PeerProtocol,
        "commands and answers: one offset fits all of them, and no event is before the command that it follows from",
    ),
    Claim::checked(
        "clock/drift",
        Layer::PeerProtocol,
        "the clock of the case: no quartz is off by more than 500 parts per million",
    ),
    Claim::checked(
        "clock/answer",
        Layer::PeerProtocol,
        "the command that it answers, and the moment at which it was heard: its time is between them",
    ),
];

/// Microseconds by which the times of a peer may contradict one another: some clocks step by that much on purpose.
const STEP_US: u64 = 5_000;
/// Microseconds by which an event may be before its cause beyond the error of the clock.
const EARLY_US: u64 = 5_000;
/// Most parts per million by which a clock runs faster or slower.
const MOST_DRIFT_PPM: f64 = 501.0;

pub(super) fn check(session: &Session<'_>, found: &mut Vec<Contradiction>) {
    for (peer, view) in session.peers() {
        estimated(session, peer, found);
        early(session, peer, view, found);
    }
}

/// What the estimate says.
fn estimated(session: &Session<'_>, peer: &CasePeer, found: &mut Vec<Contradiction>) {
    let name = &peer.name;
    let mut add = |claim, entry: &Entry, claimed: String, seen: String| {
        found.push(Contradiction {
            claim,
            layer: Layer::PeerProtocol,
            fault: Fault::Peer(name.clone()),
            // All its times are in doubt, from the first on.
            t_us: session.events(name).next().map_or(entry.t_us, |(first, _)| first.t_us.min(entry.t_us)),
            claimed,
            seen,
            evidence: vec![Place::Entry(entry.n)],
            is_less: false,
        });
    };
    for entry in &session.record.timeline {
        match &entry.what {
            What::Note(Note::ClockContradicts { peer, by_us }) if peer == name && *by_us > STEP_US => {
                let claimed = format!("the times in {name}'s messages should be those of one clock");
                let seen = format!("no offset and no drift fits them by {} ms", by_us / 1000);
                add("clock/offset", entry, claimed, seen);
            }
            What::Note(Note::ClockUnknown { peer: of }) if of == name && peer.runs == Runs::Driven => {
                let claimed = format!("the answers of {name} should have times");
                add("clock/answer", entry, claimed, "they have none".to_owned());
            }
            What::PeerClock { peer, drift_ppm, .. } if peer == name && drift_ppm.abs() > MOST_DRIFT_PPM => {
                let claimed = format!("the clock of {name} should run as clocks do");
                add("clock/drift", entry, claimed, format!("it drifts by {drift_ppm} parts per million"));
            }
            _ => {}
        }
    }
}

/// Whether an event of a peer follows from a command, from which ones, and to which peer.
fn causes<'a>(
    session: &Session<'a>,
    name: &'a str,
    event: &PeerEvent,
) -> Option<(&'a str, &'static [&'static str])> {
    let other = session.record.other(name);
    Some(match event {
        PeerEvent::SignalingStateChange { .. } => {
            (name, &["setLocalDescription", "setRemoteDescription", "close"])
        }
        PeerEvent::Track { .. } => (name, &["setRemoteDescription"]),
        PeerEvent::MediaSeen { .. } => (name, &["watch"]),
        PeerEvent::DtlsStateChange { .. } | PeerEvent::IceConnectionStateChange { .. } => {
            (name, &["setRemoteDescription", "setLocalDescription", "close"])
        }
        PeerEvent::DataChannel { .. } => (other?, &["createDataChannel"]),
        PeerEvent::Log { .. } | PeerEvent::Lost { .. } => return None,
        _ => (name, &["createPeerConnection"]),
    })
}

/// Events that were placed before the first command from which they can follow, although they were heard after it.
fn early(session: &Session<'_>, peer: &CasePeer, view: &PeerView, found: &mut Vec<Contradiction>) {
    let tolerated = session.clock_error(&peer.name).saturating_add(EARLY_US);
    // Peers that negotiate by themselves get no other command.
    let alone = session.peers().any(|(peer, _)| session.asked(&peer.name).iter().any(|it| it.name == "join"));
    if alone || view.lost.is_some() {
        return;
    }
    let mut of: Vec<(&str, Vec<(&str, &Entry)>)> = Vec::new();
    for (peer, _) in session.peers() {
        let commands = session.asked(&peer.name).into_iter().map(|asked| (asked.name, asked.entry)).collect();
        of.push((&peer.name, commands));
    }
    for (entry, event) in session.events(&peer.name) {
        let Some((whose, names)) = causes(session, &peer.name, event) else { continue };
        let commands = of.iter().find(|(name, _)| *name == whose).map(|(_, commands)| commands);
        // Behind an adapter a description may be set as soon as it is created.
        let creates = |name: &str| {
            peer.is_translated()
                && names.contains(&"setLocalDescription")
                && matches!(name, "createOffer" | "createAnswer")
        };
        let is_cause = |name: &str| names.contains(&name) || creates(name);
        let first = commands.and_then(|all| all.iter().find(|(name, _)| is_cause(name)));
        let Some((command, cause)) = first else { continue };
        if cause.n < entry.n && entry.t_us.saturating_add(tolerated) < cause.t_us {
            let early = (cause.t_us - entry.t_us) / 1000;
            found.push(Contradiction {
                claim: "clock/offset",
                layer: Layer::PeerProtocol,
                fault: Fault::Peer(peer.name.clone()),
                t_us: entry.t_us,
                claimed: format!("{} reports an event at {} ms", peer.name, entry.t_us / 1000),
                seen: format!(
                    "the command {command} of {whose} from which it follows was given {early} ms later"
                ),
                evidence: vec![Place::Entry(entry.n), Place::Entry(cause.n)],
                is_less: false,
            });
            return;
        }
    }
}

#[cfg(test)]
mod tests;
