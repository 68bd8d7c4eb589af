//! Answers: what was answered with success shows its effect in the next description, on the wire or in the state.

mod channels;
mod claims;
mod closing;
mod described;
mod form;
mod gathering;
mod listed;
mod media;
mod state;
mod transceivers;

pub(super) use channels::length as message_length;
pub(super) use claims::CLAIMS;
pub(super) use described::bound;

use super::session::Asked;
use super::{Contradiction, Fault, Session};
use crate::verdict::{Layer, Place};
use peerproof_captures::timeline::Answer;
use serde_json::Value;

pub(super) fn check(session: &Session<'_>, found: &mut Vec<Contradiction>) {
    for (peer, _) in session.peers() {
        form::check(session, &peer.name, found);
        let asked = session.asked(&peer.name);
        // A peer that negotiates by itself gets none of the commands below.
        if asked.iter().any(|asked| asked.name == "join") {
            continue;
        }
        described::check(session, peer, &asked, found);
        state::check(session, peer, &asked, found);
        channels::check(session, peer, &asked, found);
        transceivers::check(session, peer, &asked, found);
        listed::check(session, peer, &asked, found);
        media::check(session, peer, &asked, found);
        gathering::check(session, peer, &asked, found);
        closing::check(session, peer, &asked, found);
    }
}

/// The value of an answer with success, with the number and time of its entry.
fn succeeded<'a>(asked: &Asked<'a>) -> Option<(u64, u64, &'a Value)> {
    match asked.answer {
        Some((entry, Answer::Ok(value))) => Some((entry.n, entry.t_us, value)),
        _ => None,
    }
}

/// The commands of a name that succeeded, in order: command, number and time of the answer, its value.
fn done<'a, 'b>(
    asked: &'b [Asked<'a>],
    name: &'static str,
) -> impl Iterator<Item = (&'b Asked<'a>, u64, u64, &'a Value)> {
    asked.iter().filter(move |asked| asked.name == name).filter_map(|asked| {
        let (n, t_us, value) = succeeded(asked)?;
        Some((asked, n, t_us, value))
    })
}

/// A peer's answer without its effect.
fn without_effect(
    claim: &'static str,
    layer: Layer,
    name: &str,
    t_us: u64,
    claimed: String,
    seen: String,
    evidence: Vec<Place>,
) -> Contradiction {
    let claimed = format!("{name} answered {claimed}");
    Contradiction {
        claim,
        layer,
        fault: Fault::Peer(name.to_owned()),
        t_us,
        claimed,
        seen,
        evidence,
        is_less: false,
    }
}

#[cfg(test)]
mod tests;
