//! States: each transition is one that the W3C's state machines have, is reported once, and comes after the packets that it needs.

mod commands;
mod machines;
mod order;
mod packets;
mod parts;
#[cfg(test)]
mod tests;
mod works;

use super::observed::against;
use super::{Claim, Contradiction, Session};
use crate::case_file::Runs;
use crate::verdict::Layer;
use machines::{Machine, Reports, wrong};

pub(super) const CLAIMS: &[Claim] = &[
    Claim::checked(
        "event/negotiationneeded",
        Layer::Signalling,
        "the commands that make a negotiation necessary: there is one just before it, and the first one is followed by it",
    ),
    Claim::checked(
        "event/signalingstatechange.state",
        Layer::Sdp,
        "the descriptions that were set, and their answers, which it follows at once; the state before (signaling-state-transitions)",
    ),
    Claim::checked(
        "event/icegatheringstatechange.state",
        Layer::Gathering,
        "the state before, the local description, and the candidates that were reported (gathering-state-sequence, gathering-end-signals)",
    ),
    Claim::checked(
        "event/iceconnectionstatechange.state",
        Layer::Checks,
        "the state before, the descriptions, the checks and their answers on the wire, and the states that follow from it",
    ),
    Claim::checked(
        "event/icetransportstatechange.state",
        Layer::Checks,
        "the state before, iceConnectionState, and the state of DTLS above it (ice-connection-state-derivation)",
    ),
    Claim::checked(
        "event/dtlsstatechange.state",
        Layer::Dtls,
        "the handshake and the protected packets on the wire, and connectionState (dtls-transport-state-connected-after-verification)",
    ),
    Claim::unchecked(
        "event/dtlsstatechange.reason",
        Layer::Dtls,
        "it is in the implementation's own words, which no document defines",
    ),
    Claim::checked(
        "event/connectionstatechange.state",
        Layer::Dtls,
        "the states of ICE and DTLS of which it is made (connection-state-requires-dtls, pc-connected-only-when-dtls-connected)",
    ),
    Claim::checked(
        "event/sctpstatechange.state",
        Layer::Sctp,
        "the association on the wire, and the channels that are open (sctp-transport-state-follows-association)",
    ),
    Claim::checked(
        "event/acted.operation",
        Layer::Signalling,
        "signalingState, which follows the operations (signaling-state-transitions), the operations that each needs before it, and what the signalling server carried",
    ),
    Claim::checked(
        "event/acted.description",
        Layer::Sdp,
        "the requirements on descriptions, and the wire that follows from them",
    ),
    Claim::checked("event/acted.error", Layer::Signalling, "the step that fails by it, and signalingState"),
    Claim::unchecked(
        "event/log.level",
        Layer::Signalling,
        "it is an opinion of the implementation, and decides nothing",
    ),
    Claim::unchecked(
        "event/log.message",
        Layer::Signalling,
        "it is in the implementation's own words, and decides nothing",
    ),
    Claim::unchecked("event/lost.reason", Layer::Signalling, "the harness reports it, and no peer"),
];

/// The claim of `signalingState`.
pub(super) const SIGNALING: (&str, Layer) = Machine::Signaling.claim();

pub(super) fn check(session: &Session<'_>, found: &mut Vec<Contradiction>) {
    for (peer, view) in session.peers() {
        if !session.has_one_connection(&peer.name) {
            continue;
        }
        let reports = Reports::of(session, &peer.name);
        let is_complete = session.reports_all(peer);
        let descriptions = view.local.iter().chain(&view.remote);
        let sections = descriptions.map(|at| sections(&at.is.sdp)).max().unwrap_or(0);
        for machine in Machine::ALL {
            for wrong in wrong(&reports, machine, peer, is_complete, sections > 1) {
                // Each description that is set may begin another gathering, of which the beginning may not show, but in a browser.
                let shows_all = peer.runs == Runs::Driven && is_complete;
                let again = |before: &machines::Reported| {
                    !shows_all && commands::was_described(session, peer, before.n, wrong.at.n)
                };
                if machine == Machine::Gathering && wrong.before.as_ref().is_some_and(again) {
                    continue;
                }
                let claimed = format!("{} reports that {machine} became {}", peer.name, wrong.at.state);
                let evidence = std::iter::once(wrong.at.place()).chain(wrong.before.map(|it| it.place()));
                let (peer, t_us) = (&peer.name, wrong.at.t_us);
                found.push(against(peer, machine.claim(), t_us, claimed, wrong.seen, evidence));
            }
        }
        commands::check(session, peer, &reports, found);
        order::check(session, peer, &reports, found);
        if !peer.is_translated() {
            parts::check(session, peer, &reports, sections > 1, found);
        }
        works::check(session, peer, &reports, sections > 1, found);
        packets::check(session, peer, &reports, sections > 1, found);
    }
}

/// How many media sections a description has.
fn sections(sdp: &str) -> usize {
    sdp.lines().filter(|line| line.starts_with("m=")).count()
}
